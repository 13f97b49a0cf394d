// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that follow each other as one kernel.

#ifndef TINYC_PASSES_2_FUSE_JOINKERNELS_H
#define TINYC_PASSES_2_FUSE_JOINKERNELS_H

#include "dialects/Tiny/TinyOps.h"

namespace tinyc {

/// The kernel whose only result is `input`, which nothing else reads; null for any other value. What stands outside of
/// a loop does not count: it would be computed again in each of its trips.
tiny::KernelOp onlyProducer(mlir::Value input);

/// A kernel with the stages of all `kernels`, before the last one, whose results it has. The kernels stay: the caller
/// erases them, or the joined one. `shared` of its dimensions are cut; the last kernel's number is appended to `name`.
tiny::KernelOp joinKernels(llvm::ArrayRef<tiny::KernelOp> kernels, int64_t shared, llvm::StringRef name);

/// "conv_relu_3" without its number.
llvm::StringRef nameWithoutNumber(llvm::StringRef name);

} // namespace tinyc

#endif // TINYC_PASSES_2_FUSE_JOINKERNELS_H
