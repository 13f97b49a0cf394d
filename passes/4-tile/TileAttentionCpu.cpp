// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles attention for a CPU: a unit takes a block of queries, and keys and values pass by in blocks.
//
//   packed queries <- queries[block]
//   for each block of keys:
//     packed keys <- keys, depth outermost; packed values <- values
//     for each register tile: scores = packed queries * packed keys
//     for each query, on its row of scores: shaping, the new maximum, exponentials in place of scores; what has been
//       summed so far is rescaled
//     for each register tile: outputs += exponentials * packed values
//   for each query: outputs / sum, epilogue, store
//
// Where all keys so far are masked out, the maximum is -inf and -inf - -inf would be no number: there the scores are
// taken relative to 0, which makes exponentials and sum 0.

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

class AttentionTiler {
public:
  AttentionTiler(OpBuilder &b, const TiledFunction &f, Attention &a)
      : b(b), f(f), a(a), loc(a.scores.getLoc()), shared(f.kernel.getShared()), tileRows(f.schedule.getInner()[0]),
        tileColumns(f.schedule.getInner()[1]), keyBlock(f.schedule.getStrip()[0]), zero(constant(0)) {}
  void run();

private:
  void allocate();
  void packQueries();
  void packKeys(Value firstKey, bool bounded);
  void packValues(Value firstKey, bool bounded);
  void multiply(Value left, Value right, Value sums, Value row, Value column, int64_t depth, bool accumulate);
  void takeKeys(Value firstKey, bool bounded);
  void takeRow(Value row, Value firstKey, bool bounded);
  void finishRow(Value row);

  void loop(Value begin, Value end, int64_t step, function_ref<void(Value)> body) {
    auto loop = scf::ForOp::create(b, loc, begin, end, constant(step));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVar());
  }
  Value constant(int64_t value) { return indexConstant(b, loc, value); }
  Value subtract(Value lhs, Value rhs) { return arith::SubIOp::create(b, loc, lhs, rhs); }
  Value number(Type like, double value) {
    auto type = cast<VectorType>(like);
    return splat(b, loc, type, cast<TypedAttr>(b.getFloatAttr(type.getElementType(), value)));
  }
  // A tile of one query at `row` of the block, or of none in particular, and what follows the shared dimensions.
  TileDomain domainAt(Value row) {
    TileDomain domain;
    for (unsigned d = 0; d < shared; ++d)
      domain.append(d == a.row && row ? arith::AddIOp::create(b, loc, rowBegin, row) : offsets[d], 1, std::nullopt);
    return domain;
  }
  // The same tile's place in a private buffer: the query's row within the block, then what `inner` gives.
  TileDomain localAt(TileDomain domain, Value row, ArrayRef<Value> inner) {
    domain.bounds.assign(domain.rank(), std::nullopt);
    for (unsigned d = 0; d < shared; ++d)
      domain.offsets[d] = d == a.row && row ? row : zero;
    for (auto [i, offset] : llvm::enumerate(inner))
      domain.offsets[shared + i] = offset;
    return domain;
  }
  AffineMap select(unsigned rank, ArrayRef<unsigned> dims) {
    return AffineMap::getMultiDimMapWithTargets(rank, dims, b.getContext());
  }
  // What is one for each query, spread over a tile of its row.
  Value spread(Value value, VectorType type) {
    return ViewOp::create(b, loc, type, value,
                          AffineMap::getMultiDimIdentityMap(shared + 1, b.getContext()).getMajorSubMap(shared));
  }
  Value factor(StageOp stage, unsigned read, const TileDomain &domain);
  SmallVector<Value> emitPointwise(StageOp stage, const TileDomain &domain, llvm::DenseMap<Value, Value> &values);
  bool runsAlong(StageOp stage, unsigned read, unsigned dim) {
    auto type = cast<RankedTensorType>(stage.getOperand(read).getType());
    AddressForm form = linearAddress(stage.getMap(read), type.getShape());
    return form.coefficient(dim) == 1 && !form.isBent(dim);
  }

  OpBuilder &b;
  const TiledFunction &f;
  Attention &a;
  Location loc;
  unsigned shared;
  int64_t tileRows, tileColumns, keyBlock;
  Value zero, rowBegin, rowCount;
  SmallVector<Value> offsets;
  int64_t blockRows = 0, side = 1;
  Value queries, keys, values, scores, outputs, maxima, sums;
};

} // namespace

// Lanes of the vectors in which a row is copied or finished.
static int64_t lanesFor(int64_t size) { return std::min<int64_t>(64, llvm::bit_ceil<uint64_t>(size)); }

static std::optional<int64_t> boundOf(int64_t size, int64_t step) {
  return size % step != 0 ? std::optional<int64_t>(size) : std::nullopt;
}

// A factor of a product on a tile: its read, and the casts that follow.
Value AttentionTiler::factor(StageOp stage, unsigned read, const TileDomain &domain) {
  Value buffer = f.buffer(cast<BlockArgument>(stage.getOperand(read)));
  Value tile = loadTile(b, loc, buffer, domain, stage.getMap(read), stage.getMask(read), stage.getFill(read));
  return elementType(tile.getType()).isF32() ? tile : CastOp::create(b, loc, tile, b.getF32Type()).getResult();
}

void AttentionTiler::allocate() {
  // Rows stand apart by an odd number of cache lines, with room for a whole vector at their end.
  auto buffer = [&](int64_t rows, int64_t columns) -> Value {
    int64_t line = 16, padded = (llvm::divideCeil(columns + 64, line) | 1) * line;
    return memref::AllocaOp::create(b, loc, MemRefType::get({rows, padded}, b.getF32Type()));
  };
  auto whole = [&](int64_t size) { return llvm::divideCeil(size, tileColumns) * tileColumns; };
  queries = buffer(blockRows, a.depth);
  keys = buffer(llvm::divideCeil(a.depth, side) * side, whole(keyBlock));
  values = buffer(keyBlock, whole(a.width));
  scores = buffer(blockRows, whole(keyBlock));
  outputs = buffer(blockRows, whole(a.width));
  maxima = memref::AllocaOp::create(b, loc, MemRefType::get({blockRows}, b.getF32Type()));
  sums = memref::AllocaOp::create(b, loc, MemRefType::get({blockRows}, b.getF32Type()));
}

void AttentionTiler::packQueries() {
  int64_t lanes = lanesFor(a.depth);
  loop(zero, rowCount, 1, [&](Value row) {
    loop(zero, constant(a.depth), lanes, [&](Value depth) {
      TileDomain domain = domainAt(row);
      domain.append(zero, 1, std::nullopt);
      domain.append(depth, lanes, boundOf(a.depth, lanes));
      storeTile(b, loc, factor(a.scores, a.queryRead, domain), queries, localAt(domain, row, {zero, depth}),
                select(shared + 2, {a.row, shared + 1}));
    });
  });
}

// Depth outermost. Keys that lie along the depth in memory are read so, and turned in registers.
void AttentionTiler::packKeys(Value firstKey, bool bounded) {
  std::optional<int64_t> bound = bounded ? std::optional<int64_t>(a.keys) : std::nullopt;
  if (!runsAlong(a.scores, a.keyRead, shared + 1)) {
    int64_t lanes = lanesFor(keyBlock);
    loop(zero, constant(a.depth), 1, [&](Value depth) {
      loop(zero, constant(keyBlock), lanes, [&](Value key) {
        TileDomain domain = domainAt({});
        domain.append(arith::AddIOp::create(b, loc, firstKey, key), lanes, bound);
        domain.append(depth, 1, std::nullopt);
        storeTile(b, loc, factor(a.scores, a.keyRead, domain), keys, localAt(domain, {}, {key, depth}),
                  select(shared + 2, {shared + 1, shared}));
      });
    });
    return;
  }
  SmallVector<unsigned> turned = llvm::to_vector(llvm::seq<unsigned>(0, shared + 2));
  std::swap(turned[shared], turned[shared + 1]);
  loop(zero, constant(keyBlock), side, [&](Value key) {
    loop(zero, constant(a.depth), side, [&](Value depth) {
      TileDomain domain = domainAt({});
      domain.append(arith::AddIOp::create(b, loc, firstKey, key), side, bound);
      domain.append(depth, side, boundOf(a.depth, side));
      Value tile = factor(a.scores, a.keyRead, domain);
      tile = ViewOp::create(b, loc, tile.getType(), tile, select(shared + 2, turned));
      storeTile(b, loc, tile, keys, localAt(domain, {}, {depth, key}), select(shared + 2, {shared, shared + 1}));
    });
  });
}

void AttentionTiler::packValues(Value firstKey, bool bounded) {
  int64_t lanes = lanesFor(a.width);
  loop(zero, constant(keyBlock), 1, [&](Value key) {
    loop(zero, constant(a.width), lanes, [&](Value column) {
      TileDomain domain = domainAt({});
      domain.append(column, lanes, boundOf(a.width, lanes));
      domain.append(arith::AddIOp::create(b, loc, firstKey, key), 1,
                    bounded ? std::optional<int64_t>(a.keys) : std::nullopt);
      storeTile(b, loc, factor(a.output, a.valueRead, domain), values, localAt(domain, {}, {column, key}),
                select(shared + 2, {shared + 1, shared}));
    });
  });
}

// A register tile of `sums` at (row, column): the product over `depth` of rows of `left` and columns of `right`.
void AttentionTiler::multiply(Value left, Value right, Value result, Value row, Value column, int64_t depth,
                              bool accumulate) {
  MLIRContext *context = b.getContext();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(2, context);
  TileDomain tile;
  tile.append(row, tileRows, std::nullopt);
  tile.append(column, tileColumns, std::nullopt);
  Value initial = accumulate ? loadTile(b, loc, result, tile, identity) : number(tile.type(b.getF32Type()), 0);
  auto deep = scf::ForOp::create(b, loc, zero, constant(depth), constant(1), initial);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(deep.getBody());
    TileDomain rowTile, columnTile;
    rowTile.append(row, tileRows, std::nullopt);
    rowTile.append(deep.getInductionVar(), 1, std::nullopt);
    columnTile.append(deep.getInductionVar(), 1, std::nullopt);
    columnTile.append(column, tileColumns, std::nullopt);
    Value lhs = loadTile(b, loc, left, rowTile, identity), rhs = loadTile(b, loc, right, columnTile, identity);
    auto maps = b.getAffineMapArrayAttr({select(3, {0, 2}), select(3, {2, 1}), select(3, {0, 1})});
    auto iterator = [&](vector::IteratorType type) { return vector::IteratorTypeAttr::get(context, type); };
    auto iterators = b.getArrayAttr({iterator(vector::IteratorType::parallel), iterator(vector::IteratorType::parallel),
                                     iterator(vector::IteratorType::reduction)});
    Value sum = vector::ContractionOp::create(b, loc, lhs, rhs, deep.getRegionIterArgs()[0], maps, iterators);
    scf::YieldOp::create(b, loc, sum);
  }
  storeTile(b, loc, deep.getResult(0), result, tile, identity);
}

SmallVector<Value> AttentionTiler::emitPointwise(StageOp stage, const TileDomain &domain,
                                                 llvm::DenseMap<Value, Value> &known) {
  SmallVector<Value> reads;
  for (auto [i, operand] : llvm::enumerate(stage.getOperands()))
    reads.push_back(operand.getDefiningOp<StageOp>() ? known.lookup(operand)
                                                     : loadTile(b, loc, f.buffer(cast<BlockArgument>(operand)), domain,
                                                                stage.getMap(i), stage.getMask(i), stage.getFill(i)));
  AffineMap points = AffineMap::getMultiDimIdentityMap(domain.rank(), b.getContext());
  SmallVector<Value> results = f.emit(b, stage, domain, points, reads);
  for (auto [result, tile] : llvm::zip_equal(stage.getResults(), results))
    known[result] = tile;
  return results;
}

// One query and one block of keys: its row of scores becomes exponentials.
void AttentionTiler::takeRow(Value row, Value firstKey, bool bounded) {
  TileDomain domain = domainAt(row), single = domain;
  domain.append(firstKey, keyBlock, bounded ? std::optional<int64_t>(a.keys) : std::nullopt);
  TileDomain local = localAt(domain, row, {zero}), place = localAt(single, row, {});
  AffineMap rowMap = select(shared + 1, {a.row, shared}), oneMap = select(shared, {a.row});
  Type f32 = b.getF32Type();
  VectorType rowType = domain.type(f32), oneType = single.type(f32);

  llvm::DenseMap<Value, Value> known;
  known[a.scores.getResult(0)] = loadTile(b, loc, scores, local, rowMap);
  for (StageOp stage : a.shaping)
    emitPointwise(stage, domain, known);
  Value score = known.lookup(a.score);
  double infinity = std::numeric_limits<double>::infinity();
  if (Value inside = insideBounds(b, loc, domain, f.needsWideIndex()))
    score = WhereOp::create(b, loc, inside, score, number(rowType, -infinity));

  Value before = loadTile(b, loc, maxima, place, oneMap);
  Value most = MaxOp::create(b, loc, before, ReduceOp::create(b, loc, ReduceKind::Max, score, {int64_t(shared)}));
  Value none = CmpEqOp::create(b, loc, most, number(oneType, -infinity));
  Value relativeTo = WhereOp::create(b, loc, none, number(oneType, 0), most);
  Value minus = MulOp::create(b, loc, relativeTo, number(oneType, -1));
  Value rescale = ExpOp::create(b, loc, a.base, AddOp::create(b, loc, before, minus));
  Value share = ExpOp::create(b, loc, a.base, AddOp::create(b, loc, score, spread(minus, rowType)));
  Value sum = AddOp::create(b, loc, MulOp::create(b, loc, loadTile(b, loc, sums, place, oneMap), rescale),
                            ReduceOp::create(b, loc, ReduceKind::Sum, share, {int64_t(shared)}));
  storeTile(b, loc, share, scores, local, rowMap);
  storeTile(b, loc, most, maxima, place, oneMap);
  storeTile(b, loc, sum, sums, place, oneMap);
  int64_t lanes = lanesFor(a.width);
  for (int64_t column = 0; column < a.width; column += lanes) {
    TileDomain wide = single;
    wide.append(zero, lanes, std::nullopt);
    wide = localAt(wide, row, {constant(column)});
    Value part = loadTile(b, loc, outputs, wide, rowMap);
    part = MulOp::create(b, loc, part, spread(rescale, wide.type(f32)));
    storeTile(b, loc, part, outputs, wide, rowMap);
  }
}

void AttentionTiler::takeKeys(Value firstKey, bool bounded) {
  packKeys(firstKey, bounded);
  packValues(firstKey, bounded);
  loop(zero, constant(keyBlock), tileColumns, [&](Value column) {
    loop(zero, rowCount, tileRows,
         [&](Value row) { multiply(queries, keys, scores, row, column, a.depth, /*accumulate=*/false); });
  });
  loop(zero, rowCount, 1, [&](Value row) { takeRow(row, firstKey, bounded); });
  loop(zero, constant(a.width), tileColumns, [&](Value column) {
    loop(zero, rowCount, tileRows,
         [&](Value row) { multiply(scores, values, outputs, row, column, keyBlock, /*accumulate=*/true); });
  });
}

void AttentionTiler::finishRow(Value row) {
  int64_t lanes = lanesFor(a.width);
  loop(zero, constant(a.width), lanes, [&](Value column) {
    TileDomain domain = domainAt(row), single = domain;
    domain.append(column, lanes, boundOf(a.width, lanes));
    VectorType type = domain.type(b.getF32Type());
    Value sum = loadTile(b, loc, sums, localAt(single, row, {}), select(shared, {a.row}));
    Value output = loadTile(b, loc, outputs, localAt(domain, row, {column}), select(shared + 1, {a.row, shared}));
    llvm::DenseMap<Value, Value> known;
    auto write = [&](Value result) {
      for (auto [buffer, place] : f.outputs(result))
        storeTile(b, loc, known.lookup(result), buffer, domain, place);
    };
    known[a.output.getResult(0)] = DivOp::create(b, loc, output, spread(sum, type));
    write(a.output.getResult(0));
    for (StageOp stage : a.epilogue) {
      emitPointwise(stage, domain, known);
      llvm::for_each(stage.getResults(), write);
    }
  });
}

void AttentionTiler::run() {
  offsets = unitOffsets(b, f);
  int64_t total = sharedSizes(f.kernel)[a.row], block = std::min(f.schedule.getUnit()[a.row], total);
  rowBegin = offsets[a.row];
  rowCount = block == total ? constant(total) : subtract(addAndLimit(b, loc, rowBegin, block, total), rowBegin);
  blockRows = llvm::divideCeil(block, tileRows) * tileRows;
  side = std::min(f.schedule.getVector(), keyBlock);
  allocate();

  packQueries();
  // Queries beyond the block's end share its register tiles: what they hold must be numbers at least.
  AffineMap identity = AffineMap::getMultiDimIdentityMap(2, b.getContext());
  auto fill = [&](Value buffer, Value from, int64_t columns) {
    loop(from, constant(blockRows), 1, [&](Value row) {
      loop(zero, constant(columns), tileColumns, [&](Value column) {
        TileDomain tile;
        tile.append(row, 1, std::nullopt);
        tile.append(column, tileColumns, std::nullopt);
        storeTile(b, loc, number(tile.type(b.getF32Type()), 0), buffer, tile, identity);
      });
    });
  };
  fill(queries, rowCount, a.depth);
  fill(outputs, zero, a.width);
  loop(zero, constant(blockRows), 1, [&](Value row) {
    TileDomain tile;
    tile.append(row, 1, std::nullopt);
    VectorType type = tile.type(b.getF32Type());
    AffineMap one = AffineMap::getMultiDimIdentityMap(1, b.getContext());
    storeTile(b, loc, number(type, -std::numeric_limits<double>::infinity()), maxima, tile, one);
    storeTile(b, loc, number(type, 0), sums, tile, one);
  });

  int64_t whole = a.keys / keyBlock * keyBlock;
  loop(zero, constant(whole), keyBlock, [&](Value key) { takeKeys(key, false); });
  if (whole < a.keys)
    takeKeys(constant(whole), true);
  loop(zero, rowCount, 1, [&](Value row) { finishRow(row); });
}

LogicalResult tinyc::tileAttentionCpu(OpBuilder &b, const TiledFunction &f, Attention &attention) {
  AttentionTiler(b, f, attention).run();
  return success();
}
