// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pointwise kernels and rows on the CPU, against plain loops.

#include "test/targets/CpuKernels.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace tinyc;

static void fillRandom(Buffer<float> &buffer, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> distribution(-2, 2);
  for (size_t i = 0; i < buffer.size(); ++i)
    buffer[i] = distribution(engine);
}

static std::string sized(std::string text, const std::vector<std::pair<std::string, int64_t>> &values) {
  for (auto &[name, value] : values)
    for (size_t at; (at = text.find("$" + name)) != std::string::npos;)
      text.replace(at, name.size() + 1, std::to_string(value));
  return text;
}

// A vector that is copied after a part of it was written: "X86 Avoid Store Forwarding Blocks" would take the copy
// apart.
TEST(CodeForms, DoNotDependOnWhatWasLinkedBefore) {
  const std::string kernel = R"(
    llvm.func @k(%p: !llvm.ptr {llvm.noalias}, %q: !llvm.ptr {llvm.noalias}, %v: i32) attributes {tiny.kernel} {
      %second = llvm.getelementptr %p[1] : (!llvm.ptr) -> !llvm.ptr, i32
      llvm.store %v, %second : i32, !llvm.ptr
      %all = llvm.load %p {alignment = 1 : i64} : !llvm.ptr -> vector<4xi32>
      llvm.store %all, %q {alignment = 1 : i64} : vector<4xi32>, !llvm.ptr
      llvm.return
    })";
  std::vector<std::string> alone = emitCode(kernel, "cpu:x86-64-v3", {"asm"});
  std::vector<std::string> both = emitCode(kernel, "cpu:x86-64-v3", {"elf", "asm"});
  ASSERT_EQ(alone.size(), 1u);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[1], alone[0]);
  EXPECT_NE(alone[0].find("vmovups\t(%rdi), %xmm0"), std::string::npos) << alone[0];
}

class Rows : public testing::TestWithParam<int64_t> {};

TEST_P(Rows, AddBiasRelu) {
  int64_t n = GetParam(), rows = 3;
  CompiledKernel kernel = compileKernel(sized(R"(
    func.func @main(%x: tensor<$Rx$Nxf32>, %b: tensor<$Nxf32>) -> tensor<$Rx$Nxf32> {
      %r = tiny.kernel "bias_relu" shared 2 (%x, %b) : (tensor<$Rx$Nxf32>, tensor<$Nxf32>) -> tensor<$Rx$Nxf32> {
      ^bb0(%in: tensor<$Rx$Nxf32>, %bias: tensor<$Nxf32>):
        %o = tiny.stage parallel [$R, $N] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<$Rx$Nxf32>,
                                           %bias by affine_map<(d0, d1) -> (d1)> : tensor<$Nxf32>)
             -> (none tensor<$Rx$Nxf32>) {
        ^bb0(%v: f32, %c: f32):
          %s = tiny.add %v, %c : f32
          %z = tiny.const 0.0 : f32
          %m = tiny.max %s, %z : f32
          tiny.yield %m : f32
        }
        tiny.yield %o : tensor<$Rx$Nxf32>
      }
      return %r : tensor<$Rx$Nxf32>
    })",
                                              {{"R", rows}, {"N", n}}));
  ASSERT_TRUE(kernel.call);
  Buffer<float> x(rows * n), bias(n), out(rows * n, -7);
  fillRandom(x, 1);
  fillRandom(bias, 2);
  ASSERT_EQ(kernel.run({x.data(), bias.data(), out.data()}), 0);
  for (int64_t i = 0; i < rows * n; ++i)
    ASSERT_EQ(out[i], std::max(0.f, x[i] + bias[i % n])) << i;
  EXPECT_TRUE(out.intact());
}

// Maximum, then a sum and values that a third stage reads.
static const char *kNormalise = R"(
    func.func @main(%x: tensor<$Rx$Nxf32>) -> tensor<$Rx$Nxf32> {
      %r = tiny.kernel "normalise" shared 1 $S(%x) : (tensor<$Rx$Nxf32>) -> tensor<$Rx$Nxf32> {
      ^bb0(%in: tensor<$Rx$Nxf32>):
        %m = tiny.stage parallel [$R] reduce [$N] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<$Rx$Nxf32>)
             -> (max tensor<$Rxf32>) {
        ^bb0(%v: f32):
          tiny.yield %v : f32
        }
        %e, %s = tiny.stage parallel [$R] reduce [$N] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<$Rx$Nxf32>,
                                                       %m by affine_map<(d0, d1) -> (d0)> : tensor<$Rxf32>)
                 -> (none tensor<$Rx$Nxf32>, sum tensor<$Rxf32>) {
        ^bb0(%v: f32, %max: f32):
          %three = tiny.const 3.0 : f32
          %d = tiny.add %max, %three : f32
          %p = tiny.add %v, %d : f32
          tiny.yield %p, %p : f32, f32
        }
        %o = tiny.stage parallel [$R, $N] (%e by affine_map<(d0, d1) -> (d0, d1)> : tensor<$Rx$Nxf32>,
                                           %s by affine_map<(d0, d1) -> (d0)> : tensor<$Rxf32>)
             -> (none tensor<$Rx$Nxf32>) {
        ^bb0(%v: f32, %sum: f32):
          %q = tiny.div %v, %sum : f32
          tiny.yield %q : f32
        }
        tiny.yield %o : tensor<$Rx$Nxf32>
      }
      return %r : tensor<$Rx$Nxf32>
    })";

static void checkNormalise(int64_t n, const std::string &schedule, const std::string &target) {
  int64_t rows = 5;
  std::string text = kNormalise;
  text.replace(text.find("$S"), 2, schedule);
  CompiledKernel kernel = compileKernel(sized(text, {{"R", rows}, {"N", n}}), target);
  ASSERT_TRUE(kernel.call);
  Buffer<float> x(rows * n), out(rows * n, -7);
  fillRandom(x, 3);
  ASSERT_EQ(kernel.run({x.data(), out.data()}), 0);
  for (int64_t r = 0; r < rows; ++r) {
    float max = -std::numeric_limits<float>::infinity();
    double sum = 0;
    for (int64_t i = 0; i < n; ++i)
      max = std::max(max, x[r * n + i]);
    for (int64_t i = 0; i < n; ++i)
      sum += x[r * n + i] + (max + 3.f);
    for (int64_t i = 0; i < n; ++i)
      ASSERT_NEAR(out[r * n + i] * sum, x[r * n + i] + (max + 3.f), 1e-5 * (max + 5)) << r << " " << i;
  }
  EXPECT_TRUE(out.intact());
}

TEST_P(Rows, Normalise) { checkNormalise(GetParam(), "", "cpu"); }
TEST_P(Rows, NormaliseV3) { checkNormalise(GetParam(), "", "cpu:x86-64-v3"); }
TEST_P(Rows, NormaliseComputedAgain) {
  checkNormalise(GetParam(), "schedule <unit = [2], inner = [1], strip = [32], vector = 8, keep = false>", "cpu");
}
TEST_P(Rows, NormaliseTwoRowsAtOnce) {
  checkNormalise(GetParam(), "schedule <unit = [2], inner = [2], strip = [32], vector = 8>", "cpu");
}

INSTANTIATE_TEST_SUITE_P(Sizes, Rows, testing::Values(1, 7, 17, 64, 100, 1000, 4096, 50000));
