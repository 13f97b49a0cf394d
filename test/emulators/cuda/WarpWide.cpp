// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What lanes of a warp do together, and barriers: shfl.sync, vote.sync, match.sync, redux.sync, bar.warp.sync, bar.
#include "test/emulators/cuda/Lanes.h"

#include <algorithm>

namespace tinyc::emulator::ptx {

namespace {

enum ShuffleMode : uint8_t { Up, Down, Butterfly, Indexed };

void shuffle(Warp &W, const Instruction &I) {
  const uint32_t *A = W.in<uint32_t>(I.S[0]), *B = W.in<uint32_t>(I.S[1]), *C = W.in<uint32_t>(I.S[2]);
  const uint32_t From = W.poisonOf(I.S[0]), Controls = W.poisonOf(I.S[1]) | W.poisonOf(I.S[2]);
  uint32_t Row[32], Inside = 0;
  UndefinedBits Bad{};
  for (int L = 0; L < 32; ++L) {
    int Segment = C[L] >> 8 & 31, Clamp = C[L] & 31, Amount = B[L] & 31;
    int Most = (L & Segment) | (Clamp & ~Segment), Least = L & Segment, J;
    bool Valid;
    switch (I.Variant) {
    case Up:
      J = L - Amount;
      Valid = J >= Most;
      break;
    case Down:
      J = L + Amount;
      Valid = J <= Most;
      break;
    case Butterfly:
      J = L ^ Amount;
      Valid = J <= Most;
      break;
    default:
      J = Least | (Amount & ~Segment);
      Valid = J <= Most;
    }
    if (!Valid)
      J = L;
    Row[L] = A[J & 31];
    Inside |= uint32_t(Valid) << L;
    // A lane that does not take part gives nothing.
    if (Controls >> L & 1 || !(W.Active >> (J & 31) & 1))
      Bad[unsigned(L)] = ~0ull;
    else if (From >> (J & 31) & 1)
      Bad[unsigned(L)] = W.undefinedBits(I.S[0], unsigned(J & 31));
  }
  commit(W, I.D[0], Row);
  W.setUndefinedBits(I.D[0], Bad);
  if (I.D[1]) {
    W.setPredicate(I.D[1], Inside);
    W.setPoison(I.D[1], Controls);
  }
}

void bindShuffle(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("shuffle");
  if (!M.take("sync"))
    D.fail("expected shfl.sync: shfl without .sync is not in sm_70 and later");
  int Mode = M.oneOf({"up", "down", "bfly", "idx"});
  if (Mode < 0)
    D.fail("expected a mode");
  I.Variant = uint8_t(Mode);
  I.Type = M.requireType();
  D.need(S, 5);
  I.D[0] = D.destination(S.Arguments[0], 32);
  if (!S.Arguments[0].Second.empty())
    I.D[1] = D.predicateNamed(S.Arguments[0].Second, false);
  for (unsigned K = 0; K < 4; ++K)
    I.S[K] = D.source(S.Arguments[K + 1], Type::B32);
  I.Control = Control::Converge;
  I.Member = 3;
  I.Execute = shuffle;
}

/// Variant: 0 all, 1 any, 2 uni, 3 ballot.
void vote(Warp &W, const Instruction &I) {
  W.requireDefined(I.S[0], W.Active, "the predicate of a vote");
  uint32_t Yes = W.predicate(I.S[0]) & W.Active;
  if (I.Variant == 3) {
    for (unsigned L = 0; L < 32; ++L)
      if (W.Active >> L & 1)
        W.set(I.D[0], L, Yes);
  } else {
    bool R = I.Variant == 0 ? Yes == W.Active : I.Variant == 1 ? Yes != 0 : Yes == 0 || Yes == W.Active;
    W.setPredicate(I.D[0], R ? ~0u : 0);
  }
  W.setPoison(I.D[0], 0);
}
void bindVote(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("vote");
  if (!M.take("sync"))
    D.fail("expected vote.sync");
  I.Variant = uint8_t(M.oneOf({"all", "any", "uni", "ballot"}));
  if (I.Variant > 3)
    D.fail("expected a mode");
  Type T = M.requireType();
  D.need(S, 3);
  I.D[0] = D.destination(S.Arguments[0], bitsOf(T));
  I.S[0] = D.predicate(S.Arguments[1]);
  I.S[1] = D.source(S.Arguments[2], Type::B32);
  I.Control = Control::Converge;
  I.Member = 1;
  I.Execute = vote;
}

void match(Warp &W, const Instruction &I) {
  W.requireDefined(I.S[0], W.Active, "the operand of match");
  uint32_t Row[32], AllEqual = ~0u;
  for (unsigned L = 0; L < 32; ++L) {
    Row[L] = 0;
    for (unsigned K = 0; K < 32; ++K)
      if (W.Active >> K & 1 && W.get(I.S[0], K) == W.get(I.S[0], L))
        Row[L] |= 1u << K;
    if (W.Active >> L & 1 && Row[L] != W.Active)
      AllEqual = 0;
  }
  if (I.Variant)
    for (uint32_t &V : Row)
      V = AllEqual ? W.Active : 0;
  commit(W, I.D[0], Row);
  W.setPoison(I.D[0], 0);
  if (I.D[1]) {
    W.setPredicate(I.D[1], AllEqual);
    W.setPoison(I.D[1], 0);
  }
}
void bindMatch(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("vote");
  bool All = M.take("all");
  if (!All && !M.take("any"))
    D.fail("expected .any or .all");
  if (!M.take("sync"))
    D.fail("expected match.sync");
  I.Variant = All;
  Type T = M.requireType();
  D.need(S, 3);
  I.D[0] = D.destination(S.Arguments[0], 32);
  if (!S.Arguments[0].Second.empty())
    I.D[1] = D.predicateNamed(S.Arguments[0].Second, false);
  I.S[0] = D.source(S.Arguments[1], T);
  I.S[1] = D.source(S.Arguments[2], Type::B32);
  I.Control = Control::Converge;
  I.Member = 1;
  I.Execute = match;
}

void reduce(Warp &W, const Instruction &I) {
  W.requireDefined(I.S[0], W.Active, "the operand of redux");
  const uint32_t *A = W.in<uint32_t>(I.S[0]);
  bool First = true;
  uint32_t R = 0;
  for (unsigned L = 0; L < 32; ++L) {
    if (!(W.Active >> L & 1))
      continue;
    uint32_t V = A[L];
    bool Less = I.Type == Type::S32 ? int32_t(V) < int32_t(R) : V < R;
    switch (First ? 99 : I.Variant) {
    case 0:
      R += V;
      break;
    case 1:
      R = Less ? V : R;
      break;
    case 2:
      R = Less ? R : V;
      break;
    case 3:
      R &= V;
      break;
    case 4:
      R |= V;
      break;
    case 5:
      R ^= V;
      break;
    default:
      R = V;
    }
    First = false;
  }
  uint32_t Row[32];
  std::fill_n(Row, 32, R);
  commit(W, I.D[0], Row);
  W.setPoison(I.D[0], 0);
}
void bindReduce(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("shuffle");
  if (!M.take("sync"))
    D.fail("expected redux.sync");
  I.Variant = uint8_t(M.oneOf({"add", "min", "max", "and", "or", "xor"}));
  if (I.Variant > 5)
    D.fail("expected an operation");
  I.Type = M.requireType();
  if (bitsOf(I.Type) != 32 || isFloat(I.Type))
    D.fail("expected a 32-bit integer type");
  D.need(S, 3);
  I.D[0] = D.destination(S.Arguments[0], 32);
  I.S[0] = D.source(S.Arguments[1], Type::B32);
  I.S[1] = D.source(S.Arguments[2], Type::B32);
  I.Control = Control::Converge;
  I.Member = 1;
  I.Execute = reduce;
}

void warpBarrier(Warp &W, const Instruction &I) { W.Block->Time.warpBarrier(W.Index); }

/// bar and barrier: .warp.sync, .sync, .red. Variant: 0 sync, 1 popc, 2 and, 3 or. Mode 1: aligned.
void bindBarrier(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("barrier");
  if (M.take("warp")) {
    if (!M.take("sync"))
      D.fail("expected bar.warp.sync");
    D.need(S, 1);
    I.S[0] = D.source(S.Arguments[0], Type::B32);
    I.Control = Control::Converge;
    I.Member = 0;
    I.Execute = warpBarrier;
    return;
  }
  M.take("cta");
  I.Control = Control::Barrier;
  bool Aligned = M.take("aligned");
  I.Mode = Aligned || S.Parts[0] == "bar";
  if (M.take("sync")) {
    M.take("all");
    D.need(S, 1, 2);
    I.S[0] = D.source(S.Arguments[0], Type::U32);
    if (S.Arguments.size() == 2)
      I.S[1] = D.source(S.Arguments[1], Type::U32);
    return;
  }
  if (!M.take("red"))
    M.unknown(M.next());
  I.Variant = uint8_t(M.oneOf({"popc", "and", "or"}) + 1);
  if (!I.Variant)
    D.fail("expected .popc, .and or .or");
  Type T = M.requireType();
  D.need(S, 3, 4);
  I.D[0] = D.destination(S.Arguments[0], bitsOf(T));
  I.S[0] = D.source(S.Arguments[1], Type::U32);
  if (S.Arguments.size() == 4)
    I.S[1] = D.source(S.Arguments[2], Type::U32);
  I.S[2] = D.predicate(S.Arguments.back());
}

} // namespace

std::vector<BinderRow> warpBinders() {
  return {{"shfl", bindShuffle}, {"vote", bindVote},   {"match", bindMatch},
          {"redux", bindReduce}, {"bar", bindBarrier}, {"barrier", bindBarrier}};
}

} // namespace tinyc::emulator::ptx
