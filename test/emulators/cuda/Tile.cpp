// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tile products as tensor cores round them.
#include "test/emulators/cuda/Tile.h"
#include "test/emulators/cuda/HalfTypes.h"

#include <algorithm>

namespace tinyc::emulator::ptx {

double elementValue(Type T, uint32_t Bits) {
  switch (T) {
  case Type::F16:
    return halfToFloat(uint16_t(Bits));
  case Type::BF16:
    return bfloatToFloat(uint16_t(Bits));
  case Type::TF32:
    return std::bit_cast<float>(Bits & ~0x1fffu); // the low 13 bits are not read
  case Type::F32:
    return std::bit_cast<float>(Bits);
  case Type::S8:
    return int8_t(Bits);
  case Type::U8:
    return uint8_t(Bits);
  case Type::S4:
    return int32_t(Bits << 28) >> 28;
  case Type::U4:
    return Bits & 15;
  default:
    return int32_t(Bits);
  }
}

uint32_t accumulatorBits(Type T, double V) {
  switch (T) {
  case Type::F16:
    return doubleToHalf(V);
  case Type::F32:
    return V != V ? 0x7fffffff : std::bit_cast<uint32_t>(float(V));
  default:
    return uint32_t(int32_t(V));
  }
}

/// Towards zero to 24 bits; what float cannot hold becomes infinite.
static double truncated(double V) {
  double T = std::bit_cast<double>(std::bit_cast<uint64_t>(V) & ~((1ull << 29) - 1));
  if (std::fabs(V) >= 0x1p-126) [[likely]]
    return V != V ? V : T;
  return std::trunc(V * 0x1p149) * 0x1p-149; // subnormal: the grain is 2^-149
}

void Tile::multiply() {
  const bool Integer = !isFloat(Accumulator);
  const unsigned Group = Integer ? K : A == Type::TF32 ? 4 : 8;
  for (unsigned First = 0; First < K; First += Group) {
    const unsigned Last = std::min(K, First + Group);
    for (unsigned I = 0; I < M; ++I) {
      double *Row = c + I * N;
      for (unsigned J = First; J < Last; ++J) {
        const double X = a[I * K + J];
        const double *Y = b + J * N;
        for (unsigned L = 0; L < N; ++L)
          Row[L] += X * Y[L];
      }
      if (Accumulator == Type::F32)
        for (unsigned L = 0; L < N; ++L)
          Row[L] = truncated(Row[L]);
      else if (Accumulator == Type::F16)
        for (unsigned L = 0; L < N; ++L)
          Row[L] = halfToFloat(doubleToHalf(Row[L]));
    }
  }
  if (Integer) // sums of 64 products of 16 bits and an s32 are exact in double
    for (unsigned E = 0; E < M * N; ++E)
      c[E] = Saturate ? std::min(std::max(c[E], -0x1p31), 0x1p31 - 1) : double(int32_t(uint32_t(int64_t(c[E]))));
}

} // namespace tinyc::emulator::ptx
