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

// A convolution with the reads that its composition has: [N, C, H, W] by [M, C / groups, KH, KW].
struct Conv {
  int64_t n, c, h, w, m, kh, kw, strideH, strideW, dilation, pad, groups;
};

static void checkConv(const Conv &v, const std::string &target) {
  SCOPED_TRACE(testing::Message() << "n " << v.n << " c " << v.c << " " << v.h << "x" << v.w << " m " << v.m << " k "
                                  << v.kh << "x" << v.kw << " stride " << v.strideH << "," << v.strideW << " dilation "
                                  << v.dilation << " pad " << v.pad << " groups " << v.groups);
  int64_t oh = (v.h + 2 * v.pad - v.dilation * (v.kh - 1) - 1) / v.strideH + 1;
  int64_t ow = (v.w + 2 * v.pad - v.dilation * (v.kw - 1) - 1) / v.strideW + 1;
  int64_t cg = v.c / v.groups, mg = v.m / v.groups;
  auto str = [](int64_t i) { return std::to_string(i); };
  // Domain: n, group, output of the group, y, x; channel of the group, kernel y, kernel x.
  std::string y = "d3 * " + str(v.strideH) + " + d6 * " + str(v.dilation) + " - " + str(v.pad);
  std::string x = "d4 * " + str(v.strideW) + " + d7 * " + str(v.dilation) + " - " + str(v.pad);
  std::string dims = "(d0, d1, d2, d3, d4, d5, d6, d7)";
  std::string text = R"(
    func.func @main(%a: tensor<$I>, %b: tensor<$W>, %c: tensor<$Mxf32>) -> tensor<$O> {
      %r = tiny.kernel "conv" shared 5 (%a, %b, %c) : (tensor<$I>, tensor<$W>, tensor<$Mxf32>) -> tensor<$O> {
      ^bb0(%in: tensor<$I>, %weights: tensor<$W>, %bias: tensor<$Mxf32>):
        %s = tiny.stage parallel [$P] reduce [$R]
             (%in by affine_map<$D -> (d0, d1 * $CG + d5, $Y, $X)>
              mask affine_set<$D : ($Y >= 0, $EH - ($Y) >= 0, $X >= 0, $EW - ($X) >= 0)> fill 0.0 : f32 : tensor<$I>,
              %weights by affine_map<$D -> (d1 * $MG + d2, d5, d6, d7)> : tensor<$W>) -> (sum tensor<$O>) {
        ^bb0(%u: f32, %v: f32):
          %p = tiny.mul %u, %v : f32
          tiny.yield %p : f32
        }
        %o = tiny.stage parallel [$P] (%s by affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)> : tensor<$O>,
             %bias by affine_map<(d0, d1, d2, d3, d4) -> (d1 * $MG + d2)> : tensor<$Mxf32>) -> (none tensor<$O>) {
        ^bb0(%u: f32, %v: f32):
          %t = tiny.add %u, %v : f32
          tiny.yield %t : f32
        }
        tiny.yield %o : tensor<$O>
      }
      return %r : tensor<$O>
    })";
  auto list = [&](std::vector<int64_t> sizes, const std::string &separator) {
    std::string result;
    for (int64_t size : sizes)
      result += (result.empty() ? "" : separator) + str(size);
    return result;
  };
  text = sized(text, {{"I", list({v.n, v.c, v.h, v.w}, "x") + "xf32"},
                      {"W", list({v.m, cg, v.kh, v.kw}, "x") + "xf32"},
                      {"O", list({v.n, v.groups, mg, oh, ow}, "x") + "xf32"},
                      {"P", list({v.n, v.groups, mg, oh, ow}, ", ")},
                      {"R", list({cg, v.kh, v.kw}, ", ")},
                      {"CG", str(cg)},
                      {"MG", str(mg)},
                      {"EH", str(v.h - 1)},
                      {"EW", str(v.w - 1)},
                      {"D", dims},
                      {"Y", y},
                      {"X", x},
                      {"M", str(v.m)}});
  CompiledKernel kernel = compileKernel(text, target);
  ASSERT_TRUE(kernel.call);
  Operand in("f32", v.n * v.c * v.h * v.w, 1), weights("f32", v.m * cg * v.kh * v.kw, 2), bias("f32", v.m, 3);
  Buffer<float> out(v.n * v.m * oh * ow, -7);
  ASSERT_EQ(kernel.run({in.data(), weights.data(), bias.data(), out.data()}), 0);
  for (int64_t i = 0; i < v.n; ++i)
    for (int64_t o = 0; o < v.m; ++o)
      for (int64_t py = 0; py < oh; ++py)
        for (int64_t px = 0; px < ow; ++px) {
          double sum = bias.wide[o];
          for (int64_t ch = 0; ch < cg; ++ch)
            for (int64_t ky = 0; ky < v.kh; ++ky)
              for (int64_t kx = 0; kx < v.kw; ++kx) {
                int64_t iy = py * v.strideH + ky * v.dilation - v.pad, ix = px * v.strideW + kx * v.dilation - v.pad;
                if (iy < 0 || iy >= v.h || ix < 0 || ix >= v.w)
                  continue;
                sum += double(in.wide[((i * v.c + o / mg * cg + ch) * v.h + iy) * v.w + ix]) *
                       weights.wide[((o * cg + ch) * v.kh + ky) * v.kw + kx];
              }
          ASSERT_NEAR(out[((i * v.m + o) * oh + py) * ow + px], sum, 1e-4) << i << " " << o << " " << py << " " << px;
        }
  EXPECT_TRUE(out.intact());
}

TEST(Conv, PadsStridesDilationsGroups) {
  for (const char *target : {"cpu", "cpu:x86-64-v3"})
    for (const Conv &v : {Conv{1, 3, 17, 19, 8, 3, 3, 1, 1, 1, 1, 1}, Conv{2, 5, 12, 33, 7, 3, 3, 2, 2, 1, 1, 1},
                          Conv{1, 4, 20, 20, 6, 5, 3, 1, 2, 1, 0, 1}, Conv{1, 8, 15, 15, 16, 3, 3, 1, 1, 2, 2, 1},
                          Conv{2, 6, 10, 11, 9, 3, 3, 1, 1, 1, 1, 3}, Conv{1, 64, 14, 14, 32, 1, 1, 1, 1, 1, 0, 1},
                          Conv{1, 16, 9, 64, 24, 3, 3, 1, 1, 1, 1, 1}, Conv{1, 1, 1, 50, 4, 1, 7, 1, 3, 1, 0, 1},
                          Conv{1, 2, 7, 101, 5, 3, 5, 3, 5, 1, 2, 1}, Conv{3, 4, 31, 13, 18, 3, 3, 1, 1, 3, 3, 2},
                          Conv{1, 40, 11, 30, 29, 2, 9, 1, 1, 1, 4, 1}, Conv{1, 1, 1, 3000, 36, 1, 64, 1, 16, 1, 0, 1}})
      ASSERT_NO_FATAL_FAILURE(checkConv(v, target)) << target;
}

TEST(Conv, Depthwise) {
  for (const char *target : {"cpu", "cpu:x86-64-v3"})
    for (const Conv &v : {Conv{1, 8, 30, 40, 8, 3, 3, 1, 1, 1, 1, 8}, Conv{2, 5, 17, 17, 5, 5, 5, 2, 2, 1, 2, 5},
                          Conv{1, 6, 10, 100, 12, 3, 3, 1, 1, 1, 1, 6}, Conv{1, 70, 8, 10, 70, 3, 3, 1, 1, 1, 1, 70},
                          Conv{1, 33, 15, 21, 33, 3, 3, 2, 2, 1, 1, 33}, Conv{1, 3, 1, 40, 3, 1, 5, 1, 1, 2, 4, 3}})
      ASSERT_NO_FATAL_FAILURE(checkConv(v, target)) << target;
}

// Batched products, as attention has them: [B, H, M, K] by [B, H, K, N] or [B, H, N, K].
TEST(Product, Batched) {
  for (bool transposed : {false, true}) {
    int64_t batch = 2, heads = 3, m = 30, n = 50, k = 40;
    std::string b = transposed ? "2x3x50x40xf32" : "2x3x40x50xf32";
    std::string text = R"(
      func.func @main(%a: tensor<2x3x30x40xf32>, %b: tensor<$B>) -> tensor<2x3x30x50xf32> {
        %r = tiny.kernel "batched" shared 4 (%a, %b) : (tensor<2x3x30x40xf32>, tensor<$B>) -> tensor<2x3x30x50xf32> {
        ^bb0(%x: tensor<2x3x30x40xf32>, %y: tensor<$B>):
          %s = tiny.stage parallel [2, 3, 30, 50] reduce [40]
               (%x by affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d4)> : tensor<2x3x30x40xf32>,
                %y by affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, $O)> : tensor<$B>)
               -> (sum tensor<2x3x30x50xf32>) {
          ^bb0(%u: f32, %v: f32):
            %p = tiny.mul %u, %v : f32
            tiny.yield %p : f32
          }
          tiny.yield %s : tensor<2x3x30x50xf32>
        }
        return %r : tensor<2x3x30x50xf32>
      })";
    CompiledKernel kernel = compileKernel(sized(text, {{"B", b}, {"O", transposed ? "d3, d4" : "d4, d3"}}));
    ASSERT_TRUE(kernel.call);
    Operand x("f32", batch * heads * m * k, 1), y("f32", batch * heads * n * k, 2);
    Buffer<float> out(batch * heads * m * n, -7);
    ASSERT_EQ(kernel.run({x.data(), y.data(), out.data()}), 0);
    for (int64_t h = 0; h < batch * heads; ++h)
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t l = 0; l < k; ++l)
            sum += double(x.wide[(h * m + i) * k + l]) * y.wide[h * n * k + (transposed ? j * k + l : l * n + j)];
          ASSERT_NEAR(out[(h * m + i) * n + j], sum, 1e-4);
        }
    EXPECT_TRUE(out.intact());
  }
}
