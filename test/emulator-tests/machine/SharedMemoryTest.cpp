// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The race detector of shared memory remembers reads of two threads, whichever of them comes again.
#include "test/emulators/machine/SharedMemory.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace tinyc::emulator;

namespace {

struct Machine {
  Clocks C{3};
  SharedMemory M{64};
  Machine() {
    M.map(0, 64);
    EXPECT_FALSE(store(0, 0, 7));
    C.barrier(7);
  }
  std::optional<Race> store(unsigned Warp, unsigned Lane, uint32_t Value) {
    auto R = M.write(C, 0, 4, Warp, Lane, &Value);
    std::memcpy(M.bytes(), &Value, 4);
    std::memset(M.states(), Defined, 4);
    return R;
  }
  void load(unsigned Warp, unsigned Lane) { EXPECT_FALSE(M.read(C, 0, 4, Warp, Lane)); }
};

} // namespace

TEST(SharedMemory, RemembersAnotherReaderThanTheWriter) {
  Machine M;
  M.load(0, 0);
  M.load(1, 0);
  EXPECT_TRUE(M.store(0, 0, 9));
}

TEST(SharedMemory, AThreadThatReadsAgainIsOneReader) {
  Machine M;
  M.load(0, 0);
  M.load(1, 0);
  M.C.warpBarrier(0);
  M.load(0, 0);
  auto R = M.store(0, 0, 9);
  ASSERT_TRUE(R);
  EXPECT_EQ(R->Earlier.warp(), 1u);
}

TEST(SharedMemory, LanesOfOneWarpDoNotHideAnotherWarp) {
  Machine M;
  M.load(0, 0);
  M.load(1, 0);
  M.load(0, 1);
  M.C.warpBarrier(0);
  EXPECT_TRUE(M.store(0, 0, 9));
}

TEST(SharedMemory, ALaterReadOfOneThreadCounts) {
  Machine M;
  M.load(0, 0);
  M.C.barrier(3);
  M.load(0, 0);
  EXPECT_TRUE(M.store(1, 0, 9));
}

TEST(SharedMemory, ABarrierOrdersAllReaders) {
  Machine M;
  M.load(0, 0);
  M.load(1, 5);
  M.load(2, 3);
  M.C.barrier(7);
  EXPECT_FALSE(M.store(1, 0, 9));
}
