// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Undefined values are followed bit by bit: compilers pack pairs of which one half has no value and use the other half
// only, which is right; using the half without a value is reported. Each row is a few statements that end in a store.
#include "test/emulator-tests/cuda/Device.h"

#include <gtest/gtest.h>

using namespace tinyc::emulator_tests;

/// %rs1 and %r1 hold the thread's index plus 1, %rs9, %r9 and %p9 hold nothing; %rd3 is where the thread's word goes.
static std::string kernel(const std::string &Body) {
  return R"(
.version 8.0
.target sm_80
.address_size 64
.visible .entry main(.param .u64 a)
{
  .reg .pred %p<10>;
  .reg .b16 %rs<10>;
  .reg .b32 %r<10>;
  .reg .b64 %rd<10>;
  .shared .align 8 .b8 tile[256];
  ld.param.u64 %rd1, [a];
  mov.u32 %r8, %tid.x;
  mul.wide.u32 %rd2, %r8, 4;
  add.s64 %rd3, %rd1, %rd2;
  shl.b32 %r7, %r8, 2;
  mov.u32 %r6, tile;
  add.s32 %r7, %r7, %r6;
  add.s32 %r1, %r8, 1;
  cvt.u16.u32 %rs1, %r1;
)" + Body +
         "  ret;\n}\n";
}

struct Row {
  const char *Name, *Body;
  uint32_t Thread3; ///< the word that the fourth thread leaves where there were zeros; ~0: the launch is refused
};
static constexpr uint32_t Refused = ~0u;

static const Row Rows[] = {
    {"LowHalfOfAPair", "mov.b32 %r2, {%rs1, %rs9}; cvt.u64.u32 %rd4, %r2; st.global.b16 [%rd3], %rd4;", 4},
    {"UpperHalfOfAPair",
     "mov.b32 %r2, {%rs9, %rs1}; shr.u32 %r3, %r2, 16; cvt.u64.u32 %rd4, %r3;\n"
     "st.global.b16 [%rd3], %rd4;",
     4},
    {"UnpacksTheDefinedHalf",
     "mov.b32 %r2, {%rs1, %rs9}; mov.b32 {%rs2, _}, %r2; add.s16 %rs3, %rs2, %rs1;\n"
     "st.global.b16 [%rd3], %rs3;",
     8},
    {"UnpacksTheUndefinedHalf", "mov.b32 %r2, {%rs1, %rs9}; mov.b32 {_, %rs2}, %r2; st.global.b16 [%rd3], %rs2;",
     Refused},
    {"StoresTheUndefinedHalf", "mov.b32 %r2, {%rs1, %rs9}; st.global.b32 [%rd3], %r2;", Refused},
    {"ShiftsTheUndefinedHalfDown", "mov.b32 %r2, {%rs1, %rs9}; shr.u32 %r3, %r2, 16; st.global.b16 [%rd3], %r3;",
     Refused},
    {"SignExtendsUndefinedBits",
     "shl.b32 %r2, %r9, 16; or.b32 %r2, %r2, %r1; shr.s32 %r3, %r2, 8;\n"
     "and.b32 %r4, %r3, 65280; st.global.b32 [%rd3], %r4;",
     Refused},
    {"MasksUndefinedBits", "mov.b32 %r2, {%rs1, %rs9}; and.b32 %r3, %r2, 255; st.global.b32 [%rd3], %r3;", 4},
    {"MaskKeepsAnUndefinedBit", "mov.b32 %r2, {%rs1, %rs9}; and.b32 %r3, %r2, 131071; st.global.b32 [%rd3], %r3;",
     Refused},
    {"AddsBelowUndefinedBits", "mov.b32 %r2, {%rs1, %rs9}; mad.lo.s32 %r3, %r2, %r1, %r1; st.global.b16 [%rd3], %r3;",
     20},
    {"CarriesOutOfUndefinedBits",
     "mov.b32 %r2, {%rs9, %rs1}; add.s32 %r3, %r2, %r1; shr.u32 %r4, %r3, 16;\n"
     "st.global.b16 [%rd3], %r4;",
     Refused},
    {"PermutesDefinedBytes", "mov.b32 %r2, {%rs9, %rs1}; prmt.b32 %r3, %r2, %r1, 0x4424U; st.global.b32 [%rd3], %r3;",
     0x04040404},
    {"PermutesAnUndefinedByte",
     "mov.b32 %r2, {%rs9, %rs1}; prmt.b32 %r3, %r2, %r1, 0x4424U;\n"
     "prmt.b32 %r4, %r2, %r1, 0x4414U; st.global.b32 [%rd3], %r4;",
     Refused},
    {"ExtractsDefinedBits", "mov.b32 %r2, {%rs9, %rs1}; bfe.u32 %r3, %r2, 16, 8; st.global.b32 [%rd3], %r3;", 4},
    {"InsertsOverUndefinedBits", "mov.b32 %r2, {%rs9, %rs1}; bfi.b32 %r3, %r1, %r2, 0, 16; st.global.b32 [%rd3], %r3;",
     0x00040004},
    {"SelectsThePartlyDefined",
     "mov.b32 %r2, {%rs1, %rs9}; setp.gt.u32 %p1, %r1, 0; selp.b32 %r3, %r2, %r9, %p1;\n"
     "st.global.b8 [%rd3], %r3;",
     4},
    {"KeepsBytesInSharedMemory",
     "mov.b32 %r2, {%rs1, %rs9}; st.shared.b32 [%r7], %r2; ld.shared.b32 %r3, [%r7];\n"
     "st.global.b16 [%rd3], %r3;",
     4},
    {"UndefinedBytesOfSharedMemory",
     "mov.b32 %r2, {%rs1, %rs9}; st.shared.b32 [%r7], %r2; ld.shared.u16 %r3, [%r7+2];\n"
     "st.global.b16 [%rd3], %r3;",
     Refused},
    {"OverwritesThePartlyDefined", "mov.b32 %r2, {%rs1, %rs9}; mov.b32 %r2, %r9; st.global.b16 [%rd3], %r2;", Refused},
    {"HalvesOfAPairStayApart", "mov.b32 %r2, {%rs1, %rs9}; add.rn.f16x2 %r3, %r2, %r2; st.global.b16 [%rd3], %r3;", 8},
    {"ShufflesThePartlyDefined",
     "mov.b32 %r2, {%rs1, %rs9}; shfl.sync.bfly.b32 %r3, %r2, 1, 31, -1;\n"
     "st.global.b16 [%rd3], %r3;",
     3},
    {"ConvertsAByte",
     "mov.b32 %r2, {%rs9, %rs1}; shr.u32 %r3, %r2, 16; cvt.u16.u32 %rs2, %r3;\n"
     "cvt.rn.f32.u8 %r4, %rs2; st.global.b32 [%rd3], %r4;",
     0x40800000},
};

class Undefined : public testing::TestWithParam<Row> {};

TEST_P(Undefined, IsFollowedByBits) {
  const Row &R = GetParam();
  Device D;
  ASSERT_EQ(D.load(kernel(R.Body)), Success) << D.Log;
  uint64_t P = D.upload(std::vector<uint32_t>(64));
  if (R.Thread3 == Refused) {
    EXPECT_EQ(D.launch("main", {1}, {64}, 0, P), LaunchFailed);
    EXPECT_NE(D.Said.find("the value stored to global memory was never computed"), std::string::npos) << D.Said;
    return;
  }
  ASSERT_EQ(D.launch("main", {1}, {64}, 0, P), Success) << D.Said;
  EXPECT_EQ(D.download<uint32_t>(P, 64)[3], R.Thread3);
}

INSTANTIATE_TEST_SUITE_P(Bits, Undefined, testing::ValuesIn(Rows),
                         [](const testing::TestParamInfo<Row> &I) { return std::string(I.param.Name); });
