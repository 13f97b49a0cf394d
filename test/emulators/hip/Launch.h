// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One launch of one kernel: what all of its waves share.

#ifndef TINYC_TEST_EMULATORS_HIP_LAUNCH_H
#define TINYC_TEST_EMULATORS_HIP_LAUNCH_H

#include "CodeObject.h"
#include "Wave.h"
#include "test/emulators/machine/Clocks.h"
#include "test/emulators/machine/GlobalOrder.h"
#include "test/emulators/machine/Memory.h"
#include "test/emulators/machine/Report.h"
#include "test/emulators/machine/SharedMemory.h"
#include <memory>

namespace tinyc::emulator::amd {

/// Facts of a chip that a launch depends on. One row a chip.
struct ChipFacts {
  const char *name; // as in gcnArchName
  const char *deviceName;
  unsigned waveSize;
  unsigned major, minor;
  unsigned computeUnits;
  uint32_t ldsBytes;   // a work-group
  uint32_t maxThreads; // a work-group
  uint64_t memoryBytes;
  uint32_t clockKHz;
  uint32_t memoryClockKHz, memoryBusBits, l2Bytes;
};
const ChipFacts *findChip(const std::string &name);
std::string chipNames();

struct LaunchSize {
  uint32_t grid[3] = {1, 1, 1}; // work-groups
  uint32_t group[3] = {1, 1, 1};
  uint32_t dynamicLds = 0;
};

struct Group {
  Group(uint32_t ldsBytes, unsigned waves)
      : lds(ldsBytes), clocks(waves, /*LockStep=*/true), globalClocks(waves, /*LockStep=*/true) {}
  uint32_t id[3] = {0, 0, 0};
  uint64_t linear = 0;
  SharedMemory lds;
  Clocks clocks;       // order that barriers make
  Clocks globalClocks; // the same as far as each wave's nearest cache has been invalidated since
  std::vector<std::unique_ptr<Wave>> waves;
};

struct Launch {
  const KernelInfo *kernel = nullptr;
  const Program *program = nullptr;
  const ChipFacts *chip = nullptr;
  DeviceMemory *memory = nullptr;
  GlobalOrder *order = nullptr;
  LaunchSize size;
  uint64_t imageBase = 0;    // where the code object is loaded
  uint64_t kernargBase = 0;  // the kernel's argument segment
  uint64_t dispatchBase = 0; // the dispatch packet
  uint64_t implicitBase = 0;
  Random random{0};
  uint64_t seed = 0;
  uint64_t counts[unsigned(Class::Count)] = {};
  uint64_t executed = 0;
  LaunchReport report;
  Allocation *recent[2] = {nullptr, nullptr}; // allocations found last
};

enum class LaunchStatus { Done, Failure, IllegalAddress };

/// Runs the kernel to its end, or to the first fault, which is described in `message` (and in the launch's report).
LaunchStatus runLaunch(Launch &launch, std::string &message);

/// The allocation of a device address, or a fault that explains why there is none.
Allocation &resolve(Wave &wave, uint64_t address, uint32_t bytes, int lane);

// Outstanding accesses (Outstanding.cpp).
/// Notes that `registers` registers from `first` are written by an access that has not been waited for.
void markPending(Wave &wave, Outstanding::Unit unit, unsigned first, unsigned registers, unsigned halves = 3);
Outstanding &issue(Wave &wave, Counter &counter, Outstanding::Unit unit);
void waitVectorLoads(Wave &wave, unsigned left);
void waitVectorStores(Wave &wave, unsigned left);
void waitLgkm(Wave &wave, unsigned left);
/// After a barrier: accesses that are still outstanding happen in the new epoch too.
void reissueAfterBarrier(Wave &wave);

// Races, shared by the files of memory instructions.
void ldsRead(Wave &wave, uint32_t offset, uint32_t bytes, int lane, bool strong);
void ldsWrite(Wave &wave, uint32_t offset, uint32_t bytes, int lane, const void *data, bool strong);
void globalRead(Wave &wave, Allocation &allocation, uint64_t address, uint32_t bytes, int lane, bool strong);
void globalWrite(Wave &wave, Allocation &allocation, uint64_t address, uint32_t bytes, int lane, const void *data,
                 bool strong);

/// One lane's load or store through a generic pointer into LDS.
void ldsLoadLane(Wave &wave, uint32_t offset, uint32_t bytes, int lane, uint8_t *data, uint8_t *undefined);
void ldsStoreLane(Wave &wave, uint32_t offset, uint32_t bytes, int lane, const uint8_t *data);

} // namespace tinyc::emulator::amd

#endif
