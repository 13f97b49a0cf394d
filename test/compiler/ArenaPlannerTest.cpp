// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Places of tensors in the arena: none that live at once overlap, and the arena is close to what must be kept.

#include "lib/Compiler/ArenaPlanner.h"

#include <gtest/gtest.h>

#include <random>

namespace tinyc {
namespace {

void expectSound(const std::vector<ArenaTensor> &tensors, uint64_t arena) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const ArenaTensor &a = tensors[i];
    EXPECT_EQ(a.offset % 64, 0u);
    EXPECT_LE(a.offset + a.size, arena);
    for (size_t j = 0; j < i; ++j) {
      const ArenaTensor &b = tensors[j];
      bool together = a.first <= b.last && b.first <= a.last;
      bool overlap = a.offset < b.offset + b.size && b.offset < a.offset + a.size;
      EXPECT_FALSE(together && overlap) << "tensors " << j << " and " << i;
    }
  }
  EXPECT_GE(arena, livePeak(tensors));
}

TEST(ArenaPlanner, LivePeakCountsBothEnds) {
  EXPECT_EQ(livePeak({}), 0u);
  // A tensor lives in the command that reads it last, beside what that command writes.
  EXPECT_EQ(livePeak({{64, 0, 1}, {128, 1, 2}, {64, 3, 3}}), 192u);
  EXPECT_EQ(livePeak({{64, 0, 1}, {128, 2, 3}}), 128u);
  EXPECT_EQ(livePeak({{1, 0, 0}}), 64u) << "places are multiples of 64";
}

TEST(ArenaPlanner, AChainTakesTwoPlaces) {
  std::vector<ArenaTensor> chain;
  for (unsigned i = 0; i < 100; ++i)
    chain.push_back({4096, i, i + 1});
  uint64_t arena = planArena(chain);
  EXPECT_EQ(arena, 2 * 4096u);
  expectSound(chain, arena);
}

TEST(ArenaPlanner, OtherOrdersAreTriedWhereTheLargestFirstWastesSpace) {
  // The largest first makes 18 lines of these, of which at most 12 live at once.
  std::vector<ArenaTensor> tensors = {{6 * 64, 0, 1}, {5 * 64, 1, 3}, {3 * 64, 2, 4}, {4 * 64, 3, 6}, {5 * 64, 4, 6}};
  uint64_t arena = planArena(tensors);
  expectSound(tensors, arena);
  EXPECT_EQ(arena, livePeak(tensors));
}

TEST(ArenaPlanner, RandomLivesAreSoundCloseToTheBoundAndTheSameEveryTime) {
  std::mt19937 random(7);
  double waste = 0;
  constexpr unsigned rounds = 200;
  for (unsigned round = 0; round < rounds; ++round) {
    std::vector<ArenaTensor> tensors;
    unsigned commands = 1 + random() % 60;
    for (unsigned i = 0; i < commands; ++i)
      tensors.push_back({random() % 10000, i, i + static_cast<unsigned>(random() % 8)});
    std::vector<ArenaTensor> again = tensors;
    uint64_t arena = planArena(tensors);
    expectSound(tensors, arena);
    EXPECT_EQ(planArena(again), arena);
    for (size_t i = 0; i < tensors.size(); ++i)
      EXPECT_EQ(tensors[i].offset, again[i].offset);
    waste += double(arena) / double(std::max<uint64_t>(livePeak(tensors), 64)) - 1;
  }
  EXPECT_LT(waste / rounds, 0.01) << "one order alone wastes 6%";
}

} // namespace
} // namespace tinyc
