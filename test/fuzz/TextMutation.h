// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Changes of MLIR's text by its tokens and lines, so that most of it still parses.

#ifndef TINYC_TEST_FUZZ_TEXTMUTATION_H
#define TINYC_TEST_FUZZ_TEXTMUTATION_H

#include "test/fuzz/Fuzz.h"

#include <string_view>

namespace tinyc::fuzz {

/// One change. Tokens of `other`, which may be the text itself, take the place of tokens of the same kind.
std::string mutateText(std::string text, std::string_view other, Choice &choose);

} // namespace tinyc::fuzz

#endif // TINYC_TEST_FUZZ_TEXTMUTATION_H
