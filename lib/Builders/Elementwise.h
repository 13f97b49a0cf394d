// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compositions that work element by element: what the dialect leaves out because it follows from its ops.
//
// All of tinyc::compose keeps one rule: a builder that cannot build reports an error at the builder's location and
// returns a null Value, and a null operand gives a null result without a further error. So compositions nest, and the
// importer looks once at the end.

#ifndef TINYC_LIB_BUILDERS_ELEMENTWISE_H
#define TINYC_LIB_BUILDERS_ELEMENTWISE_H

#include "dialects/Tiny/TinyOps.h"

#include "mlir/IR/Builders.h"

namespace tinyc::compose {

using Builder = mlir::ImplicitLocOpBuilder;

/// The number `value`, rounded to the element type of `like`, as a scalar or splat of that type. Integers saturate.
mlir::Value splat(Builder &b, mlir::Type like, double value);
/// The integer `value`, wrapped to the element type of `like` (floats: rounded).
mlir::Value splatInteger(Builder &b, mlir::Type like, int64_t value);
/// The same in the type of a value.
inline mlir::Value splat(Builder &b, mlir::Value like, double value) {
  return like ? splat(b, like.getType(), value) : mlir::Value();
}
inline mlir::Value splatInteger(Builder &b, mlir::Value like, int64_t value) {
  return like ? splatInteger(b, like.getType(), value) : mlir::Value();
}

mlir::Value add(Builder &b, mlir::Value x, mlir::Value y);
mlir::Value sub(Builder &b, mlir::Value x, mlir::Value y);
mlir::Value mul(Builder &b, mlir::Value x, mlir::Value y);
mlir::Value div(Builder &b, mlir::Value x, mlir::Value y);
/// Remainder with the sign of the dividend (C), and with the sign of the divisor (Python).
mlir::Value truncMod(Builder &b, mlir::Value x, mlir::Value y);
mlir::Value floorMod(Builder &b, mlir::Value x, mlir::Value y);
/// NaN if either operand is.
mlir::Value max(Builder &b, mlir::Value x, mlir::Value y);
mlir::Value min(Builder &b, mlir::Value x, mlir::Value y);
/// x to the power of y; of two integers by squaring (a negative exponent gives the truncated quotient 1 / x^-y).
mlir::Value pow(Builder &b, mlir::Value x, mlir::Value y);

mlir::Value neg(Builder &b, mlir::Value x);
mlir::Value abs(Builder &b, mlir::Value x);
/// -1, 0 or 1; NaN of NaN.
mlir::Value sign(Builder &b, mlir::Value x);
mlir::Value reciprocal(Builder &b, mlir::Value x);
mlir::Value sqrt(Builder &b, mlir::Value x);
mlir::Value sin(Builder &b, mlir::Value x);
mlir::Value exp(Builder &b, mlir::Value x);
mlir::Value log(Builder &b, mlir::Value x);
/// Integers stay as they are.
mlir::Value round(Builder &b, tiny::RoundMode mode, mlir::Value x);
mlir::Value cast(Builder &b, mlir::Value x, mlir::Type element);

mlir::Value less(Builder &b, mlir::Value x, mlir::Value y);
mlir::Value lessEqual(Builder &b, mlir::Value x, mlir::Value y);
mlir::Value equal(Builder &b, mlir::Value x, mlir::Value y);
/// The complement: of truth values, or of the bits of integers.
mlir::Value invert(Builder &b, mlir::Value x);
mlir::Value bitAnd(Builder &b, mlir::Value x, mlir::Value y);
mlir::Value bitOr(Builder &b, mlir::Value x, mlir::Value y);
mlir::Value bitXor(Builder &b, mlir::Value x, mlir::Value y);
mlir::Value where(Builder &b, mlir::Value condition, mlir::Value onTrue, mlir::Value onFalse);

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_ELEMENTWISE_H
