// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// f16 and bf16 as bits: to float exactly, and back from double with one rounding. Doubles that stand for a result of
// unlimited precision are made by rounding to odd first, so that the second rounding is right.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace tinyc::emulator::ptx {

inline float halfToFloat(uint16_t H) {
  uint32_t Sign = uint32_t(H & 0x8000) << 16, Magnitude = H & 0x7fff;
  // Shift the exponent and mantissa into place, and scale by 2^112: exact, subnormals included.
  float V = std::bit_cast<float>(Magnitude << 13) * 0x1p112f;
  uint32_t Bits = Magnitude >= 0x7c00 ? 0x7f800000u | Magnitude << 13 : std::bit_cast<uint32_t>(V);
  return std::bit_cast<float>(Bits | Sign);
}

inline float bfloatToFloat(uint16_t B) { return std::bit_cast<float>(uint32_t(B) << 16); }

/// A + B in double, rounded to odd: whatever is rounded next from it, to at most 51 bits, is rounded once.
inline double addToOdd(double A, double B) {
  double S = A + B;
  double T = S - A;
  double Error = (A - (S - T)) + (B - T);
  if (Error == 0 || !std::isfinite(S))
    return S;
  uint64_t Bits = std::bit_cast<uint64_t>(S);
  if (Bits & 1)
    return S;
  bool Away = (Error < 0) != (S < 0); // S went past the exact sum, away from zero
  return std::bit_cast<double>(Away ? Bits - 1 : Bits | 1);
}

/// Rounds to a float with Mantissa explicit bits, Exponent bits and the given mode (a Rounding's number). The result
/// comes as the format's bits.
uint32_t roundDouble(double V, unsigned MantissaBits, unsigned ExponentBits, unsigned Mode);

constexpr unsigned ToNearest = 1, ToAway = 2, ToZero = 3, ToDown = 4, ToUp = 5; ///< as in enum Rounding

inline uint16_t doubleToHalf(double V, unsigned Mode = ToNearest) {
  return V != V ? 0x7fff : uint16_t(roundDouble(V, 10, 5, Mode));
}
inline uint16_t doubleToBfloat(double V, unsigned Mode = ToNearest) {
  return V != V ? 0x7fff : uint16_t(roundDouble(V, 7, 8, Mode));
}

} // namespace tinyc::emulator::ptx
