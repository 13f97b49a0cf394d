// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an op of one lane's code does to memory in which lanes meet: shared memory, and buffers that are computed in
// place; and the values of its slot numbers in a given iteration.

#ifndef TINYC_PASSES_LANES_SHAREDEFFECTS_H
#define TINYC_PASSES_LANES_SHAREDEFFECTS_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Operation.h"
#include <optional>

namespace tinyc {

enum class SharedEffect { Read, Write, AsyncWrite };

/// One access to a buffer in workgroup memory, or to one that the kernel both reads and overwrites.
struct SharedTouch {
  mlir::Operation *op;
  mlir::Value buffer; ///< the allocation, or the kernel's argument
  mlir::Value slot;   ///< first of two indices; null if the buffer has no slots
  SharedEffect effect;
  bool inPlace; ///< in global memory
};

/// Whether a barrier orders accesses to buffers that are computed in place, beside those to shared memory.
bool ordersInPlace(mlir::Operation *barrier);

/// What the op itself (not its regions) touches.
llvm::SmallVector<SharedTouch, 2> sharedTouches(mlir::Operation *op);

/// Integer values known at one point of a walk through a kernel: loop variables, and what follows from them.
class KnownIndices {
public:
  void set(mlir::Value value, int64_t number) { known[value] = number; }
  std::optional<int64_t> get(mlir::Value value) const;

private:
  llvm::DenseMap<mlir::Value, int64_t> known;
};

/// Whether all lanes of a block agree on `value`: it follows from the unit's number, constants and the variables of
/// loops that they walk together, by arithmetic alone.
bool isUniform(mlir::Value value);

/// How often a loop runs, where its bounds are known.
std::optional<int64_t> tripCount(mlir::scf::ForOp loop, const KnownIndices &known);

/// How many iterations of a loop show everything that can happen between accesses to slots: slot numbers repeat with
/// the number of slots, so one period and two more.
int64_t iterationsToWalk(mlir::scf::ForOp loop, const KnownIndices &known);

} // namespace tinyc

#endif // TINYC_PASSES_LANES_SHAREDEFFECTS_H
