// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How much a kernel moves and computes, as the launch, the profile and the tests count it.
//
// Bytes: every input once and every result once, whole, however often and however little of them is read; but of a
// table of lookups no more than an element for each.
//
// Flops: at each point of a stage's domain one for each arithmetic op of its body (add, mul, div, mod, max, sqrt, sin,
// exp, log, round; on integers too) and one for each sum, prod or max that the point takes part in. Conversions,
// comparisons, selections, bit operations, constants and coordinates count nothing. So an M x N x K matmul is 2*M*N*K.

#ifndef TINYC_PASSES_2_FUSE_KERNELCOST_H
#define TINYC_PASSES_2_FUSE_KERNELCOST_H

#include "dialects/Tiny/TinyOps.h"

namespace tinyc {

int64_t kernelBytes(tiny::KernelOp kernel);
int64_t kernelFlops(tiny::KernelOp kernel);

/// The same count for one op on tensors; 0 for what is not arithmetic. The sum over a function is the unfused count.
int64_t tensorFlops(mlir::Operation *op);

} // namespace tinyc

#endif // TINYC_PASSES_2_FUSE_KERNELCOST_H
