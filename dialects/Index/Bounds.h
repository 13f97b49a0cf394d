// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Proves that an access stays inside its buffer: that map(p) lies in [0, shape) for every point p of a box at which a
// mask holds. Intervals decide most accesses, a constraint of the mask that speaks of the same sum decides padded ones,
// and integer linear programming (Presburger) the rest. The answer is exact: what is refused comes with a point at
// which it goes wrong.

#ifndef TINYC_DIALECTS_INDEX_BOUNDS_H
#define TINYC_DIALECTS_INDEX_BOUNDS_H

#include "dialects/Index/AffineRanges.h"

#include <map>
#include <string>
#include <vector>

namespace tinyc {

class BoundsProver {
public:
  /// Nothing if proven; else a sentence that says which coordinate leaves which dimension, and where.
  /// Answers are remembered.
  std::optional<std::string> refute(mlir::AffineMap map, mlir::IntegerSet mask, llvm::ArrayRef<Interval> dims,
                                    llvm::ArrayRef<int64_t> shape);

  /// How many coordinates went to integer programming, and how many questions were answered from memory.
  unsigned programs = 0, remembered = 0;

private:
  using Key = std::tuple<const void *, const void *, std::vector<int64_t>>;
  std::map<Key, std::optional<std::string>> answers;
};

} // namespace tinyc

#endif // TINYC_DIALECTS_INDEX_BOUNDS_H
