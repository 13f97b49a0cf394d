// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions beyond sum, prod and max, and what is normalised by them: softmax and the norms. `dims` are increasing
// and without repetition; reductions drop them from the shape.

#ifndef TINYC_LIB_BUILDERS_REDUCTION_H
#define TINYC_LIB_BUILDERS_REDUCTION_H

#include "lib/Builders/Movement.h"

namespace tinyc::compose {

/// Sum, product or maximum; truth values combine as numbers 0 and 1 do (any for max, all for prod).
mlir::Value reduce(Builder &b, tiny::ReduceKind kind, mlir::Value x, llvm::ArrayRef<int64_t> dims);
mlir::Value reduceMin(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> dims);
/// Integers truncate.
mlir::Value reduceMean(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> dims);
/// log(sum(exp(x))), without overflow inside.
mlir::Value reduceLogSumExp(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> dims);
/// Position (i64) of the largest or smallest element along `dim`, of several the first or the last; NaN counts as the
/// extreme. Two reductions, so that it fuses into one kernel.
mlir::Value argMax(Builder &b, mlir::Value x, int64_t dim, bool last);
mlir::Value argMin(Builder &b, mlir::Value x, int64_t dim, bool last);

mlir::Value softmax(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> dims);
mlir::Value logSoftmax(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> dims);

/// Result of layerNorm, and the statistics it went through (the shape without `dims`).
struct Normalized {
  mlir::Value result, mean, inverseDeviation;
};
/// (x - mean) / sqrt(variance + epsilon), both over `dims`.
Normalized normalize(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> dims, double epsilon);
/// x / sqrt(mean of x^2 + epsilon).
mlir::Value rmsNormalize(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> dims, double epsilon);
/// Inference: scale * (x - mean) / sqrt(variance + epsilon) + bias for vectors along dimension 1, as one product and
/// one sum with vectors computed first.
mlir::Value batchNorm(Builder &b, mlir::Value x, mlir::Value scale, mlir::Value bias, mlir::Value mean,
                      mlir::Value variance, double epsilon);

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_REDUCTION_H
