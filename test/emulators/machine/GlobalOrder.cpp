// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conflicts on global memory between blocks and between the threads of a block.
#include "test/emulators/machine/GlobalOrder.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tinyc::emulator {

std::string GlobalOrder::Conflict::describe(unsigned WarpSize) const {
  char Where[32];
  snprintf(Where, sizeof Where, "0x%llx", static_cast<unsigned long long>(Address));
  std::string Them = describeThread(Other.warp(), Other.lane(), WarpSize);
  std::string Text = std::string("this thread ") + (NowWrites ? "writes" : "reads") + " global address " + Where +
                     ", which " + Them + " of " +
                     (SameBlock ? "the same block" : "block " + std::to_string(OtherBlock)) +
                     (OtherWrote ? " wrote" : " read") + " in the same launch; ";
  return Text + (SameBlock ? "no barrier orders the two" : "no fence or atomic makes that ordered");
}

void GlobalOrder::beginLaunch(uint64_t Blocks) {
  LaunchBase = NextBase;
  NextBase += uint32_t(Blocks);
  Unpublished.clear();
}

void GlobalOrder::beginBlock(uint64_t Index) {
  Block = LaunchBase + uint32_t(Index);
  Unpublished.clear();
}

/// Calls Visit with each unit of [Offset, Offset + Count) and with its offset, until it returns true.
template <typename F> static bool anyUnit(Allocation &A, uint64_t Offset, uint32_t Count, F Visit) {
  const uint64_t End = Offset + Count;
  // What follows the last byte of the allocation is nobody's: an access that ends there may end inside a word.
  const unsigned Shift = unsigned(std::countr_zero(Offset | (End == A.Size ? 0 : End) | 4));
  for (uint64_t At = Offset; At < End;) {
    HistoryPage &Page = A.page(At, Shift);
    const uint64_t Stop = std::min(End, At / HistoryPage::Bytes * HistoryPage::Bytes + HistoryPage::Bytes);
    for (AccessHistory *H = &Page.Units[At % HistoryPage::Bytes >> Page.Shift]; At < Stop; At += 1ull << Page.Shift)
      if (Visit(*H++, At)) [[unlikely]]
        return true;
  }
  return false;
}

/// Whether (Warp, Lane), which reads now, may take the place of R: whoever races with R then races with it as well.
bool GlobalOrder::unneeded(Reader R, const Clocks &C, unsigned Warp, unsigned Lane, bool Strong) const {
  if (R.Block < LaunchBase)
    return true;
  Access Them{R.Bits};
  return R.Block == Block && (Them.strong() || !Strong) && C.ordered(Them, Warp, Lane);
}

void GlobalOrder::noteReader(AccessHistory &H, const Clocks &C, unsigned Warp, unsigned Lane, bool Strong) const {
  const Reader Me{Block, C.now(Warp, Lane, Strong).Bits};
  const bool NoFirst = unneeded(H.First, C, Warp, Lane, Strong), NoOther = unneeded(H.Other, C, Warp, Lane, Strong);
  if (NoFirst) {
    H.First = NoOther ? Me : H.Other;
    H.Other = NoOther ? Reader() : Me;
    return;
  }
  // Two warps tell more than two lanes of one: lanes are ordered more often.
  Access First{H.First.Bits}, Other{H.Other.Bits};
  bool OfFirst = H.First.Block == Block && First.warp() == Warp;
  bool OneWarp = H.Other.Block == H.First.Block && Other.warp() == First.warp();
  if (NoOther ? !(OfFirst && First.lane() == Lane) : !OfFirst || (OneWarp && First.lane() != Lane))
    H.Other = Me;
}

std::optional<GlobalOrder::Conflict> GlobalOrder::read(Allocation &A, uint64_t Address, uint32_t Count, const Clocks &C,
                                                       unsigned Warp, unsigned Lane, bool Strong) {
  std::optional<Conflict> Found;
  anyUnit(A, Address - A.Base, Count, [&](AccessHistory &H, uint64_t At) {
    if (H.WriterBlock >= LaunchBase) {
      Access Them{H.Writer};
      bool BothStrong = Strong && Them.strong();
      if (H.WriterBlock == Block ? !BothStrong && !C.ordered(Them, Warp, Lane) : !H.Published) {
        Found = Conflict{A.Base + At, H.WriterBlock - LaunchBase, Them, true, false, H.WriterBlock == Block};
        return true;
      }
    }
    noteReader(H, C, Warp, Lane, Strong);
    return false;
  });
  return Found;
}

std::optional<GlobalOrder::Conflict> GlobalOrder::write(Allocation &A, uint64_t Address, uint32_t Count,
                                                        const Clocks &C, unsigned Warp, unsigned Lane,
                                                        const void *NewBytes, bool Strong) {
  const uint64_t Offset = Address - A.Base;
  const Access Me = C.now(Warp, Lane, Strong);
  const bool Same = NewBytes && std::memcmp(NewBytes, A.Bytes.get() + Offset, Count) == 0;
  std::optional<Conflict> Found;
  anyUnit(A, Offset, Count, [&](AccessHistory &H, uint64_t At) {
    const bool WrittenNow = H.WriterBlock >= LaunchBase;
    if (WrittenNow) {
      Access Them{H.Writer};
      bool BothStrong = Strong && Them.strong();
      bool Clash =
          H.WriterBlock == Block ? !BothStrong && !Same && !C.ordered(Them, Warp, Lane) : !H.Published && !BothStrong;
      if (Clash) {
        Found = Conflict{A.Base + At, H.WriterBlock - LaunchBase, Them, true, true, H.WriterBlock == Block};
        return true;
      }
    }
    // What others read in this launch may be overwritten only in the block's order, by a strong write where the read
    // was strong (a lock or a counter), or after a publication that the order above already vouches for.
    for (Reader R : {H.First, H.Other}) {
      Access Them{R.Bits};
      if (R.Block < LaunchBase || (Strong && Them.strong()))
        continue;
      if (R.Block == Block ? !C.ordered(Them, Warp, Lane) : !(WrittenNow && H.Published)) {
        Found = Conflict{A.Base + At, R.Block - LaunchBase, Them, false, true, R.Block == Block};
        return true;
      }
    }
    H = {Block, Me.Bits, {}, {}, Strong};
    return false;
  });
  if (!Found && !Strong)
    Unpublished.push_back({&A, Offset, Count, Me});
  return Found;
}

void GlobalOrder::fence(const Clocks &C, unsigned Warp) {
  auto Published = [&](const Pending &P) {
    if (P.Writer.warp() != Warp && !C.ordered(P.Writer, Warp, 64))
      return false;
    anyUnit(*P.Where, P.Offset, P.Count, [&](AccessHistory &H, uint64_t) {
      if (H.WriterBlock == Block && H.Writer == P.Writer.Bits)
        H.Published = true;
      return false;
    });
    return true;
  };
  Unpublished.erase(std::remove_if(Unpublished.begin(), Unpublished.end(), Published), Unpublished.end());
}

} // namespace tinyc::emulator
