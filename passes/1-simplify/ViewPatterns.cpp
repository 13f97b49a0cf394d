// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Views: expand, reshape, permute, pad and slice in a row are one view.

#include "dialects/Index/AffineRanges.h"
#include "dialects/Tiny/TinyOps.h"
#include "passes/1-simplify/Patterns.h"
#include "passes/2-fuse/FusionPlan.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

static ArrayRef<int64_t> shapeOf(Value value) { return cast<ShapedType>(value.getType()).getShape(); }
static IntegerSet maskOf(ViewOp view) { return view.getMask().value_or(IntegerSet()); }
static TypedAttr fillOf(ViewOp view) { return view.getFill().value_or(TypedAttr()); }

static ViewOp createView(PatternRewriter &rewriter, Location loc, Type type, Value input, AffineMap map,
                         IntegerSet mask, TypedAttr fill) {
  return ViewOp::create(rewriter, loc, type, input, AffineMapAttr::get(map),
                        mask ? IntegerSetAttr::get(mask) : IntegerSetAttr(), mask ? fill : TypedAttr());
}

namespace {
// Simplifies map and mask by the ranges of the result's dimensions. A mask that holds nowhere leaves the fill.
struct SimplifyView : OpRewritePattern<ViewOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ViewOp view, PatternRewriter &rewriter) const override {
    auto type = cast<ShapedType>(view.getType());
    ArrayRef<int64_t> shape = type.getShape();
    MaskFact mask = simplifyMask(maskOf(view), shape);
    if (mask.kind == MaskFact::Never && fillOf(view)) {
      rewriter.replaceOpWithNewOp<ConstOp>(view, SplatElementsAttr::get(type, fillOf(view)));
      return success();
    }
    AffineMap map = simplifyMap(view.getMap(), shape, mask.set);
    // Same shape, coordinate 0 of size 1: written as the dimension it is, so that an identity looks like one.
    if (shape == shapeOf(view.getInput())) {
      SmallVector<AffineExpr> results(map.getResults());
      for (unsigned i = 0; i < results.size(); ++i)
        if (shape[i] == 1)
          results[i] = getAffineDimExpr(i, view.getContext());
      map = AffineMap::get(shape.size(), 0, results, view.getContext());
    }
    if (map == view.getMap() && mask.set == maskOf(view))
      return rewriter.notifyMatchFailure(view, "map and mask are simple already");
    rewriter.replaceOp(view, createView(rewriter, view.getLoc(), type, view.getInput(), map, mask.set, fillOf(view)));
    return success();
  }
};

// view(view(x)): the maps compose, the masks are conjoined. Two masks that fill with different values stay apart.
struct ComposeViews : OpRewritePattern<ViewOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ViewOp outer, PatternRewriter &rewriter) const override {
    auto inner = outer.getInput().getDefiningOp<ViewOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(outer, "the input is no view");
    ArrayRef<int64_t> shape = shapeOf(outer);
    MaskFact own = simplifyMask(maskOf(outer), shape);
    MaskFact seen = simplifyMask(composeMask(maskOf(inner), outer.getMap()), shape);
    TypedAttr fill = own.kind == MaskFact::Always ? fillOf(inner) : fillOf(outer);
    if (own.kind == MaskFact::Never)
      return rewriter.notifyMatchFailure(outer, "a mask that holds nowhere is simplified first");
    if (seen.kind == MaskFact::Never) {
      if (own.kind == MaskFact::Sometimes && fillOf(inner) != fillOf(outer))
        return rewriter.notifyMatchFailure(outer, "nothing but two different fills is left");
      rewriter.replaceOpWithNewOp<ConstOp>(outer,
                                           SplatElementsAttr::get(cast<ShapedType>(outer.getType()), fillOf(inner)));
      return success();
    }
    if (own.kind == MaskFact::Sometimes && seen.kind == MaskFact::Sometimes && fillOf(inner) != fillOf(outer))
      return rewriter.notifyMatchFailure(outer, "two masks fill with different values");
    IntegerSet mask = conjoin(own.set, seen.set);
    AffineMap map = simplifyMap(inner.getMap().compose(outer.getMap()), shape, mask);
    rewriter.replaceOp(outer, createView(rewriter, outer.getLoc(), outer.getType(), inner.getInput(), map, mask, fill));
    return success();
  }
};

// view(iota) is an iota of the composed map.
struct ViewOfIota : OpRewritePattern<ViewOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ViewOp view, PatternRewriter &rewriter) const override {
    auto iota = view.getInput().getDefiningOp<IotaOp>();
    if (!iota || !iota.getOffsets().empty() || maskOf(view))
      return rewriter.notifyMatchFailure(view, "the input is no iota, or there is a mask");
    rewriter.replaceOpWithNewOp<IotaOp>(view, view.getType(),
                                        simplifyMap(iota.getMap().compose(view.getMap()), shapeOf(view)));
    return success();
  }
};

// A view that reads only one part of a concat is a view of that part.
struct ViewOfConcat : OpRewritePattern<ViewOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ViewOp view, PatternRewriter &rewriter) const override {
    auto concat = view.getInput().getDefiningOp<ConcatOp>();
    if (!concat)
      return rewriter.notifyMatchFailure(view, "the input is no concat");
    int64_t dim = concat.getDim(), start = 0;
    AffineExpr position = view.getMap().getResult(dim);
    std::optional<Interval> read = boundsOf(position, narrow(domainOf(shapeOf(view)), maskOf(view)));
    for (Value part : concat.getInputs()) {
      int64_t end = start + shapeOf(part)[dim];
      if (read && start <= read->low && read->high < end) {
        SmallVector<AffineExpr> results(view.getMap().getResults());
        results[dim] = position - start;
        rewriter.replaceOp(view, createView(rewriter, view.getLoc(), view.getType(), part,
                                            AffineMap::get(view.getMap().getNumDims(), 0, results, view.getContext()),
                                            maskOf(view), fillOf(view)));
        return success();
      }
      start = end;
    }
    return rewriter.notifyMatchFailure(view, "it reads several parts");
  }
};

// A reshape or permutation of the only copy of what a contraction gives: the contraction gives it in that shape. Then
// what follows in the new shape can stand in its epilogue. Other reductions keep their rows: a dimension of size 1 more
// would take them out of the kernel of what follows.
struct ReshapeBeforeContraction : OpRewritePattern<ViewOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ViewOp view, PatternRewriter &rewriter) const override {
    auto reduce = view.getInput().getDefiningOp<ReduceOp>();
    if (!reduce || !reduce->hasOneUse() || !isa<RankedTensorType>(view.getType()))
      return rewriter.notifyMatchFailure(view, "the input is no reduction with one use");
    if (fusion::contractionFactors(reduce).empty())
      return rewriter.notifyMatchFailure(view, "the reduction is no contraction");
    ArrayRef<int64_t> shape = shapeOf(view), kept = shapeOf(reduce);
    if (maskOf(view) || !isBijection(view.getMap(), shape, kept))
      return rewriter.notifyMatchFailure(view, "the view repeats, drops or fills elements");
    if (llvm::any_of(view->getUsers(), [](Operation *user) { return isa<ViewOp, ReduceOp, ConcatOp>(user); }))
      return rewriter.notifyMatchFailure(view, "it is read through another map anyway");
    // The view's dimensions, then those that are reduced.
    ArrayRef<int64_t> before = shapeOf(reduce.getInput());
    SmallVector<int64_t> domain(shape), reduced;
    SmallVector<AffineExpr> results;
    unsigned nextKept = 0;
    for (int64_t i = 0, e = before.size(); i < e; ++i) {
      if (!llvm::is_contained(reduce.getDims(), i)) {
        results.push_back(view.getMap().getResult(nextKept++));
        continue;
      }
      results.push_back(rewriter.getAffineDimExpr(domain.size()));
      reduced.push_back(domain.size());
      domain.push_back(before[i]);
    }
    auto type = RankedTensorType::get(domain, cast<ShapedType>(reduce.getType()).getElementType());
    Value input = ViewOp::create(rewriter, view.getLoc(), type, reduce.getInput(),
                                 AffineMap::get(domain.size(), 0, results, view.getContext()));
    auto moved = ReduceOp::create(rewriter, reduce.getLoc(), reduce.getKind(), input, reduced);
    rewriter.replaceOp(view, moved);
    return success();
  }
};
} // namespace

void tinyc::addViewPatterns(RewritePatternSet &patterns) {
  patterns.add<SimplifyView, ComposeViews, ViewOfIota, ViewOfConcat, ReshapeBeforeContraction>(patterns.getContext());
}
