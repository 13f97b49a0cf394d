// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions given as kernels of stages, scheduled and tiled: a padded convolution, and a product whose operands are
// cast, on the emulated GPUs.

#include "test/gpu/Harness.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace tinyc;
using namespace tinyc::gputest;

namespace {

std::vector<float> eighths(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> number(-8, 8);
  std::vector<float> values(count);
  for (float &value : values)
    value = number(random) / 8.0f;
  return values;
}

class GpuContraction : public testing::TestWithParam<std::string> {};

TEST_P(GpuContraction, PaddedConvolution) {
  Program program = Program::compile(R"(
    func.func @main(%a: tensor<2x3x28x28xf32>, %b: tensor<8x3x5x5xf32>) -> tensor<2x8x28x28xf32> {
      %r = tiny.kernel "conv_0" shared 4 (%a, %b)
          : (tensor<2x3x28x28xf32>, tensor<8x3x5x5xf32>) -> tensor<2x8x28x28xf32> {
      ^bb0(%x: tensor<2x3x28x28xf32>, %y: tensor<8x3x5x5xf32>):
        %p = tiny.stage parallel [2, 8, 28, 28] reduce [3, 5, 5]
            (%x by affine_map<(n, o, h, w, c, i, j) -> (n, c, h + i - 2, w + j - 2)>
                mask affine_set<(n, o, h, w, c, i, j) : (h + i - 2 >= 0, 29 - h - i >= 0, w + j - 2 >= 0, 29 - w - j >= 0)>
                fill 0.0 : f32 : tensor<2x3x28x28xf32>,
             %y by affine_map<(n, o, h, w, c, i, j) -> (o, c, i, j)> : tensor<8x3x5x5xf32>)
            -> (sum tensor<2x8x28x28xf32>) {
        ^bb0(%u: f32, %v: f32):
          %m = tiny.mul %u, %v : f32
          tiny.yield %m : f32
        }
        tiny.yield %p : tensor<2x8x28x28xf32>
      }
      return %r : tensor<2x8x28x28xf32>
    })",
                                     GetParam());
  ASSERT_EQ(program.error(), "");
  EXPECT_FALSE(program.spilled());
  std::vector<float> x = eighths(2 * 3 * 28 * 28, 1), w = eighths(8 * 3 * 5 * 5, 2);
  Buffer bx = bytesOf(x), bw = bytesOf(w), bo(2 * 8 * 28 * 28 * 4, 0xee);
  Outcome outcome = program.run("conv_0", program.units("conv_0"), {&bx, &bw, &bo});
  ASSERT_TRUE(outcome.ok) << outcome.message;
  std::vector<float> o = valuesOf<float>(bo);
  for (int n = 0; n < 2; ++n)
    for (int oc = 0; oc < 8; ++oc)
      for (int h = 0; h < 28; ++h)
        for (int c = 0; c < 28; ++c) {
          double sum = 0;
          for (int ic = 0; ic < 3; ++ic)
            for (int i = 0; i < 5; ++i)
              for (int j = 0; j < 5; ++j) {
                int y = h + i - 2, z = c + j - 2;
                if (y >= 0 && y < 28 && z >= 0 && z < 28)
                  sum += static_cast<double>(x[((n * 3 + ic) * 28 + y) * 28 + z]) * w[((oc * 3 + ic) * 5 + i) * 5 + j];
              }
          ASSERT_NEAR(o[((n * 8 + oc) * 28 + h) * 28 + c], sum, 1e-5) << n << " " << oc << " " << h << " " << c;
        }
}

TEST_P(GpuContraction, CastOperandsOnTensorCores) {
  Program program = Program::compile(R"(
    func.func @main(%a: tensor<100x72xf16>, %b: tensor<72x80xf16>, %bias: tensor<80xf16>) -> tensor<100x80xf16> {
      %r = tiny.kernel "gemm_0" shared 2 (%a, %b, %bias)
          : (tensor<100x72xf16>, tensor<72x80xf16>, tensor<80xf16>) -> tensor<100x80xf16> {
      ^bb0(%x: tensor<100x72xf16>, %y: tensor<72x80xf16>, %z: tensor<80xf16>):
        %p = tiny.stage parallel [100, 80] reduce [72]
            (%x by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<100x72xf16>,
             %y by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<72x80xf16>) -> (sum tensor<100x80xf32>) {
        ^bb0(%u: f16, %v: f16):
          %uf = tiny.cast %u : f16 to f32
          %vf = tiny.cast %v : f16 to f32
          %m = tiny.mul %uf, %vf : f32
          tiny.yield %m : f32
        }
        %o = tiny.stage parallel [100, 80] (%p by affine_map<(d0, d1) -> (d0, d1)> : tensor<100x80xf32>,
                                            %z by affine_map<(d0, d1) -> (d1)> : tensor<80xf16>)
            -> (none tensor<100x80xf16>) {
        ^bb0(%s: f32, %w: f16):
          %wf = tiny.cast %w : f16 to f32
          %t = tiny.add %s, %wf : f32
          %zero = tiny.const 0.0 : f32
          %q = tiny.max %t, %zero : f32
          %h = tiny.cast %q : f32 to f16
          tiny.yield %h : f16
        }
        tiny.yield %o : tensor<100x80xf16>
      }
      return %r : tensor<100x80xf16>
    })",
                                     GetParam());
  ASSERT_EQ(program.error(), "");
  EXPECT_FALSE(program.spilled());
  llvm::StringRef text = program.assembly();
  EXPECT_TRUE(text.contains(GetParam()[0] == 'n' ? "mma.sync" : "v_wmma"));
  std::vector<float> a = eighths(100 * 72, 3), b = eighths(72 * 80, 4), bias = eighths(80, 5);
  auto halves = [](const std::vector<float> &values) {
    std::vector<uint16_t> bits;
    for (float value : values)
      bits.push_back(toHalf(value, false));
    return bytesOf(bits);
  };
  Buffer ba = halves(a), bb = halves(b), bc = halves(bias), bo(100 * 80 * 2, 0xee);
  Outcome outcome = program.run("gemm_0", program.units("gemm_0"), {&ba, &bb, &bc, &bo});
  ASSERT_TRUE(outcome.ok) << outcome.message;
  std::vector<uint16_t> o = valuesOf<uint16_t>(bo);
  for (int i = 0; i < 100; ++i)
    for (int j = 0; j < 80; ++j) {
      double sum = bias[j];
      for (int k = 0; k < 72; ++k)
        sum += static_cast<double>(a[i * 72 + k]) * b[k * 80 + j];
      sum = std::max(sum, 0.0);
      ASSERT_NEAR(fromHalf(o[i * 80 + j], false), sum, 0x1p-11 * std::abs(sum) + 1e-6) << i << " " << j;
    }
}

INSTANTIATE_TEST_SUITE_P(Emulated, GpuContraction, testing::ValuesIn(emulatedTargets()),
                         [](const auto &info) { return info.param.substr(info.param.find(':') + 1); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GpuContraction);
} // namespace
