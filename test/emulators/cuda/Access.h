// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One lane's access to memory: from an address to bytes, with every check on the way. Shared by loads, stores, atomics,
// asynchronous copies and matrix loads.
#pragma once

#include "test/emulators/cuda/Machine.h"

namespace tinyc::emulator::ptx {

/// Where an access lands. Bytes and States are null only before locate().
struct Place {
  uint8_t *Bytes = nullptr, *States = nullptr;
  ptx::Space Space = ptx::Space::Generic; ///< never Generic once located
  Allocation *Owner = nullptr;            ///< of global and constant memory; kept between lanes as a cache
  uint64_t Address = 0;                   ///< inside the space
  uint8_t State = 0;                      ///< the states of all its bytes, or-ed
};

/// The lanes' addresses, I.S[Slot] + I.Offset. Faults when one is poisoned.
void addresses(const Warp &W, const Instruction &I, unsigned Slot, uint64_t (&Out)[32]);

/// Resolves the generic address space, alignment and bounds. P is reused from lane to lane.
void locate(Warp &W, Space S, uint64_t Address, uint32_t Size, unsigned Lane, Place &P);

/// Tells the race detectors. A write is told before its bytes are stored.
void noteRead(Warp &W, const Place &P, uint32_t Size, unsigned Lane, bool Strong);
void noteWrite(Warp &W, const Place &P, uint32_t Size, unsigned Lane, const void *NewBytes, bool Strong);

/// The states of Size bytes, or-ed.
inline uint8_t stateOf(const uint8_t *States, uint32_t Size) {
  uint64_t Words[2] = {};
  if (Size == 4)
    std::memcpy(Words, States, 4);
  else if (Size == 16)
    std::memcpy(Words, States, 16);
  else if (Size == 8)
    std::memcpy(Words, States, 8);
  else
    for (uint32_t K = 0; K < Size; ++K)
      Words[0] |= States[K];
  uint64_t All = Words[0] | Words[1];
  All |= All >> 32;
  All |= All >> 16;
  return uint8_t(All | All >> 8);
}
inline bool anyState(const uint8_t *States, uint32_t Size) { return stateOf(States, Size) != 0; }

/// Counts one request of the warp by the space it went to.
void countRequest(Warp &W, Space S, const uint64_t *Addresses, uint32_t Size, bool Store);

/// locate() for the common case of an address that is named as shared and is right; all else goes the long way.
inline void locateQuickly(Warp &W, Space S, uint64_t Address, uint32_t Size, unsigned Lane, Place &P) {
  if (S == Space::Shared) {
    SharedMemory &M = W.Block->Shared;
    if (Address < M.size() && Address + Size <= M.size() && (Address & (Size - 1)) == 0) [[likely]] {
      P.Space = Space::Shared;
      P.Address = Address;
      P.Bytes = M.bytes() + Address;
      P.States = M.states() + Address;
      P.State = stateOf(P.States, Size);
      if (!(P.State & Unmapped)) [[likely]]
        return;
    }
  }
  locate(W, S, Address, Size, Lane, P);
}

/// memcpy of 1 to 16 bytes, without a call for the sizes that accesses have.
inline void copyBytes(void *To, const void *From, uint32_t Size) {
  switch (Size) {
  case 2:
    std::memcpy(To, From, 2);
    return;
  case 4:
    std::memcpy(To, From, 4);
    return;
  case 8:
    std::memcpy(To, From, 8);
    return;
  case 16:
    std::memcpy(To, From, 16);
    return;
  default:
    std::memcpy(To, From, Size);
  }
}

/// Publishes what the warp has written to other blocks.
inline void fence(Warp &W) { W.Launch->Order.fence(W.Block->Time, W.Index); }

} // namespace tinyc::emulator::ptx
