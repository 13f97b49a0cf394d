// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// prove-bounds: proves that no access leaves its buffer.
//
// Needs: kernels (tiny.stage), tiles (tiny.load, tiny.store), or both. Leaves the module as it is. Refuses, each by
// name: an access that leaves its buffer at some point of its domain and mask, or of which that cannot be excluded.
//
//   %t = tiny.load %a[%i] by affine_map<(d0) -> (d0)> : memref<17xf32> -> vector<16xf32>     with %i in {0, 16}
// gives
//   error: cannot prove that the access stays in its buffer: coordinate 0, d0 * 16 + d1, leaves [0, 17): it is 17 at ..

#include "dialects/Index/Bounds.h"
#include "dialects/Index/IndexValues.h"
#include "dialects/Tiny/TinyOps.h"
#include "passes/Passes.h"

namespace tinyc {
#define GEN_PASS_DEF_PROVEBOUNDS
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc::tiny;

namespace {
struct ProveBounds : tinyc::impl::ProveBoundsBase<ProveBounds> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    tinyc::BoundsProver prover;
    // How many units a kernel is launched with.
    llvm::StringMap<int64_t> units;
    module.walk([&](LaunchOp launch) {
      int64_t &most = units[launch.getKernel()];
      most = std::max<int64_t>(most, launch.getUnits());
    });
    bool proven = true;
    module.walk([&](StageOp stage) { proven &= prove(stage, prover); });
    module.walk([&](func::FuncOp function) {
      tinyc::IndexValues values(&getContext());
      if (auto found = units.find(function.getName()); found != units.end() && function.getNumArguments() != 0 &&
                                                       function.getArgumentTypes().back().isIndex() &&
                                                       !function.isExternal())
        values.setRange(function.getArguments().back(), {0, found->second - 1});
      function.walk([&](Operation *op) {
        if (auto load = dyn_cast<LoadOp>(op))
          proven &= prove(op, load.getType().getShape(), load.getOffsets(), symbolsAsDims(load.getMap()),
                          load.getMask(), load.getLimits(), load.getBuffer(), values, prover);
        else if (auto store = dyn_cast<StoreOp>(op))
          proven &= prove(op, cast<VectorType>(store.getValue().getType()).getShape(), store.getOffsets(),
                          symbolsAsDims(store.getMap()), store.getMask(), store.getLimits(), store.getBuffer(), values,
                          prover);
      });
    });
    numPrograms = prover.programs;
    if (!proven)
      signalPassFailure();
    else
      markAllAnalysesPreserved();
  }

private:
  static bool prove(StageOp stage, tinyc::BoundsProver &prover) {
    bool proven = true;
    SmallVector<tinyc::Interval> domain = tinyc::domainOf(stage.getDomain());
    for (unsigned i = 0; i < stage.getOperands().size(); ++i) {
      ArrayRef<int64_t> shape = cast<RankedTensorType>(stage.getOperands()[i].getType()).getShape();
      if (auto why = prover.refute(stage.getMap(i), stage.getMask(i), domain, shape)) {
        stage.emitError("cannot prove that read ") << i << " stays in its buffer: " << *why;
        proven = false;
      }
    }
    // The range check of a lookup is what is known of its indices.
    for (LookupOp lookup : stage.getBody().front().getOps<LookupOp>()) {
      AffineMap map = symbolsAsDims(lookup.getMap());
      SmallVector<tinyc::Interval> box(domain);
      llvm::append_range(box, tinyc::domainOf(lookup.getBelow()));
      IntegerSet mask = lookup.getMask() ? widen(*lookup.getMask(), box.size()) : IntegerSet();
      if (auto why = prover.refute(map, mask, box, cast<RankedTensorType>(lookup.getTable().getType()).getShape())) {
        lookup.emitError("cannot prove that the lookup stays in its table: ") << *why;
        proven = false;
      }
    }
    return proven;
  }

  static IntegerSet widen(IntegerSet set, unsigned dims) {
    return IntegerSet::get(dims, 0, set.getConstraints(), set.getEqFlags());
  }

  // The access's domain has a point for each element of the tile, and stands at the offsets: over the variables of
  // the offsets and one variable for each dimension of the tile, everything is affine.
  // `below` are the limits of indices that are data, the map's last dimensions.
  static bool prove(Operation *op, ArrayRef<int64_t> tile, ValueRange offsets, AffineMap map,
                    std::optional<IntegerSet> mask, ArrayRef<int64_t> below, Value buffer, tinyc::IndexValues &values,
                    tinyc::BoundsProver &prover) {
    MLIRContext *context = op->getContext();
    SmallVector<AffineExpr> point;
    for (Value offset : offsets)
      point.push_back(values.expression(offset));
    SmallVector<AffineExpr> facts = values.factsAround(op);
    SmallVector<AffineExpr> known(values.getFacts());
    facts.append(known);
    // Only the variables that the access depends on are asked about, under numbers of its own: then equal accesses of
    // a kernel are one question.
    SmallVector<tinyc::Interval> box;
    llvm::SmallDenseMap<unsigned, unsigned> number;
    auto use = [&](AffineExpr expr) {
      expr.walk([&](AffineExpr e) {
        if (auto dim = dyn_cast<AffineDimExpr>(e); dim && number.try_emplace(dim.getPosition(), box.size()).second)
          box.push_back(values.getVariables()[dim.getPosition()]);
      });
    };
    for (AffineExpr expr : point)
      use(expr);
    // A fact about a variable in use may speak of another one, and so on.
    SmallVector<AffineExpr> used;
    for (bool grew = true; grew;) {
      grew = false;
      for (AffineExpr &fact : facts) {
        if (!fact)
          continue;
        bool touches = false;
        fact.walk([&](AffineExpr e) {
          auto dim = dyn_cast<AffineDimExpr>(e);
          touches |= dim && number.contains(dim.getPosition());
        });
        if (touches) {
          use(fact);
          used.push_back(fact);
          fact = nullptr;
          grew = true;
        }
      }
    }
    SmallVector<AffineExpr> renamed(values.getVariables().size(), getAffineConstantExpr(0, context));
    for (auto [from, to] : number)
      renamed[from] = getAffineDimExpr(to, context);
    for (auto [i, size] : llvm::enumerate(tile)) {
      point[i] = point[i].replaceDims(renamed) + getAffineDimExpr(box.size(), context);
      box.push_back({0, size - 1});
    }
    for (int64_t limit : below) {
      point.push_back(getAffineDimExpr(box.size(), context));
      box.push_back({0, limit - 1});
    }
    AffineMap pointMap = AffineMap::get(box.size(), 0, point, context);
    IntegerSet where = mask ? tinyc::composeMask(widen(*mask, point.size()), pointMap) : IntegerSet();
    if (!used.empty()) {
      for (AffineExpr &fact : used)
        fact = fact.replaceDims(renamed);
      SmallVector<bool> inequalities(used.size(), false);
      where = tinyc::conjoin(where, IntegerSet::get(box.size(), 0, used, inequalities));
    }
    ArrayRef<int64_t> shape = cast<MemRefType>(buffer.getType()).getShape();
    std::optional<std::string> why = prover.refute(map.compose(pointMap), where, box, shape);
    if (why)
      op->emitError("cannot prove that the access stays in its buffer: ") << *why;
    return !why;
  }
};
} // namespace
