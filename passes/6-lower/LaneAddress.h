// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles as vector registers, and affine expressions over their lanes.
//
// A tile is cut into registers along its innermost dimension that is longer than 1: vector<14x32> is 14 registers of 32
// lanes, vector<64x1> one of 64. The code generator splits a register that is wider than the machine's.

#ifndef TINYC_PASSES_6_LOWER_LANEADDRESS_H
#define TINYC_PASSES_6_LOWER_LANEADDRESS_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/IntegerSet.h"

namespace tinyc {

struct RegisterShape {
  llvm::SmallVector<int64_t> shape;
  int lane = -1;         ///< the dimension along the lanes; -1 if the tile has one element
  int64_t lanes = 1;     ///< elements of one register
  int64_t registers = 1; ///< product of the dimensions before `lane`

  explicit RegisterShape(llvm::ArrayRef<int64_t> shape);
  /// Coordinates in the tile of the first lane of register `index`.
  llvm::SmallVector<int64_t> coordinates(int64_t index) const;
  /// The register that holds `coordinates`.
  int64_t registerOf(llvm::ArrayRef<int64_t> coordinates) const;
};

/// Evaluates expressions at the points of one register: the lanes' points are offsets + coordinates, and along the lane
/// dimension the lane's number more.
class LanePoints {
public:
  /// Lanes' numbers have `width` bits. With `spread`, each lane stands for so many elements of the vectors that are
  /// made: the element's lane is its number divided by `spread`.
  LanePoints(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange offsets, const RegisterShape &shape,
             llvm::ArrayRef<int64_t> coordinates, unsigned width, int64_t spread = 1);

  /// One dimension more, whose coordinate is data: the lanes' numbers, or the first lane's for all where it is
  /// `uniform`. Gives the condition that it is at least 0 and below `limit`: a vector of i1, or i1 where it is uniform.
  mlir::Value addIndex(mlir::Value numbers, bool uniform, int64_t limit);

  /// An expression over the domain's dimensions, as base + stride * lane + bent(lane): `base` does not vary over lanes.
  struct Split {
    mlir::AffineExpr base;
    int64_t stride;
    mlir::AffineExpr bent; ///< null if there is none

    bool varies() const { return stride != 0 || bent; }
  };
  Split split(mlir::AffineExpr expr);

  /// An expression without lanes, as index.
  mlir::Value scalar(mlir::AffineExpr expr);
  /// stride * lane + bent(lane) as a vector of integers.
  mlir::Value vector(const Split &split, bool withBase);

  /// Conditions under which lanes take part; null values hold everywhere.
  struct Mask {
    mlir::Value uniform; ///< i1
    mlir::Value lanes;   ///< vector of i1
    bool any() const { return uniform || lanes; }
  };
  Mask mask(mlir::IntegerSet set);
  /// The mask as a vector of i1; null if all lanes take part.
  mlir::Value asVector(const Mask &mask);

private:
  mlir::Value vectorOf(mlir::AffineExpr expr, mlir::Type type);

  mlir::OpBuilder &b;
  mlir::Location loc;
  llvm::SmallVector<mlir::Value> offsets;
  llvm::SmallVector<mlir::AffineExpr> replacements; ///< symbol 0 is the lane's number, the others are `indices`
  llvm::SmallVector<mlir::Value> indices;           ///< that differ between lanes
  int64_t lanes, spread;
  unsigned width;
};

} // namespace tinyc

#endif // TINYC_PASSES_6_LOWER_LANEADDRESS_H
