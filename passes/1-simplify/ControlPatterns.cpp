// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bounded control that says at compile time what it does: loops of no, one or a few trips, choices by a constant,
// values that are carried round unchanged or for nobody. Constants and weights move into the bodies that use them.

#include "dialects/Tiny/TinyOps.h"
#include "passes/1-simplify/Patterns.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace tinyc::tiny;

/// A loop is unrolled up to so many ops in all, so that its trips are fused with what stands around them.
static constexpr uint64_t kUnrolledOps = 64;
/// Trips that a table counts; beyond it the loop counts by itself.
static constexpr uint64_t kCountedTrips = 1 << 14;

static std::optional<bool> truthOf(Value value) {
  auto constant = value.getDefiningOp<ConstOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!elements || !elements.getElementType().isInteger(1) || elements.getNumElements() != 1)
    return std::nullopt;
  return *elements.getValues<bool>().begin();
}

static YieldOp yieldOf(Region &region) { return cast<YieldOp>(region.front().getTerminator()); }

// Copies the region's ops before `op`; gives the yielded values.
static SmallVector<Value> inlineCopy(PatternRewriter &rewriter, Region &region, ValueRange arguments) {
  IRMapping mapping;
  mapping.map(region.front().getArguments(), arguments);
  for (Operation &inner : region.front().without_terminator())
    rewriter.clone(inner, mapping);
  return llvm::map_to_vector(yieldOf(region).getValues(), [&](Value value) { return mapping.lookupOrDefault(value); });
}

// A loop like `loop`, still without a body, that carries only these of its values.
static LoopOp rebuild(PatternRewriter &rewriter, LoopOp loop, ArrayRef<unsigned> carriedKept, ValueRange invariant) {
  SmallVector<Value> carried;
  SmallVector<Type> types;
  for (unsigned i : carriedKept) {
    carried.push_back(loop.getCarried()[i]);
    types.push_back(loop.getResult(i).getType());
  }
  auto created = LoopOp::create(rewriter, loop.getLoc(), types, loop.getTrips(), carried, invariant);
  created->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
  return created;
}

namespace {
// Trips that are known: none, one, or few of a small body that always goes on.
struct KnownTrips : OpRewritePattern<LoopOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LoopOp loop, PatternRewriter &rewriter) const override {
    uint64_t trips = loop.getTrips();
    if (trips == 0) {
      rewriter.replaceOp(loop, loop.getCarried());
      return success();
    }
    std::optional<bool> goesOn = truthOf(yieldOf(loop.getBody()).getValues().front());
    if (goesOn == false)
      trips = 1;
    uint64_t ops = 0;
    bool nested = false;
    for (Operation &op : loop.getBody().front().without_terminator()) {
      ops += !isa<ConstOp, ParamOp>(op);
      nested |= op.getNumRegions() != 0;
    }
    bool fits = !nested && trips <= kUnrolledOps / std::max<uint64_t>(ops, 1);
    if (trips > 1 && (goesOn != true || !fits))
      return rewriter.notifyMatchFailure(loop, "the trips are not known before, or are many");
    SmallVector<Value> values(loop.getCarried());
    for (uint64_t trip = 0; trip < trips; ++trip) {
      auto type = RankedTensorType::get({}, rewriter.getI64Type());
      Value number = ConstOp::create(rewriter, loop.getLoc(), DenseElementsAttr::get(type, int64_t(trip)));
      SmallVector<Value> arguments{number};
      llvm::append_range(arguments, values);
      llvm::append_range(arguments, loop.getInvariant());
      SmallVector<Value> yielded = inlineCopy(rewriter, loop.getBody(), arguments);
      values.assign(yielded.begin() + 1, yielded.end());
    }
    rewriter.replaceOp(loop, values);
    return success();
  }
};

struct KnownChoice : OpRewritePattern<CondOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(CondOp cond, PatternRewriter &rewriter) const override {
    std::optional<bool> truth = truthOf(cond.getCondition());
    if (!truth)
      return rewriter.notifyMatchFailure(cond, "the condition is not a constant");
    Region &chosen = *truth ? cond.getOnTrue() : cond.getOnFalse();
    rewriter.replaceOp(cond, inlineCopy(rewriter, chosen, cond.getInputs()));
    return success();
  }
};

// A carried value that no trip changes is invariant; one that neither the body nor anyone behind it reads goes; so does
// an invariant one without use; constants and weights come from inside.
struct LoopOperands : OpRewritePattern<LoopOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LoopOp loop, PatternRewriter &rewriter) const override {
    Block &body = loop.getBody().front();
    YieldOp yield = yieldOf(loop.getBody());
    unsigned count = loop.getCarried().size();
    SmallVector<unsigned> carriedKept, invariantKept;
    SmallVector<Value> invariant;
    SmallVector<std::pair<BlockArgument, Value>> moved; // arguments that become invariant, or constants of the body
    for (unsigned i = 0; i < count; ++i) {
      BlockArgument argument = body.getArgument(1 + i);
      if (yield.getValues()[1 + i] == argument)
        moved.push_back({argument, loop.getCarried()[i]});
      else if (!loop.getResult(i).use_empty() || !argument.use_empty())
        carriedKept.push_back(i);
    }
    for (auto [i, value] : llvm::enumerate(loop.getInvariant())) {
      BlockArgument argument = body.getArgument(1 + count + i);
      if (argument.use_empty())
        continue;
      if (value.getDefiningOp() && isa<ConstOp, ParamOp>(value.getDefiningOp()))
        moved.push_back({argument, value});
      else
        invariantKept.push_back(i);
    }
    if (carriedKept.size() == count && invariantKept.size() == loop.getInvariant().size())
      return rewriter.notifyMatchFailure(loop, "every value is carried, or is used and comes from outside");

    for (unsigned i : invariantKept)
      invariant.push_back(loop.getInvariant()[i]);
    SmallVector<BlockArgument> become; // arguments of the further invariant values
    SmallVector<std::pair<BlockArgument, Operation *>> inside;
    for (auto [argument, value] : moved) {
      Operation *source = value.getDefiningOp();
      if (source && isa<ConstOp, ParamOp>(source)) {
        inside.push_back({argument, source});
      } else {
        become.push_back(argument);
        invariant.push_back(value);
      }
    }
    LoopOp made = rebuild(rewriter, loop, carriedKept, invariant);
    Block *block = rewriter.createBlock(&made.getBody());
    SmallVector<Value> arguments(body.getNumArguments());
    auto add = [&](BlockArgument old) {
      arguments[old.getArgNumber()] = block->addArgument(old.getType(), old.getLoc());
    };
    add(body.getArgument(0));
    for (unsigned i : carriedKept)
      add(body.getArgument(1 + i));
    for (unsigned i : invariantKept)
      add(body.getArgument(1 + count + i));
    llvm::for_each(become, add);
    for (auto [argument, source] : inside)
      arguments[argument.getArgNumber()] = rewriter.clone(*source)->getResult(0);
    IRMapping mapping;
    for (auto [old, value] : llvm::zip_equal(body.getArguments(), arguments))
      if (value)
        mapping.map(old, value);
    for (Operation &op : body.without_terminator())
      rewriter.clone(op, mapping);
    SmallVector<Value> yielded{mapping.lookupOrDefault(yield.getValues().front())};
    for (unsigned i : carriedKept)
      yielded.push_back(mapping.lookupOrDefault(yield.getValues()[1 + i]));
    YieldOp::create(rewriter, yield.getLoc(), yielded);

    SmallVector<Value> results(loop.getCarried()); // of those that no trip changes
    for (auto [i, result] : llvm::zip_equal(carriedKept, made.getResults()))
      results[i] = result;
    rewriter.replaceOp(loop, results);
    return success();
  }
};

// The number of a trip of a very long loop is carried and counted up.
struct CountedTrips : OpRewritePattern<LoopOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LoopOp loop, PatternRewriter &rewriter) const override {
    BlockArgument number = loop.getBody().getArgument(0);
    if (loop.getTrips() <= kCountedTrips || number.use_empty())
      return rewriter.notifyMatchFailure(loop, "few trips, or none asks for its number");
    Location loc = loop.getLoc();
    auto constant = [&](int64_t value) -> Value {
      return ConstOp::create(rewriter, loc, DenseElementsAttr::get(cast<ShapedType>(number.getType()), value));
    };
    SmallVector<Value> carried(loop.getCarried());
    carried.push_back(constant(0));
    SmallVector<Type> types(loop.getResultTypes());
    types.push_back(number.getType());
    auto made = LoopOp::create(rewriter, loc, types, loop.getTrips(), carried, loop.getInvariant());
    made->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
    rewriter.inlineRegionBefore(loop.getBody(), made.getBody(), made.getBody().end());
    Block &body = made.getBody().front();
    BlockArgument count = body.insertArgument(1 + loop.getCarried().size(), number.getType(), number.getLoc());
    rewriter.replaceAllUsesWith(number, count);
    YieldOp yield = yieldOf(made.getBody());
    rewriter.setInsertionPoint(yield);
    Value next = AddOp::create(rewriter, loc, count, constant(1));
    rewriter.modifyOpInPlace(yield, [&] { yield.getValuesMutable().append(next); });
    rewriter.replaceOp(loop, made.getResults().drop_back());
    return success();
  }
};

// Constants and weights that a choice takes come from inside; inputs that neither side uses go.
struct ChoiceInputs : OpRewritePattern<CondOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(CondOp cond, PatternRewriter &rewriter) const override {
    llvm::BitVector gone(cond.getInputs().size());
    for (auto [i, input] : llvm::enumerate(cond.getInputs())) {
      bool used = !cond.getOnTrue().getArgument(i).use_empty() || !cond.getOnFalse().getArgument(i).use_empty();
      Operation *source = input.getDefiningOp();
      if (used && !(source && isa<ConstOp, ParamOp>(source)))
        continue;
      gone.set(i);
      if (!used)
        continue;
      for (Region *region : {&cond.getOnTrue(), &cond.getOnFalse()}) {
        rewriter.setInsertionPointToStart(&region->front());
        rewriter.replaceAllUsesWith(region->getArgument(i), rewriter.clone(*source)->getResult(0));
      }
    }
    if (gone.none())
      return rewriter.notifyMatchFailure(cond, "every input is used and comes from outside");
    rewriter.modifyOpInPlace(cond, [&] {
      for (int i = gone.find_last(); i >= 0; i = gone.find_prev(i)) {
        cond.getInputsMutable().erase(i);
        cond.getOnTrue().front().eraseArgument(i);
        cond.getOnFalse().front().eraseArgument(i);
      }
    });
    return success();
  }
};
} // namespace

void tinyc::addControlPatterns(RewritePatternSet &patterns) {
  patterns.add<KnownTrips, KnownChoice, LoopOperands, CountedTrips, ChoiceInputs>(patterns.getContext());
}
