// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// drop-unit-factor: a pass in a plug-in. A product with 1 is the other factor, exactly, NaN and infinities included.
//
//   %one = tiny.const dense<1.0> : tensor<4xf32>
//   %y = tiny.mul %x, %one : tensor<4xf32>
// becomes %x.

#include "dialects/Tiny/TinyOps.h"
#include "lib/Plugins/PassPlugin.h"

#include "mlir/IR/Matchers.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;

namespace {
struct DropFactor : OpRewritePattern<tinyc::tiny::MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tinyc::tiny::MulOp op, PatternRewriter &rewriter) const override {
    for (auto [factor, other] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())})
      if (matchPattern(factor, m_OneFloat()) || matchPattern(factor, m_One())) {
        rewriter.replaceOp(op, other);
        return success();
      }
    return rewriter.notifyMatchFailure(op, "neither factor is a constant 1");
  }
};

struct DropUnitFactor : PassWrapper<DropUnitFactor, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DropUnitFactor)

  StringRef getArgument() const override { return "drop-unit-factor"; }
  StringRef getDescription() const override { return "Replaces a product with 1 by the other factor"; }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DropFactor>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

extern "C" TINYC_PLUGIN_EXPORT const tinyc::PluginInfo *tinycGetPlugin() {
  static const tinyc::PluginInfo info = {
      sizeof(info), LLVM_VERSION_STRING, tinyc::kPluginAbi, "drop-unit-factor", [](tinyc::PluginRegistry &registry) {
        registry.addPassAt("after-import", [](OpPassManager &pm) { pm.addPass(std::make_unique<DropUnitFactor>()); });
      }};
  return &info;
}
