// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The values between kernels, seen from both sides of fusion: as results of launches, and as the values of the model
// that they are. So each kernel can be given the right inputs and be compared alone.
//
//   tagOps(*model);                                   // at the end of stage "simplify"
//   auto fused = model->clone(); runStages(fused, findStage("fuse"), ..);
//   std::vector<Boundary> all = findBoundaries(fused, *model);
//   auto apart = cutApart(fused);                     // every kernel reads arguments and gives results of @main

#ifndef TINYC_LIB_COMPILER_KERNELBOUNDARIES_H
#define TINYC_LIB_COMPILER_KERNELBOUNDARIES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>
#include <vector>

namespace tinyc {

/// Notes at each op of @main, in its location, which op of @main it is. Passes keep locations, and a stage's location
/// is made of those of its results, in their order; so the note leads from a kernel's result back to the op.
void tagOps(mlir::ModuleOp module);
/// Takes the notes away.
void untagOps(mlir::ModuleOp module);

/// Whether an op of @main computes in launches: no weight, no constant, no return.
bool isKernelLike(mlir::Operation *op);
/// "conv_relu_3"; of an op that is no kernel its name and place.
std::string kernelLabel(mlir::Operation *op);

/// One result of one kernel.
struct Boundary {
  mlir::OpResult result; ///< in the fused module
  mlir::Value origin;    ///< in the tagged module; null where the notes were lost or the types differ
};

/// All results of all kernels of `fused`, in order, and what they are in `tagged`, which it was made of.
std::vector<Boundary> findBoundaries(mlir::ModuleOp fused, mlir::ModuleOp tagged);

/// What `operand` of a kernel of `fused` is in `tagged`: an argument of @main or the origin of a boundary; null for
/// weights, constants, and where the origin is not known.
mlir::Value operandOrigin(mlir::Value operand, llvm::ArrayRef<Boundary> boundaries, mlir::ModuleOp tagged);

/// A copy of `tagged` whose @main also returns `values`, which belong to `tagged`, after its own results.
mlir::OwningOpRef<mlir::ModuleOp> withResults(mlir::ModuleOp tagged, llvm::ArrayRef<mlir::Value> values);

/// A copy of `fused` in which each boundary of known origin that another kernel reads has become an argument of @main
/// (after the model's own; `arguments` gets the index of each in `boundaries`), and all of them are its results.
mlir::OwningOpRef<mlir::ModuleOp> cutApart(mlir::ModuleOp fused, llvm::ArrayRef<Boundary> boundaries,
                                           std::vector<size_t> &arguments);

/// A piece of a model: its arguments are values of the module it was taken from.
struct Piece {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<mlir::Value> arguments;
};

/// The ops that compute `results` from `inputs` (and from arguments of @main, where they do not come by an input). All
/// are values of `tagged`.
Piece extractOps(mlir::ModuleOp tagged, llvm::ArrayRef<mlir::Value> results, llvm::ArrayRef<mlir::Value> inputs);

/// `kernel` alone, with the weights and constants it reads, at the stage that its module has been through.
Piece extractKernel(mlir::Operation *kernel);

} // namespace tinyc

#endif // TINYC_LIB_COMPILER_KERNELBOUNDARIES_H
