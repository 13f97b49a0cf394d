// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dependencies of command lists, held against all pairs of commands; and that deriving them takes steps in proportion
// to the list, not to its pairs.

#include "runtime/schema/CommandOrder.h"
#include "lib/Artefact/ArtefactBuilder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace tinyc::test {
namespace {

using namespace artefact;

/// Copies within an arena, at places and of sizes that overlap now and then.
Plan randomPlan(unsigned seed, unsigned count) {
  std::mt19937 random(seed);
  Plan plan;
  for (uint64_t i = 0; i < 24; ++i)
    plan.buffers.push_back({BufferKind::Arena, 0, random() % 32 * 64, (1 + random() % 6) * 64});
  for (unsigned c = 0; c < count; ++c) {
    Command command;
    command.kind = CommandKind::Copy;
    command.arguments = {{static_cast<uint32_t>(random() % 24)}, {static_cast<uint32_t>(random() % 24)}};
    plan.commands.push_back(command);
  }
  return plan;
}

bool overlap(const Plan &plan, const Argument &a, const Argument &b) {
  const Buffer &x = plan.buffers[a.buffer], &y = plan.buffers[b.buffer];
  return x.offset < y.offset + y.size && y.offset < x.offset + x.size;
}

/// The first argument of a copy is written, the second read.
bool mustWait(const Plan &plan, const Command &earlier, const Command &later) {
  return overlap(plan, earlier.arguments[0], later.arguments[0]) ||
         overlap(plan, earlier.arguments[0], later.arguments[1]) ||
         overlap(plan, earlier.arguments[1], later.arguments[0]);
}

TEST(CommandOrder, DependenciesOrderAllPairsAndNoneIsImplied) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Plan plan = randomPlan(seed, 60);
    addDependencies({}, plan, plan.commands);
    std::vector<std::vector<bool>> before(60, std::vector<bool>(60));
    for (unsigned c = 0; c < 60; ++c) {
      for (const Dependency &dependency : plan.commands[c].dependencies) {
        EXPECT_TRUE(mustWait(plan, plan.commands[dependency.command], plan.commands[c]));
        for (const Dependency &other : plan.commands[c].dependencies)
          EXPECT_FALSE(before[other.command][dependency.command]) << "implied by another dependency";
      }
      for (const Dependency &dependency : plan.commands[c].dependencies) {
        before[c][dependency.command] = true;
        for (unsigned e = 0; e < c; ++e)
          before[c][e] = before[c][e] || before[dependency.command][e];
      }
      for (unsigned e = 0; e < c; ++e)
        EXPECT_TRUE(before[c][e] || !mustWait(plan, plan.commands[e], plan.commands[c]))
            << seed << ": " << e << ", " << c;
    }
  }
}

/// Steps for `count` commands, each of which reads what the one before wrote, in an arena that is used again and again.
uint64_t stepsFor(uint32_t count) {
  LastTouches last;
  CommandOrder order(count);
  uint64_t looked = 0;
  for (uint32_t c = 0; c < count; ++c)
    for (bool writes : {false, true}) {
      uint64_t begin = (c + writes) % 7 * 64;
      last.touch(c, {0, begin, begin + 64, !writes, writes, 0}, [&](LastTouches::Toucher earlier, Hazard) {
        if (!order.waits(c, earlier.command, 1024, looked))
          order.add(c, earlier.command);
      });
    }
  return last.stepsTaken() + looked;
}

TEST(CommandOrder, StepsGrowWithTheList) {
  uint64_t few = stepsFor(1000), many = stepsFor(100000);
  EXPECT_GT(few, 1000u);
  EXPECT_LE(many, 101 * few);
}

} // namespace
} // namespace tinyc::test
