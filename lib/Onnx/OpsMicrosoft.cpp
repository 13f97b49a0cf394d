// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// com.microsoft: the elementwise, contracting and normalising operators into which ONNX Runtime fuses others, taken
// apart again. What they were fused from fuses by itself.

#include "lib/Builders/Elementary.h"
#include "lib/Builders/Quantization.h"
#include "lib/Builders/Reduction.h"
#include "lib/Onnx/QuantizedOperands.h"
#include "lib/Onnx/Windows.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

static Value number(NodeImport &n, Value like, double value) { return splat(n.b, like, value); }

// x (1 + erf(x / sqrt 2)) / 2, or with tanh in place of erf.
static Value gelu(NodeImport &n, Value x, bool fast) {
  if (!x)
    return {};
  Value cubic = mul(n.b, mul(n.b, mul(n.b, x, x), x), number(n, x, 0.044715));
  Value inner = fast ? compose::tanh(n.b, mul(n.b, add(n.b, x, cubic), number(n, x, 0.7978845608028654)))
                     : compose::erf(n.b, mul(n.b, x, number(n, x, 0.7071067811865476)));
  return inner ? mul(n.b, mul(n.b, x, number(n, x, 0.5)), add(n.b, inner, number(n, x, 1))) : inner;
}

static Value plusBias(NodeImport &n, Value x, size_t bias) {
  return n.has(bias) && x ? add(n.b, x, broadcast(n.b, n[bias], shapeOf(x))) : x;
}

template <bool fast> static Value importGelu(NodeImport &n) { return gelu(n, plusBias(n, n[0], 1), fast); }

static Value importQuickGelu(NodeImport &n) {
  return mul(n.b, n[0], sigmoid(n.b, mul(n.b, n[0], number(n, n[0], n.number("alpha", 1.702)))));
}

// The functions that fused operators apply to their results, with up to two parameters.
static Value activated(NodeImport &n, Value x, StringRef name, ArrayRef<double> parameters) {
  auto parameter = [&](size_t i, double otherwise) { return i < parameters.size() ? parameters[i] : otherwise; };
  if (!x || name.empty())
    return x;
  auto clamp = [&](Value v, double low, double high) -> Value {
    if (!v)
      return {};
    v = compose::max(n.b, v, number(n, v, low));
    Value top = number(n, v, high);
    return where(n.b, less(n.b, top, v), top, v);
  };
  if (name == "Relu")
    return compose::max(n.b, x, number(n, x, 0));
  if (name == "Sigmoid")
    return sigmoid(n.b, x);
  if (name == "Tanh")
    return compose::tanh(n.b, x);
  if (name == "LeakyRelu")
    return where(n.b, less(n.b, x, number(n, x, 0)), mul(n.b, x, number(n, x, parameter(0, 0.01))), x);
  if (name == "Clip")
    return clamp(x, parameter(0, std::numeric_limits<float>::lowest()),
                 parameter(1, std::numeric_limits<float>::max()));
  if (name == "HardSigmoid")
    return clamp(add(n.b, mul(n.b, x, number(n, x, parameter(0, 0.2))), number(n, x, parameter(1, 0.5))), 0, 1);
  return n.fail("activation '" + name + "' is not supported");
}

static Value importFusedGemm(NodeImport &n) {
  double alpha = n.number("alpha", 1), beta = n.number("beta", 1);
  bool transposeA = n.integer("transA", 0), transposeB = n.integer("transB", 0);
  SmallVector<double> parameters{n.number("activation_alpha", 0.01), n.number("activation_beta", 0)};
  std::string activation = n.text("activation", "");
  if (n.rank(0) != 2 || n.rank(1) != 2)
    return n.fail("expected two matrices");
  Value result =
      matmul(n.b, transposeA ? permute(n.b, n[0], {1, 0}) : n[0], transposeB ? permute(n.b, n[1], {1, 0}) : n[1]);
  if (result && alpha != 1)
    result = mul(n.b, result, number(n, result, alpha));
  if (result && n.has(2)) {
    Value bias = broadcast(n.b, n[2], shapeOf(result));
    result = add(n.b, result, beta == 1 || !bias ? bias : mul(n.b, bias, number(n, bias, beta)));
  }
  return activated(n, result, activation, parameters);
}

static Value importFusedMatMul(NodeImport &n) {
  double alpha = n.number("alpha", 1);
  auto turned = [&](size_t input, bool last, bool batch) -> Value {
    int64_t rank = n.rank(input);
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    // The first dimension goes behind the other batch dimensions, to be the matrix's first.
    if (batch && rank > 2)
      std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
    if (last && rank > 1)
      std::swap(order[rank - 1], order[rank - 2]);
    return permute(n.b, n[input], order);
  };
  Value a = turned(0, n.integer("transA", 0), n.integer("transBatchA", 0));
  Value result = matmul(n.b, a, turned(1, n.integer("transB", 0), n.integer("transBatchB", 0)));
  return result && alpha != 1 ? mul(n.b, result, number(n, result, alpha)) : result;
}

static Value importFusedConv(NodeImport &n) {
  SmallVector<int64_t> kernel(n.shape(1).drop_front(std::min<size_t>(2, n.shape(1).size())));
  n.ignore({"kernel_shape"});
  FailureOr<SmallVector<Window>> windows = windowsOf(n, kernel);
  if (failed(windows))
    return {};
  Value result = conv(n.b, n[0], n[1], *windows, n.integer("group", 1));
  if (n.has(2) && result)
    result = add(n.b, result, broadcastAlong(n.b, n[2], shapeOf(result), 1));
  if (n.has(3))
    result = add(n.b, result, n[3]);
  return activated(n, result, n.text("activation", ""),
                   n.numberList("activation_params").value_or(SmallVector<double>()));
}

static Value last(NodeImport &n, Value statistic) {
  SmallVector<int64_t> shape(shapeOf(statistic));
  shape.push_back(1);
  return reshape(n.b, statistic, shape);
}

// The norm of operand + skip (+ bias): results are the norm, its mean, its inverse deviation, and the sum.
static Value importSkipLayerNormalization(NodeImport &n) {
  Value sum = plusBias(n, plusBias(n, n[0], 1), 4);
  double epsilon = n.number("epsilon", 1e-12);
  int64_t dim = n.rank(0) - 1;
  if (!sum || dim < 0)
    return sum ? n.fail("expected an operand [.., size]") : sum;
  Normalized normal = normalize(n.b, sum, {dim}, epsilon);
  Value result = mul(n.b, normal.result, broadcastAlong(n.b, n[2], n.shape(0), dim));
  if (n.wants(1) || n.wants(2))
    n.moreResults = {last(n, normal.mean), last(n, normal.inverseDeviation)};
  else
    n.moreResults = {Value(), Value()};
  n.moreResults.push_back(sum);
  return n.has(3) ? add(n.b, result, broadcastAlong(n.b, n[3], n.shape(0), dim)) : result;
}

static Value rootMeanSquareNorm(NodeImport &n, Value x, size_t scale, int64_t first, double epsilon) {
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(first, n.rank(0)));
  Value normal = rmsNormalize(n.b, x, dims, n.number("epsilon", epsilon));
  return normal ? mul(n.b, normal, broadcast(n.b, n[scale], shapeOf(normal))) : normal;
}

static Value importSimplifiedLayerNormalization(NodeImport &n) {
  FailureOr<int64_t> axis = n.axis(n.integer("axis", -1), n.rank(0));
  n.ignore({"stash_type"});
  return failed(axis) ? Value() : rootMeanSquareNorm(n, n[0], 1, *axis, 1e-5);
}

static Value importSkipSimplifiedLayerNormalization(NodeImport &n) {
  Value sum = plusBias(n, plusBias(n, n[0], 1), 3);
  n.moreResults = {Value(), Value(), sum};
  if (n.rank(0) < 1)
    return n.fail("expected an operand [.., size]");
  return sum ? rootMeanSquareNorm(n, sum, 2, n.rank(0) - 1, 1e-12) : sum;
}

// Rows of a table by numbers that are data.
static Value lookUp(NodeImport &n, Value table, Value rows) {
  SmallVector<int64_t> shape(shapeOf(rows));
  if (!rows)
    return {};
  if (shapeOf(table).size() != 2)
    return n.fail("expected a table of rows");
  shape.push_back(shapeOf(table)[1]);
  Type element = tiny::elementType(table.getType());
  return tiny::GatherOp::create(n.b, RankedTensorType::get(shape, element), table, cast(n.b, rows, n.b.getI64Type()), 0,
                                cast<TypedAttr>(n.b.getZeroAttr(element)));
}

// `real` makes numbers of what is read of an operand.
static Value embed(NodeImport &n, Value positions, function_ref<Value(size_t input, Value x)> real) {
  if (n.rank(0) != 2)
    return n.fail("expected numbers of words [batch, sequence]");
  SmallVector<int64_t> shape(n.shape(0));
  if (n.has(7) && n.shape(7) != n.shape(0))
    return n.fail("expected a mask [batch, sequence]");
  n.ignore({"mask_index_type"});
  Value sum = real(2, lookUp(n, n[2], n[0]));
  positions = positions ? broadcast(n.b, positions, shape) : coordinate(n.b, shape, n.b.getI64Type(), 1);
  sum = add(n.b, sum, real(3, lookUp(n, n[3], positions)));
  if (n.has(1) && n.has(4))
    sum = add(n.b, sum, real(4, lookUp(n, n[4], n[1])));
  Value gamma = real(5, n[5]), beta = real(6, n[6]);
  if (!sum || !gamma || !beta)
    return {};
  Normalized normal = normalize(n.b, sum, {2}, n.number("epsilon", 1e-12));
  Value result = mul(n.b, normal.result, broadcastAlong(n.b, gamma, shapeOf(sum), 2));
  // How many words are no padding.
  Value lengths = n.has(7) ? reduce(n.b, tiny::ReduceKind::Sum, cast(n.b, n[7], n.b.getI32Type()), {1})
                           : splat(n.b, RankedTensorType::get({shape[0]}, n.b.getI32Type()), 0);
  n.moreResults = {lengths, sum};
  return add(n.b, result, broadcastAlong(n.b, beta, shapeOf(sum), 2));
}

static Value importEmbedLayerNormalization(NodeImport &n) {
  // Segments, operands 1 and 4, may be left out.
  for (size_t input : {2, 3, 5, 6})
    if (!n.has(input))
      return n.fail("operand " + Twine(input) + " is left out, and is not optional");
  return embed(n, n[8], [](size_t, Value x) { return x; });
}

// Tables and factors of bytes, with their scales and zero points in the same order behind them.
static Value importQEmbedLayerNormalization(NodeImport &n) {
  for (size_t input = 2; input <= 6; ++input)
    if ((input != 4 || n.has(4)) &&
        (failed(expectBytes(n, input)) ||
         failed(expectOperand(n, input + 6, "a scale", n.b.getF32Type(), kOneNumber)) ||
         failed(expectOperand(n, input + 11, "a zero point", n.element(input), kOneNumber))))
      return {};
  return embed(n, Value(), [&](size_t input, Value x) {
    auto repeated = [&](Value parameter) {
      return x && parameter ? broadcast(n.b, reshape(n.b, parameter, {}), shapeOf(x)) : Value();
    };
    return dequantize(n.b, x, repeated(n[input + 6]), repeated(zeroPoint(n, input + 11)));
  });
}

// Weights [N, blocks, bytes] of 2, 4 or 8 bits with a scale for each block; unpacked where they are read.
static Value importMatMulNBits(NodeImport &n) {
  int64_t columns = n.integer("N", 0), rows = n.integer("K", 0), bits = n.integer("bits", 4);
  int64_t block = n.integer("block_size", 0);
  n.ignore({"accuracy_level", "weight_prepacked"});
  constexpr int64_t limit = int64_t(1) << 31;
  if (columns < 1 || rows < 1 || block < 16 || std::max({columns, rows, block}) >= limit ||
      (block & (block - 1)) != 0 || (bits != 2 && bits != 4 && bits != 8))
    return n.fail("expected N and K from 1 to 2^31 - 1, 2, 4 or 8 bits, and a block size that is a power of two from "
                  "16 on");
  int64_t blocks = (rows + block - 1) / block, perByte = 8 / bits, bytes = block / perByte;
  auto byte = IntegerType::get(n.b.getContext(), 8, IntegerType::Unsigned);
  std::optional<int64_t> weightCount = elementCount({columns, blocks, bytes});
  if (!weightCount || elementCount(n.shape(1)) != weightCount || n.element(1) != byte ||
      elementCount(n.shape(2)) != columns * blocks || n.has(4))
    return n.fail("expected weights [N, K / block, bytes of a block] of uint8 and a scale for each block, and no order "
                  "of groups");
  int64_t domain[] = {rows, columns};
  AffineExpr k = n.b.getAffineDimExpr(0), column = n.b.getAffineDimExpr(1), zero = n.b.getAffineConstantExpr(0);
  auto map = [&](ArrayRef<AffineExpr> exprs) { return AffineMap::get(2, 0, exprs, n.b.getContext()); };
  auto iota = [&](AffineExpr e) { return tiny::IotaOp::create(n.b, RankedTensorType::get(domain, byte), map({e})); };
  // The number of `bits` bits that stands at `at` in rows of `width` bytes.
  auto unpacked = [&](Value packed, int64_t width, AffineExpr at) {
    packed = view(n.b, reshape(n.b, packed, {columns, width}), domain, map({column, at.floorDiv(perByte)}));
    if (perByte == 1)
      return packed;
    Value shifted = tiny::ShrOp::create(n.b, packed, iota(at % perByte * bits + zero));
    return bitAnd(n.b, shifted, splatInteger(n.b, packed, (1 << bits) - 1));
  };
  Type f32 = n.b.getF32Type();
  Value weights = cast(n.b, unpacked(n[1], blocks * bytes, k), f32);
  if (!n.has(3)) {
    weights = sub(n.b, weights, splat(n.b, weights, 1 << (bits - 1)));
  } else if (n.element(3) == byte) {
    int64_t width = (blocks + perByte - 1) / perByte;
    if (elementCount(n.shape(3)) != columns * width)
      return n.fail("expected zero points of " + Twine(width) + " bytes for each column");
    weights = sub(n.b, weights, cast(n.b, unpacked(n[3], width, k.floorDiv(block)), f32));
  } else {
    Value points = view(n.b, reshape(n.b, n[3], {columns, blocks}), domain, map({column, k.floorDiv(block)}));
    weights = sub(n.b, weights, cast(n.b, points, f32));
  }
  Value scales = view(n.b, reshape(n.b, n[2], {columns, blocks}), domain, map({column, k.floorDiv(block)}));
  return plusBias(n, matmul(n.b, n[0], mul(n.b, weights, scales)), 5);
}

ArrayRef<Operator> onnx::microsoftOperators() {
  static constexpr StringLiteral domain = "com.microsoft";
  static const Operator rows[] = {
      {"BiasGelu", 1, 2, 2, Narrow::Widen, importGelu<false>, domain},
      {"EmbedLayerNormalization", 1, 1, 9, Narrow::Keep, importEmbedLayerNormalization, domain},
      {"FastGelu", 1, 1, 2, Narrow::Widen, importGelu<true>, domain},
      {"FusedConv", 1, 2, 4, Narrow::Widen, importFusedConv, domain},
      {"FusedGemm", 1, 2, 3, Narrow::Widen, importFusedGemm, domain},
      {"FusedMatMul", 1, 2, 2, Narrow::Widen, importFusedMatMul, domain},
      {"Gelu", 1, 1, 1, Narrow::Widen, importGelu<false>, domain},
      {"MatMulNBits", 1, 3, 6, Narrow::Widen, importMatMulNBits, domain},
      {"QEmbedLayerNormalization", 1, 1, 18, Narrow::Keep, importQEmbedLayerNormalization, domain},
      {"QuickGelu", 1, 1, 1, Narrow::Widen, importQuickGelu, domain},
      // ONNX Runtime keeps this one in ONNX's own domain.
      {"SimplifiedLayerNormalization", 1, 2, 2, Narrow::Widen, importSimplifiedLayerNormalization},
      {"SkipLayerNormalization", 1, 3, 5, Narrow::Widen, importSkipLayerNormalization, domain},
      {"SkipSimplifiedLayerNormalization", 1, 3, 4, Narrow::Widen, importSkipSimplifiedLayerNormalization, domain},
  };
  return rows;
}
