// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors of the runtime's tools as those of the reference interpreter and of the importer, and back.

#ifndef TINYC_TOOLS_TINYC_TENSORCONVERSION_H
#define TINYC_TOOLS_TINYC_TENSORCONVERSION_H

#include "lib/Compiler/BuildArtefact.h"
#include "lib/Reference/DenseTensor.h"
#include "runtime/tensorio/HostTensor.h"

namespace tinyc {

tiny::Element elementOf(tinyc_dtype dtype);

/// A copy of the bytes.
TensorRef toReference(const tensorio::HostTensor &tensor);

/// The inputs of @main for whose values the model is specialised, with their names.
std::vector<tensorio::HostTensor> fixedInputs(mlir::func::FuncOp main);

/// What the C API says of such a tensor; it points into it.
tinyc_tensor_info infoOf(const artefact::Tensor &tensor);

/// Whether the tensors have the same type, shape and bytes.
bool equals(const tensorio::HostTensor &a, const tensorio::HostTensor &b);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_TENSORCONVERSION_H
