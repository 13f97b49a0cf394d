// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX's TensorProto, read from protobuf's wire format without protobuf: one message, a dozen fields
// (onnx.proto, message TensorProto). Elements stand in raw_data or in one of the typed fields.

#include "runtime/schema/PackedElements.h"
#include "runtime/tensorio/TensorFiles.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>

namespace tinyc::tensorio {
namespace {

using Bytes = std::span<const uint8_t>;

/// Field numbers of TensorProto.
enum Field : uint32_t {
  Dims = 1,
  DataType = 2,
  FloatData = 4,
  Int32Data = 5,
  StringData = 6,
  Int64Data = 7,
  NameField = 8,
  RawData = 9,
  DoubleData = 10,
  Uint64Data = 11,
  DataLocation = 14,
};
enum WireType { Varint = 0, Fixed64 = 1, LengthDelimited = 2, Fixed32 = 5 };

/// Number of each type in TensorProto.DataType.
constexpr tinyc_dtype types[] = {
    TINYC_DTYPE_INVALID,    TINYC_DTYPE_F32,  TINYC_DTYPE_U8,       TINYC_DTYPE_I8,         TINYC_DTYPE_U16,
    TINYC_DTYPE_I16,        TINYC_DTYPE_I32,  TINYC_DTYPE_I64,      TINYC_DTYPE_INVALID,    TINYC_DTYPE_BOOL,
    TINYC_DTYPE_F16,        TINYC_DTYPE_F64,  TINYC_DTYPE_U32,      TINYC_DTYPE_U64,        TINYC_DTYPE_INVALID,
    TINYC_DTYPE_INVALID,    TINYC_DTYPE_BF16, TINYC_DTYPE_F8E4M3FN, TINYC_DTYPE_F8E4M3FNUZ, TINYC_DTYPE_F8E5M2,
    TINYC_DTYPE_F8E5M2FNUZ,
};

/// What a type of less than 8 bits is kept in.
tinyc_dtype packedType(int32_t dataType) {
  switch (dataType) {
  case packed::Float4E2M1:
    return TINYC_DTYPE_F8E4M3FN;
  case packed::Int4:
  case packed::Int2:
    return TINYC_DTYPE_I8;
  default:
    return TINYC_DTYPE_U8;
  }
}

class Reader {
public:
  explicit Reader(Bytes bytes) : bytes(bytes) {}
  bool done() const { return bytes.empty(); }

  bool varint(uint64_t &value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
      uint8_t byte = bytes[0];
      bytes = bytes.subspan(1);
      value |= uint64_t(byte & 127) << shift;
      if (byte < 128)
        return true;
    }
    return false;
  }
  bool take(uint64_t count, Bytes &value) {
    if (count > bytes.size())
      return false;
    value = bytes.first(count);
    bytes = bytes.subspan(count);
    return true;
  }
  /// One field: its number, its wire type, and either a number or bytes.
  bool field(uint32_t &number, unsigned &wire, uint64_t &value, Bytes &content) {
    uint64_t tag;
    if (!varint(tag) || tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF)
      return false;
    number = static_cast<uint32_t>(tag >> 3);
    wire = tag & 7;
    content = {};
    switch (wire) {
    case Varint:
      return varint(value);
    case Fixed64:
      return take(8, content);
    case Fixed32:
      return take(4, content);
    case LengthDelimited:
      return varint(value) && take(value, content);
    default:
      return false;
    }
  }

private:
  Bytes bytes;
};

/// The elements of one typed field, collected over packed and unpacked occurrences.
struct Typed {
  uint32_t field = 0;
  std::vector<uint64_t> values; // bits, or varints

  bool add(uint32_t number, unsigned wire, uint64_t value, Bytes content) {
    if (field && field != number)
      return false;
    field = number;
    size_t width = number == FloatData ? 4 : number == DoubleData ? 8 : 0;
    if (width == 0) {
      if (wire == Varint) {
        values.push_back(value);
        return true;
      }
      if (wire != LengthDelimited)
        return false;
      for (Reader packed(content); !packed.done();) {
        if (!packed.varint(value))
          return false;
        values.push_back(value);
      }
      return true;
    }
    if (wire == Varint || content.size() % width)
      return false;
    for (size_t i = 0; i < content.size(); i += width) {
      uint64_t bits = 0;
      std::memcpy(&bits, content.data() + i, width);
      values.push_back(bits);
    }
    return true;
  }
};

/// The typed field in which elements of a type stand.
uint32_t fieldOf(tinyc_dtype dtype) {
  switch (dtype) {
  case TINYC_DTYPE_F32:
    return FloatData;
  case TINYC_DTYPE_F64:
    return DoubleData;
  case TINYC_DTYPE_I64:
    return Int64Data;
  case TINYC_DTYPE_U32:
  case TINYC_DTYPE_U64:
    return Uint64Data;
  default:
    return Int32Data;
  }
}

} // namespace

bool parseTensorProto(Bytes file, HostTensor &tensor, std::string &error) {
  std::vector<int64_t> shape;
  uint64_t type = 0;
  std::string name;
  Bytes raw;
  bool hasRaw = false, isExternal = false;
  Typed typed;
  auto malformed = [&] {
    error = "not a TensorProto: malformed or truncated protobuf";
    return false;
  };
  for (Reader reader(file); !reader.done();) {
    uint32_t number;
    unsigned wire;
    uint64_t value = 0;
    Bytes content;
    if (!reader.field(number, wire, value, content))
      return malformed();
    switch (number) {
    case Dims:
      if (wire == Varint)
        shape.push_back(static_cast<int64_t>(value));
      else if (wire == LengthDelimited)
        for (Reader packed(content); !packed.done(); shape.push_back(static_cast<int64_t>(value))) {
          if (!packed.varint(value))
            return malformed();
        }
      else
        return malformed();
      if (shape.size() > 64) {
        error = "the TensorProto has more than 64 dimensions";
        return false;
      }
      break;
    case DataType:
      if (wire != Varint)
        return malformed();
      type = value;
      break;
    case NameField:
      name.assign(content.begin(), content.end());
      break;
    case RawData:
      if (wire != LengthDelimited)
        return malformed();
      raw = content;
      hasRaw = true;
      break;
    case DataLocation:
      isExternal = value == 1;
      break;
    case FloatData:
    case Int32Data:
    case Int64Data:
    case DoubleData:
    case Uint64Data:
      if (!typed.add(number, wire, value, content))
        return malformed();
      break;
    default:
      break;
    }
  }
  unsigned packedBits = type < 64 ? packed::bitsOf(static_cast<int64_t>(type)) : 0;
  tinyc_dtype dtype = packedBits                ? packedType(static_cast<int32_t>(type))
                      : type < std::size(types) ? types[type]
                                                : TINYC_DTYPE_INVALID;
  if (dtype == TINYC_DTYPE_INVALID) {
    error = "the TensorProto's data type " + std::to_string(type) + " is not supported";
    return false;
  }
  if (isExternal) {
    error = "the TensorProto keeps its data in another file, which is not supported here";
    return false;
  }
  uint64_t elementSize = tinyc_dtype_size(dtype), size = elementSize;
  bool overflow = false;
  for (int64_t dim : shape)
    overflow |= dim < 0 || __builtin_mul_overflow(size, static_cast<uint64_t>(dim), &size);
  uint64_t available = hasRaw ? raw.size() : typed.values.size() * elementSize;
  uint64_t count = size;
  if (packedBits && !overflow)
    size = count < uint64_t(1) << 61 ? packed::byteSize(static_cast<int64_t>(type), count) : ~uint64_t(0);
  if (overflow || size != available || (!hasRaw && typed.field && typed.field != fieldOf(dtype))) {
    error = "the TensorProto's dims and type give " + (overflow ? "no valid number of" : std::to_string(size)) +
            " bytes, it holds " + std::to_string(available);
    return false;
  }
  if (tensor.name.empty())
    tensor.name = name;
  if (!tensor.allocate(dtype, shape, error))
    return false;
  if (packedBits) {
    std::vector<uint8_t> bytes(raw.begin(), raw.end());
    if (!hasRaw)
      bytes.assign(typed.values.begin(), typed.values.end());
    std::vector<uint8_t> elements = packed::unpack(static_cast<int64_t>(type), bytes, count);
    if (count)
      std::memcpy(tensor.data(), elements.data(), count);
    return true;
  }
  if (dtype == TINYC_DTYPE_BOOL) {
    for (size_t i = 0; i < size; ++i)
      tensor.data()[i] = hasRaw ? raw[i] != 0 : typed.values[i] != 0;
    return true;
  }
  if (hasRaw && size)
    std::memcpy(tensor.data(), raw.data(), size);
  for (size_t i = 0; !hasRaw && i < typed.values.size(); ++i)
    // Varints are sign-extended; the low bytes are the element.
    std::memcpy(tensor.data() + i * elementSize, &typed.values[i], elementSize);
  return true;
}

bool readTensorFile(const std::string &path, tinyc_dtype expected, HostTensor &tensor, std::string &error) {
  auto endsWith = [&](std::string_view ending) { return path.ends_with(ending); };
  if (!endsWith(".npy") && !endsWith(".pb")) {
    error = "'" + path + "': a tensor file ends in .npy or .pb";
    return false;
  }
  std::FILE *file = std::fopen(path.c_str(), "rbe");
  if (!file) {
    error = "cannot open '" + path + "': " + std::strerror(errno);
    return false;
  }
  std::vector<uint8_t> bytes;
  uint8_t block[65536];
  while (size_t count = std::fread(block, 1, sizeof(block), file))
    bytes.insert(bytes.end(), block, block + count);
  int reason = std::ferror(file) ? errno : 0;
  std::fclose(file);
  if (reason) {
    error = "cannot read '" + path + "': " + std::strerror(reason);
    return false;
  }
  bool parsed = endsWith(".npy") ? parseNpy(bytes, expected, tensor, error) : parseTensorProto(bytes, tensor, error);
  if (!parsed)
    error = "'" + path + "': " + error;
  // ONNX's own files stored bfloat16 as uint16 up to version 1.12.
  else if (expected == TINYC_DTYPE_BF16 && tensor.dtype == TINYC_DTYPE_U16 && endsWith(".pb"))
    tensor.dtype = TINYC_DTYPE_BF16;
  return parsed;
}

} // namespace tinyc::tensorio
