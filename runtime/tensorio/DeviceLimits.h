// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rates that a device can reach at most, by which profiles are judged. Those of the CPU are measured by
// `tinyc devices --measure` and kept in the cache folder, one file a processor and number of usable CPUs.

#ifndef TINYC_RUNTIME_TENSORIO_DEVICELIMITS_H
#define TINYC_RUNTIME_TENSORIO_DEVICELIMITS_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace tinyc::tensorio {

/// Rates in 10^9 a second; 0: not known.
struct DeviceLimits {
  double gflops = 0;       ///< f32 fused multiply-adds, two operations each
  double gbps = 0;         ///< reading memory
  double cacheGbps = 0;    ///< reading the second-level caches
  uint64_t cacheBytes = 0; ///< what those hold

  bool known() const { return gflops > 0 && gbps > 0; }
  /// The share of the nearer limit that this work in this time reaches; 0 if the limits or the time are not known. Work
  /// whose data fits the caches is measured by them. Over 1 where work is done by units that the limit does not count
  /// (tensor cores), and where larger data comes out of caches all the same.
  double share(uint64_t flops, uint64_t bytes, double seconds) const;
};

/// What was measured: on one thread, and on all of them together.
struct CpuLimits {
  DeviceLimits one, all;
  /// On that many threads: the computing of each, and the memory that all share.
  DeviceLimits with(size_t threads) const;
};

/// The limits measured on this machine earlier; nothing if they were not, or if the file cannot be read.
std::optional<CpuLimits> readCpuLimits();
/// Keeps them, replacing what is there. False, with a sentence in `error`, where the cache folder cannot be written.
bool writeCpuLimits(const CpuLimits &limits, std::string &error);

} // namespace tinyc::tensorio

#endif // TINYC_RUNTIME_TENSORIO_DEVICELIMITS_H
