// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of 4 and 2 bits as ONNX packs them, the first in the lowest bits of a byte. tinyc keeps each in a byte of
// its own: integers as i8 and ui8, float4e2m1 as f8E4M3FN, which has all its numbers.

#ifndef TINYC_RUNTIME_SCHEMA_PACKEDELEMENTS_H
#define TINYC_RUNTIME_SCHEMA_PACKEDELEMENTS_H

#include <cstdint>
#include <span>
#include <vector>

namespace tinyc::packed {

/// Numbers of the packed types in TensorProto.DataType.
enum DataType : int32_t { UInt4 = 21, Int4 = 22, Float4E2M1 = 23, UInt2 = 25, Int2 = 26 };

/// Bits of an element; 0 for a type that is not packed.
constexpr unsigned bitsOf(int64_t dataType) {
  return dataType == UInt4 || dataType == Int4 || dataType == Float4E2M1 ? 4
         : dataType == UInt2 || dataType == Int2                         ? 2
                                                                         : 0;
}

/// Bytes that `count` elements take; `count` is below 2^61.
constexpr uint64_t byteSize(int64_t dataType, uint64_t count) { return (count * bitsOf(dataType) + 7) / 8; }

/// The first `count` elements, a byte each; `packed` holds at least byteSize of them.
inline std::vector<uint8_t> unpack(int64_t dataType, std::span<const uint8_t> packed, uint64_t count) {
  // 0, 0.5, 1, 1.5, 2, 3, 4, 6 as f8E4M3FN.
  static constexpr uint8_t floats[8] = {0x00, 0x30, 0x38, 0x3c, 0x40, 0x44, 0x48, 0x4c};
  unsigned bits = bitsOf(dataType), perByte = 8 / bits, mask = (1u << bits) - 1, sign = 1u << (bits - 1);
  bool isSigned = dataType == Int4 || dataType == Int2;
  std::vector<uint8_t> elements(count);
  for (uint64_t i = 0; i < count; ++i) {
    unsigned element = packed[i / perByte] >> (i % perByte * bits) & mask;
    if (dataType == Float4E2M1)
      element = floats[element & 7] | (element & sign ? 0x80 : 0);
    else if (isSigned)
      element = (element ^ sign) - sign;
    elements[i] = static_cast<uint8_t>(element);
  }
  return elements;
}

} // namespace tinyc::packed

#endif // TINYC_RUNTIME_SCHEMA_PACKEDELEMENTS_H
