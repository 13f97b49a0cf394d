// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles a sum over a sliding window (a convolution) for a CPU. What the windows of a unit cover is copied once into
// scratch memory, padded and converted, with the line's elements dealt out to as many phases as its stride has: after
// that the inner loop reads every element of a window at a constant distance, without masks and without a matrix of
// windows in memory.
//
//   packed rows <- weights[m block, all of k]
//   stage <- input[what the block's windows cover]               stage[channel, y, phase, x floordiv stride]
//   for each register tile (rows, lines, columns):
//     sums += packed rows[row, k] * stage[channel, line + ky, kx mod stride, column + kx floordiv stride]
//     epilogue, store
//
// The innermost dimensions of k are unrolled, as the schedule's strip says.

#include "passes/3-schedule/WindowClass.h"
#include "passes/4-tile/Tiling.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

namespace {

class WindowTiler {
public:
  WindowTiler(OpBuilder &b, const TiledFunction &f, Window &w)
      : b(b), f(f), w(w), loc(w.stage.getLoc()), element(elementType(w.stage.getResult(0).getType())),
        domain(w.stage.getDomain()), parallel(w.stage.getNumParallel()), tileRows(f.schedule.getInner()[0]),
        tileLines(f.schedule.getInner()[1]), tileColumns(f.schedule.getInner()[2]) {}

  void run();

private:
  void walkBatch(unsigned index);
  void walkUnit();
  void walkOutput(unsigned index);
  void allocate();
  void packRows();
  void copyInput(unsigned coordinate);
  void copyLine();
  Value multiply(unsigned dim, Value sum);
  Value multiplyPoint(Value sum);
  void finish();
  void finishRow(Value line, Value row, Value sumLine);
  Value readFactor(Value factor, unsigned read, const TileDomain &tile, AffineMap map);
  void loop(Value begin, Value end, int64_t step, function_ref<void(Value)> body);
  Value constant(int64_t value) { return indexConstant(b, loc, value); }
  Value add(Value lhs, Value rhs) { return arith::AddIOp::create(b, loc, lhs, rhs); }
  Value subtract(Value lhs, Value rhs) { return arith::SubIOp::create(b, loc, lhs, rhs); }
  /// min(size of the block, what the dimension leaves behind the unit's offset).
  Value blockEnd(unsigned dim);

  OpBuilder &b;
  const TiledFunction &f;
  Window &w;
  Location loc;
  Type element;
  SmallVector<int64_t> domain;
  unsigned parallel;
  int64_t tileRows, tileLines, tileColumns;
  SmallVector<Value> unit;     ///< where the unit begins; of batch dimensions, where it stands
  SmallVector<int64_t> block;  ///< sizes of the block, of n in whole tiles
  SmallVector<Value> position; ///< of each dimension: n within the block, k
  SmallVector<Value> copied;   ///< within the staged input, of each coordinate
  Value firstRow;
  Value rows, staged, sums;
  SmallVector<int64_t> stagedShape;
};

} // namespace

// Lanes of the vectors in which weights are copied.
static constexpr int64_t kCopyLanes = 64;

static IntegerSet setOf(MLIRContext *context, unsigned dims, ArrayRef<AffineExpr> constraints) {
  if (constraints.empty())
    return {};
  return IntegerSet::get(dims, 0, constraints, SmallVector<bool>(constraints.size(), false));
}

void WindowTiler::loop(Value begin, Value end, int64_t step, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, constant(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

Value WindowTiler::blockEnd(unsigned dim) {
  int64_t size = std::min(f.schedule.getUnit()[dim], domain[dim]);
  if (size == domain[dim])
    return constant(size);
  AffineMap map = AffineMap::get(
      1, 0, {b.getAffineConstantExpr(size), b.getAffineConstantExpr(domain[dim]) - b.getAffineDimExpr(0)},
      b.getContext());
  return affine::AffineMinOp::create(b, loc, map, unit[dim]);
}

// The read, and the casts that follow it.
Value WindowTiler::readFactor(Value factor, unsigned read, const TileDomain &tile, AffineMap map) {
  if (auto cast = factor.getDefiningOp<CastOp>())
    return CastOp::create(b, loc, readFactor(cast.getInput(), read, tile, map), cast.getType());
  return loadTile(b, loc, f.buffer(cast<BlockArgument>(w.stage.getOperand(read))), tile, map);
}

void WindowTiler::allocate() {
  auto buffer = [&](ArrayRef<int64_t> shape) -> Value {
    return memref::AllocaOp::create(b, loc, MemRefType::get(shape, element));
  };
  // Rows stand apart by an odd number of cache lines.
  int64_t line = 64 / (element.getIntOrFloatBitWidth() / 8);
  int64_t blockRows = w.m ? llvm::divideCeil(block[*w.m], tileRows) * tileRows : 1;
  int64_t apart = (llvm::divideCeil(w.depth() + kCopyLanes, line) | 1) * line;
  rows = buffer({blockRows, apart});
  for (unsigned i = 0; i < w.input.size(); ++i)
    if (i != w.line)
      stagedShape.push_back(w.extent(i, block));
  stagedShape.push_back(w.stride());
  int64_t width = llvm::divideCeil(w.lineExtent(block[w.x()]), line) * line;
  // Lines a multiple of 4096 bytes apart would share a set of the cache.
  stagedShape.push_back(width % (64 * line) == 0 ? width + line : width);
  staged = buffer(stagedShape);
  sums = buffer({tileRows, tileLines, tileColumns});
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

// One line, phase by phase: lanes stand a stride apart. What lies outside of the input, or of the mask, is the fill.
void WindowTiler::copyLine() {
  MLIRContext *context = b.getContext();
  unsigned rank = w.input.size();
  int64_t stride = w.stride(), width = stagedShape.back();
  int64_t line = 64 / (element.getIntOrFloatBitWidth() / 8), lanes = line;
  while (lanes < 4 * line && width % (2 * lanes) == 0)
    lanes *= 2;
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
    most += i == w.line ? stride * width + stride - 1 : stagedShape[i - (i > w.line)] - 1;
    Value base = affine::AffineApplyOp::create(b, loc, AffineMap::get(operands.size(), 0, from), operands);
    tile.append(add(base, copied[i]), 1, std::nullopt);
    AffineExpr at = b.getAffineDimExpr(i);
    if (i == w.line)
      at = at + b.getAffineDimExpr(rank) * stride;
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
  // (coordinates.., lanes) -> (coordinates but the line's.., phase, lanes).
  SmallVector<unsigned> places;
  for (unsigned i = 0; i < rank; ++i)
    if (i != w.line)
      places.push_back(i);
  places.push_back(w.line);
  places.push_back(rank);
  AffineMap place = AffineMap::get(
      rank + 1, 0, llvm::map_to_vector(places, [&](unsigned d) { return getAffineDimExpr(d, context); }), context);
  auto copyPhase = [&](Value phase) {
    tile.offsets[w.line] = add(lineBase, phase);
    loop(constant(0), constant(width), lanes, [&](Value at) {
      TileDomain source = tile, local;
      source.append(at, lanes, std::nullopt);
      for (unsigned i = 0; i < rank; ++i)
        local.append(i == w.line ? phase : copied[i], 1, std::nullopt);
      local.append(at, lanes, std::nullopt);
      storeTile(b, loc, read(factorOf(w.stage, w.columnsRead), source), staged, local, place);
    });
  };
  if (stride == 1)
    copyPhase(constant(0));
  else
    loop(constant(0), constant(stride), 1, copyPhase);
}

// Loops over the dimensions of k from `dim` on; the points of a strip are unrolled.
Value WindowTiler::multiply(unsigned dim, Value sum) {
  if (dim == domain.size())
    return multiplyPoint(sum);
  int64_t strip = std::min(f.schedule.getStrip()[dim - parallel], domain[dim]);
  auto unrolled = [&](Value from, Value carried) {
    for (int64_t i = 0; i < strip; ++i) {
      position[dim] = from ? add(from, constant(i)) : constant(i);
      carried = multiply(dim + 1, carried);
    }
    return carried;
  };
  if (strip == domain[dim])
    return unrolled(Value(), sum);
  auto loop = scf::ForOp::create(b, loc, constant(0), constant(domain[dim]), constant(strip), sum);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value carried = unrolled(loop.getInductionVar(), loop.getRegionIterArgs()[0]);
  scf::YieldOp::create(b, loc, carried);
  return loop.getResult(0);
}

// One element of the window: the rows' elements times a row of columns of each line.
Value WindowTiler::multiplyPoint(Value sum) {
  MLIRContext *context = b.getContext();
  // Where the element stands in the packed rows.
  SmallVector<Value> ofK;
  AffineExpr flat = b.getAffineConstantExpr(0);
  for (unsigned d : w.k) {
    flat = flat * domain[d] + b.getAffineDimExpr(ofK.size());
    ofK.push_back(position[d]);
  }
  TileDomain rowTile;
  rowTile.append(firstRow, tileRows, std::nullopt);
  rowTile.append(affine::AffineApplyOp::create(b, loc, AffineMap::get(ofK.size(), 0, flat), ofK), 1, std::nullopt);
  Value lhs = loadTile(b, loc, rows, rowTile, AffineMap::getMultiDimIdentityMap(2, context));

  // Dimensions of the columns' tile: those of n, then those of k.
  TileDomain tile;
  SmallVector<AffineExpr> dims(domain.size()), map;
  for (unsigned d : llvm::concat<unsigned>(w.n, w.k)) {
    dims[d] = b.getAffineDimExpr(tile.rank());
    tile.append(position[d], d == w.x() ? tileColumns : w.y() == d ? tileLines : 1, std::nullopt);
  }
  AffineExpr alongLine = b.getAffineConstantExpr(0);
  for (auto [i, coordinate] : llvm::enumerate(w.input)) {
    AffineExpr at = b.getAffineConstantExpr(0);
    for (unsigned d : llvm::concat<unsigned>(w.n, w.k))
      if (d != w.x() && coordinate.factors[d] != 0)
        at = at + dims[d] * coordinate.factors[d];
    if (i != w.line)
      map.push_back(at);
    else
      alongLine = at;
  }
  map.push_back(alongLine % w.stride());
  map.push_back(dims[w.x()] + alongLine.floorDiv(w.stride()));
  Value rhs = loadTile(b, loc, staged, tile, AffineMap::get(tile.rank(), 0, map, context));
  SmallVector<AffineExpr> columns(tile.rank(), b.getAffineConstantExpr(0));
  if (w.y())
    columns[w.n.size() - 2] = b.getAffineDimExpr(1);
  columns[w.n.size() - 1] = b.getAffineDimExpr(2);
  rhs = ViewOp::create(b, loc, VectorType::get({1, tileLines, tileColumns}, element), rhs,
                       AffineMap::get(3, 0, columns, context));

  AffineExpr m = b.getAffineDimExpr(0), l = b.getAffineDimExpr(1), n = b.getAffineDimExpr(2), k = b.getAffineDimExpr(3);
  auto maps = b.getAffineMapArrayAttr({AffineMap::get(4, 0, {m, k}, context), AffineMap::get(4, 0, {k, l, n}, context),
                                       AffineMap::get(4, 0, {m, l, n}, context)});
  auto iterator = [&](vector::IteratorType type) -> Attribute { return vector::IteratorTypeAttr::get(context, type); };
  SmallVector<Attribute> iterators(3, iterator(vector::IteratorType::parallel));
  iterators.push_back(iterator(vector::IteratorType::reduction));
  return vector::ContractionOp::create(b, loc, lhs, rhs, sum, maps, b.getArrayAttr(iterators));
}

// The stages after the sum, on one row of columns, and the stores of what leaves the kernel.
void WindowTiler::finishRow(Value line, Value row, Value sumLine) {
  MLIRContext *context = b.getContext();
  TileDomain tile, local;
  for (unsigned d = 0; d < parallel; ++d) {
    Value at = unit[d];
    if (w.m == d)
      at = add(at, add(firstRow, row));
    else if (w.y() == d)
      at = add(at, line);
    else if (llvm::is_contained(w.n, d))
      at = add(at, position[d]);
    bool isX = d == w.x();
    bool ragged = isX && (domain[d] % tileColumns != 0 || f.schedule.getUnit()[d] % tileColumns != 0);
    tile.append(at, isX ? tileColumns : 1, ragged ? std::optional<int64_t>(domain[d]) : std::nullopt);
  }
  for (Value at : {row, sumLine})
    local.append(at, 1, std::nullopt);
  local.append(constant(0), tileColumns, std::nullopt);
  Value sum = loadTile(b, loc, sums, local, AffineMap::getMultiDimIdentityMap(3, context));
  SmallVector<AffineExpr> columns(3, b.getAffineConstantExpr(0));
  columns[2] = b.getAffineDimExpr(w.x());
  sum = ViewOp::create(b, loc, tile.type(element), sum, AffineMap::get(parallel, 0, columns, context));

  AffineMap identity = AffineMap::getMultiDimIdentityMap(parallel, context);
  llvm::DenseMap<Value, Value> values;
  auto write = [&](Value result, Value value) {
    values[result] = value;
    for (auto [buffer, place] : f.outputs(result))
      storeTile(b, loc, value, buffer, tile, place);
  };
  write(w.stage.getResult(0), sum);
  for (StageOp stage : llvm::drop_begin(f.kernel.getStages())) {
    SmallVector<Value> reads;
    for (auto [i, operand] : llvm::enumerate(stage.getOperands())) {
      if (operand.getDefiningOp<StageOp>())
        reads.push_back(values.lookup(operand));
      else
        reads.push_back(loadTile(b, loc, f.buffer(cast<BlockArgument>(operand)), tile, stage.getMap(i),
                                 stage.getMask(i), stage.getFill(i)));
    }
    for (auto [result, value] : llvm::zip_equal(stage.getResults(), f.emit(b, stage, tile, identity, reads)))
      write(result, value);
  }
}

// A register tile is kept in memory until its epilogue is done, so that the code of the epilogue is there once.
void WindowTiler::finish() {
  auto rowsOf = [&](Value line, Value sumLine) {
    if (!w.m || (tileRows == 1))
      return finishRow(line, constant(0), sumLine);
    Value left = subtract(blockEnd(*w.m), firstRow);
    loop(constant(0), arith::MinSIOp::create(b, loc, left, constant(tileRows)), 1,
         [&](Value row) { finishRow(line, row, sumLine); });
  };
  if (!w.y())
    return rowsOf(Value(), constant(0));
  Value first = position[*w.y()];
  if (tileLines == 1)
    return rowsOf(first, constant(0));
  Value left = subtract(blockEnd(*w.y()), first);
  loop(constant(0), arith::MinSIOp::create(b, loc, left, constant(tileLines)), 1,
       [&](Value line) { rowsOf(add(first, line), line); });
}

// Walks the dimensions of n within the block, and at each register tile sums and finishes.
void WindowTiler::walkOutput(unsigned index) {
  if (index < w.n.size()) {
    unsigned dim = w.n[index];
    int64_t step = dim == w.x() ? tileColumns : w.y() == dim ? tileLines : 1;
    loop(constant(0), blockEnd(dim), step, [&](Value at) {
      position[dim] = at;
      walkOutput(index + 1);
    });
    return;
  }
  TileDomain tile;
  for (int64_t size : {tileRows, tileLines, tileColumns})
    tile.append(constant(0), size, std::nullopt);
  Value zero = splat(b, loc, tile.type(element), cast<TypedAttr>(b.getZeroAttr(element)));
  storeTile(b, loc, multiply(parallel, zero), sums, tile, AffineMap::getMultiDimIdentityMap(3, b.getContext()));
  finish();
}

void WindowTiler::walkUnit() {
  packRows();
  copied.resize(w.input.size());
  copyInput(0);
  if (!w.m) {
    firstRow = constant(0);
    return walkOutput(0);
  }
  loop(constant(0), blockEnd(*w.m), tileRows, [&](Value row) {
    firstRow = row;
    walkOutput(0);
  });
}

void WindowTiler::walkBatch(unsigned index) {
  if (index == w.batch.size())
    return walkUnit();
  unsigned dim = w.batch[index];
  int64_t size = f.schedule.getUnit()[dim];
  if (size == 1)
    return walkBatch(index + 1);
  Value begin = unit[dim];
  loop(begin, addAndLimit(b, loc, begin, size, domain[dim]), 1, [&](Value at) {
    unit[dim] = at;
    walkBatch(index + 1);
  });
  unit[dim] = begin;
}

void WindowTiler::run() {
  unit = unitOffsets(b, f);
  position.resize(domain.size());
  block.assign(domain.size(), 1);
  for (unsigned d = 0; d < parallel; ++d)
    block[d] = std::min(f.schedule.getUnit()[d], domain[d]);
  block[w.x()] = llvm::divideCeil(block[w.x()], tileColumns) * tileColumns;
  if (w.y())
    block[*w.y()] = llvm::divideCeil(block[*w.y()], tileLines) * tileLines;
  allocate();
  walkBatch(0);
}

LogicalResult tinyc::tileWindowCpu(OpBuilder &b, const TiledFunction &f, Window &window) {
  WindowTiler(b, f, window).run();
  return success();
}
