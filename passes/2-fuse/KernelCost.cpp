// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counting; the header says what counts.

#include "passes/2-fuse/KernelCost.h"

#include "passes/2-fuse/CostModel.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

static bool isArithmetic(Operation *op) {
  return isa<SqrtOp, SinOp, ExpOp, LogOp, RoundOp, AddOp, MulOp, DivOp, ModOp, MaxOp>(op);
}

int64_t tinyc::kernelBytes(KernelOp kernel) {
  int64_t bytes = 0;
  llvm::SmallPtrSet<Value, 8> seen; // an input that is passed twice is moved once
  for (Value input : kernel.getInputs())
    if (seen.insert(input).second)
      bytes += fusion::byteCount(input.getType());
  for (Value result : kernel.getResults())
    bytes += fusion::byteCount(result.getType());
  return bytes;
}

int64_t tinyc::kernelFlops(KernelOp kernel) {
  int64_t flops = 0;
  for (StageOp stage : kernel.getStages()) {
    int64_t points = 1, each = 0;
    for (int64_t size : stage.getDomain())
      points *= size;
    for (Operation &op : stage.getBody().front())
      each += isArithmetic(&op);
    for (unsigned i = 0; i < stage.getNumResults(); ++i)
      each += stage.getKind(i) != ReduceKind::None;
    flops += points * each;
  }
  return flops;
}

int64_t tinyc::tensorFlops(Operation *op) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return fusion::elementCount(reduce.getInput().getType());
  return isArithmetic(op) ? fusion::elementCount(op->getResult(0).getType()) : 0;
}
