// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Order of accesses to global memory within one launch. Blocks run in no order, so what one block writes another may
// read or overwrite only after the writer published it (fence or atomic) or in the next launch. Threads of one block
// are ordered by the block's clocks, as in shared memory. Kept per word, or per narrowest access to the page it is in:
// the last write and two reads since, of two different threads (whoever writes next differs from one of them). Of more
// readers some are forgotten: nothing is reported falsely, and little is missed.
#pragma once

#include "test/emulators/machine/Clocks.h"
#include "test/emulators/machine/Memory.h"

#include <optional>

namespace tinyc::emulator {

class GlobalOrder {
public:
  /// A launch of Blocks blocks starts: everything before it is ordered.
  void beginLaunch(uint64_t Blocks);
  /// A block's first instruction; its writes are logged until it publishes them. Block is its linear index.
  void beginBlock(uint64_t Block);

  struct Conflict {
    uint64_t Address;
    uint64_t OtherBlock;
    Access Other; ///< the other thread, inside OtherBlock
    bool OtherWrote, NowWrites, SameBlock;
    std::string describe(unsigned WarpSize) const;
  };

  /// Records an access of Count bytes inside A by (Warp, Lane) of the current block. A write comes before its bytes
  /// are stored. Strong: an atomic, volatile, relaxed or acquire/release access.
  std::optional<Conflict> read(Allocation &A, uint64_t Address, uint32_t Count, const Clocks &C, unsigned Warp,
                               unsigned Lane, bool Strong = false);
  std::optional<Conflict> write(Allocation &A, uint64_t Address, uint32_t Count, const Clocks &C, unsigned Warp,
                                unsigned Lane, const void *NewBytes, bool Strong = false);

  /// A fence of device scope (or wider) by one warp publishes what the warp wrote and what happens before the fence by
  /// the block's barriers.
  void fence(const Clocks &C, unsigned Warp);

private:
  struct Pending {
    Allocation *Where;
    uint64_t Offset;
    uint32_t Count;
    Access Writer;
  };
  using Reader = AccessHistory::Reader;
  bool unneeded(Reader R, const Clocks &C, unsigned Warp, unsigned Lane, bool Strong) const;
  void noteReader(AccessHistory &H, const Clocks &C, unsigned Warp, unsigned Lane, bool Strong) const;
  uint32_t LaunchBase = 1; ///< block tags of this launch start here; lower ones are of earlier launches
  uint32_t NextBase = 1;
  uint32_t Block = 0;
  std::vector<Pending> Unpublished;
};

} // namespace tinyc::emulator
