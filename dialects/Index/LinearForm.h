// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A sum of integer multiples of atoms (a dimension, a symbol, a mod, a floordiv) and a constant: the form in which
// affine expressions are simplified.

#ifndef TINYC_DIALECTS_INDEX_LINEARFORM_H
#define TINYC_DIALECTS_INDEX_LINEARFORM_H

#include "dialects/Index/AffineRanges.h"

#include "llvm/ADT/DenseMap.h"

namespace tinyc {

struct LinearForm {
  struct Term {
    mlir::AffineExpr atom;
    int64_t factor;
  };
  llvm::SmallVector<Term, 4> terms; ///< distinct atoms, no factor is 0
  int64_t constant = 0;

  void add(mlir::AffineExpr atom, int64_t factor);
  void add(const LinearForm &other, int64_t factor = 1);
  mlir::AffineExpr toExpr(mlir::MLIRContext *context) const;
  std::optional<Interval> bounds(llvm::ArrayRef<Interval> dims) const;
};

/// Rewrites an expression to its simplified sum over the box `dims`.
class LinearSimplifier {
public:
  LinearSimplifier(mlir::MLIRContext *context, llvm::ArrayRef<Interval> dims) : context(context), dims(dims) {}
  LinearForm run(mlir::AffineExpr expr);

private:
  LinearForm simplify(mlir::AffineExpr expr);
  LinearForm mod(const LinearForm &form, int64_t divisor);
  LinearForm floorDiv(const LinearForm &form, int64_t divisor);
  /// Joins `f*m*(y floordiv m)` with `f*(y mod m)` to `f*y`.
  void recombine(LinearForm &form);

  mlir::MLIRContext *context;
  llvm::ArrayRef<Interval> dims;
  llvm::DenseMap<mlir::AffineExpr, LinearForm> known;
};

} // namespace tinyc

#endif // TINYC_DIALECTS_INDEX_LINEARFORM_H
