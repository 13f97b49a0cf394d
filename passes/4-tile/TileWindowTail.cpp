// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What follows a sum over a window in its kernel, a pooling for example: a walk over stages that read what the unit has
// kept in scratch memory.

#include "passes/3-schedule/Schedules.h"
#include "passes/4-tile/Tiling.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// The stages that read what the unit has kept, of which a vector runs along the last dimension that is longer than 1.
// Not along rows that units cut: a vector would reach into the next unit's, whose lines are not kept here.
LogicalResult tinyc::tileWindowTail(OpBuilder &b, const TiledFunction &f, const Window &w, const KeptUnit &kept) {
  StageWalk walk;
  walk.stages = w.tail;
  llvm::append_range(walk.sizes, walk.stages.front().getParallel().take_front(w.tailParallel));
  walk.inner.assign(walk.sizes.size(), 1);
  int64_t shared = f.kernel.getShared(), longest = 0;
  for (auto [d, size] : llvm::enumerate(walk.sizes)) {
    bool own = static_cast<int64_t>(d) >= shared, cut = own && static_cast<int64_t>(d) == shared && w.rowStep != 0;
    walk.offsets.push_back(!own ? kept.unit[d] : cut ? kept.firstRow : indexConstant(b, f.function.getLoc(), 0));
    walk.unit.push_back(!own ? kept.sizes[d] : cut ? f.schedule.getUnit()[d] : size);
    if (own && size > 1 && walk.unit[d] >= size)
      longest = d;
  }
  int64_t most = 4 * f.schedule.getVector();
  if (longest >= shared)
    walk.inner[longest] = powerOfTwo(walk.sizes[longest], most);
  int64_t ownDims = 0, strip = 1;
  for (StageOp stage : w.tail) {
    SmallVector<int64_t> all = stage.getDomain(), own(ArrayRef<int64_t>(all).drop_front(w.tailParallel));
    ownDims = std::max<int64_t>(ownDims, own.size());
    if (longest < shared && !own.empty())
      strip = std::max(strip, powerOfTwo(own.back(), most));
  }
  walk.strip.assign(ownDims, 1);
  if (ownDims)
    walk.strip.back() = strip;
  for (auto [inner, size] : llvm::zip_equal(walk.inner, walk.unit))
    size = llvm::divideCeil(size, inner) * inner;
  walk.kept = w.kept;
  walk.keptBuffer = kept.buffer;
  for (auto [d, begin] : llvm::enumerate(kept.unit))
    walk.keptOrigin.push_back(d >= w.firstOwn && !(w.rowStep && w.y() == d) ? Value() : begin);
  return tileStages(b, f, walk);
}
