// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compositions of elementary functions on the reference: within 4 ulp over a sample of all floats, exact at the
// special values, and right in the other float types.

#include "lib/Builders/Elementary.h"
#include "dialects/Tiny/Elementwise.h"
#include "test/reference/Run.h"
#include "test/ulp/Ulp.h"

using namespace tinyc;
using namespace tinyc::tiny;

namespace {
using Compose = mlir::Value (*)(compose::Builder &, mlir::Value);

// Runs a composition on a tensor.
TensorRef compute(Compose function, TensorRef input) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<TinyDialect, mlir::func::FuncDialect>();
  mlir::Location loc = mlir::UnknownLoc::get(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(loc);
  auto type = mlir::RankedTensorType::get(input->shape, typeOf(input->element, &context));
  compose::Builder b(loc, &context);
  b.setInsertionPointToEnd(module->getBody());
  auto main = mlir::func::FuncOp::create(b, "main", mlir::FunctionType::get(&context, {type}, {type}));
  b.setInsertionPointToStart(main.addEntryBlock());
  mlir::func::ReturnOp::create(b, function(b, main.getArgument(0)));
  auto results = Reference().run(main, {input});
  return mlir::failed(results) ? nullptr : results->front();
}

// Every 4099th float of all 2^32, and the 2^12 around each power of two's boundary near 1.
std::vector<float> sample() {
  std::vector<float> values;
  for (uint64_t bits = 0; bits < uint64_t(1) << 32; bits += 4099)
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  for (float center : {0.5f, 0.625f, 1.0f, 2.0f, 3.92f, 9.0f, 88.7f, 1.5707964f, 3.1415927f})
    for (int k = -2048; k < 2048; ++k)
      values.push_back(std::bit_cast<float>(std::bit_cast<uint32_t>(center) + k));
  return values;
}

// The largest error among inputs of a magnitude below `limit`.
double worst(Compose function, double (*exact)(double), double limit = INFINITY) {
  std::vector<float> inputs = sample();
  TensorRef result = compute(function, makeFloats({static_cast<int64_t>(inputs.size())}, inputs));
  double worst = 0;
  for (auto [x, y] : llvm::zip_equal(inputs, result->as<float>()))
    if (!(std::fabs(x) >= limit))
      worst = std::max(worst, ulpDistance(y, exact(x)));
  return worst;
}
} // namespace

TEST(Elementary, WithinFourUlp) {
  EXPECT_LE(worst(compose::tanh, std::tanh), 4);
  EXPECT_LE(worst(compose::erf, std::erf), 4);
  EXPECT_LE(worst(compose::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }), 4);
  EXPECT_LE(worst(compose::cos, std::cos, 0x1p127), 4);
  EXPECT_LE(worst(compose::atan, std::atan), 4);
  EXPECT_LE(worst(compose::asin, std::asin), 4);
  EXPECT_LE(worst(compose::acos, std::acos), 4);
  EXPECT_LE(worst(compose::sinh, std::sinh), 4);
  EXPECT_LE(worst(compose::cosh, std::cosh), 4);
  EXPECT_LE(worst(compose::log1p, std::log1p), 4);
  EXPECT_LE(worst(compose::asinh, std::asinh), 4);
  EXPECT_LE(worst(compose::acosh, std::acosh), 4);
  EXPECT_LE(worst(compose::atanh, std::atanh), 4);
}

TEST(Elementary, SpecialValues) {
  auto at = [](Compose function, float x) {
    return std::bit_cast<uint32_t>(valuesOf<float>(compute(function, makeFloats({1}, {x}))).front());
  };
  auto bits = [](float x) { return std::bit_cast<uint32_t>(x); };
  for (Compose odd : {compose::tanh, compose::erf}) {
    EXPECT_EQ(at(odd, 0.0f), bits(0.0f));
    EXPECT_EQ(at(odd, -0.0f), bits(-0.0f));
    EXPECT_EQ(at(odd, INFINITY), bits(1.0f));
    EXPECT_EQ(at(odd, -INFINITY), bits(-1.0f));
    EXPECT_TRUE(std::isnan(std::bit_cast<float>(at(odd, NAN))));
  }
  EXPECT_EQ(at(compose::sigmoid, INFINITY), bits(1.0f));
  EXPECT_EQ(at(compose::sigmoid, -INFINITY), bits(0.0f));
  EXPECT_EQ(at(compose::sigmoid, -100.0f), bits(static_cast<float>(std::exp(-100.0))));
  EXPECT_EQ(at(compose::cos, 0.0f), bits(1.0f));
  EXPECT_EQ(at(compose::cos, 1e-40f), bits(1.0f));
  EXPECT_TRUE(std::isnan(std::bit_cast<float>(at(compose::cos, INFINITY))));
  EXPECT_TRUE(std::isnan(std::bit_cast<float>(at(compose::cos, NAN))));
}

TEST(Elementary, SpecialValuesOfInverses) {
  auto at = [](Compose function, float x) { return valuesOf<float>(compute(function, makeFloats({1}, {x}))).front(); };
  for (Compose odd : {compose::atan, compose::asin, compose::sinh, compose::asinh, compose::atanh}) {
    EXPECT_EQ(std::bit_cast<uint32_t>(at(odd, -0.0f)), std::bit_cast<uint32_t>(-0.0f));
    EXPECT_EQ(at(odd, 1e-40f), 1e-40f);
    EXPECT_TRUE(std::isnan(at(odd, NAN)));
  }
  EXPECT_EQ(at(compose::atan, INFINITY), 1.57079633f);
  EXPECT_EQ(at(compose::atan, -INFINITY), -1.57079633f);
  EXPECT_EQ(at(compose::acos, 1.0f), 0.0f);
  EXPECT_EQ(at(compose::acos, -1.0f), 3.14159265f);
  EXPECT_EQ(at(compose::acosh, 1.0f), 0.0f);
  EXPECT_EQ(at(compose::atanh, 1.0f), INFINITY);
  EXPECT_EQ(at(compose::atanh, -1.0f), -INFINITY);
  for (Compose unbounded : {compose::sinh, compose::cosh, compose::asinh, compose::acosh, compose::log1p})
    EXPECT_EQ(at(unbounded, INFINITY), INFINITY);
  for (float outside : {1.5f, -1.5f, INFINITY})
    for (Compose bounded : {compose::asin, compose::acos, compose::atanh})
      EXPECT_TRUE(std::isnan(at(bounded, outside))) << outside;
  for (float below : {0.5f, -3.0f, -1e30f, -INFINITY})
    EXPECT_TRUE(std::isnan(at(compose::acosh, below))) << below;
}

TEST(Elementary, CosineOfHugeArguments) {
  // Absolute precision only, from half the largest number on.
  for (float x : {0x1p127f, 0x1.8p127f, -0x1.fffffep127f, 0x1.234568p127f})
    EXPECT_NEAR(valuesOf<float>(compute(compose::cos, makeFloats({1}, {x}))).front(), std::cos(static_cast<double>(x)),
                0x1p-22);
}

TEST(Elementary, DoubleIsPreciseToo) {
  std::vector<double> inputs;
  for (int k = -4000; k <= 4000; ++k)
    inputs.push_back(k * 0.00173 + 1e-9);
  TensorRef input = makeTensor<double>(Element::F64, {8001}, inputs);
  auto check = [&](Compose function, long double (*exact)(long double)) {
    TensorRef result = compute(function, input);
    double worst = 0;
    for (auto [x, y] : llvm::zip_equal(inputs, result->as<double>())) {
      long double expected = exact(x);
      double unit = std::ldexp(1.0, std::ilogb(static_cast<double>(expected)) - 52);
      worst = std::max<double>(worst, std::fabs(y - expected) / unit);
    }
    return worst;
  };
  EXPECT_LE(check(compose::tanh, std::tanh), 4);
  EXPECT_LE(check(compose::erf, std::erf), 4);
  EXPECT_LE(check(compose::cos, std::cos), 4.5);
  EXPECT_LE(check(compose::atan, std::atan), 4);
  EXPECT_LE(check(compose::sinh, std::sinh), 4);
  EXPECT_LE(check(compose::cosh, std::cosh), 4);
  EXPECT_LE(check(compose::asinh, std::asinh), 4);
}
