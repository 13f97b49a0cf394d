// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cvt between all integer and floating-point types, with every rounding, .sat, .ftz, .relu, and the packing forms
// cvt.rn.f16x2.f32 and cvt.pack.
#include "test/emulators/cuda/HalfTypes.h"
#include "test/emulators/cuda/Lanes.h"

#include <algorithm>
#include <limits>

namespace tinyc::emulator::ptx {

namespace {

constexpr uint8_t Finite = 2; ///< Instruction::Width of conversions with .satfinite

bool flushes(const Instruction &I, double V) { return I.FlushSubnormals && std::fabs(V) < 0x1p-126; }

/// A lane of a floating-point row as double: exact for all types.
double floatingIn(Warp &W, const Instruction &I, const Operand &O, Type T, unsigned L) {
  double V;
  switch (T) {
  case Type::F16:
    return halfToFloat(uint16_t(W.get(O, L)));
  case Type::BF16:
    return bfloatToFloat(uint16_t(W.get(O, L)));
  case Type::F64:
    return std::bit_cast<double>(W.get(O, L));
  default:
    V = std::bit_cast<float>(uint32_t(W.get(O, L)));
    return flushes(I, V) ? std::copysign(0.0, V) : V;
  }
}

double roundToInteger(double V, Rounding R) {
  switch (R) {
  case Rounding::NearestEven:
    return std::nearbyint(V);
  case Rounding::Down:
    return std::floor(V);
  case Rounding::Up:
    return std::ceil(V);
  default:
    return std::trunc(V);
  }
}

/// To an integer: out of range saturates; NaN gives the top bit alone where 64 bits are on either side and else 0.
uint64_t toInteger(double V, Type T, Type From, Rounding R) {
  unsigned Bits = bitsOf(T);
  bool Signed = isSigned(T);
  if (V != V)
    return Bits < 64 && From != Type::F64 ? 0 : (Signed ? ~0ull : 1ull) << (Bits - 1);
  V = roundToInteger(V, R);
  double Least = Signed ? -std::ldexp(1.0, int(Bits) - 1) : 0, Limit = std::ldexp(1.0, int(Bits) - Signed);
  if (V < Least)
    return Signed ? uint64_t(-1) << (Bits - 1) : 0;
  if (V >= Limit)
    return Signed ? (1ull << (Bits - 1)) - 1 : Bits == 64 ? ~0ull : (1ull << Bits) - 1;
  return Signed ? uint64_t(int64_t(V)) : uint64_t(V);
}

/// .satfinite: the greatest finite value in place of infinity.
uint64_t finite(uint64_t Bits, Type T) {
  const uint64_t Infinity = T == Type::F16 ? 0x7c00 : T == Type::BF16 ? 0x7f80 : 0x7f800000;
  const uint64_t Sign = T == Type::TF32 ? 0x80000000 : 0x8000, LastPlace = T == Type::TF32 ? 1 << 13 : 1;
  return (Bits & ~Sign) == Infinity ? Bits - LastPlace : Bits;
}

/// From double (rounded to odd when the exact value does not fit) to the type's bits.
uint64_t fromDouble(double V, Type T, unsigned Mode) {
  switch (T) {
  case Type::F16:
    return doubleToHalf(V, Mode);
  case Type::BF16:
    return doubleToBfloat(V, Mode);
  case Type::TF32:
    return V != V ? 0x7fffffff : uint64_t(roundDouble(V, 10, 8, Mode)) << 13;
  case Type::F64:
    return std::bit_cast<uint64_t>(V);
  default:
    return V != V ? 0x7fffffff : roundDouble(V, 23, 8, Mode);
  }
}

/// An integer as double, rounded to odd: right for rounding to anything up to 51 bits afterwards.
double integerToOdd(uint64_t Bits, bool Signed) {
  bool Negative = Signed && int64_t(Bits) < 0;
  uint64_t Magnitude = Negative ? 0 - Bits : Bits;
  unsigned Extra = Magnitude ? unsigned(std::max(0, 64 - std::countl_zero(Magnitude) - 53)) : 0;
  bool Lost = Magnitude & ((1ull << Extra) - 1);
  double V = std::ldexp(double((Magnitude >> Extra) | uint64_t(Lost)), int(Extra));
  return Negative ? -V : V;
}

/// An integer to f64, rounded once in the given mode.
double integerToDouble(uint64_t Bits, bool Signed, Rounding R) {
  bool Negative = Signed && int64_t(Bits) < 0;
  uint64_t Magnitude = Negative ? 0 - Bits : Bits;
  unsigned Extra = Magnitude ? unsigned(std::max(0, 64 - std::countl_zero(Magnitude) - 53)) : 0;
  uint64_t Kept = Magnitude >> Extra, Lost = Magnitude & ((1ull << Extra) - 1), Half = Extra ? 1ull << (Extra - 1) : 0;
  bool Up = R == Rounding::TowardZero ? false
            : R == Rounding::Down     ? Negative && Lost
            : R == Rounding::Up       ? !Negative && Lost
                                      : Lost > Half || (Lost && Lost == Half && (Kept & 1));
  double V = std::ldexp(double(Kept + Up), int(Extra));
  return Negative ? -V : V;
}

double limited(const Instruction &I, double V) {
  if (I.Saturate)
    V = V != V ? 0 : std::min(std::max(V, 0.0), 1.0);
  if (I.Mode) // relu: negative becomes +0, NaN stays
    V = V != V ? V : std::max(V, 0.0);
  return V;
}

/// The bits of an integer of type From, extended to 64.
uint64_t extended(uint64_t V, Type From) {
  const unsigned Bits = bitsOf(From);
  if (Bits == 64)
    return V;
  V &= (1ull << Bits) - 1;
  return isSigned(From) && V >> (Bits - 1) & 1 ? V | ~0ull << Bits : V;
}

uint64_t convertLane(Warp &W, const Instruction &I, unsigned L) {
  const Type To = I.Type, From = I.From;
  const bool ToFloat = isFloat(To), FromFloat = isFloat(From);
  const unsigned Mode = unsigned(I.Round);
  if (FromFloat) {
    double V = floatingIn(W, I, I.S[0], From, L);
    if (!ToFloat)
      return toInteger(V, To, From, I.Round);
    if (I.Variant) // rni and the like: an integral value of the same type
      V = V != V || std::isinf(V) ? V : std::copysign(roundToInteger(V, I.Round), V);
    V = limited(I, V);
    uint64_t Bits = fromDouble(V, To, I.Variant ? ToNearest : Mode);
    if (I.FlushSubnormals && To == Type::F32 && !(Bits & 0x7f800000))
      Bits &= 0x80000000;
    return I.Width == Finite ? finite(Bits, To) : Bits;
  }
  const uint64_t V = extended(W.get(I.S[0], L), From);
  if (ToFloat)
    return To == Type::F64 ? std::bit_cast<uint64_t>(integerToDouble(V, isSigned(From), I.Round))
                           : fromDouble(limited(I, integerToOdd(V, isSigned(From))), To, Mode);
  if (I.Saturate) {
    const unsigned Bits = bitsOf(To);
    __int128 X = isSigned(From) ? __int128(int64_t(V)) : __int128(V);
    __int128 Least = isSigned(To) ? -(__int128(1) << (Bits - 1)) : 0;
    __int128 Greatest = (__int128(1) << (Bits - isSigned(To))) - 1;
    return uint64_t(std::min(std::max(X, Least), Greatest));
  }
  // Truncated or extended to the destination's type first, then to the register that may be wider.
  return extended(V, To);
}

/// The undefined bits of a converted lane: integers keep them in place, all else needs the whole operand.
uint64_t undefinedAfter(const Warp &W, const Instruction &I, unsigned L) {
  const uint64_t Bits = W.undefinedBits(I.S[0], L);
  if (!isFloat(I.Type) && !isFloat(I.From) && !I.Saturate)
    return extended(extended(Bits, I.From), I.Type);
  return Bits << (64 - bitsOf(I.From)) ? ~0ull : 0;
}

void convert(Warp &W, const Instruction &I) {
  auto Execute = [&] {
    uint64_t Row[32];
    for (unsigned L = 0; L < 32; ++L)
      Row[L] = W.Active >> L & 1 ? convertLane(W, I, L) : 0;
    for (unsigned L = 0; L < 32; ++L)
      if (W.Active >> L & 1)
        W.set(I.D[0], L, Row[L]);
    W.setPoison(I.D[0], 0);
  };
  trackBits(W, I, W.poisonOf(I.S[0]), Execute, [&](unsigned L) { return undefinedAfter(W, I, L); });
}

template <typename D, typename S> void convertFast(Warp &W, const Instruction &I) {
  if constexpr (std::is_integral_v<D>)
    route1<D, S>(W, I, [](S V) { return D(V); });
  else
    lanes1<D, S>(W, I, [](S V) { return D(V); });
}
/// Conversions between integer registers of their own width, and of 32-bit integers to float, are frequent.
Handler fastConversion(const Instruction &I) {
  if (I.Saturate || I.FlushSubnormals || I.Mode || I.Variant)
    return nullptr;
  auto Is = [&](Type To, Type From) {
    return I.Type == To && I.From == From && I.D[0].Bits == bitsOf(To) && I.S[0].Bits == bitsOf(From);
  };
  if (Is(Type::S64, Type::S32))
    return convertFast<int64_t, int32_t>;
  if (Is(Type::U64, Type::U32) || Is(Type::S64, Type::U32))
    return convertFast<uint64_t, uint32_t>;
  if (Is(Type::U32, Type::U64) || Is(Type::S32, Type::S64) || Is(Type::U32, Type::S64) || Is(Type::S32, Type::U64))
    return convertFast<uint32_t, uint64_t>;
  if (Is(Type::U32, Type::U16) || Is(Type::S32, Type::U16))
    return convertFast<uint32_t, uint16_t>;
  if (Is(Type::S32, Type::S16))
    return convertFast<int32_t, int16_t>;
  if (Is(Type::U16, Type::U32) || Is(Type::S16, Type::S32) || Is(Type::U16, Type::S32))
    return convertFast<uint16_t, uint32_t>;
  if (I.Round != Rounding::NearestEven)
    return nullptr;
  if (Is(Type::F32, Type::S32))
    return convertFast<float, int32_t>;
  if (Is(Type::F32, Type::U32))
    return convertFast<float, uint32_t>;
  return nullptr;
}

void halfToSingle(Warp &W, const Instruction &I) {
  lanes1<uint32_t, uint16_t>(W, I, [](uint16_t V) {
    float F = halfToFloat(V);
    return F != F ? 0x7fffffffu : std::bit_cast<uint32_t>(F);
  });
}
void singleToHalf(Warp &W, const Instruction &I) {
  lanes1<uint16_t, float>(W, I, [](float V) { return doubleToHalf(V); });
}

/// Two floats to a pair: the first operand becomes the upper half.
void convertPair(Warp &W, const Instruction &I) {
  uint32_t Row[32];
  Type Half = I.Type == Type::F16x2 ? Type::F16 : Type::BF16;
  for (unsigned L = 0; L < 32; ++L) {
    double High = limited(I, floatingIn(W, I, I.S[0], Type::F32, L)),
           Low = limited(I, floatingIn(W, I, I.S[1], Type::F32, L));
    uint64_t Upper = fromDouble(High, Half, unsigned(I.Round)), Lower = fromDouble(Low, Half, unsigned(I.Round));
    if (I.Width == Finite) {
      Upper = finite(Upper, Half);
      Lower = finite(Lower, Half);
    }
    Row[L] = uint32_t(Upper << 16 | Lower);
  }
  const uint32_t BadHigh = W.poisonOf(I.S[0]), BadLow = W.poisonOf(I.S[1]);
  auto Execute = [&] {
    commit(W, I.D[0], Row);
    W.setPoison(I.D[0], 0);
  };
  trackBits(W, I, BadHigh | BadLow, Execute,
            [&](unsigned L) { return (BadHigh >> L & 1 ? 0xffff0000u : 0) | (BadLow >> L & 1 ? 0xffffu : 0); });
}

/// cvt.pack.sat: two 32-bit integers saturate into the low bits, C shifts up (8- and 4-bit forms).
void convertPack(Warp &W, const Instruction &I) {
  const unsigned Bits = bitsOf(I.Type);
  const int64_t Least = isSigned(I.Type) ? -(1ll << (Bits - 1)) : 0, Greatest = (1ll << (Bits - isSigned(I.Type))) - 1;
  uint32_t Row[32];
  for (unsigned L = 0; L < 32; ++L) {
    auto Narrow = [&](const Operand &O) {
      int64_t V = I.From == Type::S32 ? int64_t(int32_t(W.get(O, L))) : int64_t(W.get(O, L));
      return uint32_t(std::min(std::max(V, Least), Greatest)) & uint32_t((1ull << Bits) - 1);
    };
    uint32_t Pair = Narrow(I.S[0]) << Bits | Narrow(I.S[1]);
    uint32_t C = I.S[2] ? uint32_t(W.get(I.S[2], L)) : 0;
    Row[L] = Bits == 16 ? Pair : Pair | C << (2 * Bits);
  }
  commit(W, I.D[0], Row);
  W.setPoison(I.D[0], W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]) | (I.S[2] ? W.poisonOf(I.S[2]) : 0));
}

void bindConvert(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("convert");
  I.Round = M.rounding();
  int Integral = I.Round == Rounding::Default ? M.oneOf({"rni", "rzi", "rmi", "rpi"}) : -1;
  if (Integral >= 0) {
    static constexpr Rounding Modes[] = {Rounding::NearestEven, Rounding::TowardZero, Rounding::Down, Rounding::Up};
    I.Round = Modes[Integral];
    I.Variant = 1;
  }
  I.FlushSubnormals = M.take("ftz");
  I.Saturate = M.take("sat");
  if (M.take("satfinite"))
    I.Width = Finite;
  I.Mode = M.take("relu");
  bool Packs = M.take("pack");
  I.Type = M.requireType();
  I.From = M.requireType();
  const bool ToNarrow = I.Type == Type::F16 || I.Type == Type::BF16 || I.Type == Type::F16x2 ||
                        I.Type == Type::BF16x2 || I.Type == Type::TF32;
  if ((I.Width == Finite || I.Mode) && !(ToNarrow && I.From == Type::F32))
    D.fail("expected .satfinite and .relu on a conversion from .f32 to f16, bf16, a pair of these or tf32");
  if (I.FlushSubnormals && I.Type != Type::F32 && I.From != Type::F32)
    D.fail("expected .ftz on a conversion from or to .f32");
  if (Packs) {
    M.type(); // .b32 of the third operand
    D.need(S, 3, 4);
    I.D[0] = D.destination(S.Arguments[0], 32);
    I.S[0] = D.source(S.Arguments[1], I.From);
    I.S[1] = D.source(S.Arguments[2], I.From);
    if (S.Arguments.size() == 4)
      I.S[2] = D.source(S.Arguments[3], Type::B32);
    I.Execute = convertPack;
    return;
  }
  if (I.Type == Type::F16x2 || I.Type == Type::BF16x2) {
    if (I.From != Type::F32)
      D.fail("expected a conversion from two .f32");
    D.need(S, 3);
    I.D[0] = D.destination(S.Arguments[0], 32);
    I.S[0] = D.source(S.Arguments[1], Type::F32);
    I.S[1] = D.source(S.Arguments[2], Type::F32);
    I.Execute = convertPair;
    return;
  }
  if (isFloat(I.Type) && isFloat(I.From) && I.Variant && I.Type != I.From)
    D.fail("expected the same type on both sides of rounding to an integral value");
  if (isFloat(I.Type) != isFloat(I.From) && I.Round == Rounding::Default)
    D.fail("expected a rounding modifier");
  if (isFloat(I.Type) && isFloat(I.From) && bitsOf(I.Type) < bitsOf(I.From) && I.Round == Rounding::Default)
    D.fail("expected a rounding modifier");
  D.need(S, 2);
  I.D[0] = D.destination(S.Arguments[0]);
  const Argument &A = S.Arguments[1];
  // A source register may be wider than the type: its low bits are taken.
  I.S[0] = A.Kind == Argument::Name ? D.wideSource(A, I.From) : D.source(A, I.From);
  if (I.D[0].Bits < bitsOf(I.Type))
    D.fail("expected a destination of at least " + std::to_string(bitsOf(I.Type)) + " bits");
  I.Execute = convert;
  if (Handler Fast = fastConversion(I))
    I.Execute = Fast;
  else if (I.Type == Type::F32 && I.From == Type::F16 && !I.Saturate && !I.FlushSubnormals)
    I.Execute = halfToSingle;
  else if (I.Type == Type::F16 && I.From == Type::F32 && I.Round == Rounding::NearestEven && !I.Saturate && !I.Mode &&
           I.Width != Finite && !I.FlushSubnormals && I.D[0].Bits == 16)
    I.Execute = singleToHalf;
}

} // namespace

std::vector<BinderRow> convertBinders() { return {{"cvt", bindConvert}}; }

} // namespace tinyc::emulator::ptx
