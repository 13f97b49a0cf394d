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

static int64_t pointsOf(StageOp stage) {
  int64_t points = 1;
  for (int64_t size : stage.getDomain())
    points *= size;
  return points;
}

// What is read of a kernel's argument: of a table that is only looked things up in, at most an element a lookup.
static int64_t bytesRead(Value argument) {
  int64_t whole = fusion::byteCount(argument.getType()), found = 0;
  for (Operation *user : argument.getUsers()) {
    auto lookup = dyn_cast<LookupOp>(user);
    if (!lookup)
      return whole;
    int64_t element = llvm::divideCeil(elementType(argument.getType()).getIntOrFloatBitWidth(), 8);
    found += pointsOf(lookup->getParentOfType<StageOp>()) * element;
  }
  return std::min(whole, found);
}

int64_t tinyc::kernelBytes(KernelOp kernel) {
  int64_t bytes = 0;
  llvm::SmallPtrSet<Value, 8> seen; // an input that is passed twice is moved once
  for (auto [input, argument] : llvm::zip_equal(kernel.getInputs(), kernel.getBody().getArguments()))
    if (seen.insert(input).second)
      bytes += bytesRead(argument);
  for (Value result : kernel.getResults())
    bytes += fusion::byteCount(result.getType());
  return bytes;
}

int64_t tinyc::kernelFlops(KernelOp kernel) {
  int64_t flops = 0;
  if (ScatterOp scatter = kernel.getScatter())
    return tensorFlops(scatter);
  for (StageOp stage : kernel.getStages()) {
    int64_t points = pointsOf(stage), each = 0;
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
  if (auto scatter = dyn_cast<ScatterOp>(op))
    return scatter.getKind() == ScatterKind::Set ? 0 : fusion::elementCount(scatter.getUpdates().getType());
  return isArithmetic(op) ? fusion::elementCount(op->getResult(0).getType()) : 0;
}
