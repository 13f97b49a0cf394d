// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scales and zero points among a node's operands, and what is made of them.

#ifndef TINYC_LIB_ONNX_QUANTIZEDOPERANDS_H
#define TINYC_LIB_ONNX_QUANTIZEDOPERANDS_H

#include "lib/Onnx/NodeImport.h"

namespace tinyc::onnx {

inline bool isByte(mlir::Type type) { return type.isInteger(8); }

/// A zero point that does something; null for one that is left out or known to be 0.
mlir::Value zeroPoint(NodeImport &n, size_t input);

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_QUANTIZEDOPERANDS_H
