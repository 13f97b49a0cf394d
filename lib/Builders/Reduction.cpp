// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions, softmax and norms.

#include "lib/Builders/Reduction.h"

using namespace mlir;
using namespace tinyc;

Value compose::reduce(Builder &b, tiny::ReduceKind kind, Value x, ArrayRef<int64_t> dims) {
  if (!x || dims.empty())
    return x;
  int64_t rank = shapeOf(x).size();
  if (!llvm::all_of(dims, [&](int64_t dim) { return dim >= 0 && dim < rank; })) {
    emitError(b.getLoc(), "reduction: expected dimensions below ")
        << rank << ", found " << dims << " for " << x.getType();
    return {};
  }
  Type element = tiny::elementType(x.getType());
  if (!element.isInteger(1))
    return tiny::ReduceOp::create(b, kind, x, dims);
  Value number = cast(b, x, IntegerType::get(b.getContext(), 8, IntegerType::Unsigned));
  return cast(b, tiny::ReduceOp::create(b, kind, number, dims), element);
}

// What turns a minimum into a maximum: the negative of floats, the complement of integers and truth values.
static Value mirror(compose::Builder &b, Value x) {
  if (!x)
    return {};
  return isa<FloatType>(tiny::elementType(x.getType())) ? compose::neg(b, x) : compose::invert(b, x);
}

Value compose::reduceMin(Builder &b, Value x, ArrayRef<int64_t> dims) {
  return dims.empty() ? x : mirror(b, reduce(b, tiny::ReduceKind::Max, mirror(b, x), dims));
}

static int64_t sizeOver(Value x, ArrayRef<int64_t> dims) {
  int64_t size = 1;
  for (int64_t dim : dims)
    size *= compose::shapeOf(x)[dim];
  return size;
}

Value compose::reduceMean(Builder &b, Value x, ArrayRef<int64_t> dims) {
  Value sum = reduce(b, tiny::ReduceKind::Sum, x, dims);
  return sum ? div(b, sum, splatInteger(b, sum, sizeOver(x, dims))) : sum;
}

// The maximum over `dims`, with 0 in place of infinities: what exponents are taken relative to. Without the guard a
// row of -inf would give -inf - -inf.
static Value finiteMax(compose::Builder &b, Value x, ArrayRef<int64_t> dims) {
  using namespace compose;
  Value largest = reduce(b, tiny::ReduceKind::Max, x, dims);
  if (!largest)
    return {};
  Value infinity = splat(b, largest, std::numeric_limits<double>::infinity());
  return where(b, equal(b, abs(b, largest), infinity), splat(b, largest, 0.0), largest);
}

Value compose::reduceLogSumExp(Builder &b, Value x, ArrayRef<int64_t> dims) {
  Value largest = finiteMax(b, x, dims);
  if (!largest)
    return {};
  Value shifted = sub(b, x, broadcastOver(b, largest, shapeOf(x), dims));
  return add(b, log(b, reduce(b, tiny::ReduceKind::Sum, exp(b, shifted), dims)), largest);
}

Value compose::argMax(Builder &b, Value x, int64_t dim, bool last) {
  Value largest = reduce(b, tiny::ReduceKind::Max, x, {dim});
  if (!largest)
    return {};
  ArrayRef<int64_t> shape = shapeOf(x);
  Value hit = equal(b, x, broadcastOver(b, largest, shape, {dim}));
  if (isa<FloatType>(tiny::elementType(x.getType())))
    hit = bitOr(b, hit, invert(b, equal(b, x, x)));
  // Positions fit 32 bits, which every target reduces faster than 64.
  Type i32 = b.getI32Type();
  int64_t end = shape[dim] - 1;
  if (end > std::numeric_limits<int32_t>::max()) {
    emitError(b.getLoc()) << "expected less than 2^31 elements along dimension " << dim << ", found " << end + 1;
    return {};
  }
  AffineExpr at = b.getAffineDimExpr(dim);
  Value rank =
      tiny::IotaOp::create(b, RankedTensorType::get(shape, i32), AffineMap::get(shape.size(), 0, last ? at : end - at));
  Value best = reduce(b, tiny::ReduceKind::Max, where(b, hit, rank, splatInteger(b, rank, -1)), {dim});
  if (!last)
    best = sub(b, splatInteger(b, best, end), best);
  return cast(b, best, b.getI64Type());
}

Value compose::argMin(Builder &b, Value x, int64_t dim, bool last) { return argMax(b, mirror(b, x), dim, last); }

Value compose::softmax(Builder &b, Value x, ArrayRef<int64_t> dims) {
  Value largest = reduce(b, tiny::ReduceKind::Max, x, dims);
  if (!largest)
    return {};
  Value power = exp(b, sub(b, x, broadcastOver(b, largest, shapeOf(x), dims)));
  Value sum = reduce(b, tiny::ReduceKind::Sum, power, dims);
  return sum ? div(b, power, broadcastOver(b, sum, shapeOf(x), dims)) : sum;
}

Value compose::logSoftmax(Builder &b, Value x, ArrayRef<int64_t> dims) {
  Value largest = reduce(b, tiny::ReduceKind::Max, x, dims);
  if (!largest)
    return {};
  Value shifted = sub(b, x, broadcastOver(b, largest, shapeOf(x), dims));
  Value sum = log(b, reduce(b, tiny::ReduceKind::Sum, exp(b, shifted), dims));
  return sum ? sub(b, shifted, broadcastOver(b, sum, shapeOf(x), dims)) : sum;
}

static Value inverseRoot(compose::Builder &b, Value x, double epsilon) {
  using namespace compose;
  return x ? reciprocal(b, sqrt(b, add(b, x, splat(b, x, epsilon)))) : x;
}

compose::Normalized compose::normalize(Builder &b, Value x, ArrayRef<int64_t> dims, double epsilon) {
  Normalized n;
  if (!(n.mean = reduceMean(b, x, dims)))
    return n;
  Value deviation = sub(b, x, broadcastOver(b, n.mean, shapeOf(x), dims));
  n.inverseDeviation = inverseRoot(b, reduceMean(b, mul(b, deviation, deviation), dims), epsilon);
  n.result = mul(b, deviation, broadcastOver(b, n.inverseDeviation, shapeOf(x), dims));
  return n;
}

Value compose::rmsNormalize(Builder &b, Value x, ArrayRef<int64_t> dims, double epsilon) {
  Value root = inverseRoot(b, reduceMean(b, mul(b, x, x), dims), epsilon);
  return root ? mul(b, x, broadcastOver(b, root, shapeOf(x), dims)) : root;
}

Value compose::batchNorm(Builder &b, Value x, Value scale, Value bias, Value mean, Value variance, double epsilon) {
  Value factor = mul(b, scale, inverseRoot(b, variance, epsilon));
  Value offset = sub(b, bias, mul(b, mean, factor));
  if (!x || !factor || !offset)
    return {};
  return add(b, mul(b, x, broadcastAlong(b, factor, shapeOf(x), 1)), broadcastAlong(b, offset, shapeOf(x), 1));
}
