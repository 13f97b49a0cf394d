// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared memory with its race detector. The common case, in which every earlier access lies before the last barrier of
// the whole block, is one comparison a byte, which the compiler vectorises.
#include "test/emulators/machine/SharedMemory.h"

#include <algorithm>
#include <cstring>

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

std::optional<Race> SharedMemory::read(const Clocks &C, uint32_t Offset, uint32_t Count, unsigned Warp, unsigned Lane,
                                       bool Strong) {
  const uint32_t Floor = C.floorBits(Warp), Me = C.now(Warp, Lane, Strong).Bits;
  uint32_t *W = Writers.data() + Offset, *F = FirstReaders.data() + Offset, *O = OtherReaders.data() + Offset;
  uint32_t Late = 0;
  for (uint32_t I = 0; I < Count; ++I)
    Late |= W[I] >= Floor;
  if (Late)
    for (uint32_t I = 0; I < Count; ++I)
      if (auto R = check(C, Offset + I, {W[I]}, true, Warp, Lane, false, Strong))
        return R;
  for (uint32_t I = 0; I < Count; ++I) {
    uint32_t First = F[I];
    bool Stale = First < Floor;
    O[I] = Stale || First == Me ? (Stale ? 0 : O[I]) : Me;
    F[I] = Stale ? Me : First;
  }
  return std::nullopt;
}

std::optional<Race> SharedMemory::write(const Clocks &C, uint32_t Offset, uint32_t Count, unsigned Warp, unsigned Lane,
                                        const void *NewBytes, bool Strong) {
  const uint32_t Floor = C.floorBits(Warp), Me = C.now(Warp, Lane, Strong).Bits;
  uint32_t *W = Writers.data() + Offset, *F = FirstReaders.data() + Offset, *O = OtherReaders.data() + Offset;
  uint32_t Late = 0;
  for (uint32_t I = 0; I < Count; ++I)
    Late |= uint32_t(W[I] >= Floor) | uint32_t(F[I] >= Floor) | uint32_t(O[I] >= Floor);
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
