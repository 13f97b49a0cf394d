// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The form in which a register tile of a CPU reads a factor of a product. A factor whose memory has it already is read
// in place; any other is copied into it by each unit of work.
//
//   rows:    (batch * height + m, k)       rows apart by an odd number of cache lines
//   columns: (batch.., panel, k, column)   a panel has as many columns as a register tile
//
// m, n and k, and the batch of rows, are flattened runs of the domain's dimensions; of the batch only those dimensions
// count that the factor varies with. `height` is m, and what the last tile reads beyond it. What lies there is zero
// where `pack-weights` made it.

#ifndef TINYC_PASSES_3_SCHEDULE_PACKEDFORM_H
#define TINYC_PASSES_3_SCHEDULE_PACKEDFORM_H

#include "passes/3-schedule/KernelClass.h"
#include "passes/3-schedule/WindowClass.h"

namespace tinyc {

struct PackedForm {
  tiny::StageOp stage;
  unsigned read;
  bool isColumns;
  llvm::SmallVector<unsigned> batch, across, k; ///< dimensions of the domain; `across` is m, or n of columns
  int64_t tile;                                 ///< rows or columns of a register tile
  int64_t height = 0;                           ///< of rows: those of one element of the batch
  llvm::SmallVector<int64_t> shape;
  mlir::AffineMap map; ///< from the stage's domain to coordinates of the packed tensor

  mlir::RankedTensorType type();
  /// Whether the factor has this form, element type included.
  bool isThere();
  /// From coordinates of the packed tensor to the stage's domain; dimensions that the factor does not vary with are 0.
  mlir::AffineMap points();
  /// Where the packed tensor holds an element of the factor, and no padding; null if everywhere.
  mlir::IntegerSet mask();
  /// Of rows: (batch.., m) -> the packed row.
  mlir::AffineMap row();
  int64_t size(llvm::ArrayRef<unsigned> dims) { return pointsAlong(stage, dims); }
};

PackedForm packedRows(Contraction &c, tiny::ScheduleAttr schedule);
PackedForm packedColumns(Contraction &c, tiny::ScheduleAttr schedule);
PackedForm packedRows(Window &w, tiny::ScheduleAttr schedule);

/// Whether a window's rows can be read where they are without being packed: they are no casts, their elements stand in
/// the order of the sum, no tile needs rows beyond a block's, and they do not push each other out of the cache.
bool rowsLieInOrder(Window &w, tiny::ScheduleAttr schedule);

} // namespace tinyc

#endif // TINYC_PASSES_3_SCHEDULE_PACKEDFORM_H
