// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Taps as views, gathers by constants, or one contraction with a matrix of weights.

#include "lib/Builders/Interpolation.h"

#include "lib/Builders/Reduction.h"

#include <numeric>

using namespace mlir;
using namespace tinyc;

// More taps than this are one contraction: each of them reads the whole input.
static constexpr size_t kMostTaps = 8;

// Numerator and offset with which positions[i] = floor((slope * i + offset) / divisor), if there is such an offset.
static std::optional<int64_t> offsetFor(ArrayRef<int64_t> positions, int64_t slope, int64_t divisor) {
  int64_t low = std::numeric_limits<int64_t>::min(), high = std::numeric_limits<int64_t>::max();
  for (auto [i, position] : llvm::enumerate(positions)) {
    int64_t base = position * divisor - slope * static_cast<int64_t>(i);
    low = std::max(low, base);
    high = std::min(high, base + divisor - 1);
  }
  return low <= high ? std::optional(low) : std::nullopt;
}

// The positions as an expression of their number; null if no slope that a resize gives fits.
static AffineExpr affinePositions(ArrayRef<int64_t> positions, int64_t size, AffineExpr number) {
  int64_t count = positions.size(), distance = positions.back() - positions.front();
  std::pair<int64_t, int64_t> slopes[] = {{count > 1 ? positions[1] - positions[0] : 0, 1},
                                          {size, count},
                                          {2 * size, 2 * count},
                                          {distance, std::max<int64_t>(count - 1, 1)},
                                          {size - 1, std::max<int64_t>(count - 1, 1)},
                                          {2 * (size - 1), 2 * std::max<int64_t>(count - 1, 1)}};
  for (auto [slope, divisor] : slopes) {
    // Numbers of twice the ratio leave room for the halves that centres of pixels bring.
    int64_t common = std::max<int64_t>(std::gcd(slope, divisor), 1);
    for (int64_t factor : {1, 2, 4}) {
      int64_t a = slope / common * factor, c = divisor / common * factor;
      if (std::optional<int64_t> offset = offsetFor(positions, a, c))
        return (number * a + *offset).floorDiv(c);
    }
  }
  return {};
}

Value compose::take(Builder &b, Value x, int64_t dim, ArrayRef<int64_t> positions) {
  if (!x)
    return {};
  SmallVector<int64_t> shape(shapeOf(x));
  int64_t size = shape[dim], rank = shape.size();
  shape[dim] = positions.size();
  TypedAttr zero = cast<TypedAttr>(b.getZeroAttr(tiny::elementType(x.getType())));
  if (positions.empty())
    return view(b, x, shape, b.getMultiDimIdentityMap(rank));
  if (AffineExpr at = affinePositions(positions, size, b.getAffineDimExpr(dim))) {
    SmallVector<AffineExpr> exprs, constraints;
    for (int64_t d = 0; d < rank; ++d)
      exprs.push_back(d == dim ? at : b.getAffineDimExpr(d));
    AffineMap map = AffineMap::get(rank, 0, exprs, b.getContext());
    if (llvm::any_of(positions, [](int64_t p) { return p < 0; }))
      constraints.push_back(at);
    if (llvm::any_of(positions, [&](int64_t p) { return p >= size; }))
      constraints.push_back(size - 1 - at);
    if (constraints.empty())
      return view(b, x, shape, map);
    SmallVector<bool> equalities(constraints.size(), false);
    return view(b, x, shape, map, IntegerSet::get(rank, 0, constraints, equalities), zero);
  }
  auto type = RankedTensorType::get({static_cast<int64_t>(positions.size())}, b.getI64Type());
  Value indices = tiny::ConstOp::create(b, DenseElementsAttr::get(type, positions));
  return tiny::GatherOp::create(b, cast<RankedTensorType>(x.getType()).clone(shape), x, indices, dim, zero);
}

// The sum as a contraction of `x` with a matrix [positions of the result, positions of the input].
static Value contract(compose::Builder &b, Value x, int64_t dim, ArrayRef<compose::Tap> taps) {
  SmallVector<int64_t> domain(compose::shapeOf(x));
  int64_t rank = domain.size(), from = domain[dim], to = taps[0].positions.size();
  std::vector<double> matrix(to * from, 0);
  for (const compose::Tap &tap : taps)
    for (int64_t i = 0; i < to; ++i)
      if (tap.positions[i] >= 0 && tap.positions[i] < from)
        matrix[i * from + tap.positions[i]] += tap.weights[i];
  Type element = tiny::elementType(x.getType());
  SmallVector<Attribute> values;
  for (double weight : matrix)
    values.push_back(b.getFloatAttr(element, weight));
  Value weights = tiny::ConstOp::create(b, DenseElementsAttr::get(RankedTensorType::get({to, from}, element), values));
  domain[dim] = to;
  domain.push_back(from);
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d < rank; ++d)
    exprs.push_back(b.getAffineDimExpr(d == dim ? rank : d));
  AffineMap read = AffineMap::get(rank + 1, 0, exprs, b.getContext());
  AffineMap weigh = AffineMap::get(rank + 1, 0, {b.getAffineDimExpr(dim), b.getAffineDimExpr(rank)}, b.getContext());
  Value product = compose::mul(b, compose::view(b, x, domain, read), compose::view(b, weights, domain, weigh));
  return compose::reduce(b, tiny::ReduceKind::Sum, product, {rank});
}

Value compose::interpolate(Builder &b, Value x, int64_t dim, ArrayRef<Tap> taps) {
  if (!x || taps.empty())
    return take(b, x, dim, {});
  if (taps.size() > kMostTaps)
    return contract(b, x, dim, taps);
  Value sum;
  for (const Tap &tap : taps) {
    bool none = llvm::all_of(tap.weights, [](double w) { return w == 0; });
    if (none && (sum || &tap != &taps.back()))
      continue;
    Value term = take(b, x, dim, tap.positions);
    if (!term)
      return {};
    if (llvm::any_of(tap.weights, [](double w) { return w != 1; })) {
      SmallVector<Attribute> values;
      Type element = tiny::elementType(x.getType());
      for (double weight : tap.weights)
        values.push_back(b.getFloatAttr(element, weight));
      auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, element);
      Value weights = tiny::ConstOp::create(b, DenseElementsAttr::get(type, values));
      term = mul(b, term, broadcastAlong(b, weights, shapeOf(term), dim));
    }
    sum = sum ? add(b, sum, term) : term;
  }
  return sum;
}
