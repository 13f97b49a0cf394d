// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Index values of a tiled function as affine expressions over variables with known ranges: the induction variables of
// its loops, the number of the work unit, and tile coordinates. What cannot be said this way becomes a variable of its
// own, with the bounds that are known of it, or none.

#ifndef TINYC_DIALECTS_INDEX_INDEXVALUES_H
#define TINYC_DIALECTS_INDEX_INDEXVALUES_H

#include "dialects/Index/AffineRanges.h"

#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir {
class Operation;
}

namespace tinyc {

class IndexValues {
public:
  explicit IndexValues(mlir::MLIRContext *context) : context(context) {}

  /// The expression of `value` over getVariables().
  mlir::AffineExpr expression(mlir::Value value);

  /// Declares what is known of `value`; to be called before expression() meets it.
  void setRange(mlir::Value value, Interval range);

  /// A fresh variable of that range.
  mlir::AffineExpr variable(Interval range);

  /// Ranges of the variables, by dimension.
  llvm::ArrayRef<Interval> getVariables() const { return variables; }

  /// Expressions that are at least 0 wherever their variables are defined: bounds of loops and minima.
  llvm::ArrayRef<mlir::AffineExpr> getFacts() const { return facts; }

  /// What the conditions around `op` (scf.if on index comparisons) say.
  llvm::SmallVector<mlir::AffineExpr> factsAround(mlir::Operation *op);

private:
  mlir::AffineExpr derive(mlir::Value value);
  mlir::AffineExpr unknown(std::optional<Interval> range = {});
  Interval rangeOf(mlir::AffineExpr expr);

  mlir::MLIRContext *context;
  llvm::SmallVector<Interval> variables;
  llvm::SmallVector<mlir::AffineExpr> facts;
  llvm::DenseMap<mlir::Value, mlir::AffineExpr> known;
};

} // namespace tinyc

#endif // TINYC_DIALECTS_INDEX_INDEXVALUES_H
