// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The plan of fusion for one block, of a function or of a loop's or choice's body, made in three steps and then carried
// out:
//
// 1. chooseRoots: which values are computed as a result of a stage. All others are evaluated where they are read.
// 2. groupRoots: which roots share a kernel.
// 3. emitKernels: builds the kernels and replaces the ops.
//
// Reads are named by the value that is read and an affine map from the reading root's domain to that value's
// coordinates.

#ifndef TINYC_PASSES_2_FUSE_FUSIONPLAN_H
#define TINYC_PASSES_2_FUSE_FUSIONPLAN_H

#include "dialects/Tiny/TinyOps.h"
#include "passes/2-fuse/Reindex.h"

#include "mlir/IR/IntegerSet.h"
#include "llvm/ADT/SetVector.h"

namespace tinyc::fusion {

/// One access of a root: what it reads, and where for each point of the root's domain.
struct Read {
  mlir::Value value;
  mlir::AffineMap map;
  mlir::IntegerSet mask; ///< null: every point is read
  bool lookup = false;   ///< anywhere in the value, where data says
};

/// A value that a stage computes.
struct Root {
  mlir::Value value;
  tiny::ReduceOp reduce;    ///< null: the value is computed point by point
  bool contraction = false; ///< a sum of products with reuse: one stage, a mul of two reads
  bool returned = false;    ///< a result of the block, or read by a loop, choice or scatter in it
  bool reachesOut = false;  ///< read by another kernel, or returned

  /// Sizes of the domain: the value's shape, perhaps reindexed, or kept then reduced dimensions of the reduction's
  /// input.
  llvm::SmallVector<int64_t> domain;
  mlir::AffineMap toValue, toDomain; ///< of a pointwise value that is reindexed; null: the domain is the value's shape
  unsigned parallel = 0;             ///< how many dimensions of the domain are parallel
  llvm::SmallVector<Read> reads;
  unsigned ops = 0; ///< that its body evaluates
  unsigned kernel = 0;

  llvm::ArrayRef<int64_t> kept() const { return llvm::ArrayRef<int64_t>(domain).take_front(parallel); }
  /// From the domain to the coordinates of the reduction's input, or of the value itself.
  mlir::AffineMap definitionMap() const;
  /// A position in the value, for the points of [0, domain), as one in what the stage computes.
  mlir::AffineMap positionOf(mlir::AffineMap map, llvm::ArrayRef<int64_t> domain) const;
  /// Walks the domain in another order.
  void reindexBy(const Reindexing &order);
};

/// Roots that run as one launch.
struct KernelPlan {
  llvm::SmallVector<unsigned> roots; ///< in the order of the function
  llvm::SmallVector<int64_t> shared; ///< sizes of the dimensions along which it is cut into units
  bool contraction = false;
  bool reduces = false;
  unsigned ops = 0;                   ///< in the bodies of its roots
  llvm::SetVector<mlir::Value> reads; ///< by any of its roots, of what they compute too
};

struct FusionPlan {
  std::vector<Root> roots; ///< in the order of the function
  llvm::DenseMap<mlir::Value, unsigned> rootOf;
  std::vector<KernelPlan> kernels; ///< those without roots were merged into others
  bool remarks = false;

  bool isRoot(mlir::Value value) const { return rootOf.contains(value); }
  Root *find(mlir::Value value) {
    auto it = rootOf.find(value);
    return it == rootOf.end() ? nullptr : &roots[it->second];
  }
};

/// The two factors of a sum of products whose factors are read again and again; empty if `reduce` is not one.
llvm::SmallVector<mlir::Value, 2> contractionFactors(tiny::ReduceOp reduce);

/// Whether `op` reads tensors that are there and gives such: bounded control, which stays as it is with kernels in its
/// bodies, or a scatter, which is a kernel to itself.
inline bool isControl(mlir::Operation *op) {
  return mlir::isa_and_present<tiny::LoopOp, tiny::CondOp, tiny::ScatterOp>(op);
}

/// Rewrites the scatters of the block that need no walk over their updates.
void chooseScatterForms(mlir::Block &block);

/// Rewrites the choices of the block of which both sides may be computed.
void chooseChoiceForms(mlir::Block &block);

/// Fills plan.roots. What a function returns although no op computes it has become a root by an identity view.
void chooseRoots(mlir::Block &block, FusionPlan &plan);

/// Fills plan.kernels.
void groupRoots(FusionPlan &plan);

/// Builds the kernels before the block's end, moves loops and choices between them, and erases what they replace.
/// `number` is that of the next kernel's name.
void emitKernels(mlir::Block &block, FusionPlan &plan, unsigned &number);

/// "conv_relu": what a person calls a kernel of these ops on tensors, in the order of the function.
std::string kernelName(llvm::ArrayRef<mlir::Operation *> ops);

} // namespace tinyc::fusion

#endif // TINYC_PASSES_2_FUSE_FUSIONPLAN_H
