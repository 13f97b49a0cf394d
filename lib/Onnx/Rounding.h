// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which results of nodes on floats of less than 32 bits are rounded.

#ifndef TINYC_LIB_ONNX_ROUNDING_H
#define TINYC_LIB_ONNX_ROUNDING_H

#include "dialects/Tiny/TinyOps.h"

#include "llvm/ADT/SmallPtrSet.h"

namespace tinyc::onnx {

/// Casts that the importer itself made around nodes of narrow floats: those of operands to f32, of results back.
struct NarrowCasts {
  llvm::SmallPtrSet<mlir::Operation *, 16> widenings, roundings;
};

/// A result that is only read element by element or by reductions fuses with what reads it and never stands in memory:
/// it stays in f32. What windows and contractions read is stored in its own type, and so is what the model's Casts
/// make.
void dropRoundings(mlir::Block &block, const NarrowCasts &casts);

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_ROUNDING_H
