// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// in-place: a result takes over the memory of an input that ends with the kernel, where no point of the input is read
// after that point of the result was written.
//
// Needs: kernels, of which mark-init has said what runs at load. Leaves: `in_place` on the kernels of a function's own
// block that can. Refuses: nothing; inputs that the caller owns, weights, and what is carried around a loop stay whole.
//
//   %t = tiny.kernel "relu_0" .. (%x)
//   %r = tiny.kernel "matmul_add_1" shared 2 .. (%t, %a, %w)    // %t is added last, and not used again
// becomes
//   %r = tiny.kernel "matmul_add_1" shared 2 .. (%t, %a, %w) attributes {in_place = array<i64: 0>}

#include "dialects/Tiny/KernelMarks.h"
#include "dialects/Tiny/TinyOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tinyc {
#define GEN_PASS_DEF_INPLACE
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// A kernel of the function's own block that every run launches.
static bool runsEachTime(Operation *op, Block *block) {
  return isa_and_present<KernelOp>(op) && op->getBlock() == block && !op->hasAttr(kInitAttr);
}

// Made by a kernel, read by kernels, last by this one: memory of the arena that is free afterwards.
static bool endsWith(Value value, KernelOp kernel) {
  Block *block = kernel->getBlock();
  return runsEachTime(value.getDefiningOp(), block) && llvm::all_of(value.getUses(), [&](OpOperand &use) {
           Operation *user = use.getOwner();
           return runsEachTime(user, block) && (user == kernel || user->isBeforeInBlock(kernel));
         });
}

// The caller says where results of the function lie.
static bool isReturned(Value value) { return llvm::any_of(value.getUsers(), llvm::IsaPred<func::ReturnOp>); }

static void computeInPlace(KernelOp kernel) {
  SmallVector<int64_t> inPlace(kernel.getNumResults(), -1);
  for (OpResult result : kernel->getResults()) {
    if (isReturned(result))
      continue;
    for (auto [i, input] : llvm::enumerate(kernel.getInputs()))
      if (input.getType() == result.getType() && llvm::count(kernel.getInputs(), input) == 1 &&
          !llvm::is_contained(inPlace, i) && endsWith(input, kernel) &&
          kernel.canComputeInPlace(result.getResultNumber(), i)) {
        inPlace[result.getResultNumber()] = i;
        break;
      }
  }
  if (llvm::any_of(inPlace, [](int64_t input) { return input >= 0; }))
    kernel.setInPlace(inPlace);
}

namespace {
struct InPlace : tinyc::impl::InPlaceBase<InPlace> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (KernelOp kernel : function.getOps<KernelOp>())
        if (runsEachTime(kernel, kernel->getBlock()))
          computeInPlace(kernel);
  }
};
} // namespace
