// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The enumerations of artefact.fbs as plain C++, for those who build artefacts without seeing FlatBuffers.
// SchemaChecks.cpp compares the values with the generated header.

#ifndef TINYC_RUNTIME_SCHEMA_ARTEFACTENUMS_H
#define TINYC_RUNTIME_SCHEMA_ARTEFACTENUMS_H

#include <cstddef>
#include <cstdint>

namespace tinyc::artefact {

enum class DType : uint8_t {
  Invalid,
  Bool, // one byte, 0 or 1
  I8,
  I16,
  I32,
  I64,
  U8,
  U16,
  U32,
  U64,
  F16,
  BF16,
  F32,
  F64,
  F8E4M3FN,
  F8E5M2,
  F8E4M3FNUZ,
  F8E5M2FNUZ,
};
inline constexpr DType lastDType = DType::F8E5M2FNUZ;

enum class TargetKind : uint8_t { Cpu, Cuda, Hip, Null, Plugin };
enum class CodeKind : uint8_t { ElfSharedObject, Ptx, Cubin, Hsaco, Plugin };
enum class Access : uint8_t { Read, Write, ReadWrite };
enum class BufferKind : uint8_t { Input, Output, Weight, Derived, State, Arena };
enum class CommandKind : uint8_t { Launch, Copy, Fill, Loop };
enum class DependencyKind : uint8_t { ReadAfterWrite, WriteAfterRead, WriteAfterWrite };

/// Bytes of one element; 0 for Invalid.
constexpr size_t sizeOf(DType type) {
  switch (type) {
  case DType::Invalid:
    return 0;
  case DType::I16:
  case DType::U16:
  case DType::F16:
  case DType::BF16:
    return 2;
  case DType::I32:
  case DType::U32:
  case DType::F32:
    return 4;
  case DType::I64:
  case DType::U64:
  case DType::F64:
    return 8;
  default:
    return 1;
  }
}

/// The name users see: f32, bf16, bool, f8e4m3fn.
constexpr const char *nameOf(DType type) {
  constexpr const char *names[] = {"invalid", "bool", "i8",       "i16",    "i32",        "i64",
                                   "u8",      "u16",  "u32",      "u64",    "f16",        "bf16",
                                   "f32",     "f64",  "f8e4m3fn", "f8e5m2", "f8e4m3fnuz", "f8e5m2fnuz"};
  return type <= lastDType ? names[static_cast<size_t>(type)] : "invalid";
}

} // namespace tinyc::artefact

#endif // TINYC_RUNTIME_SCHEMA_ARTEFACTENUMS_H
