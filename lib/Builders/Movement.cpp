// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Views: reshape, permute, broadcast, pad, slice, flip, tile, sliding windows.

#include "lib/Builders/Movement.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tinyc;

static RankedTensorType tensorType(Value x) { return cast<RankedTensorType>(x.getType()); }

ArrayRef<int64_t> compose::shapeOf(Value x) {
  auto type = x ? dyn_cast<ShapedType>(x.getType()) : ShapedType();
  return type ? type.getShape() : ArrayRef<int64_t>();
}

std::optional<int64_t> compose::elementCount(ArrayRef<int64_t> shape) {
  // Sizes are multiplied as if none were zero, so that a zero does not hide a size that no address can hold.
  int64_t count = 1;
  bool empty = false;
  for (int64_t size : shape) {
    if (size < 0 || llvm::MulOverflow(count, std::max<int64_t>(size, 1), count) || count >= int64_t(1) << 62)
      return std::nullopt;
    empty |= size == 0;
  }
  return empty ? 0 : count;
}

static std::string spell(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "[";
  llvm::interleaveComma(shape, os);
  os << "]";
  return text;
}

bool compose::isCountable(Builder &b, ArrayRef<int64_t> shape) {
  if (elementCount(shape))
    return true;
  emitError(b.getLoc()) << "expected a tensor of less than 2^62 elements, found the shape " << spell(shape);
  return false;
}

Value compose::view(Builder &b, Value x, ArrayRef<int64_t> shape, AffineMap map) {
  return view(b, x, shape, map, IntegerSet(), TypedAttr());
}

Value compose::view(Builder &b, Value x, ArrayRef<int64_t> shape, AffineMap map, IntegerSet mask, TypedAttr fill) {
  if (!x)
    return {};
  if (!isCountable(b, shape) || !isCountable(b, shapeOf(x)))
    return {};
  auto type = tensorType(x).clone(shape);
  // Nothing is read for a result without elements, and only the fill from an input without.
  if (elementCount(shape) == 0)
    return tiny::ConstOp::create(b, DenseElementsAttr::get(type, ArrayRef<Attribute>()));
  if (elementCount(shapeOf(x)) == 0 && fill)
    return tiny::ConstOp::create(b, DenseElementsAttr::get(type, Attribute(fill)));
  if (!mask && type == x.getType() && map.isIdentity())
    return x;
  if (!mask)
    return tiny::ViewOp::create(b, type, x, map);
  return tiny::ViewOp::create(b, type, x, AffineMapAttr::get(map), IntegerSetAttr::get(mask), fill);
}

// Adds to `exprs` the coordinates of the dimensions [first, end) of `sizes` when `linear` is their row-major number.
static void delinearise(AffineExpr linear, ArrayRef<int64_t> sizes, MutableArrayRef<AffineExpr> exprs) {
  int64_t below = 1;
  for (int64_t d = sizes.size() - 1; d >= 0; --d) {
    if (sizes[d] == 1)
      continue;
    AffineExpr rest = linear.floorDiv(below);
    int64_t above = 1;
    for (int64_t e = 0; e < d; ++e)
      above *= sizes[e];
    exprs[d] = above == 1 ? rest : rest % sizes[d];
    below *= sizes[d];
  }
}

Value compose::reshape(Builder &b, Value x, ArrayRef<int64_t> shape) {
  if (!x)
    return {};
  ArrayRef<int64_t> from = shapeOf(x);
  std::optional<int64_t> count = elementCount(shape);
  if (!count || count != elementCount(from)) {
    emitError(b.getLoc()) << "reshape: expected a shape of as many elements as " << spell(from) << ", found "
                          << spell(shape);
    return {};
  }
  if (from == shape)
    return x;
  SmallVector<AffineExpr> exprs(from.size(), b.getAffineConstantExpr(0));
  // Runs of dimensions with equal products correspond; only inside a run are coordinates taken apart.
  size_t i = 0, j = 0;
  while (*count != 0 && i < from.size() && j < shape.size()) {
    size_t firstIn = i, firstOut = j;
    int64_t in = from[i++], out = shape[j++];
    while (in != out)
      if (in < out)
        in *= from[i++];
      else
        out *= shape[j++];
    AffineExpr linear = b.getAffineConstantExpr(0);
    for (size_t d = firstOut; d < j; ++d)
      if (shape[d] != 1)
        linear = linear * shape[d] + b.getAffineDimExpr(d);
    delinearise(linear, from.slice(firstIn, i - firstIn),
                MutableArrayRef<AffineExpr>(exprs).slice(firstIn, i - firstIn));
  }
  return view(b, x, shape, AffineMap::get(shape.size(), 0, exprs, b.getContext()));
}

Value compose::permute(Builder &b, Value x, ArrayRef<int64_t> permutation) {
  if (!x)
    return {};
  ArrayRef<int64_t> from = shapeOf(x);
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> exprs(from.size());
  for (auto [to, dim] : llvm::enumerate(permutation)) {
    if (dim < 0 || dim >= static_cast<int64_t>(from.size()) || exprs[dim])
      break;
    shape.push_back(from[dim]);
    exprs[dim] = b.getAffineDimExpr(to);
  }
  if (shape.size() == from.size() && permutation.size() == from.size())
    return view(b, x, shape, AffineMap::get(shape.size(), 0, exprs, b.getContext()));
  emitError(b.getLoc()) << "expected a permutation of " << from.size() << " dimensions, found " << spell(permutation);
  return {};
}

Value compose::broadcast(Builder &b, Value x, ArrayRef<int64_t> shape) {
  if (!x)
    return {};
  ArrayRef<int64_t> from = shapeOf(x);
  bool fits = from.size() <= shape.size();
  int64_t extra = static_cast<int64_t>(shape.size()) - from.size();
  SmallVector<AffineExpr> exprs;
  for (size_t d = 0; fits && d < from.size(); ++d) {
    fits = from[d] == 1 || from[d] == shape[d + extra];
    exprs.push_back(from[d] == 1 ? b.getAffineConstantExpr(0) : b.getAffineDimExpr(d + extra));
  }
  if (!fits) {
    emitError(b.getLoc()) << "expected a shape that broadcasts to " << spell(shape) << ", found " << spell(from);
    return {};
  }
  return from == shape ? x : view(b, x, shape, AffineMap::get(shape.size(), 0, exprs, b.getContext()));
}

FailureOr<SmallVector<int64_t>> compose::broadcastShape(Builder &b, ArrayRef<ArrayRef<int64_t>> shapes) {
  SmallVector<int64_t> result;
  for (ArrayRef<int64_t> shape : shapes) {
    if (shape.size() > result.size())
      result.insert(result.begin(), shape.size() - result.size(), 1);
    size_t extra = result.size() - shape.size();
    for (auto [d, size] : llvm::enumerate(shape)) {
      int64_t &common = result[d + extra];
      if (common == 1) {
        common = size;
      } else if (size != 1 && size != common) {
        std::string all;
        for (ArrayRef<int64_t> s : shapes)
          all += (all.empty() ? "" : " and ") + spell(s);
        return emitError(b.getLoc()) << "expected shapes that broadcast to one, found " << all;
      }
    }
  }
  return result;
}

bool compose::broadcastTogether(Builder &b, MutableArrayRef<Value> values) {
  if (!llvm::all_of(values, [](Value v) { return bool(v); }))
    return false;
  FailureOr<SmallVector<int64_t>> shape = broadcastShape(b, llvm::map_to_vector(values, shapeOf));
  if (failed(shape))
    return false;
  for (Value &value : values)
    if (!(value = broadcast(b, value, *shape)))
      return false;
  return true;
}

Value compose::broadcastAlong(Builder &b, Value x, ArrayRef<int64_t> shape, int64_t dim) {
  if (!x)
    return {};
  int64_t size = shapeOf(x).size() == 1 ? shapeOf(x).front() : -1;
  if (dim < 0 || dim >= static_cast<int64_t>(shape.size()) || (size != 1 && size != shape[dim])) {
    emitError(b.getLoc()) << "expected a vector for dimension " << dim << " of " << spell(shape) << ", found "
                          << x.getType();
    return {};
  }
  AffineExpr expr = size == 1 ? b.getAffineConstantExpr(0) : b.getAffineDimExpr(dim);
  return view(b, x, shape, AffineMap::get(shape.size(), 0, expr));
}

Value compose::broadcastOver(Builder &b, Value x, ArrayRef<int64_t> shape, ArrayRef<int64_t> dims) {
  SmallVector<AffineExpr> exprs;
  for (size_t d = 0; d < shape.size(); ++d)
    if (!llvm::is_contained(dims, static_cast<int64_t>(d)))
      exprs.push_back(b.getAffineDimExpr(d));
  return view(b, x, shape, AffineMap::get(shape.size(), 0, exprs, b.getContext()));
}

Value compose::pad(Builder &b, Value x, ArrayRef<int64_t> before, ArrayRef<int64_t> after, TypedAttr fill) {
  if (!x)
    return {};
  ArrayRef<int64_t> from = shapeOf(x);
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> exprs, constraints;
  for (auto [d, size] : llvm::enumerate(from)) {
    // Bounds keep the arithmetic below away from overflow; no tensor comes near them.
    int64_t limit = int64_t(1) << 60;
    int64_t result = std::max(before[d], after[d]) > limit ? limit : size + before[d] + after[d];
    if (result < 0) {
      emitError(b.getLoc()) << "pad: dimension " << d << " of size " << size << " cannot lose "
                            << -(before[d] + after[d]) << " elements";
      return {};
    }
    shape.push_back(result);
    AffineExpr position = b.getAffineDimExpr(d) - before[d];
    exprs.push_back(position);
    if (before[d] > 0)
      constraints.push_back(position);
    if (after[d] > 0)
      constraints.push_back(size - 1 - position);
  }
  AffineMap map = AffineMap::get(shape.size(), 0, exprs, b.getContext());
  if (constraints.empty())
    return view(b, x, shape, map);
  SmallVector<bool> equalities(constraints.size(), false);
  return view(b, x, shape, map, IntegerSet::get(shape.size(), 0, constraints, equalities), fill);
}

Value compose::stridedSlice(Builder &b, Value x, ArrayRef<int64_t> starts, ArrayRef<int64_t> sizes,
                            ArrayRef<int64_t> steps) {
  SmallVector<AffineExpr> exprs;
  for (size_t d = 0; d < sizes.size(); ++d)
    exprs.push_back(sizes[d] == 1 ? b.getAffineConstantExpr(starts[d]) : b.getAffineDimExpr(d) * steps[d] + starts[d]);
  return view(b, x, sizes, AffineMap::get(sizes.size(), 0, exprs, b.getContext()));
}

Value compose::slice(Builder &b, Value x, int64_t dim, int64_t start, int64_t size) {
  if (!x)
    return {};
  int64_t rank = shapeOf(x).size();
  if (dim < 0 || dim >= rank || start < 0 || size < 0 || start > shapeOf(x)[dim] || size > shapeOf(x)[dim] - start) {
    emitError(b.getLoc()) << "expected " << size << " elements from " << start << " on along dimension " << dim
                          << ", found " << x.getType();
    return {};
  }
  SmallVector<int64_t> starts(rank, 0), sizes(shapeOf(x)), steps(rank, 1);
  starts[dim] = start;
  sizes[dim] = size;
  return stridedSlice(b, x, starts, sizes, steps);
}

Value compose::flip(Builder &b, Value x, int64_t dim) {
  if (!x)
    return {};
  SmallVector<int64_t> starts(shapeOf(x).size(), 0), steps(shapeOf(x).size(), 1);
  starts[dim] = shapeOf(x)[dim] - 1;
  steps[dim] = -1;
  return stridedSlice(b, x, starts, shapeOf(x), steps);
}

Value compose::tile(Builder &b, Value x, ArrayRef<int64_t> repeats) {
  if (!x)
    return {};
  SmallVector<int64_t> shape(shapeOf(x));
  SmallVector<AffineExpr> exprs;
  for (auto [d, size] : llvm::enumerate(shape)) {
    AffineExpr dim = b.getAffineDimExpr(d);
    exprs.push_back(size == 1 ? b.getAffineConstantExpr(0) : repeats[d] == 1 || size == 0 ? dim : dim % size);
    if (repeats[d] < 0 || llvm::MulOverflow(size, repeats[d], size))
      size = std::numeric_limits<int64_t>::max(); // refused by view
  }
  return view(b, x, shape, AffineMap::get(shape.size(), 0, exprs, b.getContext()));
}

Value compose::concat(Builder &b, ArrayRef<Value> inputs, int64_t dim) {
  SmallVector<Value> kept;
  for (auto [i, input] : llvm::enumerate(inputs)) {
    if (!input || !inputs.front())
      return {};
    auto first = tensorType(inputs.front()), own = tensorType(input);
    if (dim < 0 || dim >= first.getRank()) {
      emitError(b.getLoc()) << "concatenation: expected tensors with a dimension " << dim << ", found " << first;
      return {};
    }
    bool fits = own.getElementType() == first.getElementType() && own.getRank() == first.getRank();
    for (int64_t d = 0; fits && d < first.getRank(); ++d)
      fits = d == dim || own.getDimSize(d) == first.getDimSize(d);
    if (!fits) {
      emitError(b.getLoc()) << "concatenation: expected tensor " << i << " to differ from " << first << " in dimension "
                            << dim << " only, found " << own;
      return {};
    }
    if (kept.empty() || shapeOf(input)[dim] != 0)
      kept.push_back(input);
  }
  if (kept.size() > 1 && shapeOf(kept.front())[dim] == 0)
    kept.erase(kept.begin());
  return kept.size() == 1 ? kept.front() : Value(tiny::ConcatOp::create(b, kept, dim));
}

Value compose::coordinate(Builder &b, ArrayRef<int64_t> shape, Type element, int64_t dim) {
  return tiny::IotaOp::create(b, RankedTensorType::get(shape, element),
                              AffineMap::get(shape.size(), 0, b.getAffineDimExpr(dim)));
}

AffineExpr compose::windowPosition(AffineExpr position, AffineExpr element, const Window &window, int64_t inputSize,
                                   int64_t positions, SmallVectorImpl<AffineExpr> &mask) {
  AffineExpr at = position * window.stride + element * window.dilation - window.before;
  if (window.before > 0)
    mask.push_back(at);
  if ((positions - 1) * window.stride + window.extent() - 1 - window.before >= inputSize)
    mask.push_back(inputSize - 1 - at);
  return at;
}

Value compose::slidingWindows(Builder &b, Value x, ArrayRef<Window> windows, ArrayRef<int64_t> positions,
                              TypedAttr fill) {
  if (!x)
    return {};
  ArrayRef<int64_t> from = shapeOf(x);
  size_t spatial = windows.size(), leading = from.size() - spatial;
  SmallVector<int64_t> shape(from.take_front(leading));
  llvm::append_range(shape, positions);
  SmallVector<AffineExpr> exprs, constraints;
  for (size_t d = 0; d < leading; ++d)
    exprs.push_back(b.getAffineDimExpr(d));
  for (size_t d = 0; d < spatial; ++d) {
    shape.push_back(windows[d].size);
    exprs.push_back(windowPosition(b.getAffineDimExpr(leading + d), b.getAffineDimExpr(leading + spatial + d),
                                   windows[d], from[leading + d], positions[d], constraints));
  }
  AffineMap map = AffineMap::get(shape.size(), 0, exprs, b.getContext());
  if (constraints.empty())
    return view(b, x, shape, map);
  SmallVector<bool> equalities(constraints.size(), false);
  return view(b, x, shape, map, IntegerSet::get(shape.size(), 0, constraints, equalities), fill);
}
