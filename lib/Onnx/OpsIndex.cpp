// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators over positions: triangles, running sums, gathers and scatters of single elements and of slices.

#include "lib/Builders/Reduction.h"
#include "lib/Onnx/NodeImport.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

// A number that has to be known, kept where arithmetic on positions cannot overflow.
static FailureOr<int64_t> knownNumber(NodeImport &n, size_t input, StringRef what, int64_t otherwise) {
  if (!n.has(input))
    return otherwise;
  FailureOr<SmallVector<int64_t>> values = n.integers(input, what);
  if (failed(values))
    return failure();
  if (values->size() != 1)
    return n.error() << what << ": expected one number, found " << values->size();
  constexpr int64_t limit = int64_t(1) << 41;
  return std::clamp(values->front(), -limit, limit);
}

static Value importTrilu(NodeImport &n) {
  bool upper = n.integer("upper", 1);
  FailureOr<int64_t> k = knownNumber(n, 1, "k", 0);
  int64_t rank = n.rank(0);
  if (failed(k))
    return {};
  if (rank < 2)
    return n.fail("expected at least two dimensions");
  AffineExpr above = n.b.getAffineDimExpr(rank - 1) - n.b.getAffineDimExpr(rank - 2) - *k;
  IntegerSet mask = IntegerSet::get(rank, 0, upper ? above : -above, false);
  return view(n.b, n[0], n.shape(0), n.b.getMultiDimIdentityMap(rank), mask,
              cast<TypedAttr>(n.b.getZeroAttr(n.element(0))));
}

// Running sums and products: each position reduces what lies before it.
template <tiny::ReduceKind kind> static Value importRunning(NodeImport &n) {
  FailureOr<int64_t> given = knownNumber(n, 1, "axis", 0);
  bool exclusive = n.integer("exclusive", 0), reverse = n.integer("reverse", 0);
  FailureOr<int64_t> axis = succeeded(given) ? n.axis(*given, n.rank(0)) : given;
  if (failed(axis))
    return {};
  int64_t rank = n.rank(0);
  SmallVector<int64_t> domain(n.shape(0));
  domain.push_back(domain[*axis]);
  AffineExpr at = n.b.getAffineDimExpr(*axis), from = n.b.getAffineDimExpr(rank);
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d < rank; ++d)
    exprs.push_back(d == *axis ? from : n.b.getAffineDimExpr(d));
  IntegerSet mask = IntegerSet::get(rank + 1, 0, (reverse ? from - at : at - from) - (exclusive ? 1 : 0), false);
  Value before = view(n.b, n[0], domain, AffineMap::get(rank + 1, 0, exprs, n.b.getContext()), mask,
                      tiny::reductionIdentity(kind, n.element(0)));
  return reduce(n.b, kind, before, {rank});
}

// Row-major strides of a shape.
static SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t d = static_cast<int64_t>(shape.size()) - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

// Indices as i64 with those that count from the end resolved.
static Value resolved(NodeImport &n, Value indices, int64_t size) {
  indices = cast(n.b, indices, n.b.getI64Type());
  Value negative = less(n.b, indices, splat(n.b, indices, 0.0));
  return where(n.b, negative, add(n.b, indices, splatInteger(n.b, indices, size)), indices);
}

// For each element of `indices`, which stand along `axis` of a tensor of `shape`, its number in that tensor; -1 where
// the index is out of range.
static Value elementNumbers(NodeImport &n, Value indices, ArrayRef<int64_t> shape, int64_t axis) {
  SmallVector<int64_t> strides = stridesOf(shape);
  AffineExpr others = n.b.getAffineConstantExpr(0);
  for (size_t d = 0; d < shape.size(); ++d)
    if (static_cast<int64_t>(d) != axis)
      others = others + n.b.getAffineDimExpr(d) * strides[d];
  Value at = resolved(n, indices, shape[axis]);
  Type type = at.getType();
  Value base = tiny::IotaOp::create(n.b, type, AffineMap::get(shape.size(), 0, others));
  Value number = add(n.b, mul(n.b, at, splatInteger(n.b, type, strides[axis])), base);
  Value zero = splat(n.b, type, 0.0);
  Value inside = bitAnd(n.b, lessEqual(n.b, zero, at), less(n.b, at, splatInteger(n.b, type, shape[axis])));
  return where(n.b, inside, number, splatInteger(n.b, type, -1));
}

// Operands of GatherElements and ScatterElements: indices of the data's rank, no larger than the data beside the axis.
static FailureOr<int64_t> elementAxis(NodeImport &n) {
  FailureOr<int64_t> axis = n.axis(n.integer("axis", 0), n.rank(0));
  if (failed(axis))
    return failure();
  bool fits = n.rank(0) == n.rank(1) && isa<IntegerType>(n.element(1)) && !n.element(1).isInteger(1);
  for (int64_t d = 0; fits && d < n.rank(0); ++d)
    fits = d == *axis || n.shape(1)[d] <= n.shape(0)[d];
  if (!fits)
    return n.error() << "expected integer indices of the data's rank, no larger than the data beside axis " << *axis
                     << ", found " << n[0].getType() << " and " << n[1].getType();
  return axis;
}

static Value flattened(NodeImport &n, Value x) { return reshape(n.b, x, {elementCount(shapeOf(x)).value_or(0)}); }

static Value gatherRows(NodeImport &n, Value rows, Value numbers, ArrayRef<int64_t> shape) {
  if (!rows || !numbers)
    return {};
  SmallVector<int64_t> gathered(shapeOf(numbers));
  llvm::append_range(gathered, shapeOf(rows).drop_front());
  auto type = RankedTensorType::get(gathered, n.element(0));
  Value result = tiny::GatherOp::create(n.b, type, rows, numbers, 0, cast<TypedAttr>(n.b.getZeroAttr(n.element(0))));
  return reshape(n.b, result, shape);
}

static Value importGatherElements(NodeImport &n) {
  FailureOr<int64_t> axis = elementAxis(n);
  if (failed(axis))
    return {};
  return gatherRows(n, flattened(n, n[0]), elementNumbers(n, n[1], n.shape(0), *axis), n.shape(1));
}

// Each row times all updates that are for it. No op scatters products, so that every row looks at every update.
static Value multiplyRows(NodeImport &n, Value rows, Value numbers, Value updates) {
  int64_t rowCount = shapeOf(rows)[0], updateCount = shapeOf(updates)[0];
  constexpr int64_t limit = int64_t(1) << 24;
  if (updateCount > 0 && rowCount > limit / updateCount)
    return n.fail("reduction 'mul' of " + Twine(updateCount) + " updates into " + Twine(rowCount) +
                  " rows is not supported: more than 2^24 pairs");
  SmallVector<int64_t> domain(shapeOf(rows));
  int64_t rank = domain.size();
  domain.push_back(updateCount);
  auto d = [&](int64_t i) { return n.b.getAffineDimExpr(i); };
  SmallVector<AffineExpr> exprs{d(rank)};
  for (int64_t i = 1; i < rank; ++i)
    exprs.push_back(d(i));
  Value all = view(n.b, updates, domain, AffineMap::get(rank + 1, 0, exprs, n.b.getContext()));
  Value target = view(n.b, numbers, domain, AffineMap::get(rank + 1, 0, d(rank)));
  Value mine = equal(n.b, target, coordinate(n.b, domain, n.b.getI64Type(), 0));
  Value one = all ? splat(n.b, all, 1) : Value();
  return mul(n.b, rows, reduce(n.b, tiny::ReduceKind::Prod, where(n.b, mine, all, one), {rank}));
}

// Scatters into the rows of a matrix (or elements of a vector) by the attribute `reduction`.
static Value scatterRows(NodeImport &n, Value rows, Value numbers, Value updates) {
  std::string reduction = n.text("reduction", "none");
  if (!rows || !numbers || !updates)
    return {};
  if (n.element(0).isInteger(1)) // of truth values a sum is any of them, a product all
    reduction = reduction == "add" ? "max" : reduction == "mul" ? "min" : reduction;
  if (reduction == "min") {
    // As the maximum of negatives, or of complements.
    auto mirror = [&](Value v) { return isa<FloatType>(n.element(0)) ? neg(n.b, v) : invert(n.b, v); };
    return mirror(tiny::ScatterOp::create(n.b, rows.getType(), tiny::ScatterKind::Max, mirror(rows), numbers,
                                          mirror(updates), 0));
  }
  if (reduction == "mul")
    return multiplyRows(n, rows, numbers, updates);
  tiny::ScatterKind kind = tiny::ScatterKind::Set;
  if (reduction == "add")
    kind = tiny::ScatterKind::Sum;
  else if (reduction == "max")
    kind = tiny::ScatterKind::Max;
  else if (reduction != "none")
    return n.fail("reduction '" + reduction + "' is not supported");
  return tiny::ScatterOp::create(n.b, rows.getType(), kind, rows, numbers, updates, 0);
}

static Value importScatterElements(NodeImport &n) {
  FailureOr<int64_t> axis = elementAxis(n);
  if (failed(axis))
    return {};
  if (n.shape(2) != n.shape(1) || n.element(2) != n.element(0))
    return n.fail("expected updates in the shape of the indices and the type of the data");
  Value numbers = elementNumbers(n, n[1], n.shape(0), *axis);
  Value result = scatterRows(n, flattened(n, n[0]), flattened(n, numbers), flattened(n, n[2]));
  return reshape(n.b, result, n.shape(0));
}

// Splits the data of GatherND and ScatterND into rows, and numbers them for each tuple of indices. `batch` leading
// dimensions belong to both.
static Value rowNumbers(NodeImport &n, int64_t batch, SmallVectorImpl<int64_t> &rest) {
  ArrayRef<int64_t> data = n.shape(0), indices = n.shape(1);
  int64_t width = indices.empty() ? -1 : indices.back();
  bool fits = batch >= 0 && batch < n.rank(1) && width >= 1 && width <= n.rank(0) - batch &&
              data.take_front(batch) == indices.take_front(batch) && n.element(1).isInteger(64);
  if (!fits) {
    n.error() << "expected indices [.., k] of i64 with k of at most the data's rank, after " << batch
              << " common dimensions; found " << n[0].getType() << " and " << n[1].getType();
    return {};
  }
  rest.assign(data.begin() + batch + width, data.end());
  SmallVector<int64_t> strides = stridesOf(data.take_front(batch + width));
  SmallVector<int64_t> shape(indices.drop_back());
  auto type = RankedTensorType::get(shape, n.b.getI64Type());
  AffineExpr base = n.b.getAffineConstantExpr(0);
  for (int64_t d = 0; d < batch; ++d)
    base = base + n.b.getAffineDimExpr(d) * strides[d];
  Value number = tiny::IotaOp::create(n.b, type, AffineMap::get(shape.size(), 0, base));
  Value inside = splat(n.b, type.clone(n.b.getI1Type()), 1.0), zero = splat(n.b, type, 0.0);
  for (int64_t k = 0; k < width; ++k) {
    int64_t size = data[batch + k];
    Value at = resolved(n, reshape(n.b, slice(n.b, n[1], shape.size(), k, 1), shape), size);
    number = add(n.b, number, mul(n.b, at, splatInteger(n.b, type, strides[batch + k])));
    Value fitting = bitAnd(n.b, lessEqual(n.b, zero, at), less(n.b, at, splatInteger(n.b, type, size)));
    inside = bitAnd(n.b, inside, fitting);
  }
  return where(n.b, inside, number, splatInteger(n.b, type, -1));
}

static Value asRows(NodeImport &n, Value x, ArrayRef<int64_t> rest) {
  SmallVector<int64_t> shape{1};
  for (int64_t size : shapeOf(x).drop_back(rest.size()))
    shape[0] *= size;
  llvm::append_range(shape, rest);
  return reshape(n.b, x, shape);
}

static Value importGatherND(NodeImport &n) {
  SmallVector<int64_t> rest;
  Value numbers = rowNumbers(n, n.integer("batch_dims", 0), rest);
  if (!numbers)
    return {};
  SmallVector<int64_t> shape(shapeOf(numbers));
  llvm::append_range(shape, rest);
  return gatherRows(n, asRows(n, n[0], rest), numbers, shape);
}

static Value importScatterND(NodeImport &n) {
  SmallVector<int64_t> rest;
  Value numbers = rowNumbers(n, 0, rest);
  if (!numbers)
    return {};
  SmallVector<int64_t> shape(shapeOf(numbers));
  llvm::append_range(shape, rest);
  if (n.shape(2) != ArrayRef<int64_t>(shape) || n.element(2) != n.element(0))
    return n.fail("expected updates of the data's type, one row for each tuple of indices");
  Value result = scatterRows(n, asRows(n, n[0], rest), flattened(n, numbers), asRows(n, n[2], rest));
  return reshape(n.b, result, n.shape(0));
}

// Each sequence of the batch, up to its length, backwards.
static Value importReverseSequence(NodeImport &n) {
  int64_t batch = n.integer("batch_axis", 1), time = n.integer("time_axis", 0);
  bool fits = (batch == 0 && time == 1) || (batch == 1 && time == 0);
  if (n.rank(0) < 2 || !fits || n.shape(1) != n.shape(0).slice(batch, 1) || !n.element(1).isInteger(64))
    return n.fail("expected axes 0 and 1 for time and batch, and a length of i64 for each sequence");
  SmallVector<int64_t> outer(n.shape(0).take_front(2));
  Type i64 = n.b.getI64Type();
  Value length = broadcastAlong(n.b, n[1], outer, batch), at = coordinate(n.b, outer, i64, time);
  Value one = splat(n.b, at, 1);
  Value from = where(n.b, less(n.b, at, length), sub(n.b, sub(n.b, length, one), at), at);
  Value scaled = time == 0 ? mul(n.b, from, splatInteger(n.b, at, outer[1])) : from;
  Value base = coordinate(n.b, outer, i64, batch);
  if (time == 1)
    base = mul(n.b, base, splatInteger(n.b, at, outer[1]));
  SmallVector<int64_t> rest(n.shape(0).drop_front(2));
  return gatherRows(n, asRows(n, n[0], rest), add(n.b, scaled, base), n.shape(0));
}

ArrayRef<Operator> onnx::indexOperators() {
  static const Operator rows[] = {
      {"CumProd", 26, 2, 2, Narrow::Widen, importRunning<tiny::ReduceKind::Prod>},
      {"CumSum", 11, 2, 2, Narrow::Widen, importRunning<tiny::ReduceKind::Sum>},
      {"GatherElements", 11, 2, 2, Narrow::Keep, importGatherElements},
      {"GatherND", 11, 2, 2, Narrow::Keep, importGatherND},
      {"ReverseSequence", 10, 2, 2, Narrow::Keep, importReverseSequence},
      {"Scatter", 9, 3, 3, Narrow::Keep, importScatterElements},
      {"ScatterElements", 11, 3, 3, Narrow::Keep, importScatterElements},
      {"ScatterND", 11, 3, 3, Narrow::Keep, importScatterND},
      {"Trilu", 14, 1, 2, Narrow::Keep, importTrilu},
  };
  return rows;
}
