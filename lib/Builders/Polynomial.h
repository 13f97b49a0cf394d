// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the compositions of elementary functions are made with.

#ifndef TINYC_LIB_BUILDERS_POLYNOMIAL_H
#define TINYC_LIB_BUILDERS_POLYNOMIAL_H

#include "lib/Builders/Elementwise.h"

namespace tinyc::compose {

/// The polynomial with these coefficients, lowest degree first, by Horner's rule.
mlir::Value polynomial(Builder &b, mlir::Value x, llvm::ArrayRef<double> coefficients);

/// Calls `compute` with x as f32 or f64 and casts its result back. An error that begins with `name` if x is no float.
mlir::Value inWideType(Builder &b, llvm::StringRef name, mlir::Value x,
                       llvm::function_ref<mlir::Value(mlir::Value x, bool isDouble)> compute);

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_POLYNOMIAL_H
