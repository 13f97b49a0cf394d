// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Looks up through elementwise ops to coordinates and reads.

#include "passes/4-tile/TileVariation.h"

#include "dialects/Tiny/TinyOps.h"
#include "passes/2-fuse/CostModel.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace tinyc::tiny;

static bool varies(Value tile, unsigned dim, llvm::DenseSet<std::pair<Value, unsigned>> &seen) {
  auto type = dyn_cast<VectorType>(tile.getType());
  if (!type || type.getDimSize(dim) == 1 || !seen.insert({tile, dim}).second)
    return false; // what was seen before decides for itself
  Operation *op = tile.getDefiningOp();
  auto anyVaries = [&](ValueRange values, unsigned along) {
    return llvm::any_of(values, [&](Value value) { return varies(value, along, seen); });
  };
  if (auto constant = dyn_cast_if_present<ConstOp>(op))
    return !isa<SplatElementsAttr>(constant.getValue());
  if (auto iota = dyn_cast_if_present<IotaOp>(op))
    return iota.getMap().isFunctionOfDim(dim);
  if (auto load = dyn_cast_if_present<LoadOp>(op))
    return load.getMap().isFunctionOfDim(dim) || anyVaries(load.getIndices(), dim) ||
           (load.getMask() && llvm::any_of(load.getMask()->getConstraints(),
                                           [&](AffineExpr constraint) { return constraint.isFunctionOfDim(dim); }));
  if (auto view = dyn_cast_if_present<ViewOp>(op)) {
    for (auto [i, result] : llvm::enumerate(view.getMap().getResults()))
      if (result.isFunctionOfDim(dim) && varies(view.getInput(), i, seen))
        return true;
    return view.getMask().has_value();
  }
  return !op || !tinyc::fusion::isElementwise(op) || anyVaries(op->getOperands(), dim);
}

bool tinyc::variesAlong(Value tile, unsigned dim) {
  llvm::DenseSet<std::pair<Value, unsigned>> seen;
  return varies(tile, dim, seen);
}
