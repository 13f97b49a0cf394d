// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of dequantised operands as sums of integers: exact in i32, where the sum of the floats rounds at each step.

#ifndef TINYC_LIB_ONNX_INTEGERCONTRACTIONS_H
#define TINYC_LIB_ONNX_INTEGERCONTRACTIONS_H

#include "lib/Onnx/NodeImport.h"

namespace tinyc::onnx {

/// The product of the node's first two operands, if both were dequantised: the left with one scale, the right with one
/// or one for each column, and so few terms that no sum leaves i32. Null, without an error, otherwise.
mlir::Value matmulOfIntegers(NodeImport &n);
/// The same of a convolution, with one scale for the weights or one for each output.
mlir::Value convOfIntegers(NodeImport &n, llvm::ArrayRef<compose::Window> windows, int64_t groups);

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_INTEGERCONTRACTIONS_H
