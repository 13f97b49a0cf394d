// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Packs a contraction's operands for a CPU: converted, in the order in which the register tile reads them. A matrix
// instruction's operands keep its types; the layout of B in its row says how many k lie side by side.

#include "passes/4-tile/ContractionPacking.h"

#include "passes/3-schedule/AddressForm.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// Lanes of the vectors in which operands are copied.
static constexpr int64_t kCopyLanes = 64;
// The side of the squares in which rows along m are turned.
static constexpr int64_t kTurned = 16;

ContractionPacking::ContractionPacking(OpBuilder &b, const TiledFunction &f, Contraction &c)
    : b(b), f(f), c(c), loc(c.stage.getLoc()), element(elementType(c.stage.getResult(0).getType())),
      toStage(c.flatten(true)), tileRows(f.schedule.getInner()[0]), tileColumns(f.schedule.getInner()[1]) {
  const TensorCoreRow *named = findTensorCoreRow(f.schedule.getInstruction().getValue());
  rowsPacked = columnsPacked = element;
  if (!named || named->left.empty())
    return;
  row = named;
  group = neighbouringK(*row);
  rowsPacked = columnsPacked = packedType(row->left);
}

AffineMap tinyc::selectDims(MLIRContext *context, unsigned dims, ArrayRef<unsigned> chosen) {
  return AffineMap::get(dims, 0, llvm::map_to_vector(chosen, [&](unsigned d) { return getAffineDimExpr(d, context); }),
                        context);
}

Positions ContractionPacking::blockOf(ArrayRef<unsigned> run, ArrayRef<Value> unit, ArrayRef<int64_t> sizes) {
  unsigned cut = c.cutDim(run);
  int64_t stride = c.cutStride(run), total = c.size(run), block = std::min(sizes[cut] * stride, total);
  AffineMap scale = AffineMap::get(1, 0, b.getAffineDimExpr(0) * stride);
  Value begin = affine::AffineApplyOp::create(b, loc, scale, unit[cut]);
  return {begin, block == total ? constant(total) : addAndLimit(b, loc, begin, block, total), block, total};
}

// A tile of the flattened domain; bounds of m, n and k where a tile may pass them.
TileDomain ContractionPacking::domainAt(Value mAt, int64_t mSize, Value nAt, int64_t nSize, Value kAt, int64_t kSize) {
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

// A matrix instruction knows whether bytes have a sign; here they are bits.
Type ContractionPacking::packedType(StringRef name) {
  return name == "bf16" ? Type(b.getBF16Type()) : Type(b.getIntegerType(name == "i16" ? 16 : 8));
}

// One factor of the product on a tile: its read, and the casts that follow. `points` gives the stage's domain.
Value ContractionPacking::readFactor(unsigned read, Value factor, const TileDomain &domain, AffineMap points) {
  if (auto cast = factor.getDefiningOp<CastOp>()) {
    Value input = readFactor(read, cast.getInput(), domain, points);
    return CastOp::create(b, loc, input, cast.getType());
  }
  StageOp stage = c.stage;
  Value buffer = f.buffer(cast<BlockArgument>(stage.getOperand(read)));
  TypedAttr fill = stage.getFill(read);
  return loadTile(b, loc, buffer, domain, stage.getMap(read).compose(points), composeSet(stage.getMask(read), points),
                  fill);
}

Value ContractionPacking::asBits(Value tile, Type packed) {
  auto type = cast<VectorType>(tile.getType());
  return type.getElementType() == packed ? tile : BitcastOp::create(b, loc, type.clone(packed), tile).getResult();
}

// The same as it is packed: a matrix instruction widens by itself.
Value ContractionPacking::readOperand(unsigned read, const TileDomain &domain, AffineMap points) {
  if (!row)
    return readFactor(read, factorOf(c.stage, read), domain, points);
  Type packed = read == c.rowsRead ? rowsPacked : columnsPacked;
  Value tile = readFactor(read, c.stage.getBody().getArgument(read), domain, points);
  if (elementType(tile.getType()).getIntOrFloatBitWidth() == packed.getIntOrFloatBitWidth())
    return asBits(tile, packed);
  return CastOp::create(b, loc, tile, packed);
}

Value ContractionPacking::subtract(Value lhs, Value rhs) { return arith::SubIOp::create(b, loc, lhs, rhs); }

Value ContractionPacking::apply(AffineExpr expr, ValueRange operands) {
  if (expr == b.getAffineDimExpr(0))
    return operands[0];
  return affine::AffineApplyOp::create(b, loc, AffineMap::get(operands.size(), 0, expr), operands);
}

// Where k ends when it is filled up with zeros to whole instructions.
Value ContractionPacking::filledEnd(Positions k) {
  AffineExpr begin = b.getAffineDimExpr(0), end = b.getAffineDimExpr(1);
  return apply(begin + (end - begin).ceilDiv(row->k) * row->k, {k.begin, k.end});
}

// What is read beyond the last k is zero.
void ContractionPacking::boundFilled(TileDomain &domain, unsigned dim, Positions k) {
  if (k.total % row->k != 0)
    domain.bounds[dim] = k.total;
}

void ContractionPacking::loop(Value begin, Value end, int64_t step, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, loc, begin, end, constant(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

// A matrix instruction takes rows along k: those that lie along m are read in squares, and turned in registers.
void ContractionPacking::packRowsTurned(Positions m, Positions k) {
  unsigned nb = batch.size(), rank = nb + 3;
  Value zero = constant(0);
  SmallVector<unsigned> turned(llvm::to_vector(llvm::seq<unsigned>(0, rank)));
  std::swap(turned[nb], turned[nb + 2]);
  AffineMap turn = selectDims(b.getContext(), rank, turned);
  loop(k.begin, filledEnd(k), kTurned, [&](Value kAt) {
    loop(m.begin, m.end, kTurned, [&](Value mAt) {
      // Lanes run along m: (.., k, n, m).
      TileDomain domain = domainAt(mAt, kTurned, zero, 1, kAt, kTurned);
      boundFilled(domain, nb + 2, k);
      std::swap(domain.offsets[nb], domain.offsets[nb + 2]);
      std::swap(domain.bounds[nb], domain.bounds[nb + 2]);
      Value tile = readOperand(c.rowsRead, domain, toStage.compose(turn));
      tile = ViewOp::create(b, loc, tile.getType(), tile, turn);
      TileDomain local = domain;
      local.bounds.assign(rank, std::nullopt);
      local.offsets[nb] = subtract(mAt, m.begin);
      local.offsets[nb + 2] = subtract(kAt, k.begin);
      storeTile(b, loc, tile, rows, local, selectDims(b.getContext(), rank, {nb, nb + 2}));
    });
  });
}

// Rows lie as their memory runs: along k where that is contiguous, else along m.
void ContractionPacking::packRows(Positions m, Positions k) {
  if (!rows)
    return; // they are read where they lie
  unsigned nb = batch.size(), rank = nb + 3;
  Value zero = constant(0);
  if (row && !rowsAlongK)
    return packRowsTurned(m, k);
  const Positions &across = rowsAlongK ? m : k, &along = rowsAlongK ? k : m;
  int64_t lanes = std::min<int64_t>(kCopyLanes, llvm::bit_ceil<uint64_t>(along.most));
  if (row)
    lanes = std::max(lanes, row->k);
  AffineMap place =
      selectDims(b.getContext(), rank, rowsAlongK ? ArrayRef<unsigned>{nb, nb + 2} : ArrayRef<unsigned>{nb + 2, nb});
  loop(across.begin, across.end, 1, [&](Value outer) {
    loop(along.begin, along.end, lanes, [&](Value inner) {
      Value mAt = rowsAlongK ? outer : inner, kAt = rowsAlongK ? inner : outer;
      TileDomain domain = rowsAlongK ? domainAt(mAt, 1, zero, 1, kAt, lanes) : domainAt(mAt, lanes, zero, 1, kAt, 1);
      Value tile = readOperand(c.rowsRead, domain);
      TileDomain local = domain;
      local.bounds.assign(rank, std::nullopt);
      local.offsets[nb] = subtract(mAt, m.begin);
      local.offsets[nb + 2] = subtract(kAt, k.begin);
      storeTile(b, loc, tile, rows, local, place);
    });
  });
}

// Columns that lie along k in memory are read so, and turned in registers, groups of k as one.
void ContractionPacking::packColumnsAlongK(Value firstColumn, Positions k) {
  unsigned nb = batch.size(), rank = nb + 3;
  Value zero = constant(0);
  int64_t side = std::min(f.schedule.getVector(), tileColumns);
  // (.., k groups, columns and k within the group) -> (.., columns, k).
  SmallVector<AffineExpr> turned;
  for (unsigned d = 0; d < rank; ++d)
    turned.push_back(b.getAffineDimExpr(d));
  AffineExpr groups = b.getAffineDimExpr(nb + 1), inner = b.getAffineDimExpr(nb + 2);
  turned[nb + 1] = inner.floorDiv(group);
  turned[nb + 2] = groups * group + inner % group;
  AffineMap turn = AffineMap::get(rank, 0, turned, b.getContext());
  loop(k.begin, k.end, side * group, [&](Value kAt) {
    loop(zero, constant(tileColumns), side, [&](Value column) {
      Value nAt = arith::AddIOp::create(b, loc, firstColumn, column);
      TileDomain domain = domainAt(zero, 1, nAt, side, kAt, side * group);
      // The last panel may begin beyond the columns' end in its second half.
      if (n.total % tileColumns != 0 || n.most % tileColumns != 0)
        domain.bounds[nb + 1] = n.total;
      Value tile = readOperand(c.columnsRead, domain);
      tile = ViewOp::create(b, loc, tile.getType(), tile, turn);
      TileDomain local = domain;
      local.bounds.assign(rank, std::nullopt);
      local.offsets[nb + 1] = groupAt(firstColumn, kAt, k);
      local.offsets[nb + 2] = apply(b.getAffineDimExpr(0) * group, column);
      storeTile(b, loc, tile, columns, local, selectDims(b.getContext(), rank, {nb + 1, nb + 2}));
    });
  });
}

// A row of columns for each k of a group, interleaved in registers.
void ContractionPacking::packColumnGroups(Positions k) {
  unsigned nb = batch.size(), rank = nb + 3;
  Value zero = constant(0);
  // Lanes run along n: (.., k, n).
  SmallVector<unsigned> swapped(llvm::to_vector(llvm::seq<unsigned>(0, rank)));
  std::swap(swapped[nb + 1], swapped[nb + 2]);
  AffineMap points = toStage.compose(selectDims(b.getContext(), rank, swapped));
  SmallVector<AffineExpr> interleaved;
  for (unsigned d = 0; d < rank; ++d)
    interleaved.push_back(b.getAffineDimExpr(d));
  interleaved[nb + 1] = b.getAffineDimExpr(nb + 2) % group;
  interleaved[nb + 2] = b.getAffineDimExpr(nb + 2).floorDiv(group);
  AffineMap interleave = AffineMap::get(rank, 0, interleaved, b.getContext());
  loop(k.begin, filledEnd(k), group, [&](Value kAt) {
    // All panels of a row of the matrix before the next row: memory is read as it runs.
    loop(n.begin, n.end, tileColumns, [&](Value firstColumn) {
      TileDomain domain = domainAt(zero, 1, firstColumn, tileColumns, kAt, group);
      boundFilled(domain, nb + 2, k);
      std::swap(domain.offsets[nb + 1], domain.offsets[nb + 2]);
      std::swap(domain.shape[nb + 1], domain.shape[nb + 2]);
      std::swap(domain.bounds[nb + 1], domain.bounds[nb + 2]);
      Value tile = readOperand(c.columnsRead, domain, points);
      TileDomain local = domain;
      local.shape[nb + 1] = 1;
      local.shape[nb + 2] = tileColumns * group;
      local.bounds.assign(rank, std::nullopt);
      tile = ViewOp::create(b, loc, local.type(columnsPacked), tile, interleave);
      local.offsets[nb + 1] = groupAt(firstColumn, kAt, k);
      local.offsets[nb + 2] = zero;
      storeTile(b, loc, tile, columns, local, selectDims(b.getContext(), rank, {nb + 1, nb + 2}));
    });
  });
}

Value ContractionPacking::panelAt(Value firstColumn) {
  if (!row)
    return constant(0);
  AffineExpr column = b.getAffineDimExpr(0) - b.getAffineDimExpr(1);
  return apply(column.floorDiv(tileColumns) * panelRows, {firstColumn, n.begin});
}

// The row of `columns` for a k of a panel.
Value ContractionPacking::groupAt(Value firstColumn, Value kAt, Positions k) {
  Value at = apply(b.getAffineDimExpr(0).floorDiv(group), subtract(kAt, k.begin));
  return row ? arith::AddIOp::create(b, loc, panelAt(firstColumn), at).getResult() : at;
}

void ContractionPacking::packPanels(Positions k) {
  if (!columnsAlongK)
    return packColumnGroups(k);
  loop(n.begin, n.end, tileColumns, [&](Value firstColumn) { packColumnsAlongK(firstColumn, k); });
}

void ContractionPacking::packColumns(Value firstColumn, Positions k) {
  if (!columns)
    return;
  unsigned nb = batch.size(), rank = nb + 3;
  if (columnsAlongK)
    return packColumnsAlongK(firstColumn, k);
  Value zero = constant(0);
  AffineMap place = selectDims(b.getContext(), rank, {nb + 2, nb + 1});
  loop(k.begin, k.end, 1, [&](Value kAt) {
    TileDomain domain = domainAt(zero, 1, firstColumn, tileColumns, kAt, 1);
    Value tile = readOperand(c.columnsRead, domain);
    TileDomain local = domain;
    local.bounds.assign(rank, std::nullopt);
    local.offsets[nb + 1] = zero;
    local.offsets[nb + 2] = subtract(kAt, k.begin);
    storeTile(b, loc, tile, columns, local, place);
  });
}

// (m, groups of k, group) -> (batch.., m, n, k), at 0 in what the operand does not vary with.
static AffineMap fragmentPoints(MLIRContext *context, unsigned batch, int64_t group) {
  SmallVector<AffineExpr> points(batch, getAffineConstantExpr(0, context));
  points.push_back(getAffineDimExpr(0, context));
  points.push_back(getAffineConstantExpr(0, context));
  points.push_back(getAffineDimExpr(1, context) * group + getAffineDimExpr(2, context));
  return AffineMap::get(3, 0, points, context);
}

Value ContractionPacking::loadRowFragments(Value firstRow, Value groupAt, Positions k) {
  AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1), d2 = b.getAffineDimExpr(2);
  AffineMap map = AffineMap::get(3, 0, {d0, d1 * group + d2}, b.getContext());
  Value buffer = rows;
  if (rowsInPlace) {
    StageOp stage = c.stage;
    firstRow = arith::AddIOp::create(b, loc, m.begin, firstRow);
    groupAt = arith::AddIOp::create(b, loc, apply(d0.floorDiv(group), k.begin), groupAt);
    map = stage.getMap(c.rowsRead).compose(toStage).compose(fragmentPoints(b.getContext(), batch.size(), group));
    buffer = f.buffer(cast<BlockArgument>(stage.getOperand(c.rowsRead)));
  }
  TileDomain tile;
  tile.append(firstRow, tileRows, std::nullopt);
  tile.append(groupAt, row->k / group, std::nullopt);
  tile.append(constant(0), group, std::nullopt);
  return asBits(loadTile(b, loc, buffer, tile, map), rowsPacked);
}

Value ContractionPacking::loadColumnFragments(Value firstColumn, Value groupAt) {
  AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1), d2 = b.getAffineDimExpr(2);
  TileDomain tile;
  tile.append(arith::AddIOp::create(b, loc, panelAt(firstColumn), groupAt), row->k / group, std::nullopt);
  tile.append(constant(0), tileColumns, std::nullopt);
  tile.append(constant(0), group, std::nullopt);
  return loadTile(b, loc, columns, tile, AffineMap::get(3, 0, {d0, d1 * group + d2}, b.getContext()));
}

// Whole fragments side by side along k, one row a fixed distance behind the other.
bool ContractionPacking::canReadRowsInPlace() {
  StageOp stage = c.stage;
  unsigned nb = batch.size();
  auto type = cast<RankedTensorType>(stage.getOperand(c.rowsRead).getType());
  AffineMap map = stage.getMap(c.rowsRead).compose(toStage);
  AddressForm address = linearAddress(map, type.getShape());
  bool wholeTiles = m.total % tileRows == 0 && m.most % tileRows == 0 && k.total % row->k == 0;
  bool others =
      llvm::any_of(llvm::seq<unsigned>(0, nb + 2), [&](unsigned d) { return d != nb && map.isFunctionOfDim(d); });
  return type.getElementTypeBitWidth() == rowsPacked.getIntOrFloatBitWidth() && !stage.getMask(c.rowsRead) &&
         wholeTiles && !others && address.coefficient(nb + 2) == 1 && !address.isBent(nb + 2) &&
         address.coefficient(nb) != 0 && !address.isBent(nb);
}

void ContractionPacking::allocate(int64_t depth, bool packsRows, bool packsColumns) {
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
  // Rows stand apart by an odd number of cache lines, with room for what is copied beyond the last k.
  int64_t line = 64 / (rowsPacked.getIntOrFloatBitWidth() / 8);
  auto padded = [&](int64_t size) { return (llvm::divideCeil(size + kCopyLanes, line) | 1) * line; };
  int64_t blockRows = llvm::divideCeil(m.most, tileRows) * tileRows;
  auto buffer = [&](int64_t outer, int64_t inner, Type type) -> Value {
    return memref::AllocaOp::create(b, loc, MemRefType::get({outer, inner}, type));
  };
  rowsInPlace = row && canReadRowsInPlace();
  if (packsRows && (rowsAlongK || row))
    rows =
        rowsInPlace ? Value() : buffer(llvm::alignTo(blockRows, rowsAlongK ? 1 : kTurned), padded(depth), rowsPacked);
  else if (packsRows)
    rows = buffer(depth, padded(blockRows), rowsPacked);
  int64_t most = std::max(f.schedule.getVector(), row ? row->k / group : 1);
  panelRows = llvm::divideCeil(llvm::divideCeil(depth, group), most) * most;
  int64_t panels = row ? llvm::divideCeil(n.most, tileColumns) : 1;
  if (packsColumns)
    columns = buffer(panels * panelRows, tileColumns * group, columnsPacked);
}
