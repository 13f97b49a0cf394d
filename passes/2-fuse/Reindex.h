// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order in which a stage walks the points of a value. A kernel is cut into units along its shared dimensions, and
// all its stages begin with them; where the value has them elsewhere (a softmax along the first axis) or as a part of a
// dimension (the groups of a group norm), the stage's domain is the value's shape taken apart and put together again:
//
//   reindex(<8x100x16>, {d0, d2}, {8, 16})             = <8x16x100>,  value (d0, d2, d1),  domain (d0, d2, d1)
//   reindex(<2x12x9>, {d0, d1 floordiv 4}, {2, 3})     = <2x3x4x9>,   value (d0, d1 * 4 + d2, d3),
//                                                         domain (d0, d1 floordiv 4, d1 mod 4, d2)

#ifndef TINYC_PASSES_2_FUSE_REINDEX_H
#define TINYC_PASSES_2_FUSE_REINDEX_H

#include "mlir/IR/AffineMap.h"

#include <optional>

namespace tinyc::fusion {

struct Reindexing {
  llvm::SmallVector<int64_t> domain; ///< sizes
  mlir::AffineMap toValue;           ///< from the domain to the value's coordinates
  mlir::AffineMap toDomain;          ///< and back
};

/// The domain over the points of `shape` that begins with `leading`: expressions of the value's coordinates, of the
/// given sizes. Nothing if they are not distinct dimensions of `shape`, or parts of them that a mixed radix number can
/// hold.
std::optional<Reindexing> reindex(mlir::MLIRContext *context, llvm::ArrayRef<int64_t> shape,
                                  llvm::ArrayRef<mlir::AffineExpr> leading, llvm::ArrayRef<int64_t> sizes);

/// Dimension `dim` of the domain [0, sizes) as a dimension, or a part of one, of the coordinates (of `shape`) that
/// `map` takes the domain to; null if it is none.
mlir::AffineExpr coordinateOf(unsigned dim, mlir::AffineMap map, llvm::ArrayRef<int64_t> sizes,
                              llvm::ArrayRef<int64_t> shape);

/// `map` as it would read where domain and coordinate both have size 1: coordinate 0 is written as the dimension, so
/// that reading at the same place is an identity for any size.
mlir::AffineMap nameUnitDims(mlir::AffineMap map, llvm::ArrayRef<int64_t> domain);

} // namespace tinyc::fusion

#endif // TINYC_PASSES_2_FUSE_REINDEX_H
