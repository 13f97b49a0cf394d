// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles a contraction for a GPU: one unit computes a block of rows by columns, summing over strips of k in a loop, and
// the epilogue's stages take the block as a whole.
//
//   %acc = scf.for %k = 0 to K step BK iter_args(%c = 0) {
//     vector.contract (tiny.load rows), (tiny.load columns), %c : vector<BMxBK>, vector<BKxBN> into vector<BMxBN>
//
// A tile's dimensions are the parallel dimensions at the unit's offset, each of size 1, then the position in the block
// of rows m, in the block of columns n, and k. A block covers the unit's sizes along the dimensions of its run, so m
// and n are spread over them by powers of two; k runs over all reduction dimensions in one. So a convolution is read
// through its own map and mask, and never becomes a matrix in memory.

#include "passes/4-tile/Tiling.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

namespace {

class GpuContractionTiler {
public:
  GpuContractionTiler(OpBuilder &b, const TiledFunction &f, Contraction &c)
      : b(b), f(f), c(c), stage(c.stage), loc(stage.getLoc()), parallel(stage.getNumParallel()),
        instruction(f.schedule.getInstruction().getValue()) {}

  void run() {
    offsets = unitOffsets(b, f);
    blockM = product(c.m, f.schedule.getUnit(), 0);
    blockN = product(c.n, f.schedule.getUnit(), 0);
    blockK = product(c.k, f.schedule.getStrip(), c.k.front());
    depth = c.size(c.k);
    Value sums = multiply();
    finish(sums);
  }

private:
  static int64_t product(ArrayRef<unsigned> dims, ArrayRef<int64_t> sizes, unsigned first) {
    int64_t result = 1;
    for (unsigned dim : dims)
      result *= sizes[dim - first];
    return result;
  }

  // Where m and n stand among a tile's dimensions; k follows, or the tile has none.
  unsigned positionM() const { return parallel; }
  unsigned positionN() const { return parallel + 1; }
  unsigned positionK() const { return parallel + 2; }

  // The stage's parallel dimensions, and with k its whole domain, from a tile's dimensions.
  AffineMap toStage(bool withK) {
    SmallVector<AffineExpr> results(withK ? stage.getDomain().size() : parallel);
    for (unsigned d = 0; d < parallel; ++d)
      results[d] = b.getAffineDimExpr(d);
    auto spread = [&](ArrayRef<unsigned> run, unsigned position) {
      AffineExpr rest = b.getAffineDimExpr(position);
      for (unsigned dim : llvm::reverse(run)) {
        int64_t unit = f.schedule.getUnit()[dim];
        bool outermost = llvm::all_of(run, [&](unsigned d) { return d >= dim || f.schedule.getUnit()[d] == 1; });
        if (unit > 1)
          results[dim] = results[dim] + (outermost ? rest : rest % unit);
        rest = rest.floorDiv(unit);
      }
    };
    spread(c.m, positionM());
    spread(c.n, positionN());
    if (withK) {
      AffineExpr rest = b.getAffineDimExpr(positionK());
      for (unsigned dim : llvm::reverse(c.k)) {
        int64_t size = stage.getDomain()[dim];
        results[dim] = size == 1 ? b.getAffineConstantExpr(0) : dim == c.k.front() ? rest : rest % size;
        rest = rest.floorDiv(size);
      }
    }
    return AffineMap::get(parallel + 2 + withK, 0, results, b.getContext());
  }

  TileDomain domain(bool withK, Value k = {}) {
    TileDomain tile;
    for (Value offset : offsets)
      tile.append(offset, 1, std::nullopt);
    Value zero = indexConstant(b, loc, 0);
    tile.append(zero, blockM, std::nullopt);
    tile.append(zero, blockN, std::nullopt);
    if (withK)
      tile.append(k, blockK, std::nullopt);
    return tile;
  }

  // Points of a tile that are points of the domain, as far as `reads` depends on the dimension; then `mask`.
  IntegerSet inside(AffineMap toDomain, function_ref<bool(unsigned)> reads, bool withK, IntegerSet mask) {
    SmallVector<AffineExpr> constraints;
    SmallVector<bool> equal;
    for (ArrayRef<unsigned> run : {ArrayRef<unsigned>(c.m), ArrayRef<unsigned>(c.n)})
      for (unsigned dim : run) {
        int64_t size = stage.getDomain()[dim];
        if (size % f.schedule.getUnit()[dim] != 0 && reads(dim))
          constraints.push_back(getAffineConstantExpr(size - 1, b.getContext()) - toDomain.getResult(dim));
      }
    if (withK && depth % blockK != 0)
      constraints.push_back(getAffineConstantExpr(depth - 1, b.getContext()) - b.getAffineDimExpr(positionK()));
    equal.assign(constraints.size(), false);
    if (mask) {
      llvm::append_range(constraints, mask.getConstraints());
      llvm::append_range(equal, mask.getEqFlags());
    }
    return constraints.empty() ? IntegerSet() : IntegerSet::get(toDomain.getNumDims(), 0, constraints, equal);
  }

  Value load(Value buffer, const TileDomain &tile, AffineMap map, IntegerSet mask, TypedAttr fill) {
    auto type = cast<MemRefType>(buffer.getType());
    return LoadOp::create(b, loc, tile.type(type.getElementType()), buffer, tile.offsets, AffineMapAttr::get(map),
                          mask ? IntegerSetAttr::get(mask) : IntegerSetAttr(), mask ? fill : TypedAttr());
  }

  // One factor of the product: its read, without the dimension that it does not depend on, and its casts. A tensor core
  // takes the narrow type itself.
  Value factor(unsigned read, Value k, unsigned absent) {
    TileDomain tile = domain(true, k);
    AffineMap toDomain = toStage(true);
    IntegerSet mask = inside(
        toDomain, [&](unsigned dim) { return stage.getMap(read).isFunctionOfDim(dim) || usesMask(read, dim); }, true,
        composeSet(stage.getMask(read), toDomain));
    AffineMap map = stage.getMap(read).compose(toDomain);
    AffineMap gap = tile.drop(absent, b.getContext());
    Value value = load(f.buffer(cast<BlockArgument>(stage.getOperand(read))), tile, map.compose(gap),
                       composeSet(mask, gap), stage.getFill(read));
    if (instruction != "fma")
      return value;
    // Casts between the read and the product, innermost first.
    auto mul = stage.getYield().getValues()[0].getDefiningOp<MulOp>();
    for (Value root : {mul.getLhs(), mul.getRhs()}) {
      SmallVector<CastOp> casts;
      Value at = root;
      for (auto cast = at.getDefiningOp<CastOp>(); cast; cast = at.getDefiningOp<CastOp>()) {
        casts.push_back(cast);
        at = cast.getInput();
      }
      if (at != stage.getBody().getArgument(read))
        continue;
      for (CastOp cast : llvm::reverse(casts))
        value = CastOp::create(b, loc, value, cast.getType());
      break;
    }
    return value;
  }

  bool usesMask(unsigned read, unsigned dim) {
    IntegerSet mask = stage.getMask(read);
    return mask && llvm::any_of(mask.getConstraints(), [&](AffineExpr e) { return e.isFunctionOfDim(dim); });
  }

  Value multiply() {
    Type element = elementType(stage.getResult(0).getType());
    VectorType type = domain(false).type(element);
    Value zero = splat(b, loc, type, cast<TypedAttr>(b.getZeroAttr(element)));
    auto loop = scf::ForOp::create(b, loc, indexConstant(b, loc, 0), indexConstant(b, loc, depth),
                                   indexConstant(b, loc, blockK), zero);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value rows = factor(c.rowsRead, loop.getInductionVar(), positionN());
    Value columns = factor(c.columnsRead, loop.getInductionVar(), positionM());
    MLIRContext *context = b.getContext();
    unsigned rank = parallel + 3;
    auto without = [&](unsigned absent) {
      SmallVector<AffineExpr> dims;
      for (unsigned d = 0; d < rank; ++d)
        if (d != absent)
          dims.push_back(b.getAffineDimExpr(d));
      return AffineMap::get(rank, 0, dims, context);
    };
    auto maps = b.getAffineMapArrayAttr({without(positionN()), without(positionM()), without(positionK())});
    SmallVector<Attribute> iterators(rank, vector::IteratorTypeAttr::get(context, vector::IteratorType::parallel));
    iterators.back() = vector::IteratorTypeAttr::get(context, vector::IteratorType::reduction);
    Value sum = vector::ContractionOp::create(b, loc, rows, columns, loop.getRegionIterArgs()[0], maps,
                                              b.getArrayAttr(iterators));
    scf::YieldOp::create(b, loc, sum);
    return loop.getResult(0);
  }

  void finish(Value sums) {
    TileDomain tile = domain(false);
    AffineMap toParallel = toStage(false);
    IntegerSet within = inside(toParallel, [](unsigned) { return true; }, false, {});
    llvm::DenseMap<Value, Value> values;
    auto write = [&](Value result, Value value) {
      values[result] = value;
      for (auto [buffer, place] : f.outputs(result))
        StoreOp::create(b, loc, value, buffer, tile.offsets, AffineMapAttr::get(place.compose(toParallel)),
                        within ? IntegerSetAttr::get(within) : IntegerSetAttr());
    };
    write(stage.getResult(0), sums);
    for (StageOp next : llvm::drop_begin(f.kernel.getStages())) {
      SmallVector<Value> reads;
      for (auto [i, operand] : llvm::enumerate(next.getOperands())) {
        if (operand.getDefiningOp<StageOp>()) {
          reads.push_back(values.lookup(operand));
          continue;
        }
        AffineMap map = next.getMap(i);
        IntegerSet own = next.getMask(i);
        auto depends = [&](unsigned dim) {
          return map.isFunctionOfDim(dim) ||
                 (own && llvm::any_of(own.getConstraints(), [&](AffineExpr e) { return e.isFunctionOfDim(dim); }));
        };
        reads.push_back(load(f.buffer(cast<BlockArgument>(operand)), tile, map.compose(toParallel),
                             inside(toParallel, depends, false, composeSet(own, toParallel)), next.getFill(i)));
      }
      for (auto [result, value] : llvm::zip_equal(next.getResults(), f.emit(b, next, tile, toParallel, reads, within)))
        write(result, value);
    }
  }

  OpBuilder &b;
  const TiledFunction &f;
  Contraction &c;
  StageOp stage;
  Location loc;
  unsigned parallel;
  StringRef instruction;
  SmallVector<Value> offsets;
  int64_t blockM = 1, blockN = 1, blockK = 1, depth = 1;
};
} // namespace

// Padded k must be zero on both operands, so a mask whose fill is another number would need a second one.
bool tinyc::hasBlockContraction(const TiledFunction &f, Contraction &c) {
  Type element = elementType(c.stage.getResult(0).getType());
  StringRef instruction = f.schedule.getInstruction().getValue();
  bool integers =
      f.chip.kind == ChipKind::Other && element.isInteger(32) && !instruction.empty() && instruction != "fma";
  if (!element.isF32() && !integers)
    return false;
  for (unsigned read : {c.rowsRead, c.columnsRead})
    if (TypedAttr fill = c.stage.getFill(read)) {
      auto number = dyn_cast<FloatAttr>(fill);
      auto integer = dyn_cast<IntegerAttr>(fill);
      if (!(number && number.getValue().isPosZero()) && !(integer && integer.getValue().isZero()))
        return false;
    }
  return true;
}

LogicalResult tinyc::tileContractionGpu(OpBuilder &b, const TiledFunction &f, Contraction &contraction) {
  GpuContractionTiler(b, f, contraction).run();
  return success();
}
