// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The driver API from loading to results, with hand-written PTX: vector addition, and what is refused.
#include "test/emulator-tests/cuda/Device.h"

#include <gtest/gtest.h>

using namespace tinyc::emulator_tests;

static const char *VectorAdd = R"(
.version 8.0
.target sm_80
.address_size 64
.visible .entry add(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n)
{
  .reg .pred %p<2>;
  .reg .f32 %f<4>;
  .reg .b32 %r<6>;
  .reg .b64 %rd<11>;
  ld.param.u64 %rd1, [a];
  ld.param.u64 %rd2, [b];
  ld.param.u64 %rd3, [c];
  ld.param.u32 %r2, [n];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.s32 %r1, %r3, %r4, %r5;
  setp.ge.s32 %p1, %r1, %r2;
  @%p1 bra $end;
  mul.wide.s32 %rd5, %r1, 4;
  add.s64 %rd6, %rd1, %rd5;
  add.s64 %rd8, %rd2, %rd5;
  ld.global.f32 %f1, [%rd8];
  ld.global.f32 %f2, [%rd6];
  add.rn.f32 %f3, %f2, %f1;
  add.s64 %rd10, %rd3, %rd5;
  st.global.f32 [%rd10], %f3;
$end:
  ret;
}
)";

TEST(EmulatedCuda, AddsVectors) {
  for (const char *Seed : {"0", "1", "7"}) {
    Setting S("TINYC_EMULATED_SEED", Seed);
    Device D;
    ASSERT_EQ(D.load(VectorAdd), Success) << D.Log;
    const unsigned N = 1000;
    std::vector<float> A(N), B(N);
    for (unsigned I = 0; I < N; ++I) {
      A[I] = float(I);
      B[I] = 0.5f * float(I);
    }
    uint64_t PA = D.upload(A), PB = D.upload(B), PC = D.allocate(N * 4);
    ASSERT_EQ(D.launch("add", {8}, {128}, 0, PA, PB, PC, N), Success) << D.Said;
    auto C = D.download<float>(PC, N);
    for (unsigned I = 0; I < N; ++I)
      EXPECT_EQ(C[I], A[I] + B[I]);
    EXPECT_EQ(D.reported("global_load_bytes"), 8000);
    EXPECT_EQ(D.reported("global_store_bytes"), 4000);
    EXPECT_EQ(D.reported("sector_efficiency"), 1.0);
    EXPECT_EQ(D.reported("divergent_branches"), 1);
  }
}

TEST(EmulatedCuda, ReportsOneElementPastTheEnd) {
  Device D;
  ASSERT_EQ(D.load(VectorAdd), Success);
  std::vector<float> A(100, 1.0f);
  uint64_t PA = D.upload(A), PB = D.upload(A), PC = D.allocate(400);
  EXPECT_EQ(D.launch("add", {1}, {128}, 0, PA, PB, PC, 101u), IllegalAddress);
  EXPECT_NE(D.Said.find("start 0 bytes past the end of the 400-byte allocation"), std::string::npos) << D.Said;
  EXPECT_NE(D.Said.find("kernel add, block (0,0,0), thread (100,0,0)"), std::string::npos) << D.Said;
  EXPECT_NE(D.Report.find("\"reports\":[\"kernel add"), std::string::npos) << D.Report;
}

TEST(EmulatedCuda, ReportsUseOfMemoryNobodyWrote) {
  Device D;
  ASSERT_EQ(D.load(VectorAdd), Success);
  std::vector<float> A(128, 1.0f);
  uint64_t PA = D.upload(A), PB = D.allocate(512), PC = D.allocate(512);
  EXPECT_EQ(D.launch("add", {1}, {128}, 0, PA, PB, PC, 128u), LaunchFailed);
  EXPECT_NE(D.Said.find("never computed from defined values"), std::string::npos) << D.Said;
}

TEST(EmulatedCuda, ReportsMisalignment) {
  Device D;
  ASSERT_EQ(D.load(VectorAdd), Success);
  std::vector<float> A(128, 1.0f);
  uint64_t PA = D.upload(A), PB = D.upload(A), PC = D.allocate(512);
  EXPECT_EQ(D.launch("add", {1}, {32}, 0, PA + 2, PB, PC, 32u), Misaligned);
}

TEST(EmulatedCuda, RefusesCubins) {
  Device D;
  EXPECT_EQ(D.load(std::string("\x7f"
                               "ELF and more")),
            NoBinary);
  EXPECT_NE(D.Log.find("cubin"), std::string::npos);
}

TEST(EmulatedCuda, RefusesUnknownInstructionsByLine) {
  Device D;
  EXPECT_EQ(D.load(".version 8.0\n.target sm_80\n.address_size 64\n.entry k()\n{\n  frobnicate.u32 1;\n}\n"),
            InvalidPtx);
  EXPECT_NE(D.Log.find("line 6"), std::string::npos) << D.Log;
  EXPECT_NE(D.Log.find("frobnicate"), std::string::npos) << D.Log;
}

TEST(EmulatedCuda, RefusesPtxForALaterChip) {
  Device D;
  EXPECT_EQ(D.load(".version 8.0\n.target sm_90a\n.address_size 64\n"), NoBinary);
}

TEST(EmulatedCuda, RefusesGarbage) {
  Device D;
  for (const char *Text : {"", "hello", ".version 8.0\n.target sm_80\n.entry k() { ret",
                           ".version 8.0\n.target sm_80\n.entry k() { bra x; }",
                           ".version 8.0\n.target sm_80\n.entry k() { add.u32 %r1, %r2; }"})
    EXPECT_NE(D.load(Text), Success) << Text;
}
