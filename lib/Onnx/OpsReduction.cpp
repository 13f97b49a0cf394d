// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions, positions of extremes, softmax and norms.

#include "lib/Builders/Reduction.h"

#include "lib/Onnx/NodeImport.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

using Reduction = Value (*)(compose::Builder &, Value, ArrayRef<int64_t>);

// A reduction with its axes (an attribute, an operand from `operandSince` on) and keepdims.
static Value reduceBy(NodeImport &n, int64_t operandSince, Reduction build) {
  std::optional<SmallVector<int64_t>> given;
  bool noop = false;
  if (n.version < operandSince) {
    given = n.integerList("axes");
  } else {
    noop = n.integer("noop_with_empty_axes", 0);
    if (n.has(1)) {
      FailureOr<SmallVector<int64_t>> axes = n.integers(1, "axes");
      if (failed(axes))
        return {};
      given = *axes;
    }
  }
  bool keep = n.integer("keepdims", 1);
  int64_t rank = n.rank(0);
  SmallVector<int64_t> dims;
  if (given && !given->empty()) {
    FailureOr<SmallVector<int64_t>> axes = n.axes(*given, rank);
    if (failed(axes))
      return {};
    dims = *axes;
    llvm::sort(dims);
  } else if (!noop) {
    for (int64_t d = 0; d < rank; ++d)
      dims.push_back(d);
  }
  Value result = build(n.b, n[0], dims);
  if (!result || !keep)
    return result;
  SmallVector<int64_t> shape(n.shape(0));
  for (int64_t d : dims)
    shape[d] = 1;
  return reshape(n.b, result, shape);
}

static Value sum(compose::Builder &b, Value x, ArrayRef<int64_t> dims) {
  return reduce(b, tiny::ReduceKind::Sum, x, dims);
}
static Value prod(compose::Builder &b, Value x, ArrayRef<int64_t> dims) {
  return reduce(b, tiny::ReduceKind::Prod, x, dims);
}
static Value maximum(compose::Builder &b, Value x, ArrayRef<int64_t> dims) {
  return reduce(b, tiny::ReduceKind::Max, x, dims);
}
static Value sumAbs(compose::Builder &b, Value x, ArrayRef<int64_t> dims) { return sum(b, abs(b, x), dims); }
static Value sumSquare(compose::Builder &b, Value x, ArrayRef<int64_t> dims) { return sum(b, mul(b, x, x), dims); }

// What is computed of integers as floats is truncated.
template <Reduction build> static Value asFloats(compose::Builder &b, Value x, ArrayRef<int64_t> dims) {
  Type element = tiny::elementType(x.getType());
  return isa<FloatType>(element) ? build(b, x, dims) : cast(b, build(b, cast(b, x, b.getF64Type()), dims), element);
}
static Value logSum(compose::Builder &b, Value x, ArrayRef<int64_t> dims) { return log(b, sum(b, x, dims)); }

// The root of integers is that of the float, truncated.
static Value rootSumSquare(compose::Builder &b, Value x, ArrayRef<int64_t> dims) {
  Value squares = sumSquare(b, x, dims);
  if (!squares || isa<FloatType>(tiny::elementType(squares.getType())))
    return compose::sqrt(b, squares);
  return cast(b, compose::sqrt(b, cast(b, squares, b.getF64Type())), tiny::elementType(squares.getType()));
}

// Sum takes its axes as an operand from version 13 on, the others from 18 on.
template <Reduction build, int64_t operandSince = 18> static Value importReduce(NodeImport &n) {
  return reduceBy(n, operandSince, build);
}

template <Value (*build)(compose::Builder &, Value, int64_t, bool)> static Value importArg(NodeImport &n) {
  FailureOr<int64_t> axis = n.axis(n.integer("axis", 0), n.rank(0));
  bool keep = n.integer("keepdims", 1), last = n.integer("select_last_index", 0);
  if (failed(axis))
    return {};
  Value result = build(n.b, n[0], *axis, last);
  SmallVector<int64_t> shape(n.shape(0));
  shape[*axis] = 1;
  return keep ? reshape(n.b, result, shape) : result;
}

// Before version 13 the operand is a matrix, cut at the axis; softmax goes over its rows.
template <Reduction build> static Value importSoftmax(NodeImport &n) {
  bool matrix = n.version < 13;
  int64_t rank = n.rank(0);
  FailureOr<int64_t> axis = n.axis(n.integer("axis", matrix ? 1 : -1), rank);
  if (failed(axis))
    return {};
  SmallVector<int64_t> dims;
  for (int64_t d = *axis; d < (matrix ? rank : *axis + 1); ++d)
    dims.push_back(d);
  return build(n.b, n[0], dims);
}

static Value importHardmax(NodeImport &n) {
  bool matrix = n.version < 13;
  FailureOr<int64_t> axis = n.axis(n.integer("axis", matrix ? 1 : -1), n.rank(0));
  if (failed(axis))
    return {};
  SmallVector<int64_t> shape(n.shape(0));
  Value x = n[0];
  int64_t dim = *axis;
  if (matrix) {
    int64_t rows = 1, columns = 1;
    for (auto [d, size] : llvm::enumerate(shape))
      (static_cast<int64_t>(d) < *axis ? rows : columns) *= size;
    x = reshape(n.b, x, {rows, columns});
    dim = 1;
  }
  Value at = argMax(n.b, x, dim, /*last=*/false);
  if (!at)
    return {};
  Value hit = equal(n.b, coordinate(n.b, shapeOf(x), n.b.getI64Type(), dim), broadcastOver(n.b, at, shapeOf(x), {dim}));
  return reshape(n.b, cast(n.b, hit, n.element(0)), shape);
}

static SmallVector<int64_t> dimsFrom(int64_t first, int64_t rank) {
  SmallVector<int64_t> dims;
  for (int64_t d = first; d < rank; ++d)
    dims.push_back(d);
  return dims;
}

// The statistics of a layer norm keep the normalised dimensions as 1.
static Value keepDims(NodeImport &n, Value x, int64_t axis) {
  SmallVector<int64_t> shape(n.shape(0));
  for (size_t d = axis; d < shape.size(); ++d)
    shape[d] = 1;
  return reshape(n.b, x, shape);
}

// Statistics are computed in f32 unless the operand is f64: stash_type asks for that, and 16 bits would lose them.
static Value importLayerNormalization(NodeImport &n) {
  FailureOr<int64_t> axis = n.axis(n.integer("axis", -1), n.rank(0));
  n.ignore({"stash_type"});
  if (failed(axis))
    return {};
  Type element = n.element(0);
  Value x = element.isF64() ? n[0] : cast(n.b, n[0], n.b.getF32Type());
  Normalized normal = normalize(n.b, x, dimsFrom(*axis, n.rank(0)), n.number("epsilon", 1e-5));
  Value result = cast(n.b, normal.result, element);
  result = mul(n.b, result, broadcast(n.b, n[1], n.shape(0)));
  if (n.has(2))
    result = add(n.b, result, broadcast(n.b, n[2], n.shape(0)));
  if (n.wants(1) || n.wants(2)) {
    // They are floats of 32 bits whatever the operand is.
    n.moreAreTyped = true;
    for (Value statistic : {normal.mean, normal.inverseDeviation})
      n.moreResults.push_back(cast(n.b, keepDims(n, statistic, *axis), n.b.getF32Type()));
  }
  return result;
}

static Value importRMSNormalization(NodeImport &n) {
  FailureOr<int64_t> axis = n.axis(n.integer("axis", -1), n.rank(0));
  n.ignore({"stash_type"});
  if (failed(axis))
    return {};
  Value normal = rmsNormalize(n.b, n[0], dimsFrom(*axis, n.rank(0)), n.number("epsilon", 1e-5));
  return mul(n.b, normal, broadcast(n.b, n[1], n.shape(0)));
}

static Value importInstanceNormalization(NodeImport &n) {
  n.ignore({"consumed_inputs"});
  if (n.rank(0) < 2)
    return n.fail("expected an operand [N, C, ..]");
  Value normal = normalize(n.b, n[0], dimsFrom(2, n.rank(0)), n.number("epsilon", 1e-5)).result;
  Value scaled = mul(n.b, normal, broadcastAlong(n.b, n[1], n.shape(0), 1));
  return add(n.b, scaled, broadcastAlong(n.b, n[2], n.shape(0), 1));
}

static Value importGroupNormalization(NodeImport &n) {
  n.ignore({"stash_type"});
  int64_t groups = n.integer("num_groups", 0);
  if (n.rank(0) < 2 || groups < 1 || n.shape(0)[1] % groups != 0)
    return n.fail("expected an operand [N, C, ..] with C a multiple of num_groups");
  SmallVector<int64_t> shape(n.shape(0));
  shape.insert(shape.begin() + 1, groups);
  shape[2] /= groups;
  Value x = reshape(n.b, n[0], shape);
  Value normal = normalize(n.b, x, dimsFrom(2, shape.size()), n.number("epsilon", 1e-5)).result;
  // Before version 21 scale and bias are one number a group.
  auto along = [&](Value v) {
    if (n.version >= 21)
      return broadcastAlong(n.b, v, n.shape(0), 1);
    return reshape(n.b, broadcastAlong(n.b, v, shape, 1), n.shape(0));
  };
  return add(n.b, mul(n.b, reshape(n.b, normal, n.shape(0)), along(n[1])), along(n[2]));
}

static Value importBatchNormalization(NodeImport &n) {
  double momentum = n.number("momentum", 0.9), epsilon = n.number("epsilon", 1e-5);
  n.ignore({"consumed_inputs", "is_test"});
  bool trains = n.integer("training_mode", 0);
  if (!trains && n.wants(1))
    return n.fail("outputs of the training mode are not supported without it");
  if (!n.integer("spatial", 1))
    return n.fail("statistics for each position (spatial = 0) are not supported");
  if (n.rank(0) < 1)
    return n.fail("expected an operand [N, C, ..] or [N], found one without dimensions");
  // A vector has no channel dimension: one channel, as if [N, 1].
  Value x = n.rank(0) == 1 ? reshape(n.b, n[0], {n.shape(0)[0], 1}) : n[0];
  Value mean = n[3], variance = n[4];
  if (trains) {
    // The statistics are those of the batch; the running ones move towards them.
    SmallVector<int64_t> dims = dimsFrom(2, shapeOf(x).size());
    dims.insert(dims.begin(), 0);
    mean = reduceMean(n.b, x, dims);
    Value deviation = sub(n.b, x, broadcastOver(n.b, mean, shapeOf(x), dims));
    variance = reduceMean(n.b, mul(n.b, deviation, deviation), dims);
    auto moved = [&](Value running, Value now) {
      Type type = running.getType();
      now = cast(n.b, now, tiny::elementType(type));
      return add(n.b, mul(n.b, running, splat(n.b, type, momentum)), mul(n.b, now, splat(n.b, type, 1 - momentum)));
    };
    n.moreResults = {moved(n[3], mean), moved(n[4], variance)};
  }
  Value result = batchNorm(n.b, x, n[1], n[2], mean, variance, epsilon);
  return reshape(n.b, result, n.shape(0));
}

static Value importLpNormalization(NodeImport &n) {
  FailureOr<int64_t> axis = n.axis(n.integer("axis", -1), n.rank(0));
  int64_t p = n.integer("p", 2);
  if (failed(axis))
    return {};
  if (p != 1 && p != 2)
    return n.fail("attribute 'p': expected 1 or 2, found " + Twine(p));
  Value size = p == 1 ? sumAbs(n.b, n[0], {*axis}) : rootSumSquare(n.b, n[0], {*axis});
  if (!size)
    return {};
  // A row of zeros stays one.
  Value zero = splat(n.b, size, 0.0);
  size = where(n.b, equal(n.b, size, zero), splat(n.b, size, 1.0), size);
  return div(n.b, n[0], broadcastOver(n.b, size, n.shape(0), {*axis}));
}

static Value importMeanVarianceNormalization(NodeImport &n) {
  SmallVector<int64_t> given = n.integerList("axes").value_or(SmallVector<int64_t>{0, 2, 3});
  FailureOr<SmallVector<int64_t>> axes = n.axes(given, n.rank(0));
  if (failed(axes))
    return {};
  llvm::sort(*axes);
  Value deviation = sub(n.b, n[0], broadcastOver(n.b, reduceMean(n.b, n[0], *axes), n.shape(0), *axes));
  Value root = compose::sqrt(n.b, reduceMean(n.b, mul(n.b, deviation, deviation), *axes));
  if (!root)
    return {};
  root = add(n.b, root, splat(n.b, root, 1e-9));
  return div(n.b, deviation, broadcastOver(n.b, root, n.shape(0), *axes));
}

ArrayRef<Operator> onnx::reductionOperators() {
  static const Operator rows[] = {
      {"ArgMax", 1, 1, 1, Narrow::Widen, importArg<argMax>},
      {"ArgMin", 1, 1, 1, Narrow::Widen, importArg<argMin>},
      {"BatchNormalization", 1, 5, 5, Narrow::Widen, importBatchNormalization},
      {"GroupNormalization", 18, 3, 3, Narrow::Widen, importGroupNormalization},
      {"Hardmax", 1, 1, 1, Narrow::Widen, importHardmax},
      {"InstanceNormalization", 1, 3, 3, Narrow::Widen, importInstanceNormalization},
      {"LayerNormalization", 17, 2, 3, Narrow::Widen, importLayerNormalization},
      {"LogSoftmax", 1, 1, 1, Narrow::Widen, importSoftmax<logSoftmax>},
      {"LpNormalization", 1, 1, 1, Narrow::Widen, importLpNormalization},
      {"MeanVarianceNormalization", 9, 1, 1, Narrow::Widen, importMeanVarianceNormalization},
      {"RMSNormalization", 23, 2, 2, Narrow::Widen, importRMSNormalization},
      {"ReduceL1", 1, 1, 2, Narrow::Widen, importReduce<sumAbs>},
      {"ReduceL2", 1, 1, 2, Narrow::Widen, importReduce<rootSumSquare>},
      {"ReduceLogSum", 1, 1, 2, Narrow::Widen, importReduce<asFloats<logSum>>},
      {"ReduceLogSumExp", 1, 1, 2, Narrow::Widen, importReduce<asFloats<reduceLogSumExp>>},
      {"ReduceMax", 1, 1, 2, Narrow::Widen, importReduce<maximum>},
      {"ReduceMean", 1, 1, 2, Narrow::Widen, importReduce<reduceMean>},
      {"ReduceMin", 1, 1, 2, Narrow::Widen, importReduce<reduceMin>},
      {"ReduceProd", 1, 1, 2, Narrow::Widen, importReduce<prod>},
      {"ReduceSum", 1, 1, 2, Narrow::Widen, importReduce<sum, 13>},
      {"ReduceSumSquare", 1, 1, 2, Narrow::Widen, importReduce<sumSquare>},
      {"Softmax", 1, 1, 1, Narrow::Widen, importSoftmax<softmax>},
  };
  return rows;
}
