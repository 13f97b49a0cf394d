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

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_ELEMENTARY_H
