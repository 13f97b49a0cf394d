// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// exp and log to the bases e and 2. scripts/minimax.py prints the coefficients.

#include "passes/6-lower/ElementaryFunctions.h"

#include <bit>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace tinyc;
using tinyc::tiny::LogBase;
using FCmp = arith::CmpFPredicate;
using ICmp = arith::CmpIPredicate;

// (exp(r) - 1 - r) / r^2, |r| <= ln(2) / 2.
static const double kExp32[] = {5.00000003e-1, 1.66665766e-1, 4.16663741e-2, 8.36323508e-3, 1.39412183e-3};
static const double kExp64[] = {5.0e-1,
                                1.6666666666666671e-1,
                                4.1666666666666684e-2,
                                8.3333333333260825e-3,
                                1.3888888888874299e-3,
                                1.9841269875004024e-4,
                                2.480158734758035e-5,
                                2.7557255168067038e-6,
                                2.7557252676885511e-7,
                                2.5105313445461251e-8,
                                2.0921669663623604e-9};
// (2^r - 1) / r, |r| <= 1/2.
static const double kExpTwo32[] = {6.93147188e-1, 2.40226511e-1, 5.55035711e-2,
                                   9.61803077e-3, 1.33908669e-3, 1.54697346e-4};
static const double kExpTwo64[] = {6.9314718055994531e-1, 2.4022650695910071e-1,  5.5504108664821627e-2,
                                   9.6181291076284866e-3, 1.3333558146406469e-3,  1.5403530393354774e-4,
                                   1.5252733841558239e-5, 1.3215486823297246e-6,  1.0178057087037075e-7,
                                   7.0548914674530192e-9, 4.4558180233966918e-10, 2.5737813961245783e-11};
// (log(1 + f) - f + f^2 / 2) / f^3, sqrt(1/2) <= 1 + f <= sqrt(2).
static const double kLog32[] = {3.33333265e-1, -2.50002809e-1, 2.000188e-1,   -1.66434889e-1,
                                1.41902332e-1, -1.29434071e-1, 1.27989328e-1, -8.30546647e-2};
// (log((1 + s) / (1 - s)) / s - 2) / s^2 in s^2, over the same range of (1 + s) / (1 - s).
static const double kLog64[] = {6.6666666666667354e-1, 3.999999999940748e-1,  2.8571428744142949e-1,
                                2.2222198378332106e-1, 1.8183575172398453e-1, 1.531375559584404e-1,
                                1.4799067641005622e-1};

// A constant in two parts of the type's precision.
struct Split {
  double high, low;
};
static constexpr Split kLn2[] = {{0x1.62e43p-1, -0x1.05c61p-29}, {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56}};
static constexpr Split kLog2E[] = {{0x1.715476p+0, 0x1.4ae0cp-26}, {0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56}};

Value tinyc::polynomial(Formula &a, Value x, ArrayRef<double> coefficients) {
  Value sum = a.real(x.getType(), coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = a.fma(sum, x, a.real(x.getType(), coefficient));
  return sum;
}

Value tinyc::expandExp(Formula &a, LogBase base, Value x) {
  Type type = x.getType();
  bool isDouble = Formula::width(type) == 64, isTwo = base == LogBase::Two;
  int mantissa = isDouble ? 52 : 23, bias = isDouble ? 1023 : 127;
  // Beyond these bounds the result is infinity or zero already. NaN is beyond neither.
  double highest = isTwo ? bias + 2 : (isDouble ? 710 : 89),
         lowest = isTwo ? -(bias + mantissa + 1) : (isDouble ? -746 : -104);
  Value high = a.real(type, highest), low = a.real(type, lowest);
  x = a.select(a.cmpf(FCmp::OGT, x, high), high, x);
  x = a.select(a.cmpf(FCmp::OLT, x, low), low, x);
  // x = k ln(2) + r. Added to 1.5 * 2^mantissa, a number leaves its nearest integer in the lower bits; unlike a
  // conversion this is defined for NaN.
  Value shift = a.real(type, std::ldexp(1.5, mantissa));
  Value shifted = isTwo ? a.addf(x, shift) : a.fma(x, a.real(type, kLog2E[isDouble].high), shift);
  Value count = a.subi(a.bits(shifted), a.bits(shift));
  Value k = a.subf(shifted, shift), power;
  if (isTwo) {
    Value r = a.subf(x, k);
    power = a.fma(r, polynomial(a, r, isDouble ? ArrayRef(kExpTwo64) : ArrayRef(kExpTwo32)), a.real(type, 1.0));
  } else {
    Value r = a.fma(k, a.real(type, -kLn2[isDouble].high), x);
    r = a.fma(k, a.real(type, -kLn2[isDouble].low), r);
    Value tail = polynomial(a, r, isDouble ? ArrayRef(kExp64) : ArrayRef(kExp32));
    power = a.addf(a.fma(a.mulf(r, r), tail, r), a.real(type, 1.0));
  }
  // Times 2^k in two steps: 2^k itself may be no normal number while the result is one. Only the second step rounds.
  auto powerOfTwo = [&](Value exponent) {
    return a.bitcast(type, a.shl(a.addi(exponent, static_cast<int64_t>(bias)), static_cast<unsigned>(mantissa)));
  };
  Value half = a.shrs(count, 1u);
  return a.mulf(a.mulf(power, powerOfTwo(half)), powerOfTwo(a.subi(count, half)));
}

Value tinyc::expandLog(Formula &a, LogBase base, Value x) {
  Type type = x.getType();
  bool isDouble = Formula::width(type) == 64;
  unsigned mantissa = isDouble ? 52 : 23;
  // Denormals are scaled to normal numbers first.
  double smallest = isDouble ? 0x1p-1022 : 0x1p-126;
  Value isTiny = a.cmpf(FCmp::OLT, x, a.real(type, smallest));
  Value scaled = a.select(isTiny, a.mulf(x, a.real(type, std::ldexp(1.0, mantissa))), x);
  // x = 2^e (1 + f), 1 + f between sqrt(1/2) and sqrt(2): the exponent field counts from sqrt(1/2) on.
  uint64_t rootBits =
      isDouble ? std::bit_cast<uint64_t>(std::sqrt(0.5)) : std::bit_cast<uint32_t>(static_cast<float>(std::sqrt(0.5)));
  Value root = a.integer(a.bits(x).getType(), rootBits);
  Value fromRoot = a.subi(a.bits(scaled), root);
  Value exponent = a.shrs(fromRoot, mantissa);
  exponent = a.addi(exponent, a.select(isTiny, a.integer(exponent.getType(), -static_cast<uint64_t>(mantissa)),
                                       a.integer(exponent.getType(), 0)));
  // As a float by way of 32 bits, which every target converts as a vector.
  Value e = a.convert<arith::SIToFPOp>(type, a.resize(a.integers(type, 32), exponent));
  Value fraction = a.addi(a.andi(fromRoot, (uint64_t(1) << mantissa) - 1), root);
  Value one = a.real(type, 1.0);
  Value f = a.subf(a.bitcast(type, fraction), one);
  // log(1 + f) = f + tail.
  Value square = a.mulf(f, f), tail;
  if (isDouble) {
    Value s = a.divf(f, a.addf(f, a.real(type, 2.0)));
    Value t = a.mulf(s, s), half = a.mulf(square, a.real(type, 0.5));
    Value rest = a.mulf(t, polynomial(a, t, kLog64));
    tail = a.fma(s, a.addf(half, rest), a.negf(half));
  } else {
    tail = a.mulf(square, a.fma(f, polynomial(a, f, kLog32), a.real(type, -0.5)));
  }
  Value result;
  if (base == LogBase::E) {
    Value low = a.fma(e, a.real(type, kLn2[isDouble].low), tail);
    result = a.fma(e, a.real(type, kLn2[isDouble].high), a.addf(f, low));
  } else {
    Value high = a.real(type, kLog2E[isDouble].high), low = a.real(type, kLog2E[isDouble].low);
    result = a.addf(e, a.fma(f, high, a.fma(f, low, a.mulf(tail, high))));
  }
  // Zero, negative numbers, infinity and NaN have no such exponent.
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Value zero = a.real(type, 0.0);
  Value nan = a.real(type, std::numeric_limits<double>::quiet_NaN());
  Value special = a.select(a.cmpf(FCmp::OLT, x, zero), nan, x);
  special = a.select(a.cmpf(FCmp::OEQ, x, zero), a.real(type, -infinity), special);
  Value isUsual = a.andi(a.cmpf(FCmp::OGT, x, zero), a.cmpf(FCmp::OLT, x, a.real(type, infinity)));
  return a.select(isUsual, result, special);
}
