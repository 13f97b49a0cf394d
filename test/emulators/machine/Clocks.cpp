// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vector clocks of the warps of one block.
#include "test/emulators/machine/Clocks.h"

#include <algorithm>

namespace tinyc::emulator {

Clocks::Clocks(unsigned Warps, bool LockStep)
    : Count(Warps), LockStep(LockStep), Times(Warps, 1), Seen(Warps * Warps, 1), Floors(Warps, 1) {}

void Clocks::setFloor(unsigned Warp) {
  Floors[Warp] = *std::min_element(Seen.begin() + Warp * Count, Seen.begin() + (Warp + 1) * Count);
}

void Clocks::barrier(uint64_t Warps) {
  std::vector<uint32_t> Joined(Count, 1);
  uint32_t Next = 0;
  for (unsigned W = 0; W < Count; ++W) {
    if (!(Warps >> W & 1))
      continue;
    Next = std::max(Next, Times[W] + 1);
    for (unsigned V = 0; V < Count; ++V)
      Joined[V] = std::max(Joined[V], Seen[W * Count + V]);
  }
  for (unsigned V = 0; V < Count; ++V)
    if (Warps >> V & 1)
      Joined[V] = Next;
  for (unsigned W = 0; W < Count; ++W) {
    if (!(Warps >> W & 1))
      continue;
    Times[W] = Next;
    std::copy(Joined.begin(), Joined.end(), Seen.begin() + W * Count);
    setFloor(W);
  }
  Latest = std::max(Latest, Next);
}

void Clocks::warpBarrier(unsigned Warp) {
  Seen[Warp * Count + Warp] = ++Times[Warp];
  Latest = std::max(Latest, Times[Warp]);
  setFloor(Warp);
}

void Clocks::follow(const Clocks &Local) {
  Times = Local.Times;
  Latest = Local.Latest;
}

void Clocks::acquire(const Clocks &Local, unsigned Warp) {
  std::copy_n(Local.Seen.begin() + Warp * Count, Count, Seen.begin() + Warp * Count);
  setFloor(Warp);
}

std::string describeThread(unsigned Warp, unsigned Lane, unsigned WarpSize) {
  return "thread " + std::to_string(Warp * WarpSize + Lane) + " (warp " + std::to_string(Warp) + ", lane " +
         std::to_string(Lane) + ")";
}

} // namespace tinyc::emulator
