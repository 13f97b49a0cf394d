// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sector and bank arithmetic.
#include "test/emulators/machine/Traffic.h"

#include <algorithm>

namespace tinyc::emulator {

SectorCount countSectors(const uint64_t *Addresses, unsigned Lanes, uint64_t Active, uint32_t Width) {
  uint64_t Sorted[64];
  unsigned N = 0;
  bool Ascending = true;
  for (unsigned L = 0; L < Lanes; ++L)
    if (Active >> L & 1) {
      Ascending &= N == 0 || Sorted[N - 1] <= Addresses[L];
      Sorted[N++] = Addresses[L];
    }
  if (!Ascending)
    std::sort(Sorted, Sorted + N);
  SectorCount C;
  uint64_t NextSector = 0, NextByte = 0;
  for (unsigned I = 0; I < N; ++I) {
    uint64_t First = std::max(Sorted[I] / 32, NextSector), Last = (Sorted[I] + Width - 1) / 32;
    if (Last >= First)
      C.Sectors += uint32_t(Last - First + 1);
    NextSector = std::max(NextSector, Last + 1);
    uint64_t Begin = std::max(Sorted[I], NextByte), End = Sorted[I] + Width;
    if (End > Begin)
      C.UsefulBytes += uint32_t(End - Begin);
    NextByte = std::max(NextByte, End);
  }
  return C;
}

uint32_t countBankConflicts(const uint32_t *Offsets, unsigned Lanes, uint64_t Active, uint32_t Width) {
  const unsigned Words = std::max(1u, Width / 4);   // words a lane
  const unsigned Group = std::max(1u, 32u / Words); // lanes that go together
  uint32_t Conflicts = 0;
  for (unsigned Begin = 0; Begin < Lanes; Begin += Group) {
    // Distinct words per bank: at most 32 words a group, so a short list per bank does.
    // First try whether each bank is asked for one word only.
    uint32_t Only[32], Asked = 0, Clash = 0;
    for (unsigned L = Begin; L < std::min(Lanes, Begin + Group); ++L) {
      if (!(Active >> L & 1))
        continue;
      for (unsigned I = 0; I < Words; ++I) {
        uint32_t Word = Offsets[L] / 4 + I, Bank = Word % 32;
        Clash |= (Asked >> Bank & 1) && Only[Bank] != Word;
        Only[Bank] = Word;
        Asked |= 1u << Bank;
      }
    }
    if (!Clash)
      continue;
    uint32_t Seen[32][32];
    uint8_t Depth[32] = {};
    uint32_t Worst = 0;
    for (unsigned L = Begin; L < std::min(Lanes, Begin + Group); ++L) {
      if (!(Active >> L & 1))
        continue;
      for (unsigned I = 0; I < Words; ++I) {
        uint32_t Word = Offsets[L] / 4 + I, Bank = Word % 32;
        uint32_t *End = Seen[Bank] + Depth[Bank];
        if (std::find(Seen[Bank], End, Word) != End)
          continue;
        *End = Word;
        Worst = std::max<uint32_t>(Worst, ++Depth[Bank]);
      }
    }
    if (Worst > 1)
      Conflicts += Worst - 1;
  }
  return Conflicts;
}

} // namespace tinyc::emulator
