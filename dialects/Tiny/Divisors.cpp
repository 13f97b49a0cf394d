// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Divisions in maps and masks.

#include "dialects/Tiny/Divisors.h"

using namespace mlir;

static LogicalResult verifyDivisors(Operation *op, ArrayRef<AffineExpr> exprs) {
  for (AffineExpr expr : exprs) {
    AffineExpr found;
    expr.walk([&](AffineExpr part) {
      auto binary = dyn_cast<AffineBinaryOpExpr>(part);
      if (!binary || part.getKind() == AffineExprKind::Add || part.getKind() == AffineExprKind::Mul)
        return;
      auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
      if (!divisor || divisor.getValue() <= 0)
        found = part;
    });
    if (!found)
      continue;
    std::string text;
    llvm::raw_string_ostream(text) << found;
    return op->emitOpError("expected divisions by positive constants only, found ") << text;
  }
  return success();
}

LogicalResult tinyc::tiny::verifyDivisors(Operation *op, AffineMap map, IntegerSet mask) {
  if (failed(::verifyDivisors(op, map.getResults())))
    return failure();
  return mask ? ::verifyDivisors(op, mask.getConstraints()) : success();
}
