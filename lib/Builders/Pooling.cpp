// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pooling over sliding windows.

#include "lib/Builders/Pooling.h"

#include "lib/Builders/Reduction.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tinyc;

static SmallVector<int64_t> positionsOf(Value x, ArrayRef<compose::Window> windows, bool ceil) {
  ArrayRef<int64_t> sizes = compose::shapeOf(x).take_back(windows.size());
  SmallVector<int64_t> positions;
  for (auto [window, size] : llvm::zip_equal(windows, sizes))
    positions.push_back(compose::windowPositions(window, size, ceil));
  return positions;
}

static Value pool(compose::Builder &b, tiny::ReduceKind kind, Value x, ArrayRef<compose::Window> windows, bool ceil) {
  if (!x)
    return {};
  if (compose::shapeOf(x).size() < windows.size()) {
    emitError(b.getLoc(), "pooling: expected at least ") << windows.size() << " dimensions, found " << x.getType();
    return {};
  }
  TypedAttr fill = tiny::reductionIdentity(kind, tiny::elementType(x.getType()));
  Value elements = compose::slidingWindows(b, x, windows, positionsOf(x, windows, ceil), fill);
  SmallVector<int64_t> dims;
  for (size_t d = 0; d < windows.size(); ++d)
    dims.push_back(compose::shapeOf(x).size() + d);
  return compose::reduce(b, kind, elements, dims);
}

Value compose::maxPool(Builder &b, Value x, ArrayRef<Window> windows, bool ceil) {
  return pool(b, tiny::ReduceKind::Max, x, windows, ceil);
}

Value compose::sumPool(Builder &b, Value x, ArrayRef<Window> windows, bool ceil) {
  return pool(b, tiny::ReduceKind::Sum, x, windows, ceil);
}

Value compose::averagePool(Builder &b, Value x, ArrayRef<Window> windows, bool ceil, bool countPadding) {
  Value sum = sumPool(b, x, windows, ceil);
  if (!sum)
    return {};
  if (!isa<FloatType>(tiny::elementType(sum.getType()))) {
    emitError(b.getLoc(), "average pooling: expected a float operand, found ") << x.getType();
    return {};
  }
  // Only what is padded needs vectors of counts, of this length at most.
  constexpr int64_t kMaxCounts = int64_t(1) << 20;
  // How many elements each window counts: a product of one number for each dimension. Dimensions in which all windows
  // count the same number join one factor; each other one gives a vector.
  int64_t common = 1;
  size_t leading = shapeOf(x).size() - windows.size();
  SmallVector<int64_t> positions = positionsOf(x, windows, ceil);
  SmallVector<std::pair<int64_t, SmallVector<double>>> varying;
  for (auto [d, window] : llvm::enumerate(windows)) {
    int64_t end = shapeOf(x)[leading + d] + (countPadding ? window.after : 0);
    int64_t begin = countPadding ? -window.before : 0;
    if (window.before == 0 && (positions[d] - 1) * window.stride + window.extent() <= end) {
      common *= window.size;
      continue;
    }
    if (positions[d] > kMaxCounts) {
      emitError(b.getLoc(), "average pooling: expected at most ")
          << kMaxCounts << " positions along a padded dimension, found " << positions[d];
      return {};
    }
    SmallVector<double> counts;
    for (int64_t p = 0; p < positions[d]; ++p) {
      // Elements first to last - 1 lie between begin and end.
      int64_t at = p * window.stride - window.before;
      int64_t first = std::max<int64_t>(0, llvm::divideCeilSigned(begin - at, window.dilation));
      int64_t last = std::min<int64_t>(window.size, llvm::divideFloorSigned(end - 1 - at, window.dilation) + 1);
      counts.push_back(std::max<int64_t>(last - first, 0));
    }
    if (llvm::all_equal(counts))
      common *= counts.empty() ? 1 : counts.front();
    else
      varying.push_back({leading + d, counts});
  }
  Value count = splatInteger(b, sum, common);
  Type element = tiny::elementType(sum.getType());
  for (const auto &[dim, counts] : varying) {
    SmallVector<Attribute> values;
    for (double value : counts)
      values.push_back(b.getFloatAttr(element, value));
    auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, element);
    Value vector = tiny::ConstOp::create(b, DenseElementsAttr::get(type, values));
    count = mul(b, count, broadcastAlong(b, vector, shapeOf(sum), dim));
  }
  return div(b, sum, count);
}
