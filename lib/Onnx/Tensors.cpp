// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading of tensors: typed fields, raw data, external files.

#include "lib/Onnx/Tensors.h"

#include "dialects/Tiny/TinyOps.h"
#include "lib/Builders/Movement.h"
#include "runtime/schema/PackedElements.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;

namespace {
// Values of TensorProto.DataType.
enum DataType : int32_t {
  Float = 1,
  UInt8 = 2,
  Int8 = 3,
  UInt16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  UInt32 = 12,
  UInt64 = 13,
  BFloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
};
} // namespace

std::string onnx::spell(ArrayRef<int64_t> shape) {
  return "[" + llvm::join(llvm::map_range(shape, [](int64_t d) { return std::to_string(d); }), ", ") + "]";
}

std::string onnx::dataTypeName(int32_t dataType) {
  static constexpr const char *names[] = {
      "undefined", "float",      "uint8",      "int8",         "uint16",         "int16",      "int32",
      "int64",     "string",     "bool",       "float16",      "double",         "uint32",     "uint64",
      "complex64", "complex128", "bfloat16",   "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz",
      "uint4",     "int4",       "float4e2m1", "float8e8m0",   "uint2",          "int2"};
  if (dataType >= 0 && dataType < static_cast<int32_t>(std::size(names)))
    return names[dataType];
  return "data type " + std::to_string(dataType);
}

Type onnx::elementType(int32_t dataType, MLIRContext *context) {
  Builder b(context);
  auto unsignedType = [&](unsigned width) { return IntegerType::get(context, width, IntegerType::Unsigned); };
  switch (dataType) {
  case Float:
    return b.getF32Type();
  case UInt8:
    return unsignedType(8);
  case Int8:
    return b.getI8Type();
  case UInt16:
    return unsignedType(16);
  case Int16:
    return b.getI16Type();
  case Int32:
    return b.getI32Type();
  case Int64:
    return b.getI64Type();
  case Bool:
    return b.getI1Type();
  case Float16:
    return b.getF16Type();
  case Double:
    return b.getF64Type();
  case UInt32:
    return unsignedType(32);
  case UInt64:
    return unsignedType(64);
  case BFloat16:
    return b.getBF16Type();
  case Float8E4M3FN:
    return Float8E4M3FNType::get(context);
  case Float8E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case Float8E5M2:
    return Float8E5M2Type::get(context);
  case Float8E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  case packed::Int4:
  case packed::Int2:
    return b.getI8Type();
  case packed::UInt4:
  case packed::UInt2:
    return unsignedType(8);
  case packed::Float4E2M1:
    return Float8E4M3FNType::get(context);
  default:
    return {};
  }
}

// The numbers of a typed field, each cut to `width` bytes.
template <typename Field> static std::vector<uint8_t> narrow(const Field &field, size_t width) {
  std::vector<uint8_t> bytes(field.size() * width);
  uint8_t *out = bytes.data();
  for (auto value : field) {
    std::memcpy(out, &value, width);
    out += width;
  }
  return bytes;
}

// The bytes of the field in which the specification puts elements of this type.
static std::vector<uint8_t> typedField(const TensorProto &tensor, size_t width) {
  switch (tensor.data_type()) {
  case Float:
    return narrow(tensor.float_data(), width);
  case Double:
    return narrow(tensor.double_data(), width);
  case Int64:
    return narrow(tensor.int64_data(), width);
  case UInt32:
  case UInt64:
    return narrow(tensor.uint64_data(), width);
  default:
    return narrow(tensor.int32_data(), width);
  }
}

// Bytes [offset, offset + size) of the file that the tensor names, which has to lie in `folder`.
static FailureOr<std::unique_ptr<llvm::MemoryBuffer>>
readExternal(const TensorProto &tensor, StringRef folder, uint64_t size, const std::string &what, Location loc) {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const StringStringEntryProto &entry : tensor.external_data()) {
    uint64_t number = 0;
    bool isNumber = entry.key() == "offset" || entry.key() == "length";
    if (isNumber && StringRef(entry.value()).getAsInteger(10, number))
      return emitError(loc) << what << ": expected a number as external " << entry.key() << ", found '" << entry.value()
                            << "'";
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset")
      offset = number;
    else if (entry.key() == "length")
      length = number;
  }
  if (location.empty())
    return emitError(loc) << what << ": has external data without a location";
  if (length && *length != size)
    return emitError(loc) << what << ": expected external data of " << size << " bytes, found a length of " << *length;
  SmallString<256> path(folder), real, realFolder;
  if (folder.empty())
    path = ".";
  if (std::error_code error = llvm::sys::fs::real_path(path, realFolder))
    return emitError(loc) << what << ": cannot resolve the folder '" << path << "': " << error.message();
  llvm::sys::path::append(path, location);
  // Said before the file system is asked, so that no message tells whether a file outside exists.
  bool outside =
      llvm::sys::path::is_absolute(location) || StringRef(location).contains('\0') ||
      llvm::is_contained(llvm::make_range(llvm::sys::path::begin(location), llvm::sys::path::end(location)), "..");
  std::error_code error;
  if (!outside)
    error = llvm::sys::fs::real_path(path, real);
  if (!outside && !error) {
    StringRef rest = real;
    outside = !rest.consume_front(realFolder) || (realFolder != "/" && !rest.starts_with("/"));
  }
  if (outside)
    return emitError(loc) << what << ": external data '" << location << "' lie outside the model's folder";
  if (error)
    return emitError(loc) << what << ": cannot open external data '" << location << "': " << error.message();
  uint64_t fileSize = 0;
  llvm::sys::fs::file_status status;
  error = llvm::sys::fs::status(real, status);
  if (error || status.type() != llvm::sys::fs::file_type::regular_file)
    return emitError(loc) << what << ": external data '" << location << "' are no regular file";
  fileSize = status.getSize();
  if (offset > fileSize || size > fileSize - offset)
    return emitError(loc) << what << ": expected " << size << " bytes at offset " << offset << " of '" << location
                          << "', found a file of " << fileSize << " bytes";
  if (size == 0)
    return llvm::MemoryBuffer::getMemBuffer("");
  auto buffer = llvm::MemoryBuffer::getFileSlice(real, size, offset);
  if (!buffer)
    return emitError(loc) << what << ": cannot read external data '" << location
                          << "': " << buffer.getError().message();
  if ((*buffer)->getBufferSize() < size)
    return emitError(loc) << what << ": external data '" << location << "' end early";
  return std::move(*buffer);
}

bool onnx::isShapeOfTensor(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> sizes(shape);
  llvm::replace(sizes, 0, 1);
  std::optional<int64_t> count = compose::elementCount(sizes);
  return count && *count <= kMaxElements;
}

FailureOr<TensorData> onnx::readTensor(const TensorProto &tensor, StringRef folder, const std::string &what,
                                       Location loc) {
  Type element = onnx::elementType(tensor.data_type(), loc.getContext());
  if (!element)
    return emitError(loc) << what << ": element type " << dataTypeName(tensor.data_type()) << " is not supported";
  if (tensor.has_segment())
    return emitError(loc) << what << ": tensors in segments are not supported";
  if (tensor.dims_size() > kMaxRank)
    return emitError(loc) << what << ": expected at most " << kMaxRank << " dimensions, found " << tensor.dims_size();
  SmallVector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  std::string dims = spell(shape);
  std::optional<int64_t> count = compose::elementCount(shape);
  uint64_t width = std::max(1u, element.getIntOrFloatBitWidth() / 8);
  if (!count || !isShapeOfTensor(shape))
    return emitError(loc) << what << ": the shape " << dims << " is negative or too large";
  bool isPacked = packed::bitsOf(tensor.data_type()) != 0;
  uint64_t size = isPacked ? packed::byteSize(tensor.data_type(), *count) : *count * width;
  auto type = RankedTensorType::get(shape, element);
  std::vector<uint8_t> bytes;
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    FailureOr<std::unique_ptr<llvm::MemoryBuffer>> read = readExternal(tensor, folder, size, what, loc);
    if (failed(read))
      return failure();
    auto external = llvm::arrayRefFromStringRef((*read)->getBuffer()).take_front(size);
    if (!isPacked && !element.isInteger(1))
      return TensorData(type, external, std::move(*read));
    bytes = external.vec();
  } else if (tensor.has_raw_data()) {
    bytes.assign(tensor.raw_data().begin(), tensor.raw_data().end());
  } else {
    bytes = typedField(tensor, width);
  }
  if (bytes.size() != size)
    return emitError(loc) << what << ": expected " << size << " bytes for " << dataTypeName(tensor.data_type()) << dims
                          << ", found " << bytes.size();
  if (isPacked)
    bytes = packed::unpack(tensor.data_type(), bytes, *count);
  if (element.isInteger(1))
    for (uint8_t &byte : bytes)
      byte = byte != 0;
  return TensorData(type, std::move(bytes));
}

DenseElementsAttr onnx::toElements(const TensorData &tensor) {
  ArrayRef<char> bytes(reinterpret_cast<const char *>(tensor.bytes.data()), tensor.bytes.size());
  if (tensor.type.getElementType().isInteger(1))
    return DenseElementsAttr::get(tensor.type,
                                  ArrayRef<bool>(reinterpret_cast<const bool *>(bytes.data()), bytes.size()));
  // One value throughout is stored once.
  size_t width = tensor.type.getElementTypeBitWidth() / 8;
  if (bytes.size() > width && std::memcmp(bytes.data(), bytes.data() + width, bytes.size() - width) == 0)
    bytes = bytes.take_front(width);
  return DenseElementsAttr::getFromRawBuffer(tensor.type, bytes);
}

SmallVector<int64_t> onnx::toIntegers(DenseElementsAttr elements) {
  auto type = cast<IntegerType>(elements.getElementType());
  SmallVector<int64_t> values;
  for (const APInt &value : elements.getValues<APInt>())
    values.push_back(type.isUnsigned() || type.getWidth() == 1 ? static_cast<int64_t>(value.getZExtValue())
                                                               : value.getSExtValue());
  return values;
}
