// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that move elements: reshape, transpose, slice, pad, concat, split, gather and the like.

#include "lib/Onnx/NodeImport.h"
#include "lib/Onnx/Tensors.h"
#include "llvm/ADT/StringExtras.h"

#include <numeric>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

// A list that is an attribute up to some version, and an operand after it. Nothing if it is left out.
static FailureOr<std::optional<SmallVector<int64_t>>> listOf(NodeImport &n, StringRef name, size_t input,
                                                             int64_t operandSince) {
  if (n.version < operandSince)
    return n.integerList(name);
  if (!n.has(input))
    return std::optional<SmallVector<int64_t>>();
  FailureOr<SmallVector<int64_t>> values = n.integers(input, name);
  if (failed(values))
    return failure();
  return std::optional(*values);
}

static Value importReshape(NodeImport &n) {
  n.ignore({"consumed_inputs"});
  auto wanted = listOf(n, "shape", 1, 5);
  if (failed(wanted))
    return {};
  if (!*wanted)
    return n.fail("expected a shape");
  SmallVector<int64_t> shape(**wanted);
  bool allowZero = n.integer("allowzero", 0);
  ArrayRef<int64_t> from = n.shape(0);
  std::optional<size_t> open;
  for (auto [d, size] : llvm::enumerate(shape)) {
    if (size == 0 && !allowZero) {
      if (d >= from.size())
        return n.fail("shape: size 0 at " + Twine(d) + " copies a dimension that the operand does not have");
      size = from[d];
    } else if (size == -1 && !open) {
      open = d;
    } else if (size < 0) {
      return n.fail("shape: expected sizes and at most one -1, found " + Twine(size) + " at " + Twine(d));
    }
  }
  if (open) {
    shape[*open] = 1;
    std::optional<int64_t> rest = elementCount(shape), all = elementCount(from);
    if (!rest || !all || *rest == 0 || *all % *rest != 0)
      return n.fail("shape: no size in place of -1 makes it fit the operand");
    shape[*open] = *all / *rest;
  }
  return reshape(n.b, n[0], shape);
}

static Value importTranspose(NodeImport &n) {
  SmallVector<int64_t> permutation;
  if (auto given = n.integerList("perm"))
    permutation = *given;
  else
    for (int64_t d = n.rank(0) - 1; d >= 0; --d)
      permutation.push_back(d);
  return permute(n.b, n[0], permutation);
}

static Value importFlatten(NodeImport &n) {
  // The axis may be the rank; a negative one counts from the rank all the same.
  int64_t axis = n.integer("axis", 1), rank = n.rank(0);
  if (axis < -rank || axis > rank)
    return n.fail("expected an axis from " + Twine(-rank) + " to " + Twine(rank) + ", found " + Twine(axis));
  if (axis < 0)
    axis += rank;
  int64_t rows = 1, columns = 1;
  for (auto [d, size] : llvm::enumerate(n.shape(0)))
    (static_cast<int64_t>(d) < axis ? rows : columns) *= size;
  return reshape(n.b, n[0], {rows, columns});
}

static Value importSqueeze(NodeImport &n) {
  auto given = listOf(n, "axes", 1, 13);
  if (failed(given))
    return {};
  FailureOr<SmallVector<int64_t>> axes = SmallVector<int64_t>();
  if (*given)
    axes = n.axes(**given, n.rank(0));
  if (failed(axes))
    return {};
  SmallVector<int64_t> shape;
  for (auto [d, size] : llvm::enumerate(n.shape(0))) {
    bool drop = *given ? llvm::is_contained(*axes, static_cast<int64_t>(d)) : size == 1;
    if (drop && size != 1)
      return n.fail("expected size 1 at axis " + Twine(d) + ", found " + Twine(size));
    if (!drop)
      shape.push_back(size);
  }
  return reshape(n.b, n[0], shape);
}

static Value importUnsqueeze(NodeImport &n) {
  auto given = listOf(n, "axes", 1, 13);
  if (failed(given))
    return {};
  if (!*given)
    return n.fail("expected axes");
  int64_t rank = n.rank(0) + (*given)->size();
  FailureOr<SmallVector<int64_t>> axes = n.axes(**given, rank);
  if (failed(axes))
    return {};
  SmallVector<int64_t> shape;
  size_t next = 0;
  for (int64_t d = 0; d < rank; ++d)
    shape.push_back(llvm::is_contained(*axes, d) ? 1 : n.shape(0)[next++]);
  return reshape(n.b, n[0], shape);
}

static Value importConcat(NodeImport &n) {
  int64_t rank = n.rank(0);
  FailureOr<int64_t> axis = n.axis(n.integer("axis", 1), rank);
  if (failed(axis))
    return {};
  for (auto [i, input] : llvm::enumerate(n.inputs)) {
    bool fits = input && n.rank(i) == rank && n.element(i) == n.element(0);
    for (int64_t d = 0; fits && d < rank; ++d)
      fits = d == *axis || n.shape(i)[d] == n.shape(0)[d];
    if (!fits) {
      InFlightDiagnostic error = n.error() << "expected operand " << i << " to differ from " << n[0].getType()
                                           << " in dimension " << *axis << " only";
      if (input)
        error << ", found " << input.getType();
      return {};
    }
  }
  return concat(n.b, n.inputs, *axis);
}

static Value importSplit(NodeImport &n) {
  FailureOr<int64_t> axis = n.axis(n.integer("axis", 0), n.rank(0));
  // Version 1 takes the sizes as an attribute or an operand.
  auto given = n.has(1) ? listOf(n, "split", 1, 1) : listOf(n, "split", 1, 13);
  if (failed(axis) || failed(given))
    return {};
  int64_t size = n.shape(0)[*axis];
  SmallVector<int64_t> sizes;
  if (*given) {
    sizes = **given;
  } else {
    // Equal parts; only with num_outputs may the last one be smaller.
    int64_t parts = n.integer("num_outputs", n.outputs());
    if (parts < 1 || parts != n.outputs() || (n.version < 18 && size % parts != 0))
      return n.fail("expected to split " + Twine(size) + " elements into " + Twine(n.outputs()) +
                    " equal parts, one an output");
    int64_t each = (size + parts - 1) / parts;
    for (int64_t i = 0; i < parts; ++i)
      sizes.push_back(std::clamp<int64_t>(size - i * each, 0, each));
  }
  int64_t start = 0;
  for (int64_t part : sizes) {
    if (part < 0 || part > size - start)
      return n.fail("split: expected sizes that add up to " + Twine(size));
    n.moreResults.push_back(slice(n.b, n[0], *axis, start, part));
    start += part;
  }
  if (start != size || sizes.empty() || static_cast<int>(sizes.size()) != n.outputs())
    return n.fail("split: expected " + Twine(n.outputs()) + " sizes that add up to " + Twine(size));
  Value first = n.moreResults.front();
  n.moreResults.erase(n.moreResults.begin());
  return first;
}

static Value importSlice(NodeImport &n) {
  int64_t rank = n.rank(0);
  auto starts = listOf(n, "starts", 1, 10), ends = listOf(n, "ends", 2, 10), axes = listOf(n, "axes", 3, 10);
  auto steps = n.version < 10 ? std::optional<SmallVector<int64_t>>() : listOf(n, "steps", 4, 10);
  if (failed(starts) || failed(ends) || failed(axes) || failed(steps))
    return {};
  if (!*starts || !*ends)
    return n.fail("expected starts and ends");
  SmallVector<int64_t> along;
  if (*axes) {
    FailureOr<SmallVector<int64_t>> checked = n.axes(**axes, rank);
    if (failed(checked))
      return {};
    along = *checked;
  } else {
    for (size_t d = 0; d < (*starts)->size(); ++d)
      along.push_back(d);
  }
  if ((*starts)->size() != along.size() || (*ends)->size() != along.size() ||
      along.size() > static_cast<size_t>(rank) || (*steps && (*steps)->size() != along.size()))
    return n.fail("expected as many starts, ends and steps as axes");
  SmallVector<int64_t> first(rank, 0), sizes(n.shape(0)), by(rank, 1);
  for (auto [i, d] : llvm::enumerate(along)) {
    int64_t size = sizes[d], step = *steps ? (**steps)[i] : 1;
    if (step == 0 || step == std::numeric_limits<int64_t>::min())
      return n.fail("expected a step other than 0");
    // Positions count from the end where negative, and end at the tensor's edge; backwards, at the one before 0.
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    auto clamp = [&](int64_t position) { return std::clamp(position < 0 ? position + size : position, low, high); };
    int64_t start = clamp((**starts)[i]), end = clamp((**ends)[i]);
    int64_t distance = step > 0 ? end - start : start - end, stride = std::abs(step);
    sizes[d] = distance <= 0 ? 0 : (distance - 1) / stride + 1;
    first[d] = start;
    by[d] = step;
  }
  return stridedSlice(n.b, n[0], first, sizes, by);
}

static Value importExpand(NodeImport &n) {
  FailureOr<SmallVector<int64_t>> wanted = n.integers(1, "shape");
  if (failed(wanted))
    return {};
  if (!elementCount(*wanted))
    return n.fail("the shape [" +
                  llvm::join(llvm::map_range(*wanted, [](int64_t d) { return std::to_string(d); }), ", ") +
                  "] is negative or too large");
  FailureOr<SmallVector<int64_t>> shape = broadcastShape(n.b, {n.shape(0), *wanted});
  return succeeded(shape) ? broadcast(n.b, n[0], *shape) : Value();
}

static Value importTile(NodeImport &n) {
  if (n.version < 6)
    return n.fail("Tile of versions before 6 is not supported");
  FailureOr<SmallVector<int64_t>> repeats = n.integers(1, "repeats");
  if (failed(repeats))
    return {};
  if (static_cast<int64_t>(repeats->size()) != n.rank(0))
    return n.fail("repeats: expected " + Twine(n.rank(0)) + " numbers, found " + Twine(repeats->size()));
  return tile(n.b, n[0], *repeats);
}

// One dimension extended by copies of what is there: `reflect` without the edge, `edge`, `wrap`.
static Value extend(NodeImport &n, Value x, int64_t dim, int64_t before, int64_t after, StringRef mode) {
  if (!x)
    return {};
  // What is cut off is cut off first.
  int64_t size = shapeOf(x)[dim], cutBefore = std::max<int64_t>(-before, 0), cutAfter = std::max<int64_t>(-after, 0);
  if (cutBefore + cutAfter > size)
    return n.fail("pads: dimension " + Twine(dim) + " of size " + Twine(size) + " cannot lose so many elements");
  if (cutBefore || cutAfter)
    x = slice(n.b, x, dim, cutBefore, size - cutBefore - cutAfter);
  size = shapeOf(x)[dim];
  before = std::max<int64_t>(before, 0);
  after = std::max<int64_t>(after, 0);
  if (before == 0 && after == 0)
    return x;
  if (size == 0)
    return n.fail("pads: dimension " + Twine(dim) + " has no element to repeat");
  SmallVector<int64_t> shape(shapeOf(x));
  SmallVector<AffineExpr> exprs;
  for (size_t d = 0; d < shape.size(); ++d)
    exprs.push_back(n.b.getAffineDimExpr(d));
  if (mode == "wrap") {
    shape[dim] = before + size + after;
    exprs[dim] = (exprs[dim] + (size - before % size)) % size;
    return view(n.b, x, shape, AffineMap::get(shape.size(), 0, exprs, n.b.getContext()));
  }
  auto copy = [&](AffineExpr at, int64_t count) {
    SmallVector<AffineExpr> position(exprs);
    SmallVector<int64_t> part(shape);
    position[dim] = at;
    part[dim] = count;
    return view(n.b, x, part, AffineMap::get(part.size(), 0, position, n.b.getContext()));
  };
  SmallVector<Value> parts;
  if (mode == "edge") {
    if (before)
      parts.push_back(copy(n.b.getAffineConstantExpr(0), before));
    parts.push_back(x);
    if (after)
      parts.push_back(copy(n.b.getAffineConstantExpr(size - 1), after));
  } else {
    if (before >= size || after >= size)
      return n.fail("pads: expected less than " + Twine(size) + " elements to reflect in dimension " + Twine(dim));
    if (before)
      parts.push_back(copy(before - exprs[dim], before));
    parts.push_back(x);
    if (after)
      parts.push_back(copy(size - 2 - exprs[dim], after));
  }
  return concat(n.b, parts, dim);
}

static Value importPad(NodeImport &n) {
  int64_t rank = n.rank(0);
  std::string mode = n.text("mode", "constant");
  auto pads = listOf(n, n.version < 2 ? "paddings" : "pads", 1, 11);
  auto axes = n.version < 18 ? std::optional<SmallVector<int64_t>>() : listOf(n, "axes", 3, 18);
  if (failed(pads) || failed(axes))
    return {};
  SmallVector<int64_t> along;
  if (*axes) {
    FailureOr<SmallVector<int64_t>> checked = n.axes(**axes, rank);
    if (failed(checked))
      return {};
    along = *checked;
  } else {
    for (int64_t d = 0; d < rank; ++d)
      along.push_back(d);
  }
  if (!*pads || (*pads)->size() != 2 * along.size())
    return n.fail("pads: expected " + Twine(2 * along.size()) + " numbers, a start and an end for each axis");
  SmallVector<int64_t> before(rank, 0), after(rank, 0);
  for (auto [i, d] : llvm::enumerate(along)) {
    before[d] = (**pads)[i];
    after[d] = (**pads)[i + along.size()];
    int64_t limit = int64_t(1) << 40;
    if (std::max(before[d], after[d]) > limit || std::min(before[d], after[d]) < -limit)
      return n.fail("pads: too large");
  }
  if (mode != "constant") {
    if (mode != "reflect" && mode != "edge" && mode != "wrap")
      return n.fail("mode '" + mode + "' is not supported");
    n.ignore({"value"}); // exporters write it for every mode
    Value x = n[0];
    for (int64_t d = 0; d < rank; ++d)
      x = extend(n, x, d, before[d], after[d], mode);
    return x;
  }
  Type element = n.element(0);
  TypedAttr fill = cast<TypedAttr>(n.b.getZeroAttr(element));
  if (n.version < 11) {
    if (double value = n.number("value", 0); value != 0 && isa<FloatType>(element))
      fill = n.b.getFloatAttr(element, value);
  } else if (n.has(2)) {
    DenseElementsAttr value = n.known(2);
    if (!value) {
      // A fill that is data: chosen where the padded view of `true` reads its own fill.
      Value inside = splat(n.b, tiny::withElementType(n[0].getType(), n.b.getI1Type()), 1.0);
      inside = pad(n.b, inside, before, after, n.b.getBoolAttr(false));
      Value padded = pad(n.b, n[0], before, after, fill);
      return inside && padded ? where(n.b, inside, padded, broadcast(n.b, reshape(n.b, n[2], {}), shapeOf(padded)))
                              : Value();
    }
    if (value.getElementType() != element || value.getNumElements() != 1)
      return n.fail("constant_value: expected one element of the operand's type");
    fill = cast<TypedAttr>(*value.getValues<Attribute>().begin());
  }
  return pad(n.b, n[0], before, after, fill);
}

// Cut or padded with zeros to a size, the middle staying the middle.
static Value importCenterCropPad(NodeImport &n) {
  FailureOr<SmallVector<int64_t>> target = n.integers(1, "shape");
  if (failed(target))
    return {};
  SmallVector<int64_t> all(n.rank(0));
  std::iota(all.begin(), all.end(), 0);
  FailureOr<SmallVector<int64_t>> axes = n.axes(n.integerList("axes").value_or(all), n.rank(0));
  if (failed(axes))
    return {};
  if (axes->size() != target->size() || !elementCount(*target))
    return n.fail("shape: expected " + Twine(axes->size()) + " sizes");
  SmallVector<int64_t> before(n.rank(0), 0), after(n.rank(0), 0);
  for (auto [d, to] : llvm::zip_equal(*axes, *target)) {
    int64_t from = n.shape(0)[d], cut = (from - to) / 2, added = (to - from) / 2;
    before[d] = to < from ? -cut : added;
    after[d] = to - from - before[d];
  }
  return pad(n.b, n[0], before, after, cast<TypedAttr>(n.b.getZeroAttr(n.element(0))));
}

// Indices in [-size, size) as indices in [0, size); others stay out of range.
static Value fromStart(NodeImport &n, Value indices, int64_t size) {
  Value zero = splat(n.b, indices, 0.0);
  return where(n.b, less(n.b, indices, zero), add(n.b, indices, splatInteger(n.b, indices, size)), indices);
}

static Value importGather(NodeImport &n) {
  FailureOr<int64_t> axis = n.axis(n.integer("axis", 0), n.rank(0));
  if (failed(axis))
    return {};
  auto type = dyn_cast<IntegerType>(n.element(1));
  if (!type || type.getWidth() == 1)
    return n.fail("expected integer indices");
  int64_t size = n.shape(0)[*axis];
  SmallVector<int64_t> shape(n.shape(0).take_front(*axis));
  llvm::append_range(shape, n.shape(1));
  llvm::append_range(shape, n.shape(0).drop_front(*axis + 1));
  if (DenseElementsAttr known = n.known(1); known && known.getNumElements() == 1) {
    // One known index is a slice.
    int64_t at = toIntegers(known).front();
    if (at < -size || at >= size)
      return n.fail("expected an index from " + Twine(-size) + " to " + Twine(size - 1) + ", found " + Twine(at));
    return reshape(n.b, slice(n.b, n[0], *axis, at < 0 ? at + size : at, 1), shape);
  }
  Value indices = n[1];
  if (!type.isUnsigned())
    indices = fromStart(n, indices, size);
  auto result = RankedTensorType::get(shape, n.element(0));
  return tiny::GatherOp::create(n.b, result, n[0], indices, *axis, cast<TypedAttr>(n.b.getZeroAttr(n.element(0))));
}

static Value importDepthToSpace(NodeImport &n) {
  int64_t block = n.integer("blocksize", 0);
  std::string mode = n.text("mode", "DCR");
  ArrayRef<int64_t> s = n.shape(0);
  if (s.size() != 4 || block < 1 || block > 65536 || s[1] % (block * block) != 0)
    return n.fail("expected [N, C, H, W] with C a multiple of blocksize^2");
  if (mode != "DCR" && mode != "CRD")
    return n.fail("attribute 'mode': expected DCR or CRD, found '" + mode + "'");
  int64_t channels = s[1] / (block * block);
  bool depthFirst = mode == "DCR";
  Value parts = depthFirst ? reshape(n.b, n[0], {s[0], block, block, channels, s[2], s[3]})
                           : reshape(n.b, n[0], {s[0], channels, block, block, s[2], s[3]});
  Value moved = depthFirst ? permute(n.b, parts, {0, 3, 4, 1, 5, 2}) : permute(n.b, parts, {0, 1, 4, 2, 5, 3});
  return reshape(n.b, moved, {s[0], channels, s[2] * block, s[3] * block});
}

static Value importSpaceToDepth(NodeImport &n) {
  int64_t block = n.integer("blocksize", 0);
  ArrayRef<int64_t> s = n.shape(0);
  if (s.size() != 4 || block < 1 || block > 65536 || s[2] % block != 0 || s[3] % block != 0)
    return n.fail("expected [N, C, H, W] with H and W multiples of blocksize");
  Value parts = reshape(n.b, n[0], {s[0], s[1], s[2] / block, block, s[3] / block, block});
  return reshape(n.b, permute(n.b, parts, {0, 3, 5, 1, 2, 4}),
                 {s[0], s[1] * block * block, s[2] / block, s[3] / block});
}

static Value importIdentity(NodeImport &n) { return n[0]; }

static Value importDropout(NodeImport &n) {
  n.ignore({"ratio", "seed", "is_test", "consumed_inputs"});
  if (n.has(2)) {
    FailureOr<DenseElementsAttr> training = n.required(2, "training_mode");
    if (failed(training))
      return {};
    // With a ratio of 0 training drops nothing.
    if (training->getNumElements() != 1 || !training->getElementType().isInteger(1)) {
      n.error() << "training_mode: expected one truth value, found " << training->getType();
      return {};
    }
    bool trains = *training->getValues<bool>().begin();
    if (trains && n.has(1)) {
      FailureOr<SmallVector<double>> ratio = n.numbers(1, "ratio");
      if (failed(ratio))
        return {};
      trains = ratio->empty() || ratio->front() != 0;
    }
    if (trains)
      return n.fail("training mode is not supported");
  }
  if (n.wants(1))
    n.moreResults.push_back(splat(n.b, tiny::withElementType(n[0].getType(), n.b.getI1Type()), 1.0));
  return n[0];
}

ArrayRef<Operator> onnx::movementOperators() {
  static const Operator rows[] = {
      {"CenterCropPad", 18, 2, 2, Narrow::Keep, importCenterCropPad},
      {"Concat", 1, 1, -1, Narrow::Keep, importConcat},
      {"DepthToSpace", 1, 1, 1, Narrow::Keep, importDepthToSpace},
      {"Dropout", 1, 1, 3, Narrow::Keep, importDropout},
      {"Expand", 8, 2, 2, Narrow::Keep, importExpand},
      {"Flatten", 1, 1, 1, Narrow::Keep, importFlatten},
      {"Gather", 1, 2, 2, Narrow::Keep, importGather},
      {"Identity", 1, 1, 1, Narrow::Keep, importIdentity},
      {"Pad", 1, 1, 4, Narrow::Keep, importPad},
      {"Reshape", 1, 1, 2, Narrow::Keep, importReshape},
      {"Slice", 1, 1, 5, Narrow::Keep, importSlice},
      {"SpaceToDepth", 1, 1, 1, Narrow::Keep, importSpaceToDepth},
      {"Split", 1, 1, 2, Narrow::Keep, importSplit},
      {"Squeeze", 1, 1, 2, Narrow::Keep, importSqueeze},
      {"Tile", 1, 2, 3, Narrow::Keep, importTile},
      {"Transpose", 1, 1, 1, Narrow::Keep, importTranspose},
      {"Unsqueeze", 1, 1, 2, Narrow::Keep, importUnsqueeze},
  };
  return rows;
}
