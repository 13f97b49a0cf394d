// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mov with packing and unpacking, special registers that change, selp and slct.
#include "test/emulators/cuda/Lanes.h"

namespace tinyc::emulator::ptx {

template <typename T> static void move(Warp &W, const Instruction &I) {
  route1<T, T>(W, I, [](T V) { return V; });
}
static void movePredicate(Warp &W, const Instruction &I) {
  W.setPredicate(I.D[0], W.predicate(I.S[0]));
  W.setPoison(I.D[0], W.poisonOf(I.S[0]));
}
static void moveWiden(Warp &W, const Instruction &I) {
  for (unsigned L = 0; L < 32; ++L)
    if (W.Active >> L & 1)
      W.set(I.D[0], L, W.get(I.S[0], L));
  W.setPoison(I.D[0], W.poisonOf(I.S[0]));
}
/// {a, b} -> d: the first element is the least significant.
static void pack(Warp &W, const Instruction &I) {
  unsigned Bits = I.D[0].Bits / I.Width;
  uint32_t Poisoned = 0;
  for (unsigned K = 0; K < I.Width; ++K)
    Poisoned |= W.poisonOf(I.S[K]);
  auto Joined = [&](auto Part) {
    uint64_t V = 0;
    for (unsigned K = 0; K < I.Width; ++K)
      V |= (Part(I.S[K]) & (~0ull >> (64 - Bits))) << (K * Bits);
    return V;
  };
  auto Execute = [&] {
    for (unsigned L = 0; L < 32; ++L)
      if (uint64_t V = Joined([&](const Operand &O) { return W.get(O, L); }); W.Active >> L & 1)
        W.set(I.D[0], L, V);
    W.setPoison(I.D[0], 0);
  };
  trackBits(W, I, Poisoned, Execute,
            [&](unsigned L) { return Joined([&](const Operand &O) { return W.undefinedBits(O, L); }); });
}
static void unpack(Warp &W, const Instruction &I) {
  unsigned Bits = I.S[0].Bits / I.Width;
  uint64_t Values[32];
  UndefinedBits Undefined;
  const uint32_t Poisoned = W.poisonOf(I.S[0]) & W.Active;
  for (unsigned L = 0; L < 32; ++L) {
    Values[L] = W.get(I.S[0], L);
    Undefined[L] = Poisoned ? W.undefinedBits(I.S[0], L) : 0;
  }
  for (unsigned K = 0; K < I.Width; ++K) {
    for (unsigned L = 0; L < 32; ++L)
      if (W.Active >> L & 1)
        W.set(I.D[K], L, Values[L] >> (K * Bits) & ((1ull << Bits) - 1));
    if (!Poisoned) [[likely]] {
      W.setPoison(I.D[K], 0);
      continue;
    }
    UndefinedBits Part;
    for (unsigned L = 0; L < 32; ++L)
      Part[L] = Undefined[L] >> (K * Bits) & ((1ull << Bits) - 1);
    W.setUndefinedBits(I.D[K], Part);
  }
}
static void clockValue(Warp &W, const Instruction &I) {
  uint64_t Now = ++W.Launch->Clock;
  for (unsigned L = 0; L < 32; ++L)
    if (W.Active >> L & 1)
      W.set(I.D[0], L, Now);
  W.setPoison(I.D[0], 0);
}
static void activeMask(Warp &W, const Instruction &I) {
  for (unsigned L = 0; L < 32; ++L)
    if (W.Active >> L & 1)
      W.set(I.D[0], L, W.Active);
  W.setPoison(I.D[0], 0);
}

static void bindMove(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("move");
  D.need(S, 2);
  Type T = I.Type = M.requireType();
  const Argument &To = S.Arguments[0], &From = S.Arguments[1];
  if (From.Kind == Argument::Vector || To.Kind == Argument::Vector) {
    bool Packs = From.Kind == Argument::Vector;
    const auto &Parts = Packs ? From.Elements : To.Elements;
    I.Width = uint8_t(Parts.size());
    if (Parts.size() != 2 && Parts.size() != 4)
      D.fail("expected a vector of 2 or 4 registers");
    unsigned Bits = bitsOf(T) / I.Width;
    Type Part = Bits == 64 ? Type::B64 : Bits == 32 ? Type::B32 : Bits == 16 ? Type::B16 : Type::B8;
    for (unsigned K = 0; K < I.Width; ++K)
      (Packs ? I.S[K] : I.D[K]) = Packs ? D.source(Parts[K], Part) : D.destination(Parts[K], Bits);
    if (Packs)
      I.D[0] = D.destination(To, bitsOf(T));
    else
      I.S[0] = D.source(From, T);
    I.Execute = Packs ? pack : unpack;
    return;
  }
  I.D[0] = D.destination(To, bitsOf(T));
  if (From.Text == "%clock" || From.Text == "%clock64" || From.Text == "%clock_hi" || From.Text == "%globaltimer" ||
      From.Text == "%globaltimer_lo") {
    I.Execute = clockValue;
    return;
  }
  if (From.Kind == Argument::Name && From.Text[0] == '%' && From.Text.find('.') != From.Text.npos && bitsOf(T) != 32) {
    I.S[0] = D.source(From, Type::U32); // old code reads %tid.x as 16 bits
    I.Execute = moveWiden;
    return;
  }
  I.S[0] = D.source(From, T);
  I.Execute = T == Type::Pred     ? movePredicate
              : I.D[0].Bits == 16 ? move<uint16_t>
              : I.D[0].Bits == 32 ? move<uint32_t>
                                  : move<uint64_t>;
}

template <typename T> static void select(Warp &W, const Instruction &I) {
  T Row[32];
  const T *A = W.in<T>(I.S[0]), *B = W.in<T>(I.S[1]);
  const uint32_t P = W.predicate(I.S[2]), Unknown = W.poisonOf(I.S[2]);
  auto Execute = [&] {
    for (unsigned L = 0; L < 32; ++L)
      Row[L] = P >> L & 1 ? A[L] : B[L];
    commit(W, I.D[0], Row);
    W.setPoison(I.D[0], 0);
  };
  trackBits(W, I, Unknown | (P & W.poisonOf(I.S[0])) | (~P & W.poisonOf(I.S[1])), Execute,
            [&](unsigned L) { return Unknown >> L & 1 ? ~uint64_t(0) : W.undefinedBits(I.S[P >> L & 1 ? 0 : 1], L); });
}
static void bindSelect(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("move");
  D.need(S, 4);
  Type T = I.Type = M.requireType();
  I.D[0] = D.destination(S.Arguments[0], bitsOf(T));
  I.S[0] = D.source(S.Arguments[1], T);
  I.S[1] = D.source(S.Arguments[2], T);
  I.S[2] = D.predicate(S.Arguments[3]);
  I.Execute = bitsOf(T) == 16 ? select<uint16_t> : bitsOf(T) == 32 ? select<uint32_t> : select<uint64_t>;
}

template <typename T, typename C, bool Flush = false> static void selectSign(Warp &W, const Instruction &I) {
  lanes3<T, T, T, C>(W, I, [](T A, T B, C X) { return (Flush ? X > C(-0x1p-126) : X >= 0) ? A : B; });
}
static void bindSelectSign(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("move");
  const bool Flush = M.take("ftz");
  D.need(S, 4);
  Type T = I.Type = M.requireType(), C = M.requireType();
  if (bitsOf(T) < 32)
    D.fail("expected slct of 32 or 64 bits");
  I.D[0] = D.destination(S.Arguments[0], bitsOf(T));
  I.S[0] = D.source(S.Arguments[1], T);
  I.S[1] = D.source(S.Arguments[2], T);
  I.S[2] = D.source(S.Arguments[3], C);
  bool Wide = bitsOf(T) == 64;
  if (Flush && C != Type::F32)
    D.fail("expected .ftz where the sign is that of an .f32");
  if (Flush)
    I.Execute = Wide ? selectSign<uint64_t, float, true> : selectSign<uint32_t, float, true>;
  else if (C == Type::F32)
    I.Execute = Wide ? selectSign<uint64_t, float> : selectSign<uint32_t, float>;
  else
    I.Execute = Wide ? selectSign<uint64_t, int32_t> : selectSign<uint32_t, int32_t>;
}

static void bindActiveMask(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("vote");
  M.take("b32");
  D.need(S, 1);
  I.D[0] = D.destination(S.Arguments[0], 32);
  I.Execute = activeMask;
}

std::vector<BinderRow> moveBinders() {
  return {{"mov", bindMove}, {"selp", bindSelect}, {"slct", bindSelectSign}, {"activemask", bindActiveMask}};
}

} // namespace tinyc::emulator::ptx
