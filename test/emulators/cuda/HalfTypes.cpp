// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rounding from double to any smaller IEEE-like format, in all modes.
#include "test/emulators/cuda/HalfTypes.h"

#include <algorithm>

namespace tinyc::emulator::ptx {

uint32_t roundDouble(double V, unsigned MantissaBits, unsigned ExponentBits, unsigned Mode) {
  const uint64_t Bits = std::bit_cast<uint64_t>(V);
  const bool Negative = Bits >> 63;
  const uint32_t Sign = uint32_t(Negative) << (MantissaBits + ExponentBits);
  const uint32_t Infinity = ((1u << ExponentBits) - 1) << MantissaBits;
  const int Bias = (1 << (ExponentBits - 1)) - 1;
  uint64_t Magnitude = Bits & ~(1ull << 63);
  if (Magnitude > 0x7ff0000000000000ull)
    return Sign | Infinity | ((1u << MantissaBits) - 1);
  if (Magnitude == 0x7ff0000000000000ull)
    return Sign | Infinity;
  if (Magnitude == 0)
    return Sign;
  int Exponent = int(Magnitude >> 52) - 1023;
  uint64_t Mantissa = (Magnitude & ((1ull << 52) - 1)) | 1ull << 52;
  if (Magnitude >> 52 == 0) { // a subnormal double is far below all that the smaller formats hold
    Exponent = -1022;
    Mantissa &= ~(1ull << 52);
  }
  // How many low bits go: more for what becomes subnormal.
  int Least = 1 - Bias;
  unsigned Drop = 52 - MantissaBits;
  int64_t Biased = Exponent + Bias;
  if (Exponent < Least) {
    Drop = unsigned(std::min(63, int(Drop) + (Least - Exponent)));
    Biased = 0;
  }
  uint64_t Kept = Mantissa >> Drop, Lost = Mantissa & ((1ull << Drop) - 1), Half = 1ull << (Drop - 1);
  bool Increment = false;
  switch (Mode) {
  case ToZero:
    break;
  case ToDown:
    Increment = Negative && Lost;
    break;
  case ToUp:
    Increment = !Negative && Lost;
    break;
  case ToAway:
    Increment = Lost >= Half;
    break;
  default:
    Increment = Lost > Half || (Lost == Half && (Kept & 1));
  }
  // The implicit bit of a normal number is added to the exponent field: a carry out of the mantissa comes right.
  uint64_t Result = (Biased > 0 ? uint64_t(Biased - 1) << MantissaBits : 0) + Kept + Increment;
  if (Result >= Infinity) {
    bool ToLargest = Mode == ToZero || (Mode == ToDown && !Negative) || (Mode == ToUp && Negative);
    return Sign | (ToLargest ? Infinity - 1 : Infinity);
  }
  return Sign | uint32_t(Result);
}

} // namespace tinyc::emulator::ptx
