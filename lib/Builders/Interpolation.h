// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Interpolation along one dimension at positions that are known: a weighted sum of a few taps.

#ifndef TINYC_LIB_BUILDERS_INTERPOLATION_H
#define TINYC_LIB_BUILDERS_INTERPOLATION_H

#include "lib/Builders/Movement.h"

namespace tinyc::compose {

/// One term of the sum: for each position of the result, which position of the input it reads, and its weight.
struct Tap {
  std::vector<int64_t> positions;
  std::vector<double> weights;
};

/// `x` with dimension `dim` replaced by as many positions as the taps have: each is the sum over the taps of weight
/// times input. One tap with weights of 1 moves the elements, whatever their type.
mlir::Value interpolate(Builder &b, mlir::Value x, int64_t dim, llvm::ArrayRef<Tap> taps);

/// Elements at known positions along `dim`: a view where the positions are an affine function of their number (division
/// by a constant included), else a gather by a constant.
mlir::Value take(Builder &b, mlir::Value x, int64_t dim, llvm::ArrayRef<int64_t> positions);

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_INTERPOLATION_H
