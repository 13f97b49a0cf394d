// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The mark of a kernel whose coordinates, or positions in its buffers, do not fit 32 bits with a sign. What lowers
// kernels counts in 32 bits elsewhere.

#ifndef TINYC_DIALECTS_TINY_WIDEINDEXATTR_H
#define TINYC_DIALECTS_TINY_WIDEINDEXATTR_H

#include "llvm/ADT/StringRef.h"

namespace tinyc::tiny {

/// On a kernel's function: a unit attribute.
constexpr llvm::StringLiteral kWideIndexAttr = "tiny.wide_index";

} // namespace tinyc::tiny

#endif // TINYC_DIALECTS_TINY_WIDEINDEXATTR_H
