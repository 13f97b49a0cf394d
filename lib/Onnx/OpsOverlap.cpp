// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Windows the other way round: each position of the result is the sum of what the windows over it hold. Which window
// and which of its elements that is follows from the position by division, so nothing is scattered: Col2Im is a
// reduction over views, and so is ConvTranspose where it is no sum of convolutions. And MaxUnpool, whose positions are
// data.

#include "lib/Onnx/NodeImport.h"

#include "lib/Builders/Contraction.h"
#include "lib/Builders/Reduction.h"

#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

namespace {
// Along one spatial dimension: windows of `window` at `from` positions lie over a dimension of `size`.
struct Overlap {
  Window window;
  int64_t from = 0, size = 0;
};

// The window and its element number `j` over a position: where the input and where the window is read.
struct Terms {
  AffineExpr position, element;
};
} // namespace

// How many elements of a window can lie over one position.
static int64_t termCount(const Overlap &o) {
  int64_t stride = o.window.stride / std::gcd(o.window.stride, o.window.dilation);
  return (o.window.size + stride - 1) / stride;
}

// The number in [0, modulus) by which `x`, which has no factor in common with it, is 1 modulo `modulus`; by Euclid's
// steps, in each of which rest = x * factor.
static int64_t inverseModulo(int64_t x, int64_t modulus) {
  int64_t rest = x % modulus, factor = 1, nextRest = modulus, nextFactor = 0;
  while (nextRest != 0) {
    int64_t quotient = rest / nextRest;
    rest = std::exchange(nextRest, rest - quotient * nextRest);
    factor = std::exchange(nextFactor, factor - quotient * nextFactor);
  }
  return (factor % modulus + modulus) % modulus;
}

// Element k of window i lies at i * stride + k * dilation - before. With g the common divisor of stride and dilation,
// s and d what remains, and q = (at + before) / g (which has to divide): k = s * j + (q / d mod s) for j = 0, 1, ..,
// and i = (q - d * k) / s. Appends to `mask` what makes it a window and an element.
static Terms termsAt(AffineExpr at, AffineExpr j, const Overlap &o, SmallVectorImpl<AffineExpr> &mask,
                     SmallVectorImpl<bool> &equalities) {
  const Window &w = o.window;
  int64_t g = std::gcd(w.stride, w.dilation), s = w.stride / g, d = w.dilation / g, inverse = inverseModulo(d, s);
  AffineExpr q = at + w.before;
  if (g > 1) {
    mask.push_back(q % g);
    equalities.push_back(true);
    q = q.floorDiv(g);
  }
  auto constrain = [&](AffineExpr expr) {
    mask.push_back(expr);
    equalities.push_back(false);
  };
  // Kept non-negative for the remainder, whatever the padding.
  AffineExpr element = j * s + (q * inverse) % s;
  AffineExpr position = (q - element * d).floorDiv(s);
  if (termCount(o) * s > w.size)
    constrain(w.size - 1 - element);
  constrain(position);
  constrain(o.from - 1 - position);
  return {position, element};
}

// The sizes that attributes give for each spatial dimension, or the same number for all.
static FailureOr<SmallVector<int64_t>> spatialList(NodeImport &n, StringRef name, size_t count, int64_t otherwise,
                                                   int64_t least) {
  SmallVector<int64_t> list = n.integerList(name).value_or(SmallVector<int64_t>(count, otherwise));
  constexpr int64_t limit = int64_t(1) << 31;
  bool fits = list.size() == count && llvm::all_of(list, [&](int64_t v) { return v >= least && v < limit; });
  if (fits)
    return list;
  return n.error() << "attribute '" << name << "': expected " << count << " numbers of at least " << least;
}

// Sizes and padding of a transposed convolution.
static FailureOr<SmallVector<Overlap>> transposedWindows(NodeImport &n, ArrayRef<int64_t> kernel) {
  size_t spatial = kernel.size();
  FailureOr<SmallVector<int64_t>> strides = spatialList(n, "strides", spatial, 1, 1);
  FailureOr<SmallVector<int64_t>> dilations = spatialList(n, "dilations", spatial, 1, 1);
  FailureOr<SmallVector<int64_t>> added = spatialList(n, "output_padding", spatial, 0, 0);
  FailureOr<SmallVector<int64_t>> pads = spatialList(n, "pads", 2 * spatial, 0, -(int64_t(1) << 31));
  std::optional<SmallVector<int64_t>> shape = n.integerList("output_shape");
  std::string autoPad = n.text("auto_pad", "NOTSET");
  if (failed(strides) || failed(dilations) || failed(added) || failed(pads))
    return failure();
  if (autoPad != "NOTSET" && autoPad != "VALID" && autoPad != "SAME_UPPER" && autoPad != "SAME_LOWER")
    return n.error() << "attribute 'auto_pad': expected NOTSET, VALID, SAME_UPPER or SAME_LOWER, found '" << autoPad
                     << "'";
  if (shape && shape->size() == spatial + 2)
    shape->erase(shape->begin(), shape->begin() + 2);
  if (shape && shape->size() != spatial)
    return n.error() << "attribute 'output_shape': expected " << spatial << " numbers, found " << shape->size();
  SmallVector<Overlap> result;
  constexpr int64_t limit = int64_t(1) << 31;
  for (size_t d = 0; d < spatial; ++d) {
    Overlap o;
    o.from = n.shape(0)[d + 2];
    if (kernel[d] < 1 || kernel[d] >= limit || o.from >= limit || (shape && (*shape)[d] < 1))
      return n.error() << "spatial dimension " << d << ": expected a window and a result of at least one element, and "
                       << "sizes below 2^31, found a window of " << kernel[d] << " over " << o.from;
    o.window = {kernel[d], (*strides)[d], (*dilations)[d], (*pads)[d], (*pads)[d + spatial]};
    int64_t full = (o.from - 1) * o.window.stride + (*added)[d] + o.window.extent();
    bool same = StringRef(autoPad).starts_with("SAME");
    if (shape || same) {
      o.size = shape ? (*shape)[d] : o.from * o.window.stride;
      // What is too much is cut off, the odd one at the end that the attribute names; what lacks is zero, at the end.
      int64_t total = std::max<int64_t>(full - o.size, 0);
      o.window.before = autoPad == "SAME_UPPER" ? total / 2 : total - total / 2;
    } else {
      if (autoPad == "VALID")
        o.window.before = o.window.after = 0;
      o.size = full - o.window.before - o.window.after;
    }
    if (o.from < 1 || o.size < 1 || o.size >= limit || std::abs(o.window.before) >= limit)
      return n.error() << "spatial dimension " << d
                       << ": expected an input and a result of at least one element, found " << o.from << " and "
                       << o.size;
    result.push_back(o);
  }
  return result;
}

static Value masked(compose::Builder &b, Value x, ArrayRef<int64_t> domain, ArrayRef<AffineExpr> exprs,
                    ArrayRef<AffineExpr> mask, ArrayRef<bool> equalities) {
  AffineMap map = AffineMap::get(domain.size(), 0, exprs, b.getContext());
  if (mask.empty())
    return view(b, x, domain, map);
  return view(b, x, domain, map, IntegerSet::get(domain.size(), 0, mask, equalities),
              cast<TypedAttr>(b.getZeroAttr(tiny::elementType(x.getType()))));
}

// With strides and dilations in one dimension, each position of the result finds its windows and their elements by
// division.
static Value dividedConvTranspose(NodeImport &n, ArrayRef<Overlap> overlaps, int64_t groups) {
  ArrayRef<int64_t> in = n.shape(0), weights = n.shape(1);
  SmallVector<int64_t> domain, shape{in[0], groups * weights[1]};
  auto dim = [&](int64_t size) {
    domain.push_back(size);
    return n.b.getAffineDimExpr(domain.size() - 1);
  };
  AffineExpr zero = n.b.getAffineConstantExpr(0), batch = dim(in[0]);
  AffineExpr group = groups > 1 ? dim(groups) : zero, output = dim(weights[1]);
  SmallVector<AffineExpr> at, j;
  for (const Overlap &o : overlaps) {
    at.push_back(dim(o.size));
    shape.push_back(o.size);
  }
  size_t parallel = domain.size();
  int64_t channels = in[1] / groups;
  AffineExpr channel = group * channels + (channels > 1 ? dim(channels) : zero);
  for (const Overlap &o : overlaps)
    j.push_back(termCount(o) > 1 ? dim(termCount(o)) : zero);
  SmallVector<AffineExpr> read{batch, channel}, weigh{channel, output}, mask;
  SmallVector<bool> equalities;
  for (auto [o, a, k] : llvm::zip_equal(overlaps, at, j)) {
    Terms terms = termsAt(a, k, o, mask, equalities);
    read.push_back(terms.position);
    weigh.push_back(terms.element);
  }
  Value product =
      mul(n.b, masked(n.b, n[0], domain, read, mask, equalities), masked(n.b, n[1], domain, weigh, mask, equalities));
  SmallVector<int64_t> summed;
  for (size_t d = parallel; d < domain.size(); ++d)
    summed.push_back(d);
  return reshape(n.b, reduce(n.b, tiny::ReduceKind::Sum, product, summed), shape);
}

// More convolutions than this are not worth their kernels.
static constexpr uint64_t kMostPhases = 16;

// Whether convolutions can compute the result, an element of each stride at a time.
static bool hasPhases(ArrayRef<Overlap> overlaps) {
  uint64_t phases = 1;
  bool equal = true;
  for (const Overlap &o : overlaps) {
    if (o.window.stride > 1 && o.window.dilation > 1)
      return false;
    phases = llvm::SaturatingMultiply<uint64_t>(phases, o.window.stride);
    equal &= o.window.size % o.window.stride == 0;
    if (!equal && phases > kMostPhases)
      return false;
  }
  return true;
}

// Weights [C, M / groups, window..].
static Value importConvTranspose(NodeImport &n) {
  ArrayRef<int64_t> in = n.shape(0), weights = n.shape(1);
  int64_t groups = n.integer("group", 1);
  if (in.size() < 3 || weights.size() != in.size() || groups < 1 || in[1] != weights[0] || in[1] < groups ||
      in[1] % groups != 0)
    return n.fail("expected an input [N, C, ..] and weights [C, M / groups, ..] with C a multiple of groups");
  ArrayRef<int64_t> kernel = weights.drop_front(2);
  if (SmallVector<int64_t> given = n.integerList("kernel_shape").value_or(SmallVector<int64_t>(kernel));
      ArrayRef<int64_t>(given) != kernel)
    return n.fail("attribute 'kernel_shape' differs from the spatial dimensions of the weights");
  FailureOr<SmallVector<Overlap>> overlaps = transposedWindows(n, kernel);
  if (failed(overlaps))
    return {};
  Value result;
  if (hasPhases(*overlaps)) {
    SmallVector<Window> windows = llvm::map_to_vector(*overlaps, [](const Overlap &o) { return o.window; });
    SmallVector<int64_t> sizes = llvm::map_to_vector(*overlaps, [](const Overlap &o) { return o.size; });
    result = transposedConv(n.b, n[0], n[1], windows, sizes, groups);
  } else {
    result = dividedConvTranspose(n, *overlaps, groups);
  }
  return n.has(2) && result ? add(n.b, result, broadcastAlong(n.b, n[2], shapeOf(result), 1)) : result;
}

// Blocks as columns [N, C * block elements, blocks], back at their places, summed where they overlap.
static Value importCol2Im(NodeImport &n) {
  FailureOr<SmallVector<int64_t>> image = n.integers(1, "image_shape"), block = n.integers(2, "block_shape");
  if (failed(image) || failed(block))
    return {};
  size_t spatial = image->size();
  FailureOr<SmallVector<int64_t>> strides = spatialList(n, "strides", spatial, 1, 1);
  FailureOr<SmallVector<int64_t>> dilations = spatialList(n, "dilations", spatial, 1, 1);
  FailureOr<SmallVector<int64_t>> pads = spatialList(n, "pads", 2 * spatial, 0, 0);
  if (failed(strides) || failed(dilations) || failed(pads))
    return {};
  std::optional<int64_t> elements = elementCount(*block);
  if (block->size() != spatial || !elements || *elements < 1 || n.rank(0) != 3 || n.shape(0)[1] % *elements != 0)
    return n.fail("expected columns [N, C * elements of a block, blocks] and a block shape of the image's rank");
  SmallVector<Overlap> overlaps;
  SmallVector<int64_t> blocks;
  constexpr int64_t limit = int64_t(1) << 31;
  for (size_t d = 0; d < spatial; ++d) {
    Overlap o;
    if ((*image)[d] < 1 || (*image)[d] >= limit || (*block)[d] >= limit)
      return n.fail("image_shape: expected sizes of at least 1 and, as those of a block, below 2^31, found " +
                    Twine((*image)[d]) + " and " + Twine((*block)[d]));
    o.window = {(*block)[d], (*strides)[d], (*dilations)[d], (*pads)[d], (*pads)[d + spatial]};
    o.size = (*image)[d];
    int64_t room = o.size + o.window.before + o.window.after - o.window.extent();
    if (room < 0)
      return n.fail("image_shape: expected sizes of at least a block, found " + Twine(o.size));
    o.from = room / o.window.stride + 1;
    blocks.push_back(o.from);
    overlaps.push_back(o);
  }
  if (elementCount(blocks) != n.shape(0)[2])
    return n.fail("expected as many blocks as positions of one over the image, found " + Twine(n.shape(0)[2]));
  int64_t channels = n.shape(0)[1] / *elements;
  SmallVector<int64_t> taken{n.shape(0)[0], channels};
  llvm::append_range(taken, *block);
  for (const Overlap &o : overlaps)
    taken.push_back(o.from);
  Value columns = reshape(n.b, n[0], taken);
  SmallVector<int64_t> domain{n.shape(0)[0], channels}, summed;
  for (const Overlap &o : overlaps)
    domain.push_back(o.size);
  SmallVector<AffineExpr> read(2 + 2 * spatial), mask;
  SmallVector<bool> equalities;
  read[0] = n.b.getAffineDimExpr(0);
  read[1] = n.b.getAffineDimExpr(1);
  for (size_t d = 0; d < spatial; ++d) {
    summed.push_back(domain.size());
    Terms terms =
        termsAt(n.b.getAffineDimExpr(2 + d), n.b.getAffineDimExpr(domain.size()), overlaps[d], mask, equalities);
    domain.push_back(termCount(overlaps[d]));
    read[2 + d] = terms.element;
    read[2 + spatial + d] = terms.position;
  }
  return reduce(n.b, tiny::ReduceKind::Sum, masked(n.b, columns, domain, read, mask, equalities), summed);
}

// Indices are positions in the whole tensor of the size that the windows cover; a larger output_shape adds zeros at
// the end.
static Value importMaxUnpool(NodeImport &n) {
  size_t spatial = n.rank(0) < 2 ? 0 : n.rank(0) - 2;
  std::optional<SmallVector<int64_t>> kernel = n.integerList("kernel_shape");
  if (!kernel || kernel->size() != spatial || spatial == 0 || n.shape(0) != n.shape(1) || !n.element(1).isInteger(64))
    return n.fail("expected an input [N, C, ..], indices of i64 in its shape and a kernel_shape for its spatial "
                  "dimensions");
  FailureOr<SmallVector<int64_t>> strides = spatialList(n, "strides", spatial, 1, 1);
  FailureOr<SmallVector<int64_t>> pads = spatialList(n, "pads", 2 * spatial, 0, 0);
  if (failed(strides) || failed(pads))
    return {};
  SmallVector<int64_t> shape(n.shape(0).take_front(2));
  constexpr int64_t limit = int64_t(1) << 31;
  for (size_t d = 0; d < spatial; ++d)
    if ((*kernel)[d] < 1 || (*kernel)[d] >= limit || n.shape(0)[d + 2] >= limit)
      return n.fail("expected a kernel of at least 1 along spatial dimension " + Twine(d) +
                    ", and sizes below 2^31, found " + Twine((*kernel)[d]) + " and " + Twine(n.shape(0)[d + 2]));
  for (size_t d = 0; d < spatial; ++d)
    shape.push_back((n.shape(0)[d + 2] - 1) * (*strides)[d] + (*kernel)[d] - (*pads)[d] - (*pads)[d + spatial]);
  SmallVector<int64_t> wanted(shape);
  if (n.has(2)) {
    FailureOr<SmallVector<int64_t>> given = n.integers(2, "output_shape");
    if (failed(given))
      return {};
    wanted = *given;
  }
  std::optional<int64_t> count = elementCount(shape), from = elementCount(n.shape(0));
  if (!count || wanted.size() != shape.size() || !elementCount(wanted))
    return n.fail("expected an output shape of the input's rank, without negative sizes");
  auto type = RankedTensorType::get({*count}, n.element(0));
  Value flat = tiny::ScatterOp::create(n.b, type, tiny::ScatterKind::Set, splat(n.b, type, 0),
                                       reshape(n.b, n[1], {*from}), reshape(n.b, n[0], {*from}), 0);
  SmallVector<int64_t> before(shape.size(), 0), after;
  for (auto [to, size] : llvm::zip_equal(wanted, shape))
    after.push_back(to - size);
  return pad(n.b, reshape(n.b, flat, shape), before, after, cast<TypedAttr>(n.b.getZeroAttr(n.element(0))));
}

ArrayRef<Operator> onnx::overlapOperators() {
  static const Operator rows[] = {
      {"Col2Im", 18, 3, 3, Narrow::Widen, importCol2Im},
      {"ConvTranspose", 1, 2, 3, Narrow::Widen, importConvTranspose},
      {"MaxUnpool", 9, 2, 3, Narrow::Keep, importMaxUnpool},
  };
  return rows;
}
