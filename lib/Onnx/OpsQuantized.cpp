// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quantised operators, computed in integers.

#include "lib/Builders/Elementary.h"
#include "lib/Builders/Quantization.h"
#include "lib/Builders/Reduction.h"
#include "lib/Onnx/IntegerContractions.h"
#include "lib/Onnx/QuantizedOperands.h"
#include "lib/Onnx/Tensors.h"
#include "lib/Onnx/Windows.h"
#include "runtime/schema/PackedElements.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

// The axis of per-axis parameters; one number needs none.
static FailureOr<int64_t> parameterAxis(NodeImport &n) {
  int64_t axis = n.integer("axis", 1);
  if (elementCount(n.shape(1)) == 1)
    return 0;
  return n.axis(axis, n.rank(0));
}

static Value importQuantizeLinear(NodeImport &n) {
  FailureOr<int64_t> axis = parameterAxis(n);
  int64_t block = n.integer("block_size", 0), saturate = n.integer("saturate", 1);
  int64_t dataType = n.integer("output_dtype", 0);
  int64_t precision = n.integer("precision", 0);
  if (failed(axis))
    return {};
  Type element = n.has(2)   ? n.element(2)
                 : dataType ? onnx::elementType(dataType, n.b.getContext())
                            : Type(IntegerType::get(n.b.getContext(), 8, IntegerType::Unsigned));
  if (!element)
    return n.fail("elements of " + dataTypeName(dataType) + " are not supported");
  // The quotient has a type of its own, the scale's if none is named: in 16 bits it may be a tie where the exact one is
  // not.
  auto quotient =
      dyn_cast_or_null<FloatType>(precision ? onnx::elementType(precision, n.b.getContext()) : n.element(1));
  if (!quotient)
    return n.fail("expected a scale, and a precision of the quotient, of floats");
  Type wide = n.element(0).isF64() ? n.element(0) : Type(n.b.getF32Type());
  auto precise = [&](Value v) { return cast(n.b, quotient.getWidth() < 32 ? cast(n.b, v, quotient) : v, wide); };
  Value scale = spreadParameter(n.b, precise(n[1]), n.shape(0), *axis, block);
  Value zero = n.has(2) ? spreadParameter(n.b, n[2], n.shape(0), *axis, block) : Value();
  Value x = precise(n[0]);
  if (quotient.getWidth() < 32 && x && scale) {
    x = precise(div(n.b, x, scale));
    scale = splat(n.b, x, 1);
  }
  int64_t kept = n.has(2) ? n.packedTypes[2] : dataType;
  unsigned bits = packed::bitsOf(kept);
  n.packedResult = bits ? kept : 0;
  if (n.packedResult == packed::Float4E2M1)
    return castToFloat4(n.b, div(n.b, x, scale), element);
  if (bits == 0)
    return quantize(n.b, x, scale, zero, element, saturate);
  int64_t values = int64_t(1) << bits, lowest = cast<IntegerType>(element).isUnsigned() ? 0 : -values / 2;
  return quantize(n.b, x, scale, zero, element, saturate, std::pair(lowest, lowest + values - 1));
}

static Value importDequantizeLinear(NodeImport &n) {
  FailureOr<int64_t> axis = parameterAxis(n);
  int64_t block = n.integer("block_size", 0), dataType = n.integer("output_dtype", 0);
  if (failed(axis))
    return {};
  if (!isa<FloatType>(n.element(1)) || (n.has(2) && n.element(2) != n.element(0)))
    return n.fail("expected a scale of floats and a zero point of the operand's type");
  Type element = dataType ? onnx::elementType(dataType, n.b.getContext()) : n.element(1);
  if (!element || !isa<FloatType>(element))
    return n.fail("a result of " + dataTypeName(dataType) + " is not supported");
  Value scale = spreadParameter(n.b, n[1], n.shape(0), *axis, block);
  Value zero = n.has(2) ? spreadParameter(n.b, n[2], n.shape(0), *axis, block) : Value();
  if (isByte(n.element(0)) && n.element(1).isF32() && element.isF32() && block == 0)
    n.dequantizedResult = {n[0], n[1], zeroPoint(n, 2), *axis};
  return cast(n.b, dequantize(n.b, n[0], scale, zero), element);
}

static Value importDynamicQuantizeLinear(NodeImport &n) {
  RangeQuantized result = quantizeByRange(n.b, n[0]);
  n.moreResults = {result.scale, result.zero};
  return result.values;
}

// One number for all elements has no shape; of a matrix, a vector is along `dim` from the end.
static Value zeroOfMatrix(NodeImport &n, size_t input, int64_t dim) {
  Value zero = zeroPoint(n, input);
  if (!zero)
    return {};
  SmallVector<int64_t> shape(shapeOf(zero));
  if (elementCount(shape) == 1)
    return reshape(n.b, zero, {});
  if (shape.size() == 1 && dim == 2)
    return reshape(n.b, zero, {shape[0], 1});
  return zero;
}

static Value importMatMulInteger(NodeImport &n) {
  if (!isByte(n.element(0)) || !isByte(n.element(1)))
    return n.fail("expected operands of int8 or uint8");
  return integerMatmul(n.b, {n[0], zeroOfMatrix(n, 2, 2)}, {n[1], zeroOfMatrix(n, 3, 1)});
}

static Value wideScale(NodeImport &n, size_t input) { return oneNumber(n, cast(n.b, n[input], n.b.getF32Type())); }

static Value importQLinearMatMul(NodeImport &n) {
  if (!isByte(n.element(0)) || !isByte(n.element(3)))
    return n.fail("expected operands of int8 or uint8");
  Value sums = integerMatmul(n.b, {n[0], zeroOfMatrix(n, 2, 2)}, {n[3], zeroOfMatrix(n, 5, 1)});
  Value left = wideScale(n, 1), right = wideScale(n, 4);
  // Scales for each row stand in a column.
  if (shapeOf(left).size() == 1)
    left = reshape(n.b, left, {shapeOf(left)[0], 1});
  Value scales[] = {left, right};
  if (!sums || !broadcastTogether(n.b, scales))
    return {};
  return requantized(n, sums, mul(n.b, scales[0], scales[1]), wideScale(n, 6), oneNumber(n, n[7]), n.element(7));
}

static FailureOr<SmallVector<Window>> convWindows(NodeImport &n, size_t weights) {
  SmallVector<int64_t> kernel(n.shape(weights).drop_front(std::min<size_t>(2, n.shape(weights).size())));
  if (auto given = n.integerList("kernel_shape"); given && *given != kernel)
    return n.error() << "attribute 'kernel_shape' differs from the weights' shape";
  return windowsOf(n, kernel);
}

// Zero points of weights: one, or one for each output.
static Value zeroOfWeights(NodeImport &n, size_t input, int64_t rank) {
  Value zero = zeroPoint(n, input);
  if (!zero || elementCount(shapeOf(zero)) == 1)
    return zero ? reshape(n.b, zero, {}) : zero;
  SmallVector<int64_t> shape(rank, 1);
  shape[0] = elementCount(shapeOf(zero)).value_or(0);
  return reshape(n.b, zero, shape);
}

static Value importConvInteger(NodeImport &n) {
  FailureOr<SmallVector<Window>> windows = convWindows(n, 1);
  if (failed(windows))
    return {};
  if (!isByte(n.element(0)) || !isByte(n.element(1)))
    return n.fail("expected operands of int8 or uint8");
  return integerConv(n.b, {n[0], zeroOfMatrix(n, 2, 0)}, {n[1], zeroOfWeights(n, 3, n.rank(1))}, *windows,
                     n.integer("group", 1));
}

static Value importQLinearConv(NodeImport &n) {
  FailureOr<SmallVector<Window>> windows = convWindows(n, 3);
  if (failed(windows))
    return {};
  if (!isByte(n.element(0)) || !isByte(n.element(3)))
    return n.fail("expected operands of int8 or uint8");
  Value sums = integerConv(n.b, {n[0], zeroOfMatrix(n, 2, 0)}, {n[3], zeroOfWeights(n, 5, n.rank(3))}, *windows,
                           n.integer("group", 1));
  if (n.has(8) && sums)
    sums = add(n.b, sums, broadcastAlong(n.b, cast(n.b, n[8], n.b.getI32Type()), shapeOf(sums), 1));
  // Scales of weights stand along the channels of the result.
  Value ofWeights = wideScale(n, 4), ofInput = wideScale(n, 1);
  if (!sums || !ofWeights || !ofInput)
    return {};
  if (!shapeOf(ofWeights).empty()) {
    SmallVector<int64_t> shape(shapeOf(sums).size(), 1);
    shape[1] = shapeOf(ofWeights)[0];
    ofWeights = reshape(n.b, ofWeights, shape);
  }
  Value scales = mul(n.b, ofWeights, broadcast(n.b, ofInput, shapeOf(ofWeights)));
  return requantized(n, sums, scales, wideScale(n, 6), oneNumber(n, n[7]), n.element(7));
}

// Sums of so many products of differences of bytes stay below 2^31.
constexpr int64_t kMaxExactDepth = std::numeric_limits<int32_t>::max() / (255 * 255);

static bool isOne(Value x) { return !x || elementCount(shapeOf(x)) == 1; }

// Whether scale and zero point are one for all, or stand along `axis`.
static bool areAlong(const Dequantized &x, int64_t axis) { return (isOne(x.scale) && isOne(x.zero)) || x.axis == axis; }

Value onnx::matmulOfIntegers(NodeImport &n) {
  const Dequantized &x = n.dequantized[0], &y = n.dequantized[1];
  if (!x.values || !y.values || !isOne(x.scale) || !isOne(x.zero) || n.rank(0) < 2 || n.rank(1) != 2 ||
      !areAlong(y, 1) || n.shape(1)[0] > kMaxExactDepth)
    return {};
  Value sums = integerMatmul(n.b, {x.values, oneNumber(n, x.zero)}, {y.values, oneNumber(n, y.zero)});
  return scaled(n, sums, x.scale, y.scale);
}

Value onnx::convOfIntegers(NodeImport &n, ArrayRef<Window> windows, int64_t groups) {
  const Dequantized &x = n.dequantized[0], &w = n.dequantized[1];
  if (!x.values || !w.values || !isOne(x.scale) || !isOne(x.zero) || !areAlong(w, 0))
    return {};
  std::optional<int64_t> depth = elementCount(n.shape(1).drop_front());
  if (!depth || *depth > kMaxExactDepth)
    return {};
  SmallVector<int64_t> along(n.rank(1), 1);
  along[0] = n.shape(1)[0];
  // One for each output: along the channels of the result, which are followed by as many dimensions as the window has.
  auto spread = [&](Value parameter, ArrayRef<int64_t> shape) {
    return isOne(parameter) ? oneNumber(n, parameter) : reshape(n.b, parameter, shape);
  };
  Value sums = integerConv(n.b, {x.values, oneNumber(n, x.zero)}, {w.values, spread(w.zero, along)}, windows, groups);
  return scaled(n, sums, x.scale, spread(w.scale, ArrayRef(along).drop_back()));
}

ArrayRef<Operator> onnx::quantizedOperators() {
  static const Operator rows[] = {
      {"ConvInteger", 10, 2, 4, Narrow::Keep, importConvInteger},
      {"DequantizeLinear", 10, 2, 3, Narrow::Keep, importDequantizeLinear},
      {"DequantizeLinear", 1, 2, 3, Narrow::Keep, importDequantizeLinear, "com.microsoft"},
      {"DynamicQuantizeLinear", 11, 1, 1, Narrow::Keep, importDynamicQuantizeLinear},
      {"MatMulInteger", 10, 2, 4, Narrow::Keep, importMatMulInteger},
      {"QLinearConv", 10, 8, 9, Narrow::Keep, importQLinearConv},
      {"QLinearMatMul", 10, 8, 8, Narrow::Keep, importQLinearMatMul},
      {"QuantizeLinear", 10, 2, 3, Narrow::Keep, importQuantizeLinear},
      {"QuantizeLinear", 1, 2, 3, Narrow::Keep, importQuantizeLinear, "com.microsoft"},
  };
  return rows;
}
