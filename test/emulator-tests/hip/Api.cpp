// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The HIP functions themselves: device description, memory, modules, both ways of passing arguments, errors.
#include "HipTest.h"
#include "Kernels.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace hiptest;

static const std::string VectorAdd = std::string(Prelude) + R"(
__constant int table[4] = {1, 2, 3, 5};
__attribute__((visibility("protected"))) __global int counter = 7;
__kernel void add(__global float *o, __global const float *a, __global const float *b, int n) {
  uint i = gid();
  if (i < n) o[i] = a[i] + b[i];
}
__kernel void bump(__global int *o, uchar small, long large) { o[0] = counter + table[small & 3]; o[1] = large >> 32; counter = 9; }
)";

TEST(Api, DescribesTheDevice) {
  ASSERT_EQ(call("hipInit", 0u), Success);
  int count = 0, version = 0, value = 0;
  ASSERT_EQ(call("hipGetDeviceCount", &count), Success);
  EXPECT_EQ(count, 1);
  ASSERT_EQ(call("hipRuntimeGetVersion", &version), Success);
  EXPECT_GE(version, 60000000);
  char name[64];
  ASSERT_EQ(call("hipDeviceGetName", name, 64, 0), Success);
  EXPECT_TRUE(std::strstr(name, "gfx1100"));
  std::vector<char> properties(4096);
  ASSERT_EQ(call("hipGetDevicePropertiesR0600", static_cast<void *>(properties.data()), 0), Success);
  EXPECT_STREQ(properties.data() + 1160, "gfx1100");
  ASSERT_EQ(call("hipDeviceGetAttribute", &value, 87, 0), Success);
  EXPECT_EQ(value, 32);
  EXPECT_EQ(call("hipSetDevice", 3), 101);
  EXPECT_STREQ(call<const char *>("hipGetErrorName", 700), "hipErrorIllegalAddress");
}

TEST(Api, AddsVectors) {
  const int n = 1000;
  Noise noise(1);
  std::vector<float> a(n), b(n);
  for (int i = 0; i < n; ++i)
    a[i] = noise.real(-1, 1), b[i] = noise.real(-1, 1);
  Buffer da(a), db(b), out(n * 4);
  Module module(compile(VectorAdd));
  ASSERT_EQ(run(module.function("add"), {4}, {256}, out, da, db, n), Success) << lastMessage();
  std::vector<float> result = out.read<float>();
  for (int i = 0; i < n; ++i)
    ASSERT_EQ(result[i], a[i] + b[i]) << i;
}

TEST(Api, TakesArgumentsAsABuffer) {
  Buffer out(std::vector<float>(64)), a(std::vector<float>(64, 2)), b(std::vector<float>(64, 3));
  Module module(compile(VectorAdd));
  struct {
    void *o, *a, *b;
    int n;
  } arguments = {out.address, a.address, b.address, 64};
  size_t bytes = 28;
  void *extra[] = {reinterpret_cast<void *>(1), &arguments, reinterpret_cast<void *>(2), &bytes,
                   reinterpret_cast<void *>(3)};
  ASSERT_EQ(call("hipModuleLaunchKernel", module.function("add"), 1u, 1u, 1u, 64u, 1u, 1u, 0u,
                 static_cast<void *>(nullptr), static_cast<void **>(nullptr), static_cast<void **>(extra)),
            Success);
  EXPECT_EQ(out.read<float>(), std::vector<float>(64, 5));
}

TEST(Api, GlobalsAndSmallArguments) {
  Buffer out(8);
  Module module(compile(VectorAdd));
  uint8_t small = 3;
  int64_t large = int64_t(77) << 32;
  ASSERT_EQ(run(module.function("bump"), {1}, {1}, out, small, large), Success) << lastMessage();
  EXPECT_EQ(out.read<int>(), (std::vector<int>{12, 77}));
  void *address = nullptr;
  size_t bytes = 0;
  int value = 0;
  ASSERT_EQ(call("hipModuleGetGlobal", &address, &bytes, module.handle, "counter"), Success);
  EXPECT_EQ(bytes, 4u);
  ASSERT_EQ(call("hipMemcpyDtoH", static_cast<void *>(&value), address, bytes), Success);
  EXPECT_EQ(value, 9);
  EXPECT_EQ(call("hipModuleGetGlobal", &address, &bytes, module.handle, "nothing"), 500);
}

TEST(Api, MemoryOperationsKeepInsideTheirAllocation) {
  Buffer a(16), b(16);
  ASSERT_EQ(call("hipMemsetD32", a.address, 0x01020304, size_t(4)), Success);
  ASSERT_EQ(call("hipMemcpyDtoD", b.address, a.address, size_t(16)), Success);
  EXPECT_EQ(b.read<int>(), std::vector<int>(4, 0x01020304));
  char big[17] = {};
  EXPECT_NE(call("hipMemcpyHtoD", a.address, static_cast<void *>(big), size_t(17)), Success);
  EXPECT_NE(call("hipMemset", a.address, 0, size_t(17)), Success);
  EXPECT_NE(call("hipFree", static_cast<void *>(static_cast<char *>(a.address) + 4)), Success);
}

TEST(Api, RefusesWhatItCannotLoad) {
  void *module = nullptr;
  std::vector<char> zeros(256), other = compile(VectorAdd);
  EXPECT_EQ(call("hipModuleLoadData", &module, static_cast<const void *>(zeros.data())), 200);
  other[48] = 0x4c; // EF_AMDGPU_MACH of gfx942
  EXPECT_EQ(call("hipModuleLoadData", &module, static_cast<const void *>(other.data())), 209);
  EXPECT_EQ(call("hipModuleUnload", static_cast<void *>(zeros.data())), 400);
}
