// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Choosing and verifying schedules: from a kernel and a chip's row of facts, nothing else.

#ifndef TINYC_PASSES_3_SCHEDULE_SCHEDULES_H
#define TINYC_PASSES_3_SCHEDULE_SCHEDULES_H

#include "dialects/Target/Chip.h"
#include "passes/3-schedule/KernelClass.h"
#include "passes/3-schedule/WindowClass.h"

#include <functional>

namespace tinyc {

/// A schedule while it is being chosen.
struct ScheduleSizes {
  llvm::SmallVector<int64_t> unit, inner, strip, warps;
  std::string instruction, columns;
  int64_t pipeline = 1, vector = 1;
  bool keep = true;

  tiny::ScheduleAttr toAttr(mlir::MLIRContext *context) const;
};

ScheduleSizes chooseCpuSchedule(tiny::KernelOp kernel, const Chip &chip);
ScheduleSizes chooseGpuSchedule(tiny::KernelOp kernel, const Chip &chip);

/// Whether `schedule` fits the kernel and the chip; an error at the kernel names the limit, what it is and what was
/// asked for.
mlir::LogicalResult verifySchedule(tiny::KernelOp kernel, tiny::ScheduleAttr schedule, const Chip &chip);

/// The row of the chip that the module's `tiny.target` names; an error and null if there is none.
const Chip *moduleChip(mlir::ModuleOp module);

/// `size` taken up to a power of two, at most `limit` (itself a power of two).
int64_t powerOfTwo(int64_t size, int64_t limit);

/// Bytes of the narrowest and of the widest element that the kernel reads or writes.
std::pair<int64_t, int64_t> elementBytes(tiny::KernelOp kernel);

} // namespace tinyc

#endif // TINYC_PASSES_3_SCHEDULE_SCHEDULES_H
