// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The mark of a buffer that a kernel both reads and overwrites.

#ifndef TINYC_DIALECTS_TINY_INPLACEATTR_H
#define TINYC_DIALECTS_TINY_INPLACEATTR_H

#include "llvm/ADT/StringRef.h"

namespace tinyc::tiny {

/// Name of the unit attribute of a tiled kernel's memref that is an input and a result: each point is read, if at all,
/// before that point is written, by the same unit, but perhaps by another lane. On a gpu.barrier: it orders accesses to
/// such buffers too; others order shared memory only, and accesses to global memory may stay under way across them.
constexpr llvm::StringLiteral kInPlaceAttr = "tiny.in_place";

} // namespace tinyc::tiny

#endif // TINYC_DIALECTS_TINY_INPLACEATTR_H
