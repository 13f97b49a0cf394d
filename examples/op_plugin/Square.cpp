// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// example.square and lower-square, which takes it apart after import:
//
//   %y = example.square %x : tensor<4xf32>
// becomes
//   %y = tiny.mul %x, %x : tensor<4xf32>

#include "dialects/Tiny/TinyOps.h"
#include "lib/Plugins/PassPlugin.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/Config/llvm-config.h"

#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "SquareDialect.h.inc"
#define GET_OP_CLASSES
#include "Square.h.inc"

#include "SquareDialect.cpp.inc"
#define GET_OP_CLASSES
#include "Square.cpp.inc"

using namespace mlir;

void example::ExampleDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "Square.cpp.inc"
      >();
}

namespace {
struct LowerOp : OpRewritePattern<example::SquareOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(example::SquareOp op, PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<tinyc::tiny::MulOp>(op, op.getType(), op.getInput(), op.getInput());
    return success();
  }
};

struct LowerSquare : PassWrapper<LowerSquare, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerSquare)

  StringRef getArgument() const override { return "lower-square"; }
  StringRef getDescription() const override { return "Takes example.square apart into tiny ops"; }

  // A model may hold no tiny op before this pass makes one.
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<tinyc::tiny::TinyDialect>(); }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerOp>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

extern "C" TINYC_PLUGIN_EXPORT const tinyc::PluginInfo *tinycGetPlugin() {
  static const tinyc::PluginInfo info = {
      sizeof(info), LLVM_VERSION_STRING, tinyc::kPluginAbi, "square-op", [](tinyc::PluginRegistry &registry) {
        registry.dialects.insert<example::ExampleDialect>();
        registry.addPassAt("after-import", [](OpPassManager &pm) { pm.addPass(std::make_unique<LowerSquare>()); });
      }};
  return &info;
}
