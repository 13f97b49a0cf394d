// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A choice whose sides are cheap is both of them and a `where`: a choice that stays one ends the kernels before it, and
// on a GPU the host waits for its condition.

#include "passes/2-fuse/CostModel.h"
#include "passes/2-fuse/FusionPlan.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tinyc::tiny;

namespace tinyc::fusion {

// Work of all ops of the block; nothing if one of them is control or walks its updates.
static std::optional<double> workOfAll(Block &block) {
  double work = 0;
  for (Operation &op : block.without_terminator()) {
    if (isControl(&op))
      return std::nullopt;
    if (isElementwise(&op))
      work += workOf(&op) * static_cast<double>(elementCount(op.getResult(0).getType()));
    else if (isa<ReduceOp>(op))
      work += static_cast<double>(elementCount(op.getOperand(0).getType()));
    else if (!isa<ConstOp, ParamOp>(op))
      work += static_cast<double>(elementCount(op.getResult(0).getType()));
  }
  for (Value value : block.getTerminator()->getOperands())
    work += static_cast<double>(elementCount(value.getType()));
  return work;
}

static void select(CondOp cond) {
  OpBuilder b(cond);
  Location loc = cond.getLoc();
  SmallVector<SmallVector<Value>> sides;
  for (Region *region : {&cond.getOnTrue(), &cond.getOnFalse()}) {
    IRMapping mapping;
    mapping.map(region->getArguments(), cond.getInputs());
    for (Operation &op : region->front().without_terminator())
      b.clone(op, mapping);
    sides.push_back(llvm::map_to_vector(region->front().getTerminator()->getOperands(),
                                        [&](Value value) { return mapping.lookupOrDefault(value); }));
  }
  for (auto [result, onTrue, onFalse] : llvm::zip_equal(cond.getResults(), sides[0], sides[1])) {
    auto type = cast<RankedTensorType>(result.getType());
    Value condition = cond.getCondition();
    if (type.getRank() != 0)
      condition = ViewOp::create(b, loc, type.clone(b.getI1Type()), condition,
                                 AffineMap::get(type.getRank(), 0, {}, b.getContext()));
    result.replaceAllUsesWith(WhereOp::create(b, loc, condition, onTrue, onFalse).getResult());
  }
  cond.erase();
}

void chooseChoiceForms(Block &block) {
  for (auto cond : llvm::make_early_inc_range(block.getOps<CondOp>())) {
    std::optional<double> onTrue = workOfAll(cond.getOnTrue().front()), onFalse = workOfAll(cond.getOnFalse().front());
    if (onTrue && onFalse && *onTrue + *onFalse <= kLaunchWork)
      select(cond);
  }
}

} // namespace tinyc::fusion
