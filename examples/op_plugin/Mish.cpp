// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// example.mish: an op of a dialect of its own, a row of the ONNX importer's table that makes it of the operator Mish of
// the domain com.example, and a pass that takes it apart into tiny ops after import:
//
//   %y = example.mish %x beta 1.0 : tensor<4xf32>
// becomes
//   %m = tiny.max %x, 0    %l = log(1 + exp(-|x|)) + %m    %y = tiny.mul %x, tanh(%l)
//
// What follows sees tiny ops only: the op runs on every device, and fuses with its neighbours.

#include "dialects/Tiny/TinyOps.h"
#include "lib/Builders/Elementary.h"
#include "lib/Plugins/Plugin.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include "MishDialect.h.inc"
#define GET_OP_CLASSES
#include "Mish.h.inc"

#include "MishDialect.cpp.inc"
#define GET_OP_CLASSES
#include "Mish.cpp.inc"

using namespace mlir;
using namespace tinyc;

void example::ExampleDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "Mish.cpp.inc"
      >();
}

LogicalResult example::MishOp::verify() {
  if (getBeta().convertToDouble() > 0)
    return success();
  return emitOpError("expected a positive beta, found ") << getBeta().convertToDouble();
}

// The row of the importer's table: from a node to the op.
static Value importMish(onnx::NodeImport &n) {
  double beta = n.number("beta", 1.0);
  if (!isa<FloatType>(n.element(0)))
    return n.fail("expected floats");
  return example::MishOp::create(n.b, n[0].getType(), n[0], n.b.getF64FloatAttr(beta));
}

namespace {
struct LowerOp : OpRewritePattern<example::MishOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(example::MishOp op, PatternRewriter &rewriter) const override {
    compose::Builder b(op.getLoc(), rewriter);
    Value x = op.getInput(), one = compose::splat(b, x.getType(), 1.0), zero = compose::splat(b, x.getType(), 0.0);
    // log(1 + exp(x)) is log(1 + exp(-|x|)) + max(x, 0): nothing overflows.
    Value small = compose::log(b, compose::add(b, compose::exp(b, compose::neg(b, compose::abs(b, x))), one));
    Value softplus = compose::add(b, small, compose::max(b, x, zero));
    Value scaled = compose::mul(b, softplus, compose::splat(b, x.getType(), op.getBeta().convertToDouble()));
    rewriter.replaceOp(op, compose::mul(b, x, compose::tanh(b, scaled)));
    return success();
  }
};

struct LowerMish : PassWrapper<LowerMish, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerMish)

  StringRef getArgument() const override { return "lower-mish"; }
  StringRef getDescription() const override { return "Takes example.mish apart into tiny ops"; }

  // A model may hold no tiny op before this pass makes one.
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<tiny::TinyDialect>(); }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerOp>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

TINYC_PLUGIN("mish", [](PluginRegistry &registry) {
  registry.addDialect<example::ExampleDialect>();
  registry.addOnnxOperator({"Mish", 1, 1, 1, onnx::Narrow::Widen, importMish, "com.example"});
  registry.addPass([] { return std::make_unique<LowerMish>(); });
  registry.addPassAt("after-import", [](OpPassManager &pm) { pm.addPass(std::make_unique<LowerMish>()); });
})
