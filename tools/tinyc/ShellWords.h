// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Words of commands and scripts that tinyc prints for a shell to read.

#ifndef TINYC_TOOLS_TINYC_SHELLWORDS_H
#define TINYC_TOOLS_TINYC_SHELLWORDS_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace tinyc {

/// The text in single quotes, in which nothing but a quote means anything.
std::string shellQuoted(llvm::StringRef text);

/// The word as it is where a shell takes it for itself, else in quotes.
std::string shellWord(llvm::StringRef word);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_SHELLWORDS_H
