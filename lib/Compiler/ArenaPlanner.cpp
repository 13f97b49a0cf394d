// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Greedy placement by size.

#include "lib/Compiler/ArenaPlanner.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace tinyc;

uint64_t tinyc::planArena(llvm::MutableArrayRef<ArenaTensor> tensors) {
  constexpr uint64_t alignment = 64;
  llvm::SmallVector<ArenaTensor *> order = llvm::map_to_vector(tensors, [](ArenaTensor &t) { return &t; });
  // Equal sizes in the order given, so that a plan is the same every time.
  llvm::sort(order,
             [](const ArenaTensor *a, const ArenaTensor *b) { return a->size != b->size ? a->size > b->size : a < b; });
  llvm::SmallVector<ArenaTensor *> placed; // in order of offset
  uint64_t total = 0;
  for (ArenaTensor *tensor : order) {
    uint64_t size = llvm::alignTo(tensor->size, alignment);
    uint64_t best = UINT64_MAX, bestGap = UINT64_MAX, end = 0;
    for (ArenaTensor *other : placed) {
      if (other->last < tensor->first || tensor->last < other->first)
        continue;
      if (other->offset >= end + size && other->offset - end < bestGap) {
        best = end;
        bestGap = other->offset - end;
      }
      end = std::max(end, other->offset + llvm::alignTo(other->size, alignment));
    }
    tensor->offset = best == UINT64_MAX ? end : best;
    total = std::max(total, tensor->offset + size);
    placed.insert(llvm::upper_bound(placed, tensor->offset,
                                    [](uint64_t offset, const ArenaTensor *t) { return offset < t->offset; }),
                  tensor);
  }
  return total;
}
