// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions by a CPU's matrix instructions, executed where this machine has them: bytes exactly, for every pair of
// signs and every way in which operands lie in memory; bf16 bit for bit as the vendor writes the instruction down.

#include "dialects/Target/Chip.h"
#include "test/targets/CpuKernels.h"

#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace tinyc;

static bool hasInstruction(const std::string &name) { return llvm::is_contained(findChip("cpu")->instructions, name); }

// A product of `left` by `right` in `sum`, A as [M, K] or [K, M], B as [K, N] or [N, K].
struct Product {
  int64_t m, n, k;
  std::string left, right, sum;
  bool leftTurned = false, rightTurned = false;

  std::string text(const std::string &schedule) const {
    auto tensor = [](int64_t a, int64_t b, const std::string &type) {
      return "tensor<" + std::to_string(a) + "x" + std::to_string(b) + "x" + type + ">";
    };
    std::string a = leftTurned ? tensor(k, m, left) : tensor(m, k, left);
    std::string b = rightTurned ? tensor(n, k, right) : tensor(k, n, right), c = tensor(m, n, sum);
    auto map = [](const char *results) { return std::string(" by affine_map<(d0, d1, d2) -> (") + results + ")> : "; };
    return "func.func @main(%a: " + a + ", %b: " + b + ") -> " + c + " {\n%r = tiny.kernel \"product\" shared 2 " +
           schedule + " (%a, %b) : (" + a + ", " + b + ") -> " + c + " {\n^bb0(%x: " + a + ", %y: " + b +
           "):\n%s = tiny.stage parallel [" + std::to_string(m) + ", " + std::to_string(n) + "] reduce [" +
           std::to_string(k) + "] (%x" + map(leftTurned ? "d2, d0" : "d0, d2") + a + ", %y" +
           map(rightTurned ? "d1, d2" : "d2, d1") + b + ") -> (sum " + c + ") {\n^bb0(%u: " + left + ", %v: " + right +
           "):\n%wu = tiny.cast %u : " + left + " to " + sum + "\n%wv = tiny.cast %v : " + right + " to " + sum +
           "\n%p = tiny.mul %wu, %wv : " + sum + "\ntiny.yield %p : " + sum + "\n}\ntiny.yield %s : " + c +
           "\n}\nreturn %r : " + c + "\n}\n";
  }
  int64_t leftAt(int64_t i, int64_t l) const { return leftTurned ? l * m + i : i * k + l; }
  int64_t rightAt(int64_t l, int64_t j) const { return rightTurned ? j * k + l : l * n + j; }
};

static int64_t numberOf(const std::string &type, uint8_t byte) {
  return type == "ui8" ? int64_t(byte) : int64_t(static_cast<int8_t>(byte));
}

static void checkBytes(const Product &p, const std::string &schedule) {
  SCOPED_TRACE(testing::Message() << p.m << "x" << p.n << "x" << p.k << " " << p.left << " by " << p.right
                                  << (p.leftTurned ? ", left turned" : "") << (p.rightTurned ? ", right turned" : "")
                                  << " " << schedule);
  CompiledKernel kernel = compileKernel(p.text(schedule));
  ASSERT_TRUE(kernel.call);
  std::mt19937 engine(p.m * 31 + p.n * 7 + p.k);
  auto fill = [&](Buffer<uint8_t> &buffer) {
    // The ends of the range among them.
    for (size_t i = 0; i < buffer.size(); ++i)
      buffer[i] = engine() % 4 ? engine() : engine() % 2 ? 0x80 : 0xff;
  };
  Buffer<uint8_t> a(p.m * p.k), b(p.k * p.n);
  Buffer<int32_t> out(p.m * p.n, -7);
  fill(a);
  fill(b);
  ASSERT_EQ(kernel.run({a.data(), b.data(), out.data()}), 0);
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j) {
      int64_t sum = 0;
      for (int64_t l = 0; l < p.k; ++l)
        sum += numberOf(p.left, a[p.leftAt(i, l)]) * numberOf(p.right, b[p.rightAt(l, j)]);
      ASSERT_EQ(out[i * p.n + j], static_cast<int32_t>(sum)) << i << ", " << j;
    }
  EXPECT_TRUE(out.intact());
}

class Bytes : public testing::TestWithParam<std::tuple<std::string, std::string>> {
protected:
  void checkAll(const std::string &instruction, const std::string &inner) {
    if (!hasInstruction(instruction))
      GTEST_SKIP() << "this machine has no " << instruction;
    auto [left, right] = GetParam();
    for (int64_t m : {2, 50})
      for (int64_t n : {2, 77})
        for (int64_t k : {7, 201})
          for (bool leftTurned : {false, true})
            for (bool rightTurned : {false, true}) {
              std::string schedule = "schedule <unit = [" + std::to_string(m) + ", " + std::to_string(n) +
                                     "], inner = [" + inner + "], strip = [" + std::to_string(k) +
                                     "], instruction = \"" + instruction + "\", vector = 16>";
              ASSERT_NO_FATAL_FAILURE(checkBytes({m, n, k, left, right, "i32", leftTurned, rightTurned}, schedule));
            }
    // Several blocks of rows, columns and k.
    std::string schedule = "schedule <unit = [48, 64], inner = [" + inner + "], strip = [128], instruction = \"" +
                           instruction + "\", vector = 16>";
    for (bool leftTurned : {false, true})
      ASSERT_NO_FATAL_FAILURE(checkBytes({70, 150, 300, left, right, "i32", leftTurned, !leftTurned}, schedule));
    // Rows that need no packing.
    ASSERT_NO_FATAL_FAILURE(checkBytes({96, 150, 256, left, right, "i32"}, schedule));
  }
};

TEST_P(Bytes, ByTiles) {
  auto [left, right] = GetParam();
  std::string signs = std::string(left == "ui8" ? "u" : "s") + (right == "ui8" ? "u" : "s");
  checkAll("amx.tdpb" + signs + "d", "32, 32");
}

TEST_P(Bytes, ByVectors) {
  auto [left, right] = GetParam();
  checkAll(left == right ? "avx512vnni.vpdpwssd" : "avx512vnni.vpdpbusd." + left + "." + right, "6, 32");
}

// What the schedule pass chooses, on chips without matrix instructions too.
TEST_P(Bytes, AsChosen) {
  auto [left, right] = GetParam();
  for (int64_t m : {1, 5, 100})
    for (int64_t k : {1, 3, 200})
      ASSERT_NO_FATAL_FAILURE(checkBytes({m, 60, k, left, right, "i32"}, ""));
}

INSTANTIATE_TEST_SUITE_P(Signs, Bytes, testing::Combine(testing::Values("i8", "ui8"), testing::Values("i8", "ui8")),
                         [](const auto &info) { return std::get<0>(info.param) + std::get<1>(info.param); });

static float fromBits(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  memcpy(&value, &wide, 4);
  return value;
}

// Denormals are zeros, going in and coming out.
static float flushed(float x) { return std::abs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }

// tdpbf16ps as the manual writes it: of 32 k, the even ones and the odd ones are summed apart, with fused
// multiply-adds, and the sum of both is added. What fills up the last 32 are zeros.
TEST(Tdpbf16ps, SumsAsTheManualSays) {
  if (!hasInstruction("amx.tdpbf16ps"))
    GTEST_SKIP() << "this machine has no AMX";
  Product p{40, 23, 75, "bf16", "bf16", "f32"};
  CompiledKernel kernel = compileKernel(p.text("schedule <unit = [40, 23], inner = [32, 32], strip = [75], "
                                               "instruction = \"amx.tdpbf16ps\", vector = 16>"));
  ASSERT_TRUE(kernel.call);
  std::mt19937 engine(3);
  // Numbers of all sizes; some denormal, and some whose products are.
  auto fill = [&](Buffer<uint16_t> &buffer) {
    for (size_t i = 0; i < buffer.size(); ++i) {
      uint16_t mantissa = engine() % 128, sign = engine() % 2 << 15;
      uint16_t exponent = i % 7 == 0 ? 0 : i % 5 == 0 ? 50 + engine() % 20 : 115 + engine() % 20;
      buffer[i] = sign | exponent << 7 | mantissa;
    }
  };
  Buffer<uint16_t> a(p.m * p.k), b(p.k * p.n);
  Buffer<float> out(p.m * p.n, -7);
  fill(a);
  fill(b);
  // One row of numbers so small that nothing is left of their products.
  for (int64_t l = 0; l < p.k; ++l)
    a[p.leftAt(3, l)] = 0x0080 + l % 100;
  ASSERT_EQ(kernel.run({a.data(), b.data(), out.data()}), 0);
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j) {
      float sum = 0;
      for (int64_t first = 0; first < p.k; first += 32) {
        float parts[2] = {0, 0};
        for (int64_t l = first; l < std::min(first + 32, p.k); ++l) {
          float x = flushed(fromBits(a[p.leftAt(i, l)])), y = flushed(fromBits(b[p.rightAt(l, j)]));
          parts[l % 2] = flushed(std::fma(x, y, parts[l % 2]));
        }
        sum = flushed(sum + flushed(parts[0] + parts[1]));
      }
      ASSERT_EQ(out[i * p.n + j], sum) << i << ", " << j;
    }
  EXPECT_TRUE(out.intact());
}
