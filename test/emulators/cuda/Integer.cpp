// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integer arithmetic: add, sub, mul, mad, div, rem, min, max, abs, neg, sad, carries, dp4a and mul24. The binder of a
// root that floats share (add, mul, ...) hands statements of floating-point type on to the float and half binders.
#include "test/emulators/cuda/Lanes.h"

#include <limits>
#include <type_traits>

namespace tinyc::emulator::ptx {

// Each operation is a struct with one template; arithmetic is done unsigned, so that overflow wraps.
namespace {
struct Add {
  template <typename T> static T apply(T A, T B) { return T(std::make_unsigned_t<T>(A) + std::make_unsigned_t<T>(B)); }
};
struct Sub {
  template <typename T> static T apply(T A, T B) { return T(std::make_unsigned_t<T>(A) - std::make_unsigned_t<T>(B)); }
};
struct MulLow {
  template <typename T> static T apply(T A, T B) { return T(uint64_t(A) * uint64_t(B)); }
};
struct MulHigh {
  template <typename T> static T apply(T A, T B) {
    if constexpr (sizeof(T) == 8) {
      using Wide = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
      return T(Wide(A) * Wide(B) >> 64);
    } else {
      using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
      return T(Wide(A) * Wide(B) >> (sizeof(T) * 8));
    }
  }
};
struct Div { // by zero the machine gives all ones
  template <typename T> static T apply(T A, T B) {
    if (B == 0)
      return T(-1);
    if (std::is_signed_v<T> && B == T(-1))
      return T(0 - std::make_unsigned_t<T>(A));
    return T(A / B);
  }
};
struct Rem {
  template <typename T> static T apply(T A, T B) {
    if (B == 0)
      return A;
    if (std::is_signed_v<T> && B == T(-1))
      return 0;
    return T(A % B);
  }
};
struct Min {
  template <typename T> static T apply(T A, T B) { return A < B ? A : B; }
};
struct Max {
  template <typename T> static T apply(T A, T B) { return A > B ? A : B; }
};
struct AddSaturate {
  template <typename T> static T apply(T A, T B) {
    T R;
    if (!__builtin_add_overflow(A, B, &R))
      return R;
    return A < 0 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
  }
};
struct SubSaturate {
  template <typename T> static T apply(T A, T B) {
    T R;
    if (!__builtin_sub_overflow(A, B, &R))
      return R;
    return A < 0 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
  }
};

template <typename Op, typename T> void binary(Warp &W, const Instruction &I) {
  auto Execute = [&] { lanes2<T, T, T>(W, I, [](T A, T B) { return Op::template apply<T>(A, B); }); };
  if constexpr (std::is_same_v<Op, Add> || std::is_same_v<Op, Sub> || std::is_same_v<Op, MulLow>)
    trackUpwards(W, I, 2, Execute);
  else
    Execute();
}

template <typename Op> Handler binaryOf(Type T) {
  switch (T) {
  case Type::S16:
    return binary<Op, int16_t>;
  case Type::U16:
  case Type::B16:
    return binary<Op, uint16_t>;
  case Type::S32:
    return binary<Op, int32_t>;
  case Type::U32:
  case Type::B32:
    return binary<Op, uint32_t>;
  case Type::S64:
    return binary<Op, int64_t>;
  case Type::U64:
  case Type::B64:
    return binary<Op, uint64_t>;
  default:
    return nullptr;
  }
}

template <typename T> void absolute(Warp &W, const Instruction &I) {
  lanes1<T, T>(W, I, [](T A) { return A < 0 ? T(0 - std::make_unsigned_t<T>(A)) : A; });
}
template <typename T> void negate(Warp &W, const Instruction &I) {
  trackUpwards(W, I, 1, [&] { lanes1<T, T>(W, I, [](T A) { return T(0 - std::make_unsigned_t<T>(A)); }); });
}

// mad and mul.wide: Variant 0 low, 1 high, 2 wide; a wide product has twice the bits.
template <typename Op, typename T> void multiplyAdd(Warp &W, const Instruction &I) {
  auto Execute = [&] {
    lanes3<T, T, T, T>(W, I, [](T A, T B, T C) { return Add::apply<T>(Op::template apply<T>(A, B), C); });
  };
  if constexpr (std::is_same_v<Op, MulLow>)
    trackUpwards(W, I, 3, Execute);
  else
    Execute();
}
template <typename D, typename T> void multiplyWide(Warp &W, const Instruction &I) {
  lanes2<D, T, T>(W, I, [](T A, T B) { return D(D(A) * D(B)); });
}
template <typename D, typename T> void multiplyAddWide(Warp &W, const Instruction &I) {
  lanes3<D, T, T, D>(W, I, [](T A, T B, D C) { return Add::apply<D>(D(D(A) * D(B)), C); });
}

/// Sum of absolute differences.
template <typename T> void sad(Warp &W, const Instruction &I) {
  using U = std::make_unsigned_t<T>;
  lanes3<U, T, T, U>(W, I, [](T A, T B, U C) { return U(C + (A < B ? U(U(B) - U(A)) : U(U(A) - U(B)))); });
}

bool floating(Type T) { return isFloat(T); }

} // namespace

// Defined beside floats and halves: true when the statement's type is theirs and has been bound.
bool bindFloatArithmetic(Decoder &D, Modifiers &M, const Statement &S, Instruction &I, Type T);

static Type typeOf(const Statement &S) {
  for (const std::string &Part : S.Parts)
    if (Type T = typeNamed(Part); T != Type::None)
      return T;
  return Type::None;
}

static void needHandler(Decoder &D, const Instruction &I) {
  if (!I.Execute)
    D.fail("unknown instruction: this type is not supported");
}

// Carries: one predicate-like bit a lane, kept in a register of its own that all of a kernel's carry chains share.
template <typename T> static void addCarry(Warp &W, const Instruction &I) {
  using Wide = unsigned __int128;
  const T *A = W.in<T>(I.S[0]), *B = W.in<T>(I.S[1]), *C = I.Width == 3 ? W.in<T>(I.S[2]) : nullptr;
  T Row[32];
  uint32_t CarryIn = I.Mode & 1 ? W.Carry : 0, CarryOut = 0;
  for (unsigned L = 0; L < 32; ++L) {
    Wide X = A[L], Y = B[L];
    if (C) { // mad.cc: the chosen half of the product
      Wide Product = X * Y;
      if (isSigned(I.Type))
        Product = Wide(__int128(std::make_signed_t<T>(A[L])) * std::make_signed_t<T>(B[L]));
      X = T(I.Variant == 1 ? Product >> (sizeof(T) * 8) : Product);
      Y = C[L];
    }
    bool In = CarryIn >> L & 1;
    Wide Sum = I.Mode & 4 ? X - Y - In : X + Y + In;
    Row[L] = T(Sum);
    CarryOut |= uint32_t(Sum >> (sizeof(T) * 8) & 1) << L;
  }
  commit(W, I.D[0], Row);
  W.setPoison(I.D[0], W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]) | (C ? W.poisonOf(I.S[2]) : 0));
  if (I.Mode & 2)
    W.Carry = (W.Carry & ~W.Active) | (CarryOut & W.Active);
}

/// Mode: 1 reads the carry, 2 writes it, 4 subtracts.
static void bindCarry(Decoder &D, Modifiers &M, const Statement &S, Instruction &I, unsigned Mode, unsigned Sources) {
  I.Class = classNamed("integer");
  Type T = M.requireType();
  if (M.take("cc"))
    Mode |= 2;
  I.Mode = uint8_t(Mode);
  I.Width = uint8_t(Sources);
  bindSame(D, S, I, T, Sources);
  I.Execute = bitsOf(T) == 64 ? addCarry<uint64_t> : addCarry<uint32_t>;
}

template <typename Op> static void bindBinary(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  if (floating(typeOf(S))) {
    bindFloatArithmetic(D, M, S, I, M.type());
    return;
  }
  I.Class = classNamed("integer");
  constexpr bool Sum = std::is_same_v<Op, Add> || std::is_same_v<Op, Sub>;
  const bool Saturate = Sum && M.take("sat"), Carry = Sum && !Saturate && M.take("cc");
  if (Carry) {
    bindCarry(D, M, S, I, std::is_same_v<Op, Sub> ? 6 : 2, 2);
    return;
  }
  Type T = M.requireType();
  if ((T == Type::S16 || T == Type::U16) && M.take("x2"))
    D.fail("packed 16-bit integers are not supported");
  bindSame(D, S, I, T, 2);
  I.Execute = binaryOf<Op>(T);
  if (Saturate) {
    if (T != Type::S32)
      D.fail("expected .sat on .s32");
    I.Execute = std::is_same_v<Op, Add> ? binary<AddSaturate, int32_t> : binary<SubSaturate, int32_t>;
  }
  needHandler(D, I);
}

static void bindAddCarry(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) { bindCarry(D, M, S, I, 1, 2); }
static void bindSubCarry(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) { bindCarry(D, M, S, I, 5, 2); }

static void bindMul(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  if (floating(typeOf(S))) {
    bindFloatArithmetic(D, M, S, I, M.type());
    return;
  }
  I.Class = classNamed("integer");
  int Half = M.oneOf({"lo", "hi", "wide"});
  Type T = M.requireType();
  if (Half < 0)
    D.fail("expected .lo, .hi or .wide");
  if (Half == 2) {
    D.need(S, 3);
    I.Type = T;
    I.D[0] = D.destination(S.Arguments[0], bitsOf(T) * 2);
    I.S[0] = D.source(S.Arguments[1], T);
    I.S[1] = D.source(S.Arguments[2], T);
    I.Execute = T == Type::S16   ? multiplyWide<int32_t, int16_t>
                : T == Type::U16 ? multiplyWide<uint32_t, uint16_t>
                : T == Type::S32 ? multiplyWide<int64_t, int32_t>
                : T == Type::U32 ? multiplyWide<uint64_t, uint32_t>
                                 : nullptr;
  } else {
    bindSame(D, S, I, T, 2);
    I.Execute = Half ? binaryOf<MulHigh>(T) : binaryOf<MulLow>(T);
  }
  needHandler(D, I);
}

template <typename Op> static Handler multiplyAddOf(Type T) {
  return T == Type::S16   ? multiplyAdd<Op, int16_t>
         : T == Type::U16 ? multiplyAdd<Op, uint16_t>
         : T == Type::S32 ? multiplyAdd<Op, int32_t>
         : T == Type::U32 ? multiplyAdd<Op, uint32_t>
         : T == Type::S64 ? multiplyAdd<Op, int64_t>
         : T == Type::U64 ? multiplyAdd<Op, uint64_t>
                          : nullptr;
}

static void bindMad(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  if (floating(typeOf(S))) {
    bindFloatArithmetic(D, M, S, I, M.type());
    return;
  }
  I.Class = classNamed("integer");
  int Half = M.oneOf({"lo", "hi", "wide"});
  if (S.Parts[0] == "madc" || M.take("cc")) {
    if (Half != 0 && Half != 1)
      D.fail("expected .lo or .hi");
    I.Variant = uint8_t(Half);
    unsigned Mode = S.Parts[0] == "madc" ? 1 : 2;
    bindCarry(D, M, S, I, Mode, 3);
    return;
  }
  Type T = M.requireType();
  if (Half == 2) {
    D.need(S, 4);
    I.Type = T;
    Type Wide = T == Type::S16 ? Type::S32 : T == Type::U16 ? Type::U32 : T == Type::S32 ? Type::S64 : Type::U64;
    I.D[0] = D.destination(S.Arguments[0], bitsOf(Wide));
    I.S[0] = D.source(S.Arguments[1], T);
    I.S[1] = D.source(S.Arguments[2], T);
    I.S[2] = D.source(S.Arguments[3], Wide);
    I.Execute = T == Type::S16   ? multiplyAddWide<int32_t, int16_t>
                : T == Type::U16 ? multiplyAddWide<uint32_t, uint16_t>
                : T == Type::S32 ? multiplyAddWide<int64_t, int32_t>
                : T == Type::U32 ? multiplyAddWide<uint64_t, uint32_t>
                                 : nullptr;
  } else {
    bindSame(D, S, I, T, 3);
    I.Execute = Half == 1 ? multiplyAddOf<MulHigh>(T) : multiplyAddOf<MulLow>(T);
  }
  needHandler(D, I);
}

/// 24-bit products: the low half is bits 0 to 31 of the 48, the high half bits 16 to 47.
template <typename T> static void multiply24(Warp &W, const Instruction &I) {
  auto Product = [&](T A, T B) {
    int64_t X = std::is_signed_v<T> ? int32_t(uint32_t(A) << 8) >> 8 : int64_t(uint32_t(A) & 0xffffff);
    int64_t Y = std::is_signed_v<T> ? int32_t(uint32_t(B) << 8) >> 8 : int64_t(uint32_t(B) & 0xffffff);
    return uint32_t(X * Y >> (I.Variant ? 16 : 0));
  };
  if (I.Width == 3)
    lanes3<uint32_t, T, T, uint32_t>(W, I, [&](T A, T B, uint32_t C) { return Product(A, B) + C; });
  else
    lanes2<uint32_t, T, T>(W, I, Product);
}
static void bindMul24(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("integer");
  I.Variant = M.oneOf({"lo", "hi"}) == 1;
  I.Width = S.Parts[0] == "mad24" ? 3 : 2;
  Type T = M.requireType();
  bindSame(D, S, I, T, I.Width);
  I.Execute = T == Type::S32 ? multiply24<int32_t> : multiply24<uint32_t>;
}

static void bindSad(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("integer");
  Type T = M.requireType();
  bindSame(D, S, I, T, 3);
  I.Execute = T == Type::S32   ? sad<int32_t>
              : T == Type::U32 ? sad<uint32_t>
              : T == Type::S64 ? sad<int64_t>
              : T == Type::U64 ? sad<uint64_t>
              : T == Type::S16 ? sad<int16_t>
                               : sad<uint16_t>;
}

static void bindAbs(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  if (floating(typeOf(S))) {
    bindFloatArithmetic(D, M, S, I, M.type());
    return;
  }
  I.Class = classNamed("integer");
  Type T = M.requireType();
  bindSame(D, S, I, T, 1);
  bool Neg = S.Parts[0] == "neg";
  I.Execute = T == Type::S16   ? (Neg ? negate<int16_t> : absolute<int16_t>)
              : T == Type::S32 ? (Neg ? negate<int32_t> : absolute<int32_t>)
              : T == Type::S64 ? (Neg ? negate<int64_t> : absolute<int64_t>)
                               : nullptr;
  needHandler(D, I);
}

/// Four products of bytes (dp4a) or two of bytes and halves (dp2a), added to C.
static void dotBytes(Warp &W, const Instruction &I) {
  bool SignedA = I.Mode & 1, SignedB = I.Mode & 2;
  auto Byte = [](uint32_t V, unsigned K, bool Signed) -> int32_t {
    uint8_t B = uint8_t(V >> (8 * K));
    return Signed ? int8_t(B) : B;
  };
  auto Half = [](uint32_t V, unsigned K, bool Signed) -> int32_t {
    uint16_t B = uint16_t(V >> (16 * K));
    return Signed ? int16_t(B) : B;
  };
  lanes3<uint32_t, uint32_t, uint32_t, uint32_t>(W, I, [&](uint32_t A, uint32_t B, uint32_t C) {
    if (I.Variant == 4)
      for (unsigned K = 0; K < 4; ++K)
        C += uint32_t(Byte(A, K, SignedA) * Byte(B, K, SignedB));
    else
      for (unsigned K = 0; K < 2; ++K)
        C += uint32_t(Half(A, K, SignedA) * Byte(B, K + 2 * I.Variant, SignedB));
    return C;
  });
}
static void bindDot(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("integer");
  int Half = M.oneOf({"lo", "hi"});
  Type A = M.requireType(), B = M.requireType();
  I.Variant = S.Parts[0] == "dp4a" ? 4 : Half == 1;
  I.Mode = uint8_t(isSigned(A) | isSigned(B) << 1);
  bindSame(D, S, I, Type::B32, 3);
  I.Execute = dotBytes;
}

std::vector<BinderRow> integerBinders() {
  return {{"add", bindBinary<Add>}, {"sub", bindBinary<Sub>}, {"div", bindBinary<Div>}, {"rem", bindBinary<Rem>},
          {"min", bindBinary<Min>}, {"max", bindBinary<Max>}, {"mul", bindMul},         {"mad", bindMad},
          {"madc", bindMad},        {"addc", bindAddCarry},   {"subc", bindSubCarry},   {"mul24", bindMul24},
          {"mad24", bindMul24},     {"sad", bindSad},         {"abs", bindAbs},         {"neg", bindAbs},
          {"dp4a", bindDot},        {"dp2a", bindDot}};
}

} // namespace tinyc::emulator::ptx
