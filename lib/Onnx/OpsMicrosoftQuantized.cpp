// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// com.microsoft: the quantised operators that ONNX Runtime's quantiser makes. Products and means are sums of integers;
// everything else is the operator of floats, on numbers made of the integers and quantised again.

#include "lib/Builders/Elementary.h"
#include "lib/Builders/Quantization.h"
#include "lib/Builders/Reduction.h"
#include "lib/Onnx/QuantizedOperands.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

// One number, repeated.
static Value repeated(NodeImport &n, Value parameter, ArrayRef<int64_t> shape) {
  return parameter ? broadcast(n.b, reshape(n.b, parameter, {}), shape) : parameter;
}

// Whether `first` and `first` + 1 are one scale and one zero point for integers of type `element`.
static LogicalResult expectScaleAndZero(NodeImport &n, size_t first, Type element, Presence zero) {
  if (failed(expectOperand(n, first, "a scale", n.b.getF32Type(), kOneNumber)))
    return failure();
  return expectOperand(n, first + 1, "a zero point", element, kOneNumber, zero);
}

// The integers at `first`, which are followed by their scale and zero point.
static LogicalResult expectQuantized(NodeImport &n, size_t first, Presence zero) {
  if (failed(expectBytes(n, first)))
    return failure();
  return expectScaleAndZero(n, first + 1, n.element(first), zero);
}

// The same as floats; null after an error.
static Value real(NodeImport &n, size_t first, Presence zero) {
  if (failed(expectQuantized(n, first, zero)))
    return {};
  ArrayRef<int64_t> shape = n.shape(first);
  return dequantize(n.b, n[first], repeated(n, n[first + 1], shape), repeated(n, n[first + 2], shape));
}

// Floats as integers, by a scale and a zero point.
static Value integers(NodeImport &n, Value x, Value scale, Value zero, Type element) {
  return x ? quantize(n.b, x, repeated(n, scale, shapeOf(x)), repeated(n, zero, shapeOf(x)), element) : x;
}

// The integers at `first` less their zero point, in i32.
static Value centred(NodeImport &n, size_t first) {
  Value x = cast(n.b, n[first], n.b.getI32Type());
  Value zero = zeroPoint(n, first + 2);
  return zero ? sub(n.b, x, repeated(n, cast(n.b, zero, n.b.getI32Type()), n.shape(first))) : x;
}

// The operator of ONNX on the floats of the first three operands, its result quantised by the two after them.
static Value onFloats(NodeImport &n, StringRef name, int64_t version, Presence zero) {
  Value x = real(n, 0, zero);
  if (!x || failed(expectScaleAndZero(n, 3, n.element(0), zero)))
    return {};
  Value scale = n[3], point = n[4];
  Type element = n.element(0);
  n.inputs = {x};
  n.version = version;
  return integers(n, findOperator("", name, version)->import(n), scale, point, element);
}

static Value importQLinearSigmoid(NodeImport &n) { return onFloats(n, "Sigmoid", 13, Presence::Optional); }

static Value importQLinearLeakyRelu(NodeImport &n) { return onFloats(n, "LeakyRelu", 16, Presence::Optional); }

static Value importQLinearSoftmax(NodeImport &n) {
  int64_t version = n.integer("opset", 0);
  if (version < 1)
    return n.fail("expected the attribute 'opset', the version of Softmax");
  if (failed(expectOperand(n, 4, "a zero point", n.element(0), kOneNumber)))
    return {};
  return onFloats(n, "Softmax", version, Presence::Optional);
}

// `import` on an operand [N, C, ..], however the model has the channels.
static Value withChannelsSecond(NodeImport &n, function_ref<Value()> import) {
  int64_t rank = n.rank(0);
  bool last = n.integer("channels_last", 0);
  if (rank < 3) {
    n.error() << "expected an operand of channels and spatial dimensions, found " << n[0].getType();
    return {};
  }
  if (!last)
    return import();
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank)), back(order);
  std::rotate(order.begin() + 1, order.end() - 1, order.end());
  std::rotate(back.begin() + 1, back.begin() + 2, back.end());
  n.inputs[0] = permute(n.b, n[0], order);
  return permute(n.b, import(), back);
}

// Sums over windows of integers are exact in floats; the scales are applied to the means.
static Value importQLinearAveragePool(NodeImport &n) {
  return withChannelsSecond(n, [&]() -> Value {
    if (failed(expectQuantized(n, 0, Presence::Optional)) ||
        failed(expectScaleAndZero(n, 3, n.element(0), Presence::Optional)))
      return {};
    Value scale = reshape(n.b, n[1], {}), resultScale = reshape(n.b, n[3], {}), zero = oneNumber(n, n[4]);
    Type element = n.element(0);
    n.inputs = {cast(n.b, centred(n, 0), n.b.getF32Type())};
    Value mean = findOperator("", "AveragePool", 19)->import(n);
    return requantized(n, mean, scale, resultScale, zero, element);
  });
}

// The mean over `dims`, from exact sums.
static Value integerMean(NodeImport &n, ArrayRef<int64_t> dims, bool keep, Presence zero) {
  if (failed(expectQuantized(n, 0, zero)) || failed(expectScaleAndZero(n, 3, n.element(0), zero)))
    return {};
  SmallVector<int64_t> kept(n.shape(0));
  int64_t count = 1;
  for (int64_t d : dims)
    count *= std::exchange(kept[d], 1);
  if (count > std::numeric_limits<int32_t>::max() / 255)
    return n.fail("a mean of " + Twine(count) + " bytes may leave the sum of 32 bits");
  Value sums = reduce(n.b, tiny::ReduceKind::Sum, centred(n, 0), dims);
  if (keep)
    sums = reshape(n.b, sums, kept);
  Value resultScale = reshape(n.b, n[3], {});
  resultScale = mul(n.b, resultScale, splat(n.b, resultScale, count));
  return requantized(n, sums, reshape(n.b, n[1], {}), resultScale, oneNumber(n, n[4]), n.element(0));
}

static Value importQLinearGlobalAveragePool(NodeImport &n) {
  return withChannelsSecond(n, [&] {
    return integerMean(n, llvm::to_vector(llvm::seq<int64_t>(2, n.rank(0))), /*keep=*/true, Presence::Required);
  });
}

static Value importQLinearReduceMean(NodeImport &n) {
  SmallVector<int64_t> all = llvm::to_vector(llvm::seq<int64_t>(0, n.rank(0)));
  FailureOr<SmallVector<int64_t>> dims = n.axes(n.integerList("axes").value_or(all), n.rank(0));
  if (failed(dims))
    return {};
  llvm::sort(*dims);
  return integerMean(n, *dims, n.integer("keepdims", 1), Presence::Optional);
}

static Value importQLinearConcat(NodeImport &n) {
  size_t count = n.inputs.size();
  if (count % 3 != 2)
    return n.fail("expected a scale and a zero point, then three operands for each tensor; found " + Twine(count) +
                  " operands");
  Type element = n.element(2);
  FailureOr<int64_t> axis = n.axis(n.integer("axis", 0), n.rank(2));
  if (failed(axis) || failed(expectScaleAndZero(n, 0, element, Presence::Required)))
    return {};
  SmallVector<Value> parts;
  for (size_t first = 2; first < count; first += 3) {
    Value part = integers(n, real(n, first, Presence::Required), n[0], n[1], element);
    if (!part)
      return {};
    if (n.element(first) != element)
      return n.fail("expected tensors of one type");
    parts.push_back(part);
  }
  return concat(n.b, parts, *axis);
}

static Value importQLinearWhere(NodeImport &n) {
  Type element = n.element(1);
  Value v[] = {n[0], real(n, 1, Presence::Required), real(n, 4, Presence::Required)};
  if (!v[1] || !v[2] || failed(expectScaleAndZero(n, 7, element, Presence::Required)))
    return {};
  if (n.element(4) != element)
    return n.fail("expected tensors of one type");
  // Quantised before they are chosen from, so that what stands in memory are bytes.
  for (Value &x : MutableArrayRef(v).drop_front())
    x = integers(n, x, n[7], n[8], element);
  return broadcastTogether(n.b, v) ? where(n.b, v[0], v[1], v[2]) : Value();
}

static Value importQLinearAdd(NodeImport &n) {
  Value v[] = {real(n, 0, Presence::Optional), real(n, 3, Presence::Optional)};
  if (!v[0] || !v[1] || failed(expectScaleAndZero(n, 6, n.element(0), Presence::Optional)) ||
      !broadcastTogether(n.b, v))
    return {};
  return integers(n, add(n.b, v[0], v[1]), n[6], n[7], n.element(0));
}

// The product of integers is exact: one factor has all scales.
static Value importQLinearMul(NodeImport &n) {
  if (failed(expectQuantized(n, 0, Presence::Optional)) || failed(expectQuantized(n, 3, Presence::Optional)) ||
      failed(expectScaleAndZero(n, 6, n.element(0), Presence::Optional)))
    return {};
  Value v[] = {centred(n, 0), centred(n, 3)};
  if (!broadcastTogether(n.b, v))
    return {};
  auto scale = [&](size_t input) { return reshape(n.b, n[input], {}); };
  return requantized(n, mul(n.b, v[0], v[1]), mul(n.b, scale(1), scale(4)), scale(6), oneNumber(n, n[7]), n.element(0));
}

static Value plusBias(NodeImport &n, Value x, size_t bias) {
  return n.has(bias) && x ? add(n.b, x, broadcast(n.b, n[bias], shapeOf(x))) : x;
}

static int64_t columnsOf(NodeImport &n, size_t matrix) { return n.rank(matrix) > 0 ? n.shape(matrix).back() : 0; }

static Value importMatMulIntegerToFloat(NodeImport &n) {
  // Scales and bias of 16 bits: the result is rounded once.
  Type number = n.element(2), wide = n.b.getF32Type();
  if (number.isF16())
    for (size_t input : {2, 3, 6})
      if (n.has(input) && n.element(input) == number)
        n.inputs[input] = cast(n.b, n[input], wide);
  if (failed(expectOperand(n, 2, "a scale", n.b.getF32Type(), kOneNumber)) ||
      failed(expectOperand(n, 4, "a zero point", n.element(0), kOneNumber, Presence::Optional)) ||
      failed(expectOfColumns(n, 1, 3, 5, columnsOf(n, 1), Presence::Optional)))
    return {};
  Value sums = integerMatmul(n.b, {n[0], oneNumber(n, zeroPoint(n, 4))}, {n[1], oneNumber(n, zeroPoint(n, 5))});
  return cast(n.b, plusBias(n, scaled(n, sums, n[2], n[3]), 6), number);
}

// The left operand is quantised by its own range.
static Value importDynamicQuantizeMatMul(NodeImport &n) {
  if (!n.element(0).isF32()) {
    n.error() << "expected a left operand of float, found " << n[0].getType();
    return {};
  }
  if (failed(expectOfColumns(n, 1, 2, 3, columnsOf(n, 1), Presence::Optional)))
    return {};
  RangeQuantized left = quantizeByRange(n.b, n[0]);
  Value sums = integerMatmul(n.b, {left.values, left.zero}, {n[1], oneNumber(n, zeroPoint(n, 3))});
  return plusBias(n, scaled(n, sums, left.scale, n[2]), 4);
}

// (A B + C) alpha with the scales of A and B; as integers if there is a scale for the result.
static Value importQGemm(NodeImport &n) {
  double alpha = n.number("alpha", 1);
  bool transposeA = n.integer("transA", 0), transposeB = n.integer("transB", 0);
  if (n.rank(0) != 2 || n.rank(3) != 2)
    return n.fail("expected two matrices");
  Value a = transposeA ? permute(n.b, n[0], {1, 0}) : n[0], b = transposeB ? permute(n.b, n[3], {1, 0}) : n[3];
  if (failed(expectQuantized(n, 0, Presence::Required)) ||
      failed(expectOfColumns(n, 3, 4, 5, shapeOf(b)[1], Presence::Required)))
    return {};
  bool asIntegers = n.has(7) || n.has(8);
  if (asIntegers && failed(expectScaleAndZero(n, 7, n.element(0), Presence::Required)))
    return {};
  Value sums = integerMatmul(n.b, {a, oneNumber(n, zeroPoint(n, 2))}, {b, oneNumber(n, zeroPoint(n, 5))});
  if (n.has(6) && !n.element(6).isInteger(32)) {
    n.error() << "expected C of int32, found " << n[6].getType();
    return {};
  }
  sums = plusBias(n, sums, 6);
  Value left = reshape(n.b, n[1], {});
  if (alpha != 1)
    left = mul(n.b, left, splat(n.b, left, alpha));
  if (!asIntegers)
    return scaled(n, sums, left, n[4]);
  Value right = oneNumber(n, n[4]);
  Value scales = mul(n.b, broadcast(n.b, left, shapeOf(right)), right);
  return requantized(n, sums, scales, reshape(n.b, n[7], {}), oneNumber(n, n[8]), n.element(0));
}

ArrayRef<Operator> onnx::microsoftQuantizedOperators() {
  static constexpr StringLiteral domain = "com.microsoft";
  static const Operator rows[] = {
      {"DynamicQuantizeMatMul", 1, 3, 5, Narrow::Keep, importDynamicQuantizeMatMul, domain},
      {"MatMulIntegerToFloat", 1, 4, 7, Narrow::Keep, importMatMulIntegerToFloat, domain},
      {"QGemm", 1, 6, 9, Narrow::Keep, importQGemm, domain},
      {"QLinearAdd", 1, 2, 8, Narrow::Keep, importQLinearAdd, domain},
      {"QLinearAveragePool", 1, 2, 5, Narrow::Keep, importQLinearAveragePool, domain},
      {"QLinearConcat", 1, 5, -1, Narrow::Keep, importQLinearConcat, domain},
      {"QLinearGlobalAveragePool", 1, 2, 5, Narrow::Keep, importQLinearGlobalAveragePool, domain},
      {"QLinearLeakyRelu", 1, 2, 5, Narrow::Keep, importQLinearLeakyRelu, domain},
      {"QLinearMul", 1, 2, 8, Narrow::Keep, importQLinearMul, domain},
      {"QLinearReduceMean", 1, 2, 5, Narrow::Keep, importQLinearReduceMean, domain},
      {"QLinearSigmoid", 1, 2, 5, Narrow::Keep, importQLinearSigmoid, domain},
      {"QLinearSoftmax", 1, 2, 5, Narrow::Keep, importQLinearSoftmax, domain},
      {"QLinearWhere", 1, 2, 9, Narrow::Keep, importQLinearWhere, domain},
  };
  return rows;
}
