// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums of products whose factor along the output's last dimension is read through a sliding window: convolutions of any
// rank, with strides, dilations, pads and groups, depthwise ones among them; and what follows them in their kernel, a
// pooling for example.
//
//   if (std::optional<Window> w = matchWindow(kernel)) ...

#ifndef TINYC_PASSES_3_SCHEDULE_WINDOWCLASS_H
#define TINYC_PASSES_3_SCHEDULE_WINDOWCLASS_H

#include "passes/3-schedule/KernelClass.h"

#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace tinyc {

/// A stage whose columns are read at sums of multiples of the domain's dimensions. Each coordinate of the input follows
/// at most one dimension of the output; the coordinate that follows the last one is called the line.
struct Window {
  tiny::StageOp stage;
  unsigned rowsRead, columnsRead;    ///< reads of the stage
  std::optional<unsigned> m;         ///< the parallel dimension that only the rows vary with
  llvm::SmallVector<unsigned> n;     ///< parallel dimensions that only the columns vary with, the line's last
  llvm::SmallVector<unsigned> batch; ///< the other parallel dimensions
  llvm::SmallVector<unsigned> k;     ///< reduction dimensions

  /// A coordinate of the input: constant + sum of factors[d] * d, which counts where it lies in [least, most].
  struct Coordinate {
    int64_t constant = 0;
    llvm::SmallVector<int64_t> factors;
    int64_t least, most;
  };
  llvm::SmallVector<Coordinate> input;
  unsigned line; ///< coordinate that follows the output's last dimension

  /// Stages after the pointwise ones, in a kernel that shares the parallel dimensions before `firstOwn`, which is one
  /// of n: each unit keeps what they read, one value of earlier stages, in memory of its own. Their points lie in the
  /// shared dimensions, then in dimensions of their own.
  llvm::SmallVector<tiny::StageOp> tail;
  mlir::Value kept;
  unsigned firstOwn;
  unsigned tailParallel; ///< dimensions that all stages of the tail begin with: the shared ones, or all parallel ones
  /// Where the tail can be cut along its first own dimension: one row of it reads `rowExtent` lines of what is kept,
  /// from `rowStep` times the row's number on. A step of 0: it takes all lines.
  int64_t rowStep = 0, rowExtent = 0;

  unsigned x() const { return n.back(); }
  /// The dimension whose positions share the rows' elements beside x; none if the window slides along x alone.
  std::optional<unsigned> y() const { return n.size() > 1 ? std::optional<unsigned>(n[n.size() - 2]) : std::nullopt; }
  int64_t stride() const { return input[line].factors[x()]; }
  /// The coordinate that follows y; none without y.
  std::optional<unsigned> yCoordinate() const;
  int64_t size(unsigned dim) { return stage.getDomain()[dim]; }
  int64_t rows() { return m ? size(*m) : 1; }
  /// Elements of the sum.
  int64_t depth() { return pointsAlong(stage, k); }
  /// Positions of coordinate `i` that a block of `block` positions of each dimension of n reads; `block` is indexed by
  /// dimension.
  int64_t extent(unsigned i, llvm::ArrayRef<int64_t> block);
  /// Elements of coordinate `i` that `positions` outputs along `dim`, which it follows, read of one phase: where the
  /// stride is s, phase p holds every s-th element from p on.
  int64_t phaseExtent(unsigned i, unsigned dim, int64_t positions);
  int64_t lineExtent(int64_t columns) { return phaseExtent(line, x(), columns); }
  /// Rows of the tail that can be cut; 1 where it takes all lines.
  int64_t tailRows() { return rowStep ? tail.front().getParallel()[firstOwn] : 1; }
  /// Lines that so many rows of the tail read.
  int64_t keptLines(int64_t rows) { return rowStep ? rowStep * (rows - 1) + rowExtent : size(*y()); }
  /// Whether lines are the tail's own.
  bool ownsLines() const { return y() && *y() >= firstOwn; }
};

/// The first of the last dimensions of n that follow each other up to the sum's last parallel one.
unsigned firstOfLines(Window &w);

/// The kernel as a sum over a window, with pointwise epilogue stages and perhaps a tail; none if it is not one.
std::optional<Window> matchWindow(tiny::KernelOp kernel);

} // namespace tinyc

#endif // TINYC_PASSES_3_SCHEDULE_WINDOWCLASS_H
