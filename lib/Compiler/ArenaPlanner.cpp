// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Greedy placement in several orders, then of orders near the best one, until the lower bound is met.

#include "lib/Compiler/ArenaPlanner.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <numeric>
#include <random>

using namespace tinyc;

static constexpr uint64_t kAlignment = 64;

static uint64_t alignedSize(const ArenaTensor &tensor) { return llvm::alignTo(tensor.size, kAlignment); }

uint64_t tinyc::livePeak(llvm::ArrayRef<ArenaTensor> tensors) {
  // What begins at a time adds to what has not ended before it.
  std::vector<std::pair<uint64_t, int64_t>> changes;
  for (const ArenaTensor &tensor : tensors) {
    changes.push_back({tensor.first, static_cast<int64_t>(alignedSize(tensor))});
    changes.push_back({uint64_t(tensor.last) + 1, -static_cast<int64_t>(alignedSize(tensor))});
  }
  llvm::sort(changes); // ends, being negative, come before what begins at the same time
  int64_t live = 0, peak = 0;
  for (auto [time, change] : changes)
    peak = std::max(peak, live += change);
  return peak;
}

namespace {

/// Places tensors one by one, each into the smallest gap that is free over its whole life.
class Placement {
public:
  explicit Placement(llvm::ArrayRef<ArenaTensor> tensors) : tensors(tensors), offsets(tensors.size()) {}

  /// Places all in `order` and returns the arena's size; gives up, with that size, once `limit` is reached.
  uint64_t place(llvm::ArrayRef<unsigned> order, uint64_t limit) {
    placed.clear();
    uint64_t total = 0;
    for (unsigned index : order) {
      const ArenaTensor &tensor = tensors[index];
      offsets[index] = findGap(tensor);
      total = std::max(total, offsets[index] + alignedSize(tensor));
      if (total >= limit)
        return total;
      auto after = [&](uint64_t offset, unsigned other) { return offset < offsets[other]; };
      placed.insert(llvm::upper_bound(placed, offsets[index], after), index);
    }
    return total;
  }

  llvm::ArrayRef<uint64_t> result() const { return offsets; }

private:
  uint64_t findGap(const ArenaTensor &tensor) const {
    uint64_t best = UINT64_MAX, bestGap = UINT64_MAX, end = 0;
    for (unsigned index : placed) {
      const ArenaTensor &other = tensors[index];
      if (other.last < tensor.first || tensor.last < other.first)
        continue;
      if (offsets[index] >= end + alignedSize(tensor) && offsets[index] - end < bestGap) {
        best = end;
        bestGap = offsets[index] - end;
      }
      end = std::max(end, offsets[index] + alignedSize(other));
    }
    return best == UINT64_MAX ? end : best;
  }

  llvm::ArrayRef<ArenaTensor> tensors;
  std::vector<uint64_t> offsets;
  llvm::SmallVector<unsigned> placed; // in order of offset
};

} // namespace

uint64_t tinyc::planArena(llvm::MutableArrayRef<ArenaTensor> tensors) {
  uint64_t bound = livePeak(tensors), best = UINT64_MAX;
  Placement placement(tensors);
  std::vector<unsigned> bestOrder;
  auto attempt = [&](llvm::ArrayRef<unsigned> order) {
    uint64_t total = placement.place(order, best);
    if (total >= best)
      return false;
    best = total;
    bestOrder.assign(order.begin(), order.end());
    for (auto [tensor, offset] : llvm::zip_equal(tensors, placement.result()))
      tensor.offset = offset;
    return true;
  };

  // Equal ones stay in the order given, so that a plan is the same every time.
  auto sorted = [&](auto key) {
    std::vector<unsigned> order(tensors.size());
    std::iota(order.begin(), order.end(), 0);
    llvm::sort(order, [&](unsigned a, unsigned b) {
      auto x = key(tensors[a]), y = key(tensors[b]);
      return x != y ? x > y : a < b;
    });
    return order;
  };
  auto life = [](const ArenaTensor &t) { return uint64_t(t.last) - t.first + 1; };
  attempt(sorted([](const ArenaTensor &t) { return alignedSize(t); }));
  if (best > bound)
    attempt(sorted([&](const ArenaTensor &t) { return std::pair(alignedSize(t), life(t)); }));
  if (best > bound)
    attempt(sorted([&](const ArenaTensor &t) { return double(alignedSize(t)) * double(life(t)); }));
  if (best > bound)
    attempt(sorted([&](const ArenaTensor &t) { return std::pair(life(t), alignedSize(t)); }));
  if (best > bound)
    attempt(sorted([](const ArenaTensor &t) { return -int64_t(t.first); }));

  // Then tensors of the best order are moved forward, at random but the same every time. The work is bounded, so that
  // compilation stays fast: a placement looks at each pair of tensors.
  constexpr uint64_t most = 4'000'000;
  uint64_t work = 0, pairs = uint64_t(tensors.size()) * tensors.size();
  std::minstd_rand random(1); // std's distributions differ between libraries; a remainder does not
  while (best > bound && (work += std::max<uint64_t>(pairs, 1)) < most) {
    std::vector<unsigned> order = bestOrder;
    for (unsigned moves = 1 + random() % 3; moves > 0; --moves) {
      size_t from = random() % order.size(), to = random() % (from + 1);
      std::rotate(order.begin() + to, order.begin() + from, order.begin() + from + 1);
    }
    attempt(order);
  }
  return best == UINT64_MAX ? 0 : best;
}
