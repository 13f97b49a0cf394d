// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One run of one block by the reference interpreter: the tensors of its values while they are needed, and which ops
// are not computed on their own but as part of the loop of whoever uses them.

#ifndef TINYC_LIB_REFERENCE_BLOCKRUN_H
#define TINYC_LIB_REFERENCE_BLOCKRUN_H

#include "lib/Reference/Program.h"
#include "lib/Reference/Reference.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace tinyc {

/// The same values as elements of another type.
TensorRef converted(const TensorRef &tensor, tiny::Element element);

class BlockRun {
public:
  BlockRun(Reference &reference, mlir::Block &block);

  /// Runs the whole block; gives the operands of its terminator.
  llvm::FailureOr<std::vector<TensorRef>> run(llvm::ArrayRef<TensorRef> arguments);
  /// Runs the ops given, in their order, and gives `value`.
  TensorRef evaluate(llvm::ArrayRef<mlir::Operation *> ops, mlir::Value value);

private:
  class Output;
  // The type in which the run holds elements of type `element`: f64 for every float of a wide one.
  tiny::Element held(tiny::Element element) const;
  TensorRef held(const TensorRef &tensor) const { return converted(tensor, held(tensor->element)); }
  tiny::Elementwise held(tiny::Elementwise function) const;
  // A tensor of zeros of this type, for the results of `op`; null, with an error, if it is too large to hold.
  std::shared_ptr<DenseTensor> allocate(mlir::Operation *op, mlir::Type type) const;
  mlir::LogicalResult runInto(mlir::Operation *op, const Program &program, llvm::ArrayRef<Output> outputs,
                              llvm::ArrayRef<unsigned> registers, int64_t combined);
  void plan(mlir::Block &block);
  mlir::LogicalResult execute(mlir::Operation *op);
  mlir::LogicalResult define(mlir::Operation *op, std::vector<TensorRef> results);
  TensorRef tensor(mlir::Value value);

  // Each computes one op; an error has been emitted where the result is null or empty.
  TensorRef loop(mlir::Value value);
  TensorRef reduce(tiny::ReduceOp op);
  TensorRef weight(tiny::ParamOp op);
  TensorRef concat(tiny::ConcatOp op);
  TensorRef gather(tiny::GatherOp op);
  TensorRef scatter(tiny::ScatterOp op);
  llvm::FailureOr<std::vector<TensorRef>> repeat(tiny::LoopOp op);
  llvm::FailureOr<std::vector<TensorRef>> choose(tiny::CondOp op);
  llvm::FailureOr<std::vector<TensorRef>> stage(tiny::StageOp op);
  llvm::FailureOr<std::vector<TensorRef>> tensors(mlir::ValueRange values);

  // Adds the instructions that compute `value` at a frame's coordinates.
  llvm::FailureOr<unsigned> compile(Program &program, mlir::Value value, unsigned frame);

  Reference &reference;
  mlir::Block &block;
  llvm::DenseMap<mlir::Value, TensorRef> values;
  llvm::DenseSet<mlir::Operation *> fused;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::Value>> lastUses;
};

/// The tensor of `shape` whose element map(p) is the element p of `tensor`.
TensorRef rearrange(const TensorRef &tensor, mlir::AffineMap map, llvm::ArrayRef<int64_t> shape);
/// The shape of a tensor or vector; of a scalar none.
llvm::ArrayRef<int64_t> shapeOf(mlir::Type type);
/// The number of points of a domain of these sizes.
int64_t product(llvm::ArrayRef<int64_t> sizes);

} // namespace tinyc

#endif // TINYC_LIB_REFERENCE_BLOCKRUN_H
