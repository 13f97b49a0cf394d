// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two f32 in one register (.f32x2): each half rounded as the scalar instruction rounds it; refused before sm_100.
#include "test/emulator-tests/cuda/Device.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace tinyc::emulator_tests;

// out[0..3] = a + b, a - b, a * b, fma(a, b, a) of the pairs of 32 lanes.
static std::string packed(const std::string &Target) {
  return ".version 8.6\n.target " + Target + R"(
.address_size 64
.visible .entry packed(.param .u64 a, .param .u64 b, .param .u64 out)
{
  .reg .b32 %r<2>;
  .reg .b64 %rd<20>;
  ld.param.u64 %rd1, [a];
  ld.param.u64 %rd2, [b];
  ld.param.u64 %rd3, [out];
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd4, %r1, 8;
  add.s64 %rd5, %rd1, %rd4;
  add.s64 %rd6, %rd2, %rd4;
  add.s64 %rd7, %rd3, %rd4;
  ld.global.b64 %rd8, [%rd5];
  ld.global.b64 %rd9, [%rd6];
  add.rn.f32x2 %rd10, %rd8, %rd9;
  sub.rn.f32x2 %rd11, %rd8, %rd9;
  mul.rn.f32x2 %rd12, %rd8, %rd9;
  fma.rn.f32x2 %rd13, %rd8, %rd9, %rd8;
  st.global.b64 [%rd7], %rd10;
  st.global.b64 [%rd7+256], %rd11;
  st.global.b64 [%rd7+512], %rd12;
  st.global.b64 [%rd7+768], %rd13;
  ret;
}
)";
}

TEST(EmulatedCuda, ComputesPairsOfFloats) {
  Setting Chip("TINYC_EMULATED_CHIP", "sm_100a");
  Device D;
  ASSERT_EQ(D.load(packed("sm_100a")), Success) << D.Log;
  std::vector<float> A(64), B(64);
  for (unsigned I = 0; I < 64; ++I) {
    A[I] = std::ldexp(1.0f + float(I) / 64, int(I) - 30);
    B[I] = std::ldexp(-1.5f - float(I) / 96, 20 - int(I));
  }
  uint64_t PA = D.upload(A), PB = D.upload(B), Out = D.allocate(4 * 256);
  ASSERT_EQ(D.launch("packed", {1}, {32}, 0, PA, PB, Out), Success) << D.Said;
  auto Result = D.download<float>(Out, 256);
  for (unsigned I = 0; I < 64; ++I) {
    EXPECT_EQ(Result[I], A[I] + B[I]);
    EXPECT_EQ(Result[64 + I], A[I] - B[I]);
    EXPECT_EQ(Result[128 + I], A[I] * B[I]);
    EXPECT_EQ(Result[192 + I], std::fma(A[I], B[I], A[I]));
  }
}

TEST(EmulatedCuda, RefusesPairsOfFloatsBeforeSm100) {
  Device D;
  EXPECT_EQ(D.load(packed("sm_80")), InvalidPtx);
  EXPECT_NE(D.Log.find("arithmetic of .f32x2"), std::string::npos) << D.Log;
  EXPECT_NE(D.Log.find("sm_100"), std::string::npos) << D.Log;
}
