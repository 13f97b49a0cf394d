// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Resize and Upsample. Along one dimension a resize is a sum over a few taps: positions and weights are constants of
// the model, so a tap is a view where its positions are affine, else a gather by a constant. Dimensions are resized one
// after the other, the one that shrinks most first.

#include "lib/Builders/Interpolation.h"
#include "lib/Onnx/NodeImport.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

namespace {
// What a Resize node asks for, along one dimension.
struct Resized {
  int64_t dim = 0, from = 0, to = 0;
  double scale = 1;
  // The region of tf_crop_and_resize, as fractions of the dimension.
  double start = 0, end = 1;
};
} // namespace

// Positions and weights of a dimension are computed one by one at import.
static constexpr int64_t kMostFrom = int64_t(1) << 31, kMostTo = int64_t(1) << 20, kMostWeights = int64_t(1) << 22;

// Where output position `at` lies in the input.
static std::optional<double> sourceOf(StringRef mode, int64_t at, const Resized &r) {
  // A scale asks for a length that need not be whole.
  double p = static_cast<double>(at), length = r.scale * r.from;
  if (mode == "half_pixel")
    return (p + 0.5) / r.scale - 0.5;
  if (mode == "asymmetric")
    return p / r.scale;
  if (mode == "align_corners")
    return r.to == 1 ? 0 : p * (r.from - 1) / (length - 1);
  if (mode == "pytorch_half_pixel")
    return r.to == 1 ? 0 : (p + 0.5) / r.scale - 0.5;
  if (mode == "tf_half_pixel_for_nn")
    return (p + 0.5) / r.scale;
  if (mode == "half_pixel_symmetric") {
    // What the scale asks for and the whole number of positions differ: the difference is split between both ends.
    double adjustment = r.to / length, center = r.from / 2.0;
    return center * (1 - adjustment) + (p + 0.5) / r.scale - 0.5;
  }
  if (mode == "tf_crop_and_resize")
    return r.to > 1 ? r.start * (r.from - 1) + p * (r.end - r.start) * (r.from - 1) / (r.to - 1)
                    : 0.5 * (r.start + r.end) * (r.from - 1);
  return std::nullopt;
}

static std::optional<int64_t> nearest(StringRef mode, double x) {
  if (mode == "round_prefer_floor")
    return static_cast<int64_t>(std::ceil(x - 0.5));
  if (mode == "round_prefer_ceil")
    return static_cast<int64_t>(std::floor(x + 0.5));
  if (mode == "floor")
    return static_cast<int64_t>(std::floor(x));
  if (mode == "ceil")
    return static_cast<int64_t>(std::ceil(x));
  return std::nullopt;
}

static double cubic(double a, double distance) {
  double x = std::abs(distance);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

// The taps of one output position: input positions from `first` on and their weights, which add up to 1.
static void tapsAt(double x, const Resized &r, bool isCubic, bool antialias, bool excludeOutside, double a,
                   int64_t &first, SmallVectorImpl<double> &weights) {
  // Smaller than the input and antialiased, the kernel is stretched over all positions that it covers.
  double stretch = antialias && r.scale < 1 ? 1 / r.scale : 1;
  double reach = (isCubic ? 2 : 1) * stretch;
  first = static_cast<int64_t>(std::floor(x - reach)) + 1;
  int64_t last = static_cast<int64_t>(std::ceil(x + reach)) - 1;
  // A position that is hit exactly counts alone; without this the range would be one short.
  last = std::max(last, first);
  double sum = 0;
  for (int64_t i = first; i <= last; ++i) {
    double distance = (x - i) / stretch;
    double weight = isCubic ? cubic(a, distance) : std::max(0.0, 1 - std::abs(distance));
    if (excludeOutside && (i < 0 || i >= r.from))
      weight = 0;
    weights.push_back(weight);
    sum += weight;
  }
  if ((antialias || excludeOutside) && sum != 0)
    for (double &weight : weights)
      weight /= sum;
}

namespace {
// The attributes of a Resize node.
struct ResizeMode {
  std::string mode, transform, nearestMode;
  double cubicA, extrapolation;
  bool antialias, excludeOutside;
};
} // namespace

static ResizeMode resizeMode(NodeImport &n) {
  ResizeMode m;
  m.mode = n.text("mode", "nearest");
  // Version 10 had no attribute for what became "asymmetric", and rounded down.
  bool old = n.version < 11;
  m.transform = old ? "asymmetric" : n.text("coordinate_transformation_mode", "half_pixel");
  m.nearestMode = old ? "floor" : n.text("nearest_mode", "round_prefer_floor");
  m.cubicA = n.number("cubic_coeff_a", -0.75);
  m.extrapolation = n.number("extrapolation_value", 0);
  m.antialias = n.integer("antialias", 0);
  m.excludeOutside = n.integer("exclude_outside", 0);
  return m;
}

// Resizes one dimension. `outside` collects the positions that lie outside of the input and read the extrapolation
// value, which a later dimension must not mix in.
static Value resizeDim(NodeImport &n, Value x, const Resized &r, const ResizeMode &m, std::vector<bool> &outside) {
  std::vector<Tap> taps;
  bool isNearest = m.mode == "nearest";
  outside.assign(r.to, false);
  for (int64_t at = 0; at < r.to; ++at) {
    std::optional<double> source = sourceOf(m.transform, at, r);
    if (!source)
      return n.fail("attribute 'coordinate_transformation_mode': '" + m.transform + "' is not supported");
    // A position is as exact as a scale, an f32: what is an element but for that is the element.
    if (double rounded = static_cast<float>(*source); isNearest || rounded == std::floor(rounded))
      source = rounded;
    outside[at] = m.transform == "tf_crop_and_resize" && !(*source >= 0 && *source <= r.from - 1);
    // What is read there does not count, and may be further away than any number of a position.
    if (outside[at])
      source = 0;
    SmallVector<double> weights;
    int64_t first;
    if (isNearest) {
      std::optional<int64_t> position = nearest(m.nearestMode, *source);
      if (!position)
        return n.fail("attribute 'nearest_mode': '" + m.nearestMode + "' is not supported");
      first = *position;
      weights.push_back(1);
    } else {
      tapsAt(*source, r, m.mode == "cubic", m.antialias, m.excludeOutside, m.cubicA, first, weights);
    }
    // Taps past the edge repeat it. Where another tap reads the edge it takes their weight, so that their positions
    // remain as regular as they are.
    int64_t count = weights.size(), low = -first, high = r.from - 1 - first;
    for (int64_t k = 0; k < count; ++k) {
      int64_t edge = k < low ? low : k > high ? high : k;
      if (edge != k && edge >= 0 && edge < count)
        weights[edge] += std::exchange(weights[k], 0);
    }
    for (int64_t k = taps.size(); k < count; ++k) {
      Tap &added = taps.emplace_back();
      for (int64_t before = 0; before < at; ++before) {
        added.positions.push_back(taps[0].positions[before] + k);
        added.weights.push_back(0);
      }
    }
    for (auto [k, tap] : llvm::enumerate(taps)) {
      double weight = static_cast<int64_t>(k) < count ? weights[k] : 0;
      int64_t position = first + static_cast<int64_t>(k);
      tap.positions.push_back(weight != 0 ? std::clamp<int64_t>(position, 0, r.from - 1) : position);
      tap.weights.push_back(weight);
    }
  }
  return interpolate(n.b, x, r.dim, taps);
}

// Resizes the dimensions listed; floats of less than 32 bits and integers are computed in f32 unless nearest.
static Value resizeAll(NodeImport &n, MutableArrayRef<Resized> dims, const ResizeMode &m) {
  if (m.mode != "nearest" && m.mode != "linear" && m.mode != "bilinear" && m.mode != "cubic")
    return n.fail("mode '" + m.mode + "' is not supported");
  Type element = n.element(0);
  bool isNearest = m.mode == "nearest";
  for (const Resized &r : dims) {
    if (r.from > kMostFrom || r.to > kMostTo)
      return n.fail("expected a dimension to be resized from at most " + Twine(kMostFrom) + " to at most " +
                    Twine(kMostTo) + " elements, found " + Twine(r.from) + " and " + Twine(r.to));
    // Where the kernel is stretched, the weights are a matrix.
    if (!isNearest && m.antialias && r.scale < 1 && r.from > kMostWeights / std::max<int64_t>(r.to, 1))
      return n.fail("expected an antialiased dimension to have at most " + Twine(kMostWeights) + " weights, found " +
                    Twine(r.from) + " for each of " + Twine(r.to) + " elements");
  }
  Value x = isNearest || element.isF64() ? n[0] : cast(n.b, n[0], n.b.getF32Type());
  llvm::sort(dims, [](const Resized &a, const Resized &b) {
    return std::pair(a.to * b.from, a.dim) < std::pair(b.to * a.from, b.dim);
  });
  Value inside;
  SmallVector<int64_t> shape(n.shape(0));
  for (const Resized &r : dims)
    shape[r.dim] = r.to;
  for (const Resized &r : dims) {
    if (r.from == 0 && r.to != 0)
      return n.fail("dimension " + Twine(r.dim) + " has no element to read");
    std::vector<bool> outside;
    if (!(x = resizeDim(n, x, r, m, outside)))
      return {};
    if (llvm::none_of(outside, [](bool o) { return o; }))
      continue;
    SmallVector<bool> within;
    for (bool o : outside)
      within.push_back(!o);
    auto type = RankedTensorType::get({r.to}, n.b.getI1Type());
    Value vector = tiny::ConstOp::create(n.b, DenseElementsAttr::get(type, within));
    Value here = broadcastAlong(n.b, vector, shape, r.dim);
    inside = inside ? bitAnd(n.b, inside, here) : here;
  }
  if (inside)
    x = where(n.b, inside, x, splat(n.b, x, m.extrapolation));
  // Integers are truncated, as a cast does; weights of an antialiased resize are those of image libraries, which round.
  if (m.antialias && !isNearest && isa<IntegerType>(element))
    x = round(n.b, tiny::RoundMode::Even, x);
  return cast(n.b, x, element);
}

// The size that a scale asks for. The product is rounded to f32 before it is rounded down: 5 times 2.6 is 13, as in the
// program that the model was exported from and in ONNX Runtime, although the f32 next to 2.6 is smaller.
static double scaledSize(int64_t size, double scale) {
  return std::floor(static_cast<float>(size) * static_cast<float>(scale));
}

// Sizes from scales or sizes, with the policy that keeps the aspect ratio.
static FailureOr<SmallVector<Resized>> resizedDims(NodeImport &n, ArrayRef<int64_t> axes, size_t scalesAt,
                                                   size_t sizesAt) {
  SmallVector<Resized> dims;
  for (int64_t axis : axes)
    dims.push_back({axis, n.shape(0)[axis], 0});
  auto checkCount = [&](size_t count, StringRef what) -> LogicalResult {
    if (count == dims.size())
      return success();
    return n.error() << what << ": expected " << dims.size() << " numbers, one an axis, found " << count;
  };
  bool bySizes = n.has(sizesAt) && !n.shape(sizesAt).empty() && n.shape(sizesAt)[0] != 0;
  std::string policy = n.text("keep_aspect_ratio_policy", "stretch");
  if (!bySizes) {
    FailureOr<SmallVector<double>> scales = n.numbers(scalesAt, "scales");
    if (failed(scales) || failed(checkCount(scales->size(), "scales")))
      return failure();
    for (auto [r, scale] : llvm::zip_equal(dims, *scales)) {
      double size = scaledSize(r.from, scale);
      if (!(scale > 0 && size <= static_cast<double>(int64_t(1) << 31)))
        return n.error() << "scales: expected positive numbers that keep sizes below 2^31, found " << scale;
      r.scale = scale;
      r.to = static_cast<int64_t>(size);
    }
    return dims;
  }
  FailureOr<SmallVector<int64_t>> sizes = n.integers(sizesAt, "sizes");
  if (failed(sizes) || failed(checkCount(sizes->size(), "sizes")))
    return failure();
  std::optional<double> common;
  for (auto [r, size] : llvm::zip_equal(dims, *sizes)) {
    if (size < 0 || size > int64_t(1) << 31)
      return n.error() << "sizes: expected sizes below 2^31, found " << size;
    r.to = size;
    r.scale = r.from ? static_cast<double>(size) / r.from : 1;
    if (policy == "not_larger")
      common = std::min(common.value_or(r.scale), r.scale);
    else if (policy == "not_smaller")
      common = std::max(common.value_or(r.scale), r.scale);
    else if (policy != "stretch")
      return n.error() << "attribute 'keep_aspect_ratio_policy': '" << policy << "' is not supported";
  }
  if (common)
    for (Resized &r : dims) {
      r.scale = *common;
      double size = std::floor(r.from * *common + 0.5);
      if (!(size <= static_cast<double>(int64_t(1) << 31)))
        return n.error() << "sizes: expected sizes below 2^31 under the policy " << policy << ", found " << size;
      r.to = static_cast<int64_t>(size);
    }
  return dims;
}

static Value importResize(NodeImport &n) {
  bool old = n.version < 11;
  ResizeMode m = resizeMode(n);
  SmallVector<int64_t> axes;
  if (auto given = n.integerList("axes")) {
    FailureOr<SmallVector<int64_t>> checked = n.axes(*given, n.rank(0));
    if (failed(checked))
      return {};
    axes = *checked;
  } else {
    for (int64_t d = 0; d < n.rank(0); ++d)
      axes.push_back(d);
  }
  FailureOr<SmallVector<Resized>> dims = resizedDims(n, axes, old ? 1 : 2, 3);
  if (failed(dims))
    return {};
  if (m.transform == "tf_crop_and_resize") {
    FailureOr<SmallVector<double>> roi = n.numbers(1, "roi");
    if (failed(roi))
      return {};
    if (roi->size() != 2 * dims->size())
      return n.fail("roi: expected " + Twine(2 * dims->size()) + " numbers, found " + Twine(roi->size()));
    for (auto [i, r] : llvm::enumerate(*dims)) {
      r.start = (*roi)[i];
      r.end = (*roi)[i + dims->size()];
    }
  }
  // What keeps its size and its positions is left alone.
  llvm::erase_if(*dims, [&](const Resized &r) {
    return r.to == r.from && r.scale == 1 && m.transform != "tf_half_pixel_for_nn" &&
           m.transform != "tf_crop_and_resize";
  });
  return resizeAll(n, *dims, m);
}

// The predecessor of Resize: scales alone, positions as in its version 10.
static Value importUpsample(NodeImport &n) {
  ResizeMode m{n.text("mode", "nearest"), "asymmetric", "floor", -0.75, 0, false, false};
  SmallVector<double> scales;
  if (n.version >= 9) {
    FailureOr<SmallVector<double>> given = n.numbers(1, "scales");
    if (failed(given))
      return {};
    scales = *given;
  } else if (auto given = n.numberList("scales")) {
    scales = *given;
  } else {
    scales = {1, 1, n.number("height_scale", 1), n.number("width_scale", 1)};
  }
  if (static_cast<int64_t>(scales.size()) != n.rank(0))
    return n.fail("scales: expected " + Twine(n.rank(0)) + " numbers, found " + Twine(scales.size()));
  SmallVector<Resized> dims;
  for (auto [d, scale] : llvm::enumerate(scales)) {
    double size = scaledSize(n.shape(0)[d], scale);
    if (!(scale >= 1 && size <= static_cast<double>(int64_t(1) << 31)))
      return n.fail("scales: expected numbers of at least 1 that keep sizes below 2^31");
    if (scale != 1)
      dims.push_back({static_cast<int64_t>(d), n.shape(0)[d], static_cast<int64_t>(size), scale});
  }
  return resizeAll(n, dims, m);
}

ArrayRef<Operator> onnx::resizeOperators() {
  static const Operator rows[] = {
      {"Resize", 10, 2, 2, Narrow::Keep, importResize},
      {"Resize", 11, 1, 4, Narrow::Keep, importResize},
      {"Upsample", 1, 1, 1, Narrow::Keep, importUpsample},
      {"Upsample", 9, 2, 2, Narrow::Keep, importUpsample},
  };
  return rows;
}
