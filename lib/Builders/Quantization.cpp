// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quantisation, and contractions of integers.

#include "lib/Builders/Quantization.h"

#include "lib/Builders/Reduction.h"

using namespace mlir;
using namespace tinyc;

Value compose::spreadParameter(Builder &b, Value parameter, ArrayRef<int64_t> shape, int64_t axis, int64_t block) {
  if (!parameter)
    return {};
  SmallVector<int64_t> given(shapeOf(parameter)), expected(shape);
  if (elementCount(given) == 1)
    return broadcast(b, reshape(b, parameter, {}), shape);
  bool hasAxis = axis >= 0 && axis < static_cast<int64_t>(shape.size());
  if (hasAxis && block == 0 && given.size() == 1 && given[0] == shape[axis])
    return broadcastAlong(b, parameter, shape, axis);
  if (hasAxis && block > 0 && shape[axis] > 0) {
    expected[axis] = (shape[axis] - 1) / block + 1;
    if (given == expected) {
      SmallVector<AffineExpr> exprs;
      for (unsigned d = 0; d < shape.size(); ++d)
        exprs.push_back(b.getAffineDimExpr(d));
      exprs[axis] = exprs[axis].floorDiv(block);
      return view(b, parameter, shape, AffineMap::get(shape.size(), 0, exprs, b.getContext()));
    }
  }
  emitError(b.getLoc(), "expected a scale or zero point for all elements, for each along axis ")
      << axis << (block ? ", or for each block of " + std::to_string(block) : "") << "; found " << parameter.getType();
  return {};
}

Value compose::castToFloat8(Builder &b, Value x, Type element, bool saturate) {
  if (!x || !saturate)
    return cast(b, x, element);
  double largest = APFloat::getLargest(llvm::cast<FloatType>(element).getFloatSemantics()).convertToDouble();
  x = cast(b, x, b.getF32Type());
  // NaN passes through the comparisons.
  Value top = splat(b, x, largest), bottom = splat(b, x, -largest);
  x = where(b, less(b, top, x), top, x);
  return cast(b, where(b, less(b, x, bottom), bottom, x), element);
}

Value compose::castToBits(Builder &b, Value x, Type element, unsigned bits) {
  if (!x)
    return {};
  Value word = cast(b, cast(b, x, b.getI32Type()), element);
  Type type = word.getType();
  word = bitAnd(b, word, splatInteger(b, type, (1 << bits) - 1));
  if (llvm::cast<IntegerType>(element).isUnsigned())
    return word;
  Value sign = splatInteger(b, type, 1 << (bits - 1));
  return sub(b, bitXor(b, word, sign), sign);
}

Value compose::castToFloat4(Builder &b, Value x, Type element) {
  if (!x)
    return {};
  x = cast(b, x, b.getF32Type());
  Type type = x.getType();
  Value size = abs(b, x), zero = splat(b, type, 0);
  // The distance between neighbours doubles at 2 and at 4.
  auto rounded = [&](double step) {
    Value count = round(b, tiny::RoundMode::Even, mul(b, size, splat(b, type, 1 / step)));
    return mul(b, count, splat(b, type, step));
  };
  Value large = min(b, rounded(2), splat(b, type, 6));
  Value result = where(b, less(b, size, splat(b, type, 2)), rounded(0.5),
                       where(b, less(b, size, splat(b, type, 4)), rounded(1), large));
  result = where(b, equal(b, x, x), result, zero);
  return cast(b, where(b, less(b, x, zero), neg(b, result), result), element);
}

Value compose::quantize(Builder &b, Value x, Value scale, Value zero, Type element, bool saturate,
                        std::optional<std::pair<int64_t, int64_t>> range) {
  Value ratio = div(b, x, scale);
  if (!ratio)
    return {};
  Type type = ratio.getType();
  if (isa<FloatType>(element)) {
    if (zero)
      ratio = add(b, ratio, cast(b, zero, tiny::elementType(type)));
    return castToFloat8(b, ratio, element, saturate);
  }
  Value rounded = round(b, tiny::RoundMode::Even, ratio);
  if (zero)
    rounded = add(b, rounded, cast(b, zero, tiny::elementType(type)));
  if (range) {
    Value low = splat(b, type, range->first), high = splat(b, type, range->second);
    rounded = where(b, less(b, rounded, low), low, rounded);
    rounded = where(b, less(b, high, rounded), high, rounded);
  }
  return cast(b, rounded, element);
}

Value compose::dequantize(Builder &b, Value x, Value scale, Value zero) {
  if (!x || !scale)
    return {};
  Type element = tiny::elementType(scale.getType());
  if (isa<FloatType>(tiny::elementType(x.getType()))) // a zero point of floats is 0
    return mul(b, cast(b, x, element), scale);
  Value difference = cast(b, x, b.getI32Type());
  if (zero)
    difference = sub(b, difference, cast(b, zero, b.getI32Type()));
  // Scales of 16 bits: the product is rounded once.
  bool isNarrow = element.getIntOrFloatBitWidth() < 32;
  Type wide = isNarrow ? b.getF32Type() : element;
  return cast(b, mul(b, cast(b, difference, wide), cast(b, scale, wide)), element);
}

compose::RangeQuantized compose::quantizeByRange(Builder &b, Value x) {
  SmallVector<int64_t> all = llvm::to_vector(llvm::seq<int64_t>(0, shapeOf(x).size()));
  Value top = reduce(b, tiny::ReduceKind::Max, x, all), bottom = reduceMin(b, x, all);
  if (!top || !bottom)
    return {};
  Type type = top.getType();
  Value zero = splat(b, type, 0), range = sub(b, max(b, top, zero), min(b, bottom, zero));
  Value scale = div(b, range, splat(b, type, 255));
  scale = where(b, equal(b, range, zero), splat(b, type, 1.0 / 255), scale);
  // Between 0 and 255, since 0 is in the range.
  auto byte = IntegerType::get(b.getContext(), 8, IntegerType::Unsigned);
  Value point = cast(b, round(b, tiny::RoundMode::Even, div(b, neg(b, min(b, bottom, zero)), scale)), byte);
  return {quantize(b, x, broadcast(b, scale, shapeOf(x)), broadcast(b, point, shapeOf(x)), byte), scale, point};
}

// Whether `x` is known at compile time, or a view of what is.
static bool isKnown(Value x) {
  while (auto view = x.getDefiningOp<tiny::ViewOp>())
    x = view.getInput();
  return isa_and_nonnull<tiny::ConstOp, tiny::ParamOp>(x.getDefiningOp());
}

static Value centred(compose::Builder &b, const compose::Quantized &x) {
  using namespace compose;
  Value wide = cast(b, x.values, b.getI32Type());
  return wide && x.zero ? sub(b, wide, broadcast(b, cast(b, x.zero, b.getI32Type()), shapeOf(wide))) : wide;
}

Value compose::columnSums(Builder &b, Quantized y) {
  if (!y.values || y.zero || !isKnown(y.values) || shapeOf(y.values).size() != 2)
    return {};
  return reduce(b, tiny::ReduceKind::Sum, cast(b, y.values, b.getI32Type()), {0});
}

Value compose::integerMatmul(Builder &b, Quantized x, Quantized y, Value columnSums) {
  if (!x.values || !y.values)
    return {};
  // Taken off afterwards is what does not vary along the sum.
  bool isRowwise = x.zero && (shapeOf(x.zero).empty() || shapeOf(x.zero).back() == 1);
  if (!columnSums && isRowwise && shapeOf(x.values).size() >= 2)
    columnSums = compose::columnSums(b, y);
  if (!columnSums || !isRowwise)
    return matmul(b, centred(b, x), centred(b, y));
  Type wide = b.getI32Type();
  Value products = matmul(b, cast(b, x.values, wide), cast(b, y.values, wide));
  if (!products)
    return {};
  ArrayRef<int64_t> shape = shapeOf(products);
  Value zero = broadcast(b, cast(b, x.zero, wide), shape);
  return sub(b, products, mul(b, zero, broadcast(b, columnSums, shape)));
}

// The one number that `x` is known to be.
static TypedAttr knownNumber(Value x) {
  while (auto view = x.getDefiningOp<tiny::ViewOp>()) {
    if (view.getMask())
      return {};
    x = view.getInput();
  }
  auto constant = x.getDefiningOp<tiny::ConstOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  return elements && elements.isSplat() ? cast<TypedAttr>(elements.getSplatValue<Attribute>()) : TypedAttr();
}

Value compose::integerConv(Builder &b, Quantized x, Quantized weights, ArrayRef<Window> windows, int64_t groups) {
  if (!x.values || !weights.values)
    return {};
  TypedAttr point = x.zero ? knownNumber(x.zero) : TypedAttr();
  Type wide = b.getI32Type();
  if (weights.zero || (x.zero && (!point || !isKnown(weights.values))))
    return conv(b, centred(b, x), centred(b, weights), windows, groups);
  Value products = conv(b, x.values, weights.values, windows, groups, point, wide);
  if (!x.zero || !products)
    return products;
  SmallVector<int64_t> summed(llvm::to_vector(llvm::seq<int64_t>(1, shapeOf(weights.values).size())));
  Value sums = reduce(b, tiny::ReduceKind::Sum, cast(b, weights.values, wide), summed);
  Value zero = broadcast(b, cast(b, x.zero, wide), shapeOf(sums));
  return sub(b, products, broadcastAlong(b, mul(b, zero, sums), shapeOf(products), 1));
}
