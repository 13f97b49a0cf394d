// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The scratch memory of a unit: packed weights, and what the unit's windows cover, padded and converted.

#include "passes/4-tile/WindowTiler.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// Lanes of the vectors in which weights are copied.
static constexpr int64_t kCopyLanes = 64;
// Cache lines that are read together to be dealt out to phases.
static constexpr int64_t kDealtLines = 2;

static IntegerSet setOf(MLIRContext *context, unsigned dims, ArrayRef<AffineExpr> constraints) {
  if (constraints.empty())
    return {};
  return IntegerSet::get(dims, 0, constraints, SmallVector<bool>(constraints.size(), false));
}

// The read, and the casts that follow it.
Value WindowTiler::readFactor(Value factor, unsigned read, const TileDomain &tile, AffineMap map) {
  if (auto cast = factor.getDefiningOp<CastOp>())
    return CastOp::create(b, loc, readFactor(cast.getInput(), read, tile, map), cast.getType());
  return loadTile(b, loc, f.buffer(cast<BlockArgument>(w.stage.getOperand(read))), tile, map);
}

// Lanes of the vectors in which `width` elements are copied, which may end beyond them: a few registers.
static int64_t copyLanes(int64_t line, int64_t width) {
  int64_t lanes = line;
  while (lanes < 4 * line && width % (2 * lanes) == 0)
    lanes *= 2;
  return lanes;
}

void WindowTiler::allocate() {
  auto buffer = [&](ArrayRef<int64_t> shape) -> Value {
    return memref::AllocaOp::create(b, loc, MemRefType::get(shape, element));
  };
  int64_t line = 64 / (element.getIntOrFloatBitWidth() / 8);
  int64_t blockRows = w.m ? llvm::divideCeil(block[*w.m], tileRows) * tileRows : 1;
  if (rowsFrom == RowsFrom::Copy) {
    // Rows stand apart by an odd number of cache lines.
    int64_t apart = (llvm::divideCeil(w.depth() + kCopyLanes, line) | 1) * line;
    rows = buffer({blockRows, apart});
  }
  for (unsigned i = 0; i < w.input.size(); ++i)
    if (i != w.line && !(plane && i == *w.yCoordinate()))
      stagedShape.push_back(w.extent(i, block));
  if (plane) {
    unsigned y = *w.yCoordinate();
    int64_t lines = w.phaseExtent(y, *w.y(), block[*w.y()]);
    int64_t columns = llvm::divideCeil(planeColumns(), tileColumns) * tileColumns;
    // Where the last window of the last tile ends, and the last copy.
    int64_t read = columns + (lines - block[*w.y()]) * pitch + pitch - domain[w.x()];
    int64_t copied = (lines - 1) * pitch + llvm::divideCeil(pitch, copyLanes(line, pitch)) * copyLanes(line, pitch);
    stagedShape.append({w.input[y].factors[*w.y()], w.stride(), std::max(read, copied)});
    staged = buffer(stagedShape);
    sums = buffer({tileRows, 1, columns + finishColumns()});
    return;
  }
  stagedShape.push_back(w.stride());
  int64_t width = llvm::divideCeil(w.lineExtent(block[w.x()]), line) * line;
  // Lines a multiple of 4096 bytes apart would share a set of the cache.
  stagedShape.push_back(width % (64 * line) == 0 ? width + line : width);
  staged = buffer(stagedShape);
  sums = buffer({tileRows, tileLines, tileColumns});
  if (w.tail.empty())
    return;
  SmallVector<int64_t> keptShape(block.begin(), block.begin() + parallel);
  if (w.m)
    keptShape[*w.m] = blockRows;
  kept = memref::AllocaOp::create(b, loc, MemRefType::get(keptShape, elementType(w.kept.getType())));
}

// Rows lie side by side along the whole depth.
void WindowTiler::packRows() {
  MLIRContext *context = b.getContext();
  // (parallel.., k flattened) -> the stage's domain.
  SmallVector<AffineExpr> exprs(domain.size());
  for (unsigned d = 0; d < parallel; ++d)
    exprs[d] = getAffineDimExpr(d, context);
  AffineExpr rest = getAffineDimExpr(parallel, context);
  for (unsigned d : llvm::reverse(w.k)) {
    exprs[d] = d == w.k.front() ? rest : rest % domain[d];
    rest = rest.floorDiv(domain[d]);
  }
  AffineMap points = AffineMap::get(parallel + 1, 0, exprs, context);
  int64_t depth = w.depth(), lanes = std::min<int64_t>(kCopyLanes, llvm::bit_ceil<uint64_t>(depth));
  AffineMap place = AffineMap::get(2, 0, {b.getAffineDimExpr(0), b.getAffineDimExpr(1)}, context);
  auto packRow = [&](Value row) {
    loop(constant(0), constant(depth), lanes, [&](Value at) {
      TileDomain tile;
      for (unsigned d = 0; d < parallel; ++d)
        tile.append(w.m == d ? add(unit[d], row) : unit[d], 1, std::nullopt);
      tile.append(at, lanes, depth % lanes ? std::optional<int64_t>(depth) : std::nullopt);
      Value value =
          readFactor(factorOf(w.stage, w.rowsRead), w.rowsRead, tile, w.stage.getMap(w.rowsRead).compose(points));
      auto flat = VectorType::get({1, lanes}, element);
      AffineMap last = AffineMap::get(
          2, 0,
          llvm::to_vector(llvm::concat<AffineExpr>(SmallVector<AffineExpr>(parallel, b.getAffineConstantExpr(0)),
                                                   SmallVector<AffineExpr>{b.getAffineDimExpr(1)})),
          context);
      TileDomain local;
      local.append(row, 1, std::nullopt);
      local.append(at, lanes, std::nullopt);
      storeTile(b, loc, ViewOp::create(b, loc, flat, value, last), rows, local, place);
    });
  };
  if (w.m)
    loop(constant(0), blockEnd(*w.m), 1, packRow);
  else
    packRow(constant(0));
}

// Walks the coordinates but the line's, then copies a line.
void WindowTiler::copyInput(unsigned coordinate) {
  if (coordinate == w.input.size())
    return copyLine();
  int64_t extent = coordinate == w.line ? 1 : w.extent(coordinate, block);
  if (extent == 1) {
    copied[coordinate] = constant(0);
    return copyInput(coordinate + 1);
  }
  loop(constant(0), constant(extent), 1, [&](Value at) {
    copied[coordinate] = at;
    copyInput(coordinate + 1);
  });
}

// One line. Of a short stride, what is read lies together, and is then dealt out to the phases; else it goes phase by
// phase, and lanes stand a stride apart. What lies outside of the input, or of the mask, is the fill.
void WindowTiler::copyLine() {
  MLIRContext *context = b.getContext();
  unsigned rank = w.input.size();
  int64_t stride = w.stride(), line = 64 / (element.getIntOrFloatBitWidth() / 8);
  int64_t width = plane ? pitch : stagedShape.back(), lanes = copyLanes(line, width);
  bool dealt = stride == 2 || stride == 4;
  while (dealt && lanes > line && lanes * stride > kDealtLines * line)
    lanes /= 2;
  // A line of a plane is copied beyond its end, where the next one follows.
  width = llvm::divideCeil(width, lanes) * lanes;
  // Dimensions of the access: one for each coordinate (of the line, where it begins), then the lanes.
  SmallVector<AffineExpr> map, constraints;
  TileDomain tile;
  for (auto [i, coordinate] : llvm::enumerate(w.input)) {
    AffineExpr from = b.getAffineConstantExpr(coordinate.constant);
    SmallVector<Value> operands;
    int64_t least = coordinate.constant, most = coordinate.constant;
    for (unsigned d = 0; d < parallel; ++d)
      if (int64_t factor = coordinate.factors[d]) {
        from = from + b.getAffineDimExpr(operands.size()) * factor;
        operands.push_back(unit[d]);
        int64_t last = factor * (domain[d] - 1);
        (last < 0 ? least : most) += last;
      }
    // What the units' blocks cover, the last one's in whole tiles.
    most += i == w.line ? stride * width + stride - 1 : w.extent(i, block) - 1;
    Value base = affine::AffineApplyOp::create(b, loc, AffineMap::get(operands.size(), 0, from), operands);
    tile.append(add(base, copied[i]), 1, std::nullopt);
    AffineExpr at = b.getAffineDimExpr(i);
    if (i == w.line)
      at = at + b.getAffineDimExpr(rank) * (dealt ? 1 : stride);
    map.push_back(at);
    if (least < coordinate.least)
      constraints.push_back(at - coordinate.least);
    if (most > coordinate.most)
      constraints.push_back(coordinate.most - at);
  }
  Value lineBase = tile.offsets[w.line];
  Value input = f.buffer(cast<BlockArgument>(w.stage.getOperand(w.columnsRead)));
  TypedAttr fill = w.stage.getFill(w.columnsRead);
  std::function<Value(Value, const TileDomain &)> read = [&](Value factor, const TileDomain &at) -> Value {
    if (auto cast = factor.getDefiningOp<CastOp>())
      return CastOp::create(b, loc, read(cast.getInput(), at), cast.getType());
    return loadTile(b, loc, input, at, AffineMap::get(rank + 1, 0, map, context), setOf(context, rank + 1, constraints),
                    fill);
  };
  // (coordinates.., lanes) -> the staged shape; the line's coordinate stands for its phase.
  SmallVector<AffineExpr> places;
  AffineExpr along = getAffineDimExpr(rank, context);
  std::optional<unsigned> y = plane ? w.yCoordinate() : std::nullopt;
  for (unsigned i = 0; i < rank; ++i)
    if (i != w.line && i != y)
      places.push_back(getAffineDimExpr(i, context));
  if (y) {
    AffineExpr at = getAffineDimExpr(*y, context);
    int64_t lineStride = w.input[*y].factors[*w.y()];
    places.push_back(at % lineStride);
    along = along + at.floorDiv(lineStride) * pitch;
  }
  places.push_back(getAffineDimExpr(w.line, context));
  places.push_back(along);
  AffineMap place = AffineMap::get(rank + 1, 0, places, context);
  auto store = [&](Value value, Value phase, Value at) {
    TileDomain local;
    for (unsigned i = 0; i < rank; ++i)
      local.append(i == w.line ? phase : copied[i], 1, std::nullopt);
    local.append(at, lanes, std::nullopt);
    storeTile(b, loc, value, staged, local, place);
  };
  if (dealt)
    return loop(constant(0), constant(width), lanes, [&](Value at) {
      TileDomain source = tile;
      source.append(arith::MulIOp::create(b, loc, at, constant(stride)), lanes * stride, std::nullopt);
      Value together = read(factorOf(w.stage, w.columnsRead), source);
      SmallVector<int64_t> shape(rank, 1);
      shape.push_back(lanes);
      for (int64_t phase = 0; phase < stride; ++phase) {
        AffineMap every = AffineMap::getMultiDimIdentityMap(rank + 1, context);
        every = every.replace(getAffineDimExpr(rank, context), getAffineDimExpr(rank, context) * stride + phase,
                              rank + 1, 0);
        store(ViewOp::create(b, loc, VectorType::get(shape, element), together, every), constant(phase), at);
      }
    });
  auto copyPhase = [&](Value phase) {
    tile.offsets[w.line] = add(lineBase, phase);
    loop(constant(0), constant(width), lanes, [&](Value at) {
      TileDomain source = tile;
      source.append(at, lanes, std::nullopt);
      store(read(factorOf(w.stage, w.columnsRead), source), phase, at);
    });
  };
  if (stride == 1)
    copyPhase(constant(0));
  else
    loop(constant(0), constant(stride), 1, copyPhase);
}
