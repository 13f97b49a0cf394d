// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// f16, bf16 and their pairs: each operation is computed without error in double (rounded to odd where it does not fit)
// and rounded once.
#include "test/emulators/cuda/HalfTypes.h"
#include "test/emulators/cuda/Lanes.h"

namespace tinyc::emulator::ptx {

namespace {

enum HalfOp : uint8_t { HAdd, HSub, HMul, HFma, HMin, HMax, HAbs, HNeg };

template <bool Brain> double value(uint16_t V) { return Brain ? bfloatToFloat(V) : halfToFloat(V); }
template <bool Brain> uint16_t narrow(double V) { return Brain ? doubleToBfloat(V) : doubleToHalf(V); }
template <bool Brain> constexpr uint16_t ExponentMask = Brain ? 0x7f80 : 0x7c00;

template <bool Brain> uint16_t flush(uint16_t V) { return V & ExponentMask<Brain> ? V : V & 0x8000; }

/// Mode: 1 propagate NaN, 2 xorsign.abs, 4 relu.
template <bool Brain> uint16_t apply(const Instruction &I, uint16_t A, uint16_t B, uint16_t C) {
  if (I.FlushSubnormals) {
    A = flush<Brain>(A);
    B = flush<Brain>(B);
    C = flush<Brain>(C);
  }
  double X = value<Brain>(A), Y = value<Brain>(B), Z = value<Brain>(C), R = 0;
  switch (I.Variant) {
  case HAbs:
    return A & 0x7fff;
  case HNeg:
    return A ^ 0x8000;
  case HAdd:
    R = addToOdd(X, Y);
    break;
  case HSub:
    R = addToOdd(X, -Y);
    break;
  case HMul:
    R = X * Y;
    break;
  case HFma:
    R = addToOdd(X * Y, Z);
    break;
  default: {
    bool Negative = (A ^ B) & 0x8000;
    if (I.Mode & 2) {
      A &= 0x7fff;
      B &= 0x7fff;
      X = std::fabs(X);
      Y = std::fabs(Y);
    }
    uint16_t Chosen;
    if (X != X || Y != Y)
      Chosen = I.Mode & 1 || (X != X && Y != Y) ? 0x7fff : X != X ? B : A;
    else if (X == Y)
      Chosen = (I.Variant == HMax ? A & 0x8000 : B & 0x8000) ? B : A;
    else
      Chosen = (X < Y) == (I.Variant == HMax) ? B : A;
    return I.Mode & 2 && Chosen != 0x7fff ? uint16_t(Chosen | (Negative ? 0x8000 : 0)) : Chosen;
  }
  }
  if (I.Mode & 4)
    R = R != R ? R : std::max(R, 0.0);
  if (I.Saturate)
    R = R != R ? 0 : std::min(std::max(R, 0.0), 1.0);
  uint16_t Bits = narrow<Brain>(R);
  return I.FlushSubnormals ? flush<Brain>(Bits) : Bits;
}

template <bool Brain, bool Pair> void execute(Warp &W, const Instruction &I) {
  if constexpr (Pair) {
    uint32_t Row[32];
    const uint32_t *A = W.in<uint32_t>(I.S[0]), *B = W.in<uint32_t>(I.S[1]), *C = W.in<uint32_t>(I.S[2]);
    for (unsigned L = 0; L < 32; ++L)
      Row[L] = apply<Brain>(I, uint16_t(A[L]), uint16_t(B[L]), uint16_t(C[L])) |
               uint32_t(apply<Brain>(I, uint16_t(A[L] >> 16), uint16_t(B[L] >> 16), uint16_t(C[L] >> 16))) << 16;
    auto Execute = [&] {
      commit(W, I.D[0], Row);
      W.setPoison(I.D[0], 0);
    };
    trackBits(W, I, W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]) | W.poisonOf(I.S[2]), Execute, [&](unsigned L) {
      uint64_t Bits = W.undefinedBits(I.S[0], L) | W.undefinedBits(I.S[1], L) | W.undefinedBits(I.S[2], L);
      return (Bits >> 16 ? 0xffff0000u : 0) | (Bits & 0xffff ? 0xffffu : 0);
    });
  } else {
    uint16_t Row[32];
    const uint16_t *A = W.in<uint16_t>(I.S[0]), *B = W.in<uint16_t>(I.S[1]), *C = W.in<uint16_t>(I.S[2]);
    for (unsigned L = 0; L < 32; ++L)
      Row[L] = apply<Brain>(I, A[L], B[L], C[L]);
    commit(W, I.D[0], Row);
    W.setPoison(I.D[0], W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]) | W.poisonOf(I.S[2]));
  }
}

} // namespace

void bindHalf(Decoder &D, Modifiers &M, const Statement &S, Instruction &I, Type T) {
  static const std::pair<const char *, HalfOp> Ops[] = {{"add", HAdd}, {"sub", HSub}, {"mul", HMul}, {"fma", HFma},
                                                        {"min", HMin}, {"max", HMax}, {"abs", HAbs}, {"neg", HNeg}};
  if (T != Type::F16 && T != Type::F16x2 && T != Type::BF16 && T != Type::BF16x2)
    D.fail("unknown instruction: this type is not supported");
  bool Known = false;
  for (auto &[Name, Op] : Ops)
    if (S.Parts[0] == Name) {
      I.Variant = Op;
      Known = true;
    }
  if (!Known)
    D.fail("unknown instruction: " + S.Parts[0] + " of this type is not supported");
  I.Class = classNamed("half");
  I.Round = M.rounding();
  if (I.Round != Rounding::Default && I.Round != Rounding::NearestEven)
    D.fail("expected rounding .rn");
  // A modifier that the operation does not have is left over, which is refused.
  const bool Extremum = I.Variant == HMin || I.Variant == HMax;
  I.FlushSubnormals = M.take("ftz");
  I.Saturate = I.Variant <= HFma && M.take("sat");
  I.Mode = Extremum && M.take("NaN");
  if (Extremum && M.take("xorsign")) {
    if (!M.take("abs"))
      D.fail("expected .xorsign.abs");
    I.Mode |= 2;
  }
  if (I.Variant == HFma && M.take("relu"))
    I.Mode |= 4;
  bool Brain = T == Type::BF16 || T == Type::BF16x2, Pair = bitsOf(T) == 32;
  if (Brain && I.Variant <= HMul)
    D.requireTarget(90, "bf16 arithmetic other than fma, min and max");
  unsigned Sources = I.Variant == HFma ? 3 : I.Variant >= HAbs ? 1 : 2;
  bindSame(D, S, I, T, Sources);
  for (unsigned K = Sources; K < 3; ++K)
    I.S[K] = D.constant(0, bitsOf(T));
  I.Execute = Brain ? (Pair ? execute<true, true> : execute<true, false>)
                    : (Pair ? execute<false, true> : execute<false, false>);
}

std::vector<BinderRow> halfBinders() { return {}; }

} // namespace tinyc::emulator::ptx
