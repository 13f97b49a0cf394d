// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the chip does to one number where it is not what C does: minimum and maximum of NaN, fraction, mantissa and
// exponent, the scaling steps of division. Semantics: AMD's "RDNA3 Instruction Set Architecture", chapter 16.

#ifndef TINYC_TEST_EMULATORS_HIP_FLOATMATH_H
#define TINYC_TEST_EMULATORS_HIP_FLOATMATH_H

#include "VectorEval.h"
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace tinyc::emulator::amd {

template <typename T> struct FloatFacts;
template <> struct FloatFacts<float> {
  using Bits = uint32_t;
  static constexpr int mantissaBits = 23, bias = 127, divisionScale = 64, farExponent = 96, tinyExponent = 24;
};
template <> struct FloatFacts<double> {
  using Bits = uint64_t;
  static constexpr int mantissaBits = 52, bias = 1023, divisionScale = 128, farExponent = 768, tinyExponent = 53;
};
template <> struct FloatFacts<_Float16> {
  using Bits = uint16_t;
  static constexpr int mantissaBits = 10, bias = 15;
};

template <typename T> typename FloatFacts<T>::Bits bitsOf(T x) {
  return std::bit_cast<typename FloatFacts<T>::Bits>(x);
}
template <typename T> bool signOf(T x) { return bitsOf(x) >> (sizeof(T) * 8 - 1); }
template <typename T> bool isNan(T x) { return x != x; }
/// A NaN with its quiet bit set.
template <typename T> T quiet(T x) {
  using Bits = typename FloatFacts<T>::Bits;
  return std::bit_cast<T>(Bits(bitsOf(x) | Bits(1) << (FloatFacts<T>::mantissaBits - 1)));
}
template <typename T> T canonicalNan() {
  using Bits = typename FloatFacts<T>::Bits;
  using F = FloatFacts<T>;
  return std::bit_cast<T>(Bits(Bits(2 * F::bias + 1) << F::mantissaBits | Bits(1) << (F::mantissaBits - 1)));
}

/// A number wins over NaN; -0 is less than +0.
template <typename T> T minimumNumber(T a, T b) {
  if (isNan(a))
    return isNan(b) ? quiet(a) : b;
  if (isNan(b))
    return a;
  if (a == b)
    return signOf(a) ? a : b;
  return a < b ? a : b;
}
template <typename T> T maximumNumber(T a, T b) {
  if (isNan(a))
    return isNan(b) ? quiet(a) : b;
  if (isNan(b))
    return a;
  if (a == b)
    return signOf(a) ? b : a;
  return a > b ? a : b;
}
/// The middle one; with a NaN among them, the least.
template <typename T> T median(T a, T b, T c) {
  if (isNan(a) || isNan(b) || isNan(c))
    return minimumNumber(minimumNumber(a, b), c);
  return maximumNumber(minimumNumber(a, b), minimumNumber(maximumNumber(a, b), c));
}

/// x - floor(x), below 1.
template <typename T> T fraction(T x) {
  if (isNan(x))
    return quiet(x);
  if (std::isinf(double(x)))
    return canonicalNan<T>();
  using Bits = typename FloatFacts<T>::Bits;
  T below = std::bit_cast<T>(Bits((Bits(FloatFacts<T>::bias) << FloatFacts<T>::mantissaBits) - 1));
  T f = x - T(std::floor(x));
  return f < below ? f : below;
}

template <typename T> T scale(T x, int n) { return T(std::ldexp(x, n)); }
/// In [0.5, 1); zero, infinity and NaN are themselves.
template <typename T> T mantissa(T x) {
  if (isNan(x))
    return quiet(x);
  if (x == 0 || std::isinf(double(x)))
    return x;
  int e;
  return T(std::frexp(x, &e));
}
template <typename T> int32_t exponent(T x) {
  if (isNan(x) || x == 0 || std::isinf(double(x)))
    return 0;
  int e;
  std::frexp(x, &e);
  return e;
}

/// v_div_scale: prepares numerator or denominator (whichever the first operand is) so that the iteration neither
/// overflows nor loses bits; the mask says that v_div_fmas must scale back. Where the ISA document asks whether
/// reciprocal or quotient is denormal, the chip compares exponent fields: a quotient that underflows to zero, or whose
/// correction would be denormal, is scaled too.
template <typename T> WithMask<T> divisionScale(T chosen, T denominator, T numerator) {
  using F = FloatFacts<T>;
  constexpr int up = F::divisionScale;
  auto field = [](T x) { return int(bitsOf(x) >> F::mantissaBits) & (2 * F::bias + 1); };
  bool isDenominator = bitsOf(chosen) == bitsOf(denominator);
  if (denominator == 0 || numerator == 0)
    return {canonicalNan<T>(), false};
  if (!std::isfinite(denominator) || !std::isfinite(numerator))
    return {chosen, false};
  int difference = field(numerator) - field(denominator);
  if (difference >= F::farExponent) // the quotient may overflow
    return {isDenominator ? scale(chosen, up) : chosen, true};
  if (field(denominator) == 0)
    return {scale(chosen, up), false};
  bool underflow = difference <= -F::farExponent;
  if (field(denominator) >= 2 * F::bias - 1) // the reciprocal is denormal
    return {underflow && !isDenominator ? chosen : scale(chosen, -up), underflow};
  if (underflow)
    return {isDenominator ? chosen : scale(chosen, up), true};
  if (field(numerator) <= F::tinyExponent)
    return {scale(chosen, up), false};
  return {chosen, false};
}

/// v_div_fmas where v_div_scale has scaled: the product plus the quotient, scaled back and rounded once, also where the
/// result is denormal. The sum is rounded to odd in a wider format, so that its last bit tells what lies below; the
/// difference of quotient and sum is exact, for the product is a correction of the quotient's last place.
template <typename Wide, typename T> T divisionScaledBack(T a, T b, T quotient) {
  using F = FloatFacts<T>;
  int n =
      (int(bitsOf(quotient) >> F::mantissaBits) & (2 * F::bias + 1)) > F::bias ? F::divisionScale : -F::divisionScale;
  Wide sum = std::fma(Wide(a), Wide(b), Wide(quotient));
  if (std::isfinite(sum)) {
    Wide below = std::fma(Wide(a), Wide(b), Wide(quotient) - sum);
    uint64_t low;
    std::memcpy(&low, &sum, sizeof low);
    if (below != 0 && low % 2 == 0)
      sum = std::nextafter(sum, std::copysign(Wide(INFINITY), below));
  }
  return T(std::ldexp(sum, n));
}

/// v_div_fixup: the special cases of numerator / denominator, else the quotient with the right sign.
template <typename T> T divisionFixup(T quotient, T denominator, T numerator) {
  using F = FloatFacts<T>;
  bool negative = signOf(denominator) != signOf(numerator);
  T infinity = std::numeric_limits<float>::infinity();
  if (isNan(numerator))
    return quiet(numerator);
  if (isNan(denominator))
    return quiet(denominator);
  bool infiniteN = std::isinf(double(numerator)), infiniteD = std::isinf(double(denominator));
  if ((numerator == 0 && denominator == 0) || (infiniteN && infiniteD)) {
    using Bits = typename F::Bits; // the default NaN of the chip is negative
    return std::bit_cast<T>(Bits(bitsOf(canonicalNan<T>()) | Bits(1) << (sizeof(T) * 8 - 1)));
  }
  if (denominator == 0 || infiniteN)
    return negative ? -infinity : infinity;
  if (infiniteD || numerator == 0)
    return negative ? -T(0) : T(0);
  if constexpr (sizeof(T) > 2) { // far outside the range: the iteration's result means nothing
    int difference = (int(bitsOf(numerator) >> F::mantissaBits) & (2 * F::bias + 1)) -
                     (int(bitsOf(denominator) >> F::mantissaBits) & (2 * F::bias + 1));
    constexpr int underflow = sizeof(T) == 4 ? -150 : -1075;
    if (difference < underflow)
      return negative ? -T(0) : T(0);
  }
  // An overflow far enough makes the iteration subtract infinities.
  if (isNan(quotient))
    return negative ? -infinity : infinity;
  T magnitude = signOf(quotient) ? -quotient : quotient;
  return negative ? -magnitude : magnitude;
}

} // namespace tinyc::emulator::amd

#endif
