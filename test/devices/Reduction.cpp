// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums, products and maxima over each choice of dimensions, on all element types, with NaN, over no elements, with what
// fuses before and after them. Most values are such that every order of summation is exact: then the comparison is bit
// for bit. Where they are not, a sum of n numbers may differ by 4 sqrt(n) 2^-24 of the sum of their magnitudes: what
// rounding errors add up to that do not conspire.

#include "lib/Builders/Reduction.h"
#include "lib/Builders/Movement.h"
#include "test/devices/Device.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace tinyc::test {
namespace {

class Reduction : public OnDevice {};
INSTANTIATE_TEST_SUITE_P(Devices, Reduction, testing::ValuesIn(allDevices), deviceName);

const Element allNumbers[] = {Element::I8,  Element::I16, Element::I32, Element::I64,  Element::U8,  Element::U16,
                              Element::U32, Element::U64, Element::F16, Element::BF16, Element::F32, Element::F64};

struct Domain {
  Shape shape;
  std::vector<int64_t> dims;
};

const std::vector<Domain> domains = {{{6, 5, 7}, {0}},         {{6, 5, 7}, {1}},    {{6, 5, 7}, {2}},
                                     {{6, 5, 7}, {0, 1}},      {{6, 5, 7}, {0, 2}}, {{6, 5, 7}, {1, 2}},
                                     {{6, 5, 7}, {0, 1, 2}},   {{127}, {0}},        {{3, 128}, {1}},
                                     {{128, 3}, {0}},          {{17, 64}, {1}},     {{64, 1}, {1}},
                                     {{1, 1}, {0, 1}},         {{100, 40}, {0}},    {{0, 4}, {0}},
                                     {{3, 0, 5}, {1}},         {{0}, {0}},          {{0, 4}, {1}},
                                     {{2, 3, 4, 5, 6}, {1, 3}}};

std::string reduceText(const std::string &kind, const std::string &x, const Domain &domain, Element e,
                       std::string &type) {
  Shape left;
  std::string dims;
  for (int64_t i = 0; i < static_cast<int64_t>(domain.shape.size()); ++i)
    if (llvm::is_contained(domain.dims, i))
      dims += (dims.empty() ? "" : ", ") + std::to_string(i);
    else
      left.push_back(domain.shape[i]);
  type = tensorType(e, left);
  return "tiny.reduce " + kind + " " + x + " [" + dims + "] : " + tensorType(e, domain.shape) + " -> " + type;
}

uint64_t scrambled(size_t i) {
  uint64_t bits = (i + 1) * 0x9E3779B97F4A7C15u;
  return (bits ^ bits >> 31) >> 7;
}

// Integers from -1 to 1 (bf16 holds sums below 256 exactly, f16 below 2048): all sums of these domains are exact.
TensorRef summands(Element e, const Shape &shape) {
  if (!tiny::isFloat(e))
    return ramp(e, shape);
  return tensor(e, shape, [&](size_t i) { return Lane{.f = static_cast<double>(scrambled(i) % 3) - 1}; });
}

// Signs, few powers of two, fewer zeros: no order of multiplication leaves f16's range.
TensorRef factors(Element e, const Shape &shape) {
  if (!tiny::isFloat(e))
    return tensor(e, shape, [&](size_t i) { return Lane{.i = static_cast<int64_t>(scrambled(i) | 1)}; });
  return tensor(e, shape, [&](size_t i) {
    double magnitude = i % 97 == 96 ? 0 : i % 41 == 17 ? 2 : i % 43 == 18 ? 0.5 : 1;
    return Lane{.f = scrambled(i) % 2 ? magnitude : -magnitude};
  });
}

// With NaN in some places, zeros of both signs, infinities, and the smallest values.
TensorRef candidates(Element e, const Shape &shape) {
  if (!tiny::isFloat(e))
    return ramp(e, shape);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return tensor(e, shape, [&](size_t i) {
    uint64_t bits = scrambled(i);
    if (bits % 61 == 0)
      return Lane{.f = std::numeric_limits<double>::quiet_NaN()};
    const double values[] = {-0.0, 0.0, -infinity, -1.5, -3, -0.0, -7, -infinity};
    return Lane{.f = bits % 31 == 0 ? infinity : values[bits % 8]};
  });
}

TEST_P(Reduction, SumsProductsAndMaxima) {
  for (Element e : allNumbers)
    for (std::string kind : {"sum", "prod", "max"}) {
      Cases cases;
      for (const Domain &domain : domains) {
        TensorRef values = kind == "sum"    ? summands(e, domain.shape)
                           : kind == "prod" ? factors(e, domain.shape)
                                            : candidates(e, domain.shape);
        std::string x = cases.input(values), type;
        std::string op = reduceText(kind, x, domain, e, type);
        cases.result(op, op, type, exact);
      }
      check(cases);
    }
}

// A NaN reaches the result from every place of a row, also from the masked end of a strip's neighbours.
TEST_P(Reduction, NaNFromEveryPlace) {
  Cases cases;
  for (Element e : {Element::F16, Element::F32, Element::F64}) {
    for (int64_t size : {7, 65}) {
      TensorRef values = tensor(e, {size, size}, [&](size_t i) {
        bool isDiagonal = i / size == i % size;
        return Lane{.f = isDiagonal ? std::numeric_limits<double>::quiet_NaN() : -1.0};
      });
      for (int64_t dim : {0, 1})
        for (const char *kind : {"sum", "prod", "max"}) {
          std::string x = cases.input(values), type;
          std::string op = reduceText(kind, x, {{size, size}, {dim}}, e, type);
          cases.result(op, op, type, exact);
        }
    }
  }
  check(cases);
}

// What a reduction's padding reads is its identity: a tile's ragged end must not contribute.
TEST_P(Reduction, RaggedEndsOfEverySize) {
  Cases cases;
  std::vector<int64_t> sizes;
  for (int64_t size = 1; size <= (isGpu() && !runsAll() ? 20 : 70); ++size)
    sizes.push_back(size);
  for (int64_t size : {127, 128, 129, 1000, 1023, 1025})
    sizes.push_back(size);
  for (int64_t size : sizes) {
    TensorRef values = tensor(Element::F32, {2, size}, [&](size_t i) { return Lane{.f = -1.0 - double(i % 5)}; });
    std::string x = cases.input(values), type;
    for (const char *kind : {"sum", "max"}) {
      std::string op = reduceText(kind, x, {{2, size}, {1}}, Element::F32, type);
      cases.result(op, op, type, exact);
    }
  }
  check(cases);
}

TEST_P(Reduction, FusedWithWhatIsAround) {
  using namespace compose;
  std::vector<TensorRef> inputs = {ramp(Element::F32, {12, 30}, 1), ramp(Element::F32, {12, 30}, 2),
                                   ramp(Element::F16, {12, 30}, 3), ramp(Element::I1, {12, 30}, 4)};
  std::vector<Expectation> expectations;
  auto module = build(inputs, [&](Builder &b, ValueRange v) {
    Value x = v[0], y = v[1], half = v[2], truth = v[3];
    std::vector<Value> results;
    auto add = [&](const std::string &label, Value value) {
      results.push_back(value);
      expectations.push_back({label, exact, {}});
    };
    auto sum = [&](Value value, ArrayRef<int64_t> dims) { return reduce(b, tiny::ReduceKind::Sum, value, dims); };
    auto largest = [&](Value value, ArrayRef<int64_t> dims) { return reduce(b, tiny::ReduceKind::Max, value, dims); };
    add("sum of products", sum(mul(b, x, y), {1}));
    add("sum of a transpose", sum(permute(b, x, {1, 0}), {1}));
    add("sum of a flip", sum(flip(b, x, 1), {0}));
    add("sum of a padded row", sum(pad(b, x, {0, 2}, {0, 3}, b.getF32FloatAttr(1)), {1}));
    add("max of a padded row",
        largest(pad(b, x, {0, 2}, {0, 3}, b.getF32FloatAttr(-std::numeric_limits<float>::infinity())), {1}));
    add("sum of a reshape", sum(reshape(b, x, {6, 5, 12}), {1}));
    add("sum of windows", sum(slidingWindows(b, x, {Window{3, 2, 1, 1, 1}}, {15}, b.getF32FloatAttr(0)), {2}));
    add("sum of a concat", sum(concat(b, {x, y}, 1), {1}));
    add("sum of a broadcast", sum(broadcast(b, x, {5, 12, 30}), {0, 2}));
    add("halves summed as f32", cast(b, sum(cast(b, half, b.getF32Type()), {1}), b.getF16Type()));
    add("row minus its maximum", sub(b, x, broadcastOver(b, largest(x, {1}), {12, 30}, {1})));
    add("column minus its maximum", sub(b, x, broadcastOver(b, largest(x, {0}), {12, 30}, {0})));
    add("sum of maxima", sum(largest(x, {1}), {0}));
    add("maximum of sums", largest(sum(mul(b, x, y), {0}), {0}));
    add("minimum", reduceMin(b, x, {1}));
    add("any", reduce(b, tiny::ReduceKind::Max, truth, {1}));
    add("all", reduce(b, tiny::ReduceKind::Prod, truth, {0}));
    add("how many are larger", sum(cast(b, less(b, y, x), b.getI32Type()), {0, 1}));
    add("product of a sum and a scalar", mul(b, sum(x, {0, 1}), largest(y, {0, 1})));
    return results;
  });
  if (module)
    check(*module, inputs, expectations);
}

TEST_P(Reduction, SumsOfRoundedNumbers) {
  Cases cases;
  for (int64_t size : {10, 1000, 20000}) {
    TensorRef values = tensor(Element::F32, {3, size}, [](size_t i) {
      return Lane{.f = static_cast<double>(scrambled(i) % 100003) / 100003 - 0.3};
    });
    double magnitudes = 0;
    for (float value : values->as<float>().first(size))
      magnitudes += std::fabs(value);
    std::string x = cases.input(values), type;
    std::string op = reduceText("sum", x, {{3, size}, {1}}, Element::F32, type);
    cases.result(op, op, type, {0, 0, 4 * std::sqrt(double(size)) * 0x1p-24 * magnitudes});
  }
  check(cases);
}

// 1 and then 2^-24 as often as it takes: added one after the other they are lost, each half an ulp of the sum.
TEST_P(Reduction, LongSumsAreSummedInBlocks) {
  Cases cases;
  for (const Domain &domain : {Domain{{1024, 5}, {0}}, Domain{{3, 70000}, {1}}, Domain{{9, 1111, 4}, {0, 1}}}) {
    int64_t after = 1, terms = 1;
    for (int64_t i = 0; i < static_cast<int64_t>(domain.shape.size()); ++i)
      (llvm::is_contained(domain.dims, i) ? terms : after) *= domain.shape[i];
    bool rows = domain.dims.front() > 0;
    TensorRef values = tensor(Element::F32, domain.shape, [&](size_t i) {
      bool first = rows ? i % terms == 0 : i < static_cast<size_t>(after);
      return Lane{.f = first ? 1 : 0x1p-24};
    });
    std::string x = cases.input(values), type;
    std::string op = reduceText("sum", x, domain, Element::F32, type);
    cases.result(op, op, type, {0, 0, 0.1 * static_cast<double>(terms) * 0x1p-24});
  }
  check(cases);
}

} // namespace
} // namespace tinyc::test
