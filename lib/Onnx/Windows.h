// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Windows that a node's attributes describe.

#ifndef TINYC_LIB_ONNX_WINDOWS_H
#define TINYC_LIB_ONNX_WINDOWS_H

#include "lib/Onnx/NodeImport.h"

namespace tinyc::onnx {

/// The windows of size `kernel` that strides, dilations, pads and auto_pad describe over the spatial dimensions of the
/// first operand. Each takes at least one position, with `ceil` perhaps one that is not whole.
llvm::FailureOr<llvm::SmallVector<compose::Window>> windowsOf(NodeImport &n, llvm::ArrayRef<int64_t> kernel,
                                                              bool ceil = false);

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_WINDOWS_H
