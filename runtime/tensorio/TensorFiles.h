// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors in files: NumPy's .npy (format 1 to 3) and ONNX's TensorProto (.pb). Files are untrusted: every length is
// checked against the file before memory is asked for, and each refusal says what was expected and found.

#ifndef TINYC_RUNTIME_TENSORIO_TENSORFILES_H
#define TINYC_RUNTIME_TENSORIO_TENSORFILES_H

#include "runtime/tensorio/HostTensor.h"

#include <span>

namespace tinyc::tensorio {

/// Reads by the file's ending. NumPy has no bfloat16 and no 8-bit floats and stores them as untyped bytes ("V2",
/// "V1"); those are taken as `expected` if its size fits, and so is a TensorProto of uint16 as bfloat16. The tensor
/// keeps its name, except that a TensorProto's is taken if it has none. On failure the tensor is unchanged or empty.
bool readTensorFile(const std::string &path, tinyc_dtype expected, HostTensor &tensor, std::string &error);

bool parseNpy(std::span<const uint8_t> file, tinyc_dtype expected, HostTensor &tensor, std::string &error);
bool parseTensorProto(std::span<const uint8_t> file, HostTensor &tensor, std::string &error);

/// Writes format 1.0.
bool writeNpy(const std::string &path, const HostTensor &tensor, std::string &error);

} // namespace tinyc::tensorio

#endif // TINYC_RUNTIME_TENSORIO_TENSORFILES_H
