// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// outline-kernels: moves the functions of tiled kernels into a nested module, so that they can be lowered while @main
// stays as it is.
//
// Needs: the tile level. Leaves: `module @kernels` at the end of the module, with all functions that carry tiny.kernel
// and the target. Refuses: a second module of that name.
//
//   func.func @relu_0(..) attributes {tiny.kernel}   becomes   module @kernels { func.func @relu_0(..) .. }

#include "dialects/Tiny/TinyOps.h"
#include "passes/Passes.h"

#include "mlir/IR/BuiltinOps.h"

namespace tinyc {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;

namespace {
struct OutlineKernels : tinyc::impl::OutlineKernelsBase<OutlineKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (Operation *taken = SymbolTable::lookupSymbolIn(module, "kernels")) {
      taken->emitError("expected no symbol @kernels before the kernels are outlined");
      return signalPassFailure();
    }
    OpBuilder b(&getContext());
    b.setInsertionPointToEnd(module.getBody());
    auto kernels = ModuleOp::create(b, module.getLoc(), "kernels");
    if (Attribute target = module->getAttr(tinyc::tiny::kTargetAttr))
      kernels->setAttr(tinyc::tiny::kTargetAttr, target);
    for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (function->hasAttr("tiny.kernel"))
        function->moveBefore(kernels.getBody(), kernels.getBody()->end());
  }
};
} // namespace
