// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// f32 and f64 arithmetic, correctly rounded in every mode; .ftz, .sat, NaN as the hardware makes it; testp, copysign.
#include "test/emulators/cuda/HalfTypes.h"
#include "test/emulators/cuda/Lanes.h"

#include <cfenv>
#include <limits>

namespace tinyc::emulator::ptx {

void bindPackedFloat(Decoder &D, Modifiers &M, const Statement &S, Instruction &I);
void bindHalf(Decoder &D, Modifiers &M, const Statement &S, Instruction &I, Type T);
void bindApproximateDivision(Decoder &D, Modifiers &M, const Statement &S, Instruction &I, bool Full);

namespace {

struct FAdd {
  template <typename T> static T apply(T A, T B) { return A + B; }
};
struct FSub {
  template <typename T> static T apply(T A, T B) { return A - B; }
};
struct FMul {
  template <typename T> static T apply(T A, T B) { return A * B; }
};
struct FDiv {
  template <typename T> static T apply(T A, T B) { return A / B; }
};
struct FFma {
  template <typename T> static T apply(T A, T B, T C) { return std::fma(A, B, C); }
};
struct FSqrt {
  template <typename T> static T apply(T A) { return std::sqrt(A); }
};
struct FRcp {
  template <typename T> static T apply(T A) { return T(1) / A; }
};

float flush(float V) { return std::fabs(V) < 0x1p-126f ? std::copysign(0.0f, V) : V; }
double flush(double V) { return V; }

/// NaN results of f32 instructions are 0x7fffffff; f64 keeps what the host makes, which PTX leaves open.
float canonical(float V) { return V != V ? std::bit_cast<float>(0x7fffffffu) : V; }
double canonical(double V) { return V; }

template <typename T> T saturated(T V) { return V != V ? T(0) : V < T(0) ? T(0) : V > T(1) ? T(1) : V; }

template <bool Flush, bool Saturate, typename T> T finish(T V) {
  V = canonical(V);
  if (Flush)
    V = flush(V);
  return Saturate ? saturated(V) : V;
}
template <bool Flush, typename T> T input(T V) { return Flush ? flush(V) : V; }

template <typename Op, typename T, bool Flush, bool Saturate> void nearest1(Warp &W, const Instruction &I) {
  lanes1<T, T>(W, I, [](T A) { return finish<Flush, Saturate>(Op::apply(input<Flush>(A))); });
}
template <typename Op, typename T, bool Flush, bool Saturate> void nearest2(Warp &W, const Instruction &I) {
  lanes2<T, T, T>(W, I, [](T A, T B) { return finish<Flush, Saturate>(Op::apply(input<Flush>(A), input<Flush>(B))); });
}
template <typename Op, typename T, bool Flush, bool Saturate> void nearest3(Warp &W, const Instruction &I) {
  lanes3<T, T, T, T>(W, I, [](T A, T B, T C) {
    return finish<Flush, Saturate>(Op::apply(input<Flush>(A), input<Flush>(B), input<Flush>(C)));
  });
}

/// The host's rounding mode for as long as this lives. Operands pass through volatile variables, so that nothing is
/// computed outside.
struct RoundingScope {
  explicit RoundingScope(Rounding R) : Old(std::fegetround()) {
    std::fesetround(R == Rounding::TowardZero ? FE_TOWARDZERO : R == Rounding::Down ? FE_DOWNWARD : FE_UPWARD);
  }
  ~RoundingScope() { std::fesetround(Old); }
  int Old;
};
template <typename T> T hidden(T V) {
  volatile T H = V;
  return H;
}
template <typename Op, typename T, unsigned N> void directed(Warp &W, const Instruction &I) {
  RoundingScope Scope(I.Round);
  auto In = [&](T V) { return hidden(I.FlushSubnormals ? flush(V) : V); };
  auto Out = [&](T V) {
    V = canonical(hidden(V));
    if (I.FlushSubnormals)
      V = flush(V);
    return I.Saturate ? saturated(V) : V;
  };
  if constexpr (N == 1)
    lanes1<T, T>(W, I, [&](T A) { return Out(Op::apply(In(A))); });
  else if constexpr (N == 2)
    lanes2<T, T, T>(W, I, [&](T A, T B) { return Out(Op::apply(In(A), In(B))); });
  else
    lanes3<T, T, T, T>(W, I, [&](T A, T B, T C) { return Out(Op::apply(In(A), In(B), In(C))); });
}

template <typename Op, typename T, unsigned N, bool Flush, bool Saturate> Handler nearestOf() {
  if constexpr (N == 1)
    return nearest1<Op, T, Flush, Saturate>;
  else if constexpr (N == 2)
    return nearest2<Op, T, Flush, Saturate>;
  else
    return nearest3<Op, T, Flush, Saturate>;
}
template <typename Op, typename T, unsigned N> Handler rounded(const Instruction &I) {
  if (I.Round != Rounding::Default && I.Round != Rounding::NearestEven)
    return directed<Op, T, N>;
  return I.FlushSubnormals ? (I.Saturate ? nearestOf<Op, T, N, true, true>() : nearestOf<Op, T, N, true, false>())
                           : (I.Saturate ? nearestOf<Op, T, N, false, true>() : nearestOf<Op, T, N, false, false>());
}
template <typename Op, unsigned N> Handler rounded(const Instruction &I, Type T) {
  return T == Type::F64 ? rounded<Op, double, N>(I) : rounded<Op, float, N>(I);
}

// min and max: Mode 1 propagates NaN, Mode 2 takes the sign from the product of signs (xorsign.abs).
template <typename T, bool Max> T extremeOf(const Instruction &I, T A, T B) {
  if (I.FlushSubnormals) {
    A = flush(A);
    B = flush(B);
  }
  bool Negative = std::signbit(A) != std::signbit(B);
  if (I.Mode & 2) {
    A = std::fabs(A);
    B = std::fabs(B);
  }
  T R;
  if (A != A || B != B)
    R = I.Mode & 1 || (A != A && B != B) ? std::numeric_limits<T>::quiet_NaN() : A != A ? B : A;
  else if (A == B)
    R = (Max ? std::signbit(A) : std::signbit(B)) ? B : A; // -0 is less than +0
  else
    R = (A < B) == Max ? B : A;
  if (R != R)
    return canonical(R);
  return I.Mode & 2 ? std::copysign(R, Negative ? T(-1) : T(1)) : R;
}
template <typename T, bool Max> void extreme(Warp &W, const Instruction &I) {
  lanes2<T, T, T>(W, I, [&](T A, T B) { return extremeOf<T, Max>(I, A, B); });
}
template <typename T, bool Max> void extreme3(Warp &W, const Instruction &I) {
  lanes3<T, T, T, T>(W, I, [&](T A, T B, T C) { return extremeOf<T, Max>(I, extremeOf<T, Max>(I, A, B), C); });
}

template <typename U, bool Negates> void signOnly(Warp &W, const Instruction &I) {
  constexpr U Top = U(1) << (sizeof(U) * 8 - 1), Exponent = sizeof(U) == 8 ? U(0x7ff0000000000000ull) : U(0x7f800000u);
  lanes1<U, U>(W, I, [&](U V) {
    if (I.FlushSubnormals && !(V & Exponent))
      V &= Top;
    return U(Negates ? V ^ Top : V & ~Top);
  });
}

} // namespace

/// add, sub, mul, div, mad, min, max, abs, neg of floating-point type, whose type modifier has been taken.
bool bindFloatArithmetic(Decoder &D, Modifiers &M, const Statement &S, Instruction &I, Type T) {
  if (T == Type::F32x2) {
    bindPackedFloat(D, M, S, I);
    return true;
  }
  if (T != Type::F32 && T != Type::F64) {
    bindHalf(D, M, S, I, T);
    return true;
  }
  const std::string &Root = S.Parts[0];
  I.Class = classNamed(T == Type::F64 ? "double" : "float");
  I.Round = M.rounding();
  I.FlushSubnormals = M.take("ftz");
  I.Saturate = M.take("sat");
  if (Root == "div" && T == Type::F32) {
    bool Full = M.take("full");
    if (Full || M.take("approx")) {
      bindApproximateDivision(D, M, S, I, Full);
      return true;
    }
  }
  bool Three = Root == "mad" || Root == "fma" || ((Root == "min" || Root == "max") && S.Arguments.size() == 4);
  bool One = Root == "abs" || Root == "neg";
  if (Root == "min" || Root == "max") {
    I.Mode = M.take("NaN");
    if (M.take("xorsign")) {
      M.take("abs");
      I.Mode |= 2;
    }
  }
  bindSame(D, S, I, T, Three ? 3 : One ? 1 : 2);
  bool Wide = T == Type::F64;
  if (Root == "add")
    I.Execute = rounded<FAdd, 2>(I, T);
  else if (Root == "sub")
    I.Execute = rounded<FSub, 2>(I, T);
  else if (Root == "mul")
    I.Execute = rounded<FMul, 2>(I, T);
  else if (Root == "div")
    I.Execute = rounded<FDiv, 2>(I, T);
  else if (Root == "mad" || Root == "fma")
    I.Execute = rounded<FFma, 3>(I, T);
  else if (Root == "min")
    I.Execute = Wide ? extreme<double, false> : Three ? extreme3<float, false> : extreme<float, false>;
  else if (Root == "max")
    I.Execute = Wide ? extreme<double, true> : Three ? extreme3<float, true> : extreme<float, true>;
  else if (Root == "abs")
    I.Execute = Wide ? signOnly<uint64_t, false> : signOnly<uint32_t, false>;
  else if (Root == "neg")
    I.Execute = Wide ? signOnly<uint64_t, true> : signOnly<uint32_t, true>;
  else
    D.fail("unknown instruction: " + Root + " of this type is not supported");
  return true;
}

static void bindFma(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  bindFloatArithmetic(D, M, S, I, M.requireType());
}

/// sqrt.rn and rcp.rn; the approximate ones are bound elsewhere.
void bindExactRoot(Decoder &D, const Statement &S, Instruction &I, Type T) {
  I.Class = classNamed(T == Type::F64 ? "double" : "float");
  bindSame(D, S, I, T, 1);
  I.Execute = S.Parts[0] == "sqrt" ? rounded<FSqrt, 1>(I, T) : rounded<FRcp, 1>(I, T);
}

static void testProperty(Warp &W, const Instruction &I) {
  uint32_t Bits = 0;
  for (unsigned L = 0; L < 32; ++L) {
    double V = I.Type == Type::F64 ? W.in<double>(I.S[0])[L] : W.in<float>(I.S[0])[L];
    double Least = I.Type == Type::F64 ? 0x1p-1022 : 0x1p-126;
    bool Finite = std::isfinite(V), Subnormal = V != 0 && std::fabs(V) < Least;
    bool Holds[] = {Finite, std::isinf(V), !std::isnan(V), std::isnan(V), Finite && !Subnormal && V != 0, Subnormal};
    Bits |= uint32_t(Holds[I.Variant]) << L;
  }
  W.setPredicate(I.D[0], Bits);
  W.setPoison(I.D[0], W.poisonOf(I.S[0]));
}
static void bindTestProperty(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("compare");
  int P = M.oneOf({"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  if (P < 0)
    D.fail("expected a property");
  I.Variant = uint8_t(P);
  I.Type = M.requireType();
  D.need(S, 2);
  I.D[0] = D.destination(S.Arguments[0], 1);
  I.S[0] = D.source(S.Arguments[1], I.Type);
  I.Execute = testProperty;
}

template <typename U> static void copySign(Warp &W, const Instruction &I) {
  constexpr U Top = U(1) << (sizeof(U) * 8 - 1);
  lanes2<U, U, U>(W, I, [](U A, U B) { return U((A & Top) | (B & ~Top)); });
}
static void bindCopySign(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("float");
  bindSame(D, S, I, M.requireType(), 2);
  I.Execute = I.Type == Type::F64 ? copySign<uint64_t> : copySign<uint32_t>;
}

std::vector<BinderRow> floatBinders() {
  return {{"fma", bindFma}, {"testp", bindTestProperty}, {"copysign", bindCopySign}};
}

} // namespace tinyc::emulator::ptx
