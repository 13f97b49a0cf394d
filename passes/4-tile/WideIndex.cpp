// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which kernels count beyond 32 bits.

#include "dialects/Index/AffineRanges.h"
#include "passes/4-tile/Tiling.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// From here on 32 bits do not do: a tile may reach beyond the last point, by less than what is left.
static constexpr int64_t kFar = (int64_t(1) << 31) - (int64_t(1) << 20);

static bool isFar(ArrayRef<int64_t> sizes) {
  int64_t points = 1;
  for (int64_t size : sizes) {
    if (size == 0)
      return false;
    if (points >= kFar / size + 1)
      return true;
    points *= size;
  }
  return points >= kFar;
}

// Whether an expression, or a part of it, leaves 32 bits at some point.
static bool isFar(AffineExpr expr, ArrayRef<Interval> points) {
  return expr
      .walk([&](AffineExpr part) {
        std::optional<Interval> range = boundsOf(part, points);
        return range && !range->empty() && (range->low <= -kFar || range->high >= kFar) ? WalkResult::interrupt()
                                                                                        : WalkResult::advance();
      })
      .wasInterrupted();
}

static bool isFar(ArrayRef<AffineExpr> exprs, ArrayRef<Interval> points) {
  return llvm::any_of(exprs, [&](AffineExpr expr) { return isFar(expr, points); });
}

static bool isFar(StageOp stage) {
  // Runs of dimensions are flattened.
  if (isFar(stage.getParallel()) || isFar(stage.getReduce()))
    return true;
  SmallVector<Interval> points = domainOf(stage.getDomain());
  for (unsigned i = 0; i < stage->getNumOperands(); ++i)
    if (isFar(stage.getMap(i).getResults(), points) ||
        (stage.getMask(i) && isFar(stage.getMask(i).getConstraints(), points)))
      return true;
  return stage.getBody()
      .walk([&](Operation *op) {
        bool far = false;
        if (auto iota = dyn_cast<IotaOp>(op))
          far = isFar(iota.getMap().getResults(), points);
        if (auto lookup = dyn_cast<LookupOp>(op)) {
          SmallVector<Interval> withIndices(points);
          llvm::append_range(withIndices, domainOf(lookup.getBelow()));
          far = isFar(symbolsAsDims(lookup.getMap()).getResults(), withIndices) ||
                (lookup.getMask() && isFar(lookup.getMask()->getConstraints(), points));
        }
        return far ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

bool tinyc::needsWideIndex(KernelOp kernel) {
  auto isFarBuffer = [](Type type) { return isFar(cast<RankedTensorType>(type).getShape()); };
  return llvm::any_of(kernel->getOperandTypes(), isFarBuffer) || llvm::any_of(kernel->getResultTypes(), isFarBuffer) ||
         llvm::any_of(kernel.getStages(), [](StageOp stage) { return isFar(stage); });
}
