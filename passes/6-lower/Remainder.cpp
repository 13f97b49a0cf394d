// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The exact remainder (C's fmod) by long division, some bits of the quotient a step: of two f32 in f64, 29 bits each;
// of two f64 by fused multiply-adds, 50 bits each.

#include "passes/6-lower/ElementaryFunctions.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace tinyc;
using FCmp = arith::CmpFPredicate;

// |x| modulo |y| for finite numbers and a divisor that is not 0.
static Value divideF64(Formula &a, Value x, Value y) {
  Type f64 = x.getType();
  Value rest = a.absf(x), divisor = a.absf(y), zero = a.real(f64, 0.0);
  Value infinity = a.real(f64, std::numeric_limits<double>::infinity());
  // The quotient has at most 2098 bits. A step that is finite is a multiple of the divisor, exactly; what is left is a
  // multiple of its last place and less than twice as large, so that the fused difference is exact, even where the
  // partial quotient was rounded up and is one too large.
  constexpr int bits = 50;
  for (int k = 41; k >= 0; --k) {
    Value step = divisor;
    for (int scale = bits * k; scale > 0; scale -= std::min(scale, 1000))
      step = a.mulf(step, a.real(f64, std::ldexp(1.0, std::min(scale, 1000))));
    Value quotient = a.truncate(a.divf(rest, step));
    Value left = a.fma(a.negf(quotient), step, rest);
    left = a.select(a.cmpf(FCmp::OLT, left, zero), a.addf(left, step), left);
    rest = a.select(a.cmpf(FCmp::OLT, step, infinity), left, rest);
  }
  return rest;
}

static Value divideF32(Formula &a, Value x, Value y) {
  Type type = x.getType();
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
  return a.convert<arith::TruncFOp>(type, rest);
}

Value tinyc::expandMod(Formula &a, Value x, Value y) {
  Type type = x.getType();
  Value result = Formula::width(type) == 64 ? divideF64(a, x, y) : divideF32(a, x, y);
  // An infinite divisor leaves x. By zero, or of infinity, there is no remainder: inf - inf and 0 / 0 above gave NaN,
  // but not for every order of special values.
  Value infinity = a.real(type, std::numeric_limits<double>::infinity());
  result = a.select(a.cmpf(FCmp::OEQ, a.absf(y), infinity), a.absf(x), result);
  Value isDefined = a.andi(a.cmpf(FCmp::OLT, a.absf(x), infinity), a.cmpf(FCmp::ONE, y, a.real(type, 0.0)));
  Value nan = a.real(type, std::numeric_limits<double>::quiet_NaN());
  return a.select(isDefined, a.copySign(result, x), nan);
}
