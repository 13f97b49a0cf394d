// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// simplify: folds and canonicalises the tiny ops on tensors until nothing changes.
//
// Needs: tiny on tensors. Leaves: the same, without identities, views of views, loops of known
// few trips, unused ops, and with equal ops once. Refuses: nothing.
//
//   %a = tiny.view %x by affine_map<(d0, d1) -> (d1, d0)> : tensor<4x5xf32> -> tensor<5x4xf32>
//   %b = tiny.view %a by affine_map<(d0, d1) -> (d1, d0)> : tensor<5x4xf32> -> tensor<4x5xf32>
// becomes %x.

#include "dialects/Tiny/TinyOps.h"
#include "passes/1-simplify/Patterns.h"
#include "passes/Passes.h"

#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tinyc {
#define GEN_PASS_DEF_SIMPLIFY
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;

namespace {
struct Simplify : tinyc::impl::SimplifyBase<Simplify> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    for (RegisteredOperationName op : getContext().getRegisteredOperations())
      if (isa<tinyc::tiny::TinyDialect>(op.getDialect()))
        op.getCanonicalizationPatterns(patterns, &getContext());
    tinyc::addViewPatterns(patterns);
    tinyc::addEmptyPatterns(patterns);
    tinyc::addReducePatterns(patterns);
    tinyc::addControlPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns)))) {
      getOperation().emitError("simplify did not reach a fixed point: two canonicalisations undo each other");
      return signalPassFailure();
    }
    IRRewriter rewriter(&getContext());
    DominanceInfo dominance;
    eliminateCommonSubExpressions(rewriter, dominance, getOperation());
  }
};
} // namespace
