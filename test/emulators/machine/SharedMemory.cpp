// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared memory with its race detector. The common case, in which every earlier access lies before the last barrier of
// the whole block, is one comparison a byte, which the compiler vectorises.
#include "test/emulators/machine/SharedMemory.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace tinyc::emulator {

std::string Race::describe(unsigned Warp, unsigned Lane, unsigned WarpSize) const {
  std::string Then = EarlierWrote ? "wrote" : "read", Now = NowWrites ? "writes" : "reads";
  return describeThread(Warp, Lane, WarpSize) + " " + Now + " byte " + std::to_string(Offset) +
         " of shared memory, which " + describeThread(Earlier.warp(), Earlier.lane(), WarpSize) + " " + Then +
         "; no barrier orders the two";
}

SharedMemory::SharedMemory(uint32_t Size)
    : Size(Size), Data(Size, 0xff), States(Size, Unmapped), Writers(Size), FirstReaders(Size), OtherReaders(Size) {}

void SharedMemory::map(uint32_t Offset, uint32_t Count) {
  std::fill_n(States.begin() + Offset, Count, uint8_t(Poisoned));
  std::fill_n(Data.begin() + Offset, Count, uint8_t(0xff));
}

void SharedMemory::reset() {
  std::fill(States.begin(), States.end(), uint8_t(Unmapped));
  std::fill(Writers.begin(), Writers.end(), 0);
  std::fill(FirstReaders.begin(), FirstReaders.end(), 0);
  std::fill(OtherReaders.begin(), OtherReaders.end(), 0);
}

uint8_t SharedMemory::state(uint32_t Offset, uint32_t Count) const {
  uint8_t All = 0;
  for (uint32_t I = 0; I < Count; ++I)
    All |= States[Offset + I];
  return All;
}

std::optional<Race> SharedMemory::check(const Clocks &C, uint32_t Byte, Access Earlier, bool EarlierWrote,
                                        unsigned Warp, unsigned Lane, bool NowWrites, bool Strong) const {
  if (!Earlier || (Strong && Earlier.strong()) || C.ordered(Earlier, Warp, Lane))
    return std::nullopt;
  return Race{Byte, Earlier, EarlierWrote, NowWrites};
}

/// The hot loops of read() and write(), for a number of bytes known at compile time.
template <uint32_t Count> static uint32_t anyLate(const uint32_t *History, uint32_t Floor) {
  uint32_t Late = 0;
  for (uint32_t I = 0; I < Count; ++I)
    Late |= History[I] >= Floor;
  return Late;
}
/// Keeps reads of two threads a byte, of two warps where there are such: lanes of one warp are ordered more often. A
/// thread's later read takes the place of its earlier one, unless that was weak and this is strong.
template <uint32_t Count> static void noteReaders(uint32_t *First, uint32_t *Other, uint32_t Floor, uint32_t Me) {
  constexpr uint32_t Thread = Access::make(0, false, 63, 63).Bits, Warp = Access::make(0, false, 63, 0).Bits,
                     Strong = Access::make(0, true, 0, 0).Bits;
  for (uint32_t I = 0; I < Count; ++I) {
    const uint32_t F = First[I], O = Other[I];
    const bool Stale = F < Floor, Again = !((F ^ Me) & Thread), Newer = !(Me & ~F & Strong);
    const bool OtherWarp = (O >= Floor) & !((F ^ Me) & Warp) & bool((F ^ O) & Warp);
    Other[I] = (Stale | Again | OtherWarp) ? O : Me;
    First[I] = (Stale | (Again & Newer)) ? Me : F;
  }
}
template <typename F> static void byWidth(uint32_t Count, F Run) {
  for (uint32_t At = 0; At < Count;) { // accesses are powers of two up to 16: mostly one round
    uint32_t Left = Count - At;
    if (Left >= 16)
      Run(At, std::integral_constant<uint32_t, 16>()), At += 16;
    else if (Left >= 8)
      Run(At, std::integral_constant<uint32_t, 8>()), At += 8;
    else if (Left >= 4)
      Run(At, std::integral_constant<uint32_t, 4>()), At += 4;
    else
      Run(At, std::integral_constant<uint32_t, 1>()), At += 1;
  }
}

std::optional<Race> SharedMemory::read(const Clocks &C, uint32_t Offset, uint32_t Count, unsigned Warp, unsigned Lane,
                                       bool Strong) {
  const uint32_t Floor = C.floorBits(Warp), Me = C.now(Warp, Lane, Strong).Bits;
  uint32_t *W = Writers.data() + Offset, *F = FirstReaders.data() + Offset, *O = OtherReaders.data() + Offset;
  uint32_t Late = 0;
  byWidth(Count, [&](uint32_t At, auto N) { Late |= anyLate<N>(W + At, Floor); });
  if (Late)
    for (uint32_t I = 0; I < Count; ++I)
      if (auto R = check(C, Offset + I, {W[I]}, true, Warp, Lane, false, Strong))
        return R;
  byWidth(Count, [&](uint32_t At, auto N) { noteReaders<N>(F + At, O + At, Floor, Me); });
  return std::nullopt;
}

std::optional<Race> SharedMemory::write(const Clocks &C, uint32_t Offset, uint32_t Count, unsigned Warp, unsigned Lane,
                                        const void *NewBytes, bool Strong) {
  const uint32_t Floor = C.floorBits(Warp), Me = C.now(Warp, Lane, Strong).Bits;
  uint32_t *W = Writers.data() + Offset, *F = FirstReaders.data() + Offset, *O = OtherReaders.data() + Offset;
  uint32_t Late = 0;
  byWidth(Count, [&](uint32_t At, auto N) {
    Late |= anyLate<N>(W + At, Floor) | anyLate<N>(F + At, Floor) | anyLate<N>(O + At, Floor);
  });
  if (Late) {
    bool Same = NewBytes && std::memcmp(NewBytes, Data.data() + Offset, Count) == 0 && state(Offset, Count) == Defined;
    for (uint32_t I = 0; I < Count; ++I) {
      if (!Same)
        if (auto R = check(C, Offset + I, {W[I]}, true, Warp, Lane, true, Strong))
          return R;
      for (uint32_t Reader : {F[I], O[I]})
        if (auto R = check(C, Offset + I, {Reader}, false, Warp, Lane, true, Strong))
          return R;
    }
  }
  for (uint32_t I = 0; I < Count; ++I) {
    W[I] = Me;
    F[I] = O[I] = 0;
  }
  return std::nullopt;
}

void SharedMemory::land(const Clocks &C, uint32_t Offset, uint32_t Count, unsigned Warp, unsigned Lane) {
  std::fill_n(Writers.begin() + Offset, Count, C.now(Warp, Lane).Bits);
}

} // namespace tinyc::emulator
