// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Derivation of expressions from arith, affine and scf.

#include "dialects/Index/IndexValues.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace tinyc;

// Half of the 64-bit range on both sides: sums of a few such values do not overflow unnoticed, they are unknown.
static constexpr Interval kAnything{INT64_MIN / 4, INT64_MAX / 4};

AffineExpr IndexValues::variable(Interval range) {
  variables.push_back(range);
  return getAffineDimExpr(variables.size() - 1, context);
}

AffineExpr IndexValues::unknown(std::optional<Interval> range) { return variable(range.value_or(kAnything)); }

Interval IndexValues::rangeOf(AffineExpr expr) { return boundsOf(expr, variables).value_or(kAnything); }

void IndexValues::setRange(Value value, Interval range) { known[value] = variable(range); }

AffineExpr IndexValues::expression(Value value) {
  auto found = known.find(value);
  if (found != known.end())
    return found->second;
  AffineExpr expr = derive(value);
  return known[value] = simplifyExpr(expr, variables);
}

// lhs / rhs of unsigned and truncating ops are the floor for lhs >= 0 and a positive constant.
static bool dividesAsFloor(Interval left, AffineExpr right, bool floors) {
  auto divisor = dyn_cast<AffineConstantExpr>(right);
  return divisor && divisor.getValue() > 0 && (floors || left.low >= 0);
}

AffineExpr IndexValues::derive(Value value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return getAffineConstantExpr(*constant, context);
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    if (!loop || loop.getInductionVar() != value)
      return unknown();
    AffineExpr lower = expression(loop.getLowerBound()), upper = expression(loop.getUpperBound());
    std::optional<int64_t> step = getConstantIntValue(loop.getStep());
    Interval low = rangeOf(lower), high = rangeOf(upper);
    if (!step || *step <= 0)
      return unknown();
    int64_t trips = low == kAnything || high == kAnything ? kAnything.high / *step
                                                          : llvm::divideCeilSigned(high.high - low.low, *step);
    AffineExpr result = lower + variable({0, std::max<int64_t>(trips - 1, 0)}) * *step;
    facts.push_back(upper - 1 - result);
    return result;
  }
  Operation *op = value.getDefiningOp();
  if (op->getNumResults() == 1 && op->getNumOperands() == 2 && isa<arith::ArithDialect>(op->getDialect())) {
    if (!value.getType().isIndex())
      return unknown();
    AffineExpr left = expression(op->getOperand(0)), right = expression(op->getOperand(1));
    Interval leftRange = rangeOf(left), rightRange = rangeOf(right);
    bool constants = isa<AffineConstantExpr>(left) || isa<AffineConstantExpr>(right);
    if (isa<arith::AddIOp>(op))
      return left + right;
    if (isa<arith::SubIOp>(op))
      return left - right;
    if (isa<arith::MulIOp>(op) && constants)
      return left * right;
    if (isa<arith::DivUIOp, arith::DivSIOp, arith::FloorDivSIOp>(op) &&
        dividesAsFloor(leftRange, right, isa<arith::FloorDivSIOp>(op)))
      return left.floorDiv(right);
    if (isa<arith::CeilDivSIOp, arith::CeilDivUIOp>(op) &&
        dividesAsFloor(leftRange, right, isa<arith::CeilDivSIOp>(op)))
      return left.ceilDiv(right);
    if (isa<arith::RemUIOp, arith::RemSIOp>(op) && dividesAsFloor(leftRange, right, false))
      return left % right;
    if (isa<arith::MinSIOp>(op) || (isa<arith::MinUIOp>(op) && leftRange.low >= 0 && rightRange.low >= 0)) {
      AffineExpr result =
          variable({std::min(leftRange.low, rightRange.low), std::min(leftRange.high, rightRange.high)});
      facts.append({left - result, right - result});
      return result;
    }
    if (isa<arith::MaxSIOp>(op) || (isa<arith::MaxUIOp>(op) && leftRange.low >= 0 && rightRange.low >= 0)) {
      AffineExpr result =
          variable({std::max(leftRange.low, rightRange.low), std::max(leftRange.high, rightRange.high)});
      facts.append({result - left, result - right});
      return result;
    }
    return unknown();
  }
  auto composed = [&](AffineMap map, ValueRange operands, unsigned result) {
    SmallVector<AffineExpr> dims, symbols;
    for (auto [i, operand] : llvm::enumerate(operands))
      (i < map.getNumDims() ? dims : symbols).push_back(expression(operand));
    return map.getResult(result).replaceDimsAndSymbols(dims, symbols);
  };
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    return composed(apply.getAffineMap(), apply.getMapOperands(), 0);
  if (isa<affine::AffineMinOp, affine::AffineMaxOp>(op)) {
    bool isMin = isa<affine::AffineMinOp>(op);
    AffineMap map = isMin ? cast<affine::AffineMinOp>(op).getMap() : cast<affine::AffineMaxOp>(op).getMap();
    SmallVector<AffineExpr> parts;
    std::optional<Interval> range;
    for (unsigned i = 0; i < map.getNumResults(); ++i) {
      parts.push_back(composed(map, op->getOperands(), i));
      Interval part = rangeOf(parts.back());
      if (!range)
        range = part;
      else if (isMin)
        range = Interval{std::min(range->low, part.low), std::min(range->high, part.high)};
      else
        range = Interval{std::max(range->low, part.low), std::max(range->high, part.high)};
    }
    AffineExpr result = unknown(range);
    for (AffineExpr part : parts)
      facts.push_back(isMin ? part - result : result - part);
    return result;
  }
  if (auto split = dyn_cast<affine::AffineDelinearizeIndexOp>(op)) {
    if (!split.getDynamicBasis().empty())
      return unknown();
    AffineExpr rest = expression(split.getLinearIndex());
    SmallVector<int64_t> basis(split.getStaticBasis());
    unsigned wanted = cast<OpResult>(value).getResultNumber();
    bool outer = split.hasOuterBound();
    // From the last result: rest mod size, rest floordiv size; the first takes what is left.
    for (unsigned i = split.getNumResults(); i-- > 1;) {
      int64_t size = basis[outer ? i : i - 1];
      if (i == wanted)
        return rest % size;
      rest = rest.floorDiv(size);
    }
    return rest;
  }
  if (auto join = dyn_cast<affine::AffineLinearizeIndexOp>(op)) {
    if (!join.getDynamicBasis().empty())
      return unknown();
    SmallVector<int64_t> basis(join.getStaticBasis());
    unsigned count = join.getMultiIndex().size();
    AffineExpr result = getAffineConstantExpr(0, context);
    for (unsigned i = 0; i < count; ++i)
      result =
          (i == 0 ? result : result * basis[basis.size() == count ? i : i - 1]) + expression(join.getMultiIndex()[i]);
    return result;
  }
  return unknown();
}

SmallVector<AffineExpr> IndexValues::factsAround(Operation *op) {
  SmallVector<AffineExpr> result;
  for (Operation *child = op, *parent = op->getParentOp(); parent; child = parent, parent = parent->getParentOp()) {
    auto branch = dyn_cast<scf::IfOp>(parent);
    auto compare = branch ? branch.getCondition().getDefiningOp<arith::CmpIOp>() : nullptr;
    if (!compare || !compare.getLhs().getType().isIndex())
      continue;
    AffineExpr left = expression(compare.getLhs()), right = expression(compare.getRhs());
    bool nonNegative = rangeOf(left).low >= 0 && rangeOf(right).low >= 0;
    arith::CmpIPredicate predicate = compare.getPredicate();
    if (child->getParentRegion() != &branch.getThenRegion())
      predicate = arith::invertPredicate(predicate);
    switch (predicate) {
    case arith::CmpIPredicate::ult:
      if (!nonNegative)
        break;
      [[fallthrough]];
    case arith::CmpIPredicate::slt:
      result.push_back(right - left - 1);
      break;
    case arith::CmpIPredicate::ule:
      if (!nonNegative)
        break;
      [[fallthrough]];
    case arith::CmpIPredicate::sle:
      result.push_back(right - left);
      break;
    case arith::CmpIPredicate::ugt:
      if (!nonNegative)
        break;
      [[fallthrough]];
    case arith::CmpIPredicate::sgt:
      result.push_back(left - right - 1);
      break;
    case arith::CmpIPredicate::uge:
      if (!nonNegative)
        break;
      [[fallthrough]];
    case arith::CmpIPredicate::sge:
      result.push_back(left - right);
      break;
    case arith::CmpIPredicate::eq:
      result.append({left - right, right - left});
      break;
    default:
      break;
    }
  }
  return result;
}
