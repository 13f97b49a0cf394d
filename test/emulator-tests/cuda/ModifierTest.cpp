// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Modifiers and special operands by the PTX ISA's text: each row is one instruction with constants, and its result. A
// modifier that an instruction does not have is refused.
#include "test/emulator-tests/cuda/Device.h"

#include <gtest/gtest.h>

using namespace tinyc::emulator_tests;

/// The result of Body is in %rd9. %r and %rs hold what Body gives them.
static std::string kernel(const std::string &Body) {
  return R"(
.version 8.6
.target sm_80
.address_size 64
.visible .entry k(.param .u64 a)
{
  .reg .pred %p<4>;
  .reg .b16 %rs<8>;
  .reg .b32 %r<8>;
  .reg .f32 %f<4>;
  .reg .f64 %fd<4>;
  .reg .b64 %rd<10>;
  ld.param.u64 %rd1, [a];
)" + Body +
         "\n  st.global.b64 [%rd1], %rd9;\n  ret;\n}\n";
}

struct Row {
  const char *Body;
  uint64_t Result;
};

static void expectResults(const std::vector<Row> &Rows) {
  for (const Row &R : Rows) {
    Device D;
    ASSERT_EQ(D.load(kernel(R.Body)), Success) << R.Body << D.Log;
    uint64_t P = D.allocate(8);
    ASSERT_EQ(D.launch("k", {1}, {1}, 0, P), Success) << R.Body << D.Said;
    EXPECT_EQ(D.download<uint64_t>(P, 1)[0], R.Result) << R.Body;
  }
}

TEST(Modifiers, NaNToInteger) {
  const std::string Single = "mov.b32 %f1, 0f7FC00000; ", Double = "mov.b64 %fd1, 0d7FF8000000000000; ";
  const std::string Narrow = "cvt.u64.u32 %rd9, %r1;", Half = "cvt.u64.u16 %rd9, %rs1;";
  const std::string Texts[] = {
      Single + "cvt.rzi.s32.f32 %r1, %f1; " + Narrow,  Single + "cvt.rzi.u32.f32 %r1, %f1; " + Narrow,
      Single + "cvt.rzi.s16.f32 %rs1, %f1; " + Half,   Single + "cvt.rzi.s64.f32 %rd9, %f1;",
      Single + "cvt.rzi.u64.f32 %rd9, %f1;",           Double + "cvt.rzi.s32.f64 %r1, %fd1; " + Narrow,
      Double + "cvt.rzi.u32.f64 %r1, %fd1; " + Narrow, Double + "cvt.rzi.s16.f64 %rs1, %fd1; " + Half,
      Double + "cvt.rzi.u16.f64 %rs1, %fd1; " + Half,  Double + "cvt.rzi.s64.f64 %rd9, %fd1;",
      Double + "cvt.rzi.u64.f64 %rd9, %fd1;",
  };
  const uint64_t Results[] = {0,        0,       0,       1ull << 63, 1ull << 63, 1u << 31,
                              1u << 31, 1 << 15, 1 << 15, 1ull << 63, 1ull << 63};
  std::vector<Row> Rows;
  for (size_t I = 0; I < std::size(Texts); ++I)
    Rows.push_back({Texts[I].c_str(), Results[I]});
  expectResults(Rows);
}

TEST(Modifiers, FiniteSaturation) {
  expectResults({
      {"mov.b32 %f1, 0f4E6E6B28; cvt.rn.f16.f32 %rs1, %f1; cvt.u64.u16 %rd9, %rs1;", 0x7c00},
      {"mov.b32 %f1, 0f4E6E6B28; cvt.rn.satfinite.f16.f32 %rs1, %f1; cvt.u64.u16 %rd9, %rs1;", 0x7bff},
      {"mov.b32 %f1, 0fFF800000; cvt.rn.satfinite.f16.f32 %rs1, %f1; cvt.u64.u16 %rd9, %rs1;", 0xfbff},
      {"mov.b32 %f1, 0f7FC00000; cvt.rn.satfinite.f16.f32 %rs1, %f1; cvt.u64.u16 %rd9, %rs1;", 0x7fff},
      {"mov.b32 %f1, 0f3F800000; cvt.rn.satfinite.f16.f32 %rs1, %f1; cvt.u64.u16 %rd9, %rs1;", 0x3c00},
      {"mov.b32 %f1, 0fCE6E6B28; cvt.rn.satfinite.relu.f16.f32 %rs1, %f1; cvt.u64.u16 %rd9, %rs1;", 0},
      {"mov.b32 %f1, 0f7F7FFFFF; cvt.rn.satfinite.bf16.f32 %rs1, %f1; cvt.u64.u16 %rd9, %rs1;", 0x7f7f},
      {"mov.b32 %f1, 0f7F7FFFFF; cvt.rn.satfinite.tf32.f32 %r1, %f1; cvt.u64.u32 %rd9, %r1;", 0x7f7fe000},
      {"mov.b32 %f1, 0f4E6E6B28; mov.b32 %f2, 0fFF800000; cvt.rn.satfinite.f16x2.f32 %r1, %f1, %f2;\n"
       "cvt.u64.u32 %rd9, %r1;",
       0x7bfffbff},
  });
}

// (-2 * 3) >> 32 is -1, and a product of unsigned halves 2.
TEST(Modifiers, CarriesOfSignedProducts) {
  expectResults({
      {"mov.b32 %r1, -2; mad.hi.cc.s32 %r2, %r1, 3, 0; cvt.u64.u32 %rd9, %r2;", 0xffffffff},
      {"mov.b32 %r1, -2; mad.hi.cc.u32 %r2, %r1, 3, 0; cvt.u64.u32 %rd9, %r2;", 2},
      {"mov.b32 %r1, -1; add.cc.u32 %r2, %r1, 1; madc.hi.s32 %r3, %r1, 3, 5; cvt.u64.u32 %rd9, %r3;", 5},
      {"mov.b64 %rd2, -2; mad.hi.cc.s64 %rd9, %rd2, 3, 0;", ~0ull},
      {"mov.b32 %r1, -2; mad.lo.cc.s32 %r2, %r1, 3, 0; cvt.u64.u32 %rd9, %r2;", 0xfffffffa},
  });
}

TEST(Modifiers, ComparisonsFlushSubnormalNumbers) {
  const std::string One = "mov.b16 %rs1, 0x0001; mov.b16 %rs2, 0x0000; setp.gt", Value = "; selp.b64 %rd9, 1, 0, %p1;";
  const std::string Pair = "mov.b32 %r1, 0x00013c00; mov.b32 %r2, 0; mov.pred %p3, 1; ";
  const std::string Pairs = "; selp.b64 %rd2, 1, 0, %p1; selp.b64 %rd3, 2, 0, %p2; add.s64 %rd9, %rd2, %rd3;";
  const std::string Sign = "mov.b32 %f1, 0f80000001; slct";
  const std::pair<std::string, uint64_t> Texts[] = {
      {One + ".f16 %p1, %rs1, %rs2" + Value, 1},
      {One + ".ftz.f16 %p1, %rs1, %rs2" + Value, 0},
      {Pair + "setp.gt.f16x2 %p1|%p2, %r1, %r2" + Pairs, 3},
      {Pair + "setp.gt.ftz.f16x2 %p1|%p2, %r1, %r2" + Pairs, 1},
      {Pair + "set.gt.f16x2.f16x2 %r3, %r1, %r2; cvt.u64.u32 %rd9, %r3;", 0x3c003c00},
      {Pair + "set.gt.ftz.f16x2.f16x2 %r3, %r1, %r2; cvt.u64.u32 %rd9, %r3;", 0x3c00},
      {Pair + "set.gt.xor.f16x2.f16x2 %r3, %r1, %r2, %p3; cvt.u64.u32 %rd9, %r3;", 0},
      {Sign + ".s32.f32 %r1, 1, 2, %f1; cvt.u64.u32 %rd9, %r1;", 2},
      {Sign + ".ftz.s32.f32 %r1, 1, 2, %f1; cvt.u64.u32 %rd9, %r1;", 1},
  };
  std::vector<Row> Rows;
  for (auto &[Text, Result] : Texts)
    Rows.push_back({Text.c_str(), Result});
  expectResults(Rows);
}

TEST(Modifiers, RefusesWhatHasNoEffect) {
  for (const char *Body :
       {"cvt.rn.satfinite.f32.f64 %f1, %fd1;", "cvt.rn.relu.f32.f64 %f1, %fd1;", "cvt.rzi.ftz.s32.f64 %r1, %fd1;",
        "setp.gt.ftz.f64 %p1, %fd1, %fd2;", "setp.gt.ftz.s32 %p1, %r1, %r2;", "slct.ftz.s32.s32 %r1, %r2, %r3, %r4;",
        "min.cc.s32 %r1, %r2, %r3;", "add.sat.cc.s32 %r1, %r2, %r3;", "max.sat.s32 %r1, %r2, %r3;",
        "mad.wide.cc.s32 %rd2, %r2, %r3, %rd3;", "add.NaN.f16 %rs1, %rs2, %rs3;", "min.relu.f16 %rs1, %rs2, %rs3;"}) {
    Device D;
    EXPECT_EQ(D.load(kernel(Body)), InvalidPtx) << Body;
  }
}
