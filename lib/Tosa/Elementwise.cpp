// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that work element by element, and reductions.

#include "lib/Builders/Elementary.h"
#include "lib/Builders/Reduction.h"
#include "lib/Tosa/OpConversion.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tosatotiny;
using namespace tinyc::compose;

template <Value (*build)(compose::Builder &, Value)> static Value unary(OpConversion &c) { return build(c.b, c[0]); }

// Operands of one shape: dimensions of size 1 repeat.
static bool together(OpConversion &c, MutableArrayRef<Value> values) { return broadcastTogether(c.b, values); }

template <Value (*build)(compose::Builder &, Value, Value)> static Value binary(OpConversion &c) {
  Value v[] = {c[0], c[1]};
  return together(c, v) ? build(c.b, v[0], v[1]) : Value();
}

template <tiny::RoundMode mode> static Value rounded(OpConversion &c) { return compose::round(c.b, mode, c[0]); }

static bool isFloat(Value v) { return isa<FloatType>(tiny::elementType(v.getType())); }

template <typename Op> static bool ignoresNan(OpConversion &c) {
  return cast<Op>(c.op).getNanMode() == mlir::tosa::NanPropagationMode::IGNORE;
}

// The larger or smaller of two; with nan_mode IGNORE a NaN gives way to the other operand.
template <typename Op, Value (*build)(compose::Builder &, Value, Value)> static Value extremum(OpConversion &c) {
  Value v[] = {c[0], c[1]};
  if (!together(c, v))
    return {};
  Value result = build(c.b, v[0], v[1]);
  if (!isFloat(v[0]) || !ignoresNan<Op>(c))
    return result;
  result = where(c.b, equal(c.b, v[1], v[1]), result, v[0]);
  return where(c.b, equal(c.b, v[0], v[0]), result, v[1]);
}

static Value rsqrt(compose::Builder &b, Value x) { return reciprocal(b, compose::sqrt(b, x)); }

static Value greater(compose::Builder &b, Value x, Value y) { return less(b, y, x); }
static Value greaterEqual(compose::Builder &b, Value x, Value y) { return lessEqual(b, y, x); }

// Shifts by the width or more are not defined in TOSA; tiny's give 0.
static Value shiftLeft(compose::Builder &b, Value x, Value y) { return tiny::ShlOp::create(b, x, y); }

static Type unsignedElement(Value x) {
  return IntegerType::get(x.getContext(), tiny::elementType(x.getType()).getIntOrFloatBitWidth(),
                          IntegerType::Unsigned);
}

static Value bitcast(compose::Builder &b, Value x, Type element) {
  return tiny::BitcastOp::create(b, tiny::withElementType(x.getType(), element), x);
}

static Value logicalShiftRight(compose::Builder &b, Value x, Value y) {
  Type as = unsignedElement(x);
  Value shifted = tiny::ShrOp::create(b, bitcast(b, x, as), bitcast(b, y, as));
  return bitcast(b, shifted, tiny::elementType(x.getType()));
}

static Value convertArithmeticShift(OpConversion &c) {
  Value v[] = {c[0], c[1]};
  if (!together(c, v))
    return {};
  Value shifted = tiny::ShrOp::create(c.b, v[0], v[1]);
  if (!cast<mlir::tosa::ArithmeticRightShiftOp>(c.op).getRound())
    return shifted;
  // The last bit that was shifted out, if any was.
  Value one = splatInteger(c.b, v[0].getType(), 1), zero = splatInteger(c.b, v[0].getType(), 0);
  Value last = bitAnd(c.b, tiny::ShrOp::create(c.b, v[0], sub(c.b, v[1], one)), one);
  return add(c.b, shifted, where(c.b, less(c.b, zero, v[1]), last, zero));
}

// Integers multiply into their result's type; 32-bit ones are then scaled down by 2^shift, rounding.
static Value convertMul(OpConversion &c) {
  Value v[] = {c[0], c[1]};
  if (!together(c, v))
    return {};
  if (isFloat(v[0]))
    return mul(c.b, v[0], v[1]);
  FailureOr<int64_t> shift = c.integer(2, "shift");
  if (failed(shift))
    return {};
  Type element = c.resultType().getElementType();
  if (*shift < 0 || *shift > 63)
    return c.fail("expected a shift of 0 to 63, found " + Twine(*shift));
  if (*shift == 0)
    return mul(c.b, compose::cast(c.b, v[0], element), compose::cast(c.b, v[1], element));
  Value wide = mul(c.b, toI64(c.b, v[0]), toI64(c.b, v[1]));
  wide = add(c.b, wide, splatInteger(c.b, wide.getType(), int64_t(1) << (*shift - 1)));
  return compose::cast(c.b, tiny::ShrOp::create(c.b, wide, splatInteger(c.b, wide.getType(), *shift)), element);
}

// Binary search for the highest bit.
static Value countLeadingZeros(compose::Builder &b, Value x) {
  Type as = unsignedElement(x);
  int64_t width = as.getIntOrFloatBitWidth();
  Value rest = bitcast(b, x, as), zero = splatInteger(b, rest, 0);
  Value zeros = splatInteger(b, x, width);
  for (int64_t step = width / 2; step >= 1; step /= 2) {
    Value high = tiny::ShrOp::create(b, rest, splatInteger(b, rest, step));
    Value empty = equal(b, high, zero);
    zeros = where(b, empty, zeros, sub(b, zeros, splatInteger(b, x, step)));
    rest = where(b, empty, rest, high);
  }
  return where(b, equal(b, rest, zero), zeros, sub(b, zeros, splatInteger(b, x, 1)));
}

static Value convertClamp(OpConversion &c) {
  auto op = cast<mlir::tosa::ClampOp>(c.op);
  Value x = c[0];
  if (auto least = dyn_cast<FloatAttr>(op.getMinVal())) {
    double low = least.getValueAsDouble(), high = cast<FloatAttr>(op.getMaxVal()).getValueAsDouble();
    if (ignoresNan<mlir::tosa::ClampOp>(c))
      x = replaceNan(c.b, x, low);
    return compose::min(c.b, compose::max(c.b, x, splat(c.b, x.getType(), low)), splat(c.b, x.getType(), high));
  }
  auto bound = [&](Attribute value) {
    auto integer = cast<IntegerAttr>(value);
    APInt number = integer.getValue();
    bool isUnsigned = cast<IntegerType>(integer.getType()).isUnsigned();
    return splatInteger(c.b, x.getType(), isUnsigned ? number.getZExtValue() : number.getSExtValue());
  };
  return compose::min(c.b, compose::max(c.b, x, bound(op.getMinVal())), bound(op.getMaxVal()));
}

static Value convertSelect(OpConversion &c) {
  Value v[] = {c[0], c[1], c[2]};
  return together(c, v) ? where(c.b, v[0], v[1], v[2]) : Value();
}

// Integers: output_zp - (x - input_zp), saturated.
static Value convertNegate(OpConversion &c) {
  if (isFloat(c[0]))
    return neg(c.b, c[0]);
  FailureOr<int64_t> in = c.integer(1, "input zero point"), out = c.integer(2, "output zero point");
  if (failed(in) || failed(out))
    return {};
  Value x = toI64(c.b, c[0]);
  Value result = sub(c.b, splatInteger(c.b, x.getType(), *in + *out), x);
  return compose::cast(c.b, clampToBits(c.b, result, c.element(0).getIntOrFloatBitWidth(), false), c.element(0));
}

// Floats become integers by rounding to the nearest, ties to even; anything becomes a truth value by not being zero.
static Value convertCast(OpConversion &c) {
  Type to = c.resultType().getElementType();
  Value x = c[0];
  if (to.isInteger(1))
    return c.element(0).isInteger(1) ? x : invert(c.b, equal(c.b, x, splat(c.b, x.getType(), 0.0)));
  if (isFloat(x) && isa<IntegerType>(to))
    x = compose::round(c.b, tiny::RoundMode::Even, x);
  return compose::cast(c.b, x, to);
}

static Value convertIdentity(OpConversion &c) { return c[0]; }

// Reductions keep the reduced dimension, with size 1.
template <typename Op, Value (*build)(compose::Builder &, Value, ArrayRef<int64_t>)>
static Value reduction(OpConversion &c) {
  return reshape(c.b, build(c.b, c[0], {int64_t(cast<Op>(c.op).getAxis())}), c.resultType().getShape());
}

template <tiny::ReduceKind kind> static Value reduceBy(compose::Builder &b, Value x, ArrayRef<int64_t> dims) {
  return compose::reduce(b, kind, x, dims);
}

template <typename Op, Value (*build)(compose::Builder &, Value, ArrayRef<int64_t>)>
static Value extremeReduction(OpConversion &c, double least) {
  SmallVector<int64_t> axis{int64_t(cast<Op>(c.op).getAxis())};
  Value result;
  if (ignoresNan<Op>(c) && isFloat(c[0]))
    result = nanWithoutNumbers(c.b, build(c.b, replaceNan(c.b, c[0], least), axis),
                               compose::reduce(c.b, tiny::ReduceKind::Max, countNumbers(c.b, c[0]), axis));
  else
    result = build(c.b, c[0], axis);
  return reshape(c.b, result, c.resultType().getShape());
}

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

static Value convertReduceMax(OpConversion &c) {
  return extremeReduction<mlir::tosa::ReduceMaxOp, reduceBy<tiny::ReduceKind::Max>>(c, -kInfinity);
}

static Value convertReduceMin(OpConversion &c) {
  return extremeReduction<mlir::tosa::ReduceMinOp, compose::reduceMin>(c, kInfinity);
}

static Value convertArgMax(OpConversion &c) {
  int64_t axis = cast<mlir::tosa::ArgMaxOp>(c.op).getAxis();
  Value x = c[0], index;
  if (ignoresNan<mlir::tosa::ArgMaxOp>(c) && isFloat(x)) {
    // NaN is less than any number, -inf too: where nothing is more than that, the first number is the largest.
    Value numbers = replaceNan(c.b, x, -kInfinity);
    Value largest = compose::reduce(c.b, tiny::ReduceKind::Max, numbers, {axis});
    index = where(c.b, compose::equal(c.b, largest, splat(c.b, largest.getType(), -kInfinity)),
                  argMax(c.b, countNumbers(c.b, x), axis, /*last=*/false), argMax(c.b, numbers, axis, /*last=*/false));
  } else {
    index = argMax(c.b, x, axis, /*last=*/false);
  }
  return compose::cast(c.b, index, c.resultType().getElementType());
}

ArrayRef<Row> tosatotiny::elementwiseRows() {
  using namespace mlir::tosa;
  static const Row rows[] = {
      {"abs", Narrow::Widen, unary<compose::abs>},
      {"add", Narrow::Widen, binary<compose::add>},
      {"argmax", Narrow::Widen, convertArgMax},
      {"arithmetic_right_shift", Narrow::Keep, convertArithmeticShift},
      {"bitwise_and", Narrow::Keep, binary<bitAnd>},
      {"bitwise_not", Narrow::Keep, unary<invert>},
      {"bitwise_or", Narrow::Keep, binary<bitOr>},
      {"bitwise_xor", Narrow::Keep, binary<bitXor>},
      {"cast", Narrow::Widen, convertCast},
      {"ceil", Narrow::Widen, rounded<tiny::RoundMode::Ceil>},
      {"clamp", Narrow::Widen, convertClamp},
      {"clz", Narrow::Keep, unary<countLeadingZeros>},
      {"cos", Narrow::Widen, unary<compose::cos>},
      {"equal", Narrow::Widen, binary<compose::equal>},
      {"erf", Narrow::Widen, unary<compose::erf>},
      {"exp", Narrow::Widen, unary<compose::exp>},
      {"floor", Narrow::Widen, rounded<tiny::RoundMode::Floor>},
      {"greater", Narrow::Widen, binary<greater>},
      {"greater_equal", Narrow::Widen, binary<greaterEqual>},
      {"identity", Narrow::Keep, convertIdentity},
      {"intdiv", Narrow::Keep, binary<compose::div>},
      {"log", Narrow::Widen, unary<compose::log>},
      {"logical_and", Narrow::Keep, binary<bitAnd>},
      {"logical_left_shift", Narrow::Keep, binary<shiftLeft>},
      {"logical_not", Narrow::Keep, unary<invert>},
      {"logical_or", Narrow::Keep, binary<bitOr>},
      {"logical_right_shift", Narrow::Keep, binary<logicalShiftRight>},
      {"logical_xor", Narrow::Keep, binary<bitXor>},
      {"maximum", Narrow::Widen, extremum<MaximumOp, compose::max>},
      {"minimum", Narrow::Widen, extremum<MinimumOp, compose::min>},
      {"mul", Narrow::Widen, convertMul},
      {"negate", Narrow::Widen, convertNegate},
      {"pow", Narrow::Widen, binary<compose::pow>},
      {"reciprocal", Narrow::Widen, unary<compose::reciprocal>},
      {"reduce_all", Narrow::Keep, reduction<ReduceAllOp, reduceBy<tiny::ReduceKind::Prod>>},
      {"reduce_any", Narrow::Keep, reduction<ReduceAnyOp, reduceBy<tiny::ReduceKind::Max>>},
      {"reduce_max", Narrow::Widen, convertReduceMax},
      {"reduce_min", Narrow::Widen, convertReduceMin},
      {"reduce_product", Narrow::Widen, reduction<ReduceProductOp, reduceBy<tiny::ReduceKind::Prod>>},
      {"reduce_sum", Narrow::Widen, reduction<ReduceSumOp, reduceBy<tiny::ReduceKind::Sum>>},
      {"rsqrt", Narrow::Widen, unary<rsqrt>},
      {"select", Narrow::Keep, convertSelect},
      {"sigmoid", Narrow::Widen, unary<compose::sigmoid>},
      {"sin", Narrow::Widen, unary<compose::sin>},
      {"sub", Narrow::Widen, binary<compose::sub>},
      {"tanh", Narrow::Widen, unary<compose::tanh>},
  };
  return rows;
}
