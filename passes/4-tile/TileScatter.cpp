// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles a scatter that walks its updates. A unit owns the elements at its positions of all dimensions but the one that
// the indices stand for: it copies them from the input, then takes the updates in row-major order of the indices.
// Nobody else writes there, so the order is that of the walk.
//
//   for r: result[p, r, s] = input[p, r, s]
//   for q: result[p, indices[q], s] = combine(result[p, indices[q], s], updates[p, q, s])

#include "passes/4-tile/Tiling.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

namespace {
class ScatterTiler {
public:
  ScatterTiler(OpBuilder &b, const TiledFunction &f)
      : b(b), f(f), scatter(f.kernel.getScatter()), loc(f.kernel.getLoc()), sizes(sharedSizes(f.kernel)),
        dim(scatter.getDim()) {}

  void run() { walk(unitOffsets(b, f), {}); }

private:
  void walk(ArrayRef<Value> unit, TileDomain domain);
  void copyRows(const TileDomain &domain);
  void walkUpdates(const TileDomain &domain);
  void loop(int64_t count, function_ref<void(Value)> body) {
    auto made =
        scf::ForOp::create(b, loc, indexConstant(b, loc, 0), indexConstant(b, loc, count), indexConstant(b, loc, 1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(made.getBody());
    body(made.getInductionVar());
  }
  // From the tile's dimensions and one more: those before the indices', `between`, those after.
  AffineMap around(ArrayRef<AffineExpr> between, unsigned symbols = 0) {
    SmallVector<AffineExpr> place;
    for (unsigned d = 0; d < dim; ++d)
      place.push_back(b.getAffineDimExpr(d));
    llvm::append_range(place, between);
    for (unsigned d = dim; d < sizes.size(); ++d)
      place.push_back(b.getAffineDimExpr(d));
    return AffineMap::get(sizes.size() + 1, symbols, place, b.getContext());
  }
  Value argument(unsigned operand) { return f.buffer(cast<BlockArgument>(scatter->getOperand(operand))); }

  OpBuilder &b;
  const TiledFunction &f;
  ScatterOp scatter;
  Location loc;
  SmallVector<int64_t> sizes;
  unsigned dim;
};
} // namespace

void ScatterTiler::walk(ArrayRef<Value> unit, TileDomain domain) {
  unsigned d = domain.rank();
  if (d == sizes.size()) {
    copyRows(domain);
    walkUpdates(domain);
    return;
  }
  ArrayRef<int64_t> units = f.schedule.getUnit(), inner = f.schedule.getInner();
  int64_t size = units[d], step = inner.empty() ? size : std::min(size, inner[d]);
  std::optional<int64_t> bound;
  if (sizes[d] % step != 0)
    bound = sizes[d];
  auto next = [&](Value offset) {
    TileDomain inside = domain;
    inside.append(offset, step, bound);
    walk(unit, inside);
  };
  if (size == step)
    return next(unit[d]);
  Value end = addAndLimit(b, loc, unit[d], size, sizes[d]);
  auto made = scf::ForOp::create(b, loc, unit[d], end, indexConstant(b, loc, step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(made.getBody());
  next(made.getInductionVar());
}

void ScatterTiler::copyRows(const TileDomain &domain) {
  AffineMap place = around({b.getAffineDimExpr(sizes.size())});
  loop(cast<RankedTensorType>(scatter.getType()).getDimSize(dim), [&](Value row) {
    TileDomain at = domain;
    at.append(row, 1, std::nullopt);
    storeTile(b, loc, loadTile(b, loc, argument(0), at, place), f.resultBuffer(0), at, place);
  });
}

void ScatterTiler::walkUpdates(const TileDomain &domain) {
  auto result = cast<RankedTensorType>(scatter.getType());
  auto indices = cast<RankedTensorType>(scatter.getIndices().getType());
  SmallVector<AffineExpr> number(indices.getRank()); // the indices' coordinates from the number of the update
  AffineExpr rest = b.getAffineDimExpr(sizes.size());
  for (unsigned d = indices.getRank(); d-- > 0; rest = rest.floorDiv(indices.getDimSize(d)))
    number[d] = d == 0 ? rest : rest % indices.getDimSize(d);
  auto integer = cast<IntegerType>(indices.getElementType());
  bool narrow = integer.getWidth() < 32 || (integer.getWidth() == 32 && !integer.isUnsigned());
  Type wanted = b.getIntegerType(narrow ? 32 : 64);
  auto below = b.getDenseI64ArrayAttr(result.getDimSize(dim));
  AffineMap target = around({b.getAffineSymbolExpr(0)}, 1);

  loop(indices.getNumElements(), [&](Value update) {
    TileDomain at = domain;
    at.append(update, 1, std::nullopt);
    Value index = loadTile(b, loc, argument(1), at, AffineMap::get(sizes.size() + 1, 0, number, b.getContext()));
    if (integer != wanted)
      index = CastOp::create(b, loc, index, wanted);
    Value value = loadTile(b, loc, argument(2), at, around(number));
    SmallVector<AffineExpr> constraints;
    for (auto [d, bound] : llvm::enumerate(at.bounds))
      if (bound)
        constraints.push_back(*bound - 1 - b.getAffineDimExpr(d));
    IntegerSetAttr mask;
    if (!constraints.empty())
      mask =
          IntegerSetAttr::get(IntegerSet::get(at.rank(), 0, constraints, SmallVector<bool>(constraints.size(), false)));
    if (scatter.getKind() != ScatterKind::Set) {
      Value present = LoadOp::create(b, loc, at.type(result.getElementType()), f.resultBuffer(0), at.offsets,
                                     AffineMapAttr::get(target), index, below, mask, TypedAttr());
      ReduceKind kind = scatter.getKind() == ScatterKind::Sum ? ReduceKind::Sum : ReduceKind::Max;
      value = combine(b, loc, kind, present, value);
    }
    StoreOp::create(b, loc, value, f.resultBuffer(0), at.offsets, AffineMapAttr::get(target), index, below, mask);
  });
}

LogicalResult tinyc::tileScatter(OpBuilder &b, const TiledFunction &f) {
  ScatterTiler(b, f).run();
  return success();
}
