// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows that several stages read, on the emulated GPUs: from global memory once, where the chip has room for a row, and
// not more than once again up to twice that length.

#include "dialects/Target/Chip.h"
#include "test/gpu/Harness.h"

#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace tinyc;
using namespace tinyc::gputest;

namespace {

// Softmax of rows as fusion leaves it, in f32 whatever the rows' type is.
std::string softmaxKernel(int64_t rows, int64_t columns, bool half) {
  std::string text = R"(
    func.func @main(%a: tensor<ROWSxCOLUMNSxTYPE>) -> tensor<ROWSxCOLUMNSxTYPE> {
      %r = tiny.kernel "softmax_0" shared 1 (%a) : (tensor<ROWSxCOLUMNSxTYPE>) -> tensor<ROWSxCOLUMNSxTYPE> {
      ^bb0(%x: tensor<ROWSxCOLUMNSxTYPE>):
        %m = tiny.stage parallel [ROWS] reduce [COLUMNS] (%x by affine_map<(i, j) -> (i, j)> : tensor<ROWSxCOLUMNSxTYPE>)
            -> (max tensor<ROWSxf32>) {
        ^bb0(%u: TYPE):
          WIDEN
          tiny.yield %v : f32
        }
        %e, %s = tiny.stage parallel [ROWS] reduce [COLUMNS]
            (%x by affine_map<(i, j) -> (i, j)> : tensor<ROWSxCOLUMNSxTYPE>,
             %m by affine_map<(i, j) -> (i)> : tensor<ROWSxf32>)
            -> (none tensor<ROWSxCOLUMNSxf32>, sum tensor<ROWSxf32>) {
        ^bb0(%u: TYPE, %n: f32):
          WIDEN
          %minus = tiny.const -1.0 : f32
          %t = tiny.mul %n, %minus : f32
          %d = tiny.add %v, %t : f32
          %p = tiny.exp e %d : f32
          tiny.yield %p, %p : f32, f32
        }
        %q = tiny.stage parallel [ROWS, COLUMNS] (%e by affine_map<(i, j) -> (i, j)> : tensor<ROWSxCOLUMNSxf32>,
                                                  %s by affine_map<(i, j) -> (i)> : tensor<ROWSxf32>)
            -> (none tensor<ROWSxCOLUMNSxTYPE>) {
        ^bb0(%y: f32, %z: f32):
          %w = tiny.div %y, %z : f32
          NARROW
          tiny.yield %o : TYPE
        }
        tiny.yield %q : tensor<ROWSxCOLUMNSxTYPE>
      }
      return %r : tensor<ROWSxCOLUMNSxTYPE>
    })";
  auto replace = [&](std::string_view what, const std::string &by) {
    for (size_t at; (at = text.find(what)) != std::string::npos;)
      text.replace(at, what.size(), by);
  };
  replace("WIDEN", half ? "%v = tiny.cast %u : f16 to f32" : "%v = tiny.cast %u : f32 to f32");
  replace("NARROW", half ? "%o = tiny.cast %w : f32 to f16" : "%o = tiny.cast %w : f32 to f32");
  replace("ROWS", std::to_string(rows));
  replace("COLUMNS", std::to_string(columns));
  replace("TYPE", half ? "f16" : "f32");
  return text;
}

class GpuRows : public testing::TestWithParam<std::string> {
protected:
  // Runs softmax on two rows, checks the results, and returns how often each byte of the input is read.
  void softmax(int64_t columns, bool half, double mostReads) {
    SCOPED_TRACE(llvm::formatv("{0} columns of {1}", columns, half ? "f16" : "f32").str());
    constexpr int64_t rows = 2;
    int64_t bytes = half ? 2 : 4;
    Program program = Program::compile(softmaxKernel(rows, columns, half), GetParam());
    ASSERT_EQ(program.error(), "");
    EXPECT_FALSE(program.spilled());
    std::vector<float> x(rows * columns);
    std::vector<uint16_t> halves;
    for (int64_t i = 0; i < rows * columns; ++i) {
      x[i] = static_cast<float>(i * 7919 % 1021) / 128 - 4;
      halves.push_back(toHalf(x[i], false));
      x[i] = half ? fromHalf(halves[i], false) : x[i];
    }
    Buffer in = half ? bytesOf(halves) : bytesOf(x), out(rows * columns * bytes, 0xee);
    Outcome outcome = program.run("softmax_0", program.units("softmax_0"), {&in, &out});
    ASSERT_TRUE(outcome.ok) << outcome.message;
    for (int64_t r = 0; r < rows; ++r) {
      double sum = 0, most = *std::max_element(&x[r * columns], &x[r * columns] + columns);
      for (int64_t c = 0; c < columns; ++c)
        sum += std::exp(x[r * columns + c] - most);
      for (int64_t c = 0; c < columns; ++c) {
        double expected = std::exp(x[r * columns + c] - most) / sum;
        float got =
            half ? fromHalf(valuesAt<uint16_t>(out, r * columns + c), false) : valuesAt<float>(out, r * columns + c);
        // Of f16, the smallest results are subnormal: half of their spacing.
        ASSERT_NEAR(got, expected, half ? expected * 0x1p-10 + 0x1p-25 : expected * 1e-5) << r << ", " << c;
      }
    }
    double loaded = outcome.report.getInteger("global_load_bytes").value_or(0),
           stored = outcome.report.getInteger("global_store_bytes").value_or(0), whole = rows * columns * bytes;
    EXPECT_EQ(stored, whole);
    EXPECT_GE(loaded, whole);
    EXPECT_LE(loaded, mostReads * whole);
  }

private:
  template <typename T> static T valuesAt(const Buffer &bytes, int64_t at) {
    T value;
    std::memcpy(&value, bytes.data() + at * sizeof(T), sizeof(T));
    return value;
  }
};

TEST_P(GpuRows, ThatFitAreReadOnce) {
  softmax(1, false, 1);
  softmax(1000, false, 1);
  softmax(4096, false, 1);
  softmax(11000, false, 1);
  softmax(20000, true, 1);
}

TEST_P(GpuRows, ThatDoNotFitAreReadOnceMoreAtMost) {
  // 160 KiB of shared memory and the registers of eight warps hold 200,000 bytes, 64 KiB do not.
  softmax(50000, false, findChip(GetParam())->sharedBytes > 110000 ? 1 : 2);
}

TEST_P(GpuRows, OfHalvesFitTwiceAsLong) { softmax(50000, true, findChip(GetParam())->sharedBytes > 110000 ? 1 : 2); }

// Too long a row between two stages, the later of which reads it shifted and padded: computed again where it is read.
TEST_P(GpuRows, TooLongAreComputedAgainUnderAMask) {
  constexpr int64_t columns = 60000;
  Program program = Program::compile(R"(
    func.func @main(%a: tensor<2x60000xf32>) -> tensor<2x60000xf32> {
      %r = tiny.kernel "shift_0" shared 1 (%a) : (tensor<2x60000xf32>) -> tensor<2x60000xf32> {
      ^bb0(%x: tensor<2x60000xf32>):
        %e, %m = tiny.stage parallel [2] reduce [60000] (%x by affine_map<(i, j) -> (i, j)> : tensor<2x60000xf32>)
            -> (none tensor<2x60000xf32>, max tensor<2xf32>) {
        ^bb0(%u: f32):
          %two = tiny.const 2.0 : f32
          %v = tiny.mul %u, %two : f32
          tiny.yield %v, %u : f32, f32
        }
        %q = tiny.stage parallel [2, 60000]
            (%e by affine_map<(i, j) -> (i, j - 3)> mask affine_set<(i, j) : (j - 3 >= 0)> fill 0.5 : f32
                 : tensor<2x60000xf32>,
             %m by affine_map<(i, j) -> (i)> : tensor<2xf32>) -> (none tensor<2x60000xf32>) {
        ^bb0(%y: f32, %z: f32):
          %w = tiny.add %y, %z : f32
          tiny.yield %w : f32
        }
        tiny.yield %q : tensor<2x60000xf32>
      }
      return %r : tensor<2x60000xf32>
    })",
                                     GetParam());
  ASSERT_EQ(program.error(), "");
  std::vector<float> x(2 * columns);
  for (int64_t i = 0; i < 2 * columns; ++i)
    x[i] = static_cast<float>(i * 7919 % 1021);
  Buffer in = bytesOf(x), out(2 * columns * 4, 0xee);
  Outcome outcome = program.run("shift_0", program.units("shift_0"), {&in, &out});
  ASSERT_TRUE(outcome.ok) << outcome.message;
  std::vector<float> o = valuesOf<float>(out);
  for (int64_t i = 0; i < 2 * columns; ++i)
    ASSERT_EQ(o[i], (i % columns < 3 ? 0.5f : x[i - 3] * 2) + 1020) << i;
}

// A row in strips, kept in shared memory: each waiting or exchanging instruction is needed.
TEST_P(GpuRows, EveryBarrierOfStripsIsNeeded) {
  Program program = Program::compile(softmaxKernel(1, 9000, false), GetParam());
  ASSERT_EQ(program.error(), "");
  Buffer in(9000 * 4), out(9000 * 4);
  Outcome whole = program.run("softmax_0", program.units("softmax_0"), {&in, &out});
  ASSERT_TRUE(whole.ok) << whole.message;
  int64_t count = whole.report.getInteger("sync_instructions").value_or(0);
  ASSERT_GT(count, 0);
  for (int64_t drop = 1; drop <= count; ++drop)
    EXPECT_FALSE(program.run("softmax_0", program.units("softmax_0"), {&in, &out}, drop).ok)
        << "without synchronising instruction " << drop << " of " << count;
}

INSTANTIATE_TEST_SUITE_P(Emulated, GpuRows, testing::ValuesIn(emulatedTargets()),
                         [](const auto &info) { return info.param.substr(info.param.find(':') + 1); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GpuRows);
} // namespace
