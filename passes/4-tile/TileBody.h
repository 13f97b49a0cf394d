// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The body of a stage on one tile of its domain: its reads as tiny.load, its scalar ops as the same ops on vectors.

#ifndef TINYC_PASSES_4_TILE_TILEBODY_H
#define TINYC_PASSES_4_TILE_TILEBODY_H

#include "dialects/Tiny/TinyOps.h"

#include "mlir/IR/Builders.h"
#include <optional>

namespace tinyc {

/// A tile of a domain: element t stands at the point offsets + t. Where `bounds` holds a size, the tile may reach
/// beyond it in that dimension, and accesses need a mask.
struct TileDomain {
  llvm::SmallVector<mlir::Value> offsets;
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<std::optional<int64_t>> bounds;

  unsigned rank() const { return shape.size(); }
  void append(mlir::Value offset, int64_t size, std::optional<int64_t> bound);
  mlir::VectorType type(mlir::Type element) const { return mlir::VectorType::get(shape, element); }
  /// Takes dimension `dim` out; the map from points of what is left to those of the whole domain, at 0 in it.
  mlir::AffineMap drop(unsigned dim, mlir::MLIRContext *context);
};

/// A splat of `value` (an element's attribute) over `type`.
mlir::Value splat(mlir::OpBuilder &b, mlir::Location loc, mlir::VectorType type, mlir::TypedAttr value);

/// Reads `buffer` at `map` of the domain's points where `mask` (null: everywhere) holds, else `fill`.
mlir::Value loadTile(mlir::OpBuilder &b, mlir::Location loc, mlir::Value buffer, const TileDomain &domain,
                     mlir::AffineMap map, mlir::IntegerSet mask = {}, mlir::TypedAttr fill = {});

/// Writes `value`, without the points beyond the domain's bounds.
void storeTile(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Value buffer, const TileDomain &domain,
               mlir::AffineMap map);

/// Whether each point of the tile lies within the bounds (a vector of i1); null if all do. `wide` as below.
mlir::Value insideBounds(mlir::OpBuilder &b, mlir::Location loc, const TileDomain &domain, bool wide);

/// Whether each point of the tile lies in `set` (a vector of i1); null for a null set. Constraints are computed in
/// 64 bits where 32 do not do for them (`wide`).
mlir::Value insideSet(mlir::OpBuilder &b, mlir::Location loc, const TileDomain &domain, mlir::IntegerSet set,
                      bool wide);

/// The values that the stage's body yields on the tile. `points` gives the stage's domain from the tile's dimensions
/// (for reading iota), `arguments` the reads, `buffer` where a kernel's argument lies; lookups touch nothing outside of
/// `within` (null: everywhere inside the domain's bounds).
llvm::SmallVector<mlir::Value> emitBody(mlir::OpBuilder &b, tiny::StageOp stage, const TileDomain &domain,
                                        mlir::AffineMap points, llvm::ArrayRef<mlir::Value> arguments,
                                        llvm::function_ref<mlir::Value(mlir::BlockArgument)> buffer,
                                        mlir::IntegerSet within = {});

/// a op b, as the reduction `kind` combines.
mlir::Value combine(mlir::OpBuilder &b, mlir::Location loc, tiny::ReduceKind kind, mlir::Value lhs, mlir::Value rhs);

/// The points that lie in both sets, of which either may be null.
mlir::IntegerSet intersect(mlir::IntegerSet a, mlir::IntegerSet b);

/// `set` with `map` put in for its dimensions; null for a null set.
mlir::IntegerSet composeSet(mlir::IntegerSet set, mlir::AffineMap map);

} // namespace tinyc

#endif // TINYC_PASSES_4_TILE_TILEBODY_H
