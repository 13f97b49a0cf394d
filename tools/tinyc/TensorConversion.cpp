// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversion of tensors, and which inputs a model fixes.

#include "tools/tinyc/TensorConversion.h"

#include <cstring>

using namespace tinyc;

// The two enumerations list the same types in the same order.
static_assert(static_cast<int>(tiny::Element::I1) + 1 == TINYC_DTYPE_BOOL &&
              static_cast<int>(tiny::Element::U8) + 1 == TINYC_DTYPE_U8 &&
              static_cast<int>(tiny::Element::F32) + 1 == TINYC_DTYPE_F32 &&
              static_cast<int>(tiny::Element::F8E5M2FNUZ) + 1 == TINYC_DTYPE_F8E5M2FNUZ);

tiny::Element tinyc::elementOf(tinyc_dtype dtype) { return static_cast<tiny::Element>(dtype - 1); }

TensorRef tinyc::toReference(const tensorio::HostTensor &tensor) {
  auto copy = std::make_shared<DenseTensor>(elementOf(tensor.dtype), tensor.shape);
  std::memcpy(copy->bytes.data(), tensor.data(), tensor.byteSize());
  return copy;
}

std::vector<tensorio::HostTensor> tinyc::fixedInputs(mlir::func::FuncOp main) {
  std::vector<tensorio::HostTensor> fixed;
  for (const artefact::Tensor &input : entryPointOf(main).inputs) {
    std::string error;
    tensorio::HostTensor tensor;
    if (input.value.empty() || !tensor.allocate(static_cast<tinyc_dtype>(input.dtype), input.shape, error))
      continue;
    tensor.name = input.name;
    std::memcpy(tensor.data(), input.value.data(), tensor.byteSize());
    fixed.push_back(std::move(tensor));
  }
  return fixed;
}

tinyc_tensor_info tinyc::infoOf(const artefact::Tensor &tensor) {
  return {tensor.name.c_str(), static_cast<tinyc_dtype>(tensor.dtype), tensor.shape.size(), tensor.shape.data(),
          static_cast<size_t>(tensor.byteSize())};
}

bool tinyc::equals(const tensorio::HostTensor &a, const tensorio::HostTensor &b) {
  return a.dtype == b.dtype && a.shape == b.shape && std::memcmp(a.data(), b.data(), a.byteSize()) == 0;
}
