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
};

/// The lanes' addresses, I.S[Slot] + I.Offset. Faults when one is poisoned.
void addresses(const Warp &W, const Instruction &I, unsigned Slot, uint64_t (&Out)[32]);

/// Resolves the generic address space, alignment and bounds. P is reused from lane to lane.
void locate(Warp &W, Space S, uint64_t Address, uint32_t Size, unsigned Lane, Place &P);

/// Tells the race detectors. A write is told before its bytes are stored.
void noteRead(Warp &W, const Place &P, uint32_t Size, unsigned Lane, bool Strong);
void noteWrite(Warp &W, const Place &P, uint32_t Size, unsigned Lane, const void *NewBytes, bool Strong);

/// True when any of the bytes is poisoned.
inline bool anyState(const uint8_t *States, uint32_t Size) {
  uint8_t All = 0;
  for (uint32_t K = 0; K < Size; ++K)
    All |= States[K];
  return All != 0;
}

/// Counts one request of the warp by the space it went to.
void countRequest(Warp &W, Space S, const uint64_t *Addresses, uint32_t Size, bool Store);

/// Publishes what the warp has written to other blocks.
inline void fence(Warp &W) { W.Launch->Order.fence(W.Block->Time, W.Index); }

} // namespace tinyc::emulator::ptx
