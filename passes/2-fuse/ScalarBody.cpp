// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Masks: a read under a mask gives its fill outside of it at no cost. Anything else that has to be a certain value
// outside of a mask is computed with reads that are masked, so that they stay in bounds, and then selected.

#include "passes/2-fuse/ScalarBody.h"

#include "dialects/Index/AffineRanges.h"
#include "passes/2-fuse/CostModel.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tinyc::tiny;

namespace tinyc::fusion {

bool isExternal(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || isa<ParamOp>(op) || isControl(op))
    return true;
  auto constant = dyn_cast<ConstOp>(op);
  return constant && isa<ElementsAttr>(constant.getValue()) && !isa<SplatElementsAttr>(constant.getValue());
}

Value tableOf(Value input) {
  for (auto view = input.getDefiningOp<ViewOp>(); view && !view.getMask(); view = input.getDefiningOp<ViewOp>())
    input = view.getInput();
  return input;
}

static TypedAttr scalarOf(ConstOp op) {
  if (auto splat = dyn_cast<SplatElementsAttr>(op.getValue()))
    return cast<TypedAttr>(splat.getSplatValue<Attribute>());
  return op.getValue();
}

// A fill for the input of `cast` that the cast takes to `fill`; null if there is none at hand.
static TypedAttr fillBefore(CastOp cast, TypedAttr fill) {
  Type from = elementType(cast.getInput().getType());
  auto number = dyn_cast<FloatAttr>(fill);
  if (auto whole = dyn_cast<IntegerAttr>(fill); whole && whole.getValue().isZero() && from.isInteger())
    return IntegerAttr::get(from, 0);
  auto format = dyn_cast<FloatType>(from);
  if (!number || !format)
    return {};
  bool lossy;
  APFloat value = number.getValue();
  APFloat::opStatus status = value.convert(format.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lossy);
  return status == APFloat::opOK && !lossy ? FloatAttr::get(from, value) : TypedAttr();
}

Value ScalarBody::define(const Root &root) {
  AffineMap map = root.definitionMap();
  if (ReduceOp reduce = root.reduce) {
    ops.insert(reduce);
    return at(reduce.getInput(), map, {}, {});
  }
  return compute(root.value.getDefiningOp(), map, {}, {});
}

Value ScalarBody::at(Value value, AffineMap map, IntegerSet mask, TypedAttr fill) {
  auto opaque = [](auto x) { return x ? x.getAsOpaquePointer() : nullptr; };
  Key key{value.getAsOpaquePointer(), map.getAsOpaquePointer(), opaque(mask), opaque(fill)};
  auto found = known.find(key);
  if (found != known.end())
    return found->second;
  bool leaf = plan.isRoot(value) || isExternal(value);
  Value result = leaf ? read(value, map, mask, fill) : compute(value.getDefiningOp(), map, mask, fill);
  known[key] = result;
  return result;
}

Value ScalarBody::read(Value value, AffineMap map, IntegerSet mask, TypedAttr fill) {
  map = nameUnitDims(map, domain);
  if (local && !mask)
    if (Value scalar = local(value, map))
      return scalar;
  Type element = elementType(value.getType());
  if (mask && !fill)
    fill = element.isInteger() ? TypedAttr(IntegerAttr::get(element, 0)) : FloatAttr::get(element, 0.0);
  reads.push_back({value, map, mask, fill});
  return argument ? argument(reads.back()) : Value();
}

Value ScalarBody::compute(Operation *op, AffineMap map, IntegerSet mask, TypedAttr fill) {
  Location loc = op->getLoc();
  if (auto v = dyn_cast<ViewOp>(op)) {
    ops.insert(op);
    return view(v, map, mask, fill);
  }
  if (auto cast = dyn_cast<CastOp>(op); cast && mask && fill)
    if (TypedAttr before = fillBefore(cast, fill)) {
      ops.insert(op);
      Value input = at(cast.getInput(), map, mask, before);
      return builder ? CastOp::create(*builder, loc, input, fill.getType()).getResult() : Value();
    }
  if (auto constantOp = dyn_cast<ConstOp>(op); constantOp && fill && scalarOf(constantOp) == fill)
    return constant(fill, loc);
  if (auto gathered = dyn_cast<GatherOp>(op); gathered && (!fill || fill == gathered.getOtherwise())) {
    ops.insert(op);
    return gather(gathered, map, mask);
  }
  if (mask && fill)
    return select(mask, at(op->getResult(0), map, mask, {}), fill, loc);
  if (auto constantOp = dyn_cast<ConstOp>(op))
    return constant(scalarOf(constantOp), loc);
  ops.insert(op);
  if (auto join = dyn_cast<ConcatOp>(op))
    return concat(join, map, mask);
  Type element = elementType(op->getResult(0).getType());
  if (auto iota = dyn_cast<IotaOp>(op)) {
    AffineMap composed = simplifyMap(iota.getMap().compose(map), domain);
    return builder ? IotaOp::create(*builder, loc, element, composed).getResult() : Value();
  }
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, at(operand, map, mask, {}));
  if (!builder)
    return {};
  Operation *scalar = builder->clone(*op, mapping);
  scalar->getResult(0).setType(element);
  return scalar->getResult(0);
}

Value ScalarBody::view(ViewOp op, AffineMap map, IntegerSet mask, TypedAttr fill) {
  MaskFact own = simplifyMask(op.getMask() ? composeMask(*op.getMask(), map) : IntegerSet(), domain);
  TypedAttr ownFill = op.getFill().value_or(TypedAttr());
  Location loc = op.getLoc();
  if (own.kind == MaskFact::Never)
    return mask && fill && fill != ownFill ? select(mask, constant(ownFill, loc), fill, loc) : constant(ownFill, loc);
  MaskFact both = simplifyMask(conjoin(mask, own.set), domain);
  if (both.kind == MaskFact::Never) // outside of the outer mask wherever the inner one holds
    return !fill || fill == ownFill ? constant(ownFill, loc) : select(mask, constant(ownFill, loc), fill, loc);
  AffineMap composed = simplifyMap(op.getMap().compose(map), domain, both.set);
  if (own.kind == MaskFact::Always)
    return at(op.getInput(), composed, both.set, fill);
  Value inner = at(op.getInput(), composed, both.set, ownFill);
  return mask && fill && fill != ownFill ? select(mask, inner, fill, loc) : inner;
}

// Outside of the mask the result is what the gather gives out of range.
Value ScalarBody::gather(GatherOp op, AffineMap map, IntegerSet mask) {
  MLIRContext *context = op.getContext();
  ArrayRef<AffineExpr> point = map.getResults();
  unsigned rank = domain.size(), dim = op.getDim();
  size_t count = cast<RankedTensorType>(op.getIndices().getType()).getRank();
  AffineMap place = AffineMap::get(rank, 0, point.slice(dim, count), context);
  Value index = at(op.getIndices(), place, mask, {});

  // The index is one more dimension, with the range that the lookup checks, while the views of the table are composed.
  SmallVector<AffineExpr> position(point.take_front(dim));
  position.push_back(getAffineDimExpr(rank, context));
  llvm::append_range(position, point.drop_front(dim + count));
  AffineMap inTable = AffineMap::get(rank + 1, 0, position, context);
  SmallVector<int64_t> sizes(domain);
  sizes.push_back(cast<RankedTensorType>(op.getInput().getType()).getDimSize(dim));
  IntegerSet where = mask ? IntegerSet::get(rank + 1, 0, mask.getConstraints(), mask.getEqFlags()) : mask;
  Value table = op.getInput();
  while (!plan.isRoot(table) && !isExternal(table)) {
    auto view = table.getDefiningOp<ViewOp>();
    ops.insert(view);
    inTable = simplifyMap(view.getMap().compose(inTable), sizes, where);
    table = view.getInput();
  }
  SmallVector<AffineExpr> dims;
  for (unsigned d = 0; d < rank; ++d)
    dims.push_back(getAffineDimExpr(d, context));
  dims.push_back(getAffineSymbolExpr(0, context));
  inTable = inTable.replaceDimsAndSymbols(dims, {}, rank, 1);

  reads.push_back({table, inTable, mask, op.getOtherwise(), /*lookup=*/true});
  if (!builder)
    return {};
  auto integer = cast<IntegerType>(index.getType());
  bool narrow = integer.getWidth() < 32 || (integer.getWidth() == 32 && !integer.isUnsigned());
  if (Type wanted = builder->getIntegerType(narrow ? 32 : 64); integer != wanted)
    index = CastOp::create(*builder, op.getLoc(), index, wanted);
  return LookupOp::create(*builder, op.getLoc(), op.getOtherwise().getType(), argument(reads.back()),
                          AffineMapAttr::get(inTable), index, builder->getDenseI64ArrayAttr(sizes.back()),
                          mask ? IntegerSetAttr::get(mask) : IntegerSetAttr(), op.getOtherwise());
}

Value ScalarBody::concat(ConcatOp op, AffineMap map, IntegerSet mask) {
  MLIRContext *context = op.getContext();
  int64_t dim = op.getDim(), start = 0;
  SmallVector<std::pair<Value, AffineExpr>> parts; // a value, and what is negative where it is the one
  AffineExpr position = map.getResult(dim);
  for (Value input : op.getInputs()) {
    int64_t size = cast<RankedTensorType>(input.getType()).getDimSize(dim), end = start + size;
    IntegerSet inside = IntegerSet::get(map.getNumDims(), 0, {position - start, -position + (end - 1)}, {false, false});
    MaskFact fact = simplifyMask(conjoin(mask, inside), domain);
    if (fact.kind != MaskFact::Never) {
      SmallVector<AffineExpr> results(map.getResults());
      results[dim] = position - start;
      AffineMap shifted = AffineMap::get(map.getNumDims(), 0, results, context);
      parts.emplace_back(at(input, simplifyMap(shifted, domain, fact.set), fact.set, {}), position - end);
    }
    start = end;
  }
  if (parts.empty())
    return constant(reductionIdentity(ReduceKind::Sum, elementType(op.getType())), op.getLoc());
  Value result = parts.back().first;
  for (auto &[value, before] : llvm::reverse(ArrayRef(parts).drop_back())) {
    Value condition = compare(-before - 1, /*equality=*/false, op.getLoc());
    if (builder)
      result = WhereOp::create(*builder, op.getLoc(), condition, value, result);
  }
  return result;
}

// expr >= 0 (or == 0) as a truth value.
Value ScalarBody::compare(AffineExpr expr, bool equality, Location loc) {
  if (!builder)
    return {};
  SmallVector<Interval> dims = domainOf(domain);
  AffineExpr tested = simplifyExpr(equality ? expr : -expr - 1, dims); // expr >= 0 is -expr - 1 < 0
  // Compare the coordinate with the constant, as a person would.
  int64_t bound = 0;
  if (auto sum = dyn_cast<AffineBinaryOpExpr>(tested); sum && sum.getKind() == AffineExprKind::Add)
    if (auto last = dyn_cast<AffineConstantExpr>(sum.getRHS())) {
      bound = -last.getValue();
      tested = sum.getLHS();
    }
  std::optional<Interval> bounds = boundsOf(tested, dims);
  bool fits = bounds && llvm::isInt<32>(bounds->low) && llvm::isInt<32>(bounds->high) && llvm::isInt<32>(bound);
  Type type = builder->getIntegerType(fits ? 32 : 64);
  Value position = IotaOp::create(*builder, loc, type, AffineMap::get(domain.size(), 0, tested));
  Value limit = constant(IntegerAttr::get(type, bound), loc);
  return equality ? CmpEqOp::create(*builder, loc, position, limit).getResult()
                  : CmpLtOp::create(*builder, loc, position, limit).getResult();
}

Value ScalarBody::condition(IntegerSet mask, Location loc) {
  Value all;
  for (unsigned i = 0; i < mask.getNumConstraints(); ++i) {
    Value one = compare(mask.getConstraint(i), mask.isEq(i), loc);
    if (builder)
      all = all ? AndOp::create(*builder, loc, all, one).getResult() : one;
  }
  return all;
}

Value ScalarBody::select(IntegerSet mask, Value value, TypedAttr fill, Location loc) {
  Value holds = condition(mask, loc), other = constant(fill, loc);
  return builder ? WhereOp::create(*builder, loc, holds, value, other).getResult() : Value();
}

Value ScalarBody::constant(TypedAttr value, Location loc) {
  if (!builder)
    return {};
  Key key{nullptr, nullptr, nullptr, value.getAsOpaquePointer()};
  Value &result = known[key];
  if (!result)
    result = ConstOp::create(*builder, loc, value);
  return result;
}

} // namespace tinyc::fusion
