// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The on-chip memory of one block (shared memory on NVIDIA, LDS on AMD): bytes, a state per byte, and the race
// detector, which keeps per byte the last write and two reads since (two different threads: whoever writes next differs
// from one of them).
#pragma once

#include "test/emulators/machine/Clocks.h"
#include "test/emulators/machine/Memory.h"

#include <optional>

namespace tinyc::emulator {

struct Race {
  uint32_t Offset; ///< the byte
  Access Earlier;  ///< who was there before, unordered with us
  bool EarlierWrote;
  bool NowWrites;
  /// "byte 64 of shared memory is written by thread 5 ... while thread 40 ... reads it; no barrier orders the two"
  std::string describe(unsigned Warp, unsigned Lane, unsigned WarpSize) const;
};

class SharedMemory {
public:
  /// Bytes [0, Size); all unmapped until map() is called.
  explicit SharedMemory(uint32_t Size);
  /// Declares [Offset, Offset + Count) a variable: poisoned, accessible. A memory that is used for the next block is
  /// simply mapped again; reset() forgets who touched it.
  void map(uint32_t Offset, uint32_t Count);
  void reset();

  uint32_t size() const { return Size; }
  uint8_t *bytes() { return Data.data(); }
  uint8_t *states() { return States.data(); }
  /// All states of a range or-ed together: Defined when all of it is.
  uint8_t state(uint32_t Offset, uint32_t Count) const;

  /// Records an access of Count bytes and tells whether it races. The caller has checked bounds. A write comes before
  /// its bytes are stored: two unordered writes of the same bytes are let pass.
  std::optional<Race> read(const Clocks &C, uint32_t Offset, uint32_t Count, unsigned Warp, unsigned Lane,
                           bool Strong = false);
  std::optional<Race> write(const Clocks &C, uint32_t Offset, uint32_t Count, unsigned Warp, unsigned Lane,
                            const void *NewBytes, bool Strong = false);
  /// Makes (Warp, Lane) the writer as of now without checking: an asynchronous copy has landed.
  void land(const Clocks &C, uint32_t Offset, uint32_t Count, unsigned Warp, unsigned Lane);

private:
  std::optional<Race> check(const Clocks &C, uint32_t Byte, Access Earlier, bool EarlierWrote, unsigned Warp,
                            unsigned Lane, bool NowWrites, bool Strong) const;
  uint32_t Size;
  std::vector<uint8_t> Data, States;
  std::vector<uint32_t> Writers, FirstReaders, OtherReaders; ///< Access::Bits per byte
};

} // namespace tinyc::emulator
