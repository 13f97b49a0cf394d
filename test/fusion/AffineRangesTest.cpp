// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The simplifier of affine expressions against evaluation at every point of small boxes, and the bounds prover against
// enumeration: what it proves holds, and what it refutes fails at some point.

#include "dialects/Index/AffineRanges.h"
#include "dialects/Index/Bounds.h"

#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

using namespace mlir;
using namespace tinyc;

namespace {
constexpr unsigned kDims = 3;

class AffineRanges : public testing::Test {
protected:
  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::mt19937 random{20};

  int64_t pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }
  AffineExpr d(unsigned i) { return getAffineDimExpr(i, &context); }

  // Sums of multiples, divided and reduced, as compositions of reshapes, pads and windows make them.
  AffineExpr makeExpr(unsigned depth) {
    if (depth == 0)
      return pick(0, 4) == 0 ? getAffineConstantExpr(pick(-6, 6), &context) : d(pick(0, kDims - 1));
    switch (pick(0, 4)) {
    case 0:
      return makeExpr(depth - 1) + makeExpr(depth - 1);
    case 1:
      return makeExpr(depth - 1) * pick(-4, 7);
    case 2:
      return makeExpr(depth - 1).floorDiv(pick(1, 8));
    case 3:
      return makeExpr(depth - 1) % pick(1, 8);
    default:
      return makeExpr(depth - 1) + d(pick(0, kDims - 1)) * pick(1, 6);
    }
  }

  SmallVector<int64_t> makeSizes() {
    SmallVector<int64_t> sizes;
    for (unsigned i = 0; i < kDims; ++i)
      sizes.push_back(pick(1, 6));
    return sizes;
  }

  int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> point) {
    SmallVector<AffineExpr> values;
    for (int64_t value : point)
      values.push_back(getAffineConstantExpr(value, &context));
    return cast<AffineConstantExpr>(simplifyAffineExpr(expr.replaceDims(values), 0, 0)).getValue();
  }

  static void forEachPoint(ArrayRef<int64_t> sizes, const std::function<void(ArrayRef<int64_t>)> &visit) {
    for (int64_t i = 0; i < sizes[0]; ++i)
      for (int64_t j = 0; j < sizes[1]; ++j)
        for (int64_t k = 0; k < sizes[2]; ++k)
          visit({i, j, k});
  }
};
} // namespace

TEST_F(AffineRanges, SimplifiedExpressionsAreEqualEverywhere) {
  for (unsigned round = 0; round < 3000; ++round) {
    SmallVector<int64_t> sizes = makeSizes();
    AffineExpr expr = makeExpr(pick(1, 5)), simple = simplifyExpr(expr, domainOf(sizes));
    std::optional<Interval> bounds = boundsOf(expr, domainOf(sizes));
    ASSERT_TRUE(bounds);
    forEachPoint(sizes, [&](ArrayRef<int64_t> point) {
      int64_t value = evaluate(expr, point);
      std::string text;
      llvm::raw_string_ostream(text) << expr << " became " << simple;
      ASSERT_EQ(value, evaluate(simple, point)) << text;
      ASSERT_LE(bounds->low, value) << text;
      ASSERT_GE(bounds->high, value) << text;
    });
  }
}

TEST_F(AffineRanges, SimplifiedMasksHoldAtTheSamePoints) {
  for (unsigned round = 0; round < 2000; ++round) {
    SmallVector<int64_t> sizes = makeSizes();
    SmallVector<AffineExpr> constraints;
    SmallVector<bool> equalities;
    for (int64_t i = 0, e = pick(1, 4); i < e; ++i) {
      constraints.push_back(makeExpr(pick(1, 3)));
      equalities.push_back(pick(0, 5) == 0);
    }
    IntegerSet mask = IntegerSet::get(kDims, 0, constraints, equalities);
    MaskFact fact = simplifyMask(mask, sizes);
    auto holds = [&](IntegerSet set, ArrayRef<int64_t> point) {
      for (unsigned i = 0; i < set.getNumConstraints(); ++i) {
        int64_t value = evaluate(set.getConstraint(i), point);
        if (set.isEq(i) ? value != 0 : value < 0)
          return false;
      }
      return true;
    };
    SmallVector<Interval> narrowed = narrow(domainOf(sizes), mask);
    forEachPoint(sizes, [&](ArrayRef<int64_t> point) {
      bool expected = holds(mask, point);
      bool found = fact.kind == MaskFact::Always || (fact.kind == MaskFact::Sometimes && holds(fact.set, point));
      std::string text;
      llvm::raw_string_ostream stream(text);
      mask.print(stream);
      ASSERT_EQ(expected, found) << text;
      for (unsigned i = 0; expected && i < kDims; ++i)
        ASSERT_TRUE(narrowed[i].low <= point[i] && point[i] <= narrowed[i].high) << text;
    });
  }
}

TEST_F(AffineRanges, ProvenIsWhatHoldsEverywhere) {
  BoundsProver prover;
  unsigned proven = 0, refuted = 0;
  for (unsigned round = 0; round < 1500; ++round) {
    SmallVector<int64_t> sizes = makeSizes();
    AffineExpr expr = makeExpr(pick(1, 4));
    int64_t size = pick(1, 40);
    IntegerSet mask;
    if (pick(0, 1))
      mask = IntegerSet::get(kDims, 0, {makeExpr(2), pick(0, 1) ? expr : makeExpr(1)}, {false, false});
    bool inside = true;
    forEachPoint(sizes, [&](ArrayRef<int64_t> point) {
      for (unsigned i = 0; mask && i < mask.getNumConstraints(); ++i)
        if (evaluate(mask.getConstraint(i), point) < 0)
          return;
      int64_t value = evaluate(expr, point);
      inside &= 0 <= value && value < size;
    });
    std::optional<std::string> why = prover.refute(AffineMap::get(kDims, 0, expr), mask, domainOf(sizes), {size});
    ASSERT_EQ(inside, !why) << why.value_or("proven");
    ++(inside ? proven : refuted);
  }
  EXPECT_GT(proven, 100u);
  EXPECT_GT(refuted, 100u);
  EXPECT_GT(prover.programs, 50u);
}

TEST_F(AffineRanges, Reshapes) {
  AffineExpr flat = d(0) * 30 + d(1) * 6 + d(2);
  SmallVector<int64_t> sizes{4, 5, 6};
  AffineMap there = AffineMap::get(3, 0, {flat.floorDiv(30), flat.floorDiv(6) % 5, flat % 6}, &context);
  EXPECT_EQ(simplifyMap(there, sizes), AffineMap::getMultiDimIdentityMap(3, &context));

  AffineMap split = AffineMap::get(1, 0, {d(0).floorDiv(30), d(0).floorDiv(6) % 5, d(0) % 6}, &context);
  EXPECT_EQ(linearise(split, sizes, {120}), d(0));
  EXPECT_TRUE(isBijection(split, {120}, sizes));
  EXPECT_TRUE(isBijection(AffineMap::get(3, 0, {d(2), d(0), d(1)}, &context), {5, 6, 4}, sizes));
  EXPECT_FALSE(
      isBijection(AffineMap::get(1, 0, {d(0).floorDiv(30), d(0).floorDiv(5) % 5, d(0) % 6}, &context), {120}, sizes));
  EXPECT_FALSE(isBijection(AffineMap::get(2, 0, {d(0)}, &context), {4, 5}, {4}));
}
