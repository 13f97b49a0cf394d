// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The chips the emulated driver can be. Figures: AMD's "RDNA3 Instruction Set Architecture" (LDS of a work-group, wave
// size) and the product's specification (compute units, clocks, memory).

#include "Launch.h"

using namespace tinyc::emulator::amd;

static const ChipFacts kChips[] = {
    {"gfx1100", "Emulated AMD Radeon RX 7900 XTX (gfx1100)", 32, 11, 0, 96, 64 * 1024, 1024, uint64_t(24) << 30,
     2500000, 1250000, 384, 6 << 20},
};

const ChipFacts *tinyc::emulator::amd::findChip(const std::string &name) {
  for (const ChipFacts &chip : kChips)
    if (name == chip.name)
      return &chip;
  return nullptr;
}

std::string tinyc::emulator::amd::chipNames() {
  std::string names;
  for (const ChipFacts &chip : kChips)
    names += (names.empty() ? "" : ", ") + std::string(chip.name);
  return names;
}
