// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which files a model's tensors lie in beside its own.

#ifndef TINYC_LIB_ONNX_EXTERNALFILES_H
#define TINYC_LIB_ONNX_EXTERNALFILES_H

#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace tinyc {

/// The files that tensors of the model in `bytes` name as external data, relative to its folder, each once and sorted.
/// None if the bytes are no model.
std::vector<std::string> onnxExternalFiles(llvm::StringRef bytes);

} // namespace tinyc

#endif // TINYC_LIB_ONNX_EXTERNALFILES_H
