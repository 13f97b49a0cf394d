// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Convolutions, pools and matrix products. TOSA's channels are last; compositions see them through a view.

#include "lib/Builders/Contraction.h"
#include "lib/Builders/Pooling.h"
#include "lib/Tosa/OpConversion.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tosatotiny;
using namespace tinyc::compose;

static bool isFloat(Type type) { return isa<FloatType>(type); }

// The value in the type that its products are summed in, without its zero point: beyond the border it is then 0.
static Value operandOf(OpConversion &c, unsigned i, unsigned zeroPoint, StringRef what, Type sums) {
  if (isFloat(c.element(i)))
    return c[i];
  FailureOr<int64_t> zero = c.integer(zeroPoint, what);
  if (failed(zero))
    return {};
  Value x = compose::cast(c.b, c[i], sums);
  return *zero == 0 ? x : sub(c.b, x, splatInteger(c.b, x.getType(), *zero));
}

// The type of the sums: f32 for floats, else the result's.
static Type sumsOf(OpConversion &c) {
  return isFloat(c.element(0)) ? Type(c.b.getF32Type()) : c.resultType().getElementType();
}

// [N, spatial.., C] as [N, C, spatial..], and back.
static Value channelsSecond(compose::Builder &b, Value x) {
  if (!x)
    return {};
  int64_t rank = shapeOf(x).size();
  SmallVector<int64_t> permutation{0, rank - 1};
  for (int64_t d = 1; d + 1 < rank; ++d)
    permutation.push_back(d);
  return permute(b, x, permutation);
}

static Value channelsLast(compose::Builder &b, Value x) {
  if (!x)
    return {};
  int64_t rank = shapeOf(x).size();
  SmallVector<int64_t> permutation{0};
  for (int64_t d = 2; d < rank; ++d)
    permutation.push_back(d);
  permutation.push_back(1);
  return permute(b, x, permutation);
}

static Value addBias(OpConversion &c, Value x) {
  if (!x)
    return {};
  Value bias = compose::cast(c.b, c[2], tiny::elementType(x.getType()));
  return add(c.b, x, broadcast(c.b, bias, shapeOf(x)));
}

// One window a spatial dimension, from TOSA's [before, after, before, after, ..].
static SmallVector<Window> windowsOf(ArrayRef<int64_t> sizes, ArrayRef<int64_t> pad, ArrayRef<int64_t> stride,
                                     ArrayRef<int64_t> dilation) {
  SmallVector<Window> windows;
  for (size_t d = 0; d < sizes.size(); ++d)
    windows.push_back({sizes[d], stride[d], dilation.empty() ? 1 : dilation[d], pad[2 * d], pad[2 * d + 1]});
  return windows;
}

template <typename Op> static Value convertConv(OpConversion &c) {
  auto op = cast<Op>(c.op);
  Type sums = sumsOf(c);
  Value x = channelsSecond(c.b, operandOf(c, 0, 3, "input zero point", sums));
  Value weights = channelsSecond(c.b, operandOf(c, 1, 4, "weight zero point", sums));
  if (!x || !weights)
    return {};
  auto windows = windowsOf(shapeOf(weights).drop_front(2), op.getPad(), op.getStride(), op.getDilation());
  return addBias(c, channelsLast(c.b, conv(c.b, x, weights, windows, /*groups=*/1)));
}

// Weights [KH, KW, C, M] of one group a channel: output channel c * M + m.
static Value convertDepthwise(OpConversion &c) {
  auto op = cast<mlir::tosa::DepthwiseConv2DOp>(c.op);
  Type sums = sumsOf(c);
  Value x = channelsSecond(c.b, operandOf(c, 0, 3, "input zero point", sums));
  Value weights = operandOf(c, 1, 4, "weight zero point", sums);
  if (!x || !weights)
    return {};
  ArrayRef<int64_t> k = c.shape(1);
  weights = reshape(c.b, permute(c.b, weights, {2, 3, 0, 1}), {k[2] * k[3], 1, k[0], k[1]});
  auto windows = windowsOf(k.take_front(2), op.getPad(), op.getStride(), op.getDilation());
  return addBias(c, channelsLast(c.b, conv(c.b, x, weights, windows, /*groups=*/k[2])));
}

// A convolution of stride 1 with the flipped kernel over the input with zeros between its elements.
static Value convertTransposeConv(OpConversion &c) {
  auto op = cast<mlir::tosa::TransposeConv2DOp>(c.op);
  Type sums = sumsOf(c);
  Value x = channelsSecond(c.b, operandOf(c, 0, 3, "input zero point", sums));
  Value weights = channelsSecond(c.b, operandOf(c, 1, 4, "weight zero point", sums));
  if (!x || !weights)
    return {};
  SmallVector<Window> windows;
  SmallVector<int64_t> sizes;
  for (unsigned d = 0; d < 2; ++d) {
    int64_t stride = op.getStride()[d], kernel = shapeOf(weights)[d + 2];
    ArrayRef<int64_t> padding = op.getOutPad().slice(2 * d, 2);
    windows.push_back({kernel, stride, 1, -padding[0], -padding[1]});
    sizes.push_back((shapeOf(x)[d + 2] - 1) * stride + kernel + padding[0] + padding[1]);
  }
  weights = permute(c.b, weights, {1, 0, 2, 3});
  return addBias(c, channelsLast(c.b, transposedConv(c.b, x, weights, windows, sizes, /*groups=*/1)));
}

static Value convertMatMul(OpConversion &c) {
  Type sums = sumsOf(c);
  Value x = operandOf(c, 0, 2, "zero point of a", sums), y = operandOf(c, 1, 3, "zero point of b", sums);
  return x && y ? matmul(c.b, x, y) : Value();
}

static Value convertMaxPool(OpConversion &c) {
  auto op = cast<mlir::tosa::MaxPool2dOp>(c.op);
  Value x = channelsSecond(c.b, c[0]);
  auto windows = windowsOf(op.getKernel(), op.getPad(), op.getStride(), {});
  auto pool = [&](Value of) { return maxPool(c.b, of, windows, /*ceil=*/false); };
  if (op.getNanMode() != mlir::tosa::NanPropagationMode::IGNORE || !isa<FloatType>(c.element(0)))
    return channelsLast(c.b, pool(x));
  Value largest = pool(replaceNan(c.b, x, -std::numeric_limits<double>::infinity()));
  return channelsLast(c.b, nanWithoutNumbers(c.b, largest, pool(countNumbers(c.b, x))));
}

// How many elements of the input each window along a dimension covers.
static SmallVector<int64_t> countsOf(const Window &window, int64_t inputs) {
  SmallVector<int64_t> counts;
  for (int64_t p = 0, n = windowPositions(window, inputs); p < n; ++p) {
    int64_t at = p * window.stride - window.before;
    counts.push_back(std::min(inputs, at + window.size) - std::max<int64_t>(0, at));
  }
  return counts;
}

// Floats are divided. Integers are multiplied by a reciprocal of 31 bits and shifted, as the specification's
// reciprocal_scale and apply_scale_32 do.
static Value convertAveragePool(OpConversion &c) {
  auto op = cast<mlir::tosa::AvgPool2dOp>(c.op);
  Value x = operandOf(c, 0, 1, "input zero point", c.b.getI32Type());
  if (!x)
    return {};
  auto windows = windowsOf(op.getKernel(), op.getPad(), op.getStride(), {});
  SmallVector<int64_t> rows = countsOf(windows[0], c.shape(0)[1]), columns = countsOf(windows[1], c.shape(0)[2]);
  if (rows.size() * columns.size() > 1 << 20)
    return c.fail("expected at most 2^20 positions of windows");
  Value sum = channelsLast(c.b, sumPool(c.b, channelsSecond(c.b, x), windows, /*ceil=*/false));
  if (!sum)
    return {};
  // A number for each position of a window.
  auto perPosition = [&](Type element, function_ref<int64_t(int64_t)> of) {
    SmallVector<Attribute> values;
    for (int64_t row : rows)
      for (int64_t column : columns) {
        int64_t value = of(row * column);
        values.push_back(isFloat(element) ? Attribute(c.b.getFloatAttr(element, value))
                                          : Attribute(c.b.getIntegerAttr(element, value)));
      }
    auto type = RankedTensorType::get({1, int64_t(rows.size()), int64_t(columns.size()), 1}, element);
    return broadcast(c.b, tiny::ConstOp::create(c.b, DenseElementsAttr::get(type, values)), shapeOf(sum));
  };
  if (isFloat(c.element(0)))
    return div(c.b, sum, perPosition(tiny::elementType(sum.getType()), [](int64_t count) { return count; }));
  FailureOr<int64_t> zero = c.integer(2, "output zero point");
  if (failed(zero))
    return {};
  auto shiftOf = [](int64_t count) { return 30 + int64_t(llvm::Log2_64_Ceil(count)); };
  auto multiplierOf = [](int64_t count) {
    return int64_t((((uint64_t(1) << 30) + 1) << llvm::Log2_64_Ceil(count)) / count);
  };
  Type wide = c.b.getI64Type();
  Value scaled = mul(c.b, toI64(c.b, sum), perPosition(wide, multiplierOf));
  scaled = add(c.b, scaled, perPosition(wide, [&](int64_t count) { return int64_t(1) << (shiftOf(count) - 1); }));
  Value mean = tiny::ShrOp::create(c.b, scaled, perPosition(wide, shiftOf));
  mean = add(c.b, mean, splatInteger(c.b, mean.getType(), *zero));
  return compose::cast(c.b, clampToBits(c.b, mean, c.element(0).getIntOrFloatBitWidth(), false), c.element(0));
}

ArrayRef<Row> tosatotiny::windowRows() {
  static const Row rows[] = {
      {"avg_pool2d", Narrow::Widen, convertAveragePool},
      {"conv2d", Narrow::Widen, convertConv<mlir::tosa::Conv2DOp>},
      {"conv3d", Narrow::Widen, convertConv<mlir::tosa::Conv3DOp>},
      {"depthwise_conv2d", Narrow::Widen, convertDepthwise},
      {"matmul", Narrow::Widen, convertMatMul},
      {"max_pool2d", Narrow::Widen, convertMaxPool},
      {"transpose_conv2d", Narrow::Widen, convertTransposeConv},
  };
  return rows;
}
