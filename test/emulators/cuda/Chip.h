// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The chips that the emulated driver can be. Figures: CUDA C++ Programming Guide, "Compute Capabilities",
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#compute-capabilities
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tinyc::emulator::ptx {

struct Chip {
  std::string_view Name, Product;
  unsigned Major, Minor;
  bool ArchitectureSpecific; ///< the trailing `a`: accepts PTX for sm_90a
  unsigned Multiprocessors;
  unsigned SharedPerBlock, SharedPerBlockOptIn, SharedPerMultiprocessor;
  unsigned ThreadsPerMultiprocessor, BlocksPerMultiprocessor;
  unsigned L2Bytes, ClockKHz, MemoryClockKHz, BusBits;
  uint64_t MemoryBytes;
};

std::span<const Chip> chips();
/// Null when there is none of that name.
const Chip *chipNamed(std::string_view Name);

} // namespace tinyc::emulator::ptx
