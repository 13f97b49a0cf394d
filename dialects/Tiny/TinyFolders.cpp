// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Folding of single ops: constants through the reference semantics, so that a folded value is the computed one, and
// identities that hold for every value (x + 0 is none: -0 + 0 is +0).

#include "dialects/Tiny/Elementwise.h"
#include "dialects/Tiny/TinyOps.h"

#include <cmath>

using namespace mlir;
using namespace tinyc::tiny;

// Constants of more elements than this, other than splats, stay: folding is for scalars and shapes.
static constexpr int64_t kMostElements = 64;

OpFoldResult ConstOp::fold(FoldAdaptor) { return getValue(); }

//===- Constants -------------------------------------------------------------------------------------------------===//

// The constant that an elementwise op computes from constant operands; null if one is not constant or too large.
static Attribute foldConstants(Operation *op, ArrayRef<Attribute> operands) {
  std::optional<Elementwise> function = elementwiseOf(op);
  if (!function)
    return {};
  SmallVector<SmallVector<Lane>, 3> lanes;
  size_t count = 1;
  for (Attribute operand : operands) {
    auto dense = dyn_cast_or_null<DenseElementsAttr>(operand);
    if (!operand || (dense && !dense.isSplat() && dense.getNumElements() > kMostElements))
      return {};
    auto values = lanesOf(operand);
    if (!values || values->empty())
      return {};
    count = std::max(count, values->size());
    lanes.push_back(std::move(*values));
  }
  SmallVector<const Lane *, 3> columns;
  for (SmallVector<Lane> &values : lanes) {
    if (values.size() != count) // a splat beside elements
      values.assign(count, Lane(values.front()));
    columns.push_back(values.data());
  }
  SmallVector<Lane> result(count);
  apply(*function, columns.data(), count, result.data());
  return attributeOf(op->getResult(0).getType(), result);
}

// The one number that a constant is; nullopt if it is none, or has several.
static std::optional<Lane> numberOf(Attribute constant) {
  auto dense = dyn_cast_or_null<DenseElementsAttr>(constant);
  if (!constant || (dense && !dense.isSplat()))
    return std::nullopt;
  auto lanes = lanesOf(constant);
  return lanes && lanes->size() == 1 ? std::optional(lanes->front()) : std::nullopt;
}

static bool isInteger(Value x) { return isa<IntegerType>(elementType(x.getType())); }
static bool isInteger(Attribute constant, Value like, int64_t number) {
  std::optional<Lane> lane = numberOf(constant);
  return lane && isInteger(like) && lane->i == number;
}
// Compares bits: 0.0 is not -0.0.
static bool isReal(Attribute constant, Value like, double number) {
  std::optional<Lane> lane = numberOf(constant);
  return lane && !isInteger(like) && lane->f == number && std::signbit(lane->f) == std::signbit(number);
}
static bool isOne(Attribute constant, Value like) {
  return isInteger(constant, like, 1) || isReal(constant, like, 1.0);
}
static bool isAllOnes(Attribute constant, Value like) {
  Element element = *elementOf(like.getType());
  Lane ones;
  ones.i = -1;
  wrap(element, &ones, 1);
  return isInteger(constant, like, ones.i);
}
static Attribute integerConstant(Type type, int64_t number) {
  Lane lane;
  lane.i = number;
  return attributeOf(type, lane);
}

//===- Unary -----------------------------------------------------------------------------------------------------===//

OpFoldResult SqrtOp::fold(FoldAdaptor adaptor) { return foldConstants(*this, adaptor.getOperands()); }
OpFoldResult SinOp::fold(FoldAdaptor adaptor) { return foldConstants(*this, adaptor.getOperands()); }
OpFoldResult ExpOp::fold(FoldAdaptor adaptor) { return foldConstants(*this, adaptor.getOperands()); }
OpFoldResult LogOp::fold(FoldAdaptor adaptor) { return foldConstants(*this, adaptor.getOperands()); }

OpFoldResult RoundOp::fold(FoldAdaptor adaptor) {
  if (getInput().getDefiningOp<RoundOp>()) // integral already
    return getInput();
  return foldConstants(*this, adaptor.getOperands());
}

static bool hasNegativeZero(const llvm::fltSemantics &semantics) {
  return APFloat::getZero(semantics, /*Negative=*/true).isNegative();
}

// Whether every value of `from` is one of `to`, with sign of zero and infinities.
static bool holdsAll(Type to, Type from) {
  if (from.isInteger(1))
    return true;
  auto toFloat = dyn_cast<FloatType>(to), fromFloat = dyn_cast<FloatType>(from);
  auto toInteger = dyn_cast<IntegerType>(to), fromInteger = dyn_cast<IntegerType>(from);
  if (toFloat && fromFloat) {
    const llvm::fltSemantics &all = fromFloat.getFloatSemantics(), &some = toFloat.getFloatSemantics();
    return APFloat::isRepresentableBy(all, some) && // which looks at finite values only
           (APFloat::semanticsHasInf(some) || !APFloat::semanticsHasInf(all)) &&
           (hasNegativeZero(some) || !hasNegativeZero(all));
  }
  bool fromUnsigned = fromInteger && fromInteger.isUnsigned();
  if (toFloat && fromInteger)
    return fromInteger.getWidth() - !fromUnsigned <= toFloat.getFPMantissaWidth() &&
           fromInteger.getWidth() <= static_cast<unsigned>(APFloat::semanticsMaxExponent(toFloat.getFloatSemantics()));
  if (!toInteger || !fromInteger || toInteger.getWidth() == 1)
    return false;
  if (fromUnsigned == toInteger.isUnsigned())
    return toInteger.getWidth() >= fromInteger.getWidth();
  return fromUnsigned && toInteger.getWidth() > fromInteger.getWidth();
}

OpFoldResult CastOp::fold(FoldAdaptor adaptor) {
  if (getInput().getType() == getResult().getType())
    return getInput();
  // A cast through a type that holds all values is the cast past it, except that an integer through a float saturates
  // where the direct cast wraps.
  if (auto inner = getInput().getDefiningOp<CastOp>()) {
    Type from = elementType(inner.getInput().getType()), through = elementType(inner.getType());
    Type to = elementType(getType());
    bool saturates = isa<IntegerType>(from) && isa<FloatType>(through) && isa<IntegerType>(to) && !to.isInteger(1);
    if (holdsAll(through, from) && (!saturates || holdsAll(to, from))) {
      if (inner.getInput().getType() == getType())
        return inner.getInput();
      setOperand(inner.getInput());
      return getResult();
    }
  }
  return foldConstants(*this, adaptor.getOperands());
}

OpFoldResult BitcastOp::fold(FoldAdaptor adaptor) {
  if (getInput().getType() == getResult().getType())
    return getInput();
  if (auto inner = getInput().getDefiningOp<BitcastOp>()) {
    setOperand(inner.getInput());
    return getResult();
  }
  // Lanes keep no payload of a NaN.
  std::optional<Lane> number = numberOf(adaptor.getInput());
  if (!isInteger(getInput()) && (!number || std::isnan(number->f)))
    return {};
  return foldConstants(*this, adaptor.getOperands());
}

//===- Binary ----------------------------------------------------------------------------------------------------===//
// Constants of commutative ops stand on the right: the folder puts them there.

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  if (isInteger(adaptor.getRhs(), getRhs(), 0) || isReal(adaptor.getRhs(), getRhs(), -0.0))
    return getLhs();
  return foldConstants(*this, adaptor.getOperands());
}

OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  if (isOne(adaptor.getRhs(), getRhs()))
    return getLhs();
  if (isInteger(adaptor.getRhs(), getRhs(), 0))
    return adaptor.getRhs();
  // Twice the sign is none.
  auto inner = getLhs().getDefiningOp<MulOp>();
  Attribute factor;
  if (inner && isReal(adaptor.getRhs(), getRhs(), -1.0) && matchPattern(inner.getRhs(), m_Constant(&factor)) &&
      isReal(factor, getRhs(), -1.0))
    return inner.getLhs();
  return foldConstants(*this, adaptor.getOperands());
}

OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  if (isOne(adaptor.getRhs(), getRhs()))
    return getLhs();
  if (isInteger(adaptor.getLhs(), getLhs(), 0) || isInteger(adaptor.getRhs(), getRhs(), 0))
    return integerConstant(getType(), 0);
  return foldConstants(*this, adaptor.getOperands());
}

OpFoldResult ModOp::fold(FoldAdaptor adaptor) {
  if (isInteger(adaptor.getLhs(), getLhs(), 0) || isInteger(adaptor.getRhs(), getRhs(), 0) ||
      isInteger(adaptor.getRhs(), getRhs(), 1))
    return integerConstant(getType(), 0);
  return foldConstants(*this, adaptor.getOperands());
}

OpFoldResult MaxOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs())
    return getLhs();
  // Nothing is smaller than the smallest value.
  if (std::optional<Lane> number = numberOf(adaptor.getRhs())) {
    Element element = *elementOf(getType());
    Lane smallest = identity(ReduceKind::Max, element);
    if (isFloat(element) ? std::isinf(number->f) && number->f < 0 : number->i == smallest.i)
      return getLhs();
  }
  return foldConstants(*this, adaptor.getOperands());
}

OpFoldResult CmpLtOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs())
    return integerConstant(getType(), 0);
  return foldConstants(*this, adaptor.getOperands());
}

OpFoldResult CmpEqOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs() && isInteger(getLhs())) // a NaN does not equal itself
    return integerConstant(getType(), 1);
  return foldConstants(*this, adaptor.getOperands());
}

OpFoldResult AndOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs() || isAllOnes(adaptor.getRhs(), getRhs()))
    return getLhs();
  if (isInteger(adaptor.getRhs(), getRhs(), 0))
    return adaptor.getRhs();
  return foldConstants(*this, adaptor.getOperands());
}

OpFoldResult OrOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs() || isInteger(adaptor.getRhs(), getRhs(), 0))
    return getLhs();
  if (isAllOnes(adaptor.getRhs(), getRhs()))
    return adaptor.getRhs();
  return foldConstants(*this, adaptor.getOperands());
}

OpFoldResult XorOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs())
    return integerConstant(getType(), 0);
  if (isInteger(adaptor.getRhs(), getRhs(), 0))
    return getLhs();
  if (auto inner = getLhs().getDefiningOp<XorOp>(); inner && inner.getRhs() == getRhs())
    return inner.getLhs();
  return foldConstants(*this, adaptor.getOperands());
}

OpFoldResult ShlOp::fold(FoldAdaptor adaptor) {
  return isInteger(adaptor.getRhs(), getRhs(), 0) ? OpFoldResult(getLhs())
                                                  : foldConstants(*this, adaptor.getOperands());
}

OpFoldResult ShrOp::fold(FoldAdaptor adaptor) {
  return isInteger(adaptor.getRhs(), getRhs(), 0) ? OpFoldResult(getLhs())
                                                  : foldConstants(*this, adaptor.getOperands());
}

OpFoldResult WhereOp::fold(FoldAdaptor adaptor) {
  if (getOnTrue() == getOnFalse())
    return getOnTrue();
  if (std::optional<Lane> condition = numberOf(adaptor.getCondition()))
    return condition->i ? getOnTrue() : getOnFalse();
  return foldConstants(*this, adaptor.getOperands());
}

//===- Movement --------------------------------------------------------------------------------------------------===//

OpFoldResult ConcatOp::fold(FoldAdaptor) { return getInputs().size() == 1 ? getInputs().front() : OpFoldResult(); }
OpFoldResult ReduceOp::fold(FoldAdaptor) { return getDims().empty() ? OpFoldResult(getInput()) : OpFoldResult(); }

OpFoldResult ViewOp::fold(FoldAdaptor adaptor) {
  if (getInput().getType() == getResult().getType() && getMap().isIdentity() && !getMask())
    return getInput();
  // A view of a splat is the splat; with a mask, if that fills with the same bits.
  auto dense = dyn_cast_or_null<DenseElementsAttr>(adaptor.getInput());
  if (!dense || !dense.isSplat() || (getMask() && getFillAttr() != dense.getSplatValue<Attribute>()))
    return {};
  return DenseElementsAttr::get(cast<ShapedType>(getType()), dense.getSplatValue<Attribute>());
}
