// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The enumerations stand in three places: the schema, ArtefactEnums.h (C++) and runtime.h (C). This file fails to
// compile when they differ.

#include "runtime/include/tinyc/runtime.h"
#include "runtime/schema/ArtefactEnums.h"
#include "runtime/schema/artefact_generated.h"

namespace tinyc {
namespace {
template <typename A, typename B> constexpr bool same(A a, B b) { return static_cast<int>(a) == static_cast<int>(b); }

#define CHECK_DTYPE(CPP, FBS, C)                                                                                       \
  static_assert(same(artefact::DType::CPP, format::DType::FBS) && same(artefact::DType::CPP, TINYC_DTYPE_##C))
CHECK_DTYPE(Invalid, invalid, INVALID);
CHECK_DTYPE(Bool, boolean, BOOL);
CHECK_DTYPE(I8, i8, I8);
CHECK_DTYPE(I16, i16, I16);
CHECK_DTYPE(I32, i32, I32);
CHECK_DTYPE(I64, i64, I64);
CHECK_DTYPE(U8, u8, U8);
CHECK_DTYPE(U16, u16, U16);
CHECK_DTYPE(U32, u32, U32);
CHECK_DTYPE(U64, u64, U64);
CHECK_DTYPE(F16, f16, F16);
CHECK_DTYPE(BF16, bf16, BF16);
CHECK_DTYPE(F32, f32, F32);
CHECK_DTYPE(F64, f64, F64);
CHECK_DTYPE(F8E4M3FN, f8e4m3fn, F8E4M3FN);
CHECK_DTYPE(F8E5M2, f8e5m2, F8E5M2);
CHECK_DTYPE(F8E4M3FNUZ, f8e4m3fnuz, F8E4M3FNUZ);
CHECK_DTYPE(F8E5M2FNUZ, f8e5m2fnuz, F8E5M2FNUZ);
static_assert(same(artefact::lastDType, format::DType::MAX));
#undef CHECK_DTYPE

#define CHECK_ENUM(TYPE, CPP, FBS) static_assert(same(artefact::TYPE::CPP, format::TYPE::FBS))
CHECK_ENUM(TargetKind, Cpu, cpu);
CHECK_ENUM(TargetKind, Cuda, cuda);
CHECK_ENUM(TargetKind, Hip, hip);
CHECK_ENUM(TargetKind, Null, null_device);
CHECK_ENUM(TargetKind, Plugin, plugin);
CHECK_ENUM(CodeKind, ElfSharedObject, elf_shared_object);
CHECK_ENUM(CodeKind, Ptx, ptx);
CHECK_ENUM(CodeKind, Cubin, cubin);
CHECK_ENUM(CodeKind, Hsaco, hsaco);
CHECK_ENUM(CodeKind, Plugin, plugin);
CHECK_ENUM(Access, Read, read);
CHECK_ENUM(Access, Write, write);
CHECK_ENUM(Access, ReadWrite, read_write);
CHECK_ENUM(BufferKind, Input, input);
CHECK_ENUM(BufferKind, Output, output);
CHECK_ENUM(BufferKind, Weight, weight);
CHECK_ENUM(BufferKind, Derived, derived);
CHECK_ENUM(BufferKind, State, state);
CHECK_ENUM(BufferKind, Arena, arena);
CHECK_ENUM(CommandKind, Launch, launch);
CHECK_ENUM(CommandKind, Copy, copy);
CHECK_ENUM(CommandKind, Fill, fill);
CHECK_ENUM(CommandKind, Loop, loop);
CHECK_ENUM(DependencyKind, ReadAfterWrite, read_after_write);
CHECK_ENUM(DependencyKind, WriteAfterRead, write_after_read);
CHECK_ENUM(DependencyKind, WriteAfterWrite, write_after_write);
#undef CHECK_ENUM
} // namespace
} // namespace tinyc
