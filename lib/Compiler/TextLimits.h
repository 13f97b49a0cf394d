// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What MLIR's parser, which is recursive and in places quadratic or wrong, must not be given: found by reading the text
// once.

#ifndef TINYC_LIB_COMPILER_TEXTLIMITS_H
#define TINYC_LIB_COMPILER_TEXTLIMITS_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace tinyc {

struct TextLimit {
  unsigned line;
  std::string message;
};

/// The first place of `text` at which it asks for too much: brackets nested too deep, counting those of the aliases
/// that stand in them; aliases of aliases that would be too long if they were written out, as messages do; a row of
/// signs, a number or a list of dimensions that is too long; an array attribute of index, on which the parser crashes.
/// Nothing if there is none. Strings and comments do not count.
std::optional<TextLimit> textBeyondLimits(llvm::StringRef text);

} // namespace tinyc

#endif // TINYC_LIB_COMPILER_TEXTLIMITS_H
