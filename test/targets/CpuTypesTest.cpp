// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element types in memory, special values, and shapes of reductions on the CPU.

#include "test/targets/CpuKernels.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace tinyc;

static std::string replaced(std::string text, const std::string &name, const std::string &value) {
  for (size_t at; (at = text.find(name)) != std::string::npos;)
    text.replace(at, name.size(), value);
  return text;
}

static CompiledKernel castKernel(const std::string &from, const std::string &to, const std::string &target) {
  std::string text = R"(
    func.func @main(%x: tensor<$Nx$F>) -> tensor<$Nx$T> {
      %r = tiny.kernel "cast" shared 1 (%x) : (tensor<$Nx$F>) -> tensor<$Nx$T> {
      ^bb0(%in: tensor<$Nx$F>):
        %o = tiny.stage parallel [$N] (%in by affine_map<(d0) -> ($N - 1 - d0)> : tensor<$Nx$F>) -> (none tensor<$Nx$T>) {
        ^bb0(%v: $F):
          %c = tiny.cast %v : $F to $T
          tiny.yield %c : $T
        }
        tiny.yield %o : tensor<$Nx$T>
      }
      return %r : tensor<$Nx$T>
    })";
  return compileKernel(replaced(replaced(replaced(text, "$N", "77"), "$F", from), "$T", to), target);
}

// Reads backwards, so that every type is gathered and written together.
template <typename From, typename To> static void checkCast(const std::string &from, const std::string &to) {
  for (const char *target : {"cpu", "cpu:x86-64-v3"}) {
    SCOPED_TRACE(from + " to " + to + " on " + target);
    CompiledKernel kernel = castKernel(from, to, target);
    ASSERT_TRUE(kernel.call);
    Buffer<From> x(77);
    Buffer<To> out(77);
    for (int i = 0; i < 77; ++i)
      x[i] = static_cast<From>(from[0] == 'u' ? i * 3 : (i - 38) * 3);
    ASSERT_EQ(kernel.run({x.data(), out.data()}), 0);
    for (int i = 0; i < 77; ++i)
      ASSERT_EQ(out[i], static_cast<To>(x[76 - i])) << i;
    EXPECT_TRUE(out.intact());
  }
}

TEST(Types, Casts) {
  checkCast<int8_t, float>("i8", "f32");
  checkCast<uint8_t, float>("ui8", "f32");
  checkCast<uint8_t, int64_t>("ui8", "i64");
  checkCast<int64_t, int8_t>("i64", "i8");
  checkCast<int32_t, double>("i32", "f64");
  checkCast<float, _Float16>("f32", "f16");
  checkCast<_Float16, float>("f16", "f32");
  checkCast<uint16_t, uint32_t>("ui16", "ui32");
  checkCast<int32_t, bool>("i32", "i1");
  checkCast<bool, float>("i1", "f32");
}

// Softmax of rows with NaN, infinities and a padded read.
TEST(Special, SoftmaxOfExtremes) {
  std::string text = R"(
    func.func @main(%x: tensor<4x$Nxf32>) -> tensor<4x$Nxf32> {
      %r = tiny.kernel "softmax" shared 1 (%x) : (tensor<4x$Nxf32>) -> tensor<4x$Nxf32> {
      ^bb0(%in: tensor<4x$Nxf32>):
        %m = tiny.stage parallel [4] reduce [$N] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<4x$Nxf32>)
             -> (max tensor<4xf32>) {
        ^bb0(%v: f32):
          tiny.yield %v : f32
        }
        %e, %s = tiny.stage parallel [4] reduce [$N] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<4x$Nxf32>,
                                                      %m by affine_map<(d0, d1) -> (d0)> : tensor<4xf32>)
                 -> (none tensor<4x$Nxf32>, sum tensor<4xf32>) {
        ^bb0(%v: f32, %max: f32):
          %minus = tiny.const -1.0 : f32
          %n = tiny.mul %max, %minus : f32
          %d = tiny.add %v, %n : f32
          %p = tiny.exp e %d : f32
          tiny.yield %p, %p : f32, f32
        }
        %o = tiny.stage parallel [4, $N] (%e by affine_map<(d0, d1) -> (d0, d1)> : tensor<4x$Nxf32>,
                                          %s by affine_map<(d0, d1) -> (d0)> : tensor<4xf32>) -> (none tensor<4x$Nxf32>) {
        ^bb0(%v: f32, %sum: f32):
          %q = tiny.div %v, %sum : f32
          tiny.yield %q : f32
        }
        tiny.yield %o : tensor<4x$Nxf32>
      }
      return %r : tensor<4x$Nxf32>
    })";
  for (int64_t n : {1, 10, 100, 1000, 50000}) {
    CompiledKernel kernel = compileKernel(replaced(text, "$N", std::to_string(n)));
    ASSERT_TRUE(kernel.call);
    Buffer<float> x(4 * n), out(4 * n, -7);
    for (int64_t i = 0; i < 4 * n; ++i)
      x[i] = 50 * std::sin(float(i));
    float infinity = std::numeric_limits<float>::infinity();
    x[n + n / 2] = std::nanf("");
    x[2 * n + n / 3] = -infinity;
    x[4 * n - 1] = infinity;
    ASSERT_EQ(kernel.run({x.data(), out.data()}), 0);
    for (int64_t r = 0; r < 4; ++r) {
      float max = -infinity;
      for (int64_t i = 0; i < n; ++i)
        max = std::isnan(x[r * n + i]) ? x[r * n + i] : (x[r * n + i] > max ? x[r * n + i] : max);
      double sum = 0;
      for (int64_t i = 0; i < n; ++i)
        sum += std::exp(double(x[r * n + i]) - max);
      for (int64_t i = 0; i < n; ++i) {
        double expected = std::exp(double(x[r * n + i]) - max) / sum;
        if (r == 1 || r == 3 || (r == 2 && n == 1))
          ASSERT_TRUE(std::isnan(out[r * n + i])) << n << ": " << r << ", " << i;
        else
          ASSERT_NEAR(out[r * n + i], expected, 1e-5 * expected + 1e-30) << n << ": " << r << ", " << i;
      }
    }
    EXPECT_TRUE(out.intact());
  }
}

// Reductions down columns, over everything, and of several kinds and types at once.
TEST(Special, ReductionsOfAllShapes) {
  for (auto [rows, columns] : {std::pair<int64_t, int64_t>{7, 100}, {64, 33}, {300, 5}, {1, 1}}) {
    std::string text = R"(
      func.func @main(%x: tensor<$Rx$Cxi32>) -> (tensor<$Cxi32>, tensor<$Cxi32>) {
        %r:2 = tiny.kernel "down" shared 1 (%x) : (tensor<$Rx$Cxi32>) -> (tensor<$Cxi32>, tensor<$Cxi32>) {
        ^bb0(%in: tensor<$Rx$Cxi32>):
          %s, %m = tiny.stage parallel [$C] reduce [$R] (%in by affine_map<(d0, d1) -> (d1, d0)> : tensor<$Rx$Cxi32>)
                   -> (sum tensor<$Cxi32>, max tensor<$Cxi32>) {
          ^bb0(%v: i32):
            tiny.yield %v, %v : i32, i32
          }
          tiny.yield %s, %m : tensor<$Cxi32>, tensor<$Cxi32>
        }
        return %r#0, %r#1 : tensor<$Cxi32>, tensor<$Cxi32>
      })";
    std::string all = R"(
      func.func @main(%x: tensor<$Rx$Cxi32>) -> tensor<i32> {
        %r = tiny.kernel "all" shared 0 (%x) : (tensor<$Rx$Cxi32>) -> tensor<i32> {
        ^bb0(%in: tensor<$Rx$Cxi32>):
          %s = tiny.stage parallel [] reduce [$R, $C] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<$Rx$Cxi32>)
               -> (sum tensor<i32>) {
          ^bb0(%v: i32):
            tiny.yield %v : i32
          }
          tiny.yield %s : tensor<i32>
        }
        return %r : tensor<i32>
      })";
    auto sized = [&, r = rows, c = columns](std::string t) {
      return replaced(replaced(t, "$R", std::to_string(r)), "$C", std::to_string(c));
    };
    CompiledKernel down = compileKernel(sized(text)), whole = compileKernel(sized(all));
    ASSERT_TRUE(down.call);
    ASSERT_TRUE(whole.call);
    Buffer<int32_t> x(rows * columns), sums(columns), maxima(columns), total(1);
    for (int64_t i = 0; i < rows * columns; ++i)
      x[i] = int32_t(i * 2654435761u) >> 8;
    ASSERT_EQ(down.run({x.data(), sums.data(), maxima.data()}), 0);
    ASSERT_EQ(whole.run({x.data(), total.data()}), 0);
    int32_t everything = 0;
    for (int64_t c = 0; c < columns; ++c) {
      uint32_t sum = 0;
      int32_t max = std::numeric_limits<int32_t>::min();
      for (int64_t r = 0; r < rows; ++r) {
        sum += uint32_t(x[r * columns + c]);
        max = std::max(max, x[r * columns + c]);
      }
      ASSERT_EQ(sums[c], int32_t(sum)) << c;
      ASSERT_EQ(maxima[c], max) << c;
      everything = int32_t(uint32_t(everything) + sum);
    }
    EXPECT_EQ(total[0], everything);
    EXPECT_TRUE(sums.intact() && maxima.intact() && total.intact());
  }
}
