// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Resize by rational scales: every position is known, so rows and columns are views, and weights coordinates.

#include "lib/Tosa/OpConversion.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tosatotiny;
using namespace tinyc::compose;

namespace {
/// One spatial dimension: output position p is at (p * denominator + offset) / numerator of the input.
struct Axis {
  unsigned dim;
  int64_t numerator, denominator, offset, inputs, outputs;

  AffineExpr at(AffineExpr p) const { return p * denominator + offset; }
};
} // namespace

// Reads the input position floor(at(p)) + plus (or, for NEAREST, `position`) along the axis, limited to the input.
static Value take(compose::Builder &b, Value x, const Axis &axis, function_ref<AffineExpr(AffineExpr)> position) {
  SmallVector<int64_t> shape(shapeOf(x));
  shape[axis.dim] = axis.outputs;
  AffineExpr p = b.getAffineDimExpr(axis.dim);
  auto mapTo = [&](AffineExpr expr) {
    SmallVector<AffineExpr> results;
    for (unsigned d = 0; d < shape.size(); ++d)
      results.push_back(d == axis.dim ? expr : b.getAffineDimExpr(d));
    return AffineMap::get(shape.size(), 0, results, b.getContext());
  };
  AffineExpr from = position(p);
  auto valueAt = [&](int64_t i) { return cast<AffineConstantExpr>(position(b.getAffineConstantExpr(i))).getValue(); };
  // Positions grow with p: before some none is in the input, and after some.
  int64_t first = 0, last = axis.outputs;
  while (first < axis.outputs && valueAt(first) < 0)
    ++first;
  while (last > first && valueAt(last - 1) >= axis.inputs)
    --last;
  if (first == 0 && last == axis.outputs)
    return view(b, x, shape, mapTo(from));
  Value before = view(b, x, shape, mapTo(b.getAffineConstantExpr(0)));
  Value after = view(b, x, shape, mapTo(b.getAffineConstantExpr(axis.inputs - 1)));
  Value at = coordinate(b, shape, b.getI32Type(), axis.dim);
  Value result = after;
  if (first < last) {
    IntegerSet inside = IntegerSet::get(shape.size(), 0, {p - first, last - 1 - p}, {false, false});
    Value middle =
        view(b, x, shape, mapTo(from), inside, cast<TypedAttr>(b.getZeroAttr(tiny::elementType(x.getType()))));
    result = where(b, less(b, at, splatInteger(b, at, last)), middle, after);
  }
  return first == 0 ? result : where(b, less(b, at, splatInteger(b, at, first)), before, result);
}

static Value nearest(compose::Builder &b, Value x, const Axis &axis) {
  // A half rounds up.
  return take(b, x, axis, [&](AffineExpr p) { return (axis.at(p) * 2 + axis.numerator).floorDiv(2 * axis.numerator); });
}

// Between two neighbours. Integers are scaled by the numerator, floats are not.
static Value linear(compose::Builder &b, Value x, const Axis &axis) {
  Value low = take(b, x, axis, [&](AffineExpr p) { return axis.at(p).floorDiv(axis.numerator); });
  Value high = take(b, x, axis, [&](AffineExpr p) { return axis.at(p).floorDiv(axis.numerator) + 1; });
  ArrayRef<int64_t> shape = shapeOf(low);
  Type element = tiny::elementType(x.getType());
  AffineExpr rest = axis.at(b.getAffineDimExpr(axis.dim)) % axis.numerator;
  auto map = AffineMap::get(shape.size(), 0, rest);
  bool isFloat = isa<FloatType>(element);
  Value weight = tiny::IotaOp::create(b, RankedTensorType::get(shape, isFloat ? b.getI32Type() : element), map);
  Value whole = splatInteger(b, low, isFloat ? 1 : axis.numerator);
  if (isFloat) {
    weight = compose::cast(b, weight, element);
    weight = div(b, weight, splatInteger(b, weight, axis.numerator));
  }
  return add(b, mul(b, low, sub(b, whole, weight)), mul(b, high, weight));
}

static Value convertResize(OpConversion &c) {
  auto op = cast<mlir::tosa::ResizeOp>(c.op);
  ArrayRef<int64_t> scale = c.shapeOperand(1), offset = c.shapeOperand(2);
  if (scale.size() != 4 || offset.size() != 2 || llvm::any_of(scale, [](int64_t s) { return s < 1 || s > 1 << 20; }))
    return c.fail("expected 4 positive scales and 2 offsets");
  ArrayRef<int64_t> outputs = c.resultType().getShape();
  if (outputs[1] > 1 << 20 || outputs[2] > 1 << 20)
    return c.fail("expected fewer than 2^20 rows and columns");
  Axis rows = {1, scale[0], scale[1], offset[0], c.shape(0)[1], outputs[1]};
  Axis columns = {2, scale[2], scale[3], offset[1], c.shape(0)[2], outputs[2]};
  if (op.getMode() == mlir::tosa::ResizeMode::NEAREST_NEIGHBOR)
    return nearest(c.b, nearest(c.b, c[0], rows), columns);
  Value x = c[0];
  if (isa<IntegerType>(c.element(0)))
    x = compose::cast(c.b, x, c.resultType().getElementType());
  return linear(c.b, linear(c.b, x, rows), columns);
}

ArrayRef<Row> tosatotiny::resizeRows() {
  static const Row rows[] = {{"resize", Narrow::Widen, convertResize}};
  return rows;
}
