// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors without elements: they, and what is computed from nothing, are constants. So no kernel has an empty domain.

#include "dialects/Tiny/Elementwise.h"
#include "dialects/Tiny/TinyOps.h"
#include "passes/1-simplify/Patterns.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

static bool isEmpty(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() && tensor.getNumElements() == 0;
}

namespace {
// An op whose only result has no elements is a constant.
struct EmptyResult : RewritePattern {
  explicit EmptyResult(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isa_and_nonnull<TinyDialect>(op->getDialect()) || isa<ConstOp, ParamOp>(op) || op->getNumRegions() != 0 ||
        op->getNumResults() != 1 || !isEmpty(op->getResult(0).getType()))
      return failure(); // asked of every op: a reason each would drown the others
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    rewriter.replaceOpWithNewOp<ConstOp>(op, DenseElementsAttr::get(type, ArrayRef<Attribute>()));
    return success();
  }
};

// So is such a result of a loop or a choice, which may have others.
struct EmptyOfControl : RewritePattern {
  explicit EmptyOfControl(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isa<LoopOp, CondOp>(op))
      return failure(); // asked of every op, as above
    bool changed = false;
    for (Value result : op->getResults()) {
      if (!isEmpty(result.getType()) || result.use_empty())
        continue;
      auto type = cast<RankedTensorType>(result.getType());
      Value nothing = ConstOp::create(rewriter, op->getLoc(), DenseElementsAttr::get(type, ArrayRef<Attribute>()));
      rewriter.replaceAllUsesWith(result, nothing);
      changed = true;
    }
    return changed ? success() : rewriter.notifyMatchFailure(op, "every result that is used has elements");
  }
};

// reduce k (nothing) is the identity of k.
struct ReduceOfNothing : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReduceOp reduce, PatternRewriter &rewriter) const override {
    if (!isEmpty(reduce.getInput().getType()) || isEmpty(reduce.getType()))
      return rewriter.notifyMatchFailure(reduce, "there are elements to reduce, or none to give");
    Element element = *elementOf(reduce.getType());
    Lane lane = finish(element, identity(reduce.getKind(), element));
    rewriter.replaceOpWithNewOp<ConstOp>(reduce, attributeOf(reduce.getType(), lane));
    return success();
  }
};

// A view of nothing that has elements is all fill.
struct ViewOfNothing : OpRewritePattern<ViewOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ViewOp view, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(view.getType());
    if (!isEmpty(view.getInput().getType()) || !type || isEmpty(type) || !view.getFillAttr())
      return rewriter.notifyMatchFailure(view, "the input has elements, or the result none");
    rewriter.replaceOpWithNewOp<ConstOp>(view, DenseElementsAttr::get(type, Attribute(view.getFillAttr())));
    return success();
  }
};

struct ConcatOfNothing : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConcatOp concat, PatternRewriter &rewriter) const override {
    SmallVector<Value> parts;
    for (Value input : concat.getInputs())
      if (!isEmpty(input.getType()))
        parts.push_back(input);
    if (parts.empty() || parts.size() == concat.getInputs().size())
      return rewriter.notifyMatchFailure(concat, "no part is empty, or all are");
    rewriter.replaceOpWithNewOp<ConcatOp>(concat, parts, concat.getDim());
    return success();
  }
};

// Every index is out of range of nothing.
struct GatherFromNothing : OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(GatherOp gather, PatternRewriter &rewriter) const override {
    if (!isEmpty(gather.getInput().getType()) || isEmpty(gather.getType()))
      return rewriter.notifyMatchFailure(gather, "the input has elements, or the result none");
    auto type = cast<RankedTensorType>(gather.getType());
    rewriter.replaceOpWithNewOp<ConstOp>(gather, DenseElementsAttr::get(type, Attribute(gather.getOtherwiseAttr())));
    return success();
  }
};

struct ScatterOfNothing : OpRewritePattern<ScatterOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ScatterOp scatter, PatternRewriter &rewriter) const override {
    if (!isEmpty(scatter.getUpdates().getType()))
      return rewriter.notifyMatchFailure(scatter, "there are updates");
    rewriter.replaceOp(scatter, scatter.getInput());
    return success();
  }
};
} // namespace

void tinyc::addEmptyPatterns(RewritePatternSet &patterns) {
  patterns.add<EmptyResult, EmptyOfControl, ReduceOfNothing, ViewOfNothing, ConcatOfNothing, GatherFromNothing,
               ScatterOfNothing>(patterns.getContext());
}
