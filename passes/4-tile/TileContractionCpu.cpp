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
// Batch dimensions are of size 1 in a unit. Runs of m, n and k dimensions are flattened; maps with mod and floordiv
// bring positions back, so a convolution is packed as it is read, never as a whole matrix.

#include "passes/3-schedule/AddressForm.h"
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

// A range of flattened positions: those of the unit's block.
struct Positions {
  Value begin, end;
  int64_t most;  ///< positions of a whole block
  int64_t total; ///< positions of the whole run
};

class ContractionTiler {
public:
  ContractionTiler(OpBuilder &b, const TiledFunction &f, Contraction &c)
      : b(b), f(f), c(c), loc(c.stage.getLoc()), kernel(f.kernel), element(elementType(c.stage.getResult(0).getType())),
        toStage(c.flatten(true)), toParallel(c.flatten(false)), tileRows(f.schedule.getInner()[0]),
        tileColumns(f.schedule.getInner()[1]) {}

  void run();

private:
  Positions blockOf(ArrayRef<unsigned> run, ArrayRef<Value> unit, ArrayRef<int64_t> sizes);
  TileDomain domainAt(Value m, int64_t mSize, Value n, int64_t nSize, Value k, int64_t kSize);
  Value readFactor(unsigned read, Value factor, const TileDomain &domain);
  void packRows(Positions m, Positions k);
  void packColumns(Value firstColumn, Positions k);
  void multiply(Value firstRow, Value firstColumn, Positions k);
  void finish(Value firstRow, Value firstColumn, Value row);
  void loop(Value begin, Value end, int64_t step, function_ref<void(Value)> body);
  Value subtract(Value lhs, Value rhs) { return arith::SubIOp::create(b, loc, lhs, rhs); }
  Value constant(int64_t value) { return indexConstant(b, loc, value); }

  OpBuilder &b;
  const TiledFunction &f;
  Contraction &c;
  Location loc;
  KernelOp kernel;
  Type element;
  AffineMap toStage, toParallel;
  int64_t tileRows, tileColumns;
  SmallVector<Value> batch;
  Positions m, n, k;
  Value rows, columns, sums;
  bool rowsAlongK = true, columnsAlongK = false;
  bool severalDepths = false;
};

} // namespace

// Lanes of the vectors in which operands are copied.
static constexpr int64_t kCopyLanes = 64;

static AffineMap select(MLIRContext *context, unsigned dims, ArrayRef<unsigned> chosen) {
  return AffineMap::get(dims, 0, llvm::map_to_vector(chosen, [&](unsigned d) { return getAffineDimExpr(d, context); }),
                        context);
}

Positions ContractionTiler::blockOf(ArrayRef<unsigned> run, ArrayRef<Value> unit, ArrayRef<int64_t> sizes) {
  unsigned cut = c.cutDim(run);
  int64_t stride = c.cutStride(run), total = c.size(run), block = std::min(sizes[cut] * stride, total);
  AffineMap scale = AffineMap::get(1, 0, b.getAffineDimExpr(0) * stride);
  Value begin = affine::AffineApplyOp::create(b, loc, scale, unit[cut]);
  return {begin, block == total ? constant(total) : addAndLimit(b, loc, begin, block, total), block, total};
}

// A tile of the flattened domain; bounds of m, n and k where a tile may pass them.
TileDomain ContractionTiler::domainAt(Value mAt, int64_t mSize, Value nAt, int64_t nSize, Value kAt, int64_t kSize) {
  TileDomain domain;
  for (Value offset : batch)
    domain.append(offset, 1, std::nullopt);
  auto append = [&](Value at, int64_t size, const Positions &range) {
    // A block may begin anywhere if it is no multiple of the tile.
    bool ragged = size > 1 && (range.total % size != 0 || range.most % size != 0);
    domain.append(at, size, ragged ? std::optional<int64_t>(range.total) : std::nullopt);
  };
  append(mAt, mSize, m);
  append(nAt, nSize, n);
  if (kAt)
    append(kAt, kSize, k);
  return domain;
}

// One factor of the product on a tile: its read, and the casts that follow.
Value ContractionTiler::readFactor(unsigned read, Value factor, const TileDomain &domain) {
  if (auto cast = factor.getDefiningOp<CastOp>()) {
    Value input = readFactor(read, cast.getInput(), domain);
    return CastOp::create(b, loc, input, cast.getType());
  }
  StageOp stage = c.stage;
  Value buffer = f.buffer(cast<BlockArgument>(stage.getOperand(read)));
  TypedAttr fill = stage.getFill(read);
  return loadTile(b, loc, buffer, domain, stage.getMap(read).compose(toStage), composeSet(stage.getMask(read), toStage),
                  fill);
}

void ContractionTiler::loop(Value begin, Value end, int64_t step, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, constant(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

// Rows lie as their memory runs: along k where that is contiguous, else along m.
void ContractionTiler::packRows(Positions m, Positions k) {
  unsigned nb = batch.size(), rank = nb + 3;
  Value factor = factorOf(c.stage, c.rowsRead), zero = constant(0);
  const Positions &across = rowsAlongK ? m : k, &along = rowsAlongK ? k : m;
  int64_t lanes = std::min<int64_t>(kCopyLanes, llvm::bit_ceil<uint64_t>(along.most));
  AffineMap place =
      select(b.getContext(), rank, rowsAlongK ? ArrayRef<unsigned>{nb, nb + 2} : ArrayRef<unsigned>{nb + 2, nb});
  loop(across.begin, across.end, 1, [&](Value outer) {
    loop(along.begin, along.end, lanes, [&](Value inner) {
      Value mAt = rowsAlongK ? outer : inner, kAt = rowsAlongK ? inner : outer;
      TileDomain domain = rowsAlongK ? domainAt(mAt, 1, zero, 1, kAt, lanes) : domainAt(mAt, lanes, zero, 1, kAt, 1);
      Value tile = readFactor(c.rowsRead, factor, domain);
      TileDomain local = domain;
      local.bounds.assign(rank, std::nullopt);
      local.offsets[nb] = subtract(mAt, m.begin);
      local.offsets[nb + 2] = subtract(kAt, k.begin);
      storeTile(b, loc, tile, rows, local, place);
    });
  });
}

void ContractionTiler::packColumns(Value firstColumn, Positions k) {
  unsigned nb = batch.size(), rank = nb + 3;
  Value factor = factorOf(c.stage, c.columnsRead), zero = constant(0);
  AffineMap place = select(b.getContext(), rank, {nb + 2, nb + 1});
  if (columnsAlongK) {
    // Columns that lie along k in memory are read so, and turned in registers.
    int64_t side = std::min(f.schedule.getVector(), tileColumns);
    SmallVector<unsigned> turned(llvm::to_vector(llvm::seq<unsigned>(0, rank)));
    std::swap(turned[nb + 1], turned[nb + 2]);
    AffineMap turn = select(b.getContext(), rank, turned);
    loop(k.begin, k.end, side, [&](Value kAt) {
      loop(zero, constant(tileColumns), side, [&](Value column) {
        Value nAt = arith::AddIOp::create(b, loc, firstColumn, column);
        TileDomain domain = domainAt(zero, 1, nAt, side, kAt, side);
        // The last panel may begin beyond the columns' end in its second half.
        if (n.total % tileColumns != 0 || n.most % tileColumns != 0)
          domain.bounds[nb + 1] = n.total;
        Value tile = readFactor(c.columnsRead, factor, domain);
        tile = ViewOp::create(b, loc, tile.getType(), tile, turn);
        TileDomain local = domain;
        local.bounds.assign(rank, std::nullopt);
        local.offsets[nb + 1] = subtract(kAt, k.begin);
        local.offsets[nb + 2] = column;
        storeTile(b, loc, tile, columns, local, select(b.getContext(), rank, {nb + 1, nb + 2}));
      });
    });
    return;
  }
  loop(k.begin, k.end, 1, [&](Value kAt) {
    TileDomain domain = domainAt(zero, 1, firstColumn, tileColumns, kAt, 1);
    Value tile = readFactor(c.columnsRead, factor, domain);
    TileDomain local = domain;
    local.bounds.assign(rank, std::nullopt);
    local.offsets[nb + 1] = zero;
    local.offsets[nb + 2] = subtract(kAt, k.begin);
    storeTile(b, loc, tile, columns, local, place);
  });
}

// The register tile over one block of k.
void ContractionTiler::multiply(Value firstRow, Value sumColumn, Positions k) {
  MLIRContext *context = b.getContext();
  Value zero = constant(0), depth = subtract(k.end, k.begin);
  AffineMap identity = AffineMap::getMultiDimIdentityMap(2, context);
  auto type = VectorType::get({tileRows, tileColumns}, element);
  TileDomain sumTile;
  sumTile.append(severalDepths ? firstRow : zero, tileRows, std::nullopt);
  sumTile.append(sumColumn, tileColumns, std::nullopt);
  Value initial = severalDepths ? loadTile(b, loc, sums, sumTile, identity)
                                : splat(b, loc, type, cast<TypedAttr>(b.getZeroAttr(element)));
  auto kLoop = scf::ForOp::create(b, loc, zero, depth, constant(1), initial);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(kLoop.getBody());
    TileDomain rowTile, columnTile;
    rowTile.append(firstRow, tileRows, std::nullopt);
    rowTile.append(kLoop.getInductionVar(), 1, std::nullopt);
    columnTile.append(kLoop.getInductionVar(), 1, std::nullopt);
    columnTile.append(zero, tileColumns, std::nullopt);
    Value lhs = loadTile(b, loc, rows, rowTile, rowsAlongK ? identity : select(context, 2, {1, 0}));
    Value rhs = loadTile(b, loc, columns, columnTile, identity);
    AffineExpr dm = b.getAffineDimExpr(0), dn = b.getAffineDimExpr(1), dk = b.getAffineDimExpr(2);
    auto maps =
        b.getAffineMapArrayAttr({AffineMap::get(3, 0, {dm, dk}, context), AffineMap::get(3, 0, {dk, dn}, context),
                                 AffineMap::get(3, 0, {dm, dn}, context)});
    auto iterator = [&](vector::IteratorType type) { return vector::IteratorTypeAttr::get(context, type); };
    auto iterators = b.getArrayAttr({iterator(vector::IteratorType::parallel), iterator(vector::IteratorType::parallel),
                                     iterator(vector::IteratorType::reduction)});
    Value sum = vector::ContractionOp::create(b, loc, lhs, rhs, kLoop.getRegionIterArgs()[0], maps, iterators);
    scf::YieldOp::create(b, loc, sum);
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
  write(c.stage.getResult(0), loadTile(b, loc, sums, local, select(context, rank, {nb, nb + 1})));
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

  StageOp stage = c.stage;
  unsigned nb = batch.size();
  auto rowType = cast<RankedTensorType>(stage.getOperand(c.rowsRead).getType());
  AddressForm address = linearAddress(stage.getMap(c.rowsRead).compose(toStage), rowType.getShape());
  rowsAlongK = address.coefficient(nb) != 1 || address.coefficient(nb + 2) == 1;
  auto columnType = cast<RankedTensorType>(stage.getOperand(c.columnsRead).getType());
  AddressForm columnAddress = linearAddress(stage.getMap(c.columnsRead).compose(toStage), columnType.getShape());
  columnsAlongK = columnAddress.coefficient(nb + 2) == 1 && columnAddress.coefficient(nb + 1) != 1 &&
                  !columnAddress.isBent(nb + 2) && f.schedule.getVector() > 1 &&
                  tileColumns % f.schedule.getVector() == 0;
  // Rows stand apart by an odd number of cache lines.
  int64_t bytes = element.getIntOrFloatBitWidth() / 8, line = 64 / bytes;
  auto padded = [&](int64_t size) { return (llvm::divideCeil(size + kCopyLanes, line) | 1) * line; };
  int64_t blockRows = llvm::divideCeil(m.most, tileRows) * tileRows;
  int64_t blockColumns = llvm::divideCeil(n.most, tileColumns) * tileColumns;
  auto allocate = [&](int64_t outer, int64_t inner) -> Value {
    return memref::AllocaOp::create(b, loc, MemRefType::get({outer, inner}, element));
  };
  rows = rowsAlongK ? allocate(blockRows, padded(block)) : allocate(block, padded(blockRows));
  columns = allocate(llvm::divideCeil(block, f.schedule.getVector()) * f.schedule.getVector(), tileColumns);
  sums = severalDepths ? allocate(blockRows, blockColumns) : allocate(tileRows, tileColumns);

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
  // `last` (i1) says whether the block of k is the last one; null where there is only one.
  auto walkBlock = [&](Positions range, Value last) {
    packRows(m, range);
    loop(n.begin, n.end, tileColumns, [&](Value firstColumn) {
      packColumns(firstColumn, range);
      Value sumColumn = severalDepths ? subtract(firstColumn, n.begin) : constant(0);
      loop(constant(0), subtract(m.end, m.begin), tileRows, [&](Value firstRow) {
        multiply(firstRow, sumColumn, range);
        OpBuilder::InsertionGuard guard(b);
        if (last)
          b.setInsertionPointToStart(scf::IfOp::create(b, loc, last, /*withElseRegion=*/false).thenBlock());
        Value left = subtract(subtract(m.end, m.begin), firstRow);
        Value count = arith::MinSIOp::create(b, loc, left, constant(tileRows));
        loop(constant(0), count, 1, [&](Value row) {
          Value local = arith::AddIOp::create(b, loc, firstRow, row);
          finish(arith::AddIOp::create(b, loc, m.begin, local), firstColumn, severalDepths ? local : row);
        });
      });
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
