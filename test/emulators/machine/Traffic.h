// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How well a warp's accesses use the memory system: 32-byte sectors of a global request, and bank conflicts of a shared
// one. These are counts, and say nothing about time.
#pragma once

#include <cstdint>

namespace tinyc::emulator {

struct SectorCount {
  uint32_t Sectors = 0;     ///< distinct 32-byte sectors touched
  uint32_t UsefulBytes = 0; ///< distinct bytes touched
};

/// One request: Lanes addresses of Width bytes each, those whose bit in Active is set.
SectorCount countSectors(const uint64_t *Addresses, unsigned Lanes, uint64_t Active, uint32_t Width);

/// How many more cycles than a conflict-free request a shared-memory access takes, with 32 banks of 4 bytes. Accesses
/// of 8 and 16 bytes go in halves and quarters of 32 lanes; lanes that touch the same word share it.
uint32_t countBankConflicts(const uint32_t *Offsets, unsigned Lanes, uint64_t Active, uint32_t Width);

} // namespace tinyc::emulator
