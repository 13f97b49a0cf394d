// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// add, sub, mul and fma of .f32x2: two f32 in a 64-bit register, each rounded on its own (PTX ISA, "Floating Point
// Instructions"; PTX 8.6, sm_100 and newer).
#include "test/emulators/cuda/Lanes.h"

#include <cmath>

namespace tinyc::emulator::ptx {

namespace {

enum PackedOp : uint8_t { Add, Sub, Mul, Fma };

float half(uint64_t Pair, unsigned Index) { return std::bit_cast<float>(uint32_t(Pair >> 32 * Index)); }

float flushed(float V, bool Flush) { return Flush && std::fabs(V) < 0x1p-126f ? std::copysign(0.0f, V) : V; }

float apply(uint8_t Op, float A, float B, float C) {
  switch (Op) {
  case Add:
    return A + B;
  case Sub:
    return A - B;
  case Mul:
    return A * B;
  default:
    return std::fma(A, B, C);
  }
}

void packed(Warp &W, const Instruction &I) {
  bool Flush = I.FlushSubnormals;
  lanes3<uint64_t, uint64_t, uint64_t, uint64_t>(W, I, [&](uint64_t A, uint64_t B, uint64_t C) {
    uint64_t Result = 0;
    for (unsigned K = 0; K < 2; ++K) {
      float V = apply(I.Variant, flushed(half(A, K), Flush), flushed(half(B, K), Flush), flushed(half(C, K), Flush));
      uint32_t Bits = V != V ? 0x7fffffffu : std::bit_cast<uint32_t>(flushed(V, Flush));
      Result |= uint64_t(Bits) << 32 * K;
    }
    return Result;
  });
}

} // namespace

/// add, sub, mul and fma whose type modifier was .f32x2.
void bindPackedFloat(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  static constexpr const char *Names[] = {"add", "sub", "mul", "fma"};
  const auto *Found = std::find(std::begin(Names), std::end(Names), S.Parts[0]);
  if (Found == std::end(Names))
    D.fail("unknown instruction: " + S.Parts[0] + ".f32x2 does not exist");
  D.requireTarget(100, "arithmetic of .f32x2");
  I.Variant = uint8_t(Found - std::begin(Names));
  I.Class = classNamed("float");
  I.Round = M.rounding();
  if (I.Round != Rounding::Default && I.Round != Rounding::NearestEven)
    D.fail("expected rounding .rn");
  I.FlushSubnormals = M.take("ftz");
  unsigned Sources = I.Variant == Fma ? 3 : 2;
  bindSame(D, S, I, Type::F32x2, Sources);
  if (Sources == 2)
    I.S[2] = D.constant(0, 64);
  I.Execute = packed;
}

} // namespace tinyc::emulator::ptx
