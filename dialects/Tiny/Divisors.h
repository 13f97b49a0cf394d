// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the verifiers of ops with maps and masks ask of them beyond their ranks.

#ifndef TINYC_DIALECTS_TINY_DIVISORS_H
#define TINYC_DIALECTS_TINY_DIVISORS_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/Operation.h"

namespace tinyc::tiny {

/// Success if every `mod`, `floordiv` and `ceildiv` in the map, and in the mask if there is one, divides by a positive
/// constant; else an error at `op`. MLIR itself takes `d0 mod 0`.
mlir::LogicalResult verifyDivisors(mlir::Operation *op, mlir::AffineMap map, mlir::IntegerSet mask = {});

} // namespace tinyc::tiny

#endif // TINYC_DIALECTS_TINY_DIVISORS_H
