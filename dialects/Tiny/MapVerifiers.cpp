// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Divisions in maps and masks, and accesses of tiles.

#include "dialects/Tiny/MapVerifiers.h"

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

LogicalResult tinyc::tiny::verifyAccess(Operation *op, MemRefType buffer, VectorType tile, size_t offsets,
                                        AffineMap map, std::optional<IntegerSet> mask) {
  if (static_cast<int64_t>(offsets) != tile.getRank())
    return op->emitOpError("expected ") << tile.getRank() << " offsets (the tile's rank), found " << offsets;
  if (tile.getElementType() != buffer.getElementType())
    return op->emitOpError("expected a tile of ") << buffer.getElementType() << ", found " << tile;
  if (map.getNumDims() != offsets || map.getNumResults() != buffer.getRank())
    return op->emitOpError("expected a map from ") << offsets << " dimensions (the tile's) to " << buffer.getRank()
                                                   << " (the buffer's), found " << AffineMapAttr::get(map);
  if (mask && (mask->getNumDims() != offsets || mask->getNumSymbols() != 0))
    return op->emitOpError("expected a mask over ") << offsets << " dimensions, found " << IntegerSetAttr::get(*mask);
  return verifyDivisors(op, map, mask.value_or(IntegerSet()));
}
