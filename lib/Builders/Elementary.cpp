// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementary functions as compositions. The coefficients are minimax; scripts/minimax.py prints them.

#include "lib/Builders/Elementary.h"

#include "lib/Builders/Polynomial.h"

using namespace mlir;
using namespace tinyc;

// (tanh(x) / x - 1) / x^2 in x^2, |x| <= 0.625.
static const double kTanh32[] = {-3.33332819e-1, 1.33314422e-1, -5.37397154e-2, 2.0639088e-2, -5.7049875e-3};
static const double kTanh64[] = {-3.3333333333333313e-1, 1.3333333333329743e-1,  -5.3968253966058962e-2,
                                 2.1869488468716614e-2,  -8.8632343125937184e-3, 3.5921139999979189e-3,
                                 -1.4557259487340173e-3, 5.8945180145578417e-4,  -2.3701173650226138e-4,
                                 9.155842204571235e-5,   -3.018723008605371e-5,  6.0424722402333631e-6};
// erf(x) / x - 1 in x^2, |x| <= 1.
static const double kErf32[] = {1.28379166e-1, -3.76126258e-1, 1.12835851e-1, -2.6853812e-2,
                                5.18832778e-3, -8.01019448e-4, 7.8538641e-5};
static const double kErf64[] = {1.2837916709551257e-1,  -3.7612638903183748e-1, 1.1283791670954857e-1,
                                -2.6866170645072895e-2, 5.2239776247808697e-3,  -8.5483269787423397e-4,
                                1.2055331036903344e-4,  -1.492559350695189e-5,  1.6460972817597387e-6,
                                -1.635002522473528e-7,  1.4657879832611155e-8,  -1.1365665845605196e-9,
                                5.9452614378405541e-11};
// -log(1 - erf(x)) in x, from 1 to where erf(x) rounds to 1.
static const double kErfc32[] = {3.41523095e-4, 1.12708919,    6.38144833e-1, 1.03106755e-1,
                                 -2.1838064e-2, 2.94765827e-3, -1.86379186e-4};
static const double kErfc64[] = {
    2.7801909013801088e-8,  1.1283789157317067,     6.3662073409243454e-1,   1.0277081612054233e-1,
    -1.912804582908386e-2,  -2.0230260984486286e-4, 1.6749620216297152e-3,   -5.5235657782002767e-4,
    -2.2012368562700783e-5, 1.1078701164853753e-4,  -6.4763036091429034e-5,  2.4281081652134461e-5,
    -6.7844182879024964e-6, 1.4697734838469725e-6,  -2.4815206641965522e-7,  3.2196584696775437e-8,
    -3.1083754477460909e-9, 2.1054042740882973e-10, -8.9294524911529185e-12, 1.7840121381398562e-13};

Value compose::polynomial(Builder &b, Value x, ArrayRef<double> coefficients) {
  Value sum = splat(b, x, coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = add(b, mul(b, sum, x), splat(b, x, coefficient));
  return sum;
}

Value compose::inWideType(Builder &b, StringRef name, Value x, function_ref<Value(Value x, bool isDouble)> compute) {
  if (!x)
    return {};
  Type element = tiny::elementType(x.getType());
  if (!isa<FloatType>(element)) {
    emitError(b.getLoc()) << name << ": expected a float operand, found " << x.getType();
    return {};
  }
  if (element.isF32() || element.isF64())
    return compute(x, element.isF64());
  return cast(b, compute(cast(b, x, b.getF32Type()), false), element);
}

Value compose::tanh(Builder &b, Value x) {
  return inWideType(b, "tanh", x, [&](Value x, bool isDouble) {
    Type type = x.getType();
    Value one = splat(b, type, 1.0), magnitude = abs(b, x);
    // Small: x (1 + x^2 P(x^2)); what is added to 1 is less than an eighth, and so its error. A product and not a sum
    // last, so that -0 keeps its sign.
    Value square = mul(b, x, x);
    Value tail = polynomial(b, square, isDouble ? ArrayRef(kTanh64) : ArrayRef(kTanh32));
    Value small = mul(b, add(b, mul(b, tail, square), one), x);
    // Large: 1 - 2 / (exp(2|x|) + 1), which is exactly 1 once the exponential overflows.
    Value power = exp(b, add(b, magnitude, magnitude));
    Value large = sub(b, one, div(b, splat(b, type, 2.0), add(b, power, one)));
    Value isNegative = less(b, x, splat(b, type, 0.0));
    Value hasSign = where(b, isNegative, neg(b, large), large);
    return where(b, less(b, magnitude, splat(b, type, 0.625)), small, hasSign);
  });
}

Value compose::erf(Builder &b, Value x) {
  return inWideType(b, "erf", x, [&](Value x, bool isDouble) {
    Type type = x.getType();
    Value one = splat(b, type, 1.0), magnitude = abs(b, x);
    Value ratio = polynomial(b, mul(b, x, x), isDouble ? ArrayRef(kErf64) : ArrayRef(kErf32));
    Value small = add(b, mul(b, ratio, x), x);
    // 1 - exp(-P(|x|)): what is subtracted is below 0.16. Past the limit the result is 1, and the polynomial no longer
    // the function.
    Value limit = splat(b, type, isDouble ? 5.95 : 3.95);
    Value inside = min(b, magnitude, limit);
    Value exponent = polynomial(b, inside, isDouble ? ArrayRef(kErfc64) : ArrayRef(kErfc32));
    Value large = sub(b, one, exp(b, neg(b, exponent)));
    Value isNegative = less(b, x, splat(b, type, 0.0));
    Value hasSign = where(b, isNegative, neg(b, large), large);
    return where(b, less(b, magnitude, one), small, hasSign);
  });
}

Value compose::sigmoid(Builder &b, Value x) {
  return inWideType(b, "sigmoid", x, [&](Value x, bool) {
    Value one = splat(b, x, 1.0);
    Value power = exp(b, neg(b, abs(b, x)));
    Value isNegative = less(b, x, splat(b, x, 0.0));
    return div(b, where(b, isNegative, power, one), add(b, one, power));
  });
}

Value compose::cos(Builder &b, Value x) {
  return inWideType(b, "cos", x, [&](Value x, bool isDouble) {
    // cos(x) = sin(2x) / (2 sin(x)): doubling is exact, and a sine is precise next to its zeros, where the sine of
    // x + pi/2 is not. Where doubling would overflow: 1 - 2 sin(x/2)^2.
    Type type = x.getType();
    Value zero = splat(b, type, 0.0), one = splat(b, type, 1.0), half = splat(b, type, 0.5);
    Value isHuge = invert(b, less(b, abs(b, x), splat(b, type, isDouble ? 0x1p1023 : 0x1p127)));
    Value sine = sin(b, where(b, isHuge, mul(b, x, half), x));
    Value twice = sin(b, where(b, isHuge, zero, add(b, x, x)));
    Value twiceSine = add(b, sine, sine);
    Value huge = sub(b, one, mul(b, twiceSine, sine));
    Value usual = where(b, equal(b, x, zero), one, div(b, twice, twiceSine));
    return where(b, isHuge, huge, usual);
  });
}
