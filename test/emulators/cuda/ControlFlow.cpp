// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where lanes that part meet again: the immediate postdominator of each branch, found with the iterative algorithm of
// Cooper, Harvey and Kennedy on the reversed graph; and the binders of bra, brx.idx, ret, exit and trap.
#include "test/emulators/cuda/Lanes.h"

#include <algorithm>

namespace tinyc::emulator::ptx {

void reconvergence(Program &P) {
  const uint32_t N = uint32_t(P.Code.size());
  std::vector<bool> Leader(N + 1);
  Leader[0] = true;
  for (uint32_t I = 0; I < N; ++I) {
    const Instruction &In = P.Code[I];
    if (In.Control == Control::Branch)
      Leader[In.Target] = true;
    for (uint32_t T : In.Targets)
      Leader[T] = true;
    if (In.Control == Control::Branch || In.Control == Control::Table || In.Control == Control::Exit)
      Leader[I + 1] = true;
  }
  std::vector<uint32_t> Begin, BlockOf(N + 1);
  for (uint32_t I = 0; I < N; ++I) {
    if (Leader[I])
      Begin.push_back(I);
    BlockOf[I] = uint32_t(Begin.size()) - 1;
  }
  const uint32_t Blocks = uint32_t(Begin.size()), End = Blocks;
  std::vector<std::vector<uint32_t>> Next(Blocks + 1), Before(Blocks + 1);
  auto Edge = [&](uint32_t From, uint32_t To) {
    Next[From].push_back(To);
    Before[To].push_back(From);
  };
  for (uint32_t B = 0; B < Blocks; ++B) {
    const Instruction &Last = P.Code[(B + 1 < Blocks ? Begin[B + 1] : N) - 1];
    bool Falls = true;
    if (Last.Control == Control::Branch) {
      Edge(B, BlockOf[Last.Target]);
      Falls = bool(Last.Guard);
    } else if (Last.Control == Control::Table) {
      for (uint32_t T : Last.Targets)
        Edge(B, BlockOf[T]);
      Falls = bool(Last.Guard);
    } else if (Last.Control == Control::Exit) {
      Edge(B, End);
      Falls = bool(Last.Guard);
    }
    if (Falls && B + 1 < Blocks)
      Edge(B, B + 1);
  }
  // Postorder on the reversed graph from the end.
  std::vector<uint32_t> Order, Number(Blocks + 1, ~0u);
  std::vector<std::pair<uint32_t, size_t>> Stack{{End, 0}};
  std::vector<bool> Seen(Blocks + 1);
  Seen[End] = true;
  while (!Stack.empty()) {
    auto &[B, K] = Stack.back();
    if (K < Before[B].size()) {
      uint32_t Q = Before[B][K++];
      if (!Seen[Q]) {
        Seen[Q] = true;
        Stack.push_back({Q, 0});
      }
      continue;
    }
    Number[B] = uint32_t(Order.size());
    Order.push_back(B);
    Stack.pop_back();
  }
  std::vector<uint32_t> Dominator(Blocks + 1, ~0u);
  Dominator[End] = End;
  for (bool Changed = true; Changed;) {
    Changed = false;
    for (size_t K = Order.size() - 1; K-- > 0;) {
      uint32_t B = Order[K], Best = ~0u;
      for (uint32_t S : Next[B]) {
        if (Number[S] == ~0u || Dominator[S] == ~0u)
          continue;
        if (Best == ~0u) {
          Best = S;
          continue;
        }
        uint32_t X = Best, Y = S;
        while (X != Y) {
          while (Number[X] < Number[Y])
            X = Dominator[X];
          while (Number[Y] < Number[X])
            Y = Dominator[Y];
        }
        Best = X;
      }
      if (Best != ~0u && Dominator[B] != Best) {
        Dominator[B] = Best;
        Changed = true;
      }
    }
  }
  for (uint32_t I = 0; I < N; ++I) {
    Instruction &In = P.Code[I];
    if (In.Control != Control::Branch && In.Control != Control::Table)
      continue;
    uint32_t D = Dominator[BlockOf[I]];
    In.Reconverge = D == ~0u || D == End ? ~0u : Begin[D];
  }
}

static void bindBranch(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("branch");
  M.take("uni");
  D.need(S, 1);
  I.Control = Control::Branch;
  D.branch(S.Arguments[0].Text, I);
}

static void bindTable(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("branch");
  if (!M.take("idx"))
    M.unknown(M.next());
  M.take("uni");
  D.need(S, 2);
  I.Control = Control::Table;
  I.S[0] = D.source(S.Arguments[0], Type::U32);
  D.branchTable(S.Arguments[1].Text, I);
}

static void bindExit(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("control");
  M.take("uni");
  D.need(S, 0);
  I.Control = Control::Exit;
}

static void trap(Warp &W, const Instruction &I) {
  W.fault(Fault::LaunchFailed, "the kernel executed trap", std::countr_zero(W.Active));
}
static void bindTrap(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("control");
  I.Execute = trap;
}

static void nothing(Warp &, const Instruction &) {}
static void bindNothing(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  // prefetch, nanosleep, griddepcontrol and the like: hints without an effect on values.
  while (!M.next().empty())
    M.takeNext();
  I.Class = classNamed("control");
  I.Execute = nothing;
}

std::vector<BinderRow> controlBinders() {
  return {{"bra", bindBranch},        {"brx", bindTable},
          {"ret", bindExit},          {"exit", bindExit},
          {"trap", bindTrap},         {"brkpt", bindTrap},
          {"nanosleep", bindNothing}, {"prefetch", bindNothing},
          {"prefetchu", bindNothing}, {"applypriority", bindNothing},
          {"pmevent", bindNothing}};
}

} // namespace tinyc::emulator::ptx
