// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions and what slides a window: matmul, gemm, convolution, pooling.

#include "lib/Builders/Contraction.h"
#include "lib/Builders/Pooling.h"
#include "lib/Builders/Reduction.h"
#include "lib/Onnx/BroadcastOperands.h"
#include "lib/Onnx/IntegerContractions.h"
#include "lib/Onnx/Windows.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

static Value importMatMul(NodeImport &n) {
  Value integers = matmulOfIntegers(n);
  return integers ? integers : matmul(n.b, n[0], n[1]);
}

static Value importGemm(NodeImport &n) {
  double alpha = n.number("alpha", 1), beta = n.number("beta", 1);
  bool transposeA = n.integer("transA", 0), transposeB = n.integer("transB", 0);
  if (n.rank(0) != 2 || n.rank(1) != 2)
    return n.fail("expected two matrices");
  Value a = transposeA ? permute(n.b, n[0], {1, 0}) : n[0], b = transposeB ? permute(n.b, n[1], {1, 0}) : n[1];
  Value result = matmul(n.b, a, b);
  if (!result)
    return {};
  if (alpha != 1)
    result = mul(n.b, result, splat(n.b, result, alpha));
  n.ignore({"broadcast"});
  if (!n.has(2))
    return result;
  Value bias = broadcast(n.b, n[2], shapeOf(result));
  if (bias && beta != 1)
    bias = mul(n.b, bias, splat(n.b, bias, beta));
  return add(n.b, result, bias);
}

FailureOr<SmallVector<Window>> onnx::windowsOf(NodeImport &n, ArrayRef<int64_t> kernel, bool ceil) {
  size_t spatial = kernel.size();
  if (n.rank(0) < 3 || static_cast<size_t>(n.rank(0)) != spatial + 2)
    return n.error() << "expected an operand [N, C, ..] with " << spatial << " spatial dimensions, found "
                     << n[0].getType();
  SmallVector<int64_t> ones(spatial, 1), zeros(2 * spatial, 0);
  SmallVector<int64_t> strides = n.integerList("strides").value_or(ones);
  SmallVector<int64_t> dilations = n.integerList("dilations").value_or(ones);
  SmallVector<int64_t> pads = n.integerList("pads").value_or(zeros);
  std::string autoPad = n.text("auto_pad", "NOTSET");
  if (strides.size() != spatial || dilations.size() != spatial || pads.size() != 2 * spatial)
    return n.error() << "expected " << spatial << " strides and dilations and " << 2 * spatial << " pads, found "
                     << strides.size() << ", " << dilations.size() << " and " << pads.size();
  if (autoPad != "NOTSET" && autoPad != "VALID" && autoPad != "SAME_UPPER" && autoPad != "SAME_LOWER")
    return n.error() << "attribute 'auto_pad': expected NOTSET, VALID, SAME_UPPER or SAME_LOWER, found '" << autoPad
                     << "'";
  SmallVector<Window> windows;
  // With sizes below this, no position overflows.
  constexpr int64_t limit = int64_t(1) << 31;
  for (size_t d = 0; d < spatial; ++d) {
    Window w{kernel[d], strides[d], dilations[d], pads[d], pads[d + spatial]};
    if (w.size < 1 || w.stride < 1 || w.dilation < 1 || std::max(w.before, w.after) >= limit ||
        std::min(w.before, w.after) <= -limit || std::max({w.size, w.stride, w.dilation}) >= limit)
      return n.error() << "expected a kernel, strides and dilations of at least 1 along spatial dimension " << d
                       << ", and pads in reason; found " << w.size << ", " << w.stride << ", " << w.dilation
                       << " and pads " << w.before << ", " << w.after;
    int64_t size = n.shape(0)[d + 2];
    if (autoPad != "NOTSET")
      w.before = w.after = 0;
    if (StringRef(autoPad).starts_with("SAME")) {
      // As many positions as strides fit the input; what that lacks is split, the odd one at the named end.
      int64_t positions = (size + w.stride - 1) / w.stride;
      int64_t total = std::max<int64_t>((positions - 1) * w.stride + w.extent() - size, 0);
      w.before = autoPad == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.after = total - w.before;
    }
    if (size > 0 && windowPositions(w, size, ceil) == 0)
      return n.error() << "a kernel of " << w.size << " (dilation " << w.dilation << ") does not fit the "
                       << size + w.before + w.after << " padded elements of spatial dimension " << d << " of "
                       << n[0].getType();
    windows.push_back(w);
  }
  return windows;
}

static FailureOr<SmallVector<int64_t>> kernelShape(NodeImport &n) {
  if (auto kernel = n.integerList("kernel_shape"))
    return *kernel;
  return n.error() << "expected the attribute 'kernel_shape'";
}

static Value importConv(NodeImport &n) {
  ArrayRef<int64_t> weights = n.shape(1);
  if (weights.size() < 3)
    return n.fail("expected weights [M, C / groups, ..]");
  SmallVector<int64_t> kernel = n.integerList("kernel_shape").value_or(SmallVector<int64_t>(weights.drop_front(2)));
  if (ArrayRef<int64_t>(kernel) != weights.drop_front(2)) {
    n.error() << "attribute 'kernel_shape' differs from the spatial dimensions of the weights, " << n[1].getType();
    return {};
  }
  FailureOr<SmallVector<Window>> windows = windowsOf(n, kernel);
  if (failed(windows))
    return {};
  int64_t groups = n.integer("group", 1);
  Value result = convOfIntegers(n, *windows, groups);
  if (!result)
    result = conv(n.b, n[0], n[1], *windows, groups);
  return n.has(2) && result ? add(n.b, result, broadcastAlong(n.b, n[2], shapeOf(result), 1)) : result;
}

// Where each maximum of a pooling stands in the whole operand, of several the first: numbers in row-major order, or
// with the two last dimensions exchanged.
static Value maximaAt(NodeImport &n, Value largest, ArrayRef<Window> windows, bool columnMajor) {
  if (!largest)
    return {};
  ArrayRef<int64_t> from = n.shape(0), shape = shapeOf(largest);
  auto least = cast<TypedAttr>(tiny::reductionIdentity(tiny::ReduceKind::Max, n.element(0)));
  Value elements = slidingWindows(n.b, n[0], windows, shape.drop_front(2), least);
  if (!elements)
    return {};
  SmallVector<int64_t> domain(shapeOf(elements)), taken;
  // The number of the element that a window reads, of the image alone; what lies in the padding never wins.
  AffineExpr number = n.b.getAffineConstantExpr(0);
  size_t spatial = windows.size();
  for (size_t d = 0; d < spatial; ++d) {
    taken.push_back(2 + spatial + d);
    AffineExpr at = n.b.getAffineDimExpr(2 + d) * windows[d].stride - windows[d].before +
                    n.b.getAffineDimExpr(2 + spatial + d) * windows[d].dilation;
    number = number * from[d + 2] + at;
  }
  Type i64 = n.b.getI64Type();
  int64_t area = 1;
  for (int64_t size : from.drop_front(2))
    area *= size;
  Value at = tiny::IotaOp::create(n.b, RankedTensorType::get(domain, i64), AffineMap::get(domain.size(), 0, number));
  Value inside = slidingWindows(n.b, splat(n.b, tiny::withElementType(n[0].getType(), n.b.getI1Type()), 1), windows,
                                shape.drop_front(2), n.b.getBoolAttr(false));
  Value hit = bitAnd(n.b, inside, equal(n.b, elements, broadcastOver(n.b, largest, domain, taken)));
  // The smallest number that hits, as the largest of what it lacks to the end.
  Value lacking = sub(n.b, splatInteger(n.b, at, area - 1), at);
  lacking = where(n.b, hit, lacking, splatInteger(n.b, at, 0));
  Value best = reduce(n.b, tiny::ReduceKind::Max, lacking, taken);
  if (!best)
    return {};
  best = sub(n.b, splatInteger(n.b, best, area - 1), best);
  if (columnMajor && spatial > 1) {
    int64_t height = from[from.size() - 2], width = from.back();
    auto scalar = [&](int64_t value) { return splatInteger(n.b, best, value); };
    Value column = truncMod(n.b, best, scalar(width)), rest = div(n.b, best, scalar(width));
    Value row = truncMod(n.b, rest, scalar(height)), before = div(n.b, rest, scalar(height));
    best = add(n.b, mul(n.b, add(n.b, mul(n.b, before, scalar(width)), column), scalar(height)), row);
  }
  AffineExpr image = (n.b.getAffineDimExpr(0) * from[1] + n.b.getAffineDimExpr(1)) * area;
  return add(n.b, best, tiny::IotaOp::create(n.b, best.getType(), AffineMap::get(shape.size(), 0, image)));
}

static Value importMaxPool(NodeImport &n) {
  FailureOr<SmallVector<int64_t>> kernel = kernelShape(n);
  if (failed(kernel))
    return {};
  FailureOr<SmallVector<Window>> windows = windowsOf(n, *kernel, n.integer("ceil_mode", 0));
  bool columnMajor = n.integer("storage_order", 0);
  if (failed(windows))
    return {};
  Value largest = maxPool(n.b, n[0], *windows, n.integer("ceil_mode", 0));
  if (n.wants(1))
    n.moreResults.push_back(maximaAt(n, largest, *windows, columnMajor));
  return largest;
}

// x / (bias + alpha / size * (sum of squares over `size` channels around))^beta
static Value importLrn(NodeImport &n) {
  double alpha = n.number("alpha", 1e-4), beta = n.number("beta", 0.75), bias = n.number("bias", 1);
  int64_t size = n.integer("size", 0), rank = n.rank(0);
  if (rank < 2 || size < 1 || size > int64_t(1) << 31)
    return n.fail("expected an operand [N, C, ..] and a positive size");
  Value square = mul(n.b, n[0], n[0]);
  SmallVector<int64_t> domain(n.shape(0));
  domain.push_back(size);
  SmallVector<AffineExpr> exprs, mask;
  for (int64_t d = 0; d < rank; ++d)
    exprs.push_back(n.b.getAffineDimExpr(d));
  Window around{size, 1, 1, (size - 1) / 2, size / 2};
  exprs[1] = windowPosition(exprs[1], n.b.getAffineDimExpr(rank), around, domain[1], domain[1], mask);
  AffineMap map = AffineMap::get(rank + 1, 0, exprs, n.b.getContext());
  SmallVector<bool> equalities(mask.size(), false);
  if (!square)
    return {};
  Value channels = mask.empty() ? view(n.b, square, domain, map)
                                : view(n.b, square, domain, map, IntegerSet::get(rank + 1, 0, mask, equalities),
                                       cast<TypedAttr>(n.b.getZeroAttr(tiny::elementType(square.getType()))));
  Value sum = reduce(n.b, tiny::ReduceKind::Sum, channels, {rank});
  if (!sum)
    return {};
  sum = add(n.b, mul(n.b, sum, splat(n.b, sum, alpha / size)), splat(n.b, sum, bias));
  return div(n.b, n[0], pow(n.b, sum, splat(n.b, sum, beta)));
}

static Value importAveragePool(NodeImport &n) {
  FailureOr<SmallVector<int64_t>> kernel = kernelShape(n);
  if (failed(kernel))
    return {};
  FailureOr<SmallVector<Window>> windows = windowsOf(n, *kernel, n.integer("ceil_mode", 0));
  if (failed(windows))
    return {};
  return averagePool(n.b, n[0], *windows, n.integer("ceil_mode", 0), n.integer("count_include_pad", 0));
}

// The norm's exponent; version 1 had a float.
static double exponentOf(NodeImport &n) { return n.version < 2 ? n.number("p", 2) : n.integer("p", 2); }

static Value absolutePower(NodeImport &n, double p) {
  Value x = abs(n.b, n[0]);
  return pow(n.b, x, splat(n.b, x, p));
}

static Value rootOf(NodeImport &n, Value sum, double p) {
  if (!sum || p == 1)
    return sum;
  return p == 2 ? compose::sqrt(n.b, sum) : pow(n.b, sum, splat(n.b, sum, 1 / p));
}

static Value importLpPool(NodeImport &n) {
  FailureOr<SmallVector<int64_t>> kernel = kernelShape(n);
  if (failed(kernel))
    return {};
  FailureOr<SmallVector<Window>> windows = windowsOf(n, *kernel, n.integer("ceil_mode", 0));
  double p = exponentOf(n);
  if (failed(windows))
    return {};
  return rootOf(n, sumPool(n.b, absolutePower(n, p), *windows, n.integer("ceil_mode", 0)), p);
}

template <Value (*build)(NodeImport &, ArrayRef<int64_t>)> static Value importGlobalPool(NodeImport &n) {
  if (n.rank(0) < 3)
    return n.fail("expected an operand [N, C, ..]");
  SmallVector<int64_t> dims, shape(n.shape(0));
  for (int64_t d = 2; d < n.rank(0); ++d) {
    dims.push_back(d);
    shape[d] = 1;
  }
  return reshape(n.b, build(n, dims), shape);
}

static Value globalAverage(NodeImport &n, ArrayRef<int64_t> dims) { return reduceMean(n.b, n[0], dims); }

static Value globalNorm(NodeImport &n, ArrayRef<int64_t> dims) {
  double p = exponentOf(n);
  return rootOf(n, reduce(n.b, tiny::ReduceKind::Sum, absolutePower(n, p), dims), p);
}

static Value globalMaximum(NodeImport &n, ArrayRef<int64_t> dims) {
  return reduce(n.b, tiny::ReduceKind::Max, n[0], dims);
}

ArrayRef<Operator> onnx::windowOperators() {
  static const Operator rows[] = {
      {"AveragePool", 1, 1, 1, Narrow::Widen, importAveragePool},
      {"Conv", 1, 2, 3, Narrow::Widen, importConv},
      {"Gemm", 1, 2, 3, Narrow::Widen, importGemm},
      {"GlobalAveragePool", 1, 1, 1, Narrow::Widen, importGlobalPool<globalAverage>},
      {"GlobalLpPool", 1, 1, 1, Narrow::Widen, importGlobalPool<globalNorm>},
      {"GlobalMaxPool", 1, 1, 1, Narrow::Widen, importGlobalPool<globalMaximum>},
      {"LRN", 1, 1, 1, Narrow::Widen, importLrn},
      {"LpPool", 1, 1, 1, Narrow::Widen, importLpPool},
      {"MatMul", 1, 2, 2, Narrow::Widen, importMatMul},
      {"MaxPool", 1, 1, 1, Narrow::Widen, importMaxPool},
  };
  return rows;
}
