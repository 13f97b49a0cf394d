// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the verifiers of ops with maps and masks share.

#ifndef TINYC_DIALECTS_TINY_MAPVERIFIERS_H
#define TINYC_DIALECTS_TINY_MAPVERIFIERS_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/Operation.h"
#include <optional>

namespace tinyc::tiny {

/// Success if every `mod`, `floordiv` and `ceildiv` in the map, and in the mask if there is one, divides by a positive
/// constant; else an error at `op`. MLIR itself takes `d0 mod 0`.
mlir::LogicalResult verifyDivisors(mlir::Operation *op, mlir::AffineMap map, mlir::IntegerSet mask = {});

/// Success if `map` and `mask` take the `offsets` of a tile, as many as it has dimensions, to an element of `buffer`,
/// of the tile's type; else an error at `op`.
mlir::LogicalResult verifyAccess(mlir::Operation *op, mlir::MemRefType buffer, mlir::VectorType tile, size_t offsets,
                                 mlir::AffineMap map, std::optional<mlir::IntegerSet> mask);

} // namespace tinyc::tiny

#endif // TINYC_DIALECTS_TINY_MAPVERIFIERS_H
