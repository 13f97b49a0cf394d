// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrix products and convolutions as view, multiply, sum.

#include "lib/Builders/Contraction.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tinyc;

Value compose::matmul(Builder &b, Value x, Value y) {
  if (!x || !y)
    return {};
  SmallVector<int64_t> left(shapeOf(x)), right(shapeOf(y));
  bool row = left.size() == 1, column = right.size() == 1;
  if (row)
    left.insert(left.begin(), 1);
  if (column)
    right.push_back(1);
  if (left.size() < 2 || right.size() < 2 || left.back() != right[right.size() - 2]) {
    emitError(b.getLoc(), "matmul: expected the last dimension of the left operand to be the one but last of the "
                          "right, found ")
        << x.getType() << " and " << y.getType();
    return {};
  }
  int64_t m = left[left.size() - 2], k = left.back(), n = right.back();
  FailureOr<SmallVector<int64_t>> batch =
      broadcastShape(b, {ArrayRef(left).drop_back(2), ArrayRef(right).drop_back(2)});
  if (failed(batch))
    return {};
  // The domain is batch, rows unless there is one by construction, columns likewise, then k.
  SmallVector<int64_t> domain(*batch);
  unsigned rank = batch->size();
  AffineExpr zero = b.getAffineConstantExpr(0);
  AffineExpr rowExpr = row ? zero : b.getAffineDimExpr(rank++);
  AffineExpr columnExpr = column ? zero : b.getAffineDimExpr(rank++);
  AffineExpr kExpr = b.getAffineDimExpr(rank++);
  if (!row)
    domain.push_back(m);
  if (!column)
    domain.push_back(n);
  domain.push_back(k);
  auto operand = [&](Value value, ArrayRef<int64_t> shape, AffineExpr first, AffineExpr second, bool dropFirst,
                     bool dropSecond) {
    SmallVector<AffineExpr> exprs;
    size_t leading = shape.size() - 2;
    for (size_t d = 0; d < leading; ++d)
      exprs.push_back(shape[d] == 1 ? zero : b.getAffineDimExpr(batch->size() - leading + d));
    if (!dropFirst)
      exprs.push_back(first);
    if (!dropSecond)
      exprs.push_back(second);
    return view(b, value, domain, AffineMap::get(rank, 0, exprs, b.getContext()));
  };
  Value product =
      mul(b, operand(x, left, rowExpr, kExpr, row, false), operand(y, right, kExpr, columnExpr, false, column));
  return product ? Value(tiny::ReduceOp::create(b, tiny::ReduceKind::Sum, product, {rank - 1})) : Value();
}

int64_t compose::windowPositions(const Window &window, int64_t inputSize, bool ceil) {
  int64_t room = inputSize + window.before + window.after - window.extent();
  int64_t positions =
      (ceil ? llvm::divideCeilSigned(room, window.stride) : llvm::divideFloorSigned(room, window.stride)) + 1;
  if (positions <= 0)
    return 0;
  // A window that would start in the padding after the input is not taken.
  if (ceil && (positions - 1) * window.stride >= inputSize + window.before)
    --positions;
  return positions;
}

Value compose::conv(Builder &b, Value x, Value weights, ArrayRef<Window> windows, int64_t groups, TypedAttr fill,
                    Type wide) {
  if (!x || !weights)
    return {};
  ArrayRef<int64_t> in = shapeOf(x), kernel = shapeOf(weights);
  size_t spatial = windows.size();
  if (in.size() != spatial + 2 || kernel.size() != spatial + 2 || groups < 1 || in[1] % groups != 0 ||
      kernel[1] != in[1] / groups || kernel[0] % groups != 0) {
    emitError(b.getLoc(), "convolution: expected input [N, C, ..] and weights [M, C / groups, ..] with ")
        << spatial << " spatial dimensions and M a multiple of groups = " << groups << ", found " << x.getType()
        << " and " << weights.getType();
    return {};
  }
  int64_t outputs = kernel[0], channels = kernel[1], outputsPerGroup = outputs / groups;
  // With one channel or one output a group, the group is read off the output's number; else it is a dimension.
  bool groupDim = groups > 1 && channels > 1 && outputsPerGroup > 1;

  SmallVector<int64_t> domain;
  auto dim = [&](int64_t size) {
    domain.push_back(size);
    return b.getAffineDimExpr(domain.size() - 1);
  };
  AffineExpr zero = b.getAffineConstantExpr(0);
  AffineExpr n = dim(in[0]);
  AffineExpr group = groupDim ? dim(groups) : zero;
  AffineExpr output = dim(groupDim ? outputsPerGroup : outputs);
  SmallVector<int64_t> positions;
  SmallVector<AffineExpr> at, element;
  for (size_t d = 0; d < spatial; ++d) {
    positions.push_back(windowPositions(windows[d], in[d + 2]));
    at.push_back(dim(positions.back()));
  }
  size_t parallel = domain.size();
  // Dimensions of size 1 are no dimensions of the sum.
  AffineExpr channel = channels == 1 ? zero : dim(channels);
  for (const Window &window : windows)
    element.push_back(window.size == 1 ? zero : dim(window.size));

  AffineExpr ofGroup = groupDim ? group : groups == 1 ? zero : output.floorDiv(outputsPerGroup);
  SmallVector<AffineExpr> read{n, ofGroup * channels + channel};
  SmallVector<AffineExpr> readWeights{groupDim ? group * outputsPerGroup + output : output, channel};
  SmallVector<AffineExpr> constraints;
  for (size_t d = 0; d < spatial; ++d) {
    read.push_back(windowPosition(at[d], element[d], windows[d], in[d + 2], positions[d], constraints));
    readWeights.push_back(element[d]);
  }
  AffineMap map = AffineMap::get(domain.size(), 0, read, b.getContext());
  Value input;
  if (constraints.empty()) {
    input = view(b, x, domain, map);
  } else {
    SmallVector<bool> equalities(constraints.size(), false);
    IntegerSet mask = IntegerSet::get(domain.size(), 0, constraints, equalities);
    if (!fill)
      fill = cast<TypedAttr>(b.getZeroAttr(tiny::elementType(x.getType())));
    input = view(b, x, domain, map, mask, fill);
  }
  Value filter = view(b, weights, domain, AffineMap::get(domain.size(), 0, readWeights, b.getContext()));
  Value product = mul(b, wide ? cast(b, input, wide) : input, wide ? cast(b, filter, wide) : filter);
  if (!product)
    return {};
  SmallVector<int64_t> summed;
  for (size_t d = parallel; d < domain.size(); ++d)
    summed.push_back(d);
  Value result = summed.empty() ? product : Value(tiny::ReduceOp::create(b, tiny::ReduceKind::Sum, product, summed));
  SmallVector<int64_t> shape{in[0], outputs};
  llvm::append_range(shape, positions);
  return reshape(b, result, shape);
}
