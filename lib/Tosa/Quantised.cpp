// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integers of another scale: rescale and table.

#include "lib/Tosa/OpConversion.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tosatotiny;
using namespace tinyc::compose;

// Values along the last dimension of `like`, or one for all of it, as i64.
static Value alongLast(OpConversion &c, ArrayRef<int64_t> values, Type like) {
  Type wide = tiny::withElementType(like, c.b.getI64Type());
  if (values.size() == 1)
    return splatInteger(c.b, wide, values.front());
  ArrayRef<int64_t> shape = cast<RankedTensorType>(like).getShape();
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, c.b.getI64Type());
  return broadcastAlong(c.b, tiny::ConstOp::create(c.b, DenseElementsAttr::get(type, values)), shape, shape.size() - 1);
}

static Value bitcastInteger(compose::Builder &b, Value x, bool isUnsigned) {
  auto type = cast<IntegerType>(tiny::elementType(x.getType()));
  auto as =
      IntegerType::get(b.getContext(), type.getWidth(), isUnsigned ? IntegerType::Unsigned : IntegerType::Signless);
  return as == type ? x : Value(tiny::BitcastOp::create(b, tiny::withElementType(x.getType(), as), x));
}

// ((x - input_zp) * multiplier + half) >> shift, plus output_zp, saturated; in 64 bits, which the specification's
// limits do not overflow. Rounding twice adds 2^30 away from zero where the shift is of more than 31.
static Value convertRescale(OpConversion &c) {
  auto op = cast<mlir::tosa::RescaleOp>(c.op);
  FailureOr<SmallVector<int64_t>> multipliers = c.integers(1, "multiplier"), shifts = c.integers(2, "shift");
  FailureOr<int64_t> in = c.integer(3, "input zero point", op.getInputUnsigned()),
                     out = c.integer(4, "output zero point", op.getOutputUnsigned());
  if (failed(multipliers) || failed(shifts) || failed(in) || failed(out))
    return {};
  size_t count = op.getPerChannel() ? (c.shape(0).empty() ? 0 : c.shape(0).back()) : 1;
  if (multipliers->size() != count || shifts->size() != count)
    return c.fail("expected " + Twine(count) + " multipliers and shifts, found " + Twine(multipliers->size()) +
                  " and " + Twine(shifts->size()));
  SmallVector<int64_t> halves, more;
  for (int64_t shift : *shifts) {
    if (shift < 0 || shift > 62)
      return c.fail("expected shifts of 0 to 62, found " + Twine(shift));
    halves.push_back(shift == 0 ? 0 : int64_t(1) << (shift - 1));
    more.push_back(shift > 31 ? int64_t(1) << 30 : 0);
  }
  Value x = toI64(c.b, bitcastInteger(c.b, c[0], op.getInputUnsigned() || c.element(0).isUnsignedInteger()));
  Type type = x.getType();
  x = sub(c.b, x, splatInteger(c.b, type, *in));
  Value half = alongLast(c, halves, type);
  if (op.getRoundingMode() == mlir::tosa::RoundingMode::DOUBLE_ROUND) {
    Value away = alongLast(c, more, type);
    half = add(c.b, half, where(c.b, less(c.b, x, splatInteger(c.b, type, 0)), neg(c.b, away), away));
  }
  Value scaled = add(c.b, mul(c.b, x, alongLast(c, *multipliers, type)), half);
  Value result = add(c.b, tiny::ShrOp::create(c.b, scaled, alongLast(c, *shifts, type)), splatInteger(c.b, type, *out));
  auto to = cast<IntegerType>(c.resultType().getElementType());
  bool isUnsigned = op.getOutputUnsigned() || to.isUnsigned();
  result = clampToBits(c.b, result, to.getWidth(), isUnsigned);
  auto as =
      IntegerType::get(c.b.getContext(), to.getWidth(), isUnsigned ? IntegerType::Unsigned : IntegerType::Signless);
  return bitcastInteger(c.b, compose::cast(c.b, result, as), to.isUnsigned());
}

static Value lookUp(OpConversion &c, Value numbers) {
  return tiny::GatherOp::create(c.b, tiny::withElementType(numbers.getType(), c.element(1)), c[1], numbers, 0,
                                cast<TypedAttr>(c.b.getZeroAttr(c.element(1))));
}

// 8 bits: one of 256 entries. 16 bits: between two of 513, in steps of 1/128, with 7 more bits in the result.
static Value convertTable(OpConversion &c) {
  unsigned width = c.element(0).getIntOrFloatBitWidth();
  if (!c.element(0).isSignlessInteger() || c.shape(1) != ArrayRef<int64_t>{width == 8 ? 256 : 513})
    return c.fail("expected a table of 256 entries for i8 or of 513 for i16");
  if (width == 8) {
    Value number = toI64(c.b, c[0]);
    return lookUp(c, add(c.b, number, splatInteger(c.b, number.getType(), 128)));
  }
  Value x = compose::cast(c.b, c[0], c.b.getI32Type());
  Type type = x.getType();
  x = add(c.b, x, splatInteger(c.b, type, 32768));
  Value index = toI64(c.b, tiny::ShrOp::create(c.b, x, splatInteger(c.b, type, 7)));
  Value fraction = bitAnd(c.b, x, splatInteger(c.b, type, 127));
  Value low = compose::cast(c.b, lookUp(c, index), c.b.getI32Type());
  Value next = lookUp(c, add(c.b, index, splatInteger(c.b, index.getType(), 1)));
  Value slope = sub(c.b, compose::cast(c.b, next, c.b.getI32Type()), low);
  slope = clampToBits(c.b, slope, 16, false);
  return add(c.b, tiny::ShlOp::create(c.b, low, splatInteger(c.b, type, 7)), mul(c.b, slope, fraction));
}

ArrayRef<Row> tosatotiny::quantisedRows() {
  static const Row rows[] = {
      {"rescale", Narrow::Keep, convertRescale},
      {"table", Narrow::Keep, convertTable},
  };
  return rows;
}
