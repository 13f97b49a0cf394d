// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a scatter becomes. Each row of the result may look for the updates that are meant for it:
//
// - one update: the row is combined with it where the index is the row's,
// - `set`: the number of the last update whose index is the row's is a maximum over the updates; the row is gathered
//   from there,
// - `max`, and `sum` of integers, whose order does not show: the updates meant for the row are reduced.
//
// A slice of what a loop carries, written once a trip, stays as it is (SliceWrite.h).
//
// All work units do so at once, but compare every row with every update. Where that costs too much, or the order of a
// sum of floats shows, a kernel walks the updates in order.

#include "passes/2-fuse/CostModel.h"
#include "passes/2-fuse/FusionPlan.h"
#include "passes/2-fuse/SliceWrite.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace tinyc::tiny;

namespace tinyc::fusion {

namespace {
class ScatterForm {
public:
  explicit ScatterForm(ScatterOp op)
      : op(op), b(op.getLoc(), op), type(cast<RankedTensorType>(op.getType())), dim(op.getDim()),
        rows(type.getDimSize(dim)), updates(elementCount(op.getIndices().getType())) {}

  /// The result in another form; null where the updates are walked.
  Value find();

private:
  Value view(Value input, ArrayRef<int64_t> shape, ArrayRef<AffineExpr> results) {
    auto made = cast<RankedTensorType>(input.getType()).clone(shape);
    return ViewOp::create(b, made, input, AffineMap::get(shape.size(), 0, results, b.getContext()));
  }
  Value number(ArrayRef<int64_t> shape, Type element, unsigned along) {
    return IotaOp::create(b, RankedTensorType::get(shape, element),
                          AffineMap::get(shape.size(), 0, b.getAffineDimExpr(along)));
  }
  Value splat(Type like, Attribute value) {
    return ConstOp::create(b, cast<TypedAttr>(Attribute(SplatElementsAttr::get(cast<ShapedType>(like), value))));
  }
  Value flatIndices();
  Value isMeant(ArrayRef<int64_t> shape, unsigned row, unsigned update);
  Value updatesOver(ArrayRef<int64_t> shape, unsigned update);
  Value combine(Value present, Value update);
  Value gatherLast();
  Value reduceAll();

  ScatterOp op;
  ImplicitLocOpBuilder b;
  RankedTensorType type;
  unsigned dim;
  int64_t rows, updates;
};
} // namespace

// One dimension of indices, as signed numbers of 64 bits: a large one without a sign is out of range as a negative one.
Value ScatterForm::flatIndices() {
  auto from = cast<RankedTensorType>(op.getIndices().getType());
  SmallVector<AffineExpr> place(from.getRank());
  AffineExpr rest = b.getAffineDimExpr(0);
  for (unsigned d = from.getRank(); d-- > 0; rest = rest.floorDiv(std::max<int64_t>(1, from.getDimSize(d))))
    place[d] = d == 0 ? rest : rest % std::max<int64_t>(1, from.getDimSize(d));
  Value flat = view(op.getIndices(), {updates}, place);
  return from.getElementType() == b.getI64Type() ? flat : CastOp::create(b, flat, b.getI64Type()).getResult();
}

// Over `shape`, whose dimensions `row` and `update` number them: whether the update is meant for the row.
Value ScatterForm::isMeant(ArrayRef<int64_t> shape, unsigned row, unsigned update) {
  Value index = view(flatIndices(), shape, {b.getAffineDimExpr(update)});
  return CmpEqOp::create(b, index, number(shape, b.getI64Type(), row));
}

// The updates over the result's dimensions and, where `update` says, one that numbers them.
Value ScatterForm::updatesOver(ArrayRef<int64_t> shape, unsigned update) {
  auto indices = cast<RankedTensorType>(op.getIndices().getType());
  SmallVector<AffineExpr> place;
  for (unsigned d = 0; d < dim; ++d)
    place.push_back(b.getAffineDimExpr(d));
  AffineExpr rest = b.getAffineDimExpr(update);
  SmallVector<AffineExpr> within(indices.getRank());
  for (unsigned d = indices.getRank(); d-- > 0; rest = rest.floorDiv(indices.getDimSize(d)))
    within[d] = d == 0 ? rest : rest % indices.getDimSize(d);
  llvm::append_range(place, within);
  for (unsigned d = dim + 1; d < static_cast<unsigned>(type.getRank()); ++d)
    place.push_back(b.getAffineDimExpr(d));
  return view(op.getUpdates(), shape, place);
}

Value ScatterForm::combine(Value present, Value update) {
  switch (op.getKind()) {
  case ScatterKind::Set:
    return update;
  case ScatterKind::Sum:
    return AddOp::create(b, present, update);
  case ScatterKind::Max:
    return MaxOp::create(b, present, update);
  }
  llvm_unreachable("no other kind");
}

Value ScatterForm::gatherLast() {
  Type i64 = b.getI64Type();
  SmallVector<int64_t> pairs{rows, updates};
  Value meant = isMeant(pairs, 0, 1), which = number(pairs, i64, 1);
  Value candidates = WhereOp::create(b, meant, which, splat(which.getType(), b.getI64IntegerAttr(-1)));
  Value last = ReduceOp::create(b, ReduceKind::Max, candidates, ArrayRef<int64_t>{1});
  // The updates with one dimension in the place of the indices'.
  SmallVector<int64_t> shape(type.getShape());
  shape[dim] = updates;
  auto zero = cast<TypedAttr>(b.getZeroAttr(type.getElementType()));
  Value found = GatherOp::create(b, type, updatesOver(shape, dim), last, b.getI64IntegerAttr(dim), zero);
  Value place = view(last, type.getShape(), {b.getAffineDimExpr(dim)});
  Value any = CmpLtOp::create(b, splat(place.getType(), b.getI64IntegerAttr(-1)), place);
  return WhereOp::create(b, any, found, op.getInput());
}

Value ScatterForm::reduceAll() {
  SmallVector<int64_t> shape(type.getShape());
  unsigned last = shape.size();
  shape.push_back(updates);
  ReduceKind kind = op.getKind() == ScatterKind::Sum ? ReduceKind::Sum : ReduceKind::Max;
  Value all = updatesOver(shape, last);
  Value none = splat(all.getType(), reductionIdentity(kind, type.getElementType()));
  Value meant = WhereOp::create(b, isMeant(shape, dim, last), all, none);
  return combine(op.getInput(), ReduceOp::create(b, kind, meant, ArrayRef<int64_t>{static_cast<int64_t>(last)}));
}

Value ScatterForm::find() {
  Type element = type.getElementType();
  if (op.getKind() != ScatterKind::Set && element.isInteger(1))
    return {};
  if (updates == 1) {
    SmallVector<int64_t> shape(type.getShape());
    Value index = view(flatIndices(), shape, {b.getAffineConstantExpr(0)});
    Value meant = CmpEqOp::create(b, index, number(shape, b.getI64Type(), dim));
    SmallVector<AffineExpr> place;
    for (unsigned d = 0; d < shape.size(); ++d) {
      if (d != dim)
        place.push_back(b.getAffineDimExpr(d));
      else
        place.append(cast<RankedTensorType>(op.getIndices().getType()).getRank(), b.getAffineConstantExpr(0));
    }
    return WhereOp::create(b, meant, combine(op.getInput(), view(op.getUpdates(), shape, place)), op.getInput());
  }
  int64_t width = elementCount(type) / std::max<int64_t>(1, rows);
  if (op.getKind() == ScatterKind::Set)
    return isComparedCheaply(rows, updates, width, 1) ? gatherLast() : Value();
  bool ordered = op.getKind() == ScatterKind::Sum && isa<FloatType>(element);
  return !ordered && isComparedCheaply(rows, updates, width, width) ? reduceAll() : Value();
}

void chooseScatterForms(Block &block) {
  for (auto op : llvm::make_early_inc_range(block.getOps<ScatterOp>()))
    if (Value result = sliceWriteOf(op) ? Value() : ScatterForm(op).find()) {
      op.getResult().replaceAllUsesWith(result);
      op.erase();
    }
}

} // namespace tinyc::fusion
