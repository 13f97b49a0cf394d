// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel is to a scheduler: pointwise, rows with reductions, or a contraction (the sum of a product whose two
// factors are both used again) with an epilogue.
//
//   if (std::optional<Contraction> c = matchContraction(kernel)) ...

#ifndef TINYC_PASSES_3_SCHEDULE_KERNELCLASS_H
#define TINYC_PASSES_3_SCHEDULE_KERNELCLASS_H

#include "dialects/Tiny/TinyOps.h"

#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace tinyc {

/// Product of the sizes of a stage's domain along `dims`.
int64_t pointsAlong(tiny::StageOp stage, llvm::ArrayRef<unsigned> dims);

/// A stage that sums the product of two reads, each seen through casts, and is followed by pointwise stages only.
struct Product {
  tiny::StageOp stage;
  unsigned rowsRead, columnsRead;           ///< reads of the stage; only the columns vary with the last dimension
  llvm::SmallBitVector rowDims, columnDims; ///< dimensions that each varies with; one of size 1 is nobody's
};

/// A contraction over the stage's domain (parallel dimensions, then reduction ones). The product's factors are called
/// rows (used again along `n`) and columns (used again along `m`, and varying with the output's last dimension).
struct Contraction {
  tiny::StageOp stage;
  unsigned rowsRead, columnsRead;    ///< reads of the stage
  llvm::SmallVector<unsigned> m, n;  ///< parallel dimensions of the rows' run and of the columns' run, each adjacent
  llvm::SmallVector<unsigned> batch; ///< the other parallel dimensions
  llvm::SmallVector<unsigned> k;     ///< reduction dimensions

  int64_t size(llvm::ArrayRef<unsigned> dims) { return pointsAlong(stage, dims); }
  /// The dimension of `run` along which it is cut into blocks: the first one longer than 1. The others stay whole, so
  /// that a block is a range of the run's flattened positions.
  unsigned cutDim(llvm::ArrayRef<unsigned> run);
  /// Flattened positions of `run` for one of its cut dimension.
  int64_t cutStride(llvm::ArrayRef<unsigned> run);
  /// (batch.., m, n, k) with m, n, k flattened -> the stage's domain; without k, its parallel dimensions.
  mlir::AffineMap flatten(bool withK);
};

/// The kernel as a sum of products; none if it is not one. With `tail`, stages that come after the pointwise ones may
/// be of any kind, and the kernel may share fewer dimensions than the sum has: they are put there.
std::optional<Product> matchProduct(tiny::KernelOp kernel, llvm::SmallVectorImpl<tiny::StageOp> *tail = nullptr);

/// The factor of the stage's product that reads through `read`: an argument of the body, or casts of one.
mlir::Value factorOf(tiny::StageOp stage, unsigned read);

/// The kernel as a contraction with pointwise epilogue stages; none if it is not one.
std::optional<Contraction> matchContraction(tiny::KernelOp kernel);

/// Whether no stage reduces and none has dimensions beside the shared ones.
bool isMap(tiny::KernelOp kernel);

/// Sizes of the dimensions that the shared ones leave, of the stage with the longest own domain.
llvm::SmallVector<int64_t> ownSizes(tiny::KernelOp kernel);

/// Sizes of the shared dimensions.
llvm::SmallVector<int64_t> sharedSizes(tiny::KernelOp kernel);

} // namespace tinyc

#endif // TINYC_PASSES_3_SCHEDULE_KERNELCLASS_H
