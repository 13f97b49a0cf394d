// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tensor in host memory: element type, shape, and bytes (row-major, little-endian, an i1 in one byte). What the
// reference interpreter reads and gives. The runtime, which knows nothing of the dialect, has tensorio::HostTensor,
// with a name and in aligned memory; tools convert.

#ifndef TINYC_LIB_REFERENCE_DENSETENSOR_H
#define TINYC_LIB_REFERENCE_DENSETENSOR_H

#include "dialects/Tiny/Element.h"

#include <cassert>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

namespace mlir {
class TypedAttr;
class ShapedType;
} // namespace mlir

namespace tinyc {

struct DenseTensor {
  tiny::Element element = tiny::Element::F32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;

  DenseTensor() = default;
  /// Zeros.
  DenseTensor(tiny::Element element, std::vector<int64_t> shape);
  /// The elements given, in row-major order; T has the size of the element type.
  template <typename T>
  static DenseTensor of(tiny::Element element, std::vector<int64_t> shape, std::span<const T> values) {
    DenseTensor tensor(element, std::move(shape));
    assert(values.size_bytes() == tensor.bytes.size());
    std::memcpy(tensor.bytes.data(), values.data(), values.size_bytes());
    return tensor;
  }

  /// The number of elements.
  int64_t count() const;
  /// The elements as T, which has the size of the element type.
  template <typename T> std::span<const T> as() const {
    assert(sizeof(T) == tiny::byteWidth(element));
    return {reinterpret_cast<const T *>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

/// Shared between the values of an interpreter without copies.
using TensorRef = std::shared_ptr<const DenseTensor>;

/// The tensor of a constant (a scalar has rank 0); null if its type is none of the dialect's.
TensorRef tensorOf(mlir::TypedAttr value);
/// The constant of `type`, whose shape and element type the tensor has.
mlir::TypedAttr constantOf(const DenseTensor &tensor, mlir::ShapedType type);

} // namespace tinyc

#endif // TINYC_LIB_REFERENCE_DENSETENSOR_H
