// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conflicts on global memory: between readers and a writer that has read, between neighbours in one word, and what is
// none.
#include "test/emulators/machine/GlobalOrder.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace tinyc::emulator;

namespace {

struct Machine {
  DeviceMemory Memory{1 << 20};
  Allocation &A;
  Clocks C{3};
  GlobalOrder Order;
  explicit Machine(uint64_t Bytes = 8192) : A(*Memory.allocate(Bytes, "test")) {
    std::memset(A.Bytes.get(), 0, Bytes);
    Order.beginLaunch(4);
    Order.beginBlock(0);
  }
  bool reads(uint64_t Offset, uint32_t Count, unsigned Warp, unsigned Lane = 0) {
    return Order.read(A, A.Base + Offset, Count, C, Warp, Lane).has_value();
  }
  /// Stores ones: no bytes that are there already.
  bool writes(uint64_t Offset, uint32_t Count, unsigned Warp, unsigned Lane = 0) {
    uint8_t Ones[16];
    std::memset(Ones, 1, sizeof Ones);
    return Order.write(A, A.Base + Offset, Count, C, Warp, Lane, Ones).has_value();
  }
};

} // namespace

TEST(GlobalOrder, TheWriterReadLast) {
  Machine M;
  EXPECT_FALSE(M.reads(128, 4, 0));
  EXPECT_FALSE(M.reads(128, 4, 1));
  EXPECT_TRUE(M.writes(128, 4, 1));
}

TEST(GlobalOrder, TheWriterReadFirst) {
  Machine M;
  EXPECT_FALSE(M.reads(128, 4, 1));
  EXPECT_FALSE(M.reads(128, 4, 0));
  EXPECT_FALSE(M.reads(128, 4, 1));
  EXPECT_TRUE(M.writes(128, 4, 1));
}

TEST(GlobalOrder, LanesOfOneWarpDoNotHideAnotherWarp) {
  Machine M;
  EXPECT_FALSE(M.reads(128, 4, 0, 0));
  EXPECT_FALSE(M.reads(128, 4, 1, 0));
  EXPECT_FALSE(M.reads(128, 4, 0, 1));
  M.C.warpBarrier(0);
  EXPECT_TRUE(M.writes(128, 4, 0, 0));
}

TEST(GlobalOrder, ABarrierOrdersAllReaders) {
  Machine M;
  for (unsigned Warp : {0, 1, 2})
    EXPECT_FALSE(M.reads(128, 16, Warp));
  M.C.barrier(7);
  EXPECT_FALSE(M.writes(128, 16, 1));
  EXPECT_TRUE(M.reads(140, 4, 0));
}

TEST(GlobalOrder, AnotherBlockRead) {
  Machine M;
  EXPECT_FALSE(M.reads(128, 4, 0));
  M.Order.beginBlock(1);
  EXPECT_FALSE(M.reads(128, 4, 0));
  EXPECT_FALSE(M.reads(128, 4, 1));
  EXPECT_TRUE(M.writes(128, 4, 0));
}

TEST(GlobalOrder, APublishedWordIsReadAndWrittenInOneBlock) {
  Machine M;
  EXPECT_FALSE(M.writes(128, 4, 0));
  M.Order.fence(M.C, 0);
  M.Order.beginBlock(1);
  EXPECT_FALSE(M.reads(128, 4, 0));
  EXPECT_TRUE(M.Order.write(M.A, M.A.Base + 128, 4, M.C, 1, 0, nullptr, /*Strong=*/true));
}

// A second thread's write to the neighbouring half or byte leaves the first writer in memory.
TEST(GlobalOrder, NeighboursInOneWord) {
  for (uint32_t Width : {1u, 2u}) {
    Machine M;
    EXPECT_FALSE(M.writes(4096, Width, 0));
    EXPECT_FALSE(M.writes(4096 + Width, Width, 1));
    EXPECT_FALSE(M.reads(4096 + Width, Width, 1));
    EXPECT_FALSE(M.reads(4096, Width, 0));
    EXPECT_TRUE(M.reads(4096, Width, 1));
    EXPECT_TRUE(M.reads(4096 + Width, Width, 0));
    EXPECT_TRUE(M.writes(4096, 4, 0));
    EXPECT_TRUE(M.writes(4096, Width, 2));
    M.Order.beginBlock(1);
    EXPECT_TRUE(M.reads(4096, Width, 0));
    EXPECT_TRUE(M.reads(4096, 8, 0));
  }
}

// What wide accesses left behind holds for each of their bytes, and a fence finds it there.
TEST(GlobalOrder, NarrowAccessesAfterWideOnes) {
  Machine M;
  EXPECT_FALSE(M.writes(4088, 16, 0));
  EXPECT_TRUE(M.reads(4103, 1, 1));
  M.Order.fence(M.C, 0);
  M.Order.beginBlock(1);
  EXPECT_FALSE(M.reads(4103, 1, 1));
  EXPECT_FALSE(M.reads(4088, 2, 1));
}

// An access that ends with the allocation does not make its last word narrow, and one past a page's end is no error.
TEST(GlobalOrder, EndsOfPagesAndAllocations) {
  Machine M(4097);
  EXPECT_FALSE(M.writes(4096, 1, 0));
  EXPECT_EQ(M.A.page(4096, 2).Shift, 2u);
  EXPECT_FALSE(M.writes(4092, 4, 1));
  EXPECT_TRUE(M.reads(4094, 3, 0));
  EXPECT_EQ(M.A.page(4092, 2).Shift, 1u);
}
