// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hyperbolic functions and inverse functions as compositions. The coefficients are minimax; scripts/minimax.py prints
// them.

#include "lib/Builders/Elementary.h"

#include "lib/Builders/Polynomial.h"

#include <numbers>

using namespace mlir;
using namespace tinyc;

// (atan(x) / x - 1) / x^2 in x^2, |x| <= tan(pi / 8).
static const double kAtan32[] = {-3.33329539e-1, 1.99778669e-1, -1.38791519e-1, 8.05787768e-2};
static const double kAtan64[] = {-3.3333333333333328e-1, 1.999999999999767e-1,   -1.4285714285388133e-1,
                                 1.1111111088184902e-1,  -9.0909081447659561e-2, 7.6922827636623183e-2,
                                 -6.6662268263752505e-2, 5.8770224296709855e-2,  -5.2184081837882762e-2,
                                 4.503563785683221e-2,   -3.3474766659695353e-2, 1.5195443209799879e-2};
// (asin(x) / x - 1) / x^2 in x^2, |x| <= 1/2.
static const double kAsin32[] = {1.66667541e-1, 7.49523266e-2, 4.5478345e-2, 2.4140978e-2, 4.22305675e-2};
static const double kAsin64[] = {
    1.6666666666666763e-1, 7.4999999999700935e-2,  4.4642857175290281e-2, 3.0381942675101262e-2, 2.2372215910360756e-2,
    1.7351595428929475e-2, 1.3981019295403189e-2,  1.1397287490604612e-2, 1.0789349163280876e-2, 3.6720892780165459e-3,
    2.1790859672739571e-2, -2.1116995234225973e-2, 3.2702321213458667e-2};
// (sinh(x) / x - 1) / x^2 in x^2, |x| <= 1.
static const double kSinh32[] = {1.66667182e-1, 8.33021143e-3, 2.03774043e-4};
static const double kSinh64[] = {1.6666666666666667e-1, 8.3333333333331388e-3, 1.9841269841437679e-4,
                                 2.7557319155337364e-6, 2.5052123398484327e-8, 1.6057240346184435e-10,
                                 7.7593120708113656e-13};

static Value number(compose::Builder &b, Value like, double value) { return compose::splat(b, like, value); }

// x (1 + x^2 P(x^2)): a product and not a sum last, so that -0 keeps its sign.
static Value oddSeries(compose::Builder &b, Value x, ArrayRef<double> tail) {
  using namespace compose;
  Value square = mul(b, x, x);
  return mul(b, add(b, mul(b, polynomial(b, square, tail), square), number(b, x, 1)), x);
}

// `magnitude` with the sign of x.
static Value withSign(compose::Builder &b, Value magnitude, Value x) {
  using namespace compose;
  return where(b, less(b, x, number(b, x, 0)), neg(b, magnitude), magnitude);
}

// Sums pi/2 and the like with a small value: what the constant lost when it was rounded is added to that first.
static Value constantPlus(compose::Builder &b, long double constant, bool isDouble, Value x) {
  using namespace compose;
  double high = isDouble ? static_cast<double>(constant) : static_cast<float>(constant);
  return add(b, add(b, x, number(b, x, static_cast<double>(constant - high))), number(b, x, high));
}

constexpr long double kPi = std::numbers::pi_v<long double>;

Value compose::atan(Builder &b, Value x) {
  return inWideType(b, "atan", x, [&](Value x, bool isDouble) {
    // Past tan(3 pi / 8): pi/2 - atan(1 / x); past tan(pi / 8): pi/4 + atan((x - 1) / (x + 1)).
    Value magnitude = abs(b, x), one = number(b, x, 1);
    Value isLarge = less(b, number(b, x, 2.414213562373095), magnitude);
    Value isMiddle = less(b, number(b, x, 0.41421356237309503), magnitude);
    Value above = where(b, isLarge, number(b, x, -1), where(b, isMiddle, sub(b, magnitude, one), magnitude));
    Value below = where(b, isLarge, magnitude, where(b, isMiddle, add(b, magnitude, one), one));
    Value rest = oddSeries(b, div(b, above, below), isDouble ? ArrayRef(kAtan64) : ArrayRef(kAtan32));
    Value large = withSign(b, constantPlus(b, kPi / 2, isDouble, rest), x);
    Value middle = withSign(b, constantPlus(b, kPi / 4, isDouble, rest), x);
    // The small case has its own sign, and keeps that of -0.
    Value small = oddSeries(b, where(b, isMiddle, one, x), isDouble ? ArrayRef(kAtan64) : ArrayRef(kAtan32));
    return where(b, isLarge, large, where(b, isMiddle, middle, small));
  });
}

// asin of sqrt((1 - |x|) / 2), which is half the arcus cosine of |x|.
static Value halfArcusCosine(compose::Builder &b, Value magnitude, bool isDouble) {
  using namespace compose;
  Value half = number(b, magnitude, 0.5);
  Value root = compose::sqrt(b, mul(b, sub(b, number(b, magnitude, 1), magnitude), half));
  return oddSeries(b, root, isDouble ? ArrayRef(kAsin64) : ArrayRef(kAsin32));
}

Value compose::asin(Builder &b, Value x) {
  return inWideType(b, "asin", x, [&](Value x, bool isDouble) {
    Value magnitude = abs(b, x), half = number(b, x, 0.5);
    Value small = oddSeries(b, x, isDouble ? ArrayRef(kAsin64) : ArrayRef(kAsin32));
    Value rest = halfArcusCosine(b, magnitude, isDouble);
    Value large = constantPlus(b, kPi / 2, isDouble, neg(b, add(b, rest, rest)));
    return where(b, less(b, half, magnitude), withSign(b, large, x), small);
  });
}

Value compose::acos(Builder &b, Value x) {
  return inWideType(b, "acos", x, [&](Value x, bool isDouble) {
    Value magnitude = abs(b, x), half = number(b, x, 0.5), zero = number(b, x, 0);
    Value series = oddSeries(b, x, isDouble ? ArrayRef(kAsin64) : ArrayRef(kAsin32));
    Value small = constantPlus(b, kPi / 2, isDouble, neg(b, series));
    Value rest = halfArcusCosine(b, magnitude, isDouble), twice = add(b, rest, rest);
    Value large = where(b, less(b, x, zero), constantPlus(b, kPi, isDouble, neg(b, twice)), twice);
    return where(b, less(b, half, magnitude), large, small);
  });
}

// (e^|x|, e^-|x|) / 2. Where the exponential alone overflows, as the product of two halves of it.
static std::pair<Value, Value> halfPowers(compose::Builder &b, Value magnitude, bool isDouble) {
  using namespace compose;
  Value half = number(b, magnitude, 0.5);
  Value isLarge = less(b, number(b, magnitude, isDouble ? 700.0 : 88.0), magnitude);
  Value power = exp(b, where(b, isLarge, mul(b, magnitude, half), magnitude));
  Value grows = mul(b, power, half);
  return {where(b, isLarge, mul(b, grows, power), grows), div(b, half, power)};
}

Value compose::sinh(Builder &b, Value x) {
  return inWideType(b, "sinh", x, [&](Value x, bool isDouble) {
    Value magnitude = abs(b, x);
    auto [grows, falls] = halfPowers(b, magnitude, isDouble);
    Value small = oddSeries(b, x, isDouble ? ArrayRef(kSinh64) : ArrayRef(kSinh32));
    return where(b, less(b, magnitude, number(b, x, 1)), small, withSign(b, sub(b, grows, falls), x));
  });
}

Value compose::cosh(Builder &b, Value x) {
  return inWideType(b, "cosh", x, [&](Value x, bool isDouble) {
    auto [grows, falls] = halfPowers(b, abs(b, x), isDouble);
    return add(b, grows, falls);
  });
}

Value compose::log1p(Builder &b, Value x) {
  return inWideType(b, "log1p", x, [&](Value x, bool) {
    // What 1 + x lost by rounding is the same share of its logarithm (Kahan).
    Value one = number(b, x, 1);
    Value sum = add(b, one, x), kept = sub(b, sum, one), logarithm = log(b, sum);
    Value corrected = mul(b, logarithm, div(b, x, where(b, equal(b, sum, one), one, kept)));
    Value inexact = where(b, equal(b, sum, one), x, corrected);
    return where(b, equal(b, kept, x), logarithm, inexact);
  });
}

Value compose::asinh(Builder &b, Value x) {
  return inWideType(b, "asinh", x, [&](Value x, bool isDouble) {
    Value magnitude = abs(b, x), one = number(b, x, 1);
    // Where 1 is nothing beside x^2: log(2x). Below, log1p(x + x^2 / (1 + sqrt(1 + x^2))).
    double limit = isDouble ? 0x1p28 : 0x1p13;
    Value isLarge = less(b, number(b, x, limit), magnitude);
    Value inside = where(b, isLarge, one, magnitude), square = mul(b, inside, inside);
    Value rest = div(b, square, add(b, one, compose::sqrt(b, add(b, one, square))));
    Value large = add(b, log(b, magnitude), number(b, x, std::numbers::ln2));
    Value usual = where(b, isLarge, large, log1p(b, add(b, inside, rest)));
    return where(b, less(b, magnitude, number(b, x, 1 / limit)), x, withSign(b, usual, x));
  });
}

Value compose::acosh(Builder &b, Value x) {
  return inWideType(b, "acosh", x, [&](Value x, bool isDouble) {
    Value one = number(b, x, 1);
    Value isLarge = less(b, number(b, x, isDouble ? 0x1p28 : 0x1p13), x);
    Value above = sub(b, where(b, isLarge, one, x), one);
    // A product of roots, so that it is NaN below 1.
    Value root = mul(b, compose::sqrt(b, above), compose::sqrt(b, add(b, above, number(b, x, 2))));
    Value large = add(b, log(b, x), number(b, x, std::numbers::ln2));
    return where(b, isLarge, large, log1p(b, add(b, above, root)));
  });
}

Value compose::atanh(Builder &b, Value x) {
  return inWideType(b, "atanh", x, [&](Value x, bool isDouble) {
    Value magnitude = abs(b, x), one = number(b, x, 1);
    Value ratio = div(b, add(b, magnitude, magnitude), sub(b, one, magnitude));
    Value usual = withSign(b, mul(b, log1p(b, ratio), number(b, x, 0.5)), x);
    return where(b, less(b, magnitude, number(b, x, isDouble ? 0x1p-28 : 0x1p-13)), x, usual);
  });
}
