// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the emulated drivers are told by the environment, and what they tell: one JSON object a launch.
//
//   TINYC_EMULATED_CHIP=sm_80     the chip to be
//   TINYC_EMULATED_SEED=7         the order in which blocks and warps run, and the sign of approximations' errors
//   TINYC_EMULATED_REPORT=file    append one JSON line a launch
//   TINYC_EMULATED_DEVICES=2      as many devices of the chip, which share one memory (libamdhip64 only)
//   TINYC_EMULATED_DROP=3         ignore the 3rd (from 1) synchronising instruction of each module: for mutation tests
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tinyc::emulator {

struct Controls {
  std::string Chip; ///< empty: the driver's default
  uint64_t Seed = 0;
  std::string ReportFile;
  uint64_t Drop = 0; ///< 0: none
  int Devices = 1;
  static Controls fromEnvironment();
};

/// A small generator (splitmix64): the same seed gives the same orders on every machine.
class Random {
public:
  explicit Random(uint64_t Seed) : State(Seed) {}
  uint64_t next();
  /// A number in [0, Bound).
  uint64_t below(uint64_t Bound) { return next() % Bound; }
  template <typename T> void shuffle(std::vector<T> &Items) {
    for (size_t I = Items.size(); I > 1; --I)
      std::swap(Items[I - 1], Items[below(I)]);
  }

private:
  uint64_t State;
};

struct LaunchReport {
  std::string Kernel, Chip;
  uint32_t Grid[3] = {1, 1, 1}, Block[3] = {1, 1, 1};
  uint32_t SharedBytes = 0;
  std::map<std::string, uint64_t> Instructions; ///< warp instructions by class
  uint64_t Mma = 0;                             ///< matrix instructions
  uint64_t GlobalLoadBytes = 0, GlobalStoreBytes = 0;
  uint64_t GlobalRequests = 0, GlobalSectors = 0;
  uint64_t SectorBytes = 0; ///< distinct bytes of all requests: sector efficiency is this over 32 * GlobalSectors
  uint64_t SharedRequests = 0, BankConflicts = 0;
  std::map<uint32_t, uint64_t> BankConflictsByLine;
  uint64_t DivergentBranches = 0;
  uint64_t SyncInstructions = 0; ///< in the module's text: what TINYC_EMULATED_DROP counts
  std::vector<std::string> Reports;

  double sectorEfficiency() const { return GlobalSectors ? double(SectorBytes) / (32.0 * double(GlobalSectors)) : 1.0; }
  std::string json() const;
  /// Appends json() and a newline; false when the file cannot be written.
  bool append(const std::string &File) const;
};

} // namespace tinyc::emulator
