// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Places intermediate tensors in one arena so that two that live at the same time never overlap.

#ifndef TINYC_LIB_COMPILER_ARENAPLANNER_H
#define TINYC_LIB_COMPILER_ARENAPLANNER_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace tinyc {

/// A tensor of `size` bytes that is written by command `first` and last read by command `last` (inclusive).
/// `offset` is the answer, a multiple of 64.
struct ArenaTensor {
  uint64_t size;
  unsigned first;
  unsigned last;
  uint64_t offset = 0;
};

/// The largest sum of sizes that live at one time: no arena is smaller.
uint64_t livePeak(llvm::ArrayRef<ArenaTensor> tensors);

/// Fills in the offsets and returns the size of the arena. Each tensor goes into the smallest gap that is free over its
/// whole life; which comes first is tried in several orders, and the smallest arena is taken. Deterministic.
uint64_t planArena(llvm::MutableArrayRef<ArenaTensor> tensors);

} // namespace tinyc

#endif // TINYC_LIB_COMPILER_ARENAPLANNER_H
