// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The .approx instructions. Each is computed in double and then moved by the largest error that the PTX ISA documents
// for it, up or down as a hash of the operands and the seed decides: what a program gets is the worst that it may get.
// Special values are those of the manual's tables.
#include "test/emulators/cuda/HalfTypes.h"
#include "test/emulators/cuda/Lanes.h"

#include <cmath>
#include <limits>

namespace tinyc::emulator::ptx {

void bindExactRoot(Decoder &D, const Statement &S, Instruction &I, Type T);

namespace {

// PTX ISA 9.0, "Floating Point Instructions": maximum errors of the f32 forms.
constexpr double ReciprocalError = 0x1p-23;     // rcp: 1 ulp
constexpr double RootError = 0x1p-23;           // sqrt: relative 2^-23
constexpr double InverseRootError = 0x1.12p-23; // rsqrt: relative 2^-22.9
constexpr double SineError = 0x1.6ap-21;        // sin, cos: absolute 2^-20.5 within [-2 pi, 2 pi]
constexpr double FarSineError = 0x1.3bp-15;     // and 2^-14.7 within [-100 pi, 100 pi]
constexpr double TanhError = 0x1p-11;           // tanh: relative 2^-11

/// +1 or -1, the same for the same operand, opcode and seed.
double direction(const Warp &W, const Instruction &I, uint64_t Bits) {
  uint64_t Z = Bits + I.Variant * 0x9e3779b97f4a7c15ull + W.Launch->Seed * 0xd1342543de82ef95ull;
  Z = (Z ^ Z >> 31) * 0xbf58476d1ce4e5b9ull;
  Z = (Z ^ Z >> 29) * 0x94d049bb133111ebull;
  return Z >> 63 ? 1 : -1;
}

/// The float farthest from V in the given direction that is within Error of it.
float farthest(double V, double Error, double Direction) {
  float F = float(V + Error * Direction);
  if (!std::isfinite(F) || V == 0)
    return float(V);
  if (std::fabs(double(F) - V) > Error)
    F = std::nextafterf(F, float(Direction) * -std::numeric_limits<float>::infinity());
  // An error finer than the grain of floats leaves the nearest one.
  return std::fabs(double(F) - V) > Error ? float(V) : F;
}
float relative(double V, double Error, double Direction) { return farthest(V, Error * std::fabs(V), Direction); }

/// Error in units in the last place of the result.
float byUlps(double V, double Ulps, double Direction) {
  if (V == 0 || !std::isfinite(V))
    return float(V);
  return farthest(V, std::ldexp(Ulps, std::max(std::ilogb(V), -126) - 23), Direction);
}

enum Function : uint8_t {
  Reciprocal,
  Root,
  InverseRoot,
  Sine,
  Cosine,
  Exponential,
  Logarithm,
  Tangent,
  Division,
  FullDivision
};

float approximate(const Warp &W, const Instruction &I, float A) {
  const double X = A, Sign = direction(W, I, std::bit_cast<uint32_t>(A));
  switch (I.Variant) {
  case Reciprocal:
    if (A == 0 || std::isinf(A))
      return 1.0f / A;
    return relative(1 / X, ReciprocalError, Sign);
  case Root:
    if (A < 0)
      return std::numeric_limits<float>::quiet_NaN();
    return A == 0 || std::isinf(A) ? A : relative(std::sqrt(X), RootError, Sign);
  case InverseRoot:
    if (A == 0)
      return std::copysign(std::numeric_limits<float>::infinity(), A);
    if (A < 0)
      return std::numeric_limits<float>::quiet_NaN();
    return std::isinf(A) ? 0.0f : relative(1 / std::sqrt(X), InverseRootError, Sign);
  case Sine:
  case Cosine: {
    if (std::isinf(A))
      return std::numeric_limits<float>::quiet_NaN();
    double V = I.Variant == Sine ? std::sin(X) : std::cos(X);
    if (A == 0)
      return I.Variant == Sine ? A : 1.0f;
    // Beyond 100 pi nothing is promised; the error of the reduction goes on growing with the argument.
    double Far = std::fabs(X), Error = Far <= 6.2832 ? SineError : FarSineError * std::max(1.0, Far / 314.16);
    return float(std::min(std::max(V + Error * Sign, -1.0), 1.0));
  }
  case Exponential:
    if (A == 0)
      return 1.0f;
    return byUlps(std::exp2(X), 2, Sign);
  case Logarithm: {
    if (A < 0)
      return std::numeric_limits<float>::quiet_NaN();
    if (A == 0)
      return -std::numeric_limits<float>::infinity();
    if (std::isinf(A))
      return A;
    if (A == 1)
      return 0.0f;
    double V = std::log2(X);
    // Absolute 2^-22 for results near zero (arguments in (0.5, 2)), else relative 2^-22.
    return X > 0.5 && X < 2 ? farthest(V, 0x1p-22, Sign) : relative(V, 0x1p-22, Sign);
  }
  case Tangent:
    return A == 0 ? A : std::isinf(A) ? std::copysign(1.0f, A) : relative(std::tanh(X), TanhError, Sign);
  default:
    return A;
  }
}

float flush(const Instruction &I, float V) {
  return I.FlushSubnormals && std::fabs(V) < 0x1p-126f ? std::copysign(0.0f, V) : V;
}
float finish(const Instruction &I, float V) { return V != V ? std::bit_cast<float>(0x7fffffffu) : flush(I, V); }

void function32(Warp &W, const Instruction &I) {
  lanes1<float, float>(W, I, [&](float A) {
    A = flush(I, A);
    return finish(I, A != A ? A : approximate(W, I, A));
  });
}
/// f16 and bf16 forms of tanh and ex2; their own rounding is part of the error.
template <bool Brain> uint16_t functionHalf(Warp &W, const Instruction &I, uint16_t V) {
  float A = Brain ? bfloatToFloat(V) : halfToFloat(V);
  double R = A != A ? A : I.Variant == Exponential ? std::exp2(double(A)) : std::tanh(double(A));
  // ex2.f16: relative 2^-9.9; ex2.bf16: 2^-7; tanh.f16: absolute 2^-10.987; tanh.bf16: absolute 2^-8.
  double Sign = direction(W, I, V);
  if (I.Variant == Exponential)
    R *= A == 0 ? 1 : 1 + Sign * (Brain ? 0x1p-8 : 0x1p-11);
  else if (A != 0 && !std::isinf(A))
    R = std::min(std::max(R + Sign * (Brain ? 0x1p-9 : 0x1p-12), -1.0), 1.0);
  return Brain ? doubleToBfloat(R) : doubleToHalf(R);
}
template <bool Brain> void function16(Warp &W, const Instruction &I) {
  lanes1<uint16_t, uint16_t>(W, I, [&](uint16_t V) { return functionHalf<Brain>(W, I, V); });
}
template <bool Brain> void function16x2(Warp &W, const Instruction &I) {
  lanes1<uint32_t, uint32_t>(W, I, [&](uint32_t V) {
    return functionHalf<Brain>(W, I, uint16_t(V)) | uint32_t(functionHalf<Brain>(W, I, uint16_t(V >> 16))) << 16;
  });
}

/// rcp.approx.ftz.f64 and rsqrt.approx.ftz.f64: the upper 20 bits of the mantissa.
void function64(Warp &W, const Instruction &I) {
  lanes1<double, double>(W, I, [&](double A) {
    double V = I.Variant == Reciprocal ? 1 / A : 1 / std::sqrt(A);
    return std::bit_cast<double>(std::bit_cast<uint64_t>(V) & ~0xffffffffull);
  });
}

void bindFunction(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  static const std::pair<const char *, Function> Names[] = {
      {"rcp", Reciprocal}, {"sqrt", Root},       {"rsqrt", InverseRoot}, {"sin", Sine},
      {"cos", Cosine},     {"ex2", Exponential}, {"lg2", Logarithm},     {"tanh", Tangent}};
  for (auto &[Name, F] : Names)
    if (S.Parts[0] == Name)
      I.Variant = F;
  I.Class = classNamed("special");
  bool Approximate = M.take("approx");
  I.Round = M.rounding();
  I.FlushSubnormals = M.take("ftz");
  Type T = M.requireType();
  if (!Approximate) {
    if ((I.Variant != Reciprocal && I.Variant != Root) || I.Round == Rounding::Default)
      D.fail("expected .approx or a rounding modifier");
    bindExactRoot(D, S, I, T);
    return;
  }
  if (T == Type::BF16 || T == Type::BF16x2)
    D.requireTarget(90, "a function of bf16");
  bindSame(D, S, I, T, 1);
  switch (T) {
  case Type::F32:
    I.Execute = function32;
    return;
  case Type::F64:
    if (I.Variant == Reciprocal || I.Variant == InverseRoot) {
      I.Execute = function64;
      return;
    }
    break;
  case Type::F16:
  case Type::BF16:
    if (I.Variant == Exponential || I.Variant == Tangent) {
      I.Execute = T == Type::F16 ? function16<false> : function16<true>;
      return;
    }
    break;
  case Type::F16x2:
  case Type::BF16x2:
    if (I.Variant == Exponential || I.Variant == Tangent) {
      I.Execute = T == Type::F16x2 ? function16x2<false> : function16x2<true>;
      return;
    }
    break;
  default:
    break;
  }
  D.fail("unknown instruction: this type is not supported");
}

/// div.approx and div.full: 2 ulp; div.approx gives 0 for divisors above 2^126.
void divide(Warp &W, const Instruction &I) {
  lanes2<float, float, float>(W, I, [&](float A, float B) {
    A = flush(I, A);
    B = flush(I, B);
    if (I.Variant == Division && std::fabs(B) > 0x1p126f && std::isfinite(B))
      return finish(I, std::isinf(A) ? std::numeric_limits<float>::quiet_NaN()
                                     : std::copysign(0.0f, A) * std::copysign(1.0f, B));
    uint64_t Bits = uint64_t(std::bit_cast<uint32_t>(A)) << 32 | std::bit_cast<uint32_t>(B);
    return finish(I, byUlps(double(A) / double(B), 2, direction(W, I, Bits)));
  });
}

} // namespace

void bindApproximateDivision(Decoder &D, Modifiers &M, const Statement &S, Instruction &I, bool Full) {
  I.Class = classNamed("special");
  I.Variant = Full ? FullDivision : Division;
  bindSame(D, S, I, Type::F32, 2);
  I.Execute = divide;
}

std::vector<BinderRow> approximateBinders() {
  return {{"rcp", bindFunction}, {"sqrt", bindFunction}, {"rsqrt", bindFunction}, {"sin", bindFunction},
          {"cos", bindFunction}, {"ex2", bindFunction},  {"lg2", bindFunction},   {"tanh", bindFunction}};
}

} // namespace tinyc::emulator::ptx
