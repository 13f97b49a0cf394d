// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrix products with bias and relu in one kernel on the emulated GPUs: right for ragged sizes, on tensor cores, with
// the traffic of the tile, no bank conflicts in shared memory, and no instruction of synchronisation too many.

#include "test/gpu/Harness.h"

#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace tinyc;
using namespace tinyc::gputest;

namespace {

struct Shape {
  int64_t m, n, k;
};

std::string instruction(const std::string &target, const std::string &type) {
  if (type == "f32")
    return "fma";
  return (target[0] == 'n' ? "mma.sync.m16n8k16.f32." : "wmma.f32.16x16x16.") + type;
}

constexpr int64_t kTile = 64, kStrip = 32;

// relu(A B + bias) with tiles of 64 x 64 x 32 by 2 x 2 warps.
std::string matmulText(const std::string &target, const std::string &type, Shape s) {
  int64_t stages = target[0] == 'n' ? 3 : 2;
  auto mask = [&](std::initializer_list<std::pair<int64_t, unsigned>> bounds) {
    std::string constraints;
    for (auto [size, dim] : bounds)
      if (size % (dim == 9 ? kStrip : kTile))
        constraints +=
            (constraints.empty() ? "" : ", ") + std::to_string(size - 1) + " - d" + std::to_string(dim) + " >= 0";
    return constraints.empty() ? std::string() : "mask affine_set<(d0, d1) : (" + constraints + ")>";
  };
  std::string ragged = mask({{s.m, 0}, {s.n, 1}});
  auto operandMask = [&](int64_t rows, int64_t rowTile, int64_t columns, int64_t columnTile) {
    std::string constraints;
    if (rows % rowTile)
      constraints += llvm::formatv("{0} - d0 >= 0", rows - 1).str();
    if (columns % columnTile)
      constraints += llvm::formatv("{0}{1} - d1 >= 0", constraints.empty() ? "" : ", ", columns - 1).str();
    return constraints.empty() ? std::string() : "mask affine_set<(d0, d1) : (" + constraints + ")>";
  };
  std::string cast = type == "f32" ? "" : "tiny.cast";
  std::string out = type == "f32" ? "%r" : "%h";
  return llvm::formatv(R"(
    func.func @matmul_0(%a: memref<{0}x{2}x{3}>, %b: memref<{2}x{1}x{3}>, %bias: memref<{1}xf32>,
                        %c: memref<{0}x{1}x{3}>, %unit: index)
        attributes {{tiny.kernel, tiny.schedule = #tiny.schedule<unit = [64, 64], inner = [32, 32], strip = [32],
                     warps = [2, 2, 1], instruction = "{4}", pipeline = {5}, vector = 8>} {{
      %c0 = arith.constant 0 : index
      %c32 = arith.constant 32 : index
      %c64 = arith.constant 64 : index
      %ck = arith.constant {2} : index
      %cn = arith.constant {6} : index
      %q = arith.divui %unit, %cn : index
      %w = arith.remui %unit, %cn : index
      %i = arith.muli %q, %c64 : index
      %j = arith.muli %w, %c64 : index
      %zero = tiny.const dense<0.0> : vector<64x64xf32>
      %acc = scf.for %k = %c0 to %ck step %c32 iter_args(%x = %zero) -> (vector<64x64xf32>) {{
        %ta = tiny.load %a[%i, %k] by affine_map<(d0, d1) -> (d0, d1)> {7} : memref<{0}x{2}x{3}> -> vector<64x32x{3}>
        %tb = tiny.load %b[%k, %j] by affine_map<(d0, d1) -> (d0, d1)> {8} : memref<{2}x{1}x{3}> -> vector<32x64x{3}>
        %p = vector.contract {{indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
               affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"],
               kind = #vector.kind<add>} %ta, %tb, %x : vector<64x32x{3}>, vector<32x64x{3}> into vector<64x64xf32>
        scf.yield %p : vector<64x64xf32>
      }
      %bt = tiny.load %bias[%i, %j] by affine_map<(d0, d1) -> (d1)> {9} : memref<{1}xf32> -> vector<64x64xf32>
      %s = tiny.add %acc, %bt : vector<64x64xf32>
      %r = tiny.max %s, %zero : vector<64x64xf32>
      {10}
      tiny.store {11}, %c[%i, %j] by affine_map<(d0, d1) -> (d0, d1)> {12} : vector<64x64x{3}>, memref<{0}x{1}x{3}>
      return
    })",
                       s.m, s.n, s.k, type, instruction(target, type), stages, (s.n + kTile - 1) / kTile,
                       operandMask(s.m, kTile, s.k, kStrip), operandMask(s.k, kStrip, s.n, kTile),
                       s.n % kTile ? llvm::formatv("mask affine_set<(d0, d1) : ({0} - d1 >= 0)>", s.n - 1).str() : "",
                       type == "f32" ? "" : "%h = tiny.cast %r : vector<64x64xf32> to vector<64x64x" + type + ">", out,
                       ragged)
      .str();
}

struct Data {
  std::vector<float> a, b, bias;
};

Data makeData(Shape s, const std::string &type) {
  std::mt19937 random(s.m * 7 + s.n * 3 + s.k);
  // Small integers over a power of two: products are exact and sums nearly so, so that a lost term shows.
  std::uniform_int_distribution<int> number(-8, 8);
  Data data;
  for (int64_t i = 0; i < s.m * s.k; ++i)
    data.a.push_back(number(random) / 8.0f);
  for (int64_t i = 0; i < s.k * s.n; ++i)
    data.b.push_back(number(random) / 8.0f);
  for (int64_t i = 0; i < s.n; ++i)
    data.bias.push_back(number(random) / 4.0f);
  return data;
}

Buffer encode(const std::vector<float> &values, const std::string &type) {
  if (type == "f32")
    return bytesOf(values);
  std::vector<uint16_t> bits;
  for (float value : values)
    bits.push_back(toHalf(value, type == "bf16"));
  return bytesOf(bits);
}

Outcome runMatmul(const Program &program, const Data &data, Shape s, const std::string &type, Buffer &c,
                  unsigned drop = 0, unsigned seed = 0) {
  Buffer a = encode(data.a, type), b = encode(data.b, type), bias = bytesOf(data.bias);
  c.assign(s.m * s.n * (type == "f32" ? 4 : 2), 0xee);
  uint32_t units = ((s.m + kTile - 1) / kTile) * ((s.n + kTile - 1) / kTile);
  return program.run("matmul_0", units, {&a, &b, &bias, &c}, drop, seed);
}

void expectProduct(const Data &data, Shape s, const std::string &type, const Buffer &c) {
  int wrong = 0;
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) {
      double sum = data.bias[j];
      for (int64_t k = 0; k < s.k; ++k)
        sum += static_cast<double>(data.a[i * s.k + k]) * data.b[k * s.n + j];
      sum = std::max(sum, 0.0);
      size_t at = i * s.n + j;
      double got = type == "f32" ? reinterpret_cast<const float *>(c.data())[at]
                                 : fromHalf(reinterpret_cast<const uint16_t *>(c.data())[at], type == "bf16");
      // Half a unit in the last place of the result's type, and f32's over the sum.
      double unit = type == "bf16" ? 0x1p-8 : type == "f16" ? 0x1p-11 : 0x1p-20;
      if (!(std::abs(got - sum) <= unit * std::abs(sum) + 1e-6) && ++wrong <= 5)
        ADD_FAILURE() << "at " << i << ", " << j << ": expected " << sum << ", found " << got;
    }
  EXPECT_EQ(wrong, 0);
}

class GpuMatmul : public testing::TestWithParam<std::string> {};

TEST_P(GpuMatmul, RaggedSizes) {
  for (const char *type : {"f16", "bf16", "f32"})
    for (Shape s : {Shape{64, 64, 64},
                    {1, 1, 1},
                    {17, 255, 64},
                    {255, 17, 17},
                    {64, 1, 255},
                    {1, 64, 512},
                    {255, 64, 255},
                    {17, 64, 1},
                    {64, 512, 17}}) {
      SCOPED_TRACE(llvm::formatv("{0} {1}x{2}x{3}", type, s.m, s.n, s.k).str());
      Program program = Program::compile(matmulText(GetParam(), type, s), GetParam());
      ASSERT_EQ(program.error(), "");
      EXPECT_FALSE(program.spilled());
      Data data = makeData(s, type);
      Buffer c;
      Outcome outcome = runMatmul(program, data, s, type, c);
      ASSERT_TRUE(outcome.ok) << outcome.message;
      expectProduct(data, s, type, c);
    }
}

TEST_P(GpuMatmul, UsesTensorCoresAndPipelines) {
  for (const char *type : {"f16", "bf16"}) {
    Program program = Program::compile(matmulText(GetParam(), type, {512, 512, 512}), GetParam());
    ASSERT_EQ(program.error(), "");
    EXPECT_FALSE(program.spilled());
    auto has = [&](llvm::StringRef text) { return llvm::StringRef(program.assembly()).contains(text); };
    if (GetParam()[0] == 'n') {
      EXPECT_TRUE(has("mma.sync.aligned.m16n8k16"));
      EXPECT_TRUE(has("ldmatrix"));
      EXPECT_TRUE(has("cp.async.cg"));
      EXPECT_TRUE(has("cp.async.wait_group")) << "copies must stay under way across the wait";
    } else {
      EXPECT_TRUE(has("v_wmma_f32_16x16x16_"));
    }
  }
}

TEST_P(GpuMatmul, TrafficOfTilesWithoutBankConflicts) {
  Shape s{512, 512, 512};
  Program program = Program::compile(matmulText(GetParam(), "f16", s), GetParam());
  ASSERT_EQ(program.error(), "");
  Data data = makeData(s, "f16");
  Buffer c;
  Outcome outcome = runMatmul(program, data, s, "f16", c);
  ASSERT_TRUE(outcome.ok) << outcome.message;
  expectProduct(data, s, "f16", c);
  double tiles = (512 / kTile) * (512 / kTile) * 512.0 * (kTile + kTile) * 2, output = 512 * 512 * 2;
  double loaded = outcome.report.getInteger("global_load_bytes").value_or(0),
         stored = outcome.report.getInteger("global_store_bytes").value_or(0);
  EXPECT_LE(loaded + stored, 1.05 * (tiles + output));
  EXPECT_EQ(outcome.report.getInteger("bank_conflicts").value_or(-1), 0);
  EXPECT_GE(outcome.report.getNumber("sector_efficiency").value_or(0), 0.95)
      << llvm::formatv("{0}", llvm::json::Value(llvm::json::Object(outcome.report))).str();
}

TEST_P(GpuMatmul, EveryWaitAndBarrierIsNeeded) {
  Shape s{64, 64, 256};
  Program program = Program::compile(matmulText(GetParam(), "f16", s), GetParam());
  ASSERT_EQ(program.error(), "");
  Data data = makeData(s, "f16");
  Buffer c;
  for (unsigned seed = 0; seed < 3; ++seed) {
    Outcome whole = runMatmul(program, data, s, "f16", c, 0, seed);
    ASSERT_TRUE(whole.ok) << whole.message;
    expectProduct(data, s, "f16", c);
  }
  int64_t count = runMatmul(program, data, s, "f16", c).report.getInteger("sync_instructions").value_or(0);
  ASSERT_GT(count, 0);
  for (int64_t drop = 1; drop <= count; ++drop)
    EXPECT_FALSE(runMatmul(program, data, s, "f16", c, drop).ok) << "without synchronising instruction " << drop;
}

INSTANTIATE_TEST_SUITE_P(Emulated, GpuMatmul, testing::ValuesIn(emulatedTargets()),
                         [](const auto &info) { return info.param.substr(info.param.find(':') + 1); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GpuMatmul);
} // namespace
