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

template <typename F> static void decodeLanes(const uint32_t *Row, unsigned Shift, double (&Out)[32], F Value) {
  for (unsigned L = 0; L < 32; ++L)
    Out[L] = Value(Row[L] >> Shift);
}

void elementValues(Type T, const uint32_t *Row, unsigned Shift, double (&Out)[32]) {
  switch (T) { // once for all lanes, so that the loop is vector code
  case Type::F16:
    return decodeLanes(Row, Shift, Out, [](uint32_t B) { return halfToFloat(uint16_t(B)); });
  case Type::BF16:
    return decodeLanes(Row, Shift, Out, [](uint32_t B) { return bfloatToFloat(uint16_t(B)); });
  case Type::F32:
    return decodeLanes(Row, Shift, Out, [](uint32_t B) { return std::bit_cast<float>(B); });
  default:
    return decodeLanes(Row, Shift, Out, [T](uint32_t B) { return elementValue(T, B); });
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
template <size_t N> static void truncate(double (&Row)[N]) {
  bool Subnormal = false;
  for (double &V : Row) {
    Subnormal |= std::fabs(V) < 0x1p-126 && V != 0;
    // NaN and infinity have their low bits clear already, or stay NaN by the high ones.
    V = std::bit_cast<double>(std::bit_cast<uint64_t>(V) & ~((1ull << 29) - 1));
  }
  if (Subnormal) [[unlikely]]
    for (double &V : Row)
      if (std::fabs(V) < 0x1p-126)
        V = std::trunc(V * 0x1p149) * 0x1p-149; // the grain of subnormals is 2^-149
}

void Tile::multiply() {
  switch (N) {
  case 8:
    return multiplyColumns<8>();
  case 16:
    return multiplyColumns<16>();
  default:
    return multiplyColumns<32>();
  }
}

template <unsigned Columns> void Tile::multiplyColumns() {
  const bool Integer = !isFloat(Accumulator);
  const unsigned Group = Integer ? K : A == Type::TF32 ? 4 : 8;
  for (unsigned I = 0; I < M; ++I) {
    double Row[Columns];
    std::copy_n(c + I * Columns, Columns, Row);
    for (unsigned First = 0; First < K; First += Group) {
      const unsigned Last = std::min(K, First + Group);
      for (unsigned J = First; J < Last; ++J) {
        const double X = a[I * K + J];
        for (unsigned L = 0; L < Columns; ++L)
          Row[L] += X * b[J * Columns + L];
      }
      if (Accumulator == Type::F32)
        truncate(Row);
      else if (Accumulator == Type::F16)
        for (double &V : Row)
          V = halfToFloat(doubleToHalf(V));
    }
    std::copy_n(Row, Columns, c + I * Columns);
  }
  if (Integer) // sums of 64 products of 16 bits and an s32 are exact in double
    for (unsigned E = 0; E < M * Columns; ++E)
      c[E] = Saturate ? std::min(std::max(c[E], -0x1p31), 0x1p31 - 1) : double(int32_t(uint32_t(int64_t(c[E]))));
}

} // namespace tinyc::emulator::ptx
