// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles one sum over sliding windows for a CPU. StageWindow.cpp fills the scratch memory of a unit, TileWindowCpu.cpp
// walks the register tiles over it.

#ifndef TINYC_PASSES_4_TILE_WINDOWTILER_H
#define TINYC_PASSES_4_TILE_WINDOWTILER_H

#include "passes/3-schedule/PackedForm.h"
#include "passes/4-tile/Tiling.h"

namespace tinyc {

/// Builds the code of one kernel. What a unit's windows cover is copied into `staged`, in one of two forms:
///
///   window   [coordinates.., line's phase, line]     the register tile has lines of its own, and columns of one line
///   plane    [coordinates.., y's phase, line's phase, lines without gaps]
///                                                    its columns run on from a line to the next
///
/// where the elements of a line (of a plane, the lines too) are dealt out to as many phases as their stride has:
/// windows that are neighbours read neighbours. In a plane, what stands between the end of a line's outputs and the
/// beginning of the next one's is computed and thrown away.
class WindowTiler {
public:
  WindowTiler(mlir::OpBuilder &b, const TiledFunction &f, Window &w);

  mlir::LogicalResult run();

private:
  void place();

  // The scratch memory of a unit (StageWindow.cpp).
  void allocate();
  void packRows();
  void copyInput(unsigned coordinate);
  void copyLine();
  mlir::Value readFactor(mlir::Value factor, unsigned read, const TileDomain &tile, mlir::AffineMap map);

  // The register tiles (TileWindowCpu.cpp).
  void walkBatch(unsigned index);
  void walkUnit();
  void walkOutput(unsigned index);
  mlir::Value multiply(unsigned dim, mlir::Value sum);
  mlir::Value multiplyPoint(mlir::Value sum);
  mlir::Value loadRows();
  void sumTile(mlir::Value column);
  void finishLines(mlir::Value first, mlir::Value count);
  void finishRow(mlir::Value line, mlir::Value row, mlir::Value sumLine, mlir::Value sumColumn, int64_t columns);

  void loop(mlir::Value begin, mlir::Value end, int64_t step, llvm::function_ref<void(mlir::Value)> body);
  mlir::Value constant(int64_t value) { return indexConstant(b, loc, value); }
  mlir::Value add(mlir::Value lhs, mlir::Value rhs);
  mlir::Value subtract(mlir::Value lhs, mlir::Value rhs);
  /// min(size of the block, what the dimension leaves behind the unit's offset), times `factor`, less `gap`.
  mlir::Value blockEnd(unsigned dim, int64_t factor = 1, int64_t gap = 0);

  /// In a plane: columns of a whole block, the gaps between its lines among them.
  int64_t planeColumns() const { return (block[*w.y()] - 1) * pitch + domain[w.x()]; }

  /// Columns of a line that the epilogue of a plane takes at once.
  int64_t finishColumns() const;

  mlir::OpBuilder &b;
  const TiledFunction &f;
  Window &w;
  mlir::Location loc;
  mlir::Type element;
  llvm::SmallVector<int64_t> domain;
  unsigned parallel;
  int64_t tileRows, tileLines, tileColumns;
  bool plane;
  /// Where tiles read rows: from a copy in scratch memory; from a weight that is packed already; or from a factor as it
  /// lies, whose last tile of a block begins early, to end with the block.
  enum class RowsFrom { Copy, Packed, InOrder } rowsFrom;
  PackedForm rowsForm;
  int64_t pitch = 0;                       ///< of a plane: elements from a line to the next
  llvm::SmallVector<mlir::Value> unit;     ///< where the unit begins; of batch dimensions, where it stands
  llvm::SmallVector<int64_t> sizes;        ///< of the unit, along the sum's parallel dimensions
  llvm::SmallVector<int64_t> block;        ///< sizes of the block, of n in whole tiles (window) or as they are (plane)
  llvm::SmallVector<mlir::Value> position; ///< of each dimension: n within the block, k
  llvm::SmallVector<mlir::Value> copied;   ///< within the staged input, of each coordinate
  mlir::Value firstRow;                    ///< of the register tile
  mlir::Value freshRow;                    ///< of the tile's, the first one that the tile before did not have
  mlir::Value firstTailRow;
  mlir::Value rows, staged, sums, kept;
  mlir::LogicalResult tailed = mlir::success();
  llvm::SmallVector<int64_t> stagedShape;
};

} // namespace tinyc

#endif // TINYC_PASSES_4_TILE_WINDOWTILER_H
