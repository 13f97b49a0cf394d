// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first elements of a tensor in the order of their values.

#ifndef TINYC_LIB_BUILDERS_ORDER_H
#define TINYC_LIB_BUILDERS_ORDER_H

#include "lib/Builders/Movement.h"

namespace tinyc::compose {

/// Elements in order along a dimension, and where along it they stood (i32).
struct Ordered {
  mlir::Value values, positions;
};

/// The `count` largest or smallest elements along `dim`, in order; equal ones in the order of their positions. NaN
/// counts as the largest. `count` is from 0 to the size of `dim`, which is below 2^30.
///
/// Few elements are ordered by their ranks: two reductions, that is two kernels, of size * (size + count) comparisons.
/// Many are ordered by a network of exchanges that keeps the best `count` of each pair of blocks (bitonic top-k): some
/// (log count)^2 passes over the data, and log size * log count over what is left of it.
Ordered topK(Builder &b, mlir::Value x, int64_t dim, int64_t count, bool largest);

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_ORDER_H
