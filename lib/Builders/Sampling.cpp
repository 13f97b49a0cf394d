// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One gather for each element around a position, weighted.

#include "lib/Builders/Sampling.h"

using namespace mlir;
using namespace tinyc;

Value compose::reflect(Builder &b, Value x, double low, double high) {
  if (!x)
    return {};
  auto number = [&](double value) { return splat(b, x, value); };
  double range = high - low;
  if (range <= 0)
    return number(low);
  Value along = floorMod(b, sub(b, x, number(low)), number(2 * range));
  Value back = sub(b, number(2 * range), along);
  return add(b, where(b, less(b, number(range), along), back, along), number(low));
}

static Value clamp(compose::Builder &b, Value x, double low, double high) {
  if (!x)
    return {};
  Value bounded = compose::max(b, x, compose::splat(b, x, low));
  return compose::min(b, bounded, compose::splat(b, x, high));
}

Value compose::pick(Builder &b, Value image, ArrayRef<Value> positions, Outside outside, bool atCenters) {
  if (!image || !llvm::all_of(positions, [](Value v) { return bool(v); }))
    return {};
  ArrayRef<int64_t> shape = shapeOf(image);
  ArrayRef<int64_t> points = shapeOf(positions.front());
  int64_t images = shape[0], channels = shape[1], count = points[1], area = 1;
  for (int64_t size : shape.drop_front(2))
    area *= size;
  auto type = RankedTensorType::get(points, b.getI64Type());
  Value number = tiny::IotaOp::create(b, type, AffineMap::get(2, 0, b.getAffineDimExpr(0)));
  Value inside;
  for (auto [position, size] : llvm::zip_equal(positions, shape.drop_front(2))) {
    double last = static_cast<double>(size - 1);
    Value x = position;
    if (outside == Outside::Mirror)
      x = atCenters ? reflect(b, x, 0, last) : reflect(b, x, -0.5, last + 0.5);
    if (outside == Outside::Zero) {
      Value fits = bitAnd(b, lessEqual(b, splat(b, x, 0), x), lessEqual(b, x, splat(b, x, last)));
      inside = inside ? bitAnd(b, inside, fits) : fits;
    } else {
      x = clamp(b, x, 0, last);
    }
    number = add(b, mul(b, number, splatInteger(b, type, size)), cast(b, x, b.getI64Type()));
  }
  if (inside)
    number = where(b, inside, number, splatInteger(b, type, -1));
  // Rows of channels, one for each element of each image.
  SmallVector<int64_t> order{0};
  for (size_t d = 2; d < shape.size(); ++d)
    order.push_back(d);
  order.push_back(1);
  Value rows = reshape(b, permute(b, image, order), {images * area, channels});
  if (!rows || !number)
    return {};
  Type element = tiny::elementType(image.getType());
  auto gathered = RankedTensorType::get({images, count, channels}, element);
  Value values = tiny::GatherOp::create(b, gathered, rows, number, 0, cast<TypedAttr>(b.getZeroAttr(element)));
  return permute(b, values, {0, 2, 1});
}

// The weighted sum over all combinations of taps, one tap a dimension. `weigh` gives the weight of tap k at a distance
// in [0, 1) from the element before the position.
static Value sample(compose::Builder &b, Value image, ArrayRef<Value> positions, compose::Outside outside,
                    bool atCenters, int64_t first, int64_t taps,
                    llvm::function_ref<Value(Value distance, int64_t tap)> weigh) {
  using namespace compose;
  if (!image || !llvm::all_of(positions, [](Value v) { return bool(v); }))
    return {};
  SmallVector<SmallVector<Value>> at, weights;
  for (Value position : positions) {
    Value base = round(b, tiny::RoundMode::Floor, position), distance = sub(b, position, base);
    at.emplace_back();
    weights.emplace_back();
    for (int64_t tap = first; tap < first + taps; ++tap) {
      at.back().push_back(add(b, base, splat(b, base, tap)));
      weights.back().push_back(weigh(distance, tap));
    }
  }
  int64_t combinations = 1;
  for (size_t d = 0; d < positions.size(); ++d)
    combinations *= taps;
  Value sum;
  for (int64_t combination = 0; combination < combinations; ++combination) {
    SmallVector<Value> place;
    Value weight;
    int64_t rest = combination;
    for (size_t d = 0; d < positions.size(); ++d, rest /= taps) {
      place.push_back(at[d][rest % taps]);
      Value own = weights[d][rest % taps];
      weight = weight ? mul(b, weight, own) : own;
    }
    Value picked = pick(b, image, place, outside, atCenters);
    if (!picked || !weight)
      return {};
    ArrayRef<int64_t> shape = shapeOf(picked);
    weight = cast(b, weight, tiny::elementType(picked.getType()));
    Value term = mul(b, picked, broadcastOver(b, weight, shape, {1}));
    sum = sum ? add(b, sum, term) : term;
  }
  return sum;
}

Value compose::sampleLinear(Builder &b, Value image, ArrayRef<Value> positions, Outside outside, bool atCenters) {
  return sample(b, image, positions, outside, atCenters, 0, 2, [&](Value distance, int64_t tap) {
    return tap == 1 ? distance : sub(b, splat(b, distance, 1), distance);
  });
}

Value compose::sampleCubic(Builder &b, Value image, ArrayRef<Value> positions, Outside outside, bool atCenters,
                           double a) {
  return sample(b, image, positions, outside, atCenters, -1, 4, [&](Value distance, int64_t tap) {
    // The distance from the tap's element, and the polynomial of its interval.
    auto number = [&](double value) { return splat(b, distance, value); };
    Value x = tap <= 0 ? sub(b, distance, number(tap)) : sub(b, number(tap), distance);
    auto polynomial = [&](double c3, double c2, double c1, double c0) {
      Value sum = add(b, mul(b, x, number(c3)), number(c2));
      sum = add(b, mul(b, sum, x), number(c1));
      return add(b, mul(b, sum, x), number(c0));
    };
    return tap == 0 || tap == 1 ? polynomial(a + 2, -(a + 3), 0, 1) : polynomial(a, -5 * a, 8 * a, -4 * a);
  });
}
