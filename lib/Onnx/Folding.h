// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Folding during the import: what a node computes from constants and weights alone is computed by the reference. So
// the arithmetic that models do on shapes is known to the next node, and the vectors of a batch norm become weights.

#ifndef TINYC_LIB_ONNX_FOLDING_H
#define TINYC_LIB_ONNX_FOLDING_H

#include "lib/Reference/Reference.h"
#include "lib/Weights/WeightStore.h"

#include "dialects/Tiny/TinyOps.h"

namespace tinyc::onnx {

/// Initialisers and folded values of up to so many elements are constants in the IR.
constexpr int64_t kMaxConstElements = 16;
/// Integers more generously: they are indices and shapes, which later computations fold.
constexpr int64_t kMaxConstIntegers = 256;
/// Nothing larger is folded: that is work for the device.
constexpr int64_t kMaxFoldedElements = 65536;

/// A reference interpreter that finds weights in the store.
Reference weightedReference(WeightStore &weights);

/// Whether a value of this type is kept as tiny.const rather than tiny.param.
bool isConstant(mlir::RankedTensorType type);

/// Replaces what follows from constants and weights among the ops from `first` to the end of their block: values that
/// stay in use, in `results` too. `source` makes the constant or the parameter for a value. Fails, with an error, if
/// the reference does.
llvm::LogicalResult
foldKnown(mlir::Block::iterator first, mlir::Block::iterator end, llvm::MutableArrayRef<mlir::Value> results,
          WeightStore &weights,
          llvm::function_ref<mlir::Value(mlir::RankedTensorType, std::vector<uint8_t>, mlir::Location)> source);

/// Erases ops of the block without effects whose results nobody reads.
void eraseUnused(mlir::Block &block);

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_FOLDING_H
