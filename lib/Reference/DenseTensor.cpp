// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors in host memory, and their way from and to constants of the IR.

#include "lib/Reference/DenseTensor.h"

#include "dialects/Tiny/Elementwise.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

DenseTensor::DenseTensor(Element element, std::vector<int64_t> shape) : element(element), shape(std::move(shape)) {
  bytes.resize(count() * byteWidth(element));
}

int64_t DenseTensor::count() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

TensorRef tinyc::tensorOf(TypedAttr value) {
  std::optional<SmallVector<Lane>> lanes = lanesOf(value);
  if (!lanes)
    return nullptr;
  auto shaped = dyn_cast<ShapedType>(value.getType());
  auto tensor = std::make_shared<DenseTensor>(
      *elementOf(value.getType()), shaped ? std::vector<int64_t>(shaped.getShape()) : std::vector<int64_t>());
  size_t width = byteWidth(tensor->element);
  if (static_cast<int64_t>(lanes->size()) == tensor->count())
    encode(tensor->element, lanes->data(), lanes->size(), tensor->bytes.data());
  else // a splat
    for (int64_t k = 0; k < tensor->count(); ++k)
      encode(tensor->element, lanes->data(), 1, tensor->bytes.data() + k * width);
  return tensor;
}

TypedAttr tinyc::constantOf(const DenseTensor &tensor, ShapedType type) {
  std::vector<Lane> lanes(tensor.count());
  decode(tensor.element, tensor.bytes.data(), lanes.size(), lanes.data());
  return attributeOf(type, lanes);
}
