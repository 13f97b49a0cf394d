// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A transposed convolution as convolutions. Along a dimension with stride s, elements s * i + r of the result (for one
// r, a phase) are a convolution with stride 1 of the input by every s-th element of the flipped window:
//
//   y[s * i + r - before] = sum over j of x[i - j] * w[s * j + r]
//
// so nothing is multiplied that the stride left empty, and nothing is scattered.

#include "lib/Builders/Contraction.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::compose;

namespace {
// One dimension of the result in `blocks` of `stride` elements from block `first` on.
struct Phases {
  Window window;
  int64_t first, blocks;

  // How many of the window's elements a phase has.
  int64_t taps(int64_t phase) const {
    return phase < window.size ? llvm::divideCeil(window.size - phase, window.stride) : 0;
  }
  bool equal() const { return window.size % window.stride == 0; }
  // The convolution that computes a phase of an input of `size` elements.
  Window convolution(int64_t phase, int64_t size) const {
    Window w{taps(phase), 1, window.dilation, 0, 0};
    w.before = w.extent() - 1 - first;
    w.after = blocks - 1 + w.extent() - size - w.before;
    return w;
  }
};
} // namespace

// Every combination of one number below each size, the last one moving fastest.
static SmallVector<SmallVector<int64_t>> combinations(ArrayRef<int64_t> sizes) {
  SmallVector<SmallVector<int64_t>> all = {{}};
  for (int64_t size : sizes) {
    SmallVector<SmallVector<int64_t>> longer;
    for (const SmallVector<int64_t> &prefix : all)
      for (int64_t i = 0; i < size; ++i) {
        longer.push_back(prefix);
        longer.back().push_back(i);
      }
    all = std::move(longer);
  }
  return all;
}

// The weights [outputs, channels of a group, window..] of one convolution that computes `together` phases of each
// dimension, from `phase` on: output (m, phases..) is m * (their number) + their place.
static Value phaseWeights(ImplicitLocOpBuilder &b, Value weights, ArrayRef<Phases> dims, ArrayRef<int64_t> phase,
                          ArrayRef<int64_t> together, int64_t groups) {
  ArrayRef<int64_t> shape = shapeOf(weights);
  int64_t channels = shape[0] / groups, outputs = shape[1], number = 1;
  for (int64_t size : together)
    number *= size;
  SmallVector<int64_t> domain = {groups * outputs * number, channels};
  AffineExpr place = b.getAffineDimExpr(0), output = place.floorDiv(number);
  SmallVector<AffineExpr> from = {output.floorDiv(outputs) * channels + b.getAffineDimExpr(1), output % outputs};
  int64_t after = number;
  for (auto [d, dim] : llvm::enumerate(dims)) {
    int64_t taps = dim.taps(phase[d]);
    after /= together[d];
    AffineExpr own = place.floorDiv(after) % together[d] + phase[d];
    from.push_back((taps - 1 - b.getAffineDimExpr(d + 2)) * dim.window.stride + own);
    domain.push_back(taps);
  }
  return view(b, weights, domain, AffineMap::get(domain.size(), 0, from, b.getContext()));
}

Value compose::transposedConv(ImplicitLocOpBuilder &b, Value x, Value weights, ArrayRef<Window> windows,
                              ArrayRef<int64_t> sizes, int64_t groups) {
  if (!x || !weights)
    return {};
  ArrayRef<int64_t> in = shapeOf(x);
  int64_t outputs = groups * shapeOf(weights)[1];
  SmallVector<Phases> dims;
  SmallVector<int64_t> strides, blocks;
  bool equal = true;
  for (auto [window, size] : llvm::zip_equal(windows, sizes)) {
    Phases dim{window, llvm::divideFloorSigned(window.before, window.stride), 0};
    dim.blocks = llvm::divideCeilSigned(window.before + size, window.stride) - dim.first;
    equal &= dim.equal();
    strides.push_back(window.stride);
    blocks.push_back(dim.blocks);
    dims.push_back(dim);
  }
  auto compute = [&](ArrayRef<int64_t> phase, ArrayRef<int64_t> together) {
    SmallVector<Window> convolutions;
    for (auto [d, dim] : llvm::enumerate(dims))
      convolutions.push_back(dim.convolution(phase[d], in[d + 2]));
    return conv(b, x, phaseWeights(b, weights, dims, phase, together, groups), convolutions, groups);
  };
  // [N, outputs, phases.., blocks..], from one convolution if all phases have as many elements of the window.
  SmallVector<int64_t> apart = {in[0], outputs};
  llvm::append_range(apart, strides);
  llvm::append_range(apart, blocks);
  Value all;
  if (equal) {
    all = compute(SmallVector<int64_t>(dims.size(), 0), strides);
  } else {
    SmallVector<int64_t> one(dims.size(), 1), shape = {in[0], outputs, 1};
    llvm::append_range(shape, blocks);
    SmallVector<Value> phases;
    for (ArrayRef<int64_t> phase : combinations(strides)) {
      bool empty = llvm::any_of(llvm::zip_equal(dims, phase),
                                [](auto each) { return std::get<0>(each).taps(std::get<1>(each)) == 0; });
      auto type = RankedTensorType::get(shape, tiny::elementType(x.getType()));
      phases.push_back(empty ? splat(b, type, 0) : reshape(b, compute(phase, one), shape));
    }
    all = concat(b, phases, 2);
  }
  // Each dimension's phases stand beside its blocks; what is before or after the result is cut off.
  SmallVector<int64_t> permutation = {0, 1}, full = {in[0], outputs}, starts = {0, 0}, shape = {in[0], outputs};
  for (auto [d, dim] : llvm::enumerate(dims)) {
    permutation.append({static_cast<int64_t>(2 + dims.size() + d), static_cast<int64_t>(2 + d)});
    full.push_back(dim.blocks * dim.window.stride);
    starts.push_back(dim.window.before - dim.first * dim.window.stride);
    shape.push_back(sizes[d]);
  }
  all = reshape(b, permute(b, reshape(b, all, apart), permutation), full);
  return stridedSlice(b, all, starts, shape, SmallVector<int64_t>(shape.size(), 1));
}
