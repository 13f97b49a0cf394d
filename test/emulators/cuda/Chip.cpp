// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One row a chip.
#include "test/emulators/cuda/Chip.h"

namespace tinyc::emulator::ptx {

// Memory is less than the product's: the host has to hold it.
static constexpr Chip Rows[] = {
    {"sm_80", "Emulated A100", 8, 0, false, 108, 49152, 166912, 167936, 2048, 32, 41943040, 1410000, 1215000, 5120,
     8ull << 30},
    {"sm_86", "Emulated RTX 3090", 8, 6, false, 82, 49152, 101376, 102400, 1536, 16, 6291456, 1695000, 9751000, 384,
     8ull << 30},
    {"sm_89", "Emulated RTX 4090", 8, 9, false, 128, 49152, 101376, 102400, 1536, 24, 75497472, 2520000, 10501000, 384,
     8ull << 30},
    {"sm_90a", "Emulated H100", 9, 0, true, 132, 49152, 232448, 233472, 2048, 32, 52428800, 1980000, 2619000, 5120,
     8ull << 30},
    {"sm_100a", "Emulated B200", 10, 0, true, 148, 49152, 232448, 233472, 2048, 32, 132120576, 1965000, 3996000, 8192,
     8ull << 30},
    {"sm_120a", "Emulated RTX 5090", 12, 0, true, 170, 49152, 101376, 102400, 1536, 24, 100663296, 2407000, 14001000,
     512, 8ull << 30},
};

std::span<const Chip> chips() { return Rows; }

const Chip *chipNamed(std::string_view Name) {
  for (const Chip &C : Rows)
    if (C.Name == Name)
      return &C;
  return nullptr;
}

} // namespace tinyc::emulator::ptx
