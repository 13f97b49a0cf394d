// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 8-bit floats in integer arithmetic on the bits of an f32. A code is the byte without its sign; larger codes are
// larger numbers, so that a carry out of the mantissa rounds into the next exponent.

#include "passes/6-lower/NarrowFloats.h"

#include <cmath>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;
using FCmp = arith::CmpFPredicate;
using ICmp = arith::CmpIPredicate;

namespace {
struct Format {
  unsigned mantissa; ///< bits
  int bias;
  uint64_t past;     ///< the code of all that is too large
  bool infinity;     ///< `past` is infinity, and codes above it NaN; else it is NaN itself
  bool unsignedZero; ///< one zero; the byte of a negative one is NaN
};
} // namespace

static Format formatOf(Element e) {
  switch (e) {
  case Element::F8E4M3FN:
    return {3, 7, 0x7f, false, false};
  case Element::F8E5M2:
    return {2, 15, 0x7c, true, false};
  case Element::F8E4M3FNUZ:
    return {3, 8, 0x80, false, true};
  default:
    return {2, 16, 0x80, false, true};
  }
}

// The distance between two numbers below the smallest normal one.
static double stepOf(const Format &f) { return std::ldexp(1.0, 1 - f.bias - static_cast<int>(f.mantissa)); }

Value tinyc::widenNarrow(Formula &a, Value x, Element from) {
  Format f = formatOf(from);
  Type i32 = a.integers(x.getType(), 32), f32 = a.floats(x.getType(), 32);
  Value word = a.resize(i32, x), code = a.andi(word, 0x7f);
  Value sign = a.shl(a.andi(word, 0x80), 24u);
  Value normal = a.addi(a.shl(code, 23 - f.mantissa), static_cast<int64_t>(127 - f.bias) << 23);
  Value small = a.mulf(a.convert<arith::SIToFPOp>(f32, code), a.real(f32, stepOf(f)));
  Value isSmall = a.cmpi(ICmp::ult, code, a.integer(i32, uint64_t(1) << f.mantissa));
  Value magnitude = a.select(isSmall, a.bits(small), normal);
  if (f.infinity)
    magnitude = a.select(a.cmpi(ICmp::uge, code, a.integer(i32, f.past)), a.ori(normal, 0x7f800000), magnitude);
  else
    magnitude = a.select(a.cmpi(ICmp::eq, f.unsignedZero ? word : code, a.integer(i32, f.past)),
                         a.integer(i32, 0x7fc00000), magnitude);
  return a.bitcast(f32, a.ori(magnitude, sign));
}

Value tinyc::truncateToNarrow(Formula &a, Value x, Element to) {
  Format f = formatOf(to);
  Type f32 = x.getType(), i32 = a.integers(f32, 32);
  Value word = a.bits(x), magnitude = a.andi(word, 0x7fffffff);
  unsigned cut = 23 - f.mantissa;
  Value odd = a.andi(a.shru(magnitude, cut), 1);
  Value rounded = a.addi(a.addi(magnitude, odd), (int64_t(1) << (cut - 1)) - 1);
  Value normal = a.subi(a.shru(rounded, cut), a.integer(i32, static_cast<uint64_t>(127 - f.bias) << f.mantissa));
  // A sum with 2^23 steps has the step as its last place: the addition rounds.
  Value anchor = a.real(f32, std::ldexp(stepOf(f), 23));
  Value small = a.subi(a.bits(a.addf(a.bitcast(f32, magnitude), anchor)), a.bits(anchor));
  Value smallestNormal = a.integer(i32, static_cast<uint64_t>(128 - f.bias) << 23);
  Value code = a.select(a.cmpi(ICmp::ult, magnitude, smallestNormal), small, normal);
  Value past = a.integer(i32, f.past);
  code = a.select(a.cmpi(ICmp::ugt, code, past), past, code);
  // Of the codes above infinity, the quiet NaN without a payload.
  uint64_t nan = f.infinity ? f.past | uint64_t(1) << (f.mantissa - 1) : f.past;
  code = a.select(a.cmpf(FCmp::UNO, x, x), a.integer(i32, nan), code);
  Value result = a.ori(code, a.andi(a.shru(word, 24u), 0x80));
  if (f.unsignedZero)
    result = a.select(a.cmpi(ICmp::eq, code, a.integer(i32, 0)), a.integer(i32, 0), result);
  return a.resize(a.integers(f32, 8), result);
}
