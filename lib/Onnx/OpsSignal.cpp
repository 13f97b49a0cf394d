// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fourier transforms, windows and mel filters. A transform is a product with a matrix of cosines and sines, which are
// constants: exact to the last bit of the element type for any length, and one contraction.

#include "lib/Onnx/NodeImport.h"
#include "lib/Onnx/Tensors.h"

#include "lib/Builders/Contraction.h"
#include "lib/Builders/Reduction.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

// A matrix of a transform has at most so many elements.
static constexpr int64_t kMostCoefficients = int64_t(1) << 24;

// Matrix [from, to, 2] of cos and sin of sign * 2 pi i k / length, scaled.
static Value coefficients(NodeImport &n, int64_t from, int64_t to, int64_t length, double sign, double scale,
                          FloatType element) {
  std::vector<double> values;
  values.reserve(from * to * 2);
  for (int64_t i = 0; i < from; ++i)
    for (int64_t k = 0; k < to; ++k) {
      // The angle is reduced in integers, so that long transforms stay precise.
      double angle = sign * 2 * std::numbers::pi * static_cast<double>(i * k % length) / static_cast<double>(length);
      values.push_back(scale * std::cos(angle));
      values.push_back(scale * std::sin(angle));
    }
  return n.constantNumbers(values, {from, to, 2}, element);
}

// The transform of x [.., length, parts] along its last dimension but one: [.., to, 2]. `parts` is 1 for real numbers.
static Value transform(NodeImport &n, Value x, int64_t length, int64_t to, bool inverse) {
  if (!x)
    return {};
  ArrayRef<int64_t> shape = shapeOf(x);
  int64_t rank = shape.size(), present = shape[rank - 2], from = std::min(present, length), parts = shape.back();
  auto element = dyn_cast<FloatType>(tiny::elementType(x.getType()));
  if (!element || parts < 1 || parts > 2 || length < 1 || to > kMostCoefficients ||
      from > kMostCoefficients / 2 / std::max<int64_t>(to, 1))
    return n.fail("expected floats [.., length, 1 or 2] and transforms of at most 2^23 coefficients");
  Value table = coefficients(n, from, to, length, inverse ? 1 : -1, inverse ? 1.0 / length : 1, element);
  // The domain: leading dimensions, to, part of the result, from.
  SmallVector<int64_t> domain(shape.drop_back(2));
  int64_t leading = rank - 2;
  domain.append({to, 2, from});
  auto d = [&](int64_t i) { return n.b.getAffineDimExpr(i); };
  auto term = [&](int64_t part, AffineExpr which) {
    SmallVector<AffineExpr> exprs;
    for (int64_t i = 0; i < leading; ++i)
      exprs.push_back(d(i));
    exprs.append({d(leading + 2), n.b.getAffineConstantExpr(part)});
    AffineMap weigh = AffineMap::get(leading + 3, 0, {d(leading + 2), d(leading), which}, n.b.getContext());
    return mul(n.b, view(n.b, x, domain, AffineMap::get(leading + 3, 0, exprs, n.b.getContext())),
               view(n.b, table, domain, weigh));
  };
  // (a + bi)(c + si): real a c - b s, imaginary a s + b c.
  Value sum = reduce(n.b, tiny::ReduceKind::Sum, term(0, d(leading + 1)), {leading + 2});
  if (parts == 1 || !sum)
    return sum;
  Value crossed = reduce(n.b, tiny::ReduceKind::Sum, term(1, 1 - d(leading + 1)), {leading + 2});
  if (!crossed)
    return {};
  Value part = coordinate(n.b, shapeOf(sum), n.b.getI32Type(), leading + 1);
  Value isReal = equal(n.b, part, splat(n.b, part, 0));
  return add(n.b, sum, where(n.b, isReal, neg(n.b, crossed), crossed));
}

static Value importDft(NodeImport &n) {
  bool inverse = n.integer("inverse", 0), oneSided = n.integer("onesided", 0);
  int64_t rank = n.rank(0), axis = -2;
  if (n.version < 20) {
    axis = n.integer("axis", 1);
  } else if (n.has(2)) {
    FailureOr<SmallVector<int64_t>> given = n.integers(2, "axis");
    if (failed(given) || given->size() != 1)
      return failed(given) ? Value() : n.fail("axis: expected one number");
    axis = given->front();
  }
  FailureOr<int64_t> along = n.axis(axis, rank);
  if (failed(along))
    return {};
  if (rank < 2 || *along == rank - 1)
    return n.fail("expected an operand [.., 1 or 2] and another axis than its last");
  // A one-sided spectrum is that of an even number of values, unless a length says otherwise.
  int64_t length = n.shape(0)[*along];
  if (oneSided && inverse)
    length = std::max<int64_t>(2 * (length - 1), 1);
  if (n.has(1)) {
    FailureOr<SmallVector<int64_t>> given = n.integers(1, "dft_length");
    if (failed(given))
      return {};
    length = given->size() == 1 ? given->front() : 0;
    if (length < 1 || length > kMostCoefficients)
      return n.fail("dft_length: expected one number from 1 to " + Twine(kMostCoefficients));
  }
  Value x = n[0];
  int64_t to = oneSided && !inverse ? length / 2 + 1 : length;
  if (oneSided && inverse) {
    // The half that is not given are the conjugates of the other: x[length - k].
    int64_t half = length / 2 + 1, present = std::min(n.shape(0)[*along], half), missing = length - present;
    if (n.shape(0).back() != 2 || present < half)
      return n.fail("expected complex numbers, " + Twine(half) + " of them along the axis, for a one-sided inverse");
    x = slice(n.b, x, *along, 0, present);
    SmallVector<int64_t> starts(rank, 0), sizes(shapeOf(x)), steps(rank, 1);
    starts[*along] = length - present;
    sizes[*along] = missing;
    steps[*along] = -1;
    if (missing > 0) {
      Value mirrored = stridedSlice(n.b, x, starts, sizes, steps);
      Value part = coordinate(n.b, sizes, n.b.getI32Type(), rank - 1);
      mirrored = where(n.b, equal(n.b, part, splat(n.b, part, 0)), mirrored, neg(n.b, mirrored));
      x = concat(n.b, {x, mirrored}, *along);
    }
  }
  // The axis goes before the last dimension, and back.
  SmallVector<int64_t> there, back(rank);
  for (int64_t d = 0; d < rank - 1; ++d)
    if (d != *along)
      there.push_back(d);
  there.append({*along, rank - 1});
  for (auto [i, d] : llvm::enumerate(there))
    back[d] = i;
  Value result = permute(n.b, transform(n, permute(n.b, x, there), length, to, inverse), back);
  return oneSided && inverse && result ? slice(n.b, result, rank - 1, 0, 1) : result;
}

// Frames of a signal [N, length, 1 or 2], weighted by a window and transformed.
static Value importStft(NodeImport &n) {
  bool oneSided = n.integer("onesided", 1);
  FailureOr<SmallVector<int64_t>> step = n.integers(1, "frame_step");
  if (failed(step))
    return {};
  SmallVector<int64_t> shape(n.shape(0));
  if (shape.size() == 2)
    shape.push_back(1);
  int64_t frame = n.has(2) && n.rank(2) == 1 ? n.shape(2)[0] : 0;
  if (n.has(3)) {
    FailureOr<SmallVector<int64_t>> given = n.integers(3, "frame_length");
    if (failed(given))
      return {};
    frame = given->size() == 1 ? given->front() : 0;
  }
  bool fits = shape.size() == 3 && step->size() == 1 && step->front() >= 1 && frame >= 1 && frame <= shape[1] &&
              (!n.has(2) || n.shape(2) == ArrayRef<int64_t>{frame});
  if (!fits)
    return n.fail("expected a signal [N, length, 1 or 2], a frame_step, and a frame no longer than the signal");
  // A longer step than the signal gives one frame, as one of its length does.
  Window window{frame, std::min(step->front(), shape[1])};
  int64_t frames = windowPositions(window, shape[1]);
  // [N, frames, frame, parts]
  AffineExpr at = n.b.getAffineDimExpr(1) * window.stride + n.b.getAffineDimExpr(2);
  AffineMap map = AffineMap::get(4, 0, {n.b.getAffineDimExpr(0), at, n.b.getAffineDimExpr(3)}, n.b.getContext());
  Value cut = view(n.b, reshape(n.b, n[0], shape), {shape[0], frames, frame, shape[2]}, map);
  if (n.has(2) && cut)
    cut = mul(n.b, cut, broadcastAlong(n.b, cast(n.b, n[2], tiny::elementType(cut.getType())), shapeOf(cut), 2));
  return transform(n, cut, frame, oneSided ? frame / 2 + 1 : frame, /*inverse=*/false);
}

// A window a0 - a1 cos(2 pi i / N) + a2 cos(4 pi i / N), with N the size, or one less where it is symmetric.
static Value cosineWindow(NodeImport &n, double a0, double a1, double a2) {
  bool periodic = n.integer("periodic", 1);
  int64_t type = n.integer("output_datatype", 1);
  FailureOr<SmallVector<int64_t>> size = n.integers(0, "size");
  if (failed(size))
    return {};
  constexpr int64_t longest = int64_t(1) << 20;
  if (size->size() != 1 || size->front() < 0 || size->front() > longest)
    return n.fail("size: expected one number from 0 to " + Twine(longest));
  std::vector<double> values;
  double length = static_cast<double>(periodic ? size->front() : size->front() - 1);
  for (int64_t i = 0; i < size->front(); ++i) {
    double angle = length > 0 ? 2 * std::numbers::pi * static_cast<double>(i) / length : 0;
    values.push_back(a0 - a1 * std::cos(angle) + a2 * std::cos(2 * angle));
  }
  Type element = onnx::elementType(type, n.b.getContext());
  if (!element)
    return n.fail("output_datatype: not supported");
  return cast(n.b, n.constantNumbers(values, {size->front()}, n.b.getF64Type()), element);
}

static Value importHann(NodeImport &n) { return cosineWindow(n, 0.5, 0.5, 0); }
static Value importHamming(NodeImport &n) { return cosineWindow(n, 25.0 / 46.0, 1 - 25.0 / 46.0, 0); }
static Value importBlackman(NodeImport &n) { return cosineWindow(n, 0.42, 0.5, 0.08); }

// Triangles over the bins of a transform, evenly spaced on the mel scale.
static Value importMelWeightMatrix(NodeImport &n) {
  int64_t type = n.integer("output_datatype", 1);
  FailureOr<SmallVector<int64_t>> bands = n.integers(0, "num_mel_bins"), length = n.integers(1, "dft_length"),
                                  rate = n.integers(2, "sample_rate");
  FailureOr<SmallVector<double>> low = n.numbers(3, "lower_edge_hertz"), high = n.numbers(4, "upper_edge_hertz");
  if (failed(bands) || failed(length) || failed(rate) || failed(low) || failed(high))
    return {};
  if (bands->size() != 1 || length->size() != 1 || rate->size() != 1 || low->size() != 1 || high->size() != 1 ||
      bands->front() < 1 || length->front() < 1 || rate->front() < 1 || bands->front() > 65536 ||
      length->front() > kMostCoefficients / bands->front())
    return n.fail("expected one positive number each, and a matrix of at most 2^24 elements");
  int64_t bins = length->front() / 2 + 1, count = bands->front();
  auto toMel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  double first = toMel(low->front()), step = (toMel(high->front()) - first) / static_cast<double>(count + 2);
  SmallVector<int64_t> edges;
  for (int64_t i = 0; i < count + 2; ++i) {
    double hertz = 700 * (std::pow(10, (first + static_cast<double>(i) * step) / 2595) - 1);
    double edge = std::floor(static_cast<double>(length->front() + 1) * hertz / static_cast<double>(rate->front()));
    if (!(edge >= 0 && edge < static_cast<double>(int64_t(1) << 31)))
      return n.fail("lower_edge_hertz and upper_edge_hertz: expected frequencies from 0 on and near the sample rate");
    edges.push_back(static_cast<int64_t>(edge));
  }
  std::vector<double> values(bins * count, 0);
  auto set = [&](int64_t bin, int64_t band, double value) {
    if (bin >= 0 && bin < bins)
      values[bin * count + band] = value;
  };
  for (int64_t band = 0; band < count; ++band) {
    int64_t lower = edges[band], center = edges[band + 1], higher = edges[band + 2];
    if (center == lower)
      set(center, band, 1);
    for (int64_t bin = lower; bin <= std::min(center, bins - 1) && center > lower; ++bin)
      set(bin, band, static_cast<double>(bin - lower) / static_cast<double>(center - lower));
    for (int64_t bin = center; bin < std::min(higher, bins); ++bin)
      set(bin, band, static_cast<double>(higher - bin) / static_cast<double>(higher - center));
  }
  Type element = onnx::elementType(type, n.b.getContext());
  if (!element)
    return n.fail("output_datatype: not supported");
  return cast(n.b, n.constantNumbers(values, {bins, count}, n.b.getF64Type()), element);
}

ArrayRef<Operator> onnx::signalOperators() {
  static const Operator rows[] = {
      {"BlackmanWindow", 17, 1, 1, Narrow::Keep, importBlackman},
      {"DFT", 17, 1, 3, Narrow::Widen, importDft},
      {"HammingWindow", 17, 1, 1, Narrow::Keep, importHamming},
      {"HannWindow", 17, 1, 1, Narrow::Keep, importHann},
      {"MelWeightMatrix", 17, 5, 5, Narrow::Keep, importMelWeightMatrix},
      {"STFT", 17, 2, 4, Narrow::Widen, importStft},
  };
  return rows;
}
