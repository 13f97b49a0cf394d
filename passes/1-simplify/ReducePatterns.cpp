// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions: rewrites that change no result but the order in which a sum is taken.

#include "dialects/Tiny/TinyOps.h"
#include "passes/1-simplify/Patterns.h"
#include "passes/2-fuse/FusionPlan.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

namespace {
// reduce k (reduce k x) over all dimensions at once.
struct JoinReductions : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReduceOp last, PatternRewriter &rewriter) const override {
    auto first = last.getInput().getDefiningOp<ReduceOp>();
    if (!first || first.getKind() != last.getKind())
      return rewriter.notifyMatchFailure(last, "the input is no reduction of this kind");
    if (!first->hasOneUse())
      return rewriter.notifyMatchFailure(last, "the first reduction has other uses");
    SmallVector<int64_t> dims(first.getDims()), rest;
    for (int64_t i = 0, e = cast<ShapedType>(first.getInput().getType()).getRank(); i < e; ++i)
      if (!llvm::is_contained(first.getDims(), i))
        rest.push_back(i);
    for (int64_t dim : last.getDims())
      dims.push_back(rest[dim]);
    llvm::sort(dims);
    rewriter.replaceOpWithNewOp<ReduceOp>(last, last.getKind(), first.getInput(), dims);
    return success();
  }
};

// A reduction over dimensions of size 1 is a view. A contraction stays the sum of a product that it is.
struct ReduceOfOne : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReduceOp reduce, PatternRewriter &rewriter) const override {
    auto type = cast<ShapedType>(reduce.getInput().getType());
    SmallVector<int64_t> others;
    for (int64_t dim : reduce.getDims())
      if (type.getDimSize(dim) != 1)
        others.push_back(dim);
    if (others.size() == reduce.getDims().size())
      return rewriter.notifyMatchFailure(reduce, "no reduced dimension has size 1");
    if (!fusion::contractionFactors(reduce).empty())
      return rewriter.notifyMatchFailure(reduce, "a contraction keeps its dimensions");
    // First without the ones, then the rest of the reduction.
    SmallVector<int64_t> shape, remaining;
    SmallVector<AffineExpr> results;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      bool gone = llvm::is_contained(reduce.getDims(), i) && type.getDimSize(i) == 1;
      results.push_back(gone ? rewriter.getAffineConstantExpr(0) : rewriter.getAffineDimExpr(shape.size()));
      if (gone)
        continue;
      if (llvm::is_contained(others, i))
        remaining.push_back(shape.size());
      shape.push_back(type.getDimSize(i));
    }
    Type viewed = isa<VectorType>(type) ? Type(VectorType::get(shape, type.getElementType())) : type.clone(shape);
    Value view = ViewOp::create(rewriter, reduce.getLoc(), viewed, reduce.getInput(),
                                AffineMap::get(shape.size(), 0, results, reduce.getContext()));
    if (remaining.empty())
      rewriter.replaceOp(reduce, view);
    else
      rewriter.replaceOpWithNewOp<ReduceOp>(reduce, reduce.getKind(), view, remaining);
    return success();
  }
};
} // namespace

void tinyc::addReducePatterns(RewritePatternSet &patterns) {
  patterns.add<JoinReductions, ReduceOfOne>(patterns.getContext());
}
