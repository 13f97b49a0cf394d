// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions on the CPU against plain loops: matrix products of all sizes and types with an epilogue, convolutions.

#include "test/targets/CpuKernels.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace tinyc;

static std::string sized(std::string text, const std::vector<std::pair<std::string, std::string>> &values) {
  for (auto &[name, value] : values)
    for (size_t at; (at = text.find("$" + name)) != std::string::npos;)
      text.replace(at, name.size() + 1, value);
  return text;
}

// An element of `type` near `value`, as bits, and what it is exactly.
static uint16_t toHalf(const std::string &type, float value) {
  if (type == "f16") {
    _Float16 half = value;
    uint16_t bits;
    memcpy(&bits, &half, 2);
    return bits;
  }
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits >> 16;
}

static float fromHalf(const std::string &type, uint16_t bits) {
  if (type == "f16") {
    _Float16 half;
    memcpy(&half, &bits, 2);
    return half;
  }
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  memcpy(&value, &wide, 4);
  return value;
}

// An array of `type` and its values as f32.
struct Operand {
  Operand(const std::string &type, size_t count, unsigned seed) : wide(count), narrow(type == "f32" ? 0 : count) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<float> distribution(-1, 1);
    for (size_t i = 0; i < count; ++i) {
      wide[i] = distribution(engine);
      if (narrow.size()) {
        narrow[i] = toHalf(type, wide[i]);
        wide[i] = fromHalf(type, narrow[i]);
      }
    }
  }
  void *data() { return narrow.size() ? static_cast<void *>(narrow.data()) : wide.data(); }
  Buffer<float> wide;
  Buffer<uint16_t> narrow;
};

// relu(a * b + bias), b as [K, N] or, transposed, as [N, K].
static void checkProduct(int64_t m, int64_t n, int64_t k, const std::string &type, bool transposed,
                         const std::string &target) {
  SCOPED_TRACE(testing::Message() << m << "x" << n << "x" << k << " " << type << (transposed ? " transposed" : ""));
  std::string text = R"(
    func.func @main(%a: tensor<$Mx$Kx$T>, %b: tensor<$Bx$T>, %c: tensor<$Nxf32>) -> tensor<$Mx$Nxf32> {
      %r = tiny.kernel "product" shared 2 (%a, %b, %c)
           : (tensor<$Mx$Kx$T>, tensor<$Bx$T>, tensor<$Nxf32>) -> tensor<$Mx$Nxf32> {
      ^bb0(%lhs: tensor<$Mx$Kx$T>, %rhs: tensor<$Bx$T>, %bias: tensor<$Nxf32>):
        %s = tiny.stage parallel [$M, $N] reduce [$K] (%lhs by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<$Mx$Kx$T>,
             %rhs by affine_map<(d0, d1, d2) -> ($O)> : tensor<$Bx$T>) -> (sum tensor<$Mx$Nxf32>) {
        ^bb0(%x: $T, %y: $T):
          $L
          %p = tiny.mul %u, %v : f32
          tiny.yield %p : f32
        }
        %o = tiny.stage parallel [$M, $N] (%s by affine_map<(d0, d1) -> (d0, d1)> : tensor<$Mx$Nxf32>,
             %bias by affine_map<(d0, d1) -> (d1)> : tensor<$Nxf32>) -> (none tensor<$Mx$Nxf32>) {
        ^bb0(%x: f32, %y: f32):
          %z = tiny.const 0.0 : f32
          %t = tiny.add %x, %y : f32
          %q = tiny.max %t, %z : f32
          tiny.yield %q : f32
        }
        tiny.yield %o : tensor<$Mx$Nxf32>
      }
      return %r : tensor<$Mx$Nxf32>
    })";
  std::string casts = type == "f32" ? "" : "%u = tiny.cast %x : $T to f32\n %v = tiny.cast %y : $T to f32";
  if (type == "f32")
    text.replace(text.find("%p = tiny.mul %u, %v"), 20, "%p = tiny.mul %x, %y");
  text = sized(text, {{"L", casts},
                      {"B", transposed ? "$Nx$K" : "$Kx$N"},
                      {"O", transposed ? "d1, d2" : "d2, d1"},
                      {"T", type},
                      {"M", std::to_string(m)},
                      {"N", std::to_string(n)},
                      {"K", std::to_string(k)}});
  CompiledKernel kernel = compileKernel(text, target);
  ASSERT_TRUE(kernel.call);
  Operand a(type, m * k, 1), b(type, k * n, 2), bias("f32", n, 3);
  Buffer<float> out(m * n, -7);
  ASSERT_EQ(kernel.run({a.data(), b.data(), bias.data(), out.data()}), 0);
  // Every element of small products, a sample of large ones.
  int64_t step = std::max<int64_t>(1, m * n * k / 4000000) | 1;
  for (int64_t at = 0; at < m * n; at += step) {
    int64_t i = at / n, j = at % n;
    double sum = 0;
    for (int64_t l = 0; l < k; ++l)
      sum += double(a.wide[i * k + l]) * b.wide[transposed ? j * k + l : l * n + j];
    ASSERT_NEAR(out[at], std::max(0.0, sum + bias.wide[j]), 1e-6 * k + 1e-6) << i << ", " << j;
  }
  EXPECT_TRUE(out.intact());
}

static const int64_t kSizes[] = {1, 17, 64, 255, 512};

class Product : public testing::TestWithParam<std::string> {};

TEST_P(Product, AllSizes) {
  for (int64_t m : kSizes)
    for (int64_t n : kSizes)
      for (int64_t k : kSizes)
        ASSERT_NO_FATAL_FAILURE(checkProduct(m, n, k, GetParam(), false, "cpu"));
}

TEST_P(Product, Transposed) {
  for (int64_t m : {1, 17, 255})
    for (int64_t n : {1, 17, 512})
      for (int64_t k : {1, 64, 255})
        ASSERT_NO_FATAL_FAILURE(checkProduct(m, n, k, GetParam(), true, "cpu"));
}

TEST_P(Product, Avx2) {
  for (int64_t m : {1, 17})
    for (int64_t n : {1, 17, 255})
      for (int64_t k : {17, 64})
        ASSERT_NO_FATAL_FAILURE(checkProduct(m, n, k, GetParam(), true, "cpu:x86-64-v3"));
}

INSTANTIATE_TEST_SUITE_P(Types, Product, testing::Values("f32", "f16", "bf16"),
                         [](const testing::TestParamInfo<std::string> &info) { return info.param; });

TEST(Product, DepthInSeveralBlocks) { checkProduct(100, 300, 2500, "f32", false, "cpu"); }
