// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Affine expressions over the rows of a domain, against the expression evaluated at each point; threads.

#include "lib/Reference/Coordinates.h"
#include "test/reference/Run.h"

#include "mlir/IR/AffineMap.h"

#include <cmath>
#include <random>

using namespace mlir;
using namespace tinyc;

namespace {
// A random expression of the dimensions, as the builders of views make them.
AffineExpr randomExpression(std::mt19937 &random, unsigned dims, unsigned depth, MLIRContext *context) {
  auto pick = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  if (depth == 0)
    return pick(0, 5) && dims ? getAffineDimExpr(pick(0, dims - 1), context)
                              : getAffineConstantExpr(pick(-20, 20), context);
  AffineExpr left = randomExpression(random, dims, depth - 1, context);
  switch (pick(0, 5)) {
  case 0:
    return left.floorDiv(pick(1, 9));
  case 1:
    return left % pick(1, 9);
  case 2:
    return left.ceilDiv(pick(1, 9));
  case 3:
    return left * pick(-3, 7);
  default:
    return left + randomExpression(random, dims, depth - 1, context);
  }
}

int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> point) {
  SmallVector<AffineExpr> constants;
  for (int64_t coordinate : point)
    constants.push_back(getAffineConstantExpr(coordinate, expr.getContext()));
  return cast<AffineConstantExpr>(expr.replaceDims(constants)).getValue();
}
} // namespace

TEST(Coordinates, ColumnsAreTheirExpressionsAtEachPoint) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  std::mt19937 random(7);
  std::vector<std::vector<int64_t>> domains = {
      {},     {1},    {5},      {1025},   {2100},         {3, 1, 7}, {2, 600}, {2, 5, 33}, {2, 2, 1100}, {4, 3, 5, 64},
      {0, 3}, {1024}, {513, 2}, {7, 341}, {3, 2, 16, 16}, {1, 1, 1}, {2, 1, 1}};
  for (const std::vector<int64_t> &domain : domains) {
    Coordinates coordinates(domain);
    SmallVector<unsigned> dims;
    for (unsigned d = 0; d < domain.size(); ++d)
      dims.push_back(d);
    std::vector<std::pair<AffineExpr, unsigned>> columns;
    for (unsigned i = 0; i < 12; ++i) {
      AffineExpr expr = randomExpression(random, domain.size(), i % 4, &context);
      std::optional<unsigned> column = coordinates.add(expr, dims);
      ASSERT_TRUE(column);
      columns.emplace_back(expr, *column);
    }
    // From the middle of a row to the middle of another one.
    int64_t begin = coordinates.points() / 5, end = coordinates.points() - coordinates.points() / 7;
    Coordinates::Row row;
    for (int64_t first = begin; first < end; first += row.count) {
      coordinates.enter(row, first, end);
      ASSERT_GT(row.count, 0u);
      ASSERT_LE(static_cast<int64_t>(row.count), std::min(Coordinates::kLongestRow, end - first));
      for (size_t k = 0; k < row.count; k += 1 + k % 5) {
        std::vector<int64_t> point(domain.size());
        int64_t rest = first + k;
        for (size_t d = domain.size(); d-- > 0; rest /= domain[d])
          point[d] = rest % domain[d];
        for (auto [expr, column] : columns) {
          Coordinates::Value value = row.values[column];
          int64_t found = value.base + value.steps[k];
          EXPECT_EQ(found, evaluate(expr, point)) << "point " << first + k;
          EXPECT_TRUE(value.least <= found && found <= value.most);
        }
      }
    }
  }
}

TEST(Coordinates, ManyColumnsAreOneRowAtATime) {
  Coordinates coordinates({40, 100});
  Coordinates::Row row;
  coordinates.enter(row, 0, coordinates.points());
  EXPECT_EQ(row.count, 1000u); // ten lines of the first dimension
}

TEST(Coordinates, OtherExpressionsAreNone) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  Coordinates coordinates({4, 4});
  AffineExpr d0 = getAffineDimExpr(0, &context), s0 = getAffineSymbolExpr(0, &context);
  EXPECT_FALSE(coordinates.add(d0 + s0, {0, 1}));
  EXPECT_FALSE(coordinates.add(getAffineBinaryOpExpr(AffineExprKind::FloorDiv, d0, s0), {0, 1}));
}

// Sums of floats show any change of order.
TEST(Reference, ThreadsDoNotChangeResults) {
  Text text(R"(func.func @main(%x: tensor<64x3000xf32>) -> (tensor<64xf32>, tensor<3000xf32>, tensor<f32>) {
    %e = tiny.exp e %x : tensor<64x3000xf32>
    %a = tiny.reduce sum %e [1] : tensor<64x3000xf32> -> tensor<64xf32>
    %b = tiny.reduce sum %e [0] : tensor<64x3000xf32> -> tensor<3000xf32>
    %c = tiny.reduce sum %e [0, 1] : tensor<64x3000xf32> -> tensor<f32>
    return %a, %b, %c : tensor<64xf32>, tensor<3000xf32>, tensor<f32>
  })");
  std::vector<float> x(64 * 3000);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = std::sin(i * 0.37f) * 20;
  auto one = text.run({makeFloats({64, 3000}, x)});
  ASSERT_EQ(one.size(), 3u) << text.errors;
  for (unsigned threads : {2, 5}) {
    Reference reference;
    reference.setThreads(threads);
    auto several = text.run({makeFloats({64, 3000}, x)}, reference);
    ASSERT_EQ(several.size(), 3u) << text.errors;
    for (size_t i = 0; i < 3; ++i)
      EXPECT_EQ(one[i]->bytes, several[i]->bytes) << threads << " threads, result " << i;
  }
}
