// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every elementwise op on every element type that it takes, over all pairs of the type's corner values and random bits:
// bit for bit, elementary functions within 2 ulp. Shapes of all kinds, and products whose sums must not become fused
// multiply-adds.

#include "test/devices/Device.h"

#include <cmath>
#include <limits>
#include <random>

namespace tinyc::test {
namespace {

class Elementwise : public OnDevice {};
INSTANTIATE_TEST_SUITE_P(Devices, Elementwise, testing::ValuesIn(allDevices), deviceName);

const std::vector<Element> integers = {Element::I8, Element::I16, Element::I32, Element::I64,
                                       Element::U8, Element::U16, Element::U32, Element::U64};
const std::vector<Element> floats = {Element::F16, Element::BF16, Element::F32, Element::F64};

const std::vector<Element> narrowFloats = {Element::F8E4M3FN, Element::F8E5M2, Element::F8E4M3FNUZ,
                                           Element::F8E5M2FNUZ};

std::vector<Element> allFloats() {
  std::vector<Element> all = floats;
  all.insert(all.end(), narrowFloats.begin(), narrowFloats.end());
  return all;
}

std::vector<Element> allElements() {
  std::vector<Element> all = {Element::I1};
  all.insert(all.end(), integers.begin(), integers.end());
  for (Element e : allFloats())
    all.push_back(e);
  return all;
}

// Corners of each format: largest, smallest normal, denormals; bounds of the integer types and their neighbours; ties.
std::vector<Lane> floatCorners() {
  std::vector<Lane> corners;
  for (double x : {0.0,
                   1.0,
                   0.5,
                   1.5,
                   2.5,
                   3.0,
                   127.5,
                   128.0,
                   255.0,
                   255.5,
                   256.5,
                   32767.5,
                   32768.0,
                   65504.0,
                   65519.0,
                   65520.0,
                   65536.0,
                   0x1p31,
                   0x1p32,
                   0x1p62,
                   0x1p63,
                   0x1p64,
                   0x1.fffffep30,
                   0x1.fffffep127,
                   0x1p127,
                   0x1.fep127,
                   0x1p-14,
                   0x1p-24,
                   0x1.8p-16,
                   0x1p-126,
                   0x1.8p-130,
                   0x1p-133,
                   0x1p-149,
                   0x1p-1022,
                   0x1p-1074,
                   88.8,
                   -103.9,
                   -150.0,
                   0x1.fffffffffffffp1023,
                   1e30,
                   std::numeric_limits<double>::infinity(),
                   std::numeric_limits<double>::quiet_NaN()})
    for (double sign : {1.0, -1.0})
      corners.push_back(Lane{.f = sign * x});
  return corners;
}

// The bounds of the type, shift amounts around its width, bounds of what floats hold exactly.
std::vector<Lane> integerCorners(Element e) {
  if (e == Element::I1)
    return {Lane{.i = 0}, Lane{.i = 1}};
  std::vector<Lane> corners;
  int64_t width = tiny::bitWidth(e), half = int64_t(1) << (width - 2);
  for (int64_t x :
       {int64_t(0), int64_t(1), int64_t(2), int64_t(3), int64_t(7), int64_t(100), width - 1, width, width + 1, half,
        half + 1, half + (half - 1), int64_t(255), (int64_t(1) << 24) + 1, (int64_t(1) << 53) + 1})
    for (int64_t y : {x, ~x})
      corners.push_back(Lane{.i = y});
  return corners;
}

const std::vector<const char *> elementaryOps = {"exp e", "exp two", "log e", "log two", "sin"};

struct Pair {
  TensorRef first, second;
};

// All pairs of corners, then pairs of random bits.
Pair pairsOf(Element e) {
  std::vector<Lane> corners = tiny::isFloat(e) ? floatCorners() : integerCorners(e);
  size_t n = corners.size(), count = n * n + 500, width = tiny::byteWidth(e);
  auto at = [&](bool second) {
    TensorRef values = tensor(e, {static_cast<int64_t>(count)},
                              [&](size_t i) { return i >= n * n ? Lane{.i = 0} : corners[second ? i % n : i / n]; });
    auto result = std::make_shared<DenseTensor>(*values);
    std::mt19937_64 random(second ? 1 : 2);
    for (size_t i = n * n; i < count; ++i) {
      uint64_t bits = random() >> (second ? i % 4 * width * 2 : 0);
      if (e == Element::I1)
        bits &= 1;
      std::memcpy(result->bytes.data() + i * width, &bits, width);
    }
    return result;
  };
  return {at(false), at(true)};
}

// The corners of a type, then random bits.
TensorRef valuesOf(Element e, size_t randoms, bool withNaN = true) {
  std::vector<Lane> corners = tiny::isFloat(e) ? floatCorners() : integerCorners(e);
  if (!withNaN)
    std::erase_if(corners, [](Lane lane) { return std::isnan(lane.f); });
  std::mt19937_64 random(7);
  size_t width = tiny::byteWidth(e);
  auto result =
      std::make_shared<DenseTensor>(*tensor(e, {static_cast<int64_t>(corners.size() + randoms)},
                                            [&](size_t i) { return i < corners.size() ? corners[i] : Lane{.i = 0}; }));
  for (size_t i = corners.size(); i < corners.size() + randoms; ++i) {
    Lane lane;
    do {
      uint64_t bits = random();
      if (e == Element::I1)
        bits &= 1;
      std::memcpy(result->bytes.data() + i * width, &bits, width);
      tiny::decode(e, result->bytes.data() + i * width, 1, &lane);
    } while (!withNaN && std::isnan(lane.f));
  }
  return result;
}

// Adds each of `ops` ("add", ...) on two inputs of type `e`.
void addBinary(Cases &cases, Element e, const std::vector<std::string> &ops) {
  Pair pair = pairsOf(e);
  std::string x = cases.input(pair.first), y = cases.input(pair.second), type = cases.typeOf(x);
  for (const std::string &op : ops) {
    bool compares = op.starts_with("cmp");
    cases.result(op + " " + tiny::name(e), "tiny." + op + " " + x + ", " + y + " : " + type,
                 compares ? tensorType(Element::I1, pair.first->shape) : type, exact, {pair.first, pair.second});
  }
}

TEST_P(Elementwise, BinaryOpsOfIntegers) {
  for (Element e : integers) {
    Cases cases;
    addBinary(cases, e, {"add", "mul", "div", "mod", "max", "cmplt", "cmpeq", "and", "or", "xor", "shl", "shr"});
    check(cases);
  }
}

TEST_P(Elementwise, BinaryOpsOfTruthValues) {
  Cases cases;
  addBinary(cases, Element::I1, {"cmpeq", "and", "or", "xor"});
  check(cases);
}

TEST_P(Elementwise, BinaryOpsOfFloats) {
  for (Element e : allFloats()) {
    Cases cases;
    addBinary(cases, e, {"add", "mul", "div", "mod", "max", "cmplt", "cmpeq"});
    check(cases);
  }
}

TEST_P(Elementwise, UnaryOpsOfFloats) {
  for (Element e : allFloats()) {
    Cases cases;
    TensorRef values = valuesOf(e, 3000);
    std::string x = cases.input(values), type = cases.typeOf(x);
    for (const char *op : {"sqrt", "round even", "round floor", "round ceil", "round trunc"})
      cases.result(std::string(op) + " " + tiny::name(e), "tiny." + std::string(op) + " " + x + " : " + type, type,
                   exact, {values});
    for (const char *op : elementaryOps)
      cases.result(std::string(op) + " " + tiny::name(e), "tiny." + std::string(op) + " " + x + " : " + type, type,
                   elementary(e), {values});
    check(cases);
  }
}

// Random bits are mostly too large or too small for exp and sin: here are arguments of every size in between.
TEST_P(Elementwise, ElementaryFunctionsInTheirRange) {
  for (Element e : {Element::F32, Element::F64}) {
    Cases cases;
    TensorRef values = tensor(e, {5000}, [](size_t i) {
      double size = std::exp2(static_cast<double>(i % 80) / 4 - 12);
      return Lane{.f = (i % 2 ? 1 : -1) * size * (1 + static_cast<double>(i * 7919 % 5003) / 5003)};
    });
    std::string x = cases.input(values), type = cases.typeOf(x);
    for (const char *op : elementaryOps)
      cases.result(std::string(op) + " " + tiny::name(e), "tiny." + std::string(op) + " " + x + " : " + type, type,
                   elementary(e), {values});
    // Of a scaled argument too: the product must be rounded before the function sees it.
    std::string eighth = cases.define("tiny.const dense<0.3> : " + type, type);
    std::string scaled = cases.define("tiny.mul " + x + ", " + eighth + " : " + type, type);
    for (const char *op : elementaryOps)
      cases.result(std::string(op) + " of x * 0.3 " + tiny::name(e),
                   "tiny." + std::string(op) + " " + scaled + " : " + type, type, elementary(e), {values});
    check(cases);
  }
}

TEST_P(Elementwise, CastsBetweenAllTypes) {
  for (Element from : allElements()) {
    Cases cases;
    TensorRef values = valuesOf(from, 1000);
    std::string x = cases.input(values);
    for (Element to : allElements()) {
      std::string type = tensorType(to, values->shape);
      cases.result(std::string("cast ") + tiny::name(from) + " to " + tiny::name(to),
                   "tiny.cast " + x + " : " + cases.typeOf(x) + " to " + type, type, exact, {values});
    }
    check(cases);
  }
}

// Without NaN: the reference keeps no payload.
TEST_P(Elementwise, BitcastsBetweenTypesOfOneWidth) {
  Cases cases;
  for (Element from : allElements()) {
    TensorRef values = valuesOf(from, 1000, false);
    std::string x = cases.input(values);
    for (Element to : allElements())
      if (tiny::bitWidth(from) == tiny::bitWidth(to)) {
        std::string type = tensorType(to, values->shape);
        cases.result(std::string("bitcast ") + tiny::name(from) + " to " + tiny::name(to),
                     "tiny.bitcast " + x + " : " + cases.typeOf(x) + " to " + type, type, exact, {values});
      }
  }
  check(cases);
}

TEST_P(Elementwise, WhereOnAllTypes) {
  Cases cases;
  for (Element e : allElements()) {
    Pair pair = pairsOf(e);
    TensorRef condition = ramp(Element::I1, pair.first->shape);
    std::string c = cases.input(condition), x = cases.input(pair.first), y = cases.input(pair.second);
    cases.result(std::string("where ") + tiny::name(e),
                 "tiny.where " + c + ", " + x + ", " + y + " : " + cases.typeOf(x), cases.typeOf(x), exact,
                 {condition, pair.first, pair.second});
  }
  check(cases);
}

TEST_P(Elementwise, ShapesOfAllKinds) {
  const std::vector<Shape> shapes = {{},           {1},       {0},        {2},           {7},
                                     {8},          {17},      {64},       {1031},        {3, 0, 5},
                                     {2, 3, 7},    {1, 1},    {5, 1, 13}, {127, 129},    {128, 64},
                                     {4, 4, 4, 4}, {1, 4096}, {4096, 1},  {13, 11, 7, 5}};
  Cases cases;
  for (const Shape &shape : shapes)
    for (Element e : {Element::I1, Element::I8, Element::F16, Element::F32, Element::I64}) {
      TensorRef a = ramp(e, shape, 1), b = ramp(e, shape, 2);
      std::string x = cases.input(a), y = cases.input(b), type = cases.typeOf(x);
      std::string op = e == Element::I1 ? "xor" : "mul";
      cases.result(op + " " + type, "tiny." + op + " " + x + ", " + y + " : " + type, type, exact, {a, b});
    }
  check(cases);
}

// A product that is added is rounded first: a fused multiply-add would keep the bits that (x * y) - round(x * y) shows.
TEST_P(Elementwise, ProductsAreRoundedBeforeTheyAreAdded) {
  Cases cases;
  for (Element e : floats) {
    auto third = [&](unsigned seed) {
      return tensor(e, {1000},
                    [&](size_t i) { return Lane{.f = 1.0 + static_cast<double>((i * 37 + seed) % 997) / 997}; });
    };
    TensorRef a = third(1), b = third(2), c = third(3);
    std::string x = cases.input(a), y = cases.input(b), z = cases.input(c), type = cases.typeOf(x);
    std::string product = cases.define("tiny.mul " + x + ", " + y + " : " + type, type);
    std::string minus = cases.define("tiny.const dense<-1.0> : " + type, type);
    std::string negative = cases.define("tiny.mul " + z + ", " + minus + " : " + type, type);
    cases.result(std::string("x * y + z ") + tiny::name(e), "tiny.add " + product + ", " + z + " : " + type, type,
                 exact, {a, b, c});
    cases.result(std::string("x * y - z ") + tiny::name(e), "tiny.add " + product + ", " + negative + " : " + type,
                 type, exact, {a, b, c});
  }
  check(cases);
}

} // namespace
} // namespace tinyc::test
