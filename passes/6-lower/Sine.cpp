// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// sin of f32 (SineF64.cpp: of f64). An argument of 0.75 and more is reduced to a quarter turn by one product with 96
// bits of 2/pi, chosen by the argument's exponent (the method of Payne and Hanek): precise for every float, and the
// same work for all.

#include "passes/6-lower/ElementaryFunctions.h"

#include <limits>

using namespace mlir;
using namespace tinyc;
using FCmp = arith::CmpFPredicate;
using ICmp = arith::CmpIPredicate;

// 2/pi = 0.a2f9836e.., in words of 32 bits, after one word of zeros.
static const uint64_t kTwoOverPi[] = {0,          0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                      0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
// (sin(r) / r - 1) / r^2 and (cos(r) - 1 + r^2 / 2) / r^4, in r^2, |r| <= pi/4.
static const double kSin[] = {-1.66666666e-1, 8.33332936e-3, -1.98393271e-4, 2.71823726e-6};
static const double kCos[] = {4.16666548e-2, -1.3887727e-3, 2.44765476e-5};

namespace {
// |x| = (turns + sign * (r + low)) quarter turns, sign minus where `isNegative`.
struct Reduced {
  Value quarter; // modulo 4, i32
  Value isNegative;
  Value r, low; // in radians
};
} // namespace

static Reduced reduce(Formula &a, Value magnitude) {
  Type type = magnitude.getType(), i32 = a.integers(type, 32), i64 = a.integers(type, 64);
  Value word = a.bits(magnitude);
  Value field = a.shru(word, 23u);
  // Below 1/2 the result is not used; the smallest exponent that is keeps the shifts in range.
  field = a.select(a.cmpi(ICmp::ult, field, a.integer(i32, 126)), a.integer(i32, 126), field);
  Value mantissa = a.resize(i64, a.ori(a.andi(word, 0x7fffff), 0x800000));
  // |x| = mantissa * 2^(field - 150). What the bits of 2/pi above weight 4 contribute to the product are whole turns:
  // the window begins two bits before the point, `start` bits into the table.
  Value start = a.addi(field, int64_t(-120));
  Value index = a.shru(start, 5u);
  Value shift = a.resize(i64, a.andi(start, 31));
  auto window = [&](unsigned k) {
    auto pair = [&](unsigned i) { return a.integer(i64, kTwoOverPi[i] << 32 | kTwoOverPi[i + 1]); };
    Value bits = pair(k + 4);
    for (unsigned i = 4; i-- > 0;)
      bits = a.select(a.cmpi(ICmp::eq, index, a.integer(i32, i)), pair(k + i), bits);
    return a.shru(a.shl(bits, shift), 32u);
  };
  // mantissa * window modulo 2^96, without its lowest word: two bits of quarter turns, 62 of fraction.
  Value low = a.shru(a.muli(mantissa, window(2)), 32u);
  Value middle = a.addi(a.muli(mantissa, window(1)), low);
  Value product = a.addi(a.shl(a.muli(mantissa, window(0)), 32u), middle);
  // To the nearest quarter turn: the fraction becomes signed.
  Reduced reduced;
  reduced.quarter = a.resize(i32, a.shru(a.addi(product, int64_t(1) << 61), 62u));
  Value fraction = a.shl(product, 2u), zero = a.integer(i64, 0);
  reduced.isNegative = a.cmpi(ICmp::slt, fraction, zero);
  fraction = a.select(reduced.isNegative, a.subi(zero, fraction), fraction);
  // Its 64 bits as the sum of two floats, by way of three pieces that are exact.
  auto piece = [&](unsigned from, uint64_t mask) {
    return a.convert<arith::SIToFPOp>(type, a.resize(i32, a.andi(a.shru(fraction, from), mask)));
  };
  Value top = piece(40, 0xffffff);
  Value rest = a.fma(a.convert<arith::SIToFPOp>(type, a.resize(i32, a.andi(fraction, 0xffff))), a.real(type, 0x1p-16),
                     piece(16, 0xffffff));
  Value unit = a.real(type, 0x1p-24);
  Value high = a.fma(rest, unit, top);
  Value remainder = a.fma(rest, unit, a.subf(top, high));
  // Times pi/2, again in two floats.
  Value scale = a.real(type, 0x1.921fb6p-24), scaleLow = a.real(type, -0x1.777a5cp-49);
  reduced.r = a.mulf(high, scale);
  Value error = a.fma(high, scale, a.negf(reduced.r));
  reduced.low = a.fma(remainder, scale, a.fma(high, scaleLow, error));
  return reduced;
}

Value tinyc::expandSin(Formula &a, Value x) {
  Type type = x.getType();
  if (Formula::width(type) == 64)
    return expandSinF64(a, x);
  Value magnitude = a.absf(x);
  Reduced reduced = reduce(a, magnitude);
  Value isSmall = a.cmpf(FCmp::OLT, magnitude, a.real(type, 0.75));
  Value quarter = a.select(isSmall, a.integer(reduced.quarter.getType(), 0), reduced.quarter);
  Value r = a.select(isSmall, magnitude, reduced.r);
  Value low = a.select(isSmall, a.real(type, 0.0), reduced.low);
  Value square = a.mulf(r, r), one = a.real(type, 1.0);
  Value sine = a.addf(r, a.fma(a.mulf(r, square), polynomial(a, square, kSin), low));
  // 1 - r^2/2 loses bits, which are added again.
  Value half = a.mulf(square, a.real(type, 0.5));
  Value most = a.subf(one, half);
  Value lost = a.subf(a.subf(one, most), half);
  Value tail = a.fma(a.mulf(square, square), polynomial(a, square, kCos), a.negf(a.mulf(r, low)));
  Value cosine = a.addf(most, a.addf(lost, tail));
  Value zero = a.integer(quarter.getType(), 0);
  Value isCosine = a.cmpi(ICmp::ne, a.andi(quarter, 1), zero);
  Value value = a.select(isCosine, cosine, sine);
  // Minus in the lower half turn, for a negative argument, and for a sine left of its quarter turn.
  Value sign = a.shl(a.andi(quarter, 2), 30u);
  Value signBit = a.integer(quarter.getType(), 0x80000000);
  Value plusCosine = a.select(isCosine, zero, signBit);
  Value leftOfTurn = a.select(reduced.isNegative, plusCosine, zero);
  sign = a.xori(sign, a.select(isSmall, zero, leftOfTurn));
  sign = a.xori(sign, a.andi(a.bits(x), 0x80000000));
  Value result = a.bitcast(type, a.xori(a.bits(value), sign));
  Value isFinite = a.cmpf(FCmp::OLT, magnitude, a.real(type, std::numeric_limits<double>::infinity()));
  return a.select(isFinite, result, a.subf(x, x));
}
