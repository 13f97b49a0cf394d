// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The block of a contraction that a CPU's work unit computes, and its operands as they are packed.

#ifndef TINYC_PASSES_4_TILE_CONTRACTIONPACKING_H
#define TINYC_PASSES_4_TILE_CONTRACTIONPACKING_H

#include "dialects/Layout/TensorCoreRows.h"
#include "passes/4-tile/Tiling.h"

namespace tinyc {

/// A range of flattened positions: those of the unit's block.
struct Positions {
  mlir::Value begin, end;
  int64_t most;  ///< positions of a whole block
  int64_t total; ///< positions of the whole run
};

/// A map from `dims` dimensions to the chosen ones.
mlir::AffineMap selectDims(mlir::MLIRContext *context, unsigned dims, llvm::ArrayRef<unsigned> chosen);

/// Packs a block of rows, and columns panel by panel, in the layouts that the register tile reads.
class ContractionPacking {
protected:
  ContractionPacking(mlir::OpBuilder &b, const TiledFunction &f, Contraction &c);

  /// The part of a run that the unit covers.
  Positions blockOf(llvm::ArrayRef<unsigned> run, llvm::ArrayRef<mlir::Value> unit, llvm::ArrayRef<int64_t> sizes);
  /// A tile of the flattened domain; bounds of m, n and k where a tile may pass them.
  TileDomain domainAt(mlir::Value m, int64_t mSize, mlir::Value n, int64_t nSize, mlir::Value k, int64_t kSize);
  /// Buffers for packed operands of `depth` terms, of those that are to be packed. To be called when m, n and k are
  /// known.
  void allocate(int64_t depth, bool packsRows, bool packsColumns);
  void packRows(Positions m, Positions k);
  /// One panel of columns, over the one before; a matrix instruction's `packPanels` packs all of the block at once.
  void packColumns(mlir::Value firstColumn, Positions k);
  void packPanels(Positions k);
  /// Where the panel that begins at a column begins in `columns`.
  mlir::Value panelAt(mlir::Value firstColumn);
  /// Rows and columns of one step of a matrix instruction: (m, groups of k, group) and (groups of k, n, group).
  mlir::Value loadRowFragments(mlir::Value firstRow, mlir::Value group, Positions k);
  mlir::Value loadColumnFragments(mlir::Value firstColumn, mlir::Value group);

  void loop(mlir::Value begin, mlir::Value end, int64_t step, llvm::function_ref<void(mlir::Value)> body);
  mlir::Value constant(int64_t value) { return indexConstant(b, loc, value); }
  mlir::Value subtract(mlir::Value lhs, mlir::Value rhs);

  mlir::OpBuilder &b;
  const TiledFunction &f;
  Contraction &c;
  mlir::Location loc;
  mlir::Type element; ///< of the sums
  mlir::AffineMap toStage;
  int64_t tileRows, tileColumns;
  const TensorCoreRow *row = nullptr; ///< of a matrix instruction; null for multiply-adds
  int64_t group = 1;                  ///< k that lie side by side in packed columns
  llvm::SmallVector<mlir::Value> batch;
  Positions m, n, k;
  mlir::Value rows;    ///< null if not packed; [m, k], or [k, m] if not `rowsAlongK` and without an instruction
  mlir::Value columns; ///< null if not packed; [k floordiv group, n * group + k mod group]
  bool rowsAlongK = true;

private:
  mlir::Type packedType(llvm::StringRef name);
  mlir::Value readFactor(unsigned read, mlir::Value factor, const TileDomain &domain, mlir::AffineMap points);
  mlir::Value readOperand(unsigned read, const TileDomain &domain) { return readOperand(read, domain, toStage); }
  mlir::Value readOperand(unsigned read, const TileDomain &domain, mlir::AffineMap points);
  mlir::Value asBits(mlir::Value tile, mlir::Type packed);
  mlir::Value apply(mlir::AffineExpr expr, mlir::ValueRange operands);
  mlir::Value filledEnd(Positions k);
  void boundFilled(TileDomain &domain, unsigned dim, Positions k);
  void packRowsTurned(Positions m, Positions k);
  void packColumnsAlongK(mlir::Value firstColumn, Positions k);
  void packColumnGroups(Positions k);
  mlir::Value groupAt(mlir::Value firstColumn, mlir::Value kAt, Positions k);
  bool canReadRowsInPlace();

  mlir::Type rowsPacked, columnsPacked; ///< elements of packed operands
  bool columnsAlongK = false;
  bool rowsInPlace = false; ///< a matrix instruction's rows are in memory as it takes them
  int64_t panelRows = 0;    ///< of a panel in `columns`
};

} // namespace tinyc

#endif // TINYC_PASSES_4_TILE_CONTRACTIONPACKING_H
