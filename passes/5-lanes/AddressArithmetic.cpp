// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is known of addresses before a kernel runs: divisors, contiguity, and from both the width of an access; and
// affine expressions as integer arithmetic.

#include "passes/5-lanes/LaneRewriter.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace tinyc;

int64_t tinyc::storageBytes(Type element) { return std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 8); }

int64_t tinyc::knownDivisor(AffineExpr expr, ArrayRef<int64_t> dims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return std::abs(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return 1;
  int64_t lhs = knownDivisor(binary.getLHS(), dims), rhs = knownDivisor(binary.getRHS(), dims);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return std::gcd(lhs, rhs);
  case AffineExprKind::Mul:
    return lhs * rhs;
  case AffineExprKind::Mod:
    return std::gcd(lhs, rhs);
  case AffineExprKind::FloorDiv:
    return rhs && lhs % rhs == 0 ? lhs / rhs : 1;
  default:
    return 1;
  }
}

int64_t tinyc::knownDivisor(Value value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return std::abs(*constant);
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    if (loop && value == loop.getInductionVar())
      return std::gcd(knownDivisor(loop.getLowerBound()), knownDivisor(loop.getStep()));
    return 1;
  }
  Operation *op = value.getDefiningOp();
  if (isa<arith::MulIOp>(op))
    return knownDivisor(op->getOperand(0)) * knownDivisor(op->getOperand(1));
  if (isa<arith::AddIOp, arith::SubIOp>(op))
    return std::gcd(knownDivisor(op->getOperand(0)), knownDivisor(op->getOperand(1)));
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    AffineMap map = apply.getAffineMap();
    AffineExpr expr = map.getResult(0);
    // Symbols read as further dimensions.
    SmallVector<AffineExpr> symbols;
    for (unsigned i = 0; i < map.getNumSymbols(); ++i)
      symbols.push_back(getAffineDimExpr(map.getNumDims() + i, op->getContext()));
    expr = expr.replaceSymbols(symbols);
    SmallVector<int64_t> divisors;
    for (Value operand : apply.getMapOperands())
      divisors.push_back(knownDivisor(operand));
    return knownDivisor(expr, divisors);
  }
  return 1;
}

AffineExpr tinyc::linearAddress(MemRefType buffer, AffineMap map) {
  map = tiny::symbolsAsDims(map);
  AffineExpr linear = getAffineConstantExpr(0, map.getContext());
  int64_t stride = 1;
  for (int64_t d = buffer.getRank(); d-- > 0; stride *= buffer.getDimSize(d))
    linear = linear + map.getResult(d) * stride;
  return simplifyAffineExpr(linear, map.getNumDims(), 0);
}

// By how much the expression grows when one dimension grows by one; none if that depends on the point.
static std::optional<int64_t> slope(AffineExpr expr, unsigned dim, unsigned dims) {
  expr.walk([&](AffineExpr e) {
    if (auto index = dyn_cast<AffineDimExpr>(e)) // data stands behind the tile's dimensions
      dims = std::max(dims, index.getPosition() + 1);
  });
  MLIRContext *context = expr.getContext();
  AffineExpr next = expr.replace(getAffineDimExpr(dim, context), getAffineDimExpr(dim, context) + 1);
  auto difference = dyn_cast<AffineConstantExpr>(simplifyAffineExpr(next - expr, dims, 0));
  return difference ? std::optional<int64_t>(difference.getValue()) : std::nullopt;
}

std::optional<unsigned> tinyc::contiguousDim(AffineExpr linear, unsigned dims) {
  for (unsigned d = dims; d-- > 0;)
    if (slope(linear, d, dims) == 1)
      return d;
  return std::nullopt;
}

int64_t tinyc::accessWidth(AffineExpr linear, std::optional<IntegerSet> mask, unsigned dim, ArrayRef<int64_t> divisors,
                           int64_t most) {
  if (slope(linear, dim, divisors.size()) != 1)
    return 1;
  auto fits = [&](int64_t width) {
    // A first element stands at a multiple of the width in its own dimension.
    SmallVector<int64_t> at(divisors);
    if (at[dim] % width || knownDivisor(linear, at) % width)
      return false;
    for (unsigned i = 0; mask && i < mask->getNumConstraints(); ++i) {
      AffineExpr constraint = mask->getConstraint(i);
      std::optional<int64_t> by = slope(constraint, dim, divisors.size());
      if (by == 0)
        continue;
      if (mask->isEq(i) || !by || std::abs(*by) != 1)
        return false;
      if (knownDivisor(*by == 1 ? constraint : constraint + 1, at) % width)
        return false;
    }
    return true;
  };
  while (most > 1 && !fits(most))
    most /= 2;
  return most;
}

int64_t tinyc::accessWidth(MemRefType buffer, AffineMap map, std::optional<IntegerSet> mask, ValueRange offsets,
                           ArrayRef<int64_t> shape, int64_t most) {
  AffineExpr linear = linearAddress(buffer, map);
  std::optional<unsigned> dim = contiguousDim(linear, shape.size());
  if (!dim || buffer.getElementTypeBitWidth() < 8)
    return 1;
  SmallVector<int64_t> divisors;
  for (unsigned d = 0; d < shape.size(); ++d)
    divisors.push_back(std::gcd(knownDivisor(offsets[d]), d == *dim ? most : shape[d] == 1 ? 0 : 1));
  divisors.append(map.getNumSymbols(), 1); // nothing is known of data
  return accessWidth(linear, mask, *dim, divisors, std::min(most, shape[*dim]));
}

// Coordinates are never negative, so neither are sums and products of them with positive numbers.
static bool isNonNegative(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue() >= 0;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return isa<AffineDimExpr>(expr);
  if (expr.getKind() == AffineExprKind::Mod)
    return true;
  return isNonNegative(binary.getLHS()) && isNonNegative(binary.getRHS());
}

Value tinyc::expandIndex(OpBuilder &b, Location loc, AffineExpr expr, ValueRange dims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return arith::ConstantIndexOp::create(b, loc, constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  auto sub = [&](AffineExpr part) { return expandIndex(b, loc, part, dims); };
  auto number = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value).getResult(); };
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return b.createOrFold<arith::AddIOp>(loc, sub(binary.getLHS()), sub(binary.getRHS()));
  case AffineExprKind::Mul:
    return b.createOrFold<arith::MulIOp>(loc, sub(binary.getLHS()), sub(binary.getRHS()));
  case AffineExprKind::FloorDiv:
    if (divisor && llvm::isPowerOf2_64(divisor.getValue()))
      return b.createOrFold<arith::ShRSIOp>(loc, sub(binary.getLHS()), number(llvm::Log2_64(divisor.getValue())));
    if (divisor && isNonNegative(binary.getLHS()))
      return b.createOrFold<arith::DivUIOp>(loc, sub(binary.getLHS()), sub(binary.getRHS()));
    break;
  case AffineExprKind::Mod:
    if (divisor && llvm::isPowerOf2_64(divisor.getValue()))
      return b.createOrFold<arith::AndIOp>(loc, sub(binary.getLHS()), number(divisor.getValue() - 1));
    if (divisor && isNonNegative(binary.getLHS()))
      return b.createOrFold<arith::RemUIOp>(loc, sub(binary.getLHS()), sub(binary.getRHS()));
    break;
  default:
    break;
  }
  return affine::expandAffineExpr(b, loc, expr, dims, {});
}
