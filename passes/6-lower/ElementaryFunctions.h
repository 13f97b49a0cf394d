// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The elementary functions as formulas of additions, products, fused multiply-adds and integer arithmetic, the same on
// every target, for scalars and vectors. No table in memory, no branch, no call, no fast-math flag; denormals are kept.
//
// Each takes f32, within 2 ulp, or f64, within 2 ulp too; where f64 is not named the result is null for it.

#ifndef TINYC_PASSES_6_LOWER_ELEMENTARYFUNCTIONS_H
#define TINYC_PASSES_6_LOWER_ELEMENTARYFUNCTIONS_H

#include "passes/6-lower/Formula.h"

namespace tinyc {

mlir::Value expandExp(Formula &a, tiny::LogBase base, mlir::Value x);
mlir::Value expandLog(Formula &a, tiny::LogBase base, mlir::Value x);
/// The argument is reduced by 96 bits of 2/pi, for f64 by 192, whatever its size.
mlir::Value expandSin(Formula &a, mlir::Value x);
mlir::Value expandSinF64(Formula &a, mlir::Value x);
/// The exact remainder with the sign of x (C's fmod).
mlir::Value expandMod(Formula &a, mlir::Value x, mlir::Value y);

/// c[0] + c[1] x + c[2] x^2 + .., by Horner's rule with fused multiply-adds.
mlir::Value polynomial(Formula &a, mlir::Value x, llvm::ArrayRef<double> coefficients);

} // namespace tinyc

#endif // TINYC_PASSES_6_LOWER_ELEMENTARYFUNCTIONS_H
