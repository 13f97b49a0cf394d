// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A grid: its blocks in an order of the seed, its counters, and the paragraph that tells what went wrong.
#include "test/emulators/cuda/Machine.h"

#include <numeric>

namespace tinyc::emulator::ptx {

static std::string place(uint32_t X, uint32_t Y, uint32_t Z) {
  return "(" + std::to_string(X) + "," + std::to_string(Y) + "," + std::to_string(Z) + ")";
}

static std::string paragraph(const Launch &L, const Block &B, const Fault &F) {
  std::string Text = "kernel " + L.Program.Name + ", block " + place(B.Index[0], B.Index[1], B.Index[2]);
  const Warp *At = B.Executing;
  if (!At || !At->Current)
    return Text + ": " + F.Text;
  unsigned Lane = F.Lane >= 0 ? unsigned(F.Lane) : At->Active ? unsigned(std::countr_zero(At->Active)) : 0;
  unsigned T = At->Index * 32 + Lane;
  const uint32_t *D = L.Block;
  Text += ", thread " + place(T % D[0], T / D[0] % D[1], T / (D[0] * D[1])) + " (warp " + std::to_string(At->Index) +
          ", lane " + std::to_string(Lane) + ")";
  if (At->Current->Source)
    Text += ", PTX line " + std::to_string(At->Current->Source->Line) + ", '" + At->Current->Source->Source + "'";
  return Text + ": " + F.Text;
}

static void count(Launch &L) {
  for (size_t Pc = 0; Pc < L.Executed.size(); ++Pc) {
    const Instruction &I = L.Program.Code[Pc];
    if (!I.Source)
      continue;
    const std::string &Class = instructionClasses()[I.Class];
    if (L.Executed[Pc])
      L.Report.Instructions[Class] += L.Executed[Pc];
    if (Class == "mma")
      L.Report.Mma += L.Executed[Pc];
    if (L.Conflicts[Pc]) {
      L.Report.BankConflicts += L.Conflicts[Pc];
      L.Report.BankConflictsByLine[I.Source->Line] += L.Conflicts[Pc];
    }
  }
}

Outcome runLaunch(Launch &L) {
  L.Executed.assign(L.Program.Code.size(), 0);
  L.Conflicts.assign(L.Program.Code.size(), 0);
  const uint64_t Blocks = uint64_t(L.Grid[0]) * L.Grid[1] * L.Grid[2];
  Random Order(L.Seed * 0x2545f4914f6cdd1dull + 1);
  // Seed 0 keeps the natural order, which is the easiest to follow; all others shuffle.
  std::vector<uint32_t> Sequence(Blocks);
  std::iota(Sequence.begin(), Sequence.end(), 0);
  if (L.Seed)
    Order.shuffle(Sequence);
  L.Order.beginLaunch(Blocks);
  Outcome Result;
  Block B(L);
  try {
    for (uint32_t Linear : Sequence) {
      B.begin(Linear % L.Grid[0], Linear / L.Grid[0] % L.Grid[1], Linear / (L.Grid[0] * L.Grid[1]));
      L.Order.beginBlock(Linear);
      B.run(Order);
    }
  } catch (const Fault &F) {
    Result = {false, F.Code, paragraph(L, B, F)};
    L.Report.Reports.push_back(Result.Message);
  }
  count(L);
  return Result;
}

} // namespace tinyc::emulator::ptx
