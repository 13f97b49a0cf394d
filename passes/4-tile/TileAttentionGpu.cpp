// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles attention for a GPU: a unit takes a tile of queries, and tiles of keys and values pass by in one loop that
// carries, for each query, the maximum so far, the sum of exponentials, and the outputs relative to that maximum.
//
//   %m, %l, %o = scf.for %key = 0 to keys step BN iter_args(-inf, 0, 0) {
//     %s = vector.contract %queries, %keys, 0             scale and masks; -inf beyond the last key
//     %most = max(%m, reduce max %s)
//     %p = exp(%s - %most), %r = exp(%m - %most)
//     yield %most, %l * %r + reduce sum %p, vector.contract %p, %values, %o * %r
//
// Where all keys so far are masked out, the maximum is -inf and -inf - -inf would be no number: there the scores are
// taken relative to 0, which makes exponentials and sum 0.
//
// Queries stay in registers over the whole loop where the depth is one strip; else each tile of scores is a loop over
// strips of the depth. pipeline-loads stages keys and values through shared memory.

#include "passes/4-tile/Tiling.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

namespace {

class GpuAttentionTiler {
public:
  GpuAttentionTiler(OpBuilder &b, const TiledFunction &f, Attention &a)
      : b(b), f(f), a(a), loc(a.scores.getLoc()), shared(f.kernel.getShared()), keyBlock(f.schedule.getStrip()[0]),
        depthStrip(f.schedule.getStrip()[1]), width(llvm::bit_ceil<uint64_t>(std::max<int64_t>(a.width, 32))),
        tensorCore(f.schedule.getInstruction() != "fma") {}
  void run();

private:
  Value number(VectorType type, double value) {
    return splat(b, loc, type, cast<TypedAttr>(b.getFloatAttr(type.getElementType(), value)));
  }
  AffineMap without(unsigned absent) {
    AffineMap all = AffineMap::getMultiDimIdentityMap(shared + 2, b.getContext());
    return all.dropResult(absent);
  }
  // The tile of queries, without what follows the shared dimensions.
  TileDomain queryTile() {
    TileDomain tile;
    SmallVector<int64_t> sizes = sharedSizes(f.kernel);
    for (unsigned d = 0; d < shared; ++d) {
      int64_t size = f.schedule.getUnit()[d];
      tile.append(offsets[d], size, sizes[d] % size != 0 ? std::optional<int64_t>(sizes[d]) : std::nullopt);
    }
    return tile;
  }
  static std::optional<int64_t> boundOf(int64_t size, int64_t step) {
    return size % step != 0 ? std::optional<int64_t>(size) : std::nullopt;
  }
  Value operand(StageOp stage, unsigned read, TileDomain tile, unsigned absent);
  Value contract(Value rows, Value columns, Value sums);
  Value scoresOf(Value key, Value queries);
  SmallVector<Value> takeKeys(Value key, Value queries, ValueRange carried);
  void emitPointwise(StageOp stage, const TileDomain &domain, llvm::DenseMap<Value, Value> &known);
  Value spread(Value value, VectorType type) {
    return ViewOp::create(b, loc, type, value,
                          AffineMap::getMultiDimIdentityMap(shared + 1, b.getContext()).getMajorSubMap(shared));
  }

  OpBuilder &b;
  const TiledFunction &f;
  Attention &a;
  Location loc;
  unsigned shared;
  int64_t keyBlock, depthStrip, width;
  bool tensorCore;
  SmallVector<Value> offsets;
};
} // namespace

// A factor of a product, without the dimension that it does not vary with. A tensor core takes the narrow type itself.
Value GpuAttentionTiler::operand(StageOp stage, unsigned read, TileDomain tile, unsigned absent) {
  AffineMap gap = tile.drop(absent, b.getContext());
  Value value = loadTile(b, loc, f.buffer(cast<BlockArgument>(stage.getOperand(read))), tile,
                         stage.getMap(read).compose(gap), composeSet(stage.getMask(read), gap), stage.getFill(read));
  if (tensorCore || elementType(value.getType()).isF32())
    return value;
  return CastOp::create(b, loc, value, b.getF32Type());
}

// rows [S.., k] * columns [S without the queries' dimension.., n, k] or [.., k, n]; both have the dimensions of the
// iteration (S.., n, k) in order.
Value GpuAttentionTiler::contract(Value rows, Value columns, Value sums) {
  auto maps = b.getAffineMapArrayAttr({without(shared), without(a.row), without(shared + 1)});
  SmallVector<Attribute> iterators(shared + 2,
                                   vector::IteratorTypeAttr::get(b.getContext(), vector::IteratorType::parallel));
  iterators.back() = vector::IteratorTypeAttr::get(b.getContext(), vector::IteratorType::reduction);
  return vector::ContractionOp::create(b, loc, rows, columns, sums, maps, b.getArrayAttr(iterators));
}

// The scores of the tile of queries with the tile of keys at `key`.
Value GpuAttentionTiler::scoresOf(Value key, Value queries) {
  TileDomain tile = queryTile();
  tile.append(key, keyBlock, boundOf(a.keys, keyBlock));
  Value sums = number(tile.type(b.getF32Type()), 0);
  auto product = [&](Value depth, Value rows, Value before) {
    TileDomain deep = tile;
    deep.append(depth, depthStrip, boundOf(a.depth, depthStrip));
    if (!rows)
      rows = operand(a.scores, a.queryRead, deep, shared);
    return contract(rows, operand(a.scores, a.keyRead, deep, a.row), before);
  };
  if (queries)
    return product(indexConstant(b, loc, 0), queries, sums);
  auto loop = scf::ForOp::create(b, loc, indexConstant(b, loc, 0), indexConstant(b, loc, a.depth),
                                 indexConstant(b, loc, depthStrip), sums);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(b, loc, product(loop.getInductionVar(), {}, loop.getRegionIterArgs()[0]));
  return loop.getResult(0);
}

void GpuAttentionTiler::emitPointwise(StageOp stage, const TileDomain &domain, llvm::DenseMap<Value, Value> &known) {
  SmallVector<Value> reads;
  for (auto [i, read] : llvm::enumerate(stage.getOperands()))
    reads.push_back(read.getDefiningOp<StageOp>() ? known.lookup(read)
                                                  : loadTile(b, loc, f.buffer(cast<BlockArgument>(read)), domain,
                                                             stage.getMap(i), stage.getMask(i), stage.getFill(i)));
  AffineMap points = AffineMap::getMultiDimIdentityMap(domain.rank(), b.getContext());
  for (auto [result, tile] : llvm::zip_equal(stage.getResults(), f.emit(b, stage, domain, points, reads)))
    known[result] = tile;
}

// One step of the loop over keys: maximum, sum and outputs with the keys at `key`.
SmallVector<Value> GpuAttentionTiler::takeKeys(Value key, Value queries, ValueRange carried) {
  TileDomain domain = queryTile();
  VectorType rowType = domain.type(b.getF32Type());
  domain.append(key, keyBlock, boundOf(a.keys, keyBlock));
  VectorType tileType = domain.type(b.getF32Type());
  constexpr double kInfinity = std::numeric_limits<double>::infinity();

  llvm::DenseMap<Value, Value> known;
  known[a.scores.getResult(0)] = scoresOf(key, queries);
  for (StageOp stage : a.shaping)
    emitPointwise(stage, domain, known);
  Value score = known.lookup(a.score);
  TileDomain keysOnly = domain; // what queries beyond the last one give is never written
  for (unsigned d = 0; d < shared; ++d)
    keysOnly.bounds[d] = std::nullopt;
  if (Value inside = insideBounds(b, loc, keysOnly, f.needsWideIndex()))
    score = WhereOp::create(b, loc, inside, score, number(tileType, -kInfinity));

  int64_t along = shared;
  Value most = MaxOp::create(b, loc, carried[0], ReduceOp::create(b, loc, ReduceKind::Max, score, {along}));
  Value none = CmpEqOp::create(b, loc, most, number(rowType, -kInfinity));
  Value relativeTo = WhereOp::create(b, loc, none, number(rowType, 0), most);
  Value minus = MulOp::create(b, loc, relativeTo, number(rowType, -1));
  Value rescale = ExpOp::create(b, loc, a.base, AddOp::create(b, loc, carried[0], minus));
  Value share = ExpOp::create(b, loc, a.base, AddOp::create(b, loc, score, spread(minus, tileType)));
  Value sum = AddOp::create(b, loc, MulOp::create(b, loc, carried[1], rescale),
                            ReduceOp::create(b, loc, ReduceKind::Sum, share, {along}));
  auto outputType = cast<VectorType>(carried[2].getType());
  Value output = MulOp::create(b, loc, carried[2], spread(rescale, outputType));

  Type narrow = elementType(a.output.getOperand(a.valueRead).getType());
  if (tensorCore)
    share = CastOp::create(b, loc, share, narrow);
  TileDomain valueTile = queryTile();
  valueTile.append(indexConstant(b, loc, 0), width, boundOf(a.width, width));
  valueTile.append(key, keyBlock, boundOf(a.keys, keyBlock));
  return {most, sum, contract(share, operand(a.output, a.valueRead, valueTile, a.row), output)};
}

void GpuAttentionTiler::run() {
  offsets = unitOffsets(b, f);
  TileDomain rows = queryTile(), outputTile = rows;
  outputTile.append(indexConstant(b, loc, 0), width, boundOf(a.width, width));
  Type f32 = b.getF32Type();
  Value queries;
  if (depthStrip >= a.depth) {
    TileDomain tile = queryTile();
    tile.append(indexConstant(b, loc, 0), keyBlock, std::nullopt);
    tile.append(indexConstant(b, loc, 0), depthStrip, boundOf(a.depth, depthStrip));
    queries = operand(a.scores, a.queryRead, tile, shared);
  }
  SmallVector<Value> initial = {number(rows.type(f32), -std::numeric_limits<double>::infinity()),
                                number(rows.type(f32), 0), number(outputTile.type(f32), 0)};
  auto loop = scf::ForOp::create(b, loc, indexConstant(b, loc, 0), indexConstant(b, loc, a.keys),
                                 indexConstant(b, loc, keyBlock), initial);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(b, loc, takeKeys(loop.getInductionVar(), queries, loop.getRegionIterArgs()));
  }
  llvm::DenseMap<Value, Value> known;
  auto write = [&](Value result) {
    for (auto [buffer, place] : f.outputs(result))
      storeTile(b, loc, known.lookup(result), buffer, outputTile, place);
  };
  known[a.output.getResult(0)] =
      DivOp::create(b, loc, loop.getResult(2), spread(loop.getResult(1), outputTile.type(f32)));
  write(a.output.getResult(0));
  for (StageOp stage : a.epilogue) {
    emitPointwise(stage, outputTile, known);
    llvm::for_each(stage.getResults(), write);
  }
}

LogicalResult tinyc::tileAttentionGpu(OpBuilder &b, const TiledFunction &f, Attention &attention) {
  GpuAttentionTiler(b, f, attention).run();
  return success();
}
