// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// merge-clamps: a pass in a plug-in. A maximum with a constant of a maximum with a constant is one maximum, exactly,
// NaN and infinities included.
//
//   %y = tiny.max %x, 0.0
//   %z = tiny.max %y, 1.0
// becomes
//   %c = tiny.max 0.0, 1.0
//   %z = tiny.max %x, %c

#include "dialects/Tiny/TinyOps.h"
#include "lib/Plugins/Plugin.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace tinyc::tiny;

namespace {
struct MergeMax : OpRewritePattern<MaxOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaxOp op, PatternRewriter &rewriter) const override {
    for (auto [value, bound] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      auto inner = value.getDefiningOp<MaxOp>();
      if (!inner || !bound.getDefiningOp<ConstOp>())
        continue;
      for (auto [x, other] : {std::pair(inner.getLhs(), inner.getRhs()), std::pair(inner.getRhs(), inner.getLhs())})
        if (other.getDefiningOp<ConstOp>() && !x.getDefiningOp<ConstOp>()) {
          Value bounds = MaxOp::create(rewriter, op.getLoc(), other, bound); // folds
          rewriter.replaceOpWithNewOp<MaxOp>(op, x, bounds);
          return success();
        }
    }
    return rewriter.notifyMatchFailure(op, "expected a maximum of a constant and of a maximum with a constant");
  }
};

struct MergeClamps : PassWrapper<MergeClamps, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MergeClamps)

  StringRef getArgument() const override { return "merge-clamps"; }
  StringRef getDescription() const override { return "Makes one maximum of two with constants"; }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<MergeMax>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

TINYC_PLUGIN("merge-clamps", [](tinyc::PluginRegistry &registry) {
  registry.addPass([] { return std::make_unique<MergeClamps>(); });
  registry.addPassAt("after-import", [](OpPassManager &pm) { pm.addPass(std::make_unique<MergeClamps>()); });
})
