// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise kernels and rows on the emulated GPUs, against loops on the CPU.

#include "test/gpu/Harness.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace tinyc;
using namespace tinyc::gputest;

namespace {

std::vector<float> randomNumbers(size_t count, unsigned seed, float scale = 4) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> number(-scale, scale);
  std::vector<float> values(count);
  for (float &value : values)
    value = number(random);
  return values;
}

double ulps(float got, double expected) {
  if (got == expected)
    return 0;
  float rounded = static_cast<float>(expected);
  double unit = std::abs(std::nextafter(rounded, INFINITY) - static_cast<double>(rounded));
  return std::abs(got - expected) / std::max(unit, 0x1p-149);
}

class GpuKernel : public testing::TestWithParam<std::string> {};

// Rows and columns that no tile divides; one access must not touch its neighbour.
TEST_P(GpuKernel, ElementwiseIsMaskedAtBothEdges) {
  constexpr int64_t rows = 37, columns = 255;
  std::string text = llvm::formatv(R"(
    func.func @relu_0(%x: memref<{0}x{1}xf32>, %y: memref<{0}x{1}xf32>, %o: memref<{0}x{1}xf32>, %unit: index)
        attributes {{tiny.kernel, tiny.schedule = #tiny.schedule<unit = [8, 128], warps = [1, 4], vector = 4>} {{
      %c8 = arith.constant 8 : index
      %c128 = arith.constant 128 : index
      %c2 = arith.constant 2 : index
      %q = arith.divui %unit, %c2 : index
      %r = arith.remui %unit, %c2 : index
      %i = arith.muli %q, %c8 : index
      %j = arith.muli %r, %c128 : index
      %t = tiny.load %x[%i, %j] by affine_map<(d0, d1) -> (d0, d1)>
           mask affine_set<(d0, d1) : ({0} - 1 - d0 >= 0, {1} - 1 - d1 >= 0)> : memref<{0}x{1}xf32> -> vector<8x128xf32>
      %u = tiny.load %y[%i, %j] by affine_map<(d0, d1) -> (d0, d1)>
           mask affine_set<(d0, d1) : ({0} - 1 - d0 >= 0, {1} - 1 - d1 >= 0)> : memref<{0}x{1}xf32> -> vector<8x128xf32>
      %s = tiny.add %t, %u : vector<8x128xf32>
      %z = tiny.const dense<0.0> : vector<8x128xf32>
      %m = tiny.max %s, %z : vector<8x128xf32>
      tiny.store %m, %o[%i, %j] by affine_map<(d0, d1) -> (d0, d1)>
           mask affine_set<(d0, d1) : ({0} - 1 - d0 >= 0, {1} - 1 - d1 >= 0)> : vector<8x128xf32>, memref<{0}x{1}xf32>
      return
    })",
                                   rows, columns);
  Program program = Program::compile(text, GetParam());
  ASSERT_EQ(program.error(), "");
  std::vector<float> x = randomNumbers(rows * columns, 1), y = randomNumbers(rows * columns, 2);
  x[5] = NAN;
  Buffer bx = bytesOf(x), by = bytesOf(y), bo(rows * columns * 4, 0xee);
  Outcome outcome = program.run("relu_0", (rows + 7) / 8 * 2, {&bx, &by, &bo});
  ASSERT_TRUE(outcome.ok) << outcome.message;
  std::vector<float> o = valuesOf<float>(bo);
  for (size_t i = 0; i < o.size(); ++i) {
    float sum = x[i] + y[i];
    if (std::isnan(sum))
      EXPECT_TRUE(std::isnan(o[i])) << i;
    else
      EXPECT_EQ(o[i], std::max(sum, 0.0f)) << i;
  }
}

// A transposed read goes through shared memory, so that both sides touch whole sectors.
TEST_P(GpuKernel, TransposeIsCoalescedOnBothSides) {
  constexpr int64_t n = 128;
  std::string text = R"(
    func.func @transpose_0(%x: memref<128x128xf32>, %o: memref<128x128xf32>, %unit: index)
        attributes {tiny.kernel, tiny.schedule = #tiny.schedule<unit = [32, 32], warps = [4, 1], vector = 4>} {
      %c32 = arith.constant 32 : index
      %c4 = arith.constant 4 : index
      %q = arith.divui %unit, %c4 : index
      %r = arith.remui %unit, %c4 : index
      %i = arith.muli %q, %c32 : index
      %j = arith.muli %r, %c32 : index
      %t = tiny.load %x[%i, %j] by affine_map<(d0, d1) -> (d1, d0)> : memref<128x128xf32> -> vector<32x32xf32>
      tiny.store %t, %o[%i, %j] by affine_map<(d0, d1) -> (d0, d1)> : vector<32x32xf32>, memref<128x128xf32>
      return
    })";
  Program program = Program::compile(text, GetParam());
  ASSERT_EQ(program.error(), "");
  std::vector<float> x = randomNumbers(n * n, 3);
  Buffer bx = bytesOf(x), bo(n * n * 4);
  Outcome outcome = program.run("transpose_0", 16, {&bx, &bo});
  ASSERT_TRUE(outcome.ok) << outcome.message;
  std::vector<float> o = valuesOf<float>(bo);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      ASSERT_EQ(o[i * n + j], x[j * n + i]);
  EXPECT_EQ(outcome.report.getInteger("bank_conflicts").value_or(-1), 0);
}

std::string softmaxText(int64_t rows, int64_t columns) {
  int64_t tile = llvm::PowerOf2Ceil(columns), warps = std::clamp<int64_t>(tile / 128, 1, 8);
  std::string mask = llvm::isPowerOf2_64(columns)
                         ? ""
                         : llvm::formatv("mask affine_set<(d0, d1) : ({0} - 1 - d1 >= 0)>", columns).str();
  return llvm::formatv(R"(
    func.func @softmax_0(%x: memref<{0}x{1}xf32>, %o: memref<{0}x{1}xf32>, %unit: index)
        attributes {{tiny.kernel, tiny.schedule = #tiny.schedule<unit = [1], strip = [{2}], warps = [1, {3}], vector = 4>} {{
      %c0 = arith.constant 0 : index
      %t = tiny.load %x[%unit, %c0] by affine_map<(d0, d1) -> (d0, d1)> {4} fill 0xFF800000 : f32
           : memref<{0}x{1}xf32> -> vector<1x{2}xf32>
      %m = tiny.reduce max %t [1] : vector<1x{2}xf32> -> vector<1xf32>
      %mb = tiny.view %m by affine_map<(d0, d1) -> (d0)> : vector<1xf32> -> vector<1x{2}xf32>
      %minus = tiny.const dense<-1.0> : vector<1x{2}xf32>
      %n = tiny.mul %mb, %minus : vector<1x{2}xf32>
      %d = tiny.add %t, %n : vector<1x{2}xf32>
      %e = tiny.exp e %d : vector<1x{2}xf32>
      %s = tiny.reduce sum %e [1] : vector<1x{2}xf32> -> vector<1xf32>
      %sb = tiny.view %s by affine_map<(d0, d1) -> (d0)> : vector<1xf32> -> vector<1x{2}xf32>
      %q = tiny.div %e, %sb : vector<1x{2}xf32>
      tiny.store %q, %o[%unit, %c0] by affine_map<(d0, d1) -> (d0, d1)> {4} : vector<1x{2}xf32>, memref<{0}x{1}xf32>
      return
    })",
                       rows, columns, tile, warps, mask)
      .str();
}

TEST_P(GpuKernel, SoftmaxOfRows) {
  for (int64_t columns : {1, 1000, 4096}) {
    constexpr int64_t rows = 3;
    Program program = Program::compile(softmaxText(rows, columns), GetParam());
    ASSERT_EQ(program.error(), "");
    EXPECT_FALSE(program.spilled());
    std::vector<float> x = randomNumbers(rows * columns, columns);
    Buffer bx = bytesOf(x), bo(rows * columns * 4);
    Outcome outcome = program.run("softmax_0", rows, {&bx, &bo});
    ASSERT_TRUE(outcome.ok) << columns << ": " << outcome.message;
    std::vector<float> o = valuesOf<float>(bo);
    for (int64_t r = 0; r < rows; ++r) {
      double sum = 0;
      float most = *std::max_element(&x[r * columns], &x[r * columns] + columns);
      for (int64_t c = 0; c < columns; ++c)
        sum += std::exp(static_cast<double>(x[r * columns + c] - most));
      for (int64_t c = 0; c < columns; ++c)
        ASSERT_LE(ulps(o[r * columns + c], std::exp(static_cast<double>(x[r * columns + c] - most)) / sum), 8)
            << columns << " at " << r << ", " << c;
    }
  }
}

// Each waiting or exchanging instruction is needed: without it the emulated driver reports a race.
TEST_P(GpuKernel, EveryBarrierOfSoftmaxIsNeeded) {
  Program program = Program::compile(softmaxText(2, 1000), GetParam());
  ASSERT_EQ(program.error(), "");
  std::vector<float> x = randomNumbers(2000, 9);
  Buffer bx = bytesOf(x), bo(2000 * 4);
  Outcome whole = program.run("softmax_0", 2, {&bx, &bo});
  ASSERT_TRUE(whole.ok) << whole.message;
  int64_t count = whole.report.getInteger("sync_instructions").value_or(0);
  ASSERT_GT(count, 0);
  for (int64_t drop = 1; drop <= count; ++drop)
    EXPECT_FALSE(program.run("softmax_0", 2, {&bx, &bo}, drop).ok) << "without synchronising instruction " << drop;
}

// Sums of several rows at once, in one warp a row and over strips that a loop carries.
TEST_P(GpuKernel, LayernormInStrips) {
  constexpr int64_t rows = 8, columns = 1000;
  std::string text = R"(
    func.func @layernorm_0(%x: memref<8x1000xf32>, %o: memref<8x1000xf32>, %unit: index)
        attributes {tiny.kernel, tiny.schedule = #tiny.schedule<unit = [4], strip = [256], warps = [4, 1], vector = 4>} {
      %c0 = arith.constant 0 : index
      %c4 = arith.constant 4 : index
      %c256 = arith.constant 256 : index
      %c1000 = arith.constant 1000 : index
      %i = arith.muli %unit, %c4 : index
      %zero = tiny.const dense<0.0> : vector<4x256xf32>
      %row = memref.alloca() : memref<4x1024xf32>
      %sum, %squares = scf.for %j = %c0 to %c1000 step %c256 iter_args(%s = %zero, %q = %zero)
          -> (vector<4x256xf32>, vector<4x256xf32>) {
        %t = tiny.load %x[%i, %j] by affine_map<(d0, d1) -> (d0, d1)> mask affine_set<(d0, d1) : (999 - d1 >= 0)>
             : memref<8x1000xf32> -> vector<4x256xf32>
        tiny.store %t, %row[%c0, %j] by affine_map<(d0, d1) -> (d0, d1)> : vector<4x256xf32>, memref<4x1024xf32>
        %s1 = tiny.add %s, %t : vector<4x256xf32>
        %tt = tiny.mul %t, %t : vector<4x256xf32>
        %q1 = tiny.add %q, %tt : vector<4x256xf32>
        scf.yield %s1, %q1 : vector<4x256xf32>, vector<4x256xf32>
      }
      %a = tiny.reduce sum %sum [1] : vector<4x256xf32> -> vector<4xf32>
      %b = tiny.reduce sum %squares [1] : vector<4x256xf32> -> vector<4xf32>
      %scale = tiny.const dense<0.001> : vector<4xf32>
      %mean = tiny.mul %a, %scale : vector<4xf32>
      %second = tiny.mul %b, %scale : vector<4xf32>
      %mm = tiny.mul %mean, %mean : vector<4xf32>
      %minus = tiny.const dense<-1.0> : vector<4xf32>
      %nm = tiny.mul %mm, %minus : vector<4xf32>
      %variance = tiny.add %second, %nm : vector<4xf32>
      %deviation = tiny.sqrt %variance : vector<4xf32>
      %negative = tiny.mul %mean, %minus : vector<4xf32>
      %mb = tiny.view %negative by affine_map<(d0, d1) -> (d0)> : vector<4xf32> -> vector<4x256xf32>
      %db = tiny.view %deviation by affine_map<(d0, d1) -> (d0)> : vector<4xf32> -> vector<4x256xf32>
      scf.for %j = %c0 to %c1000 step %c256 {
        %t = tiny.load %row[%c0, %j] by affine_map<(d0, d1) -> (d0, d1)> : memref<4x1024xf32> -> vector<4x256xf32>
        %d = tiny.add %t, %mb : vector<4x256xf32>
        %r = tiny.div %d, %db : vector<4x256xf32>
        tiny.store %r, %o[%i, %j] by affine_map<(d0, d1) -> (d0, d1)> mask affine_set<(d0, d1) : (999 - d1 >= 0)>
            : vector<4x256xf32>, memref<8x1000xf32>
      }
      return
    })";
  Program program = Program::compile(text, GetParam());
  ASSERT_EQ(program.error(), "");
  std::vector<float> x = randomNumbers(rows * columns, 4);
  Buffer bx = bytesOf(x), bo(rows * columns * 4);
  Outcome outcome = program.run("layernorm_0", 2, {&bx, &bo});
  ASSERT_TRUE(outcome.ok) << outcome.message;
  std::vector<float> o = valuesOf<float>(bo);
  for (int64_t r = 0; r < rows; ++r) {
    double sum = 0, squares = 0;
    for (int64_t c = 0; c < columns; ++c)
      sum += x[r * columns + c], squares += static_cast<double>(x[r * columns + c]) * x[r * columns + c];
    double mean = sum / columns, deviation = std::sqrt(squares / columns - mean * mean);
    for (int64_t c = 0; c < columns; ++c)
      ASSERT_NEAR(o[r * columns + c], (x[r * columns + c] - mean) / deviation, 1e-5) << r << ", " << c;
  }
}

INSTANTIATE_TEST_SUITE_P(Emulated, GpuKernel, testing::ValuesIn(emulatedTargets()),
                         [](const auto &info) { return info.param.substr(info.param.find(':') + 1); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GpuKernel);

TEST(Emulators, AreBuilt) { EXPECT_EQ(emulatedTargets().size(), 2u) << "build the targets of test/emulators first"; }
} // namespace
