// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conflicts on global memory between blocks and between the threads of a block.
#include "test/emulators/machine/GlobalOrder.h"

#include <algorithm>
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

/// The bytes of [Address, Address + Count) that lie in the word at WordAddress, as a mask of 4 bits.
static uint8_t bytesOfWord(uint64_t WordOffset, uint64_t Offset, uint32_t Count) {
  uint8_t Mask = 0;
  for (unsigned B = 0; B < 4; ++B)
    if (WordOffset + B >= Offset && WordOffset + B < Offset + Count)
      Mask |= 1 << B;
  return Mask;
}

static bool sameThread(Access A, Access B) { return A.warp() == B.warp() && A.lane() == B.lane(); }

std::optional<GlobalOrder::Conflict> GlobalOrder::read(Allocation &A, uint64_t Address, uint32_t Count, const Clocks &C,
                                                       unsigned Warp, unsigned Lane, bool Strong) {
  uint64_t Offset = Address - A.Base;
  WordHistory *Words = A.history();
  Access Me = C.now(Warp, Lane, Strong);
  for (uint64_t W = Offset / 4; W * 4 < Offset + Count; ++W) {
    WordHistory &H = Words[W];
    uint8_t Bytes =
        Count >= 4 && W * 4 >= Offset && W * 4 + 4 <= Offset + Count ? 15 : bytesOfWord(W * 4, Offset, Count);
    if (H.WriterBlock >= LaunchBase && (H.WriterBytes & Bytes)) {
      Access Them{H.Writer};
      bool BothStrong = Strong && Them.strong();
      if (H.WriterBlock == Block ? !BothStrong && !C.ordered(Them, Warp, Lane) : !H.Published)
        return Conflict{A.Base + W * 4, H.WriterBlock - LaunchBase, Them, true, false, H.WriterBlock == Block};
    }
    // Only what one thread read is kept together: a union over threads would blame one for another's bytes.
    uint8_t Overlap = H.ReaderBytes & Bytes;
    if (H.ReaderBlock < LaunchBase) {
      H.ManyReaders = false;
      H.ReaderBytes = Bytes;
    } else if (H.ReaderBlock != Block && Overlap) {
      H.ManyReaders = true;
      H.ReaderBytes = Overlap;
    } else if (!(H.ManyReaders && Overlap)) {
      bool SameThread = H.ReaderBlock == Block && sameThread({H.Reader}, Me) && !H.ManyReaders;
      H.ReaderBytes = SameThread ? H.ReaderBytes | Bytes : Bytes;
      H.ManyReaders = false;
    }
    H.ReaderBlock = Block;
    H.Reader = Me.Bits;
  }
  return std::nullopt;
}

std::optional<GlobalOrder::Conflict> GlobalOrder::write(Allocation &A, uint64_t Address, uint32_t Count,
                                                        const Clocks &C, unsigned Warp, unsigned Lane,
                                                        const void *NewBytes, bool Strong) {
  uint64_t Offset = Address - A.Base;
  WordHistory *Words = A.history();
  Access Me = C.now(Warp, Lane, Strong);
  bool Same = NewBytes && std::memcmp(NewBytes, A.Bytes.get() + Offset, Count) == 0;
  for (uint64_t W = Offset / 4; W * 4 < Offset + Count; ++W) {
    WordHistory &H = Words[W];
    uint8_t Bytes =
        Count >= 4 && W * 4 >= Offset && W * 4 + 4 <= Offset + Count ? 15 : bytesOfWord(W * 4, Offset, Count);
    bool WrittenNow = H.WriterBlock >= LaunchBase;
    if (WrittenNow && (H.WriterBytes & Bytes)) {
      Access Them{H.Writer};
      bool BothStrong = Strong && Them.strong();
      bool Clash =
          H.WriterBlock == Block ? !BothStrong && !Same && !C.ordered(Them, Warp, Lane) : !H.Published && !BothStrong;
      if (Clash)
        return Conflict{A.Base + W * 4, H.WriterBlock - LaunchBase, Them, true, true, H.WriterBlock == Block};
    }
    // A word that others read in this launch may be overwritten only by a strong write (a lock or a counter), or after
    // a publication that the order above already vouches for.
    if (H.ReaderBlock >= LaunchBase && (H.ReaderBytes & Bytes) && !(WrittenNow && H.Published)) {
      Access Them{H.Reader};
      bool BothStrong = Strong && Them.strong();
      bool Clash = H.ReaderBlock == Block ? !BothStrong && !H.ManyReaders && !C.ordered(Them, Warp, Lane) : !BothStrong;
      if (Clash || (H.ManyReaders && !Strong))
        return Conflict{
            A.Base + W * 4, H.ReaderBlock - LaunchBase, Them, false, true, H.ReaderBlock == Block && !H.ManyReaders};
    }
    bool SameThread = WrittenNow && H.WriterBlock == Block && sameThread({H.Writer}, Me) && H.Published == Strong;
    H.WriterBytes = SameThread ? H.WriterBytes | Bytes : Bytes;
    H.WriterBlock = Block;
    H.Writer = Me.Bits;
    H.Published = Strong;
    H.ReaderBlock = 0;
    H.ReaderBytes = 0;
    H.ManyReaders = false;
    if (!Strong)
      Unpublished.push_back({&H, Me});
  }
  return std::nullopt;
}

void GlobalOrder::fence(const Clocks &C, unsigned Warp) {
  auto Published = [&](const Pending &P) {
    if (P.Writer.warp() != Warp && !C.ordered(P.Writer, Warp, 64))
      return false;
    if (P.Word->WriterBlock == Block && P.Word->Writer == P.Writer.Bits)
      P.Word->Published = true;
    return true;
  };
  Unpublished.erase(std::remove_if(Unpublished.begin(), Unpublished.end(), Published), Unpublished.end());
}

} // namespace tinyc::emulator
