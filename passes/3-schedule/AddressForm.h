// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The address of an access as one sum: constant + sum of coefficient * atom, where an atom is a dimension or a
// `mod` or `floordiv` that does not fall apart further. Row-major addresses of reshaped buffers become linear again:
// (d0 floordiv 4) * 4 + d0 mod 4 is d0.
//
//   AddressForm form = linearAddress(map, /*shape=*/{8, 100});   // (d0, d1) -> 100 * d0 + d1
//   form.coefficient(0) == 100

#ifndef TINYC_PASSES_3_SCHEDULE_ADDRESSFORM_H
#define TINYC_PASSES_3_SCHEDULE_ADDRESSFORM_H

#include "mlir/IR/AffineMap.h"

namespace tinyc {

struct AddressForm {
  struct Term {
    mlir::AffineExpr atom;
    int64_t coefficient;
  };
  llvm::SmallVector<Term> terms;
  int64_t constant = 0;

  /// The coefficient of dimension `dim` as an atom of its own; 0 if it is none.
  int64_t coefficient(unsigned dim) const;
  /// Whether `dim` occurs inside a `mod` or `floordiv`.
  bool isBent(unsigned dim) const;
  /// The sum again as an expression.
  mlir::AffineExpr toExpr(mlir::MLIRContext *context) const;
};

/// The sum that `expr` is.
AddressForm addressForm(mlir::AffineExpr expr);

/// The row-major address, in elements, of `map`'s results in a buffer of `shape`.
AddressForm linearAddress(mlir::AffineMap map, llvm::ArrayRef<int64_t> shape);

/// Whether `expr` cannot be negative when no dimension is.
bool isNatural(mlir::AffineExpr expr);

} // namespace tinyc

#endif // TINYC_PASSES_3_SCHEDULE_ADDRESSFORM_H
