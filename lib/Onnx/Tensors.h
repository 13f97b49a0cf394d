// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element types and tensors of ONNX files as types and attributes.

#ifndef TINYC_LIB_ONNX_TENSORS_H
#define TINYC_LIB_ONNX_TENSORS_H

#include "lib/Onnx/onnx.pb.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Location.h"

#include <memory>
#include <vector>

namespace tinyc::onnx {

/// No tensor has more dimensions: as many as an artefact can say.
constexpr int64_t kMaxRank = 64;
/// No tensor of a real model has more elements; with it, sizes in bytes stay far from overflow.
constexpr int64_t kMaxElements = int64_t(1) << 40;

/// Whether no size is negative and the product of those that are not 0 is at most kMaxElements: what import functions
/// multiply of a shape does not overflow, nor does a size of 0 hide another.
bool isShapeOfTensor(llvm::ArrayRef<int64_t> shape);

/// A shape as in messages: [1, 3, 224].
std::string spell(llvm::ArrayRef<int64_t> shape);

/// The name that the ONNX specification gives to a value of TensorProto.DataType, e.g. "float16"; "data type 99" for
/// an unknown one.
std::string dataTypeName(int32_t dataType);

/// The element type; null for those that the tiny dialect does not have (strings, complex numbers). Elements of 4 and 2
/// bits are kept in 8.
mlir::Type elementType(int32_t dataType, mlir::MLIRContext *context);

/// A tensor with its elements: row-major, little-endian, truth values as bytes 0 and 1.
struct TensorData {
  mlir::RankedTensorType type;
  llvm::ArrayRef<uint8_t> bytes;
  std::shared_ptr<const void> owner; ///< of the bytes; external ones are mapped

  TensorData(mlir::RankedTensorType type, llvm::ArrayRef<uint8_t> bytes, std::shared_ptr<const void> owner)
      : type(type), bytes(bytes), owner(std::move(owner)) {}
  TensorData(mlir::RankedTensorType type, std::vector<uint8_t> &&own) : type(type) {
    auto kept = std::make_shared<const std::vector<uint8_t>>(std::move(own));
    bytes = *kept;
    owner = std::move(kept);
  }
};

/// Reads a tensor, from `folder` (that of the model) if its data are external. What the message claims is checked
/// against what is there before anything is allocated. `what` begins the error, e.g. "initialiser 'w'".
llvm::FailureOr<TensorData> readTensor(const TensorProto &tensor, llvm::StringRef folder, const std::string &what,
                                       mlir::Location loc);

/// The elements as an attribute.
mlir::DenseElementsAttr toElements(const TensorData &tensor);

/// The integers (or truth values) of a tensor in order.
llvm::SmallVector<int64_t> toIntegers(mlir::DenseElementsAttr elements);

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_TENSORS_H
