// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which row of the tensor-core table computes a contraction.
//
//   if (const TensorCoreRow *row = chooseRow(c, chip)) s.instruction = row->name;

#ifndef TINYC_PASSES_3_SCHEDULE_MATRIXROWS_H
#define TINYC_PASSES_3_SCHEDULE_MATRIXROWS_H

#include "dialects/Layout/TensorCoreRows.h"
#include "dialects/Target/Chip.h"
#include "passes/3-schedule/KernelClass.h"

namespace tinyc {

/// Why `row` does not compute `c`, for a message; empty if it does. The kernel reads elements of the row's types, or
/// narrower integers, and widens them to the sum's type; and where k is filled up, one operand is zero and the other
/// finite.
std::string rowMismatch(Contraction &c, const TensorCoreRow &row);

/// The row that takes a CPU the least time for `c`, what it computes in vain included; null where multiply-adds of
/// vectors do.
const TensorCoreRow *chooseCpuRow(Contraction &c, const Chip &chip);

/// The first row of the chip for operands of type `element` with sums of f32, or "fma".
std::string tensorCoreRow(const Chip &chip, mlir::Type element);

/// Fragments that the register tile of `inner` rows and columns needs at once: its sums, and one step's operands.
int64_t fragments(const TensorCoreRow &row, llvm::ArrayRef<int64_t> inner);

} // namespace tinyc

#endif // TINYC_PASSES_3_SCHEDULE_MATRIXROWS_H
