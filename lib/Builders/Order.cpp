// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Both ways of ordering need nothing but comparisons and views: no data decides what is compared with what.

#include "lib/Builders/Order.h"

#include "lib/Builders/Reduction.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::compose;

// Which of two elements comes first: by value, then by position.
static Value comesBefore(ImplicitLocOpBuilder &b, const Ordered &mine, const Ordered &theirs, bool largest) {
  if (!mine.values || !theirs.values)
    return {};
  Value before = largest ? less(b, theirs.values, mine.values) : less(b, mine.values, theirs.values);
  Value same = equal(b, mine.values, theirs.values);
  if (isa<FloatType>(tiny::elementType(mine.values.getType()))) {
    Value mineNan = invert(b, equal(b, mine.values, mine.values));
    Value theirsNan = invert(b, equal(b, theirs.values, theirs.values));
    Value nanFirst = largest ? bitAnd(b, mineNan, invert(b, theirsNan)) : bitAnd(b, theirsNan, invert(b, mineNan));
    before = bitOr(b, before, nanFirst);
    same = bitOr(b, same, bitAnd(b, mineNan, theirsNan));
  }
  return bitOr(b, before, bitAnd(b, same, less(b, mine.positions, theirs.positions)));
}

// The same rearrangement of values and positions.
static Ordered both(const Ordered &x, function_ref<Value(Value)> move) { return {move(x.values), move(x.positions)}; }

static Ordered choose(ImplicitLocOpBuilder &b, Value condition, const Ordered &onTrue, const Ordered &onFalse) {
  return {where(b, condition, onTrue.values, onFalse.values), where(b, condition, onTrue.positions, onFalse.positions)};
}

// The rank of an element is the number of those that come before it. Result r is the element of rank r, found by a
// second comparison. `x` is [rows, size].
static Ordered byRanks(ImplicitLocOpBuilder &b, Value x, int64_t count, bool largest) {
  int64_t rows = shapeOf(x)[0], size = shapeOf(x)[1];
  Type i32 = b.getI32Type(), element = tiny::elementType(x.getType());
  AffineExpr row = b.getAffineDimExpr(0), self = b.getAffineDimExpr(1), other = b.getAffineDimExpr(2);
  // An element, or its position, at each point of [rows, places, elements].
  auto spread = [&](Value from, int64_t places, AffineExpr at) {
    return view(b, from, {rows, places, size}, AffineMap::get(3, 0, {row, at}, b.getContext()));
  };
  Ordered mine = {spread(x, size, self), coordinate(b, {rows, size, size}, i32, 1)};
  Ordered theirs = {spread(x, size, other), coordinate(b, {rows, size, size}, i32, 2)};
  Value ranks = reduce(b, tiny::ReduceKind::Sum, cast(b, comesBefore(b, theirs, mine, largest), i32), {2});

  SmallVector<int64_t> domain = {rows, count, size};
  Value found = equal(b, spread(ranks, count, other), coordinate(b, domain, i32, 1));
  // One element is found; all others give the identity of the maximum.
  auto pick = [&](Value from, Type type) -> Value {
    if (!from)
      return {};
    auto least = cast<TypedAttr>(tiny::reductionIdentity(tiny::ReduceKind::Max, type));
    Value none = tiny::ConstOp::create(b, DenseElementsAttr::get(cast<ShapedType>(from.getType()), Attribute(least)));
    return reduce(b, tiny::ReduceKind::Max, where(b, found, from, none), {2});
  };
  return {pick(spread(x, count, other), element), pick(coordinate(b, domain, i32, 2), i32)};
}

// Neighbours at `distance` are exchanged so that the first comes first; in every second group of `group` elements,
// last.
static Ordered exchange(ImplicitLocOpBuilder &b, const Ordered &x, int64_t distance, int64_t group, bool largest) {
  int64_t rows = shapeOf(x.values)[0], size = shapeOf(x.values)[1];
  SmallVector<int64_t> pairs = {rows, size / (2 * distance), 2, distance};
  Ordered mine = both(x, [&](Value v) { return reshape(b, v, pairs); });
  Ordered theirs = both(mine, [&](Value v) { return flip(b, v, 2); });
  // Even where the place wants the element that comes first.
  AffineExpr place = (b.getAffineDimExpr(2) + b.getAffineDimExpr(1).floorDiv(group / (2 * distance))) % 2;
  Value parity = tiny::IotaOp::create(b, RankedTensorType::get(pairs, b.getI32Type()), AffineMap::get(4, 0, place));
  Value wantsFirst = equal(b, parity, splat(b, parity, 0));
  Value stays = equal(b, comesBefore(b, mine, theirs, largest), wantsFirst);
  return both(choose(b, stays, mine, theirs), [&](Value v) { return reshape(b, v, {rows, size}); });
}

// What comes after every element but those equal to it, which have smaller positions.
static TypedAttr lastValue(Type element, bool largest) {
  auto least = cast<TypedAttr>(tiny::reductionIdentity(tiny::ReduceKind::Max, element));
  if (largest)
    return least;
  if (auto type = dyn_cast<FloatType>(element))
    return FloatAttr::get(type, APFloat::getQNaN(type.getFloatSemantics()));
  return IntegerAttr::get(element, ~cast<IntegerAttr>(least).getValue());
}

// Sorts blocks of `block` elements in alternating order, so that two neighbours are a bitonic sequence; of each two the
// elements that come first, which again are bitonic, are kept and sorted by exchanges at halving distances.
static Ordered byNetwork(ImplicitLocOpBuilder &b, Value x, int64_t count, int64_t block, bool largest) {
  int64_t rows = shapeOf(x)[0], size = shapeOf(x)[1], padded = std::max<int64_t>(llvm::PowerOf2Ceil(size), block);
  Ordered all = {pad(b, x, {0, 0}, {0, padded - size}, lastValue(tiny::elementType(x.getType()), largest)),
                 coordinate(b, {rows, padded}, b.getI32Type(), 1)};
  if (!all.values)
    return {};
  for (int64_t group = 2; group <= block; group *= 2)
    for (int64_t distance = group / 2; distance > 0; distance /= 2)
      all = exchange(b, all, distance, group, largest);
  for (int64_t left = padded / 2; left >= block; left /= 2) {
    auto half = [&](int64_t which) {
      return both(all, [&](Value v) {
        return reshape(b, slice(b, reshape(b, v, {rows, left / block, 2, block}), 2, which, 1), {rows, left});
      });
    };
    Ordered first = half(0), second = half(1);
    all = choose(b, comesBefore(b, first, second, largest), first, second);
    for (int64_t distance = block / 2; distance > 0; distance /= 2)
      all = exchange(b, all, distance, block, largest);
  }
  return both(all, [&](Value v) { return slice(b, v, 1, 0, count); });
}

// Comparisons that a pass of the network costs beside its own: a launch, and the waiting for the pass before.
static constexpr double kPassCost = 32768;
// Of an exchange, in comparisons of the ranks, which stay in registers.
static constexpr double kExchangeCost = 4;

static bool networkIsCheaper(int64_t rows, int64_t size, int64_t count, int64_t block) {
  double ranks = double(rows) * size * (size + 2.0 * count), network = 0;
  int64_t padded = std::max<int64_t>(llvm::PowerOf2Ceil(size), block), levels = llvm::Log2_64(block);
  auto passes = [&](int64_t number, int64_t elements) {
    network += number * (kPassCost + kExchangeCost * double(rows) * elements);
  };
  passes(levels * (levels + 1) / 2, padded);
  for (int64_t left = padded / 2; left >= block; left /= 2)
    passes(levels + 1, left);
  return network < ranks;
}

Ordered compose::topK(ImplicitLocOpBuilder &b, Value x, int64_t dim, int64_t count, bool largest) {
  if (!x)
    return {};
  SmallVector<int64_t> shape(shapeOf(x)), permutation;
  int64_t rank = shape.size(), size = shape[dim];
  for (int64_t d = 0; d < rank; ++d)
    if (d != dim)
      permutation.push_back(d);
  permutation.push_back(dim);
  int64_t rows = 1;
  SmallVector<int64_t> last = llvm::map_to_vector(permutation, [&](int64_t d) { return shape[d]; });
  for (int64_t d = 0; d + 1 < rank; ++d)
    rows *= last[d];
  Value flat = reshape(b, permute(b, x, permutation), {rows, size});
  if (!flat)
    return {};
  int64_t block = llvm::PowerOf2Ceil(std::max<int64_t>(count, 1));
  Ordered found = rows > 0 && count > 0 && networkIsCheaper(rows, size, count, block)
                      ? byNetwork(b, flat, count, block, largest)
                      : byRanks(b, flat, count, largest);
  last.back() = count;
  SmallVector<int64_t> inverse(rank);
  for (auto [to, from] : llvm::enumerate(permutation))
    inverse[from] = to;
  return both(found, [&](Value v) { return permute(b, reshape(b, v, last), inverse); });
}
