// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of events inside one thread block, as barriers make it: a vector clock per warp. It answers one question:
// does an earlier access of another thread happen before what this thread does now? The answer depends on the barriers
// alone and not on the order in which the emulator happened to run the warps, so a missing barrier is found in every
// order.
//
// "Warp" is the vendor's group of lanes that issue together: 32 lanes on NVIDIA, 32 or 64 on AMD.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tinyc::emulator {

/// One access, packed into 32 bits: time (19 bits), strong (1), warp (6), lane (6). 0 is "no access".
struct Access {
  uint32_t Bits = 0;
  static constexpr unsigned TimeShift = 13;
  static constexpr uint32_t TimeLimit = 1u << (32 - TimeShift);

  static constexpr Access make(uint32_t Time, bool Strong, unsigned Warp, unsigned Lane) {
    return {Time << TimeShift | uint32_t(Strong) << 12 | Warp << 6 | Lane};
  }
  uint32_t time() const { return Bits >> TimeShift; }
  /// Atomics, volatile, relaxed and acquire/release accesses: two of them never race.
  bool strong() const { return Bits >> 12 & 1; }
  unsigned warp() const { return Bits >> 6 & 63; }
  unsigned lane() const { return Bits & 63; }
  explicit operator bool() const { return Bits != 0; }
};

class Clocks {
public:
  /// LockStep: the lanes of one warp are ordered among themselves by the program (AMD); otherwise only a warp barrier
  /// orders them (NVIDIA since Volta).
  explicit Clocks(unsigned Warps, bool LockStep = false);

  /// All warps whose bit is set have met at a barrier. Warps holds at most 64 bits.
  void barrier(uint64_t Warps);
  /// The lanes of one warp have met (`bar.warp.sync`; nothing on machines whose lanes run in lock step).
  void warpBarrier(unsigned Warp);

  uint32_t time(unsigned Warp) const { return Times[Warp]; }
  Access now(unsigned Warp, unsigned Lane, bool Strong = false) const {
    return Access::make(Times[Warp], Strong, Warp, Lane);
  }

  /// Accesses whose bits are below this happen before whatever the warp does now, whoever made them.
  uint32_t floorBits(unsigned Warp) const { return Floors[Warp] << Access::TimeShift; }

  /// Whether Earlier happens before what (Warp, Lane) does now.
  bool ordered(Access Earlier, unsigned Warp, unsigned Lane) const {
    if (Earlier.warp() == Warp && (LockStep || Earlier.lane() == Lane))
      return true;
    return Earlier.time() < Seen[Warp * Count + Earlier.warp()];
  }

  /// For memory behind a cache of each warp's own, which barriers alone do not make visible: follow() takes over the
  /// times that Local's barriers have given, acquire() lets one warp see what Local says it may (it has invalidated its
  /// cache).
  void follow(const Clocks &Local);
  void acquire(const Clocks &Local, unsigned Warp);

  /// Barriers so many that the clock is used up; the launch cannot be checked any further.
  bool exhausted() const { return Latest + 1 >= Access::TimeLimit; }

private:
  void setFloor(unsigned Warp);
  unsigned Count;
  bool LockStep;
  uint32_t Latest = 1;
  std::vector<uint32_t> Times;  ///< a warp's own time
  std::vector<uint32_t> Seen;   ///< [W][V]: accesses of V before this time happen before W's next action
  std::vector<uint32_t> Floors; ///< the least of Seen[W]
};

/// "thread 37 (warp 1, lane 5)"
std::string describeThread(unsigned Warp, unsigned Lane, unsigned WarpSize);

} // namespace tinyc::emulator
