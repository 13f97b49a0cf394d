// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The exact remainder of two f32 (C's fmod), by long division in f64, 29 bits of the quotient a step.

#include "passes/6-lower/ElementaryFunctions.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace tinyc;
using FCmp = arith::CmpFPredicate;

Value tinyc::expandMod(Formula &a, Value x, Value y) {
  Type type = x.getType();
  if (Formula::width(type) != 32)
    return {};
  Type f64 = a.floats(type, 64);
  Value divisor = a.convert<arith::ExtFOp>(f64, a.absf(y));
  Value rest = a.convert<arith::ExtFOp>(f64, a.absf(x));
  Value zero = a.real(f64, 0.0);
  // The quotient has at most 277 bits. In each step rest < 2^29 step, so the partial quotient has at most 29 bits and
  // its product with the divisor's 24 is exact; one that was rounded up is one step too large.
  for (int k = 9; k >= 0; --k) {
    Value step = k ? a.mulf(divisor, a.real(f64, std::ldexp(1.0, 29 * k))) : divisor;
    Value quotient = a.truncate(a.divf(rest, step));
    rest = a.subf(rest, a.mulf(quotient, step));
    rest = a.select(a.cmpf(FCmp::OLT, rest, zero), a.addf(rest, step), rest);
  }
  Value result = a.convert<arith::TruncFOp>(type, rest);
  // An infinite divisor leaves x. By zero, or of infinity, there is no remainder: inf - inf and 0 / 0 above gave NaN,
  // but not for every order of special values.
  Value infinity = a.real(type, std::numeric_limits<double>::infinity());
  result = a.select(a.cmpf(FCmp::OEQ, a.absf(y), infinity), a.absf(x), result);
  Value isDefined = a.andi(a.cmpf(FCmp::OLT, a.absf(x), infinity), a.cmpf(FCmp::ONE, y, a.real(type, 0.0)));
  Value nan = a.real(type, std::numeric_limits<double>::quiet_NaN());
  return a.select(isDefined, a.copySign(result, x), nan);
}
