// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What this CPU can do, under LLVM's names of features, as the processor and the operating system report it.

#ifndef TINYC_RUNTIME_SRC_CPUFEATURES_H
#define TINYC_RUNTIME_SRC_CPUFEATURES_H

#include "runtime/src/Status.h"

#include <cstddef>
#include <string>
#include <vector>

namespace tinyc {

struct CpuFeature {
  const char *name;
  bool present;
};

/// Every feature this runtime can test for, on this architecture.
const std::vector<CpuFeature> &cpuFeatures();

/// "x86-64" or "aarch64", and the brand string.
std::string cpuArchitecture();
std::string cpuBrand();

/// Asks Linux for the AMX tile registers, which a process must do once before it may touch them.
Status requestTileRegisters();

/// Processors this process may use: the smaller of its affinity mask and the CPU quota of its control group, at least
/// 1. `groups` is /proc/self/cgroup and `root` where control groups are mounted; tests give others.
size_t usableCpus(const std::string &groups = "/proc/self/cgroup", const std::string &root = "/sys/fs/cgroup");

} // namespace tinyc

#endif // TINYC_RUNTIME_SRC_CPUFEATURES_H
