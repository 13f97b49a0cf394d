// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognises it by its operands.

#include "passes/2-fuse/SliceWrite.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

std::optional<unsigned> tinyc::sliceWriteOf(ScatterOp scatter) {
  auto loop = dyn_cast<LoopOp>(scatter->getParentOp());
  if (!loop || scatter.getKind() != ScatterKind::Set || scatter.getDim() != 0 ||
      scatter.getIndices() != loop.getBody().getArgument(0))
    return std::nullopt;
  auto carried = dyn_cast<BlockArgument>(scatter.getInput());
  auto type = cast<RankedTensorType>(scatter.getType());
  if (!carried || !carried.hasOneUse() || !scatter.getResult().hasOneUse() ||
      carried.getArgNumber() > loop.getCarried().size() || type.getDimSize(0) < static_cast<int64_t>(loop.getTrips()))
    return std::nullopt;
  OpOperand &use = *scatter.getResult().use_begin();
  if (!isa<YieldOp>(use.getOwner()) || use.getOperandNumber() != carried.getArgNumber())
    return std::nullopt;
  return carried.getArgNumber() - 1;
}
