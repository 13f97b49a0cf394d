// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Splits an address into what all lanes share, a stride, and a rest that each lane computes for itself.

#include "passes/6-lower/LaneAddress.h"
#include "passes/3-schedule/AddressForm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include <numeric>

using namespace mlir;
using namespace tinyc;

RegisterShape::RegisterShape(ArrayRef<int64_t> tile) : shape(tile) {
  for (int d = 0, e = tile.size(); d < e; ++d)
    if (tile[d] != 1)
      lane = d;
  for (int d = 0; d < lane; ++d)
    registers *= tile[d];
  if (lane >= 0)
    lanes = tile[lane];
}

SmallVector<int64_t> RegisterShape::coordinates(int64_t index) const {
  SmallVector<int64_t> result(shape.size(), 0);
  for (int d = lane - 1; d >= 0; --d) {
    result[d] = index % shape[d];
    index /= shape[d];
  }
  return result;
}

int64_t RegisterShape::registerOf(ArrayRef<int64_t> coordinates) const {
  int64_t index = 0;
  for (int d = 0; d < lane; ++d)
    index = index * shape[d] + coordinates[d];
  return index;
}

// A power of two, of at most 2^30, that divides the value for certain.
static int64_t divisorOf(Value value) {
  constexpr int64_t most = int64_t(1) << 30;
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return std::min(most, int64_t(1) << std::min(30u, constant.countr_zero()));
  auto argument = dyn_cast<BlockArgument>(value);
  auto loop = argument ? dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp()) : scf::ForOp();
  if (loop && argument == loop.getInductionVar())
    return std::gcd(divisorOf(loop.getLowerBound()), divisorOf(loop.getStep()));
  if (auto mul = value.getDefiningOp<arith::MulIOp>())
    return std::min(most, divisorOf(mul.getLhs()) * divisorOf(mul.getRhs()));
  if (auto add = value.getDefiningOp<arith::AddIOp>())
    return std::gcd(divisorOf(add.getLhs()), divisorOf(add.getRhs()));
  return 1;
}

LanePoints::LanePoints(OpBuilder &b, Location loc, ValueRange offsets, const RegisterShape &shape,
                       ArrayRef<int64_t> coordinates, unsigned width, int64_t spread)
    : b(b), loc(loc), offsets(offsets), lanes(shape.lanes), spread(spread), width(width) {
  for (auto [d, offset] : llvm::enumerate(offsets)) {
    APInt constant;
    AffineExpr at = matchPattern(offset, m_ConstantInt(&constant)) ? b.getAffineConstantExpr(constant.getSExtValue())
                                                                   : b.getAffineDimExpr(d);
    at = at + coordinates[d];
    if (static_cast<int>(d) == shape.lane && lanes > 1)
      at = at + b.getAffineSymbolExpr(0);
    replacements.push_back(at);
  }
}

Value LanePoints::addIndex(Value numbers, bool uniform, int64_t limit) {
  auto type = cast<VectorType>(numbers.getType());
  unsigned width = type.getElementTypeBitWidth();
  if (uniform) {
    numbers = vector::ExtractOp::create(b, loc, numbers, ArrayRef<int64_t>{0});
    replacements.push_back(b.getAffineDimExpr(offsets.size()));
    offsets.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), numbers));
  } else {
    replacements.push_back(b.getAffineSymbolExpr(1 + indices.size()));
    offsets.push_back(Value());
    indices.push_back(numbers);
  }
  // A negative number is a large one without a sign.
  APInt bound(width, width < 64 ? std::min(limit, int64_t(1) << (width - 1)) : limit);
  Value most =
      uniform
          ? arith::ConstantOp::create(b, loc, b.getIntegerAttr(type.getElementType(), bound)).getResult()
          : arith::ConstantOp::create(b, loc, cast<TypedAttr>(DenseElementsAttr::get(cast<ShapedType>(type), bound)))
                .getResult();
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, numbers, most);
}

static bool differsByLane(AffineExpr expr) {
  return expr
      .walk([](AffineExpr e) { return isa<AffineSymbolExpr>(e) ? WalkResult::interrupt() : WalkResult::advance(); })
      .wasInterrupted();
}

static bool isLane(AffineExpr expr) {
  auto symbol = dyn_cast<AffineSymbolExpr>(expr);
  return symbol && symbol.getPosition() == 0;
}

// Whether `inside` mod and floordiv `by` follow the lanes without a break: inside = multiple of the lanes' number +
// lane, and `by` a multiple too.
static bool unbroken(AffineExpr inside, int64_t by, int64_t lanes, ArrayRef<Value> offsets) {
  if (by % lanes != 0)
    return false;
  AddressForm form = addressForm(inside);
  if (form.constant % lanes != 0)
    return false;
  for (const AddressForm::Term &term : form.terms) {
    if (isLane(term.atom)) {
      if (term.coefficient != 1)
        return false;
      continue;
    }
    auto dim = dyn_cast<AffineDimExpr>(term.atom);
    if (!dim || term.coefficient % lanes * divisorOf(offsets[dim.getPosition()]) % lanes != 0)
      return false;
  }
  return true;
}

LanePoints::Split LanePoints::split(AffineExpr expr) {
  AddressForm form = addressForm(expr.replaceDims(replacements));
  Split result{b.getAffineConstantExpr(form.constant), 0, AffineExpr()};
  auto none = b.getAffineConstantExpr(0);
  for (const AddressForm::Term &term : form.terms) {
    if (!differsByLane(term.atom)) {
      result.base = result.base + term.atom * term.coefficient;
      continue;
    }
    if (isLane(term.atom)) {
      result.stride += term.coefficient;
      continue;
    }
    auto binary = dyn_cast<AffineBinaryOpExpr>(term.atom);
    auto by = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS()) : AffineConstantExpr();
    if (by && unbroken(binary.getLHS(), by.getValue(), lanes, offsets)) {
      AffineExpr first = binary.getLHS().replaceSymbols(none);
      bool modulo = binary.getKind() == AffineExprKind::Mod;
      result.base = result.base + (modulo ? first % by.getValue() : first.floorDiv(by.getValue())) * term.coefficient;
      result.stride += modulo ? term.coefficient : 0;
      continue;
    }
    AffineExpr bent = term.atom * term.coefficient;
    result.bent = result.bent ? result.bent + bent : bent;
  }
  return result;
}

static Value splatInteger(OpBuilder &b, Location loc, Type type, int64_t value) {
  Type element = cast<VectorType>(type).getElementType();
  return arith::ConstantOp::create(
      b, loc, cast<TypedAttr>(DenseElementsAttr::get(cast<ShapedType>(type), b.getIntegerAttr(element, value))));
}

// The quotient rounded down, for positive divisors: of a negative number l it is ~(~l / r).
static Value floorDivide(OpBuilder &b, Location loc, Value lhs, Value rhs) {
  Type type = lhs.getType();
  auto constant = [&](int64_t value) -> Value {
    if (isa<VectorType>(type))
      return splatInteger(b, loc, type, value);
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
  };
  Value ones = constant(-1);
  Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, lhs, constant(0));
  Value dividend = arith::SelectOp::create(b, loc, negative, arith::XOrIOp::create(b, loc, lhs, ones), lhs);
  Value quotient = arith::DivUIOp::create(b, loc, dividend, rhs);
  return arith::SelectOp::create(b, loc, negative, arith::XOrIOp::create(b, loc, quotient, ones), quotient);
}

Value LanePoints::scalar(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return arith::ConstantIndexOp::create(b, loc, constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return offsets[dim.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value lhs = scalar(binary.getLHS()), rhs = scalar(binary.getRHS());
  bool natural = isNatural(binary.getLHS());
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return arith::AddIOp::create(b, loc, lhs, rhs);
  case AffineExprKind::Mul:
    return arith::MulIOp::create(b, loc, lhs, rhs);
  case AffineExprKind::FloorDiv:
    return natural ? arith::DivUIOp::create(b, loc, lhs, rhs).getResult() : floorDivide(b, loc, lhs, rhs);
  case AffineExprKind::Mod: {
    if (natural)
      return arith::RemUIOp::create(b, loc, lhs, rhs);
    Value quotient = floorDivide(b, loc, lhs, rhs);
    return arith::SubIOp::create(b, loc, lhs, arith::MulIOp::create(b, loc, quotient, rhs));
  }
  default: { // rounded up
    Value above = arith::SubIOp::create(b, loc, rhs, arith::ConstantIndexOp::create(b, loc, 1));
    return floorDivide(b, loc, arith::AddIOp::create(b, loc, lhs, above), rhs);
  }
  }
}

Value LanePoints::vectorOf(AffineExpr expr, Type type) {
  auto vectorType = cast<VectorType>(type);
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return splatInteger(b, loc, type, constant.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr); symbol && symbol.getPosition() > 0) {
    Value index = indices[symbol.getPosition() - 1];
    unsigned from = cast<VectorType>(index.getType()).getElementTypeBitWidth(),
             to = vectorType.getElementTypeBitWidth();
    return from == to  ? index
           : from < to ? arith::ExtSIOp::create(b, loc, type, index).getResult()
                       : arith::TruncIOp::create(b, loc, type, index).getResult();
  }
  if (isa<AffineSymbolExpr>(expr)) {
    SmallVector<Attribute> numbers;
    for (int64_t i = 0; i < lanes * spread; ++i)
      numbers.push_back(b.getIntegerAttr(vectorType.getElementType(), i / spread));
    return arith::ConstantOp::create(b, loc, cast<TypedAttr>(DenseElementsAttr::get(vectorType, numbers)));
  }
  if (!differsByLane(expr)) {
    Value narrow = arith::IndexCastOp::create(b, loc, vectorType.getElementType(), scalar(expr));
    return vector::BroadcastOp::create(b, loc, type, narrow);
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value lhs = vectorOf(binary.getLHS(), type), rhs = vectorOf(binary.getRHS(), type);
  if (expr.getKind() == AffineExprKind::Add)
    return arith::AddIOp::create(b, loc, lhs, rhs);
  if (expr.getKind() == AffineExprKind::Mul)
    return arith::MulIOp::create(b, loc, lhs, rhs);
  bool natural = isNatural(binary.getLHS());
  Value quotient = natural ? arith::DivUIOp::create(b, loc, lhs, rhs).getResult() : floorDivide(b, loc, lhs, rhs);
  if (expr.getKind() == AffineExprKind::FloorDiv)
    return quotient;
  return arith::SubIOp::create(b, loc, lhs, arith::MulIOp::create(b, loc, quotient, rhs));
}

Value LanePoints::vector(const Split &split, bool withBase) {
  auto type = VectorType::get({lanes * spread}, b.getIntegerType(width));
  AffineExpr expr = b.getAffineSymbolExpr(0) * split.stride;
  if (lanes == 1)
    expr = b.getAffineConstantExpr(0);
  if (split.bent)
    expr = expr + split.bent;
  Value result = vectorOf(expr, type);
  if (!withBase)
    return result;
  return arith::AddIOp::create(b, loc, result, vectorOf(split.base, type));
}

LanePoints::Mask LanePoints::mask(IntegerSet set) {
  Mask mask;
  if (!set)
    return mask;
  auto both = [&](Value &all, Value more) { all = all ? arith::AndIOp::create(b, loc, all, more).getResult() : more; };
  for (auto [i, constraint] : llvm::enumerate(set.getConstraints())) {
    auto predicate = set.isEq(i) ? arith::CmpIPredicate::eq : arith::CmpIPredicate::sge;
    Split parts = split(constraint);
    if (!parts.varies()) {
      if (auto constant = dyn_cast<AffineConstantExpr>(parts.base))
        if (set.isEq(i) ? constant.getValue() == 0 : constant.getValue() >= 0)
          continue;
      both(mask.uniform,
           arith::CmpIOp::create(b, loc, predicate, scalar(parts.base), arith::ConstantIndexOp::create(b, loc, 0)));
      continue;
    }
    // base + rest(lane) >= 0 as rest(lane) >= -base: the left side is mostly a constant.
    Value rest = vector(parts, false);
    Value limit = arith::SubIOp::create(b, loc, arith::ConstantIndexOp::create(b, loc, 0), scalar(parts.base));
    Value narrow = arith::IndexCastOp::create(b, loc, b.getIntegerType(width), limit);
    Value splat = vector::BroadcastOp::create(b, loc, rest.getType(), narrow);
    both(mask.lanes, arith::CmpIOp::create(b, loc, predicate, rest, splat));
  }
  return mask;
}

Value LanePoints::asVector(const Mask &mask) {
  if (!mask.uniform)
    return mask.lanes;
  Value all = vector::BroadcastOp::create(b, loc, VectorType::get({lanes * spread}, b.getI1Type()), mask.uniform);
  return mask.lanes ? arith::AndIOp::create(b, loc, all, mask.lanes).getResult() : all;
}
