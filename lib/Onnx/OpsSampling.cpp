// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that read an image where data say: GridSample, RoiAlign, MaxRoiPool, DeformConv; and AffineGrid, which
// makes such data.

#include "lib/Onnx/NodeImport.h"

#include "lib/Builders/Contraction.h"
#include "lib/Builders/Reduction.h"
#include "lib/Builders/Sampling.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

// Coordinates from -1 to 1 over the image, as positions of elements.
static Value denormalised(compose::Builder &b, Value x, int64_t size, bool alignCorners) {
  auto number = [&](double value) { return splat(b, x, value); };
  if (alignCorners)
    return mul(b, add(b, x, number(1)), number((size - 1) / 2.0));
  return mul(b, sub(b, mul(b, add(b, x, number(1)), number(static_cast<double>(size))), number(1)), number(0.5));
}

static Value importGridSample(NodeImport &n) {
  ArrayRef<int64_t> image = n.shape(0), grid = n.shape(1);
  std::string mode = n.text("mode", n.version < 20 ? "bilinear" : "linear"), padding = n.text("padding_mode", "zeros");
  bool alignCorners = n.integer("align_corners", 0);
  size_t spatial = image.size() < 3 ? 0 : image.size() - 2;
  if (spatial == 0 || grid.size() != image.size() || grid.back() != static_cast<int64_t>(spatial) ||
      grid[0] != image[0])
    return n.fail("expected an image [N, C, ..] and a grid [N, .., rank], one coordinate a spatial dimension");
  // Cubic taps are four a dimension.
  constexpr size_t mostSpatial = 6;
  if (spatial > mostSpatial)
    return n.fail("expected at most " + Twine(mostSpatial) + " spatial dimensions, found " + Twine(spatial));
  if (!isa<FloatType>(n.element(1)))
    return n.fail("expected a grid of floats");
  bool isNearest = mode == "nearest", isCubic = mode == "cubic" || mode == "bicubic";
  if (!isNearest && !isCubic && mode != "linear" && mode != "bilinear")
    return n.fail("mode '" + mode + "' is not supported");
  if (padding != "zeros" && padding != "border" && padding != "reflection")
    return n.fail("padding_mode '" + padding + "' is not supported");
  Outside outside = padding == "zeros" ? Outside::Zero : padding == "border" ? Outside::Edge : Outside::Mirror;
  int64_t points = 1;
  for (int64_t size : grid.drop_front().drop_back())
    points *= size;
  Value list = reshape(n.b, n[1], {grid[0], points, grid.back()});
  SmallVector<Value> positions;
  for (size_t d = 0; d < spatial; ++d) {
    // The grid's last coordinate is that of the first spatial dimension.
    Value x = reshape(n.b, slice(n.b, list, 2, spatial - 1 - d, 1), {grid[0], points});
    int64_t size = image[d + 2];
    x = denormalised(n.b, x, size, alignCorners);
    if (isNearest)
      x = round(n.b, tiny::RoundMode::Even, x);
    if (outside == Outside::Edge) {
      Value edge = min(n.b, max(n.b, x, splat(n.b, x, 0)), splat(n.b, x, size - 1.0));
      // What lies on the outer half of an outermost element is inside: taps of a cubic are taken around it as it is.
      double margin = isCubic && !alignCorners ? 0.5 : 0;
      Value inside =
          bitAnd(n.b, lessEqual(n.b, splat(n.b, x, -margin), x), lessEqual(n.b, x, splat(n.b, x, size - 1.0 + margin)));
      x = margin != 0 ? where(n.b, inside, x, edge) : edge;
    }
    if (outside == Outside::Mirror)
      x = alignCorners ? reflect(n.b, x, 0, size - 1.0) : reflect(n.b, x, -0.5, size - 0.5);
    if (isNearest)
      x = round(n.b, tiny::RoundMode::Even, x);
    positions.push_back(x);
  }
  Value sampled = isNearest ? pick(n.b, n[0], positions, outside, alignCorners)
                  : isCubic ? sampleCubic(n.b, n[0], positions, outside, alignCorners, -0.75)
                            : sampleLinear(n.b, n[0], positions, outside, alignCorners);
  SmallVector<int64_t> shape{image[0], image[1]};
  llvm::append_range(shape, grid.drop_front().drop_back());
  return reshape(n.b, sampled, shape);
}

// theta [N, rank, rank + 1] times the coordinates of each position and 1.
static Value importAffineGrid(NodeImport &n) {
  bool alignCorners = n.integer("align_corners", 0);
  FailureOr<SmallVector<int64_t>> size = n.integers(1, "size");
  if (failed(size))
    return {};
  int64_t spatial = static_cast<int64_t>(size->size()) - 2;
  auto type = dyn_cast<FloatType>(n.element(0));
  if (spatial < 1 || !type || n.shape(0) != ArrayRef<int64_t>{size->front(), spatial, spatial + 1})
    return n.fail("expected matrices [N, rank, rank + 1] and a size [N, C, ..] of that rank");
  SmallVector<int64_t> domain{size->front()};
  llvm::append_range(domain, ArrayRef(*size).drop_front(2));
  std::optional<int64_t> count = elementCount(domain);
  if (!count)
    return n.fail("size: negative or too large");
  domain.push_back(spatial);
  int64_t rank = domain.size();
  auto thetaColumn = [&](int64_t column) {
    AffineExpr exprs[] = {n.b.getAffineDimExpr(0), n.b.getAffineDimExpr(rank - 1), n.b.getAffineConstantExpr(column)};
    return view(n.b, n[0], domain, AffineMap::get(rank, 0, exprs, n.b.getContext()));
  };
  Value sum = thetaColumn(spatial);
  for (int64_t column = 0; sum && column < spatial; ++column) {
    // The first coordinate runs along the last spatial dimension.
    int64_t d = spatial - column, length = domain[d];
    Value at = coordinate(n.b, domain, type, d);
    auto number = [&](double value) { return splat(n.b, at, value); };
    double step = alignCorners ? (length > 1 ? 2.0 / (length - 1) : 0) : 2.0 / length;
    at = add(n.b, mul(n.b, at, number(step)), number(alignCorners ? (length > 1 ? -1 : 0) : -1 + 1.0 / length));
    sum = add(n.b, sum, mul(n.b, at, thetaColumn(column)));
  }
  return sum;
}

// A column of the boxes [R, 4], and the images they lie in, as rows to be gathered: [R, C, H, W].
static Value boxColumn(NodeImport &n, Value boxes, int64_t column) {
  return reshape(n.b, slice(n.b, boxes, 1, column, 1), {shapeOf(boxes)[0]});
}

static Value imagesOf(NodeImport &n, Value numbers) {
  SmallVector<int64_t> shape(n.shape(0));
  shape[0] = shapeOf(numbers)[0];
  return tiny::GatherOp::create(n.b, RankedTensorType::get(shape, n.element(0)), n[0], numbers, 0,
                                cast<TypedAttr>(n.b.getZeroAttr(n.element(0))));
}

// A cell of a box is sampled at most so often along each axis.
static constexpr int64_t kMostSamples = 4096;

static Value importRoiAlign(NodeImport &n) {
  std::string mode = n.text("mode", "avg");
  std::string transform = n.text("coordinate_transformation_mode", n.version < 16 ? "output_half_pixel" : "half_pixel");
  int64_t height = n.integer("output_height", 1), width = n.integer("output_width", 1);
  int64_t ratio = n.integer("sampling_ratio", 0);
  double scale = n.number("spatial_scale", 1);
  if ((mode != "avg" && mode != "max") || (transform != "half_pixel" && transform != "output_half_pixel"))
    return n.fail(
        "expected the mode avg or max and the coordinate_transformation_mode half_pixel or output_half_pixel");
  if (n.rank(0) != 4 || n.rank(1) != 2 || n.shape(1)[1] != 4 || n.shape(2) != n.shape(1).take_front(1) || height < 1 ||
      width < 1 || ratio < 0 || std::max(height, width) > 65536 || ratio > kMostSamples ||
      !isa<FloatType>(n.element(1)))
    return n.fail("expected an image [N, C, H, W], boxes [R, 4] of floats, R numbers of images, an output of at most "
                  "65536 cells a side, and a sampling_ratio of at most " +
                  Twine(kMostSamples));
  int64_t boxes = n.shape(1)[0], channels = n.shape(0)[1];
  bool halfPixel = transform == "half_pixel";
  double offset = halfPixel ? 0.5 : 0;
  auto edge = [&](int64_t column) {
    Value x = boxColumn(n, n[1], column);
    x = mul(n.b, x, splat(n.b, x, scale));
    return sub(n.b, x, splat(n.b, x, offset));
  };
  // Along one axis: the positions [R, cells * samples] of all samples and how many of a cell's count, [R].
  struct Along {
    Value positions, counts;
    int64_t samples;
  };
  auto along = [&](int64_t first, int64_t cells, int64_t size) -> FailureOr<Along> {
    Value low = edge(first), length = sub(n.b, edge(first + 2), low);
    if (!length)
      return failure();
    if (!halfPixel)
      length = max(n.b, length, splat(n.b, length, 1));
    Value cell = div(n.b, length, splat(n.b, length, cells));
    Along result;
    result.samples = ratio;
    result.counts = splat(n.b, cell, ratio);
    if (ratio == 0) {
      // As many samples as a cell has elements: how many at most, must be known.
      FailureOr<SmallVector<double>> known = n.numbers(1, "rois (with sampling_ratio 0)");
      if (failed(known))
        return failure();
      double most = 1;
      for (int64_t r = 0; r < boxes; ++r) {
        double extent = ((*known)[4 * r + first + 2] - (*known)[4 * r + first]) * scale;
        most = std::max(most, std::ceil((halfPixel ? extent : std::max(extent, 1.0)) / cells));
      }
      if (!(most <= kMostSamples))
        return n.error() << "rois: expected boxes of at most " << kMostSamples << " samples a cell";
      result.samples = static_cast<int64_t>(most);
      result.counts = max(n.b, round(n.b, tiny::RoundMode::Ceil, cell), splat(n.b, cell, 1));
    }
    SmallVector<int64_t> domain{boxes, cells, result.samples};
    if (!isCountable(n.b, domain))
      return failure();
    auto over = [&](Value v) { return broadcastOver(n.b, v, domain, {1, 2}); };
    Type type = tiny::elementType(cell.getType());
    // low + cell * (c + (s + 0.5) / count)
    Value sample = coordinate(n.b, domain, type, 2);
    sample = div(n.b, add(n.b, sample, splat(n.b, sample, 0.5)), over(result.counts));
    Value at = add(n.b, over(low), mul(n.b, over(cell), add(n.b, coordinate(n.b, domain, type, 1), sample)));
    // What counts not is put where nothing is read.
    Value counted = less(n.b, coordinate(n.b, domain, type, 2), over(result.counts));
    Value away = splat(n.b, at, -2.0);
    // Up to one element outside the edge is read; further out is zero.
    Value inside = bitAnd(n.b, lessEqual(n.b, splat(n.b, at, -1), at),
                          lessEqual(n.b, at, splat(n.b, at, static_cast<double>(size))));
    Value bounded = min(n.b, max(n.b, at, splat(n.b, at, 0)), splat(n.b, at, size - 1.0));
    at = where(n.b, bitAnd(n.b, counted, inside), bounded, away);
    result.positions = reshape(n.b, at, {boxes, cells * result.samples});
    return result;
  };
  FailureOr<Along> x = along(0, width, n.shape(0)[3]), y = along(1, height, n.shape(0)[2]);
  if (failed(x) || failed(y))
    return {};
  SmallVector<int64_t> domain{boxes, height, y->samples, width, x->samples};
  int64_t points = height * y->samples * width * x->samples;
  auto grid = [&](Value positions, AffineExpr expr) {
    Value all = view(n.b, positions, domain, AffineMap::get(5, 0, {n.b.getAffineDimExpr(0), expr}, n.b.getContext()));
    return reshape(n.b, all, {boxes, points});
  };
  Value ys = grid(y->positions, n.b.getAffineDimExpr(1) * y->samples + n.b.getAffineDimExpr(2));
  Value xs = grid(x->positions, n.b.getAffineDimExpr(3) * x->samples + n.b.getAffineDimExpr(4));
  Value images = imagesOf(n, cast(n.b, n[2], n.b.getI64Type()));
  SmallVector<int64_t> cells{boxes, channels, height, y->samples, width, x->samples};
  if (mode == "avg") {
    Value sampled = reshape(n.b, sampleLinear(n.b, images, {ys, xs}, Outside::Zero, true), cells);
    Value sum = reduce(n.b, tiny::ReduceKind::Sum, sampled, {3, 5});
    Value count = mul(n.b, x->counts, y->counts);
    return sum && count ? div(n.b, sum, broadcastOver(n.b, count, shapeOf(sum), {1, 2, 3})) : Value();
  }
  // The maximum of the weighted elements themselves, not of their sums.
  Value largest;
  auto one = [&](Value v) { return splat(n.b, v, 1); };
  Value baseY = round(n.b, tiny::RoundMode::Floor, ys), baseX = round(n.b, tiny::RoundMode::Floor, xs);
  Value farY = sub(n.b, ys, baseY), farX = sub(n.b, xs, baseX);
  for (int64_t corner = 0; corner < 4; ++corner) {
    bool down = corner & 1, right = corner & 2;
    Value picked =
        pick(n.b, images, {down ? add(n.b, baseY, one(baseY)) : baseY, right ? add(n.b, baseX, one(baseX)) : baseX},
             Outside::Zero, true);
    Value weight = mul(n.b, down ? farY : sub(n.b, one(farY), farY), right ? farX : sub(n.b, one(farX), farX));
    if (!picked || !weight)
      return {};
    Value term = mul(n.b, picked, broadcastOver(n.b, weight, shapeOf(picked), {1}));
    largest = largest ? max(n.b, largest, term) : term;
  }
  return reduce(n.b, tiny::ReduceKind::Max, reshape(n.b, largest, cells), {3, 5});
}

// Boxes [R, 5] with the number of the image first; each cell is the maximum over whole elements, 0 where it has none.
static Value importMaxRoiPool(NodeImport &n) {
  std::optional<SmallVector<int64_t>> pooled = n.integerList("pooled_shape");
  double scale = n.number("spatial_scale", 1);
  if (!pooled || pooled->size() != 2 || (*pooled)[0] < 1 || (*pooled)[1] < 1 || n.rank(0) != 4 || n.rank(1) != 2 ||
      n.shape(1)[1] != 5 || !isa<FloatType>(n.element(1)))
    return n.fail("expected an image [N, C, H, W], boxes [R, 5] of floats and a pooled_shape of two numbers");
  int64_t boxes = n.shape(1)[0], channels = n.shape(0)[1];
  // Along one axis: whether element e of the image lies in cell c of box r, [R, cells, size].
  auto membership = [&](int64_t first, int64_t cells, int64_t size) -> Value {
    if (!isCountable(n.b, {boxes, cells, size}))
      return {};
    auto edge = [&](int64_t column) {
      Value x = boxColumn(n, n[1], column);
      x = mul(n.b, x, splat(n.b, x, scale));
      // Halves away from zero, as C rounds.
      return round(n.b, tiny::RoundMode::Floor, add(n.b, x, splat(n.b, x, 0.5)));
    };
    Value low = edge(first), length = sub(n.b, edge(first + 2), low);
    length = max(n.b, add(n.b, length, splat(n.b, low, 1)), splat(n.b, low, 1));
    Value cell = div(n.b, length, splat(n.b, length, cells));
    SmallVector<int64_t> domain{boxes, cells, size};
    auto over = [&](Value v) { return broadcastOver(n.b, v, domain, {1, 2}); };
    Type type = tiny::elementType(cell.getType());
    Value c = coordinate(n.b, domain, type, 1), next = add(n.b, c, splat(n.b, c, 1));
    Value begin = add(n.b, round(n.b, tiny::RoundMode::Floor, mul(n.b, c, over(cell))), over(low));
    Value end = add(n.b, round(n.b, tiny::RoundMode::Ceil, mul(n.b, next, over(cell))), over(low));
    Value at = coordinate(n.b, domain, type, 2);
    return bitAnd(n.b, lessEqual(n.b, begin, at), less(n.b, at, end));
  };
  int64_t height = n.shape(0)[2], width = n.shape(0)[3];
  Value rows = membership(2, (*pooled)[0], height), columns = membership(1, (*pooled)[1], width);
  if (!rows || !columns)
    return {};
  Value images = imagesOf(n, cast(n.b, boxColumn(n, n[1], 0), n.b.getI64Type()));
  // The maximum along the columns of each row, then along the rows.
  auto maximum = [&](Value x, Value member, ArrayRef<int64_t> domain, ArrayRef<AffineExpr> read,
                     ArrayRef<AffineExpr> which, int64_t dim) -> Value {
    Value all = view(n.b, x, domain, AffineMap::get(domain.size(), 0, read, n.b.getContext()));
    Value in = view(n.b, member, domain, AffineMap::get(domain.size(), 0, which, n.b.getContext()));
    if (!all || !in)
      return {};
    auto least = cast<TypedAttr>(tiny::reductionIdentity(tiny::ReduceKind::Max, n.element(0)));
    Value none = tiny::ConstOp::create(n.b, DenseElementsAttr::get(cast<ShapedType>(all.getType()), Attribute(least)));
    return reduce(n.b, tiny::ReduceKind::Max, where(n.b, in, all, none), {dim});
  };
  auto d = [&](int64_t i) { return n.b.getAffineDimExpr(i); };
  // [R, C, H, columns] from [R, C, H, W]; [R, C, rows, columns] from that.
  Value byColumn = maximum(images, columns, {boxes, channels, height, (*pooled)[1], width}, {d(0), d(1), d(2), d(4)},
                           {d(0), d(3), d(4)}, 4);
  Value result = maximum(byColumn, rows, {boxes, channels, (*pooled)[0], (*pooled)[1], height},
                         {d(0), d(1), d(4), d(3)}, {d(0), d(2), d(4)}, 4);
  if (!result)
    return {};
  Value empty = equal(n.b, result, splat(n.b, result, -std::numeric_limits<double>::infinity()));
  return where(n.b, empty, splat(n.b, result, 0), result);
}

// Convolution whose taps lie at positions that are moved by offsets [N, groups * taps * 2, OH, OW], and are scaled by a
// mask. One gather a corner, then a product with the weights.
static Value importDeformConv(NodeImport &n) {
  ArrayRef<int64_t> in = n.shape(0), weights = n.shape(1), offsets = n.shape(2);
  if (in.size() != 4 || weights.size() != 4 || offsets.size() != 4)
    return n.fail("expected an input [N, C, H, W], weights [M, C / group, KH, KW] and offsets of two dimensions");
  SmallVector<int64_t> kernel = n.integerList("kernel_shape").value_or(SmallVector<int64_t>(weights.drop_front(2)));
  SmallVector<int64_t> ones(2, 1);
  SmallVector<int64_t> strides = n.integerList("strides").value_or(ones);
  SmallVector<int64_t> dilations = n.integerList("dilations").value_or(ones);
  SmallVector<int64_t> pads = n.integerList("pads").value_or(SmallVector<int64_t>(4, 0));
  int64_t groups = n.integer("group", 1), offsetGroups = n.integer("offset_group", 1);
  int64_t taps = weights[2] * weights[3], height = offsets[2], width = offsets[3];
  auto isDivisor = [&](int64_t g) { return g >= 1 && g <= in[1] && in[1] % g == 0; };
  constexpr int64_t limit = int64_t(1) << 31;
  auto inReason = [](int64_t v) { return v > -limit && v < limit; };
  if (ArrayRef<int64_t>(kernel) != weights.drop_front(2) || strides.size() != 2 || dilations.size() != 2 ||
      pads.size() != 4 || !isDivisor(groups) || !isDivisor(offsetGroups) || weights[0] % groups ||
      weights[1] != in[1] / groups || offsets[0] != in[0] || offsets[1] % offsetGroups ||
      offsets[1] / offsetGroups != taps * 2 || !llvm::all_of(strides, inReason) || !llvm::all_of(dilations, inReason) ||
      !llvm::all_of(pads, inReason))
    return n.fail("expected offsets [N, offset_group * taps * 2, ..] and weights [M, C / group, ..] that fit " +
                  Twine(in[1]) + " channels, two strides and dilations and four pads");
  // Of the offsets there are twice as many.
  int64_t points = taps * height * width;
  int64_t images = in[0] * offsetGroups, channels = in[1] / offsetGroups;
  SmallVector<int64_t> domain{in[0], offsetGroups, weights[2], weights[3], height, width};
  Value split = reshape(n.b, n[2], {in[0], offsetGroups, weights[2], weights[3], 2, height, width});
  SmallVector<Value> positions;
  Type element = n.element(2);
  for (int64_t axis = 0; axis < 2; ++axis) {
    Value moved = reshape(n.b, slice(n.b, split, 4, axis, 1), domain);
    AffineExpr at =
        n.b.getAffineDimExpr(4 + axis) * strides[axis] + n.b.getAffineDimExpr(2 + axis) * dilations[axis] - pads[axis];
    Value base = tiny::IotaOp::create(n.b, RankedTensorType::get(domain, element), AffineMap::get(6, 0, at));
    positions.push_back(reshape(n.b, add(n.b, moved, base), {images, points}));
  }
  Value image = reshape(n.b, n[0], {images, channels, in[2], in[3]});
  Value sampled = sampleLinear(n.b, image, positions, Outside::Zero, true);
  sampled = reshape(n.b, sampled, {in[0], offsetGroups, channels, taps * height * width});
  if (n.has(4)) {
    Value mask = reshape(n.b, n[4], {in[0], offsetGroups, points});
    sampled = mul(n.b, sampled, broadcastOver(n.b, mask, {in[0], offsetGroups, channels, points}, {2}));
  }
  // [N, group, C / group, taps, positions] by [group, M / group, C / group, taps].
  int64_t own = in[1] / groups, outputs = weights[0] / groups, area = height * width;
  Value columns = reshape(n.b, sampled, {in[0], groups, own, taps, area});
  Value matrix = reshape(n.b, n[1], {groups, outputs, own, taps});
  SmallVector<int64_t> sum{in[0], groups, outputs, area, own, taps};
  auto d = [&](int64_t i) { return n.b.getAffineDimExpr(i); };
  Value product =
      mul(n.b, view(n.b, columns, sum, AffineMap::get(6, 0, {d(0), d(1), d(4), d(5), d(3)}, n.b.getContext())),
          view(n.b, matrix, sum, AffineMap::get(6, 0, {d(1), d(2), d(4), d(5)}, n.b.getContext())));
  SmallVector<int64_t> shape{in[0], weights[0], height, width};
  Value result = reshape(n.b, reduce(n.b, tiny::ReduceKind::Sum, product, {4, 5}), shape);
  return n.has(3) && result ? add(n.b, result, broadcastAlong(n.b, n[3], shape, 1)) : result;
}

ArrayRef<Operator> onnx::samplingOperators() {
  static const Operator rows[] = {
      {"AffineGrid", 20, 2, 2, Narrow::Widen, importAffineGrid},
      {"DeformConv", 19, 3, 5, Narrow::Widen, importDeformConv},
      {"GridSample", 16, 2, 2, Narrow::Widen, importGridSample},
      {"MaxRoiPool", 1, 2, 2, Narrow::Widen, importMaxRoiPool},
      {"RoiAlign", 10, 3, 3, Narrow::Widen, importRoiAlign},
  };
  return rows;
}
