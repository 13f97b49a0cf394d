// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that move data: views, concat, gather, scatter.

#include "lib/Tosa/OpConversion.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tosatotiny;
using namespace tinyc::compose;

static Value convertConcat(OpConversion &c) {
  return concat(c.b, c.tensors, cast<mlir::tosa::ConcatOp>(c.op).getAxis());
}

static Value convertPad(OpConversion &c) {
  ArrayRef<int64_t> padding = c.shapeOperand(1);
  size_t rank = c.shape(0).size();
  DenseElementsAttr number = c.constant(2, "pad_const");
  if (!number)
    return {};
  if (padding.size() != 2 * rank || number.getNumElements() != 1)
    return c.fail("expected " + Twine(2 * rank) + " sizes of padding and one number, found " + Twine(padding.size()) +
                  " and " + Twine(number.getNumElements()));
  SmallVector<int64_t> before, after;
  for (size_t d = 0; d < rank; ++d) {
    if (padding[2 * d] < 0 || padding[2 * d + 1] < 0)
      return c.fail("expected a padding of 0 or more, found " + Twine(padding[2 * d]) + " and " +
                    Twine(padding[2 * d + 1]) + " in dimension " + Twine(d));
    before.push_back(padding[2 * d]);
    after.push_back(padding[2 * d + 1]);
  }
  auto fill = cast<TypedAttr>(*number.getValues<Attribute>().begin());
  if (auto integer = dyn_cast<IntegerAttr>(fill); integer && integer.getType() != c.element(0))
    fill = IntegerAttr::get(c.element(0), integer.getValue().sextOrTrunc(c.element(0).getIntOrFloatBitWidth()));
  return pad(c.b, c[0], before, after, fill);
}

static Value convertReshape(OpConversion &c) { return reshape(c.b, c[0], c.resultType().getShape()); }

static Value convertReverse(OpConversion &c) { return flip(c.b, c[0], cast<mlir::tosa::ReverseOp>(c.op).getAxis()); }

static Value convertSlice(OpConversion &c) {
  ArrayRef<int64_t> shape = c.shape(0), starts = c.shapeOperand(1), sizes = c.shapeOperand(2);
  if (starts.size() != shape.size() || sizes.size() != shape.size())
    return c.fail("expected " + Twine(shape.size()) + " starts and sizes, found " + Twine(starts.size()) + " and " +
                  Twine(sizes.size()));
  for (size_t d = 0; d < shape.size(); ++d)
    if (starts[d] < 0 || sizes[d] < 0 || starts[d] > shape[d] - sizes[d])
      return c.fail("dimension " + Twine(d) + ": expected " + Twine(sizes[d]) + " elements from " + Twine(starts[d]) +
                    " on to lie among " + Twine(shape[d]));
  return stridedSlice(c.b, c[0], starts, sizes, SmallVector<int64_t>(shape.size(), 1));
}

static Value convertTile(OpConversion &c) {
  ArrayRef<int64_t> multiples = c.shapeOperand(1);
  if (multiples.size() != c.shape(0).size() || llvm::any_of(multiples, [](int64_t m) { return m < 1; }))
    return c.fail("expected " + Twine(c.shape(0).size()) + " multiples of at least 1");
  return tile(c.b, c[0], multiples);
}

static Value convertTranspose(OpConversion &c) {
  SmallVector<int64_t> permutation;
  for (int32_t dim : cast<mlir::tosa::TransposeOp>(c.op).getPerms())
    permutation.push_back(dim);
  return permute(c.b, c[0], permutation);
}

// For each index of a batch the number of its row among those of all batches; -1 out of range.
static Value rowNumbers(OpConversion &c, Value indices, int64_t rows) {
  indices = toI64(c.b, indices);
  Type type = indices.getType();
  Value batch = coordinate(c.b, shapeOf(indices), c.b.getI64Type(), 0);
  Value number = add(c.b, mul(c.b, batch, splatInteger(c.b, type, rows)), indices);
  Value inside = bitAnd(c.b, lessEqual(c.b, splatInteger(c.b, type, 0), indices),
                        less(c.b, indices, splatInteger(c.b, type, rows)));
  return where(c.b, inside, number, splatInteger(c.b, type, -1));
}

// [batch, rows, ..] as [batch * rows, ..].
static Value asRows(OpConversion &c, Value x) {
  ArrayRef<int64_t> shape = shapeOf(x);
  SmallVector<int64_t> rows{shape[0] * shape[1]};
  llvm::append_range(rows, shape.drop_front(2));
  return reshape(c.b, x, rows);
}

static Value convertGather(OpConversion &c) {
  Value numbers = rowNumbers(c, c[1], c.shape(0)[1]);
  return tiny::GatherOp::create(c.b, c.resultType(), asRows(c, c[0]), numbers, 0,
                                cast<TypedAttr>(c.b.getZeroAttr(c.element(0))));
}

static Value convertScatter(OpConversion &c) {
  Value numbers = rowNumbers(c, c[1], c.shape(0)[1]), rows = asRows(c, c[0]);
  numbers = reshape(c.b, numbers, {c.shape(1)[0] * c.shape(1)[1]});
  Value result =
      tiny::ScatterOp::create(c.b, rows.getType(), tiny::ScatterKind::Set, rows, numbers, asRows(c, c[2]), 0);
  return reshape(c.b, result, c.shape(0));
}

ArrayRef<Row> tosatotiny::movementRows() {
  static const Row rows[] = {
      {"concat", Narrow::Keep, convertConcat},
      {"gather", Narrow::Keep, convertGather},
      {"pad", Narrow::Keep, convertPad},
      {"reshape", Narrow::Keep, convertReshape},
      {"reverse", Narrow::Keep, convertReverse},
      {"scatter", Narrow::Keep, convertScatter},
      {"slice", Narrow::Keep, convertSlice},
      {"tile", Narrow::Keep, convertTile},
      {"transpose", Narrow::Keep, convertTranspose},
  };
  return rows;
}
