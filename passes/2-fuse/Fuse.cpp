// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fuse: turns the ops on tensors into kernels.
//
// Needs: functions of one block of tiny ops on tensors, simplified. Leaves: weights, constants, kernels, loops and
// choices with the same in their bodies, and the return; what a kernel computes stands in its stages, or is a scatter
// that walks its updates. A loop writes the slices of what it carries without a kernel. Refuses: what is no op of
// tensors, by name and place.
//
//   %0 = tiny.mul %x, %y : tensor<4x5xf32>
//   %1 = tiny.add %0, %z : tensor<4x5xf32>
// becomes
//   %1 = tiny.kernel "mul_add_0" shared 2 (%x, %y, %z) : (...) -> tensor<4x5xf32> {
//   ^bb0(%a: tensor<4x5xf32>, %b: tensor<4x5xf32>, %c: tensor<4x5xf32>):
//     %r = tiny.stage parallel [4, 5] (%a by #id : .., %b by #id : .., %c by #id : ..) -> (none tensor<4x5xf32>) {...}
//     tiny.yield %r : tensor<4x5xf32>
//   }

#include "passes/2-fuse/CostModel.h"
#include "passes/2-fuse/FusionPlan.h"
#include "passes/2-fuse/KernelCost.h"
#include "passes/Passes.h"

namespace tinyc {
#define GEN_PASS_DEF_FUSE
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc::tiny;

namespace {
struct Fuse : tinyc::impl::FuseBase<Fuse> {
  using FuseBase::FuseBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !hasTensors(function))
      return;
    if (!function.getBody().hasOneBlock()) {
      function.emitError("fuse: expected a function of one block, found ")
          << std::distance(function.getBody().begin(), function.getBody().end());
      return signalPassFailure();
    }
    if (failed(accepts(function.getBody().front())))
      return signalPassFailure();
    unsigned number = 0;
    fuseBlock(function.getBody().front(), number);
  }

private:
  void fuseBlock(Block &block, unsigned &number) {
    tinyc::fusion::chooseChoiceForms(block);
    for (Operation &op : block)
      for (Region &region : op.getRegions())
        fuseBlock(region.front(), number);
    tinyc::fusion::chooseScatterForms(block);
    tinyc::fusion::FusionPlan plan;
    plan.remarks = remarks;
    chooseRoots(block, plan);
    groupRoots(plan);
    emitKernels(block, plan, number);
  }

  // Functions of the tile level stand in the same module.
  static bool hasTensors(func::FuncOp function) {
    return llvm::any_of(function.getResultTypes(), llvm::IsaPred<RankedTensorType>);
  }

  LogicalResult accepts(Block &block) {
    bool accepted = true;
    for (Operation &op : block.without_terminator())
      if (tinyc::fusion::isControl(&op)) {
        for (Region &region : op.getRegions())
          accepted &= succeeded(accepts(region.front()));
      } else if (!tinyc::fusion::isElementwise(&op) &&
                 !isa<ParamOp, ConstOp, IotaOp, ViewOp, ConcatOp, ReduceOp, GatherOp, ScatterOp, KernelOp>(op)) {
        InFlightDiagnostic error = op.emitError("fuse: no kernel can be made of '") << op.getName() << "' yet";
        if (isa_and_present<TinyDialect>(op.getDialect()))
          error.attachNote() << "the reference interpreter runs it (--device reference)";
        accepted = false;
      } else if (isa<KernelOp>(op)) {
        op.emitError("fuse: expected ops on tensors, found a kernel: the function is fused already");
        accepted = false;
      }
    return success(accepted);
  }
};
} // namespace
