// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalar bodies become the same ops on vectors.

#include "passes/4-tile/TileBody.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

void TileDomain::append(Value offset, int64_t size, std::optional<int64_t> bound) {
  offsets.push_back(offset);
  shape.push_back(size);
  bounds.push_back(bound);
}

AffineMap TileDomain::drop(unsigned dim, MLIRContext *context) {
  SmallVector<AffineExpr> whole;
  for (unsigned d = 0, next = 0; d < rank(); ++d)
    whole.push_back(d == dim ? getAffineConstantExpr(0, context) : getAffineDimExpr(next++, context));
  offsets.erase(offsets.begin() + dim);
  shape.erase(shape.begin() + dim);
  bounds.erase(bounds.begin() + dim);
  return AffineMap::get(rank(), 0, whole, context);
}

Value tinyc::splat(OpBuilder &b, Location loc, VectorType type, TypedAttr value) {
  auto elements = SplatElementsAttr::get(type, static_cast<Attribute>(value));
  return ConstOp::create(b, loc, type, cast<TypedAttr>(elements));
}

IntegerSet tinyc::composeSet(IntegerSet set, AffineMap map) {
  if (!set)
    return set;
  SmallVector<AffineExpr> constraints;
  for (AffineExpr constraint : set.getConstraints())
    constraints.push_back(simplifyAffineExpr(constraint.replaceDims(map.getResults()), map.getNumDims(), 0));
  return IntegerSet::get(map.getNumDims(), 0, constraints, set.getEqFlags());
}

IntegerSet tinyc::intersect(IntegerSet a, IntegerSet b) {
  if (!a || !b)
    return a ? a : b;
  SmallVector<AffineExpr> constraints(a.getConstraints());
  SmallVector<bool> equal(a.getEqFlags());
  llvm::append_range(constraints, b.getConstraints());
  llvm::append_range(equal, b.getEqFlags());
  return IntegerSet::get(a.getNumDims(), 0, constraints, equal);
}

// `mask` and the domain's bounds, of those dimensions for which `needed` holds.
static IntegerSet maskWithBounds(MLIRContext *context, const TileDomain &domain, IntegerSet mask,
                                 function_ref<bool(unsigned)> needed) {
  SmallVector<AffineExpr> constraints;
  SmallVector<bool> equal;
  if (mask) {
    llvm::append_range(constraints, mask.getConstraints());
    llvm::append_range(equal, mask.getEqFlags());
  }
  for (auto [d, bound] : llvm::enumerate(domain.bounds))
    if (bound && needed(d)) {
      constraints.push_back(*bound - 1 - getAffineDimExpr(d, context));
      equal.push_back(false);
    }
  return constraints.empty() ? IntegerSet() : IntegerSet::get(domain.rank(), 0, constraints, equal);
}

Value tinyc::loadTile(OpBuilder &b, Location loc, Value buffer, const TileDomain &domain, AffineMap map,
                      IntegerSet mask, TypedAttr fill) {
  // A dimension that the position does not depend on may run beyond its bound: no other element is read for it.
  IntegerSet set = maskWithBounds(b.getContext(), domain, mask, [&](unsigned d) { return map.isFunctionOfDim(d); });
  auto type = domain.type(cast<MemRefType>(buffer.getType()).getElementType());
  return LoadOp::create(b, loc, type, buffer, domain.offsets, AffineMapAttr::get(map),
                        set ? IntegerSetAttr::get(set) : IntegerSetAttr(), set ? fill : TypedAttr());
}

void tinyc::storeTile(OpBuilder &b, Location loc, Value value, Value buffer, const TileDomain &domain, AffineMap map) {
  IntegerSet set = maskWithBounds(b.getContext(), domain, {}, [](unsigned) { return true; });
  StoreOp::create(b, loc, value, buffer, domain.offsets, AffineMapAttr::get(map),
                  set ? IntegerSetAttr::get(set) : IntegerSetAttr());
}

Value tinyc::insideBounds(OpBuilder &b, Location loc, const TileDomain &domain, bool wide) {
  Type integer = b.getIntegerType(wide ? 64 : 32);
  Value inside;
  for (auto [d, bound] : llvm::enumerate(domain.bounds)) {
    if (!bound)
      continue;
    VectorType type = domain.type(integer);
    AffineMap map = AffineMap::get(domain.rank(), 0, getAffineDimExpr(d, b.getContext()));
    Value position = IotaOp::create(b, loc, type, map, domain.offsets);
    Value below = CmpLtOp::create(b, loc, position, splat(b, loc, type, b.getIntegerAttr(integer, *bound)));
    inside = inside ? AndOp::create(b, loc, inside, below) : below;
  }
  return inside;
}

Value tinyc::insideSet(OpBuilder &b, Location loc, const TileDomain &domain, IntegerSet set, bool wide) {
  Type integer = b.getIntegerType(wide ? 64 : 32);
  Value inside;
  for (unsigned i = 0; set && i < set.getNumConstraints(); ++i) {
    VectorType type = domain.type(integer);
    AffineMap map = AffineMap::get(domain.rank(), 0, set.getConstraint(i));
    Value value = IotaOp::create(b, loc, type, map, domain.offsets), holds;
    if (set.isEq(i))
      holds = CmpEqOp::create(b, loc, value, splat(b, loc, type, b.getIntegerAttr(integer, 0)));
    else
      holds = CmpLtOp::create(b, loc, splat(b, loc, type, b.getIntegerAttr(integer, -1)), value);
    inside = inside ? AndOp::create(b, loc, inside, holds).getResult() : holds;
  }
  return inside;
}

// A lookup of the stage at the tile's points: what lies beyond the domain's bounds is not touched.
static Value emitLookup(OpBuilder &b, LookupOp lookup, const TileDomain &domain, AffineMap points, ValueRange indices,
                        Value buffer, IntegerSet within) {
  AffineMap own = lookup.getMap();
  SmallVector<AffineExpr> symbols;
  for (unsigned i = 0; i < own.getNumSymbols(); ++i)
    symbols.push_back(b.getAffineSymbolExpr(i));
  AffineMap map = own.replaceDimsAndSymbols(points.getResults(), symbols, domain.rank(), own.getNumSymbols());
  IntegerSet mask = intersect(composeSet(lookup.getMask().value_or(IntegerSet()), points), within);
  IntegerSet set = maskWithBounds(b.getContext(), domain, mask, [&](unsigned d) { return map.isFunctionOfDim(d); });
  return LoadOp::create(b, lookup.getLoc(), domain.type(lookup.getType()), buffer, domain.offsets,
                        AffineMapAttr::get(map), indices, lookup.getBelowAttr(),
                        set ? IntegerSetAttr::get(set) : IntegerSetAttr(), lookup.getFill());
}

SmallVector<Value> tinyc::emitBody(OpBuilder &b, StageOp stage, const TileDomain &domain, AffineMap points,
                                   ArrayRef<Value> arguments, function_ref<Value(BlockArgument)> buffer,
                                   IntegerSet within) {
  IRMapping mapping;
  for (auto [argument, value] : llvm::zip_equal(stage.getBody().getArguments(), arguments))
    mapping.map(argument, value);
  for (Operation &op : stage.getBody().front().without_terminator()) {
    if (auto constant = dyn_cast<ConstOp>(op)) {
      mapping.map(constant.getResult(), splat(b, op.getLoc(), domain.type(constant.getType()), constant.getValue()));
      continue;
    }
    if (auto iota = dyn_cast<IotaOp>(op)) {
      mapping.map(iota.getResult(), IotaOp::create(b, op.getLoc(), domain.type(iota.getType()),
                                                   iota.getMap().compose(points), domain.offsets));
      continue;
    }
    if (auto lookup = dyn_cast<LookupOp>(op)) {
      auto indices = llvm::map_to_vector(lookup.getIndices(), [&](Value index) { return mapping.lookup(index); });
      mapping.map(lookup.getResult(), emitLookup(b, lookup, domain, points, indices,
                                                 buffer(cast<BlockArgument>(lookup.getTable())), within));
      continue;
    }
    Operation *clone = b.clone(op, mapping);
    for (OpResult result : clone->getResults())
      result.setType(domain.type(result.getType()));
  }
  return llvm::map_to_vector(stage.getYield().getValues(), [&](Value v) { return mapping.lookup(v); });
}

Value tinyc::combine(OpBuilder &b, Location loc, ReduceKind kind, Value lhs, Value rhs) {
  bool truth = elementType(lhs.getType()).isInteger(1); // of a scatter
  switch (kind) {
  case ReduceKind::Sum:
    return AddOp::create(b, loc, lhs, rhs);
  case ReduceKind::Prod:
    return MulOp::create(b, loc, lhs, rhs);
  case ReduceKind::Max:
    return truth ? OrOp::create(b, loc, lhs, rhs).getResult() : MaxOp::create(b, loc, lhs, rhs).getResult();
  case ReduceKind::None:
    break;
  }
  llvm_unreachable("a result of kind none is not combined");
}
