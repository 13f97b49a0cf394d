// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementary functions that are compositions of tiny ops: each within 4 ulp for f32 (and for f64), over all inputs,
// whatever the target. f16, bf16 and the 8-bit floats are computed in f32 and rounded once.
//
// As everywhere in tinyc::compose, a null operand gives a null result, and an operand that is no float an error.

#ifndef TINYC_LIB_BUILDERS_ELEMENTARY_H
#define TINYC_LIB_BUILDERS_ELEMENTARY_H

#include "lib/Builders/Elementwise.h"

namespace tinyc::compose {

/// Hyperbolic tangent: one exp, one division, a polynomial of five terms.
mlir::Value tanh(Builder &b, mlir::Value x);
/// The error function: one exp, two polynomials of seven terms.
mlir::Value erf(Builder &b, mlir::Value x);
/// 1 / (1 + exp(-x)), without overflow inside and with its full range of denormals: one exp, one division.
mlir::Value sigmoid(Builder &b, mlir::Value x);
/// Cosine, through two sines: relative precision holds next to its zeros too, but not for |x| of half the largest
/// number and more, where the error is at most 4 ulp of 1.
mlir::Value cos(Builder &b, mlir::Value x);

/// Arcus tangent: two divisions, a polynomial.
mlir::Value atan(Builder &b, mlir::Value x);
/// Arcus sine and cosine: a square root, a polynomial. NaN outside of -1 .. 1.
mlir::Value asin(Builder &b, mlir::Value x);
mlir::Value acos(Builder &b, mlir::Value x);
/// Hyperbolic sine and cosine: one exp, one division (and for the sine a polynomial next to 0).
mlir::Value sinh(Builder &b, mlir::Value x);
mlir::Value cosh(Builder &b, mlir::Value x);
/// log(1 + x) without loss where x is small: one log, one division.
mlir::Value log1p(Builder &b, mlir::Value x);
/// Their inverses: one log1p. acosh is NaN below 1, atanh outside of -1 .. 1.
mlir::Value asinh(Builder &b, mlir::Value x);
mlir::Value acosh(Builder &b, mlir::Value x);
mlir::Value atanh(Builder &b, mlir::Value x);

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_ELEMENTARY_H
