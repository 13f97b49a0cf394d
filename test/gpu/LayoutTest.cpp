// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linear layouts: their algebra, the rows of matrix instructions against the formulas of the vendors' manuals, and what
// is derived from them for shared memory.

#include "dialects/Layout/LinearLayout.h"
#include "dialects/Layout/SharedMemory.h"
#include "dialects/Layout/TensorCoreRows.h"

#include <gtest/gtest.h>

using namespace tinyc;
using Point = LinearLayout::Point;

namespace {

LinearLayout sample() {
  LinearLayout layout({8, 32});
  layout.addInput(kRegister, {{0, 1}, {0, 2}});
  layout.addInput(kLane, {{0, 4}, {0, 8}, {0, 16}, {1, 0}, {2, 0}});
  layout.addInput(kWarp, {{4, 0}});
  return layout;
}

TEST(LinearLayout, AppliesBitsByExclusiveOr) {
  LinearLayout layout = sample();
  EXPECT_EQ(layout.apply({{kRegister, 3}, {kLane, 9}, {kWarp, 1}}), (Point{5, 7}));
  EXPECT_TRUE(layout.isBijective());
  EXPECT_EQ(layout.str(), "register: [0,1] [0,2] lane: [0,4] [0,8] [0,16] [1,0] [2,0] warp: [4,0] -> 8x32");
}

TEST(LinearLayout, InverseUndoes) {
  // A basis that mixes rows and columns, as a swizzle does.
  LinearLayout layout({4, 4});
  layout.addInput(kRegister, {{0, 1}, {1, 1}});
  layout.addInput(kLane, {{2, 3}, {0, 2}});
  ASSERT_TRUE(layout.isBijective());
  LinearLayout inverse = layout.invert();
  for (int64_t reg = 0; reg < 4; ++reg)
    for (int64_t lane = 0; lane < 4; ++lane) {
      Point at = layout.apply({{kRegister, reg}, {kLane, lane}});
      EXPECT_EQ(inverse.apply({{"dim0", at[0]}, {"dim1", at[1]}}), (Point{reg, lane}));
    }
  EXPECT_EQ(layout.compose(inverse), [] {
    LinearLayout same({4, 4});
    same.addInput(kRegister, {{1, 0}, {2, 0}});
    same.addInput(kLane, {{0, 1}, {0, 2}});
    return same;
  }());
}

TEST(LinearLayout, ProductAndQuotient) {
  LinearLayout tile = LinearLayout::along(kRegister, 2, 1, 4), rest = LinearLayout::along(kLane, 2, 0, 8);
  LinearLayout product = tile * rest;
  EXPECT_EQ(product.apply({{kRegister, 3}, {kLane, 5}}), (Point{5, 3}));
  std::optional<LinearLayout> quotient = product.divideLeft(tile);
  ASSERT_TRUE(quotient);
  EXPECT_EQ(*quotient, rest);
  EXPECT_FALSE(product.divideLeft(LinearLayout::along(kRegister, 2, 0, 4)));
}

TEST(LinearLayout, LostRankIsSeen) {
  LinearLayout twice({4});
  twice.addInput(kLane, {{1}, {2}, {3}});
  EXPECT_FALSE(twice.isInjective());
  EXPECT_TRUE(twice.isSurjective());
  LinearLayout half({4});
  half.addInput(kLane, {{2}, {0}});
  EXPECT_FALSE(half.isSurjective());
  EXPECT_EQ(half.replicaMask(kLane), 2);
}

TEST(LinearLayout, BlockedCoversEveryTileOnce) {
  for (int64_t rows : {1, 2, 16, 64})
    for (int64_t columns : {1, 8, 32, 1024})
      for (int64_t warps : {1, 4}) {
        LinearLayout layout = blockedLayout({rows, columns}, {1, 0}, 4, 32, warps);
        EXPECT_TRUE(layout.isSurjective()) << layout.str();
        EXPECT_EQ(layout.size(kLane), 32);
        EXPECT_EQ(layout.size(kWarp), warps);
        EXPECT_EQ(layout.replicaMask(kRegister), 0);
      }
}

// The formulas of the PTX manual for m16n8k16: groupID = lane / 4, threadID_in_group = lane % 4.
TEST(TensorCoreRows, MmaSyncIsAsTheManualSays) {
  for (const char *type : {"f16", "bf16"}) {
    const TensorCoreRow *row = findTensorCoreRow(std::string("mma.sync.m16n8k16.f32.") + type);
    ASSERT_TRUE(row);
    for (int64_t lane = 0; lane < 32; ++lane) {
      int64_t group = lane / 4, thread = lane % 4;
      for (int64_t i = 0; i < 8; ++i)
        EXPECT_EQ(row->a.apply({{kRegister, i}, {kLane, lane}}),
                  (Point{(i < 2 || (i >= 4 && i < 6)) ? group : group + 8, thread * 2 + (i & 1) + (i < 4 ? 0 : 8)}));
      for (int64_t i = 0; i < 4; ++i) {
        EXPECT_EQ(row->b.apply({{kRegister, i}, {kLane, lane}}),
                  (Point{thread * 2 + (i & 1) + (i < 2 ? 0 : 8), group}));
        EXPECT_EQ(row->c.apply({{kRegister, i}, {kLane, lane}}),
                  (Point{i < 2 ? group : group + 8, thread * 2 + (i & 1)}));
      }
    }
  }
}

// AMD's tables for RDNA 3, wave32: A and B by lane % 16, both halves alike; C's row 2 * register + lane / 16.
TEST(TensorCoreRows, WmmaIsAsTheTablesSay) {
  for (const char *type : {"f16", "bf16"}) {
    const TensorCoreRow *row = findTensorCoreRow(std::string("wmma.f32.16x16x16.") + type);
    ASSERT_TRUE(row);
    for (int64_t lane = 0; lane < 32; ++lane) {
      for (int64_t i = 0; i < 16; ++i) {
        EXPECT_EQ(row->a.apply({{kRegister, i}, {kLane, lane}}), (Point{lane % 16, i}));
        EXPECT_EQ(row->b.apply({{kRegister, i}, {kLane, lane}}), (Point{i, lane % 16}));
      }
      for (int64_t i = 0; i < 8; ++i)
        EXPECT_EQ(row->c.apply({{kRegister, i}, {kLane, lane}}), (Point{2 * i + lane / 16, lane % 16}));
    }
  }
}

// Intel's manual, of the instructions' operands as bytes of memory: A's row m holds k in order; B's row r, of 32-bit
// words, holds in word n the terms of k from r * 2 (or 4) on of column n; C's row m holds n in order.
TEST(TensorCoreRows, CpuFragmentsAreAsTheManualSays) {
  int count = 0;
  for (const TensorCoreRow &row : tensorCoreRows()) {
    if (row.cycles == 0)
      continue;
    ++count;
    int64_t group = row.left == "bf16" || row.left == "i16" ? 2 : 4;
    EXPECT_EQ(neighbouringK(row), group) << row.name;
    for (int64_t i = 0; i < row.m * row.k; ++i)
      EXPECT_EQ(row.a.apply({{kRegister, i}}), (Point{i / row.k, i % row.k})) << row.name;
    for (int64_t i = 0; i < row.k * row.n; ++i)
      EXPECT_EQ(row.b.apply({{kRegister, i}}), (Point{i / (row.n * group) * group + i % group, i / group % row.n}))
          << row.name;
    for (int64_t i = 0; i < row.m * row.n; ++i)
      EXPECT_EQ(row.c.apply({{kRegister, i}}), (Point{i / row.n, i % row.n})) << row.name;
    // Rows of 64 bytes: a tile register's, or a vector register.
    EXPECT_EQ(row.n * group * (4 / group), 64) << row.name;
  }
  EXPECT_EQ(count, 8);
}

// Every row: each operand whole, C once; and whatever lane holds an element of C holds its row of A and column of B
// where the instruction leaves that to the lane (fma).
TEST(TensorCoreRows, AgreeWithTheirShapes) {
  for (const TensorCoreRow &row : tensorCoreRows()) {
    EXPECT_EQ(row.a.shape(), (llvm::ArrayRef<int64_t>{row.m, row.k})) << row.name;
    EXPECT_EQ(row.b.shape(), (llvm::ArrayRef<int64_t>{row.k, row.n})) << row.name;
    EXPECT_TRUE(row.a.isSurjective() && row.b.isSurjective() && row.c.isBijective()) << row.name;
    EXPECT_EQ(row.document.rfind("https://", 0), 0u) << row.name;
  }
  const TensorCoreRow *fma = findTensorCoreRow("fma");
  for (int64_t lane = 0; lane < 32; ++lane)
    for (int64_t m = 0; m < fma->a.size(kRegister); ++m)
      for (int64_t n = 0; n < fma->b.size(kRegister); ++n) {
        Point c = fma->c.apply({{kRegister, m * fma->b.size(kRegister) + n}, {kLane, lane}});
        EXPECT_EQ(c[0], fma->a.apply({{kRegister, m}, {kLane, lane}})[0]);
        EXPECT_EQ(c[1], fma->b.apply({{kRegister, n}, {kLane, lane}})[1]);
      }
}

TEST(TensorCoreRows, ContractionCoversTheBlock) {
  for (const TensorCoreRow &row : tensorCoreRows()) {
    if (row.cycles != 0)
      continue; // no warps on a CPU
    std::optional<ContractionLayouts> layouts = contractionLayouts(row, 64, 64, 32, 2, 2);
    ASSERT_TRUE(layouts) << row.name;
    EXPECT_TRUE(layouts->c.isBijective()) << row.name;
    EXPECT_TRUE(layouts->a.isSurjective() && layouts->b.isSurjective()) << row.name;
    EXPECT_FALSE(contractionLayouts(row, 24, 64, 32, 2, 2)) << row.name;
  }
}

TEST(SharedMemory, ConflictsAreCounted) {
  // A column of a row-major tile of 32 floats a row: all lanes in one bank.
  LinearLayout column({1024});
  column.addInput(kLane, {{32}, {64}, {128}, {256}, {512}});
  EXPECT_EQ(bankConflicts(column, {}, 4), 31);
  LinearLayout row({1024});
  row.addInput(kLane, {{1}, {2}, {4}, {8}, {16}});
  EXPECT_EQ(bankConflicts(row, {}, 4), 0);
}

TEST(SharedMemory, VectorsNeedAlignment) {
  LinearLayout offsets({64});
  offsets.addInput(kRegister, {{1}, {2}, {32}});
  offsets.addInput(kLane, {{4}, {8}, {16}});
  EXPECT_EQ(vectorBits(offsets, 8).size(), 2u);
  LinearLayout odd({64});
  odd.addInput(kRegister, {{1}, {2}});
  odd.addInput(kLane, {{5}, {8}});
  EXPECT_EQ(vectorBits(odd, 8).size(), 0u);
}

// The operand tiles of a product: the chosen placement lets both the copy and the matrix loads go without conflicts.
TEST(SharedMemory, SwizzleServesCopiesAndMatrixLoads) {
  const TensorCoreRow *row = findTensorCoreRow("mma.sync.m16n8k16.f32.f16");
  for (int64_t k : {32, 64})
    for (bool isA : {true, false}) {
      ContractionLayouts layouts = *contractionLayouts(*row, 64, 64, k, 2, 2);
      llvm::SmallVector<int64_t> shape = isA ? llvm::SmallVector<int64_t>{64, k} : llvm::SmallVector<int64_t>{k, 64};
      LinearLayout copy = blockedLayout(shape, {1, 0}, 8, 32, 4), &fragment = isA ? layouts.a : layouts.b;
      LinearLayout place = choosePlacement(shape, {SharedAccess{copy, false, 8, 1}, SharedAccess{fragment, true}}, 2);
      EXPECT_TRUE(place.isBijective());
      LinearLayout written = copy.compose(place);
      VectorBits vector = vectorBits(written, 8);
      EXPECT_EQ(vector.size(), 3u);
      EXPECT_EQ(bankConflicts(written, vector, 2), 0);
      std::optional<MatrixLoad> load = matrixLoad(fragment.compose(place), 2);
      ASSERT_TRUE(load);
      EXPECT_EQ(load->transpose, !isA);
      EXPECT_EQ(load->matrixBits.size(), 2u);
      // Visits of the banks: one for each matrix, one for each instruction.
      int64_t registers = fragment.size(kRegister);
      EXPECT_EQ(sharedCost(SharedAccess{fragment, true}, place, 2), registers / 8 * (4 + 1));
    }
}

// A copy moves whole vectors of 16 bytes, whichever dimension it runs along and whatever the reader would like best.
TEST(SharedMemory, CopiesStayAligned) {
  for (const TensorCoreRow &row : llvm::make_filter_range(
           tensorCoreRows(), [](const TensorCoreRow &row) { return row.cycles == 0; })) // a CPU's have no lanes
    for (int64_t bytes : {2, 4})
      for (int64_t k : {16, 32})
        for (unsigned fastest : {0, 1})
          for (bool isA : {true, false}) {
            ContractionLayouts layouts = *contractionLayouts(row, 32, 64, k, 2, 2);
            const LinearLayout &fragment = isA ? layouts.a : layouts.b;
            llvm::SmallVector<int64_t> shape =
                isA ? llvm::SmallVector<int64_t>{32, k} : llvm::SmallVector<int64_t>{k, 64};
            // A small tile is spread over all 128 lanes first.
            int64_t width = std::min(16 / bytes, shape[0] * shape[1] / 128);
            LinearLayout copy = blockedLayout(shape, {fastest, 1 - fastest}, width, 32, 4);
            LinearLayout place =
                choosePlacement(shape, {SharedAccess{copy, false, width, fastest}, SharedAccess{fragment}}, bytes);
            EXPECT_EQ(int64_t(1) << vectorBits(copy.compose(place), width).size(), width)
                << row.name << " k " << k << " along " << fastest << (isA ? " A" : " B") << " of " << bytes << " bytes";
          }
  // The slowest of three dimensions can be the one in which neighbours are neighbours in memory.
  LinearLayout copy = blockedLayout({16, 4, 8}, {0, 1, 2}, 4, 32, 4);
  LinearLayout place = choosePlacement({16, 4, 8}, {SharedAccess{copy, false, 4, 0}}, 4);
  EXPECT_EQ(vectorBits(copy.compose(place), 4).size(), 2u);
}

TEST(SharedMemory, MatrixLoadsWantPairs) {
  // f32 fragments and rows that lie apart cannot be loaded as matrices.
  const TensorCoreRow *row = findTensorCoreRow("mma.sync.m16n8k16.f32.f16");
  LinearLayout offsets = row->a.compose(swizzledPlacement({16, 16}, {1, 0}, 1, 0, 0));
  EXPECT_TRUE(matrixLoad(offsets, 2));
  EXPECT_FALSE(matrixLoad(offsets, 4));
  EXPECT_FALSE(matrixLoad(row->a.compose(swizzledPlacement({16, 16}, {1, 0}, 2, 0, 3)), 2));
}
} // namespace
