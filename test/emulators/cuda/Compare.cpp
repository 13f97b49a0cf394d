// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// setp and set: comparisons, ordered and unordered, combined with a predicate.
#include "test/emulators/cuda/HalfTypes.h"
#include "test/emulators/cuda/Lanes.h"

#include <cmath>
#include <utility>

namespace tinyc::emulator::ptx {

enum Comparison : uint8_t { Eq, Ne, Lt, Le, Gt, Ge, Equ, Neu, Ltu, Leu, Gtu, Geu, Num, NaN };

template <typename T> static bool holds(uint8_t C, T A, T B) {
  bool Unordered = A != A || B != B;
  switch (C) {
  case Eq:
    return A == B;
  case Ne:
    return A != B && !Unordered;
  case Lt:
    return A < B;
  case Le:
    return A <= B;
  case Gt:
    return A > B;
  case Ge:
    return A >= B;
  case Equ:
    return Unordered || A == B;
  case Neu:
    return Unordered || A != B;
  case Ltu:
    return Unordered || A < B;
  case Leu:
    return Unordered || A <= B;
  case Gtu:
    return Unordered || A > B;
  case Geu:
    return Unordered || A >= B;
  case Num:
    return !Unordered;
  default:
    return Unordered;
  }
}

template <typename T, typename F> static uint32_t compareRows(Warp &W, const Instruction &I, F Value) {
  const T *A = W.in<T>(I.S[0]), *B = W.in<T>(I.S[1]);
  uint32_t Bits = 0;
  for (unsigned L = 0; L < 32; ++L)
    Bits |= uint32_t(holds(I.Variant, Value(A[L]), Value(B[L]))) << L;
  return Bits;
}

static float flushed(float V) { return std::fabs(V) < 0x1p-126f ? std::copysign(0.0f, V) : V; }
static float flushedHalf(uint16_t V) { return V & 0x7c00 ? halfToFloat(V) : 0; }
using HalfValue = float (*)(uint16_t);
static HalfValue valueOfHalf(const Instruction &I) {
  bool Brain = I.Type == Type::BF16 || I.Type == Type::BF16x2;
  return Brain ? bfloatToFloat : I.FlushSubnormals ? flushedHalf : halfToFloat;
}

static uint32_t compare(Warp &W, const Instruction &I) {
  auto Same = [](auto V) { return V; };
  switch (I.Type) {
  case Type::S16:
    return compareRows<int16_t>(W, I, Same);
  case Type::S32:
    return compareRows<int32_t>(W, I, Same);
  case Type::S64:
    return compareRows<int64_t>(W, I, Same);
  case Type::F32:
    return I.FlushSubnormals ? compareRows<float>(W, I, flushed) : compareRows<float>(W, I, Same);
  case Type::F64:
    return compareRows<double>(W, I, Same);
  case Type::F16:
  case Type::BF16:
    return compareRows<uint16_t>(W, I, valueOfHalf(I));
  default:
    return I.S[0].Bits == 16   ? compareRows<uint16_t>(W, I, Same)
           : I.S[0].Bits == 32 ? compareRows<uint32_t>(W, I, Same)
                               : compareRows<uint64_t>(W, I, Same);
  }
}

/// Mode: 0 none, 1 and, 2 or, 3 xor with the predicate S[2].
static uint32_t combine(Warp &W, const Instruction &I, uint32_t Bits) {
  uint32_t P = I.Mode ? W.predicate(I.S[2]) : 0;
  return I.Mode == 1 ? Bits & P : I.Mode == 2 ? Bits | P : I.Mode == 3 ? Bits ^ P : Bits;
}

static void setPredicate(Warp &W, const Instruction &I) {
  uint32_t Bits = compare(W, I);
  uint32_t Bad = W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]) | (I.Mode ? W.poisonOf(I.S[2]) : 0);
  uint32_t First = combine(W, I, Bits), Second = combine(W, I, ~Bits);
  W.setPredicate(I.D[0], First);
  W.setPoison(I.D[0], Bad);
  if (I.D[1]) {
    W.setPredicate(I.D[1], Second);
    W.setPoison(I.D[1], Bad);
  }
}

/// Two halves, two predicates.
static std::pair<uint32_t, uint32_t> comparePair(Warp &W, const Instruction &I) {
  const HalfValue Value = valueOfHalf(I);
  const uint32_t *A = W.in<uint32_t>(I.S[0]), *B = W.in<uint32_t>(I.S[1]);
  uint32_t Low = 0, High = 0;
  for (unsigned L = 0; L < 32; ++L) {
    Low |= uint32_t(holds(I.Variant, Value(uint16_t(A[L])), Value(uint16_t(B[L])))) << L;
    High |= uint32_t(holds(I.Variant, Value(uint16_t(A[L] >> 16)), Value(uint16_t(B[L] >> 16)))) << L;
  }
  return {combine(W, I, Low), combine(W, I, High)};
}

static void setPredicatePair(Warp &W, const Instruction &I) {
  auto [Low, High] = comparePair(W, I);
  uint32_t Bad = W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]) | (I.Mode ? W.poisonOf(I.S[2]) : 0);
  W.setPredicate(I.D[0], Low);
  W.setPoison(I.D[0], Bad);
  if (I.D[1]) {
    W.setPredicate(I.D[1], High);
    W.setPoison(I.D[1], Bad);
  }
}

static void setValue(Warp &W, const Instruction &I) {
  uint32_t Bad = W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]) | (I.Mode ? W.poisonOf(I.S[2]) : 0);
  if (I.Type == Type::F16x2 || I.Type == Type::BF16x2) {
    uint32_t One = I.From == Type::F16x2 ? 0x3c00 : I.From == Type::BF16x2 ? 0x3f80 : 0xffff;
    auto [Low, High] = comparePair(W, I);
    uint32_t Row[32];
    for (unsigned L = 0; L < 32; ++L)
      Row[L] = (Low >> L & 1 ? One : 0) | (High >> L & 1 ? One << 16 : 0);
    commit(W, I.D[0], Row);
    W.setPoison(I.D[0], Bad);
    return;
  }
  uint32_t Bits = combine(W, I, compare(W, I));
  uint64_t True = I.From == Type::F32    ? 0x3f800000
                  : I.From == Type::F16  ? 0x3c00
                  : I.From == Type::BF16 ? 0x3f80
                                         : ~0ull;
  for (unsigned L = 0; L < 32; ++L)
    if (W.Active >> L & 1)
      W.set(I.D[0], L, Bits >> L & 1 ? True : 0);
  W.setPoison(I.D[0], Bad);
}

static void bindComparison(Decoder &D, Modifiers &M, Instruction &I) {
  int C = M.oneOf({"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"});
  if (C < 0) {
    C = M.oneOf({"lo", "ls", "hi", "hs"});
    static constexpr uint8_t Unsigned[] = {Lt, Le, Gt, Ge};
    if (C < 0)
      D.fail("expected a comparison");
    C = Unsigned[C];
  }
  I.Variant = uint8_t(C);
  I.Mode = uint8_t(M.oneOf({"and", "or", "xor"}) + 1);
  I.FlushSubnormals = M.take("ftz");
}

static void checkFlushing(Decoder &D, const Instruction &I) {
  if (I.FlushSubnormals && I.Type != Type::F32 && I.Type != Type::F16 && I.Type != Type::F16x2)
    D.fail("expected .ftz on a comparison of f32, f16 or f16x2");
}

static void bindSetPredicate(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("compare");
  bindComparison(D, M, I);
  I.Type = M.requireType();
  checkFlushing(D, I);
  D.need(S, I.Mode ? 4 : 3);
  Argument First = S.Arguments[0];
  I.D[0] = First.Text == "_" ? D.sink(1) : D.destination(First, 1);
  if (!First.Second.empty())
    I.D[1] = D.predicateNamed(First.Second, false);
  I.S[0] = D.source(S.Arguments[1], I.Type);
  I.S[1] = D.source(S.Arguments[2], I.Type);
  if (I.Mode)
    I.S[2] = D.predicate(S.Arguments[3]);
  bool Pair = I.Type == Type::F16x2 || I.Type == Type::BF16x2;
  if (I.Type == Type::BF16 || I.Type == Type::BF16x2)
    D.requireTarget(90, "setp on bf16");
  I.Execute = Pair ? setPredicatePair : setPredicate;
}

static void bindSetValue(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("compare");
  bindComparison(D, M, I);
  I.From = M.requireType(); // the destination's type comes first
  I.Type = M.requireType();
  checkFlushing(D, I);
  D.need(S, I.Mode ? 4 : 3);
  I.D[0] = D.destination(S.Arguments[0], bitsOf(I.From));
  I.S[0] = D.source(S.Arguments[1], I.Type);
  I.S[1] = D.source(S.Arguments[2], I.Type);
  if (I.Mode)
    I.S[2] = D.predicate(S.Arguments[3]);
  I.Execute = setValue;
}

std::vector<BinderRow> compareBinders() { return {{"setp", bindSetPredicate}, {"set", bindSetValue}}; }

} // namespace tinyc::emulator::ptx
