// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One block's life: warps take turns, lanes part at branches and meet at postdominators, barriers count threads.
#include "test/emulators/cuda/Machine.h"

#include <algorithm>

namespace tinyc::emulator::ptx {

Block::Block(ptx::Launch &L)
    : Launch(L), Shared(L.Program.DynamicShared + L.DynamicShared), Time(1),
      Threads(L.Block[0] * L.Block[1] * L.Block[2]) {
  const ptx::Program &P = L.Program;
  Warps.resize((Threads + 31) / 32);
  for (unsigned W = 0; W < Warps.size(); ++W) {
    Warp &V = Warps[W];
    V.Index = W;
    V.Block = this;
    V.Launch = &L;
    V.Registers.assign(P.RegisterBytes + 64, 0xff);
    V.PoisonWords.assign(P.PoisonWords, ~0u);
    V.PartialLanes.assign(P.PoisonWords, 0);
    V.Local.assign(size_t(P.LocalBytes) * 32, 0xff);
    V.LocalStates.assign(size_t(P.LocalBytes) * 32, Unmapped);
    // Rows are read and written as vectors: align the file to a cache line.
    auto Aligned = (reinterpret_cast<uintptr_t>(V.Registers.data()) + 63) & ~uintptr_t(63);
    V.Base[0] = reinterpret_cast<uint8_t *>(Aligned);
    V.Base[1] = const_cast<uint8_t *>(P.Constants.data());
    V.Poison = V.PoisonWords.data();
  }
}

void Block::begin(uint32_t X, uint32_t Y, uint32_t Z) {
  const ptx::Program &P = Launch.Program;
  Index[0] = X;
  Index[1] = Y;
  Index[2] = Z;
  Executing = nullptr;
  Time = Clocks(unsigned(Warps.size()));
  Shared.reset();
  for (auto [Offset, Size] : P.SharedVariables)
    Shared.map(Offset, Size);
  if (P.UsesDynamicShared && Launch.DynamicShared)
    Shared.map(P.DynamicShared, Launch.DynamicShared);
  for (Barrier &B : Barriers)
    B = {};
  for (Warp &W : Warps) {
    unsigned First = W.Index * 32, Count = std::min(32u, Threads - First);
    W.Born = W.Alive = Count == 32 ? ~0u : (1u << Count) - 1;
    std::fill(W.PoisonWords.begin(), W.PoisonWords.end(), ~0u);
    W.PoisonWords[0] = 0;
    std::fill(W.PartialLanes.begin(), W.PartialLanes.end(), 0u);
    W.HasPartial = false;
    W.PoisonSource = nullptr;
    W.Fragments.assign(1, Fragment{Fragment::Ready, 0, W.Born, -1, 0, -1});
    W.Joins.clear();
    W.Copies.clear();
    std::fill_n(W.CopyGroups, 32, 0);
    for (auto [Offset, Size] : P.LocalVariables)
      for (unsigned L = 0; L < 32; ++L)
        std::fill_n(W.LocalStates.begin() + size_t(L) * P.LocalBytes + Offset, Size, uint8_t(Poisoned));
    uint32_t *Rows = reinterpret_cast<uint32_t *>(W.Base[0]);
    auto Fill = [&](SpecialRow Row, auto Value) {
      for (unsigned L = 0; L < 32; ++L)
        Rows[Row * 32 + L] = uint32_t(Value(L));
    };
    const uint32_t *D = Launch.Block;
    Fill(TidX, [&](unsigned L) { return (First + L) % D[0]; });
    Fill(TidY, [&](unsigned L) { return (First + L) / D[0] % D[1]; });
    Fill(TidZ, [&](unsigned L) { return (First + L) / (D[0] * D[1]); });
    for (unsigned K = 0; K < 3; ++K) {
      Fill(SpecialRow(NTidX + K), [&](unsigned) { return D[K]; });
      Fill(SpecialRow(CtaX + K), [&](unsigned) { return Index[K]; });
      Fill(SpecialRow(NCtaX + K), [&](unsigned) { return Launch.Grid[K]; });
    }
    Fill(LaneId, [](unsigned L) { return L; });
    Fill(WarpId, [&](unsigned) { return W.Index; });
    Fill(NWarpId, [&](unsigned) { return Warps.size(); });
    Fill(SmId, [&](unsigned) { return (X + Y + Z) % Launch.Chip.Multiprocessors; });
    Fill(NSmId, [&](unsigned) { return Launch.Chip.Multiprocessors; });
    Fill(GridId, [](unsigned) { return 1; });
    Fill(MaskEq, [](unsigned L) { return 1u << L; });
    Fill(MaskLt, [](unsigned L) { return (1u << L) - 1; });
    Fill(MaskLe, [](unsigned L) { return (2ull << L) - 1; });
    Fill(MaskGt, [](unsigned L) { return ~((2ull << L) - 1); });
    Fill(MaskGe, [](unsigned L) { return ~((1u << L) - 1); });
    Fill(DynamicSize, [&](unsigned) { return Launch.DynamicShared; });
    Fill(TotalSize, [&](unsigned) { return P.StaticShared + Launch.DynamicShared; });
  }
}

void Warp::setUndefinedBits(const Operand &O, const UndefinedBits &Bits) {
  const uint64_t All = allBits(O);
  uint32_t Any = 0, Partial = 0;
  for (unsigned L = 0; L < 32; ++L) {
    uint64_t B = Bits[L] & All;
    Any |= uint32_t(B != 0) << L;
    Partial |= uint32_t(B != 0 && B != All) << L;
  }
  setPoison(O, Any);
  Partial &= Active;
  if (!Partial || O.Poison == 0)
    return;
  HasPartial = true;
  PartialLanes[O.Poison] |= Partial;
  UndefinedBits &Row = PartialBits[O.Poison];
  for (unsigned L = 0; L < 32; ++L)
    if (Partial >> L & 1)
      Row[L] = Bits[L] & All;
}

void Warp::poisoned(uint32_t Lanes, const char *What) const {
  std::string Text = std::string(What) + " was never computed from defined values";
  if (PoisonSource)
    Text += " (last read of memory that nobody wrote: PTX line " + std::to_string(PoisonSource->Source->Line) + ", '" +
            PoisonSource->Source->Source + "')";
  throw Fault{Fault::LaunchFailed, Text, std::countr_zero(Lanes)};
}

void Block::run(Random &Order) {
  std::vector<std::pair<unsigned, unsigned>> Ready;
  for (;;) {
    Ready.clear();
    for (Warp &W : Warps)
      for (unsigned F = 0; F < W.Fragments.size(); ++F)
        if (W.Fragments[F].State == Fragment::Ready)
          Ready.push_back({W.Index, F});
    if (!Ready.empty()) {
      auto [W, F] = Ready[Order.below(Ready.size())];
      runFragment(Warps[W], F, Order);
      continue;
    }
    bool Progress = false, Waiting = false;
    for (Warp &W : Warps) {
      Progress |= converge(W);
      Waiting |= W.Alive != 0;
    }
    if (Progress)
      continue;
    if (!Waiting)
      return;
    stuck();
  }
}

static constexpr uint64_t LongestLaunch = 4'000'000'000; ///< warp instructions

void Block::runFragment(Warp &W, size_t Which, Random &Order) {
  Executing = &W;
  Fragment F = W.Fragments[Which];
  W.Fragments.erase(W.Fragments.begin() + long(Which));
  const Instruction *Code = Launch.Program.Code.data();
  uint64_t *Executed = Launch.Executed.data();
  uint32_t Stop = F.Join >= 0 ? W.Joins[size_t(F.Join)].Pc : ~0u;
  const uint64_t Turn = 4096 + Order.below(4096);
  uint64_t Left = Turn;
  for (; Left && F.Pc != Stop; --Left) {
    const Instruction &I = Code[F.Pc];
    ++Executed[F.Pc];
    W.Current = &I;
    W.Active = F.Mask;
    if (I.Guard) {
      W.requireDefined(I.Guard, F.Mask, "the guard predicate");
      W.Active &= W.predicate(I.Guard);
    }
    if (I.Control == Control::Next) [[likely]] {
      if (W.Active)
        I.Execute(W, I);
      ++F.Pc;
      continue;
    }
    if (!step(W, F, Order)) {
      Launch.Clock += Turn - Left;
      return;
    }
    Stop = F.Join >= 0 ? W.Joins[size_t(F.Join)].Pc : ~0u;
  }
  Launch.Clock += Turn - Left;
  if (Launch.Clock > LongestLaunch)
    W.fault(Fault::LaunchFailed,
            "the launch has not ended after " + std::to_string(LongestLaunch) + " warp instructions");
  if (F.Pc == Stop && !arrive(W, F))
    return;
  W.Fragments.push_back(F);
}

/// A control instruction at F.Pc, with W.Active the lanes whose guard holds. False when the fragment gave up its turn
/// (it is then stored in the warp, or gone).
bool Block::step(Warp &W, Fragment &F, Random &Order) {
  const Instruction &I = *W.Current;
  switch (I.Control) {
  case Control::Next:
    break;
  case Control::Branch:
    branch(W, F, W.Active, Order);
    return true;
  case Control::Table:
    table(W, F, Order);
    return true;
  case Control::Exit: {
    uint32_t Lanes = W.Active;
    F.Mask &= ~Lanes;
    ++F.Pc;
    leave(W, Lanes);
    return F.Mask != 0;
  }
  case Control::Converge: {
    if (!W.Active) {
      ++F.Pc;
      return true;
    }
    uint32_t First = uint32_t(std::countr_zero(W.Active));
    W.requireDefined(I.S[I.Member], W.Active, "the member mask");
    uint32_t Members = uint32_t(W.get(I.S[I.Member], First));
    for (unsigned L = 0; L < 32; ++L)
      if (W.Active >> L & 1 && !(W.get(I.S[I.Member], L) >> L & 1))
        W.fault(Fault::LaunchFailed,
                "expected a member mask that names the executing lane, found " +
                    std::to_string(W.get(I.S[I.Member], L)),
                int(L));
    if ((Members & W.Alive & ~W.Active) == 0) {
      I.Execute(W, I);
      ++F.Pc;
      return true;
    }
    if (W.Active != F.Mask)
      diverge(W, F, {{F.Pc, W.Active}, {F.Pc + 1, F.Mask & ~W.Active}}, Order);
    if (F.Pc != uint32_t(&I - Launch.Program.Code.data()))
      return true;
    F.State = Fragment::AtConverge;
    F.Members = Members;
    W.Fragments.push_back(F);
    return false;
  }
  case Control::Whole:
    if (W.Active != ~0u)
      W.fault(Fault::LaunchFailed, "expected all 32 lanes of the warp, found " +
                                       std::to_string(std::popcount(W.Active)) +
                                       ": the instruction is executed in divergent code or by an incomplete warp");
    I.Execute(W, I);
    ++F.Pc;
    return true;
  case Control::Barrier:
    if (!W.Active) {
      ++F.Pc;
      return true;
    }
    return barrier(W, F, W.Active);
  }
  return true;
}

void Block::branch(Warp &W, Fragment &F, uint32_t Taken, Random &Order) {
  const Instruction &I = *W.Current;
  uint32_t Stays = F.Mask & ~Taken;
  if (!Stays) {
    F.Pc = I.Target;
  } else if (!Taken) {
    ++F.Pc;
  } else {
    ++Launch.Report.DivergentBranches;
    diverge(W, F, {{I.Target, Taken}, {F.Pc + 1, Stays}}, Order);
  }
}

void Block::table(Warp &W, Fragment &F, Random &Order) {
  const Instruction &I = *W.Current;
  W.requireDefined(I.S[0], W.Active, "the index of the branch");
  std::vector<std::pair<uint32_t, uint32_t>> Ways;
  if (F.Mask & ~W.Active)
    Ways.push_back({F.Pc + 1, F.Mask & ~W.Active});
  for (unsigned L = 0; L < 32; ++L) {
    if (!(W.Active >> L & 1))
      continue;
    uint64_t Index = W.get(I.S[0], L);
    if (Index >= I.Targets.size())
      W.fault(Fault::LaunchFailed,
              "expected a branch index below " + std::to_string(I.Targets.size()) + ", found " + std::to_string(Index),
              int(L));
    auto It = std::find_if(Ways.begin(), Ways.end(), [&](auto &Way) { return Way.first == I.Targets[Index]; });
    if (It == Ways.end())
      It = Ways.insert(Ways.end(), {I.Targets[Index], 0});
    It->second |= 1u << L;
  }
  if (Ways.size() == 1) {
    F.Pc = Ways[0].first;
    return;
  }
  ++Launch.Report.DivergentBranches;
  diverge(W, F, std::move(Ways), Order);
}

/// Splits F; F goes on as one of the ways.
void Block::diverge(Warp &W, Fragment &F, std::vector<std::pair<uint32_t, uint32_t>> Ways, Random &Order) {
  const Instruction &I = *W.Current;
  uint32_t Meet = I.Control == Control::Converge ? F.Pc + 1 : I.Reconverge;
  if (Meet != ~0u && !(F.Join >= 0 && W.Joins[size_t(F.Join)].Pc == Meet)) {
    Join J{Meet, F.Mask, 0, F.Join};
    size_t Slot = 0;
    while (Slot < W.Joins.size() && W.Joins[Slot].Expected)
      ++Slot;
    if (Slot == W.Joins.size())
      W.Joins.push_back(J);
    else
      W.Joins[Slot] = J;
    F.Join = int(Slot);
  }
  Order.shuffle(Ways);
  for (size_t K = 1; K < Ways.size(); ++K) {
    Fragment Other = F;
    Other.Pc = Ways[K].first;
    Other.Mask = Ways[K].second;
    W.Fragments.push_back(Other);
  }
  F.Pc = Ways[0].first;
  F.Mask = Ways[0].second;
}

/// F stands at its join. True when all siblings are there: F is then all of them and goes on.
bool Block::arrive(Warp &W, Fragment &F) {
  Join &J = W.Joins[size_t(F.Join)];
  J.Arrived |= F.Mask;
  if (J.Arrived != J.Expected)
    return false;
  F.Mask = J.Expected;
  F.Join = J.Parent;
  J.Expected = 0;
  return true;
}

/// Lanes have exited: nobody waits for them any more at a join.
void Block::leave(Warp &W, uint32_t Lanes) {
  W.Alive &= ~Lanes;
  for (size_t K = 0; K < W.Joins.size(); ++K) {
    Join &J = W.Joins[K];
    if (!(J.Expected & Lanes))
      continue;
    J.Expected &= ~Lanes;
    J.Arrived &= ~Lanes;
    if (J.Expected && J.Arrived == J.Expected) {
      W.Fragments.push_back(Fragment{Fragment::Ready, J.Pc, J.Expected, J.Parent, 0, -1});
      J.Expected = 0;
    }
  }
}

/// Lanes that wait at the same instruction for each other go on together.
bool Block::converge(Warp &W) {
  for (Fragment &F : W.Fragments) {
    if (F.State != Fragment::AtConverge)
      continue;
    uint32_t Together = 0;
    for (Fragment &G : W.Fragments)
      if (G.State == Fragment::AtConverge && G.Pc == F.Pc)
        Together |= G.Mask;
    if (F.Members & W.Alive & ~Together)
      continue;
    uint32_t Pc = F.Pc;
    Executing = &W;
    W.Current = &Launch.Program.Code[Pc];
    W.Active = Together;
    W.Current->Execute(W, *W.Current);
    for (Fragment &G : W.Fragments)
      if (G.State == Fragment::AtConverge && G.Pc == Pc) {
        G.State = Fragment::Ready;
        ++G.Pc;
      }
    return true;
  }
  return false;
}

bool Block::barrier(Warp &W, Fragment &F, uint32_t Lanes) {
  const Instruction &I = *W.Current;
  bool Aligned = I.Mode;
  if (Aligned && Lanes != W.Born) {
    uint32_t Gone = W.Born & ~W.Alive;
    W.fault(Fault::LaunchFailed, Gone ? "expected all threads of the warp at the barrier, but " +
                                            std::to_string(std::popcount(Gone)) + " of them have exited"
                                      : "expected all " + std::to_string(std::popcount(W.Born)) +
                                            " threads of the warp at the barrier, found " +
                                            std::to_string(std::popcount(Lanes)) +
                                            ": the barrier stands in divergent code");
  }
  unsigned First = unsigned(std::countr_zero(Lanes));
  uint64_t Id = W.get(I.S[0], First);
  if (Id >= 16)
    W.fault(Fault::LaunchFailed, "expected a barrier number below 16, found " + std::to_string(Id));
  uint32_t Expected = I.S[1] ? uint32_t(W.get(I.S[1], First)) : uint32_t(Warps.size() * 32);
  if (!Expected || Expected % 32 || Expected > Warps.size() * 32)
    W.fault(Fault::LaunchFailed, "expected a thread count that is a multiple of 32 and at most the block's " +
                                     std::to_string(Warps.size() * 32) + ", found " + std::to_string(Expected));
  Barrier &B = Barriers[Id];
  if (B.Expected && B.Expected != Expected)
    W.fault(Fault::LaunchFailed, "barrier " + std::to_string(Id) + " is waited for by " + std::to_string(B.Expected) +
                                     " threads, and here by " + std::to_string(Expected));
  B.Expected = Expected;
  B.Arrived += Lanes == W.Born ? 32 : uint32_t(std::popcount(Lanes));
  B.Warps |= 1ull << W.Index;
  if (I.Variant) {
    W.requireDefined(I.S[2], Lanes, "the barrier's predicate");
    B.Votes += uint32_t(std::popcount(W.predicate(I.S[2]) & Lanes));
  }
  B.Ballots += uint32_t(std::popcount(Lanes));
  F.State = Fragment::AtBarrier;
  F.Barrier = int(Id);
  if (Lanes != F.Mask) // a guarded barrier that is not aligned: the others go on and meet these behind it
    W.fault(Fault::LaunchFailed, "a barrier under a guard that holds for some lanes only is not supported");
  W.Fragments.push_back(F);
  if (B.Arrived < B.Expected)
    return false;
  if (Time.exhausted())
    W.fault(Fault::LaunchFailed, "more barriers than the race detector's clock can count");
  Time.barrier(B.Warps);
  for (Warp &V : Warps)
    for (Fragment &G : V.Fragments) {
      if (G.State != Fragment::AtBarrier || G.Barrier != int(Id))
        continue;
      const Instruction &At = Launch.Program.Code[G.Pc];
      V.Active = G.Mask;
      if (At.Variant == 1) {
        for (unsigned L = 0; L < 32; ++L)
          if (G.Mask >> L & 1)
            V.set(At.D[0], L, B.Votes);
      } else if (At.Variant) {
        V.setPredicate(At.D[0], (At.Variant == 2 ? B.Votes == B.Ballots : B.Votes != 0) ? ~0u : 0);
      }
      if (At.Variant)
        V.setPoison(At.D[0], 0);
      G.State = Fragment::Ready;
      ++G.Pc;
    }
  B = {};
  return false;
}

void Block::stuck() {
  for (Warp &W : Warps)
    for (Fragment &F : W.Fragments) {
      Executing = &W;
      W.Current = &Launch.Program.Code[F.Pc];
      W.Active = F.Mask;
      if (F.State == Fragment::AtConverge)
        W.fault(Fault::LaunchFailed,
                "lanes wait for others that the member mask names and that never come; missing lane " +
                    std::to_string(std::countr_zero(F.Members & W.Alive & ~F.Mask)));
      const Barrier &B = Barriers[F.Barrier];
      uint32_t Gone = 0;
      for (Warp &V : Warps)
        Gone += uint32_t(std::popcount(V.Born & ~V.Alive));
      W.fault(Fault::LaunchFailed, "the block waits for ever at barrier " + std::to_string(F.Barrier) + ": expected " +
                                       std::to_string(B.Expected) + " threads, found " + std::to_string(B.Arrived) +
                                       " (" + std::to_string(Gone) + " threads of the block have exited)");
    }
  throw Fault{Fault::LaunchFailed, "lanes wait at a join for lanes that never come", -1};
}

} // namespace tinyc::emulator::ptx
