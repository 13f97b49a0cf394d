// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The beginning of every OpenCL C kernel of these tests: ids and barriers straight from the compiler, so that no device
// library is needed.
#pragma once

namespace hiptest {

inline const char *const Prelude = R"(
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef float f8 __attribute__((ext_vector_type(8)));
typedef int i8v __attribute__((ext_vector_type(8)));
typedef int i4v __attribute__((ext_vector_type(4)));
typedef _Float16 h16 __attribute__((ext_vector_type(16)));
typedef short s16 __attribute__((ext_vector_type(16)));
static uint tid(void) { return __builtin_amdgcn_workitem_id_x(); }
static uint bid(void) { return __builtin_amdgcn_workgroup_id_x(); }
static uint gid(void) { return bid() * __builtin_amdgcn_workgroup_size_x() + tid(); }
static void barrier_lds(void) {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}
)";

} // namespace hiptest
