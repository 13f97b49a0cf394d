// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles a sum over a sliding window (a convolution) for a CPU. What the windows of a unit cover is copied once into
// scratch memory, padded and converted, with the line's elements dealt out to as many phases as its stride has: after
// that the inner loop reads every element of a window at a constant distance, without masks and without a matrix of
// windows in memory.
//
//   packed rows <- weights[m block, all of k]                    unless they lie packed already, or in order
//   stage <- input[what the block's windows cover]               stage[channel, y, phase, x floordiv stride]
//   for each register tile (rows, lines, columns):
//     sums += packed rows[row, k] * stage[channel, line + ky, kx mod stride, column + kx floordiv stride]
//     epilogue, store
//   the stages after these, if any, from what the epilogue has left in scratch memory
//
// The innermost dimensions of k are unrolled, as the schedule's strip says. Where lines are short, the register tile's
// columns run on from one to the next (WindowTiler.h: plane).

#include "passes/4-tile/WindowTiler.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

WindowTiler::WindowTiler(OpBuilder &b, const TiledFunction &f, Window &w)
    : b(b), f(f), w(w), loc(w.stage.getLoc()), element(elementType(w.stage.getResult(0).getType())),
      domain(w.stage.getDomain()), parallel(w.stage.getNumParallel()), tileRows(f.schedule.getInner()[0]),
      tileLines(f.schedule.getInner()[1]), tileColumns(f.schedule.getInner()[2]),
      plane(f.schedule.getColumns() == "plane"), rowsForm(packedRows(w, f.schedule)) {
  rowsFrom = rowsForm.isThere() ? RowsFrom::Packed : rowsLieInOrder(w, f.schedule) ? RowsFrom::InOrder : RowsFrom::Copy;
}

Value WindowTiler::add(Value lhs, Value rhs) { return arith::AddIOp::create(b, loc, lhs, rhs); }

Value WindowTiler::subtract(Value lhs, Value rhs) { return arith::SubIOp::create(b, loc, lhs, rhs); }

void WindowTiler::loop(Value begin, Value end, int64_t step, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, constant(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

Value WindowTiler::blockEnd(unsigned dim, int64_t factor, int64_t gap) {
  int64_t size = std::min(sizes[dim], domain[dim]);
  if (size == domain[dim])
    return constant(size * factor - gap);
  AffineExpr left = (b.getAffineConstantExpr(domain[dim]) - b.getAffineDimExpr(0)) * factor - gap;
  AffineMap map = AffineMap::get(1, 0, {b.getAffineConstantExpr(size * factor - gap), left}, b.getContext());
  return affine::AffineMinOp::create(b, loc, map, unit[dim]);
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

// The rows' elements at a position of k: [1.., rows, 1].
Value WindowTiler::loadRows() {
  MLIRContext *context = b.getContext();
  TileDomain tile;
  if (rowsFrom == RowsFrom::InOrder) {
    // The rows' dimension stands before the last one of k, all others before them.
    unsigned rowDim = w.m.value_or(w.x());
    SmallVector<unsigned> order;
    for (unsigned d = 0; d < domain.size(); ++d)
      if (d != rowDim && d != w.k.back())
        order.push_back(d);
    order.append({rowDim, w.k.back()});
    SmallVector<AffineExpr> dims(domain.size());
    for (auto [i, d] : llvm::enumerate(order)) {
      dims[d] = b.getAffineDimExpr(i);
      tile.append(w.m == d       ? add(unit[d], firstRow)
                  : d < parallel ? unit[d]
                                 : position[d],
                  w.m == d ? tileRows : 1, std::nullopt);
    }
    AffineMap map = w.stage.getMap(w.rowsRead).replaceDimsAndSymbols(dims, {}, domain.size(), 0);
    return loadTile(b, loc, f.buffer(cast<BlockArgument>(w.stage.getOperand(w.rowsRead))), tile, map);
  }
  SmallVector<Value> ofK;
  AffineExpr flat = b.getAffineConstantExpr(0);
  for (unsigned d : w.k) {
    flat = flat * domain[d] + b.getAffineDimExpr(ofK.size());
    ofK.push_back(position[d]);
  }
  Value row = firstRow, buffer = rows;
  if (rowsFrom == RowsFrom::Packed) {
    SmallVector<Value> operands = llvm::map_to_vector(rowsForm.batch, [&](unsigned dim) { return unit[dim]; });
    operands.push_back(w.m ? add(unit[*w.m], firstRow) : constant(0));
    row = affine::AffineApplyOp::create(b, loc, rowsForm.row(), operands);
    buffer = f.buffer(cast<BlockArgument>(w.stage.getOperand(w.rowsRead)));
  }
  tile.append(row, tileRows, std::nullopt);
  tile.append(affine::AffineApplyOp::create(b, loc, AffineMap::get(ofK.size(), 0, flat), ofK), 1, std::nullopt);
  return loadTile(b, loc, buffer, tile, AffineMap::getMultiDimIdentityMap(2, context));
}

// One element of the window: the rows' elements times a row of columns of each line.
Value WindowTiler::multiplyPoint(Value sum) {
  MLIRContext *context = b.getContext();
  Value lhs = loadRows();
  // Dimensions of the columns' tile: those of n, then those of k.
  TileDomain tile;
  SmallVector<AffineExpr> dims(domain.size()), map;
  for (unsigned d : llvm::concat<unsigned>(w.n, w.k)) {
    dims[d] = b.getAffineDimExpr(tile.rank());
    tile.append(position[d], d == w.x() ? tileColumns : !plane && w.y() == d ? tileLines : 1, std::nullopt);
  }
  AffineExpr alongLine = b.getAffineConstantExpr(0), column = dims[w.x()];
  std::optional<unsigned> y = plane ? w.yCoordinate() : std::nullopt;
  std::optional<AffineExpr> linePhase;
  for (auto [i, coordinate] : llvm::enumerate(w.input)) {
    AffineExpr at = b.getAffineConstantExpr(0);
    for (unsigned d : llvm::concat<unsigned>(w.n, w.k))
      if (d != w.x() && !(y && d == *w.y()) && coordinate.factors[d] != 0)
        at = at + dims[d] * coordinate.factors[d];
    if (i == w.line) {
      alongLine = at;
    } else if (y == i) {
      int64_t stride = coordinate.factors[*w.y()];
      linePhase = at % stride;
      column = column + at.floorDiv(stride) * pitch;
    } else {
      map.push_back(at);
    }
  }
  if (linePhase)
    map.push_back(*linePhase);
  map.push_back(alongLine % w.stride());
  map.push_back(column + alongLine.floorDiv(w.stride()));
  Value rhs = loadTile(b, loc, staged, tile, AffineMap::get(tile.rank(), 0, map, context));
  SmallVector<AffineExpr> columns(tile.rank(), b.getAffineConstantExpr(0));
  if (w.y())
    columns[w.n.size() - 2] = b.getAffineDimExpr(1);
  columns[w.n.size() - 1] = b.getAffineDimExpr(2);
  rhs = ViewOp::create(b, loc, VectorType::get({1, tileLines, tileColumns}, element), rhs,
                       AffineMap::get(3, 0, columns, context));

  // Iterators: rows, lines, columns, the element of the sum; and dimensions of the rows that have but one position.
  unsigned units = cast<VectorType>(lhs.getType()).getRank() - 2, rank = 4 + units;
  AffineExpr m = b.getAffineDimExpr(0), l = b.getAffineDimExpr(1), n = b.getAffineDimExpr(2), k = b.getAffineDimExpr(3);
  SmallVector<AffineExpr> ofRows;
  for (unsigned i = 0; i < units; ++i)
    ofRows.push_back(b.getAffineDimExpr(4 + i));
  ofRows.append({m, k});
  auto maps =
      b.getAffineMapArrayAttr({AffineMap::get(rank, 0, ofRows, context), AffineMap::get(rank, 0, {k, l, n}, context),
                               AffineMap::get(rank, 0, {m, l, n}, context)});
  auto iterator = [&](vector::IteratorType type) -> Attribute { return vector::IteratorTypeAttr::get(context, type); };
  SmallVector<Attribute> iterators(3, iterator(vector::IteratorType::parallel));
  iterators.append(1 + units, iterator(vector::IteratorType::reduction));
  return vector::ContractionOp::create(b, loc, lhs, rhs, sum, maps, b.getArrayAttr(iterators));
}

// The stages after the sum, on one row of columns, and the stores of what leaves the kernel.
void WindowTiler::finishRow(Value line, Value row, Value sumLine, Value sumColumn, int64_t columns) {
  MLIRContext *context = b.getContext();
  TileDomain tile, local, inUnit;
  for (unsigned d = 0; d < parallel; ++d) {
    Value within;
    if (w.m == d)
      within = add(firstRow, row);
    else if (w.y() == d)
      within = line;
    else if (llvm::is_contained(w.n, d))
      within = position[d];
    Value at = within ? add(unit[d], within) : unit[d];
    inUnit.append(within ? within : constant(0), d == w.x() ? columns : 1, std::nullopt);
    bool isX = d == w.x();
    bool ragged = isX && (domain[d] % columns != 0 || sizes[d] % columns != 0);
    tile.append(at, isX ? columns : 1, ragged ? std::optional<int64_t>(domain[d]) : std::nullopt);
  }
  for (Value at : {row, sumLine})
    local.append(at, 1, std::nullopt);
  local.append(sumColumn, columns, std::nullopt);
  Value sum = loadTile(b, loc, sums, local, AffineMap::getMultiDimIdentityMap(3, context));
  SmallVector<AffineExpr> ofSum(3, b.getAffineConstantExpr(0));
  ofSum[2] = b.getAffineDimExpr(w.x());
  sum = ViewOp::create(b, loc, tile.type(element), sum, AffineMap::get(parallel, 0, ofSum, context));

  AffineMap identity = AffineMap::getMultiDimIdentityMap(parallel, context);
  llvm::DenseMap<Value, Value> values;
  auto write = [&](Value result, Value value) {
    values[result] = value;
    if (result == w.kept)
      storeTile(b, loc, value, kept, inUnit, identity);
    for (auto [buffer, place] : f.outputs(result))
      storeTile(b, loc, value, buffer, tile, place);
  };
  write(w.stage.getResult(0), sum);
  for (StageOp stage : llvm::drop_begin(f.kernel.getStages())) {
    if (llvm::is_contained(w.tail, stage))
      break;
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

// Registers of a line that an epilogue takes at once.
static constexpr int64_t kFinishVectors = 4;

int64_t WindowTiler::finishColumns() const {
  return std::min<int64_t>(llvm::bit_ceil<uint64_t>(domain[w.x()]), kFinishVectors * f.schedule.getVector());
}

// Every line of a block, from `first` on, of the rows that the tile has.
void WindowTiler::finishLines(Value first, Value count) {
  auto rowsOf = [&](Value line, Value sumLine, Value sumColumn, int64_t columns) {
    if (!w.m || tileRows == 1)
      return finishRow(line, constant(0), sumLine, sumColumn, columns);
    Value left = subtract(blockEnd(*w.m), firstRow);
    loop(freshRow, arith::MinSIOp::create(b, loc, left, constant(tileRows)), 1,
         [&](Value row) { finishRow(line, row, sumLine, sumColumn, columns); });
  };
  if (plane) {
    return loop(constant(0), count, 1, [&](Value line) {
      Value begin = arith::MulIOp::create(b, loc, line, constant(pitch));
      loop(constant(0), constant(domain[w.x()]), finishColumns(), [&](Value column) {
        position[w.x()] = column;
        rowsOf(line, constant(0), add(begin, column), finishColumns());
      });
    });
  }
  if (!w.y() || tileLines == 1)
    return rowsOf(first, constant(0), constant(0), tileColumns);
  Value left = subtract(count, first);
  loop(constant(0), arith::MinSIOp::create(b, loc, left, constant(tileLines)), 1,
       [&](Value line) { rowsOf(add(first, line), line, constant(0), tileColumns); });
}

// The sum of one register tile. It goes to memory until its epilogue is done, so that the code of the epilogue is there
// once.
void WindowTiler::sumTile(Value column) {
  TileDomain tile;
  tile.append(constant(0), tileRows, std::nullopt);
  tile.append(constant(0), tileLines, std::nullopt);
  tile.append(column, tileColumns, std::nullopt);
  Value zero = splat(b, loc, tile.type(element), cast<TypedAttr>(b.getZeroAttr(element)));
  storeTile(b, loc, multiply(parallel, zero), sums, tile, AffineMap::getMultiDimIdentityMap(3, b.getContext()));
}

// Walks the dimensions of n within the block, and at each register tile sums and finishes.
void WindowTiler::walkOutput(unsigned index) {
  if (index == w.n.size()) {
    sumTile(constant(0));
    return finishLines(w.y() ? position[*w.y()] : Value(), w.y() ? blockEnd(*w.y()) : Value());
  }
  unsigned dim = w.n[index];
  if (plane && dim == w.y()) {
    position[dim] = constant(0);
    loop(constant(0), blockEnd(dim, pitch, pitch - domain[w.x()]), tileColumns, [&](Value column) {
      position[w.x()] = column;
      sumTile(column);
    });
    return finishLines(constant(0), blockEnd(dim));
  }
  int64_t step = dim == w.x() ? tileColumns : w.y() == dim ? tileLines : 1;
  loop(constant(0), blockEnd(dim), step, [&](Value at) {
    position[dim] = at;
    walkOutput(index + 1);
  });
}

void WindowTiler::walkUnit() {
  if (rowsFrom == RowsFrom::Copy)
    packRows();
  copied.resize(w.input.size());
  copyInput(0);
  firstRow = freshRow = constant(0);
  if (w.m) {
    loop(constant(0), blockEnd(*w.m), tileRows, [&](Value row) {
      firstRow = row;
      if (rowsFrom == RowsFrom::InOrder) {
        int64_t rows = domain[*w.m], size = std::min(sizes[*w.m], rows);
        AffineExpr left = b.getAffineConstantExpr(rows - tileRows) - b.getAffineDimExpr(1);
        AffineMap map = AffineMap::get(2, 0, {b.getAffineDimExpr(0), b.getAffineConstantExpr(size - tileRows), left},
                                       b.getContext());
        firstRow = affine::AffineMinOp::create(b, loc, map, ValueRange{row, unit[*w.m]});
        freshRow = subtract(row, firstRow);
      }
      walkOutput(0);
    });
  } else {
    walkOutput(0);
  }
  if (!w.tail.empty() && failed(tileWindowTail(b, f, w, {unit, sizes, firstTailRow, kept})))
    tailed = failure();
}

void WindowTiler::walkBatch(unsigned index) {
  if (index == w.batch.size())
    return walkUnit();
  unsigned dim = w.batch[index];
  int64_t size = sizes[dim];
  if (size == 1)
    return walkBatch(index + 1);
  Value begin = unit[dim];
  loop(begin, addAndLimit(b, loc, begin, size, domain[dim]), 1, [&](Value at) {
    unit[dim] = at;
    walkBatch(index + 1);
  });
  unit[dim] = begin;
}

// Where the unit begins and how large it is, in the sum's parallel dimensions.
void WindowTiler::place() {
  unit = unitOffsets(b, f);
  sizes.assign(f.schedule.getUnit().asArrayRef().begin(), f.schedule.getUnit().asArrayRef().end());
  if (w.tail.empty())
    return;
  unsigned shared = f.kernel.getShared();
  if (w.rowStep)
    firstTailRow = unit[shared];
  int64_t lines = w.rowStep ? w.keptLines(sizes[shared]) : 0;
  unit.resize(shared);
  sizes.resize(shared);
  for (unsigned d = shared; d < parallel; ++d) {
    bool cut = w.rowStep && w.y() == d;
    AffineExpr line = b.getAffineDimExpr(0) * w.rowStep;
    unit.push_back(cut ? affine::AffineApplyOp::create(b, loc, AffineMap::get(1, 0, line), firstTailRow) : constant(0));
    sizes.push_back(cut ? std::min(lines, domain[d]) : domain[d]);
  }
}

LogicalResult WindowTiler::run() {
  place();
  position.resize(domain.size());
  block.assign(domain.size(), 1);
  for (unsigned d = 0; d < parallel; ++d)
    block[d] = std::min(sizes[d], domain[d]);
  if (plane) {
    pitch = w.lineExtent(domain[w.x()]);
  } else {
    block[w.x()] = llvm::divideCeil(block[w.x()], tileColumns) * tileColumns;
    if (w.y())
      block[*w.y()] = llvm::divideCeil(block[*w.y()], tileLines) * tileLines;
  }
  allocate();
  walkBatch(0);
  return tailed;
}

LogicalResult tinyc::tileWindowCpu(OpBuilder &b, const TiledFunction &f, Window &window) {
  return WindowTiler(b, f, window).run();
}
