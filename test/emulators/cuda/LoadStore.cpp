// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ld, st, cvta, isspacep and fences.
#include "test/emulators/cuda/Access.h"
#include "test/emulators/cuda/Lanes.h"

namespace tinyc::emulator::ptx {

template <typename Stored, typename Register>
static void spread(Warp &W, const Operand &D, const uint8_t (&Data)[32][32], unsigned Element) {
  Register Row[32];
  for (unsigned L = 0; L < 32; ++L) {
    Stored V;
    std::memcpy(&V, Data[L] + Element * sizeof(Stored), sizeof V);
    Row[L] = Register(V);
  }
  commit(W, D, Row);
}

template <typename Stored> static void spreadAny(Warp &W, const Operand &D, const uint8_t (&Data)[32][32], unsigned E) {
  switch (D.Bits) {
  case 16:
    return spread<Stored, uint16_t>(W, D, Data, E);
  case 32:
    return spread<Stored, uint32_t>(W, D, Data, E);
  default:
    return spread<Stored, uint64_t>(W, D, Data, E);
  }
}

/// The undefined bits of an element that is read from bytes of these states and extended to its register.
static uint64_t undefinedIn(const uint8_t *States, Type T) {
  const unsigned Bytes = bitsOf(T) / 8;
  uint64_t Bits = 0;
  for (unsigned B = 0; B < Bytes; ++B)
    Bits |= States[B] ? 0xffull << (8 * B) : 0;
  return isSigned(T) && Bytes < 8 && States[Bytes - 1] ? Bits | ~0ull << (8 * Bytes) : Bits;
}

static void load(Warp &W, const Instruction &I) {
  uint64_t At[32];
  addresses(W, I, 0, At);
  const uint32_t Element = bitsOf(I.Type) / 8, Size = Element * I.Width;
  uint8_t Data[32][32];
  UndefinedBits Undefined[4];
  bool AnyUndefined = false;
  Place P;
  Space Counted = I.Space;
  uint64_t Last = ~0ull;
  unsigned Repeats = 0;
  for (unsigned L = 0; L < 32; ++L) {
    if (!(W.Active >> L & 1))
      continue;
    // Lanes that read the same address of shared memory one after another: the race detector keeps two readers, so the
    // third and later ones add nothing to it.
    const uint64_t Asked = At[L];
    Repeats = Asked == Last && I.Space == Space::Shared ? Repeats + 1 : 0;
    Last = Asked;
    if (Repeats < 2) {
      locateQuickly(W, I.Space, Asked, Size, L, P);
      noteRead(W, P, Size, L, I.Strong);
    }
    At[L] = P.Address;
    Counted = P.Space;
    copyBytes(Data[L], P.Bytes, Size);
    if (P.State) [[unlikely]] {
      if (!AnyUndefined)
        for (UndefinedBits &Row : Undefined)
          Row.fill(0);
      AnyUndefined = true;
      W.PoisonSource = &I;
      for (unsigned K = 0; K < I.Width; ++K)
        Undefined[K][L] = undefinedIn(P.States + K * Element, I.Type);
    }
  }
  if (Counted == Space::Global || Counted == Space::Shared)
    countRequest(W, Counted, At, Size, false);
  for (unsigned K = 0; K < I.Width; ++K) {
    const Operand &D = I.D[K];
    switch (I.Type) {
    case Type::S8:
      spreadAny<int8_t>(W, D, Data, K);
      break;
    case Type::S16:
      spreadAny<int16_t>(W, D, Data, K);
      break;
    case Type::S32:
      spreadAny<int32_t>(W, D, Data, K);
      break;
    default:
      if (Element == 1)
        spreadAny<uint8_t>(W, D, Data, K);
      else if (Element == 2)
        spreadAny<uint16_t>(W, D, Data, K);
      else if (Element == 4)
        spreadAny<uint32_t>(W, D, Data, K);
      else
        spreadAny<uint64_t>(W, D, Data, K);
    }
    if (AnyUndefined) [[unlikely]]
      W.setUndefinedBits(D, Undefined[K]);
    else
      W.setPoison(D, 0);
  }
  if (I.Fence)
    fence(W);
}

static void store(Warp &W, const Instruction &I) {
  uint64_t At[32];
  addresses(W, I, 0, At);
  const uint32_t Element = bitsOf(I.Type) / 8, Size = Element * I.Width;
  uint8_t Data[32][32];
  for (unsigned K = 0; K < I.Width; ++K)
    for (unsigned L = 0; L < 32; ++L) {
      uint64_t V = W.get(I.D[K], L);
      std::memcpy(Data[L] + K * Element, &V, Element);
    }
  if (I.Fence)
    fence(W);
  Place P;
  Space Counted = I.Space;
  for (unsigned L = 0; L < 32; ++L) {
    if (!(W.Active >> L & 1))
      continue;
    locateQuickly(W, I.Space, At[L], Size, L, P);
    At[L] = P.Address;
    Counted = P.Space;
    noteWrite(W, P, Size, L, Data[L], I.Strong);
    copyBytes(P.Bytes, Data[L], Size);
    for (unsigned K = 0; K < I.Width; ++K) {
      // Only the bits that are stored need be defined: the register may be wider.
      const uint64_t Bad = W.undefinedBits(I.D[K], L) & (~0ull >> (64 - 8 * Element));
      if (Bad && P.Space == Space::Global) [[unlikely]]
        W.poisoned(1u << L, "the value stored to global memory");
      for (unsigned B = 0; B < Element; ++B)
        P.States[K * Element + B] = Bad >> (8 * B) & 255 ? Poisoned : Defined;
    }
  }
  if (Counted == Space::Global || Counted == Space::Shared)
    countRequest(W, Counted, At, Size, true);
}

static Space takeSpace(Modifiers &M) {
  if (M.take("global"))
    return Space::Global;
  if (M.take("shared") || M.take("shared::cta"))
    return Space::Shared;
  if (M.take("local"))
    return Space::Local;
  if (M.take("param") || M.take("param::entry") || M.take("param::func"))
    return Space::Param;
  if (M.take("const"))
    return Space::Const;
  return Space::Generic;
}

static const char *spaceClass(Space S, bool Store) {
  switch (S) {
  case Space::Global:
  case Space::Generic:
    return Store ? "store_global" : "load_global";
  case Space::Shared:
    return Store ? "store_shared" : "load_shared";
  case Space::Local:
    return Store ? "store_local" : "load_local";
  default:
    return Store ? "store_param" : "load_constant";
  }
}

static void takeOrder(Modifiers &M, Instruction &I) {
  int Order = M.oneOf({"weak", "volatile", "relaxed", "acquire", "release", "mmio"});
  I.Strong = Order > 0;
  int Scope = M.oneOf({"cta", "cluster", "gpu", "sys"});
  I.Fence = (Order == 3 || Order == 4) && Scope >= 1;
}

static void takeCacheHints(Modifiers &M) {
  M.oneOf({"ca", "cg", "cs", "lu", "cv", "wb", "wt", "nc"});
  M.oneOf({"ca", "cg", "cs", "lu", "cv", "nc"}); // ld.global.ca.nc
  M.oneOf({"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate"});
  M.oneOf({"L2::evict_normal", "L2::evict_first", "L2::evict_last"});
  M.oneOf({"L2::64B", "L2::128B", "L2::256B"});
}

static void bindAccess(Decoder &D, Modifiers &M, const Statement &S, Instruction &I, bool Store) {
  D.need(S, 2);
  takeOrder(M, I);
  I.Space = takeSpace(M);
  takeCacheHints(M);
  I.Width = M.take("v2") ? 2 : M.take("v4") ? 4 : 1;
  I.Type = M.requireType();
  if (bitsOf(I.Type) < 8 || bitsOf(I.Type) > 64 || bitsOf(I.Type) * I.Width > 128)
    D.fail("expected an access of 1 to 16 bytes");
  const Argument &Address = S.Arguments[Store ? 0 : 1], &Value = S.Arguments[Store ? 1 : 0];
  D.address(Address, I);
  I.Class = classNamed(spaceClass(I.Space, Store));
  I.Execute = Store ? store : load;
  std::vector<Argument> Scalars = I.Width > 1 ? Value.Elements : std::vector<Argument>{Value};
  if (Scalars.size() != I.Width)
    D.fail("expected a vector of " + std::to_string(I.Width) + " registers");
  for (unsigned K = 0; K < I.Width; ++K) {
    if (Store && Scalars[K].Kind != Argument::Name)
      I.D[K] = D.source(Scalars[K], I.Type);
    else
      I.D[K] = D.destination(Scalars[K]);
    if (I.D[K].Bits < bitsOf(I.Type))
      D.fail("expected a register of at least " + std::to_string(bitsOf(I.Type)) + " bits");
  }
}
static void bindLoad(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) { bindAccess(D, M, S, I, false); }
static void bindStore(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) { bindAccess(D, M, S, I, true); }

/// Adds or removes a window's base. Global and constant addresses are generic already.
static void convertAddress(Warp &W, const Instruction &I) {
  uint64_t Base = uint64_t(I.Offset);
  if (I.D[0].Bits == 64)
    lanes1<uint64_t, uint64_t>(W, I, [=](uint64_t A) { return A + Base; });
  else
    lanes1<uint32_t, uint32_t>(W, I, [=](uint32_t A) { return uint32_t(A + Base); });
}
static void bindConvertAddress(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("move");
  bool To = M.take("to");
  Space Window = takeSpace(M);
  bindSame(D, S, I, M.requireType(), 1);
  if (bitsOf(I.Type) != 64 && Window != Space::Global && Window != Space::Const)
    D.fail("expected 64-bit generic addresses");
  uint64_t Base = Window == Space::Shared  ? SharedWindow
                  : Window == Space::Local ? LocalWindow
                  : Window == Space::Param ? ParamWindow
                                           : 0;
  // A parameter of an expanded function lives in local memory; its address is known by name.
  I.Offset = int64_t(To ? -Base : Base);
  I.Execute = convertAddress;
}

static void inSpace(Warp &W, const Instruction &I) {
  uint32_t Bits = 0;
  for (unsigned L = 0; L < 32; ++L) {
    uint64_t A = W.get(I.S[0], L);
    bool Shared = A - SharedWindow < WindowBytes, Local = A - LocalWindow < WindowBytes;
    bool Param = A - ParamWindow < WindowBytes;
    bool In = I.Space == Space::Shared  ? Shared
              : I.Space == Space::Local ? Local
              : I.Space == Space::Param ? Param
                                        : !Shared && !Local && !Param;
    Bits |= uint32_t(In) << L;
  }
  W.setPredicate(I.D[0], Bits);
  W.setPoison(I.D[0], W.poisonOf(I.S[0]));
}
static void bindInSpace(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("compare");
  I.Space = takeSpace(M);
  D.need(S, 2);
  I.D[0] = D.destination(S.Arguments[0], 1);
  I.S[0] = D.source(S.Arguments[1], Type::U64);
  I.Execute = inSpace;
}

static void publish(Warp &W, const Instruction &I) {
  if (I.Fence)
    fence(W);
}
static void bindFence(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("fence");
  M.oneOf({"sc", "acq_rel", "acquire", "release"});
  int Scope = M.oneOf({"cta", "cluster", "gl", "gpu", "sys"});
  I.Fence = Scope >= 1;
  I.Execute = publish;
}

std::vector<BinderRow> memoryBinders() {
  return {{"ld", bindLoad},          {"ldu", bindLoad},     {"st", bindStore},   {"cvta", bindConvertAddress},
          {"isspacep", bindInSpace}, {"membar", bindFence}, {"fence", bindFence}};
}

} // namespace tinyc::emulator::ptx
