// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Comparing a tensor with what is expected, within tolerances.

#ifndef TINYC_TOOLS_TINYC_COMPARE_H
#define TINYC_TOOLS_TINYC_COMPARE_H

#include "runtime/tensorio/HostTensor.h"

#include <string>

namespace tinyc {

struct Difference {
  bool otherType = false; ///< element type or shape differ; then nothing below is set
  size_t wrong = 0;       ///< elements beyond the tolerances
  size_t first = 0;       ///< the first of them
  size_t worst = 0;       ///< the one that is most times its tolerance away
  double largest = 0;     ///< distance; infinity where one side is no number

  explicit operator bool() const { return otherType || wrong; }
};

/// An element is right if |found - expected| <= atol + rtol * |expected|; NaN equals NaN, an infinity only itself. The
/// difference of integers is exact, whatever their size.
Difference compareTensors(const tensorio::HostTensor &expected, const tensorio::HostTensor &found, double rtol,
                          double atol);

/// "[0, 3, 7]": the coordinates of an element; "[]" in a tensor of rank 0.
std::string coordinates(const tensorio::HostTensor &tensor, size_t element);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_COMPARE_H
