// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions between element types.

#include "passes/6-lower/ArithCasts.h"

#include "passes/6-lower/NarrowFloats.h"

#include <cmath>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;
using FCmp = arith::CmpFPredicate;
using ICmp = arith::CmpIPredicate;

// bf16 of an f32 as its bits, rounded to nearest even. In integers: LLVM calls a library for it where the chip has no
// such instruction.
static Value truncateToBf16(Formula &a, Value x) {
  // Adding just under half a unit, and the unit's own last bit, carries where the rest is above half or a tie at odd.
  Value word = a.bits(x);
  Value odd = a.andi(a.shru(word, 16u), uint64_t(1));
  Value rounded = a.addi(a.addi(word, odd), int64_t(0x7fff));
  // A NaN must not carry into infinity: it keeps its upper bits and becomes quiet.
  Value isNan = a.cmpf(FCmp::UNO, x, x);
  Value upper = a.shru(a.select(isNan, a.ori(word, 0x400000), rounded), 16u);
  return a.resize(a.integers(x.getType(), 16), upper);
}

// bf16, as itself or as its bits, is the upper half of f32.
static Value widenBf16(Formula &a, Value x) {
  Value word = a.resize(a.integers(x.getType(), 32), a.bits(x));
  return a.bitcast(a.floats(x.getType(), 32), a.shl(word, 16u));
}

// f32 of an f64, rounded to odd: what follows rounds to a narrower type as from the f64 itself.
static Value truncateToOdd(Formula &a, Value x) {
  Type f32 = a.floats(x.getType(), 32);
  Value nearest = a.convert<arith::TruncFOp>(f32, x);
  Value back = a.convert<arith::ExtFOp>(x.getType(), nearest);
  Value word = a.bits(nearest), one = a.integer(word.getType(), 1);
  Value tooLarge = a.cmpf(FCmp::OGT, a.absf(back), a.absf(x));
  Value toZero = a.select(tooLarge, a.subi(word, one), word);
  Value inexact = a.cmpf(FCmp::ONE, back, x);
  return a.bitcast(f32, a.select(inexact, a.ori(toZero, one), toZero));
}

// To f16, bf16, f32 or f64 from the same set.
static Value castFloat(Formula &a, Value x, Element from, Element to) {
  Type result = withElementType(x.getType(), typeOf(to, a.b.getContext()));
  if (from == to)
    return x;
  if (from == Element::F16 || from == Element::BF16) {
    Value wide = from == Element::BF16 ? widenBf16(a, x) : a.convert<arith::ExtFOp>(a.floats(x.getType(), 32), x);
    return castFloat(a, wide, Element::F32, to);
  }
  if (from == Element::F32) {
    if (to == Element::F64)
      return a.convert<arith::ExtFOp>(result, x);
    return to == Element::BF16 ? truncateToBf16(a, x) : a.convert<arith::TruncFOp>(result, x);
  }
  if (to == Element::F32)
    return a.convert<arith::TruncFOp>(result, x);
  return castFloat(a, truncateToOdd(a, x), Element::F32, to);
}

// Saturating; NaN gives 0. The conversion itself sees only what fits.
static Value floatToInteger(Formula &a, Value x, Element from, Element to) {
  if (byteWidth(from) == 2)
    return floatToInteger(a, castFloat(a, x, from, Element::F32), Element::F32, to);
  Type type = x.getType();
  bool isUnsigned = tiny::isUnsigned(to);
  unsigned bits = bitWidth(to);
  int valueBits = isUnsigned ? bits : bits - 1;
  double limit = std::ldexp(1.0, valueBits), lowest = isUnsigned ? 0.0 : -limit;
  uint64_t largest = ~uint64_t(0) >> (64 - valueBits), smallest = isUnsigned ? 0 : uint64_t(1) << valueBits;
  Value zero = a.real(type, 0.0);
  if (bits <= 16) { // both ends are exact: clamp first
    Value number = a.select(a.cmpf(FCmp::UNO, x, x), zero, x);
    Value low = a.real(type, lowest), high = a.real(type, limit - 1);
    number = a.select(a.cmpf(FCmp::OLT, number, low), low, number);
    number = a.select(a.cmpf(FCmp::OGT, number, high), high, number);
    Value word = a.convert<arith::FPToSIOp>(a.integers(type, 32), number);
    return a.resize(a.integers(type, bits), word);
  }
  Value high = a.real(type, limit), low = a.real(type, lowest);
  Value tooHigh = a.cmpf(FCmp::OGE, x, high);
  Value notLow = a.cmpf(FCmp::OGE, x, low); // false for NaN
  Value fits = a.andi(a.cmpf(FCmp::OLT, x, high), notLow);
  Value inside = a.select(fits, x, zero);
  Type result = a.integers(type, bits);
  Value word = isUnsigned ? a.convert<arith::FPToUIOp>(result, inside) : a.convert<arith::FPToSIOp>(result, inside);
  word = a.select(tooHigh, a.integer(result, largest), word);
  return isUnsigned ? word : a.select(a.cmpf(FCmp::OLT, x, low), a.integer(result, smallest), word);
}

static Value integerToFloat(Formula &a, Value x, Element from, Element to) {
  Type type = x.getType();
  if (from == Element::I1 && to == Element::BF16)
    return a.select(x, a.integer(a.integers(type, 16), 0x3f80), a.integer(a.integers(type, 16), 0));
  Type result = withElementType(type, typeOf(to, a.b.getContext()));
  if (from == Element::I1)
    return a.select(x, a.real(result, 1.0), a.real(result, 0.0));
  auto direct = [&](Type result, Value x) {
    return isUnsigned(from) ? a.convert<arith::UIToFPOp>(result, x) : a.convert<arith::SIToFPOp>(result, x);
  };
  if (to == Element::F32 || to == Element::F64)
    return direct(result, x);
  // To f16 and bf16 through f32. An integer of 24 bits is exact there, and one beyond is too large for f16 anyway; for
  // bf16 a wider one goes through f64, rounded to odd on its way.
  if (to == Element::F16 || bitWidth(from) <= 16)
    return castFloat(a, direct(a.floats(type, 32), x), Element::F32, to);
  Type f64 = a.floats(type, 64);
  if (bitWidth(from) == 32)
    return castFloat(a, direct(f64, x), Element::F64, to);
  // 64 bits: past 2^52 the lower 16 bits leave a trace in bit 16 and are cut.
  Value rest = a.andi(x, uint64_t(0xffff));
  Value zero = a.integer(type, 0);
  Value trace = a.select(a.cmpi(ICmp::ne, rest, zero), a.integer(type, 0x10000), zero);
  Value cut = a.ori(a.andi(x, ~uint64_t(0xffff)), trace);
  Value isSmall = isUnsigned(from) ? a.cmpi(ICmp::ult, x, a.integer(type, uint64_t(1) << 52))
                                   : a.cmpi(ICmp::ult, a.addi(x, int64_t(1) << 52), a.integer(type, uint64_t(1) << 53));
  return castFloat(a, direct(f64, a.select(isSmall, x, cut)), Element::F64, to);
}

static Value castInteger(Formula &a, Value x, Element from, Element to) {
  Type result = a.integers(x.getType(), bitWidth(to));
  if (bitWidth(to) <= bitWidth(from))
    return a.resize(result, x);
  return isUnsigned(from) ? a.convert<arith::ExtUIOp>(result, x) : a.convert<arith::ExtSIOp>(result, x);
}

Value tinyc::castElements(Formula &a, Value x, Element from, Element to) {
  if (from == to)
    return x;
  if (isNarrowFloat(from))
    return castElements(a, widenNarrow(a, x, from), Element::F32, to);
  // Integers that f32 does not hold are too large for all formats of 8 bits.
  if (isNarrowFloat(to))
    return truncateToNarrow(a, from == Element::F64 ? truncateToOdd(a, x) : castElements(a, x, from, Element::F32), to);
  if (to == Element::I1) {
    if (byteWidth(from) == 2 && isFloat(from))
      return castElements(a, castFloat(a, x, from, Element::F32), Element::F32, to);
    return isFloat(from) ? a.cmpf(FCmp::UNE, x, a.real(x.getType(), 0.0))
                         : a.cmpi(ICmp::ne, x, a.integer(x.getType(), 0));
  }
  if (isFloat(from))
    return isFloat(to) ? castFloat(a, x, from, to) : floatToInteger(a, x, from, to);
  return isFloat(to) ? integerToFloat(a, x, from, to) : castInteger(a, x, from, to);
}
