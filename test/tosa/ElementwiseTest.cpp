// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise ops of floats and truth values, and reductions.

#include "test/tosa/Tosa.h"

namespace tinyc::test {
namespace {

TEST(TosaElementwise, UnaryFloats) {
  std::vector<float> x = {0, -0.f, 1, -1, 0.5f, -2.5f, 3.75f, 20, -20, kInf, -kInf, kNaN};
  struct Case {
    const char *name;
    std::function<double(double)> of;
  };
  const Case cases[] = {
      {"abs", [](double v) { return std::abs(v); }},     {"ceil", [](double v) { return std::ceil(v); }},
      {"floor", [](double v) { return std::floor(v); }}, {"exp", [](double v) { return std::exp(v); }},
      {"log", [](double v) { return std::log(v); }},     {"erf", [](double v) { return std::erf(v); }},
      {"tanh", [](double v) { return std::tanh(v); }},   {"sigmoid", [](double v) { return 1 / (1 + std::exp(-v)); }},
      {"reciprocal", [](double v) { return 1 / v; }},    {"rsqrt", [](double v) { return 1 / std::sqrt(v); }},
      {"sin", [](double v) { return std::sin(v); }},     {"cos", [](double v) { return std::cos(v); }}};
  for (const Case &c : cases) {
    SCOPED_TRACE(c.name);
    std::vector<float> expected;
    for (float v : x)
      expected.push_back(float(c.of(v)));
    expectNear(runOp(c.name, {tensor({12}, x)}, "", "tensor<12xf32>"), expected);
  }
}

// Operands of size 1 repeat along a dimension.
TEST(TosaElementwise, BinaryFloatsBroadcast) {
  std::vector<float> x = someFloats(6, 1), y = someFloats(3, 2);
  struct Case {
    const char *name;
    std::function<float(float, float)> of;
  };
  const Case cases[] = {{"add", [](float a, float b) { return a + b; }},
                        {"sub", [](float a, float b) { return a - b; }},
                        {"maximum", [](float a, float b) { return std::max(a, b); }},
                        {"minimum", [](float a, float b) { return std::min(a, b); }},
                        {"pow", [](float a, float b) { return std::pow(a, b); }}};
  for (const Case &c : cases) {
    SCOPED_TRACE(c.name);
    std::vector<float> left = x;
    if (std::string(c.name) == "pow")
      for (float &v : left)
        v = std::abs(v) + 0.25f;
    std::vector<float> expected;
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 3; ++j)
        expected.push_back(c.of(left[i * 3 + j], y[j]));
    expectNear(runOp(c.name, {tensor({2, 3}, left), tensor({1, 3}, y)}, "", "tensor<2x3xf32>"), expected, 1e-5);
  }
  std::vector<float> product;
  for (int i = 0; i < 6; ++i)
    product.push_back(x[i] * y[i % 3]);
  TensorRef result = runBody(R"(%s = "tosa.const"() {values = dense<0> : tensor<1xi8>} : () -> tensor<1xi8>
%r = tosa.mul %a0, %a1, %s : (tensor<2x3xf32>, tensor<1x3xf32>, tensor<1xi8>) -> tensor<2x3xf32>)",
                             {tensor({2, 3}, x), tensor({1, 3}, y)}, "tensor<2x3xf32>");
  expectNear(result, product);
}

TEST(TosaElementwise, NanModes) {
  TensorRef x = tensor({4}, std::vector<float>{kNaN, 1, kNaN, 2}),
            y = tensor({4}, std::vector<float>{3, kNaN, kNaN, 1});
  expectNear(runOp("maximum", {x, y}, "", "tensor<4xf32>"), {kNaN, kNaN, kNaN, 2});
  expectNear(runOp("maximum", {x, y}, "{nan_mode = IGNORE}", "tensor<4xf32>"), {3, 1, kNaN, 2});
  expectNear(runOp("minimum", {x, y}, "{nan_mode = IGNORE}", "tensor<4xf32>"), {3, 1, kNaN, 1});
  expectNear(runOp("clamp", {x}, "{min_val = -1.0 : f32, max_val = 1.5 : f32}", "tensor<4xf32>"),
             {kNaN, 1, kNaN, 1.5f});
  expectNear(runOp("clamp", {x}, "{min_val = -1.0 : f32, max_val = 1.5 : f32, nan_mode = IGNORE}", "tensor<4xf32>"),
             {-1, 1, -1, 1.5f});
  expectNear(runOp("reduce_max", {x}, "{axis = 0 : i32}", "tensor<1xf32>"), {kNaN});
  expectNear(runOp("reduce_max", {x}, "{axis = 0 : i32, nan_mode = IGNORE}", "tensor<1xf32>"), {2});
  expectNear(runOp("reduce_min", {x}, "{axis = 0 : i32, nan_mode = IGNORE}", "tensor<1xf32>"), {1});
}

// Where there is nothing but NaN it is the result; an infinity is a number.
TEST(TosaElementwise, NothingButNan) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  std::string ignore = "{axis = 1 : i32, nan_mode = IGNORE}";
  TensorRef x = tensor({3, 2}, std::vector<float>{kNaN, kNaN, kNaN, -inf, kNaN, inf});
  expectNear(runOp("reduce_max", {x}, ignore, "tensor<3x1xf32>"), {kNaN, -inf, inf});
  expectNear(runOp("reduce_min", {x}, ignore, "tensor<3x1xf32>"), {kNaN, -inf, inf});
  EXPECT_EQ(valuesOf<int32_t>(runOp("argmax", {x}, ignore, "tensor<3xi32>")), (std::vector<int32_t>{0, 1, 1}));
  TensorRef image = tensor({1, 2, 3, 1}, std::vector<float>{kNaN, kNaN, -inf, kNaN, kNaN, kNaN});
  expectNear(runOp("max_pool2d", {image},
                   "{kernel = array<i64: 2, 2>, pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 1, 1>, "
                   "nan_mode = IGNORE}",
                   "tensor<1x1x2x1xf32>"),
             {kNaN, -inf});
}

TEST(TosaElementwise, ComparisonsAndTruthValues) {
  TensorRef x = tensor({4}, std::vector<float>{1, 2, 3, kNaN}), y = tensor({4}, std::vector<float>{2, 2, 2, 2});
  using Truths = std::vector<uint8_t>;
  EXPECT_EQ(valuesOf<uint8_t>(runOp("equal", {x, y}, "", "tensor<4xi1>")), (Truths{0, 1, 0, 0}));
  EXPECT_EQ(valuesOf<uint8_t>(runOp("greater", {x, y}, "", "tensor<4xi1>")), (Truths{0, 0, 1, 0}));
  EXPECT_EQ(valuesOf<uint8_t>(runOp("greater_equal", {x, y}, "", "tensor<4xi1>")), (Truths{0, 1, 1, 0}));
  TensorRef p = tensor({4}, Truths{0, 0, 1, 1}), q = tensor({4}, Truths{0, 1, 0, 1});
  EXPECT_EQ(valuesOf<uint8_t>(runOp("logical_and", {p, q}, "", "tensor<4xi1>")), (Truths{0, 0, 0, 1}));
  EXPECT_EQ(valuesOf<uint8_t>(runOp("logical_or", {p, q}, "", "tensor<4xi1>")), (Truths{0, 1, 1, 1}));
  EXPECT_EQ(valuesOf<uint8_t>(runOp("logical_xor", {p, q}, "", "tensor<4xi1>")), (Truths{0, 1, 1, 0}));
  EXPECT_EQ(valuesOf<uint8_t>(runOp("logical_not", {p}, "", "tensor<4xi1>")), (Truths{1, 1, 0, 0}));
  EXPECT_EQ(valuesOf<uint8_t>(runOp("reduce_all", {p}, "{axis = 0 : i32}", "tensor<1xi1>")), (Truths{0}));
  EXPECT_EQ(valuesOf<uint8_t>(runOp("reduce_any", {p}, "{axis = 0 : i32}", "tensor<1xi1>")), (Truths{1}));
  expectNear(runOp("select", {p, y, x}, "", "tensor<4xf32>"), {1, 2, 2, 2});
}

TEST(TosaElementwise, Reductions) {
  std::vector<float> x = someFloats(24, 3);
  auto at = [&](int i, int j, int k) { return x[(i * 3 + j) * 4 + k]; };
  std::vector<float> sums, products, largest, smallest;
  std::vector<int32_t> positions;
  for (int i = 0; i < 2; ++i)
    for (int k = 0; k < 4; ++k) {
      double sum = 0, product = 1;
      int best = 0;
      float least = kInf;
      for (int j = 0; j < 3; ++j) {
        sum += at(i, j, k);
        product *= at(i, j, k);
        best = at(i, j, k) > at(i, best, k) ? j : best;
        least = std::min(least, at(i, j, k));
      }
      sums.push_back(float(sum));
      products.push_back(float(product));
      largest.push_back(at(i, best, k));
      smallest.push_back(least);
      positions.push_back(best);
    }
  TensorRef input = tensor({2, 3, 4}, x);
  expectNear(runOp("reduce_sum", {input}, "{axis = 1 : i32}", "tensor<2x1x4xf32>"), sums);
  expectNear(runOp("reduce_product", {input}, "{axis = 1 : i32}", "tensor<2x1x4xf32>"), products);
  expectNear(runOp("reduce_max", {input}, "{axis = 1 : i32}", "tensor<2x1x4xf32>"), largest);
  expectNear(runOp("reduce_min", {input}, "{axis = 1 : i32}", "tensor<2x1x4xf32>"), smallest);
  EXPECT_EQ(valuesOf<int32_t>(runOp("argmax", {input}, "{axis = 1 : i32}", "tensor<2x4xi32>")), positions);
}

// Narrow floats are computed in f32 and rounded once.
TEST(TosaElementwise, HalvesAreComputedInSingle) {
  TensorRef result = runBody(R"(%h = tosa.cast %a0 : (tensor<2xf32>) -> tensor<2xf16>
%s = tosa.add %h, %h : (tensor<2xf16>, tensor<2xf16>) -> tensor<2xf16>
%r = tosa.cast %s : (tensor<2xf16>) -> tensor<2xf32>)",
                             {tensor({2}, std::vector<float>{1.0003f, 40000})}, "tensor<2xf32>");
  expectNear(result, {2, kInf});
}

TEST(TosaElementwise, Casts) {
  TensorRef x = tensor({7}, std::vector<float>{0.5f, 1.5f, -2.5f, 300, -300, kNaN, 0});
  EXPECT_EQ(valuesOf<int8_t>(runOp("cast", {x}, "", "tensor<7xi8>")), (std::vector<int8_t>{0, 2, -2, 127, -128, 0, 0}));
  EXPECT_EQ(valuesOf<uint8_t>(runOp("cast", {x}, "", "tensor<7xi1>")), (std::vector<uint8_t>{1, 1, 1, 1, 1, 1, 0}));
  TensorRef i = tensor({3}, std::vector<int32_t>{300, -1, 0});
  EXPECT_EQ(valuesOf<int8_t>(runOp("cast", {i}, "", "tensor<3xi8>")), (std::vector<int8_t>{44, -1, 0}));
  expectNear(runOp("cast", {tensor({2}, std::vector<uint8_t>{1, 0})}, "", "tensor<2xf32>"), {1, 0});
}

} // namespace
} // namespace tinyc::test
