// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Affine expressions over dimensions whose ranges are known. AffineMap's own simplification ignores ranges, so that
// `(d0 * 5 + d1) floordiv 5` stays as it is even where d1 < 5. Here it becomes `d0`:
//
//   simplifyMap(affine_map<(d0, d1) -> ((d0 * 5 + d1) floordiv 5, (d0 * 5 + d1) mod 5)>, {4, 5})
//     == affine_map<(d0, d1) -> (d0, d1)>
//
// Results are canonical: terms are ordered by structure, so that equal sums are the same object.

#ifndef TINYC_DIALECTS_INDEX_AFFINERANGES_H
#define TINYC_DIALECTS_INDEX_AFFINERANGES_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/IntegerSet.h"

#include <optional>

namespace tinyc {

/// The integers from `low` to `high`, both included; none if high < low.
struct Interval {
  int64_t low, high;
  bool empty() const { return high < low; }
  bool operator==(const Interval &other) const = default;
};

/// [0, size) for each size.
llvm::SmallVector<Interval> domainOf(llvm::ArrayRef<int64_t> sizes);

/// An interval that holds every value of `expr` over the box `dims` (one interval a dimension); nothing if it cannot
/// be told in 64 bits (an overflow, a symbol, a product of dimensions).
std::optional<Interval> boundsOf(mlir::AffineExpr expr, llvm::ArrayRef<Interval> dims);

/// An expression equal to `expr` at every point of the box, without the mod and floordiv that the ranges make idle.
mlir::AffineExpr simplifyExpr(mlir::AffineExpr expr, llvm::ArrayRef<Interval> dims);

/// `map` with its results simplified over the domain [0, sizes), or over that domain's points in `mask` (which may be
/// null). The number of dimensions stays.
mlir::AffineMap simplifyMap(mlir::AffineMap map, llvm::ArrayRef<int64_t> sizes, mlir::IntegerSet mask = {});

/// What is known of a mask over a domain.
struct MaskFact {
  enum Kind { Always, Never, Sometimes } kind;
  mlir::IntegerSet set; ///< the constraints that are not implied by the domain; null unless Sometimes
};

/// Drops constraints that hold everywhere in the domain [0, sizes), tightens the others, and finds masks that hold
/// nowhere. A null mask is Always.
MaskFact simplifyMask(mlir::IntegerSet mask, llvm::ArrayRef<int64_t> sizes);

/// The constraints of both masks, over the same dimensions; either may be null.
mlir::IntegerSet conjoin(mlir::IntegerSet a, mlir::IntegerSet b);

/// The points whose image under `map` is in `mask`: the mask's constraints composed with the map. Null stays null.
mlir::IntegerSet composeMask(mlir::IntegerSet mask, mlir::AffineMap map);

/// The dimensions' intervals, narrowed by those constraints of `mask` that speak of one dimension only.
llvm::SmallVector<Interval> narrow(llvm::ArrayRef<Interval> dims, mlir::IntegerSet mask);

/// The row-major position of map(p) in a buffer of `shape`, as one simplified expression over the domain [0, sizes):
/// what a reshape is in memory.
mlir::AffineExpr linearise(mlir::AffineMap map, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> sizes,
                           mlir::IntegerSet mask = {});

/// Whether `map` takes the domain [0, sizes) one to one onto the points of `shape`: proven for reshapes, permutations
/// and their like; false if it cannot be told.
bool isBijection(mlir::AffineMap map, llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<int64_t> shape);

} // namespace tinyc

#endif // TINYC_DIALECTS_INDEX_AFFINERANGES_H
