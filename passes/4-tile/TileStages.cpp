// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles kernels of pointwise stages and reductions over rows, stage by stage under one tile of the shared dimensions.
//
// A stage walks what the shared dimensions leave in strips; a reduction carries a partial result of the strip's width
// and combines its elements after the last strip, so the schedule alone fixes the order. Many strips of a sum of floats
// are summed in blocks. A value that a later stage
// reads stays an SSA value where both stages hold it whole, else goes through a private buffer, or, with keep = false,
// is computed again where it is read.
//
// A kernel without reductions is the case of one stage and no strips.

#include "passes/4-tile/RowCache.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/bit.h"

#include <cmath>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// Strips of a sum that are added one after the other.
static constexpr int64_t kLongestChain = 32;

namespace {

// Where a stage's result is found by later stages.
enum class Home { Nowhere, Tile, Buffer, Recomputed };

struct Slot {
  Home home = Home::Nowhere;
  Value value; ///< the tile, or the private buffer
};

class StageTiler {
public:
  StageTiler(OpBuilder &b, const TiledFunction &f, const StageWalk &walk)
      : b(b), f(f), walk(walk), shared(walk.sizes.size()), cache(f) {}

  LogicalResult run();

private:
  SmallVector<int64_t> stripsOf(StageOp stage);
  bool staysTile(StageOp stage, unsigned result);
  bool canMask(StageOp stage);
  LogicalResult placeResults();
  void walkShared(TileDomain domain);
  void noteReads(StageOp stage, AffineMap map, IntegerSet mask, ArrayRef<int64_t> domain);
  using NextStrip = function_ref<SmallVector<Value>(Value offset, bool bounded, SmallVector<Value> carried)>;
  SmallVector<Value> identities(StageOp stage, ArrayRef<Value> carried);
  SmallVector<Value> combined(StageOp stage, ArrayRef<Value> partial, ArrayRef<Value> more);
  SmallVector<Value> walkStrips(StageOp stage, unsigned dim, SmallVector<Value> carried, NextStrip next);
  void walkParallel(StageOp stage, unsigned dim, TileDomain domain);
  SmallVector<Value> walkReduce(StageOp stage, unsigned dim, TileDomain domain, SmallVector<Value> partial);
  SmallVector<Value> emitPoint(StageOp stage, const TileDomain &domain, ArrayRef<Value> partial);
  Value readValue(Value value, Location loc, const TileDomain &domain, AffineMap map, IntegerSet mask, TypedAttr fill);
  Value readKept(Location loc, const TileDomain &domain, AffineMap map, IntegerSet mask, TypedAttr fill);
  void writeResult(Location loc, Value result, Value tile, const TileDomain &domain);
  TileDomain localDomain(const TileDomain &domain);

  OpBuilder &b;
  const TiledFunction &f;
  const StageWalk &walk;
  unsigned shared;
  SmallVector<int64_t> tile;
  llvm::DenseMap<Value, Slot> slots;
  RowCache cache;
  bool inShared = false; ///< the strip is one that the cache keeps in shared memory
};

} // namespace

// The strip of each dimension that a stage has beside the shared ones: the last numbers of the schedule's `strip`.
SmallVector<int64_t> StageTiler::stripsOf(StageOp stage) {
  ArrayRef<int64_t> strip = walk.strip;
  size_t own = stage.getDomain().size() - shared;
  SmallVector<int64_t> strips(own - std::min(own, strip.size()), 1);
  llvm::append_range(strips, strip.take_back(std::min(own, strip.size())));
  return strips;
}

// Whether all readers of a result can take it as the tile that its stage computed: both hold its own dimensions whole.
bool StageTiler::staysTile(StageOp stage, unsigned result) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(stage.getResult(result).getType()).getShape();
  SmallVector<int64_t> strips = stripsOf(stage);
  for (unsigned d = shared; d < shape.size(); ++d)
    if (strips[d - shared] < shape[d])
      return false;
  for (OpOperand &use : stage.getResult(result).getUses()) {
    auto reader = dyn_cast<StageOp>(use.getOwner());
    if (!reader)
      continue;
    AffineMap map = reader.getMap(use.getOperandNumber());
    SmallVector<int64_t> domain = reader.getDomain(), readerStrips = stripsOf(reader);
    if (reader.getMask(use.getOperandNumber()) || !map.isProjectedPermutation())
      return false;
    for (unsigned d = shared; d < shape.size(); ++d) {
      unsigned from = map.getDimPosition(d);
      if (from < shared || readerStrips[from - shared] != strips[d - shared] ||
          readerStrips[from - shared] < domain[from])
        return false;
    }
  }
  return true;
}

// Whether a stage can be computed again for a read with a mask, at other points than its own. What it reads must be
// found there too: not so a tile of the stage's own points.
bool StageTiler::canMask(StageOp stage) {
  return f.chip.sharedBytes > 0 && llvm::all_of(stage.getOperands(), [&](Value operand) {
           return slots.lookup(operand).home != Home::Tile ||
                  cast<RankedTensorType>(operand.getType()).getRank() <= shared;
         });
}

LogicalResult StageTiler::placeResults() {
  int64_t sharedBytes = 0;
  for (StageOp stage : walk.stages)
    for (auto [i, result] : llvm::enumerate(stage.getResults())) {
      bool masked = false, read = false;
      for (OpOperand &use : result.getUses())
        if (auto reader = dyn_cast<StageOp>(use.getOwner())) {
          read = true;
          IntegerSet mask = reader.getMask(use.getOperandNumber());
          masked |= static_cast<bool>(mask);
          for (unsigned d = 0; mask && d < shared; ++d)
            for (AffineExpr constraint : mask.getConstraints())
              if (constraint.isFunctionOfDim(d))
                return reader.emitOpError("read ")
                       << use.getOperandNumber() << " of an earlier stage: expected a mask "
                       << "over the stage's own dimensions, found " << IntegerSetAttr::get(mask);
        }
      if (!read)
        continue;
      Slot slot;
      if (staysTile(stage, i)) {
        slot.home = Home::Tile;
      } else if (!f.schedule.getKeep() && stage.getKind(i) == ReduceKind::None && (!masked || canMask(stage))) {
        slot.home = Home::Recomputed;
      } else {
        slot.home = Home::Buffer;
        auto type = cast<RankedTensorType>(result.getType());
        SmallVector<int64_t> shape(tile);
        llvm::append_range(shape, type.getShape().drop_front(shared));
        Attribute space;
        if (f.chip.sharedBytes > 0)
          space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
        slot.value = memref::AllocaOp::create(
            b, stage.getLoc(), MemRefType::get(shape, type.getElementType(), MemRefLayoutAttrInterface(), space));
        int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
        for (int64_t size : shape)
          bytes *= size;
        sharedBytes += llvm::alignTo(bytes, 128);
      }
      slots[result] = slot;
    }
  for (StageOp stage : walk.stages)
    noteReads(stage, AffineMap::getMultiDimIdentityMap(stage.getDomain().size(), b.getContext()), {},
              stage.getDomain());
  cache.allocate(b, tile, sharedBytes);
  return success();
}

// The inputs that a stage over `domain` reads when it, or one of its producers, is computed at `map` of its points
// inside `mask`.
void StageTiler::noteReads(StageOp stage, AffineMap map, IntegerSet mask, ArrayRef<int64_t> domain) {
  for (auto [i, operand] : llvm::enumerate(stage.getOperands())) {
    AffineMap at = stage.getMap(i).compose(map);
    IntegerSet inside = intersect(composeSet(stage.getMask(i), map), mask);
    if (isa<BlockArgument>(operand))
      cache.note({operand, at, inside, stage.getFill(i)}, domain);
    else if (slots.lookup(operand).home == Home::Recomputed)
      noteReads(operand.getDefiningOp<StageOp>(), at, inside, domain);
  }
}

LogicalResult StageTiler::run() {
  tile = walk.unit;
  for (auto [t, i] : llvm::zip(tile, walk.inner))
    t = std::min(t, i);
  if (failed(placeResults()))
    return failure();
  walkShared({});
  return success();
}

// Loops over the unit's tile in tiles that are held at once; what is left of the last dimension is a masked tile.
void StageTiler::walkShared(TileDomain domain) {
  unsigned d = domain.rank();
  if (d == shared) {
    cache.beginTile();
    for (StageOp stage : walk.stages) {
      walkParallel(stage, shared, domain);
      cache.endStage();
    }
    return;
  }
  Location loc = f.function.getLoc();
  int64_t step = tile[d], size = walk.sizes[d], whole = size / step * step;
  bool ragged = whole != size;
  auto next = [&](Value offset, bool bounded) {
    TileDomain inside = domain;
    inside.append(offset, step, bounded ? std::optional<int64_t>(size) : std::nullopt);
    walkShared(inside);
  };
  Value begin = walk.offsets[d];
  if (walk.unit[d] == step)
    return next(begin, ragged);
  Value end = addAndLimit(b, loc, begin, walk.unit[d], whole);
  auto loop = scf::ForOp::create(b, loc, begin, end, indexConstant(b, loc, step));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    next(loop.getInductionVar(), false);
  }
  if (!ragged)
    return;
  Value last = addAndLimit(b, loc, begin, walk.unit[d], size);
  Value hasRest = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, last, indexConstant(b, loc, whole));
  auto rest = scf::IfOp::create(b, loc, hasRest);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(rest.thenBlock());
  next(indexConstant(b, loc, whole), true);
}

// How many strips are summed on their own before their sum is added to the others': a sum of n terms one after the
// other errs by n ulp, in blocks by the length of one and their number. 0: the strips are one chain.
static int64_t blockOf(StageOp stage, int64_t strips) {
  bool sums = llvm::any_of(llvm::seq(stage.getNumResults()), [&](unsigned i) {
    return stage.getKind(i) == ReduceKind::Sum && isa<FloatType>(elementType(stage.getResult(i).getType()));
  });
  return sums && strips >= kLongestChain ? llvm::bit_floor(static_cast<uint64_t>(std::sqrt(strips))) : 0;
}

// What each reduction of a stage starts with, in the form of `carried`.
SmallVector<Value> StageTiler::identities(StageOp stage, ArrayRef<Value> carried) {
  SmallVector<Value> values;
  for (unsigned i = 0; i < stage.getNumResults(); ++i)
    if (ReduceKind kind = stage.getKind(i); kind != ReduceKind::None) {
      auto type = cast<VectorType>(carried[values.size()].getType());
      values.push_back(splat(b, stage.getLoc(), type, reductionIdentity(kind, type.getElementType())));
    }
  return values;
}

SmallVector<Value> StageTiler::combined(StageOp stage, ArrayRef<Value> partial, ArrayRef<Value> more) {
  SmallVector<Value> values;
  for (unsigned i = 0; i < stage.getNumResults(); ++i)
    if (ReduceKind kind = stage.getKind(i); kind != ReduceKind::None) {
      unsigned at = values.size();
      values.push_back(combine(b, stage.getLoc(), kind, partial[at], more[at]));
    }
  return values;
}

// Walks one dimension beside the shared ones in strips, in order: those that the cache keeps first.
SmallVector<Value> StageTiler::walkStrips(StageOp stage, unsigned dim, SmallVector<Value> carried, NextStrip next) {
  Location loc = stage.getLoc();
  SmallVector<int64_t> domain = stage.getDomain();
  int64_t size = domain[dim], step = stripsOf(stage)[dim - shared];
  if (step >= size)
    return next(indexConstant(b, loc, 0), step > size, carried);
  // Lanes of a GPU are masked at no cost; a CPU has a loop without masks and a masked rest.
  bool peel = f.chip.lanes == 1;
  int64_t whole = peel ? size / step * step : size;
  auto loopOver = [&](Value from, Value to, bool bounded, SmallVector<Value> start) -> SmallVector<Value> {
    auto loop = scf::ForOp::create(b, loc, from, to, indexConstant(b, loc, step), start);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> results = next(loop.getInductionVar(), bounded, SmallVector<Value>(loop.getRegionIterArgs()));
    if (!start.empty())
      scf::YieldOp::create(b, loc, results);
    return SmallVector<Value>(loop.getResults());
  };
  auto walk = [&](int64_t from, int64_t to) {
    if (from >= to)
      return;
    bool bounded = (to - from) % step != 0;
    int64_t block = carried.empty() ? 0 : blockOf(stage, llvm::divideCeil(to - from, step)) * step;
    if (block == 0) {
      carried = loopOver(indexConstant(b, loc, from), indexConstant(b, loc, to), bounded, carried);
      return;
    }
    int64_t blocks = (to - from) / block;
    auto loop = scf::ForOp::create(b, loc, indexConstant(b, loc, from), indexConstant(b, loc, from + blocks * block),
                                   indexConstant(b, loc, block), carried);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value first = loop.getInductionVar();
      Value last = arith::AddIOp::create(b, loc, first, indexConstant(b, loc, block));
      SmallVector<Value> sums = loopOver(first, last, false, identities(stage, carried));
      scf::YieldOp::create(b, loc, combined(stage, SmallVector<Value>(loop.getRegionIterArgs()), sums));
    }
    carried = SmallVector<Value>(loop.getResults());
    if (int64_t rest = from + blocks * block; rest < to)
      carried = combined(
          stage, carried,
          loopOver(indexConstant(b, loc, rest), indexConstant(b, loc, to), bounded, identities(stage, carried)));
  };
  int64_t sharedEnd = cache.sharedEnd(domain), registerEnd = cache.registerEnd(domain);
  inShared = true;
  walk(0, std::min(sharedEnd, whole));
  inShared = false;
  for (int64_t at = sharedEnd; at < registerEnd; at += step)
    carried = next(indexConstant(b, loc, at), at + step > size, carried);
  walk(registerEnd, whole);
  return whole == size ? carried : next(indexConstant(b, loc, whole), true, carried);
}

void StageTiler::walkParallel(StageOp stage, unsigned dim, TileDomain domain) {
  Location loc = stage.getLoc();
  unsigned parallel = stage.getNumParallel();
  if (dim < parallel) {
    int64_t size = stage.getDomain()[dim], step = stripsOf(stage)[dim - shared];
    walkStrips(stage, dim, {}, [&](Value offset, bool bounded, const SmallVector<Value> &) -> SmallVector<Value> {
      TileDomain inside = domain;
      inside.append(offset, step, bounded ? std::optional<int64_t>(size) : std::nullopt);
      walkParallel(stage, dim + 1, inside);
      return {};
    });
    return;
  }

  SmallVector<Value> partial;
  SmallVector<int64_t> strips = stripsOf(stage), sizesOfStage = stage.getDomain();
  bool loops = false;
  for (unsigned d = parallel; d < sizesOfStage.size(); ++d)
    loops |= strips[d - shared] < sizesOfStage[d];
  SmallVector<int64_t> shape(domain.shape);
  llvm::append_range(shape, ArrayRef<int64_t>(strips).drop_front(parallel - shared));
  for (unsigned i = 0; i < stage.getNumResults(); ++i)
    if (loops && stage.getKind(i) != ReduceKind::None) {
      Type element = elementType(stage.getResult(i).getType());
      partial.push_back(splat(b, loc, VectorType::get(shape, element), reductionIdentity(stage.getKind(i), element)));
    }
  partial = walkReduce(stage, parallel, domain, partial);
  SmallVector<int64_t> reduced;
  for (int64_t d = parallel; d < static_cast<int64_t>(sizesOfStage.size()); ++d)
    reduced.push_back(d);
  unsigned next = 0;
  for (unsigned i = 0; i < stage.getNumResults(); ++i)
    if (stage.getKind(i) != ReduceKind::None) {
      Value whole = partial[next++];
      if (!reduced.empty())
        whole = ReduceOp::create(b, loc, stage.getKind(i), whole, reduced);
      writeResult(loc, stage.getResult(i), whole, domain);
    }
}

SmallVector<Value> StageTiler::walkReduce(StageOp stage, unsigned dim, TileDomain domain, SmallVector<Value> partial) {
  SmallVector<int64_t> stageSizes = stage.getDomain();
  if (dim == stageSizes.size())
    return emitPoint(stage, domain, partial);
  int64_t size = stageSizes[dim], step = stripsOf(stage)[dim - shared];
  return walkStrips(stage, dim, partial, [&](Value offset, bool bounded, SmallVector<Value> carried) {
    TileDomain inside = domain;
    inside.append(offset, step, bounded ? std::optional<int64_t>(size) : std::nullopt);
    return walkReduce(stage, dim + 1, inside, carried);
  });
}

// The stage at one tile of its whole domain: values that leave are written, reductions combined with `partial`, or
// returned as they are where that is empty.
SmallVector<Value> StageTiler::emitPoint(StageOp stage, const TileDomain &domain, ArrayRef<Value> partial) {
  Location loc = stage.getLoc();
  SmallVector<Value> reads;
  for (auto [i, operand] : llvm::enumerate(stage.getOperands()))
    reads.push_back(readValue(operand, loc, domain, stage.getMap(i), stage.getMask(i), stage.getFill(i)));
  AffineMap points = AffineMap::getMultiDimIdentityMap(domain.rank(), b.getContext());
  SmallVector<Value> values = f.emit(b, stage, domain, points, reads), combined;
  // Only points beyond the reduced dimensions' bounds would disturb a reduction; those of rows are never written.
  TileDomain reducedDomain = domain;
  for (unsigned d = 0; d < stage.getNumParallel(); ++d)
    reducedDomain.bounds[d] = std::nullopt;
  Value inside;
  for (unsigned i = 0; i < stage.getNumResults(); ++i) {
    ReduceKind kind = stage.getKind(i);
    if (kind == ReduceKind::None) {
      writeResult(loc, stage.getResult(i), values[i], domain);
      continue;
    }
    Value value = values[i];
    if (!inside)
      inside = insideBounds(b, loc, reducedDomain, f.needsWideIndex());
    if (inside) {
      Type element = elementType(value.getType());
      value =
          WhereOp::create(b, loc, inside, value, splat(b, loc, domain.type(element), reductionIdentity(kind, element)));
    }
    unsigned at = combined.size();
    combined.push_back(partial.empty() ? value : combine(b, loc, kind, partial[at], value));
  }
  return combined;
}

// The tile's place in a private buffer, which holds one tile of the shared dimensions.
TileDomain StageTiler::localDomain(const TileDomain &domain) {
  TileDomain local = domain;
  for (unsigned d = 0; d < shared; ++d) {
    local.offsets[d] = indexConstant(b, f.function.getLoc(), 0);
    local.bounds[d] = std::nullopt;
  }
  return local;
}

Value StageTiler::readValue(Value value, Location loc, const TileDomain &domain, AffineMap map, IntegerSet mask,
                            TypedAttr fill) {
  if (isa<BlockArgument>(value))
    return cache.load(b, loc, {value, map, mask, fill}, domain, localDomain(domain), inShared);
  if (value == walk.kept)
    return readKept(loc, domain, map, mask, fill);
  Slot slot = slots.lookup(value);
  if (slot.home == Home::Tile) {
    if (map.isIdentity())
      return slot.value;
    Type type = domain.type(elementType(slot.value.getType()));
    return ViewOp::create(b, loc, type, slot.value, map);
  }
  if (slot.home == Home::Buffer)
    return loadTile(b, loc, slot.value, localDomain(domain), map, mask, fill);
  // Computed again: the producer's reads at the positions that this read asks for.
  auto producer = value.getDefiningOp<StageOp>();
  SmallVector<Value> reads;
  for (auto [i, operand] : llvm::enumerate(producer.getOperands()))
    reads.push_back(readValue(operand, loc, domain, producer.getMap(i).compose(map),
                              intersect(composeSet(producer.getMask(i), map), mask), producer.getFill(i)));
  Value computed = f.emit(b, producer, domain, map, reads)[cast<OpResult>(value).getResultNumber()];
  Value inside = insideSet(b, loc, domain, mask, f.needsWideIndex());
  if (!inside)
    return computed;
  auto type = cast<VectorType>(computed.getType());
  TypedAttr outside = fill ? fill : TypedAttr(b.getZeroAttr(type.getElementType()));
  return WhereOp::create(b, loc, inside, computed, splat(b, loc, type, outside));
}

// From where an earlier stage left it: the buffer begins at an origin, one value a dimension, which the access takes as
// dimensions of its own.
Value StageTiler::readKept(Location loc, const TileDomain &domain, AffineMap map, IntegerSet mask, TypedAttr fill) {
  TileDomain wide = domain;
  SmallVector<AffineExpr> place, drop;
  for (auto [position, origin] : llvm::zip_equal(map.getResults(), walk.keptOrigin)) {
    place.push_back(origin ? position - b.getAffineDimExpr(wide.rank()) : position);
    if (origin)
      wide.append(origin, 1, std::nullopt);
  }
  IntegerSet within = mask ? IntegerSet::get(wide.rank(), 0, mask.getConstraints(), mask.getEqFlags()) : mask;
  Value tile =
      loadTile(b, loc, walk.keptBuffer, wide, AffineMap::get(wide.rank(), 0, place, b.getContext()), within, fill);
  for (unsigned d = 0; d < wide.rank(); ++d)
    drop.push_back(d < domain.rank() ? b.getAffineDimExpr(d) : b.getAffineConstantExpr(0));
  return ViewOp::create(b, loc, domain.type(elementType(tile.getType())), tile,
                        AffineMap::get(domain.rank(), 0, drop, b.getContext()));
}

void StageTiler::writeResult(Location loc, Value result, Value value, const TileDomain &domain) {
  Slot &slot = slots[result];
  AffineMap identity = AffineMap::getMultiDimIdentityMap(domain.rank(), b.getContext());
  if (slot.home == Home::Tile)
    slot.value = value;
  if (slot.home == Home::Buffer)
    storeTile(b, loc, value, slot.value, localDomain(domain), identity);
  for (auto [buffer, write] : f.outputs(result))
    storeTile(b, loc, value, buffer, domain, write);
}

LogicalResult tinyc::tileStages(OpBuilder &b, const TiledFunction &f, const StageWalk &walk) {
  return StageTiler(b, f, walk).run();
}

LogicalResult tinyc::tileStages(OpBuilder &b, const TiledFunction &f) {
  StageWalk walk;
  llvm::append_range(walk.stages, f.kernel.getStages());
  walk.sizes = sharedSizes(f.kernel);
  walk.offsets = unitOffsets(b, f);
  llvm::append_range(walk.unit, f.schedule.getUnit().asArrayRef());
  llvm::append_range(walk.inner, f.schedule.getInner().asArrayRef());
  llvm::append_range(walk.strip, f.schedule.getStrip().asArrayRef());
  return tileStages(b, f, walk);
}
