// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// f16 and bf16 matrix products with f32 accumulation, bias and relu fused: every combination of sizes that are 1, a
// prime, a tile, one less than tiles, and several tiles. One kernel each. The operands are multiples of 1/16 of less
// than 1: their products sum exactly in f32 in any order, so results are compared bit for bit, with sums of integers.

#include "dialects/Tiny/Elementwise.h"
#include "lib/Builders/Contraction.h"
#include "lib/Builders/Reduction.h"
#include "test/devices/Device.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace tinyc::test {
namespace {

class Matmul : public OnDevice {
protected:
  struct Sizes {
    int64_t m, n, k;
  };

  // Numerators of 16ths: odd, from -15 to 15.
  static int numerator(size_t i, unsigned seed) {
    uint64_t bits = (i + seed) * 0x9E3779B97F4A7C15u;
    return 2 * static_cast<int>((bits ^ bits >> 31) >> 9 & 15) - 15;
  }
  static TensorRef operand(Element e, Shape shape, unsigned seed) {
    return tensor(e, std::move(shape), [&](size_t i) { return Lane{.f = numerator(i, seed) / 16.0}; });
  }

  // relu(a b + bias) of operands with seeds 1, 2 and 3, in integers.
  static TensorRef linear(Element e, const Sizes &s) {
    std::vector<int> sums(s.m * s.n);
    for (int64_t m = 0; m < s.m; ++m)
      for (int64_t k = 0; k < s.k; ++k) {
        int a = numerator(m * s.k + k, 1);
        for (int64_t n = 0; n < s.n; ++n)
          sums[m * s.n + n] += a * numerator(k * s.n + n, 2);
      }
    return tensor(e, {s.m, s.n},
                  [&](size_t i) { return Lane{.f = std::max(0, sums[i] + 16 * numerator(i % s.n, 3)) / 256.0}; });
  }

  // relu(a b + bias), the products summed in f32, the result of type `e`: one module with a kernel for each of `sizes`.
  void checkLinear(Element e, const std::vector<Sizes> &sizes) {
    std::vector<TensorRef> inputs;
    std::vector<Expectation> expectations;
    for (const Sizes &s : sizes) {
      inputs.push_back(operand(e, {s.m, s.k}, 1));
      inputs.push_back(operand(e, {s.k, s.n}, 2));
      inputs.push_back(operand(Element::F32, {s.n}, 3));
      expectations.push_back({std::string(tiny::name(e)) + " matmul of M " + std::to_string(s.m) + ", N " +
                                  std::to_string(s.n) + ", K " + std::to_string(s.k),
                              exact,
                              {}});
    }
    auto module = build(inputs, [&](compose::Builder &b, ValueRange x) {
      using namespace compose;
      std::vector<Value> results;
      for (size_t i = 0; i < sizes.size(); ++i) {
        Type f32 = b.getF32Type();
        Value product = matmul(b, cast(b, x[3 * i], f32), cast(b, x[3 * i + 1], f32));
        Value sum = add(b, product, broadcast(b, x[3 * i + 2], {sizes[i].m, sizes[i].n}));
        results.push_back(cast(b, max(b, sum, splat(b, sum.getType(), 0)), tiny::typeOf(e, b.getContext())));
      }
      return results;
    });
    if (!module)
      return;
    std::vector<TensorRef> expected;
    for (const Sizes &s : sizes)
      expected.push_back(linear(e, s));
    std::vector<Launch> launches = check(*module, inputs, expectations, expected);
    EXPECT_EQ(launches.size(), sizes.size()) << "one kernel each";
  }

  // All combinations; on a GPU that is emulated each size at each place, and some at random.
  std::vector<Sizes> combinations() {
    const int64_t all[] = {1, 17, 64, 255, 512};
    std::vector<Sizes> sizes;
    for (int64_t m : all)
      for (int64_t n : all)
        for (int64_t k : all)
          sizes.push_back({m, n, k});
    if (!isGpu() || runsAll())
      return sizes;
    return {{1, 1, 1},   {1, 17, 64},   {17, 1, 255},  {17, 17, 17},  {64, 64, 64},    {64, 17, 512},
            {17, 64, 1}, {255, 64, 17}, {64, 255, 64}, {1, 512, 255}, {255, 255, 255}, {512, 64, 64}};
  }

  void checkAll(Element e) {
    std::vector<Sizes> sizes = combinations();
    // Groups of few: arguments of one size are long lists to no purpose.
    for (size_t i = 0; i < sizes.size(); i += 25)
      checkLinear(e, {sizes.begin() + i, sizes.begin() + std::min(i + 25, sizes.size())});
  }
};
INSTANTIATE_TEST_SUITE_P(Devices, Matmul, testing::ValuesIn(allDevices), deviceName);

TEST_P(Matmul, HalvesWithBiasAndRelu) { checkAll(Element::F16); }
TEST_P(Matmul, BFloatsWithBiasAndRelu) { checkAll(Element::BF16); }

// f32 with random mantissas: what rounding may do to K products is bounded as Reduction.cpp says, fused or not.
TEST_P(Matmul, SinglePrecision) {
  std::vector<TensorRef> inputs;
  std::vector<Expectation> expectations;
  const std::vector<Sizes> sizes = {{1, 1, 1}, {17, 31, 13}, {64, 64, 64}, {127, 65, 129}, {3, 256, 300}};
  for (const Sizes &s : sizes) {
    auto third = [](Shape shape, unsigned seed) {
      return tensor(Element::F32, std::move(shape),
                    [=](size_t i) { return Lane{.f = static_cast<double>((i * 7919 + seed) % 1009) / 1009 - 0.5}; });
    };
    inputs.push_back(third({s.m, s.k}, 1));
    inputs.push_back(third({s.k, s.n}, 5));
    expectations.push_back({"f32 matmul of K " + std::to_string(s.k),
                            {1, 0, 4 * std::sqrt(double(s.k)) * 0x1p-24 * 0.25 * double(s.k)},
                            {}});
  }
  auto module = build(inputs, [&](compose::Builder &b, ValueRange x) {
    std::vector<Value> results;
    for (size_t i = 0; i < sizes.size(); ++i)
      results.push_back(compose::matmul(b, x[2 * i], x[2 * i + 1]));
    return results;
  });
  if (module) {
    EXPECT_EQ(check(*module, inputs, expectations).size(), sizes.size()) << "one kernel each";
  }
}

// Infinity times the zero of a ragged edge would be NaN: what lies past K counts on neither side.
TEST_P(Matmul, InfinitiesStayInTheirRowsAndColumns) {
  std::vector<TensorRef> inputs;
  for (Element e : {Element::F16, Element::F32})
    for (Shape shape : {Shape{33, 19}, Shape{19, 35}})
      inputs.push_back(tensor(e, shape, [&](size_t i) {
        bool isMarked = i == 5 || i == size_t(shape[0] * shape[1] - 1);
        return Lane{.f = isMarked ? std::numeric_limits<double>::infinity() : 0.5};
      }));
  auto module = build(inputs, [&](compose::Builder &b, ValueRange x) {
    using namespace compose;
    Type f32 = b.getF32Type();
    return std::vector<Value>{matmul(b, cast(b, x[0], f32), cast(b, x[1], f32)), matmul(b, x[2], x[3])};
  });
  if (module)
    check(*module, inputs, {{"f16", exact, {}}, {"f32", exact, {}}});
}

TEST_P(Matmul, BatchedAndTransposed) {
  std::vector<TensorRef> inputs = {operand(Element::F16, {3, 20, 33}, 1),   operand(Element::F16, {3, 18, 33}, 2),
                                   operand(Element::F32, {2, 3, 17, 9}, 3), operand(Element::F32, {3, 9, 21}, 4),
                                   ramp(Element::I32, {19, 30}, 5),         operand(Element::I32, {30, 23}, 6)};
  auto module = build(inputs, [&](compose::Builder &b, ValueRange x) {
    using namespace compose;
    Type f32 = b.getF32Type();
    return std::vector<Value>{matmul(b, cast(b, x[0], f32), permute(b, cast(b, x[1], f32), {0, 2, 1})),
                              matmul(b, x[2], x[3]), matmul(b, x[4], x[5])};
  });
  if (module)
    check(*module, inputs,
          {{"batched f16, second transposed", exact, {}}, {"batched f32", exact, {}}, {"i32", exact, {}}});
}

} // namespace
} // namespace tinyc::test
