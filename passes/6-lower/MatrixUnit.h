// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A CPU's matrix instruction: fragments from memory into registers, their product, and sums back.

#ifndef TINYC_PASSES_6_LOWER_MATRIXUNIT_H
#define TINYC_PASSES_6_LOWER_MATRIXUNIT_H

#include "dialects/Layout/TensorCoreRows.h"

#include "mlir/IR/Builders.h"
#include <optional>

namespace tinyc {

class MatrixUnit {
public:
  /// The unit of a row of the table; none for a row that is no CPU's.
  static std::optional<MatrixUnit> of(llvm::StringRef instruction);

  const TensorCoreRow &row() const { return *row_; }
  /// k that lie side by side in B.
  int64_t group() const { return neighbouringK(*row_); }

  /// Fragments from memory; their rows (of B the groups of k) stand `stride` bytes apart.
  mlir::Value loadA(mlir::OpBuilder &b, mlir::Location loc, mlir::Value pointer, int64_t stride) const;
  mlir::Value loadB(mlir::OpBuilder &b, mlir::Location loc, mlir::Value pointer, int64_t stride) const;
  mlir::Value loadC(mlir::OpBuilder &b, mlir::Location loc, mlir::Value pointer, int64_t stride) const;
  void storeC(mlir::OpBuilder &b, mlir::Location loc, mlir::Value c, mlir::Value pointer, int64_t stride) const;
  mlir::Value zero(mlir::OpBuilder &b, mlir::Location loc) const;
  /// a * b + c.
  mlir::Value multiply(mlir::OpBuilder &b, mlir::Location loc, mlir::Value a, mlir::Value bs, mlir::Value c) const;

private:
  explicit MatrixUnit(const TensorCoreRow &row);
  mlir::Value loadTile(mlir::OpBuilder &b, mlir::Location loc, mlir::Value pointer, int64_t stride, int64_t rows) const;

  const TensorCoreRow *row_;
  bool inTiles; ///< AMX: fragments in tile registers; else in vector registers
};

} // namespace tinyc

#endif // TINYC_PASSES_6_LOWER_MATRIXUNIT_H
