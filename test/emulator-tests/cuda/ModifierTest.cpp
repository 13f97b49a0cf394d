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
