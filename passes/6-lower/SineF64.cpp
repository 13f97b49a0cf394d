// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// sin of f64, as Sine.cpp does it for f32: an argument of 0.75 and more is multiplied by 192 bits of 2/pi, chosen by
// the argument's exponent, in words of 32 bits that stand in lanes of 64.

#include "passes/6-lower/ElementaryFunctions.h"

#include <array>
#include <limits>

using namespace mlir;
using namespace tinyc;
using FCmp = arith::CmpFPredicate;
using ICmp = arith::CmpIPredicate;

// 2/pi after the point, in words of 32 bits, after two words of zeros.
static const uint32_t kTwoOverPi[] = {
    0,          0,          0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041,
    0xfe5163ab, 0xdebbc561, 0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e,
    0xe88235f5, 0x2ebb4484, 0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b,
    0x1ff897ff, 0xde05980f, 0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d,
    0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046, 0xfc7b6bab};
// (sin(r) / r - 1) / r^2 and (cos(r) - 1 + r^2 / 2) / r^4, in r^2: the series, which at pi/4 leaves 1e-21.
static const double kSin[] = {-1.0 / 6,
                              1.0 / 120,
                              -1.0 / 5040,
                              1.0 / 362880,
                              -1.0 / 39916800,
                              1.0 / 6227020800,
                              -1.0 / 1307674368000,
                              1.0 / 355687428096000,
                              -1.0 / 121645100408832000};
static const double kCos[] = {1.0 / 24,        -1.0 / 720,         1.0 / 40320,          -1.0 / 3628800,
                              1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000, -1.0 / 6402373705728000};

namespace {
// |x| = (turns + sign * (r + low)) quarter turns, sign minus where `isNegative`; r in radians.
struct Reduced {
  Value quarter, isNegative, r, low;
};
} // namespace

// Six words of 2/pi, the first one first, that begin two bits before what an argument of exponent field `field` takes
// to the point.
static std::array<Value, 6> window(Formula &a, Value field) {
  Type i64 = field.getType();
  // A multiple of four quarter turns is dropped: bit 0 of the table stands 62 places before the first of 2/pi.
  Value start = a.addi(field, int64_t(-1013));
  Value index = a.shru(start, 5u), shift = a.andi(start, 31);
  // By 32, 16, .. words, as the bits of the index say: seven words are left of all.
  SmallVector<Value> words;
  for (uint32_t word : kTwoOverPi)
    words.push_back(a.integer(i64, word));
  for (unsigned by = 32; by > 0; by /= 2) {
    Value isSet = a.cmpi(ICmp::ne, a.andi(index, by), a.integer(i64, 0));
    SmallVector<Value> chosen;
    for (unsigned i = 0; i < 7 + by - 1 && i < words.size(); ++i)
      chosen.push_back(i + by < words.size() ? a.select(isSet, words[i + by], words[i]) : words[i]);
    words = chosen;
  }
  std::array<Value, 6> result;
  for (unsigned i = 0; i < 6; ++i)
    result[i] = a.shru(a.shl(a.ori(a.shl(words[i], 32u), words[i + 1]), shift), 32u);
  return result;
}

// The lower six words of mantissa * window, the last one first.
static std::array<Value, 6> multiply(Formula &a, Value mantissa, ArrayRef<Value> window) {
  constexpr uint64_t mask = 0xffffffff;
  Value low = a.andi(mantissa, mask), high = a.shru(mantissa, 32u);
  std::array<Value, 6> sums;
  auto add = [&](unsigned i, Value part) {
    if (i < 6)
      sums[i] = sums[i] ? a.addi(sums[i], part) : part;
  };
  for (unsigned i = 0; i < 6; ++i) {
    Value word = window[5 - i];
    for (auto [factor, at] : {std::pair(low, i), std::pair(high, i + 1)}) {
      Value product = a.muli(factor, word);
      add(at, a.andi(product, mask));
      add(at + 1, a.shru(product, 32u));
    }
  }
  for (unsigned i = 0; i < 6; ++i) {
    if (i < 5)
      sums[i + 1] = a.addi(sums[i + 1], a.shru(sums[i], 32u));
    sums[i] = a.andi(sums[i], mask);
  }
  return sums;
}

static Reduced reduce(Formula &a, Value magnitude) {
  Type f64 = magnitude.getType(), i64 = a.integers(f64, 64);
  Value word = a.bits(magnitude), field = a.shru(word, 52u);
  // Below 1/2 the result is not used; infinity and NaN are put right at the end.
  field = a.select(a.cmpi(ICmp::ult, field, a.integer(i64, 1022)), a.integer(i64, 1022), field);
  field = a.select(a.cmpi(ICmp::ugt, field, a.integer(i64, 2046)), a.integer(i64, 2046), field);
  Value mantissa = a.ori(a.andi(word, (uint64_t(1) << 52) - 1), uint64_t(1) << 52);
  std::array<Value, 6> product = multiply(a, mantissa, window(a, field));
  // Two bits of quarter turns, then the fraction: its first 128 bits.
  auto pair = [&](unsigned i) { return a.ori(a.shl(product[i], 32u), product[i - 1]); };
  Value top = pair(5), middle = pair(3);
  Value zero = a.integer(i64, 0);
  Reduced reduced;
  reduced.quarter = a.shru(a.addi(top, int64_t(1) << 61), 62u);
  Value first = a.ori(a.shl(top, 2u), a.shru(middle, 62u));
  Value second = a.ori(a.shl(middle, 2u), a.shru(product[1], 30u));
  // To the nearest quarter turn: the fraction becomes signed.
  reduced.isNegative = a.cmpi(ICmp::slt, first, zero);
  Value carry = a.select(a.cmpi(ICmp::eq, second, zero), a.integer(i64, 1), zero);
  Value negatedFirst = a.addi(a.xori(first, a.integer(i64, ~uint64_t(0))), carry);
  first = a.select(reduced.isNegative, negatedFirst, first);
  second = a.select(reduced.isNegative, a.subi(zero, second), second);
  // As the sum of two floats, by way of four that are exact.
  auto piece = [&](Value bits, bool upper, double scale) {
    Value part = upper ? a.shru(bits, 32u) : a.andi(bits, uint64_t(0xffffffff));
    return a.mulf(a.convert<arith::SIToFPOp>(f64, part), a.real(f64, scale));
  };
  Value x = piece(first, true, 0x1p-32), y = piece(first, false, 0x1p-64);
  Value sum = a.addf(x, y), error = a.subf(y, a.subf(sum, x));
  Value rest = a.addf(error, a.addf(piece(second, true, 0x1p-96), piece(second, false, 0x1p-128)));
  Value high = a.addf(sum, rest), remainder = a.subf(rest, a.subf(high, sum));
  // Times pi/2, again in two floats.
  Value scale = a.real(f64, 0x1.921fb54442d18p+0), scaleLow = a.real(f64, 0x1.1a62633145c07p-54);
  reduced.r = a.mulf(high, scale);
  Value lost = a.fma(high, scale, a.negf(reduced.r));
  reduced.low = a.fma(remainder, scale, a.fma(high, scaleLow, lost));
  return reduced;
}

Value tinyc::expandSinF64(Formula &a, Value x) {
  Type type = x.getType();
  Value magnitude = a.absf(x);
  Reduced reduced = reduce(a, magnitude);
  Value zero = a.integer(reduced.quarter.getType(), 0), one = a.real(type, 1.0);
  Value isSmall = a.cmpf(FCmp::OLT, magnitude, a.real(type, 0.75));
  Value quarter = a.select(isSmall, zero, reduced.quarter);
  Value r = a.select(isSmall, magnitude, reduced.r);
  Value low = a.select(isSmall, a.real(type, 0.0), reduced.low);
  Value square = a.mulf(r, r), half = a.mulf(square, a.real(type, 0.5));
  // What the low part adds falls with the slope of the sine.
  Value added = a.fma(a.negf(half), low, low);
  Value sine = a.addf(r, a.fma(a.mulf(r, square), polynomial(a, square, kSin), added));
  // 1 - r^2/2 loses bits, which are added again.
  Value most = a.subf(one, half);
  Value lost = a.subf(a.subf(one, most), half);
  Value tail = a.fma(a.mulf(square, square), polynomial(a, square, kCos), a.negf(a.mulf(r, low)));
  Value cosine = a.addf(most, a.addf(lost, tail));
  Value isCosine = a.cmpi(ICmp::ne, a.andi(quarter, 1), zero);
  Value value = a.select(isCosine, cosine, sine);
  // Minus in the lower half turn, for a negative argument, and for a sine left of its quarter turn.
  Value signBit = a.integer(quarter.getType(), uint64_t(1) << 63);
  Value sign = a.shl(a.andi(quarter, 2), 62u);
  Value leftOfTurn = a.select(reduced.isNegative, a.select(isCosine, zero, signBit), zero);
  sign = a.xori(sign, a.select(isSmall, zero, leftOfTurn));
  sign = a.xori(sign, a.andi(a.bits(x), uint64_t(1) << 63));
  Value result = a.bitcast(type, a.xori(a.bits(value), sign));
  Value isFinite = a.cmpf(FCmp::OLT, magnitude, a.real(type, std::numeric_limits<double>::infinity()));
  return a.select(isFinite, result, a.subf(x, x));
}
