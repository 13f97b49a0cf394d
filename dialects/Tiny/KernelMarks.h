// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names of the attributes that passes leave on kernels, launches and buffers for the passes behind them.

#ifndef TINYC_DIALECTS_TINY_KERNELMARKS_H
#define TINYC_DIALECTS_TINY_KERNELMARKS_H

#include "llvm/ADT/StringRef.h"

namespace tinyc::tiny {

/// Of kernels and launches that depend on weights and constants only, and run when the model is loaded: a string, the
/// hash of what their results follow from.
constexpr llvm::StringLiteral kInitAttr = "tiny.init";

/// A unit attribute of a tiled kernel's memref that is an input and a result: each point is read, if at all, before
/// that point is written, by the same unit, but perhaps by another lane. On a gpu.barrier: it orders accesses to such
/// buffers too; others order shared memory only, and accesses to global memory may stay under way across them.
constexpr llvm::StringLiteral kInPlaceAttr = "tiny.in_place";

/// Name of the unit attribute of a tiled kernel whose coordinates, or positions in its buffers, do not fit 32 bits with
/// a sign. What lowers kernels counts in 32 bits elsewhere.
constexpr llvm::StringLiteral kWideIndexAttr = "tiny.wide_index";

} // namespace tinyc::tiny

#endif // TINYC_DIALECTS_TINY_KERNELMARKS_H
