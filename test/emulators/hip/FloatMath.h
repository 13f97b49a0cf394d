// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the chip does to one number where it is not what C does: minimum and maximum of NaN, fraction, mantissa and
// exponent, the scaling steps of division. Semantics: AMD's "RDNA3 Instruction Set Architecture", chapter 16.

#ifndef TINYC_TEST_EMULATORS_HIP_FLOATMATH_H
#define TINYC_TEST_EMULATORS_HIP_FLOATMATH_H

#include "VectorEval.h"
#include <bit>
#include <cmath>
#include <limits>

namespace tinyc::emulator::amd {

template <typename T> struct FloatFacts;
template <> struct FloatFacts<float> {
  using Bits = uint32_t;
  static constexpr int mantissaBits = 23, bias = 127, divisionScale = 64, farExponent = 96;
};
template <> struct FloatFacts<double> {
  using Bits = uint64_t;
  static constexpr int mantissaBits = 52, bias = 1023, divisionScale = 128, farExponent = 768;
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

/// v_div_scale, as the ISA document describes it; where reciprocal and quotient are both denormal the denominator is
/// scaled down (scaled up, as the document's formula has it, a large denominator would overflow).
/// Prepares numerator or denominator (whichever the first operand is) so that the iteration neither
/// overflows nor loses bits; the mask says that v_div_fmas must scale back.
template <typename T> WithMask<T> divisionScale(T chosen, T denominator, T numerator) {
  using F = FloatFacts<T>;
  constexpr int up = F::divisionScale;
  constexpr int exponentMask = 2 * F::bias + 1;
  auto exponentOf = [](T x) { return int(bitsOf(x) >> F::mantissaBits) & exponentMask; };
  auto denormal = [&](T x) { return x != 0 && exponentOf(x) == 0; };
  bool isDenominator = bitsOf(chosen) == bitsOf(denominator);
  if (denominator == 0 || numerator == 0 || isNan(denominator) || isNan(numerator) || std::isinf(denominator) ||
      std::isinf(numerator))
    return {denominator == 0 || numerator == 0 ? canonicalNan<T>() : chosen, false};
  if (exponentOf(numerator) - exponentOf(denominator) >= F::farExponent) // quotient near overflow
    return {isDenominator ? scale(chosen, up) : chosen, true};
  if (denormal(denominator))
    return {scale(chosen, up), false};
  bool reciprocalDenormal = denormal(T(1) / denominator), quotientDenormal = denormal(T(numerator / denominator));
  if (reciprocalDenormal && quotientDenormal)
    return {isDenominator ? scale(chosen, -up) : chosen, true};
  if (reciprocalDenormal)
    return {scale(chosen, -up), false};
  if (quotientDenormal)
    return {isDenominator ? chosen : scale(chosen, up), true};
  if (exponentOf(numerator) <= F::mantissaBits)
    return {scale(chosen, up), false};
  return {chosen, false};
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
