// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Logic, shifts and bit fields: and, or, xor, not, cnot, shl, shr, shf, lop3, prmt, bfe, bfi, bfind, brev, popc, clz,
// bmsk, szext, fns.
#include "test/emulators/cuda/Lanes.h"

#include <algorithm>

namespace tinyc::emulator::ptx {

namespace {

/// Logic, bit by bit: a bit of the result is undefined when undefined bits at its place can change it.
template <typename T, unsigned Sources, typename F> void bitwise(Warp &W, const Instruction &I, F Op) {
  uint32_t Poisoned = 0;
  for (unsigned K = 0; K < Sources; ++K)
    Poisoned |= W.poisonOf(I.S[K]);
  auto Execute = [&] {
    if constexpr (Sources == 2)
      lanes2<T, T, T>(W, I, [&](T A, T B) { return Op(A, B, T(0)); });
    else
      lanes3<T, T, T, T>(W, I, Op);
  };
  trackBits(W, I, Poisoned, Execute, [&](unsigned L) {
    T Value[3] = {}, Undefined[3] = {}, Changes = 0;
    for (unsigned K = 0; K < Sources; ++K) {
      Value[K] = T(W.get(I.S[K], L));
      Undefined[K] = T(W.undefinedBits(I.S[K], L));
    }
    const T R = Op(Value[0], Value[1], Value[2]);
    for (unsigned Flip = 1; Flip < 1u << Sources; ++Flip)
      Changes |= T(R ^ Op(Value[0] ^ (Flip & 1 ? Undefined[0] : T(0)), Value[1] ^ (Flip & 2 ? Undefined[1] : T(0)),
                          Value[2] ^ (Flip & 4 ? Undefined[2] : T(0))));
    return uint64_t(Changes);
  });
}

template <typename T> void logic(Warp &W, const Instruction &I) {
  switch (I.Variant) {
  case 0:
    return bitwise<T, 2>(W, I, [](T A, T B, T) { return T(A & B); });
  case 1:
    return bitwise<T, 2>(W, I, [](T A, T B, T) { return T(A | B); });
  case 2:
    return bitwise<T, 2>(W, I, [](T A, T B, T) { return T(A ^ B); });
  case 3:
    return trackBits(
        W, I, W.poisonOf(I.S[0]), [&] { lanes1<T, T>(W, I, [](T A) { return T(~A); }); },
        [&](unsigned L) { return W.undefinedBits(I.S[0], L); });
  default:
    return lanes1<T, T>(W, I, [](T A) { return T(A == 0); });
  }
}

void logicPredicate(Warp &W, const Instruction &I) {
  uint32_t A = W.predicate(I.S[0]), B = I.S[1] ? W.predicate(I.S[1]) : 0;
  // A defined false makes `and` false, a defined true makes `or` true, whatever the other is.
  uint32_t PA = W.poisonOf(I.S[0]), PB = I.S[1] ? W.poisonOf(I.S[1]) : 0, Bad = PA | PB;
  if (I.Variant == 0)
    Bad &= ~((~A & ~PA) | (~B & ~PB));
  if (I.Variant == 1)
    Bad &= ~((A & ~PA) | (B & ~PB));
  uint32_t R = I.Variant == 0 ? A & B : I.Variant == 1 ? A | B : I.Variant == 2 ? A ^ B : ~A;
  W.setPredicate(I.D[0], R);
  W.setPoison(I.D[0], Bad);
}

void bindLogic(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("logic");
  static const char *Names[] = {"and", "or", "xor", "not", "cnot"};
  for (uint8_t K = 0; K < 5; ++K)
    if (S.Parts[0] == Names[K])
      I.Variant = K;
  Type T = M.requireType();
  bindSame(D, S, I, T, I.Variant < 3 ? 2 : 1);
  I.Execute = T == Type::Pred   ? logicPredicate
              : bitsOf(T) == 16 ? logic<uint16_t>
              : bitsOf(T) == 32 ? logic<uint32_t>
                                : logic<uint64_t>;
}

/// Amounts at or above the width give 0, or the sign for arithmetic shifts.
template <typename T> void shiftLeft(Warp &W, const Instruction &I) {
  route1By1<T, T, uint32_t>(W, I, [](T A, uint32_t N) { return N < sizeof(T) * 8 ? T(A << N) : T(0); });
}
template <typename T> void shiftRight(Warp &W, const Instruction &I) {
  constexpr uint32_t Width = sizeof(T) * 8;
  route1By1<T, T, uint32_t>(W, I, [](T A, uint32_t N) {
    if (N < Width)
      return T(A >> N);
    return A < 0 ? T(-1) : T(0);
  });
}
void bindShift(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("logic");
  Type T = I.Type = M.requireType();
  D.need(S, 3);
  I.D[0] = D.destination(S.Arguments[0], bitsOf(T));
  I.S[0] = D.source(S.Arguments[1], T);
  I.S[1] = D.source(S.Arguments[2], Type::U32);
  unsigned Bits = bitsOf(T);
  if (S.Parts[0] == "shl")
    I.Execute = Bits == 16 ? shiftLeft<uint16_t> : Bits == 32 ? shiftLeft<uint32_t> : shiftLeft<uint64_t>;
  else if (isSigned(T))
    I.Execute = Bits == 16 ? shiftRight<int16_t> : Bits == 32 ? shiftRight<int32_t> : shiftRight<int64_t>;
  else
    I.Execute = Bits == 16 ? shiftRight<uint16_t> : Bits == 32 ? shiftRight<uint32_t> : shiftRight<uint64_t>;
}

/// Variant 1 shifts right; Mode 1 wraps the amount, else it is clamped at 32.
void funnel(Warp &W, const Instruction &I) {
  route2By1<uint32_t, uint32_t, uint32_t, uint32_t>(W, I, [&](uint32_t Low, uint32_t High, uint32_t N) {
    N = I.Mode ? N & 31 : std::min(N, 32u);
    uint64_t Both = uint64_t(High) << 32 | Low;
    return uint32_t(I.Variant ? Both >> N : Both << N >> 32);
  });
}
void bindFunnel(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("logic");
  I.Variant = M.oneOf({"l", "r"}) == 1;
  I.Mode = M.oneOf({"clamp", "wrap"}) == 1;
  bindSame(D, S, I, M.requireType(), 3);
  I.Execute = funnel;
}

void lookup3(Warp &W, const Instruction &I) {
  uint32_t Table = uint32_t(I.Offset);
  bitwise<uint32_t, 3>(W, I, [=](uint32_t A, uint32_t B, uint32_t C) {
    uint32_t R = 0;
    for (unsigned K = 0; K < 8; ++K)
      if (Table >> K & 1)
        R |= (K & 4 ? A : ~A) & (K & 2 ? B : ~B) & (K & 1 ? C : ~C);
    return R;
  });
}
void bindLookup3(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("logic");
  I.Type = M.requireType();
  D.need(S, 5);
  I.D[0] = D.destination(S.Arguments[0], 32);
  for (unsigned K = 0; K < 3; ++K)
    I.S[K] = D.source(S.Arguments[K + 1], Type::B32);
  if (S.Arguments[4].Kind != Argument::Integer || S.Arguments[4].Value > 255)
    D.fail("expected a table of 8 bits as last operand");
  I.Offset = int64_t(S.Arguments[4].Value);
  I.Execute = lookup3;
}

void permute(Warp &W, const Instruction &I) {
  route2By1<uint32_t, uint32_t, uint32_t, uint32_t>(W, I, [&](uint32_t A, uint32_t B, uint32_t C) {
    uint64_t Both = uint64_t(B) << 32 | A;
    auto Byte = [&](unsigned K) { return uint32_t(Both >> (8 * (K & 7))) & 255; };
    uint32_t N = C & 3, R = 0;
    for (unsigned K = 0; K < 4; ++K) {
      uint32_t V = 0;
      switch (I.Variant) {
      case 0: {
        uint32_t Selector = C >> (4 * K) & 15;
        V = Byte(Selector);
        if (Selector & 8)
          V = V & 128 ? 255 : 0;
        break;
      }
      case 1: // f4e
        V = Byte(N + K);
        break;
      case 2: // b4e
        V = Byte(N + 8 - K);
        break;
      case 3: // rc8
        V = Byte(N);
        break;
      case 4: // ecl
        V = Byte(std::max(K, N));
        break;
      case 5: // ecr
        V = Byte(std::min(K, N));
        break;
      default: // rc16
        V = Byte((N & 1) * 2 + (K & 1));
      }
      R |= V << (8 * K);
    }
    return R;
  });
}
void bindPermute(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("logic");
  bindSame(D, S, I, M.requireType(), 3);
  I.Variant = uint8_t(M.oneOf({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"}) + 1);
  I.Execute = permute;
}

template <typename T> void extract(Warp &W, const Instruction &I) {
  using U = std::make_unsigned_t<T>;
  constexpr uint32_t Width = sizeof(T) * 8;
  route1By2<T, T, uint32_t, uint32_t>(W, I, [](T A, uint32_t Begin, uint32_t Length) {
    Begin &= 255;
    Length &= 255;
    uint32_t Last = std::min(Begin + Length - 1, Width - 1);
    bool Sign = std::is_signed_v<T> && Length && (U(A) >> Last & 1);
    U R = Begin < Width ? U(A) >> Begin : 0;
    uint32_t Valid = Begin < Width ? std::min(Length, Width - Begin) : 0;
    if (Valid < Width) {
      R &= (U(1) << Valid) - 1;
      if (Sign)
        R |= U(~U(0)) << Valid;
    }
    return T(R);
  });
}
void bindExtract(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("logic");
  Type T = I.Type = M.requireType();
  D.need(S, 4);
  I.D[0] = D.destination(S.Arguments[0], bitsOf(T));
  I.S[0] = D.source(S.Arguments[1], T);
  I.S[1] = D.source(S.Arguments[2], Type::U32);
  I.S[2] = D.source(S.Arguments[3], Type::U32);
  I.Execute = T == Type::S32   ? extract<int32_t>
              : T == Type::S64 ? extract<int64_t>
              : T == Type::U64 ? extract<uint64_t>
                               : extract<uint32_t>;
}

template <typename T> void insert(Warp &W, const Instruction &I) {
  constexpr uint32_t Width = sizeof(T) * 8;
  T Row[32];
  const T *A = W.in<T>(I.S[0]), *B = W.in<T>(I.S[1]);
  const uint32_t *P = W.in<uint32_t>(I.S[2]), *N = W.in<uint32_t>(I.S[3]);
  auto Inserted = [&](T Field, T Rest, unsigned L) {
    uint32_t Begin = P[L] & 255, Length = N[L] & 255;
    uint32_t Valid = Begin < Width ? std::min(Length, Width - Begin) : 0;
    T Mask = Valid == 0 ? 0 : T((Valid == Width ? ~T(0) : (T(1) << Valid) - 1) << Begin);
    return T((Rest & ~Mask) | (Valid ? (Field << Begin) & Mask : 0));
  };
  auto Execute = [&] {
    for (unsigned L = 0; L < 32; ++L)
      Row[L] = Inserted(A[L], B[L], L);
    commit(W, I.D[0], Row);
    W.setPoison(I.D[0], 0);
  };
  const uint32_t Unknown = W.poisonOf(I.S[2]) | W.poisonOf(I.S[3]);
  trackBits(W, I, W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]) | Unknown, Execute, [&](unsigned L) {
    return Unknown >> L & 1 ? ~uint64_t(0)
                            : uint64_t(Inserted(T(W.undefinedBits(I.S[0], L)), T(W.undefinedBits(I.S[1], L)), L));
  });
}
void bindInsert(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("logic");
  Type T = I.Type = M.requireType();
  D.need(S, 5);
  I.D[0] = D.destination(S.Arguments[0], bitsOf(T));
  I.S[0] = D.source(S.Arguments[1], T);
  I.S[1] = D.source(S.Arguments[2], T);
  I.S[2] = D.source(S.Arguments[3], Type::U32);
  I.S[3] = D.source(S.Arguments[4], Type::U32);
  I.Execute = bitsOf(T) == 64 ? insert<uint64_t> : insert<uint32_t>;
}

/// popc, clz and bfind give 32 bits; brev gives its operand's width.
template <typename T> void countBits(Warp &W, const Instruction &I) {
  using U = std::make_unsigned_t<T>;
  constexpr uint32_t Width = sizeof(T) * 8;
  lanes1<uint32_t, T>(W, I, [&](T A) {
    switch (I.Variant) {
    case 0:
      return uint32_t(std::popcount(U(A)));
    case 1:
      return uint32_t(std::countl_zero(U(A)));
    default: {
      U V = A < 0 ? U(~U(A)) : U(A);
      uint32_t Place = V ? Width - 1 - uint32_t(std::countl_zero(V)) : ~0u;
      return I.Mode && V ? Width - 1 - Place : Place;
    }
    }
  });
}
template <typename T> void reverse(Warp &W, const Instruction &I) {
  route1<T, T>(W, I, [](T A) {
    T R = 0;
    for (unsigned K = 0; K < sizeof(T) * 8; ++K)
      R = T(R << 1 | (A >> K & 1));
    return R;
  });
}
void bindCount(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("logic");
  I.Variant = S.Parts[0] == "popc" ? 0 : S.Parts[0] == "clz" ? 1 : 2;
  I.Mode = M.take("shiftamt");
  Type T = I.Type = M.requireType();
  D.need(S, 2);
  I.D[0] = D.destination(S.Arguments[0], 32);
  I.S[0] = D.source(S.Arguments[1], T);
  I.Execute = T == Type::S32    ? countBits<int32_t>
              : T == Type::S64  ? countBits<int64_t>
              : bitsOf(T) == 64 ? countBits<uint64_t>
                                : countBits<uint32_t>;
}
void bindReverse(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("logic");
  bindSame(D, S, I, M.requireType(), 1);
  I.Execute = bitsOf(I.Type) == 64 ? reverse<uint64_t> : reverse<uint32_t>;
}

/// A mask of S[1] bits from bit S[0] on.
void bitMask(Warp &W, const Instruction &I) {
  lanes2<uint32_t, uint32_t, uint32_t>(W, I, [&](uint32_t Begin, uint32_t Length) {
    Begin = I.Mode ? Begin & 31 : std::min(Begin, 32u);
    Length = I.Mode ? Length & 31 : std::min(Length, 32u);
    uint64_t Ones = (1ull << Length) - 1;
    return uint32_t(Ones << Begin);
  });
}
void bindBitMask(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("logic");
  I.Mode = M.oneOf({"clamp", "wrap"}) == 1;
  bindSame(D, S, I, M.requireType(), 2);
  I.Execute = bitMask;
}

/// Sign- or zero-extends from S[1] bits.
void extend(Warp &W, const Instruction &I) {
  route1By1<uint32_t, uint32_t, uint32_t>(W, I, [&](uint32_t A, uint32_t N) {
    N = I.Mode ? N & 31 : std::min(N, 32u);
    if (N == 32)
      return A;
    uint32_t Mask = (1u << N) - 1;
    bool Sign = I.Type == Type::S32 && N && A >> (N - 1) & 1;
    return Sign ? A | ~Mask : A & Mask;
  });
}
void bindExtend(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("logic");
  I.Mode = M.oneOf({"clamp", "wrap"}) == 1;
  bindSame(D, S, I, M.requireType(), 2);
  I.Execute = extend;
}

} // namespace

std::vector<BinderRow> bitBinders() {
  return {{"and", bindLogic},    {"or", bindLogic},     {"xor", bindLogic},   {"not", bindLogic},
          {"cnot", bindLogic},   {"shl", bindShift},    {"shr", bindShift},   {"shf", bindFunnel},
          {"lop3", bindLookup3}, {"prmt", bindPermute}, {"bfe", bindExtract}, {"bfi", bindInsert},
          {"bfind", bindCount},  {"popc", bindCount},   {"clz", bindCount},   {"brev", bindReverse},
          {"bmsk", bindBitMask}, {"szext", bindExtend}};
}

} // namespace tinyc::emulator::ptx
