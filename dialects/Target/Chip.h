// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A chip is a row of facts. Passes read the row and never ask for a chip's name.
//
//   const Chip *chip = findChip("nvidia:sm_80");   // null if there is no such row
//   if (bytes > chip->sharedBytes) ...

#ifndef TINYC_DIALECTS_TARGET_CHIP_H
#define TINYC_DIALECTS_TARGET_CHIP_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace tinyc {

/// Other: a chip whose back end a plug-in has registered for its family.
enum class ChipKind { Cpu, Nvidia, Amd, Other };

/// Sizes are in bytes, rates in 10^9 a second, of the whole chip.
struct Chip {
  std::string name; ///< as in --target: "cpu:x86-64-v4", "nvidia:sm_80", "amd:gfx1100"
  ChipKind kind;
  std::string triple;       ///< LLVM target triple
  std::string cpu;          ///< LLVM's name of the processor
  std::string features;     ///< LLVM's feature string, "+avx512f,-amx-tile"
  int64_t lanes;            ///< lanes of a warp or wave; 1 on a CPU
  int64_t vectorBytes;      ///< a CPU's vector register, a GPU's widest access by one lane
  int64_t registers;        ///< a CPU's vector registers; 32-bit registers of a GPU's block
  int64_t maxLaneRegisters; ///< 32-bit registers one lane may use; 0 on a CPU
  int64_t maxThreads;       ///< threads of a block; 0 on a CPU
  int64_t sharedBytes;      ///< shared memory (LDS) a block may use; 0 on a CPU
  int64_t l1Bytes, l2Bytes;
  double gflopsF32;                      ///< peak of f32 fused multiply-adds, two operations each
  double gflopsTensor;                   ///< peak of 16-bit tensor cores; 0 without
  double gbps;                           ///< memory
  bool asyncCopy;                        ///< has asynchronous copies from global to shared memory (cp.async)
  bool matrixLoads;                      ///< has loads of 8x8 matrices from shared memory (ldmatrix)
  std::vector<std::string> instructions; ///< rows of the tensor-core table that it has
  std::string document;                  ///< the vendor's document the row was read from

  /// The part of the name before ':', e.g. "nvidia".
  std::string family() const { return name.substr(0, name.find(':')); }
};

/// The row called `name`, null if there is none. "cpu" is this machine. Rows live as long as the process.
const Chip *findChip(llvm::StringRef name);

/// The row whose code a device runs that its driver calls `name`, null if there is none: the row of that name, that of
/// its architecture-specific form ("nvidia:sm_90a" for "nvidia:sm_90"), or on NVIDIA the newest older row, whose PTX
/// later chips take as well.
const Chip *findChipOfDevice(llvm::StringRef name);

/// Names of all rows, for messages.
std::vector<std::string> chipNames();

/// Adds a row, e.g. from a target plug-in. False if the name is taken. Not safe beside other calls.
bool registerChip(Chip chip);

} // namespace tinyc

#endif // TINYC_DIALECTS_TARGET_CHIP_H
