// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// atom and red, on global and shared memory. Lanes that meet at one address take turns in an order that the seed moves:
// a sum of floats that depends on it shows.
#include "test/emulators/cuda/Access.h"
#include "test/emulators/cuda/HalfTypes.h"
#include "test/emulators/cuda/Lanes.h"

#include <algorithm>

namespace tinyc::emulator::ptx {

namespace {

enum AtomicOp : uint8_t { AAnd, AOr, AXor, ACas, AExchange, AAdd, AInc, ADec, AMin, AMax };

template <typename T> T apply(uint8_t Op, T Old, T B, T C) {
  switch (Op) {
  case AAdd:
    return T(Old + B);
  case AMin:
    return Old < B ? Old : B;
  case AMax:
    return Old > B ? Old : B;
  case AExchange:
    return B;
  case ACas:
    return Old == B ? C : Old;
  default:
    break;
  }
  if constexpr (std::is_unsigned_v<T>) {
    switch (Op) {
    case AAnd:
      return Old & B;
    case AOr:
      return Old | B;
    case AXor:
      return Old ^ B;
    case AInc:
      return Old >= B ? 0 : Old + 1;
    default:
      return Old == 0 || Old > B ? B : Old - 1;
    }
  }
  return Old;
}

uint16_t addHalf(uint16_t A, uint16_t B, bool Brain) {
  return Brain ? doubleToBfloat(addToOdd(bfloatToFloat(A), bfloatToFloat(B)))
               : doubleToHalf(addToOdd(halfToFloat(A), halfToFloat(B)));
}

uint64_t newValue(const Instruction &I, uint64_t Old, uint64_t B, uint64_t C) {
  switch (I.Type) {
  case Type::F32:
    return std::bit_cast<uint32_t>(
        apply<float>(I.Variant, std::bit_cast<float>(uint32_t(Old)), std::bit_cast<float>(uint32_t(B)), 0));
  case Type::F64:
    return std::bit_cast<uint64_t>(apply<double>(I.Variant, std::bit_cast<double>(Old), std::bit_cast<double>(B), 0));
  case Type::F16:
  case Type::BF16:
    return addHalf(uint16_t(Old), uint16_t(B), I.Type == Type::BF16);
  case Type::F16x2:
  case Type::BF16x2: {
    bool Brain = I.Type == Type::BF16x2;
    return addHalf(uint16_t(Old), uint16_t(B), Brain) | uint32_t(addHalf(uint16_t(Old >> 16), uint16_t(B >> 16), Brain))
                                                            << 16;
  }
  case Type::S32:
    return uint32_t(I.Variant == AAdd ? uint32_t(Old) + uint32_t(B)
                                      : uint32_t(apply<int32_t>(I.Variant, int32_t(Old), int32_t(B), int32_t(C))));
  case Type::S64:
    return I.Variant == AAdd ? Old + B : uint64_t(apply<int64_t>(I.Variant, int64_t(Old), int64_t(B), int64_t(C)));
  default:
    if (bitsOf(I.Type) == 16)
      return apply<uint16_t>(I.Variant, uint16_t(Old), uint16_t(B), uint16_t(C));
    return bitsOf(I.Type) == 32 ? apply<uint32_t>(I.Variant, uint32_t(Old), uint32_t(B), uint32_t(C))
                                : apply<uint64_t>(I.Variant, Old, B, C);
  }
}

void atomic(Warp &W, const Instruction &I) {
  uint64_t At[32];
  addresses(W, I, 0, At);
  const uint32_t Size = bitsOf(I.Type) / 8;
  W.requireDefined(I.S[1], W.Active, "the operand of an atomic");
  if (I.S[2])
    W.requireDefined(I.S[2], W.Active, "the operand of an atomic");
  if (I.Fence)
    fence(W);
  uint64_t Old[32] = {};
  uint32_t Bad = 0;
  Place P;
  Space Counted = I.Space;
  for (unsigned K = 0; K < 32; ++K) {
    unsigned L = (K + unsigned(W.Launch->Seed)) & 31;
    if (!(W.Active >> L & 1))
      continue;
    locate(W, I.Space, At[L], Size, L, P);
    At[L] = P.Address;
    Counted = P.Space;
    noteRead(W, P, Size, L, true);
    std::memcpy(&Old[L], P.Bytes, Size);
    if (anyState(P.States, Size)) {
      W.PoisonSource = &I;
      if (P.Space == Space::Global)
        W.poisoned(1u << L, "the value that an atomic changes");
      Bad |= 1u << L;
    }
    uint64_t New = newValue(I, Old[L], W.get(I.S[1], L), I.S[2] ? W.get(I.S[2], L) : 0);
    noteWrite(W, P, Size, L, nullptr, true);
    std::memcpy(P.Bytes, &New, Size);
  }
  if (Counted == Space::Global || Counted == Space::Shared)
    countRequest(W, Counted, At, Size, true);
  if (I.D[0]) {
    for (unsigned L = 0; L < 32; ++L)
      if (W.Active >> L & 1)
        W.set(I.D[0], L, Old[L]);
    W.setPoison(I.D[0], Bad);
  }
  if (I.Fence)
    fence(W);
}

void bindAtomic(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("atomic");
  bool Returns = S.Parts[0] == "atom";
  int Order = M.oneOf({"relaxed", "acquire", "release", "acq_rel"});
  int Scope = M.oneOf({"cta", "cluster", "gpu", "sys"});
  I.Fence = Order > 0 && Scope != 0;
  I.Space = M.take("global")                            ? Space::Global
            : M.take("shared") || M.take("shared::cta") ? Space::Shared
                                                        : Space::Generic;
  int Op = M.oneOf({"and", "or", "xor", "cas", "exch", "add", "inc", "dec", "min", "max"});
  if (Op < 0)
    D.fail("expected an atomic operation");
  I.Variant = uint8_t(Op);
  M.take("noftz");
  Type T = I.Type = M.requireType();
  if (isFloat(T) && Op != AAdd)
    D.fail("expected .add for this type");
  if (bitsOf(T) < 16 || bitsOf(T) > 64)
    D.fail("expected a type of 16 to 64 bits");
  size_t First = Returns;
  D.need(S, First + (Op == ACas ? 3 : 2));
  if (Returns)
    I.D[0] = D.destination(S.Arguments[0], bitsOf(T));
  D.address(S.Arguments[First], I);
  I.S[1] = D.source(S.Arguments[First + 1], T);
  if (Op == ACas)
    I.S[2] = D.source(S.Arguments[First + 2], T);
  I.Execute = atomic;
}

} // namespace

std::vector<BinderRow> atomicBinders() { return {{"atom", bindAtomic}, {"red", bindAtomic}}; }

} // namespace tinyc::emulator::ptx
