// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles a contraction for a CPU: a block of rows is packed once a unit, columns panel by panel, and a register tile of
// rows by columns runs over the whole depth with its sums in registers. The epilogue's stages take the register tile
// row by row and write it.
//
//   for each block of k:                        (sums in memory between blocks; mostly there is one block)
//     packed rows <- rows[m block, k block]     (converted, rows apart by a stride that is no multiple of 4096 bytes)
//     for each panel of columns:
//       packed columns <- columns[k block, panel]
//       for each register tile of rows: sums += packed rows * packed columns; after the last block: epilogue, store
//
// With a matrix instruction the packed operands keep its types. Of the columns the k that it takes together lie side by
// side (its row's layout of B says how many), and k is filled up with zeros to whole instructions. All panels of the
// block are packed first, so that memory is read as it runs, and rows that lie as the instruction takes them stay where
// they are: each is then fetched once and met by all panels.
//
// A factor of multiply-adds that has the packed form already (passes/3-schedule/PackedForm.h) is read where it lies.
//
// Batch dimensions are of size 1 in a unit. Runs of m, n and k dimensions are flattened; maps with mod and floordiv
// bring positions back, so a convolution is packed as it is read, never as a whole matrix.

#include "passes/3-schedule/PackedForm.h"
#include "passes/4-tile/ContractionPacking.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

namespace {

class ContractionTiler : ContractionPacking {
public:
  ContractionTiler(OpBuilder &b, const TiledFunction &f, Contraction &c)
      : ContractionPacking(b, f, c), kernel(f.kernel), toParallel(c.flatten(false)),
        rowsForm(packedRows(c, f.schedule)), columnsForm(packedColumns(c, f.schedule)) {}

  void run();

private:
  Value readPacked(PackedForm &form, Value position, Value depth);
  Value multiplyElements(Value firstRow, Value firstColumn, Value at, Positions k, Value sum);
  Value multiplyFragments(Value firstRow, Value firstColumn, Value groupAt, Positions k, Value sum);
  void multiply(Value firstRow, Value firstColumn, Positions k);
  void computeTile(Value firstRow, Value firstColumn, Positions k, Value last);
  void finish(Value firstRow, Value firstColumn, Value row);

  KernelOp kernel;
  AffineMap toParallel;
  PackedForm rowsForm, columnsForm;
  Value sums;
  bool severalDepths = false;
};

} // namespace

static Value contract(OpBuilder &b, Location loc, Value lhs, Value rhs, Value sum, ArrayRef<AffineMap> maps) {
  SmallVector<Attribute> iterators;
  for (unsigned d = 0; d < maps[0].getNumDims(); ++d)
    iterators.push_back(vector::IteratorTypeAttr::get(
        b.getContext(), maps[2].isFunctionOfDim(d) ? vector::IteratorType::parallel : vector::IteratorType::reduction));
  return vector::ContractionOp::create(b, loc, lhs, rhs, sum, b.getAffineMapArrayAttr(maps), b.getArrayAttr(iterators));
}

// A register tile's rows from `position` on, or its panel of columns, at one `depth`, where the factor lies packed.
Value ContractionTiler::readPacked(PackedForm &form, Value position, Value depth) {
  MLIRContext *context = b.getContext();
  Value buffer = f.buffer(cast<BlockArgument>(c.stage.getOperand(form.read)));
  SmallVector<Value> operands =
      llvm::map_to_vector(form.batch, [&](unsigned dim) { return batch[llvm::find(c.batch, dim) - c.batch.begin()]; });
  TileDomain tile;
  if (!form.isColumns) {
    operands.push_back(position);
    tile.append(affine::AffineApplyOp::create(b, loc, form.row(), operands), form.tile, std::nullopt);
    tile.append(depth, 1, std::nullopt);
    return loadTile(b, loc, buffer, tile, AffineMap::getMultiDimIdentityMap(2, context));
  }
  for (Value offset : operands)
    tile.append(offset, 1, std::nullopt);
  AffineMap panel = AffineMap::get(1, 0, b.getAffineDimExpr(0).floorDiv(form.tile));
  tile.append(affine::AffineApplyOp::create(b, loc, panel, position), 1, std::nullopt);
  tile.append(depth, 1, std::nullopt);
  tile.append(constant(0), form.tile, std::nullopt);
  Value value = loadTile(b, loc, buffer, tile, AffineMap::getMultiDimIdentityMap(tile.rank(), context));
  SmallVector<AffineExpr> points(tile.rank(), b.getAffineConstantExpr(0));
  points.back() = b.getAffineDimExpr(1);
  return ViewOp::create(b, loc, VectorType::get({1, form.tile}, element), value, AffineMap::get(2, 0, points, context));
}

// Elements of the rows at one position of the block of k times a row of columns.
Value ContractionTiler::multiplyElements(Value firstRow, Value firstColumn, Value at, Positions k, Value sum) {
  MLIRContext *context = b.getContext();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(2, context);
  TileDomain rowTile, columnTile;
  rowTile.append(firstRow, tileRows, std::nullopt);
  rowTile.append(at, 1, std::nullopt);
  columnTile.append(at, 1, std::nullopt);
  columnTile.append(constant(0), tileColumns, std::nullopt);
  Value depth = rows && columns ? at : arith::AddIOp::create(b, loc, k.begin, at).getResult();
  Value lhs = rows ? loadTile(b, loc, rows, rowTile, rowsAlongK ? identity : selectDims(context, 2, {1, 0}))
                   : readPacked(rowsForm, arith::AddIOp::create(b, loc, m.begin, firstRow), depth);
  Value rhs = columns ? loadTile(b, loc, columns, columnTile, identity) : readPacked(columnsForm, firstColumn, depth);
  return contract(b, loc, lhs, rhs, sum,
                  {selectDims(context, 3, {0, 2}), selectDims(context, 3, {2, 1}), selectDims(context, 3, {0, 1})});
}

// The same of one instruction's k, in groups.
Value ContractionTiler::multiplyFragments(Value firstRow, Value firstColumn, Value groupAt, Positions k, Value sum) {
  MLIRContext *context = b.getContext();
  Value lhs = loadRowFragments(firstRow, groupAt, k), rhs = loadColumnFragments(firstColumn, groupAt);
  return contract(
      b, loc, lhs, rhs, sum,
      {selectDims(context, 4, {0, 2, 3}), selectDims(context, 4, {2, 1, 3}), selectDims(context, 4, {0, 1})});
}

// The register tile over one block of k.
void ContractionTiler::multiply(Value firstRow, Value firstColumn, Positions k) {
  MLIRContext *context = b.getContext();
  Value zero = constant(0), depth = subtract(k.end, k.begin);
  AffineMap identity = AffineMap::getMultiDimIdentityMap(2, context);
  auto type = VectorType::get({tileRows, tileColumns}, element);
  TileDomain sumTile;
  sumTile.append(severalDepths ? firstRow : zero, tileRows, std::nullopt);
  sumTile.append(severalDepths ? subtract(firstColumn, n.begin) : zero, tileColumns, std::nullopt);
  Value initial = severalDepths ? loadTile(b, loc, sums, sumTile, identity)
                                : splat(b, loc, type, cast<TypedAttr>(b.getZeroAttr(element)));
  // Steps count groups of k; the last one may reach beyond the depth, into zeros.
  int64_t step = row ? row->k / group : 1;
  if (group > 1)
    depth = affine::AffineApplyOp::create(b, loc, AffineMap::get(1, 0, b.getAffineDimExpr(0).ceilDiv(group)), depth);
  auto kLoop = scf::ForOp::create(b, loc, zero, depth, constant(step), initial);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(kLoop.getBody());
    Value sum = kLoop.getRegionIterArgs()[0];
    scf::YieldOp::create(b, loc,
                         row ? multiplyFragments(firstRow, firstColumn, kLoop.getInductionVar(), k, sum)
                             : multiplyElements(firstRow, firstColumn, kLoop.getInductionVar(), k, sum));
  }
  storeTile(b, loc, kLoop.getResult(0), sums, sumTile, identity);
}

// The stages after the contraction, on one row of a register tile, and the stores of what leaves the kernel.
void ContractionTiler::finish(Value row, Value firstColumn, Value sumRow) {
  MLIRContext *context = b.getContext();
  unsigned nb = batch.size(), rank = nb + 2;
  TileDomain domain = domainAt(row, 1, firstColumn, tileColumns, {}, 0), local = domain;
  local.bounds.assign(rank, std::nullopt);
  local.offsets[nb] = sumRow;
  local.offsets[nb + 1] = severalDepths ? subtract(firstColumn, n.begin) : constant(0);
  llvm::DenseMap<Value, Value> values;
  auto write = [&](Value result, Value tile) {
    values[result] = tile;
    for (auto [buffer, write] : f.outputs(result))
      storeTile(b, loc, tile, buffer, domain, write.compose(toParallel));
  };
  write(c.stage.getResult(0), loadTile(b, loc, sums, local, selectDims(context, rank, {nb, nb + 1})));
  for (StageOp stage : llvm::drop_begin(kernel.getStages())) {
    SmallVector<Value> reads;
    for (auto [i, operand] : llvm::enumerate(stage.getOperands())) {
      if (operand.getDefiningOp<StageOp>())
        reads.push_back(values.lookup(operand));
      else
        reads.push_back(loadTile(b, loc, f.buffer(cast<BlockArgument>(operand)), domain,
                                 stage.getMap(i).compose(toParallel), composeSet(stage.getMask(i), toParallel),
                                 stage.getFill(i)));
    }
    for (auto [result, tile] : llvm::zip_equal(stage.getResults(), f.emit(b, stage, domain, toParallel, reads)))
      write(result, tile);
  }
}

// A register tile. `last` (i1) says whether the block of k is the last one; null where there is only one.
void ContractionTiler::computeTile(Value firstRow, Value firstColumn, Positions k, Value last) {
  multiply(firstRow, firstColumn, k);
  OpBuilder::InsertionGuard guard(b);
  if (last)
    b.setInsertionPointToStart(scf::IfOp::create(b, loc, last, /*withElseRegion=*/false).thenBlock());
  Value left = subtract(subtract(m.end, m.begin), firstRow);
  Value count = arith::MinSIOp::create(b, loc, left, constant(tileRows));
  loop(constant(0), count, 1, [&](Value row) {
    Value local = arith::AddIOp::create(b, loc, firstRow, row);
    finish(arith::AddIOp::create(b, loc, m.begin, local), firstColumn, severalDepths ? local : row);
  });
}

void ContractionTiler::run() {
  SmallVector<Value> unit = unitOffsets(b, f);
  for (unsigned dim : c.batch)
    batch.push_back(unit[dim]);
  m = blockOf(c.m, unit, f.schedule.getUnit());
  n = blockOf(c.n, unit, f.schedule.getUnit());
  unsigned firstK = c.k.front(), cut = c.cutDim(c.k);
  int64_t depth = c.size(c.k), block = std::min(depth, f.schedule.getStrip()[cut - firstK] * c.cutStride(c.k));
  severalDepths = block < depth;
  k = {constant(0), constant(depth), block, depth};

  allocate(block, row || !rowsForm.isThere(), row || !columnsForm.isThere());
  int64_t blockRows = llvm::divideCeil(m.most, tileRows) * tileRows;
  int64_t blockColumns = llvm::divideCeil(n.most, tileColumns) * tileColumns;
  auto buffer = [&](int64_t outer, int64_t inner) -> Value {
    return memref::AllocaOp::create(b, loc, MemRefType::get({outer, inner}, element));
  };
  sums = severalDepths ? buffer(blockRows, blockColumns) : buffer(tileRows, tileColumns);

  if (severalDepths) {
    AffineMap identity = AffineMap::getMultiDimIdentityMap(2, b.getContext());
    loop(constant(0), constant(blockRows), 1, [&](Value row) {
      loop(constant(0), constant(blockColumns), tileColumns, [&](Value column) {
        TileDomain tile;
        tile.append(row, 1, std::nullopt);
        tile.append(column, tileColumns, std::nullopt);
        Value zero = splat(b, loc, tile.type(element), cast<TypedAttr>(b.getZeroAttr(element)));
        storeTile(b, loc, zero, sums, tile, identity);
      });
    });
  }
  auto walkBlock = [&](Positions range, Value last) {
    auto walkRows = [&](function_ref<void(Value)> body) {
      loop(constant(0), subtract(m.end, m.begin), tileRows, body);
    };
    auto walkColumns = [&](function_ref<void(Value)> body) { loop(n.begin, n.end, tileColumns, body); };
    packRows(m, range);
    if (row) {
      packPanels(range);
      walkRows([&](Value firstRow) {
        walkColumns([&](Value firstColumn) { computeTile(firstRow, firstColumn, range, last); });
      });
      return;
    }
    walkColumns([&](Value firstColumn) {
      packColumns(firstColumn, range);
      walkRows([&](Value firstRow) { computeTile(firstRow, firstColumn, range, last); });
    });
  };
  if (!severalDepths)
    return walkBlock(k, {});
  // One loop for all blocks: the epilogue behind a branch costs less than the code of every loop twice.
  Value lastBlock = constant((depth - 1) / block * block);
  loop(constant(0), constant(depth), block, [&](Value begin) {
    Value last = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, begin, lastBlock);
    walkBlock({begin, addAndLimit(b, loc, begin, block, depth), block, depth}, last);
  });
}

LogicalResult tinyc::tileContractionCpu(OpBuilder &b, const TiledFunction &f, Contraction &contraction) {
  ContractionTiler(b, f, contraction).run();
  return success();
}
