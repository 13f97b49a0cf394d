// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tile pass hands to the file that tiles one class of kernels.

#ifndef TINYC_PASSES_4_TILE_TILING_H
#define TINYC_PASSES_4_TILE_TILING_H

#include "dialects/Target/Chip.h"
#include "dialects/Tiny/KernelMarks.h"
#include "passes/2-fuse/Attention.h"
#include "passes/3-schedule/KernelClass.h"
#include "passes/3-schedule/WindowClass.h"
#include "passes/4-tile/TileBody.h"

namespace tinyc {

/// The function that is being filled for one kernel: an empty body whose arguments are the buffers of inputs and of
/// those results that have their own, and the number of the work unit.
struct TiledFunction {
  mutable tiny::KernelOp kernel;
  tiny::ScheduleAttr schedule;
  const Chip &chip;
  mutable mlir::func::FuncOp function;

  mlir::Value buffer(mlir::BlockArgument input) const { return function.getArgument(input.getArgNumber()); }
  mlir::Value resultBuffer(unsigned result) const;
  bool needsWideIndex() const { return function->hasAttr(tiny::kWideIndexAttr); }
  mlir::Value unit() const { return function.getArguments().back(); }
  /// emitBody with the kernel's buffers.
  llvm::SmallVector<mlir::Value> emit(mlir::OpBuilder &b, tiny::StageOp stage, const TileDomain &domain,
                                      mlir::AffineMap points, llvm::ArrayRef<mlir::Value> arguments,
                                      mlir::IntegerSet within = {}) const {
    auto where = [&](mlir::BlockArgument input) { return buffer(input); };
    return emitBody(b, stage, domain, points, arguments, where, within);
  }
  /// The buffers that `stageResult` leaves the kernel through, and where its points stand in them.
  llvm::SmallVector<std::pair<mlir::Value, mlir::AffineMap>> outputs(mlir::Value stageResult) const;
};

/// Sizes of the dimensions that the schedule's unit cuts: the shared ones, and of a window with a tail perhaps the
/// tail's first own one.
llvm::SmallVector<int64_t> cutSizes(tiny::KernelOp kernel, tiny::ScheduleAttr schedule);

/// Units of a kernel: the product of the cut dimensions' tiles.
int64_t countUnits(tiny::KernelOp kernel, tiny::ScheduleAttr schedule);

/// The position at which the unit's tile begins, one value a cut dimension.
llvm::SmallVector<mlir::Value> unitOffsets(mlir::OpBuilder &b, const TiledFunction &f);

/// Whether coordinates of the kernel's stages, or positions in its buffers, need more than 32 bits.
bool needsWideIndex(tiny::KernelOp kernel);

mlir::Value indexConstant(mlir::OpBuilder &b, mlir::Location loc, int64_t value);

/// min(value + plus, limit).
mlir::Value addAndLimit(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, int64_t plus, int64_t limit);

/// Pointwise kernels and rows with reductions, of any chip; the way for every kernel that has no better one.
mlir::LogicalResult tileStages(mlir::OpBuilder &b, const TiledFunction &f);

/// Stages that are walked under one tile of the dimensions that they begin with: all of a kernel, or those that follow
/// what another tiler has computed.
struct StageWalk {
  llvm::SmallVector<tiny::StageOp> stages;
  llvm::SmallVector<int64_t> sizes;              ///< of those dimensions
  llvm::SmallVector<mlir::Value> offsets;        ///< where the unit begins in them
  llvm::SmallVector<int64_t> unit, inner, strip; ///< as in a schedule
  mlir::Value kept, keptBuffer;                  ///< a value of an earlier stage, and where it lies; null if none
  llvm::SmallVector<mlir::Value> keptOrigin;     ///< its coordinates there begin at; null: at 0
};
mlir::LogicalResult tileStages(mlir::OpBuilder &b, const TiledFunction &f, const StageWalk &walk);

/// A scatter: each unit copies its part of the input and walks all updates in order.
mlir::LogicalResult tileScatter(mlir::OpBuilder &b, const TiledFunction &f);

/// Contractions on a CPU: packed operands, register tiles.
mlir::LogicalResult tileContractionCpu(mlir::OpBuilder &b, const TiledFunction &f, Contraction &contraction);

/// Sums over sliding windows on a CPU, of which the schedule says columns = "window" or "plane".
mlir::LogicalResult tileWindowCpu(mlir::OpBuilder &b, const TiledFunction &f, Window &window);

/// What a unit of a window with a tail has kept: where the unit begins and how large it is, in the sum's parallel
/// dimensions, and the buffer; `firstRow` is the tail's first row, null where it takes all lines.
struct KeptUnit {
  llvm::ArrayRef<mlir::Value> unit;
  llvm::ArrayRef<int64_t> sizes;
  mlir::Value firstRow, buffer;
};
mlir::LogicalResult tileWindowTail(mlir::OpBuilder &b, const TiledFunction &f, const Window &window,
                                   const KeptUnit &kept);

/// Contractions on a GPU, or on another chip with a matrix unit: a block of rows by columns a unit.
mlir::LogicalResult tileContractionGpu(mlir::OpBuilder &b, const TiledFunction &f, Contraction &contraction);
/// Whether it can be: sums are f32, or of the integers that the schedule's instruction takes, and masked operands are
/// filled with zero.
bool hasBlockContraction(const TiledFunction &f, Contraction &contraction);

/// Attention: blocks of queries, past which keys and values stream.
mlir::LogicalResult tileAttentionCpu(mlir::OpBuilder &b, const TiledFunction &f, Attention &attention);
mlir::LogicalResult tileAttentionGpu(mlir::OpBuilder &b, const TiledFunction &f, Attention &attention);

} // namespace tinyc

#endif // TINYC_PASSES_4_TILE_TILING_H
