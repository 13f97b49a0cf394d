// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What lower-arith and expand-elementary make of each elementwise op, run on this machine, against the reference: every
// pair of special values and random bits, all element types, on vectors. Bit for bit, except for the elementary
// functions of f32 and f64 (2 ulp) and of halves (one unit where the exact value lies next to a tie).

#include "dialects/Tiny/Elementwise.h"
#include "test/ulp/Jit.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace tinyc;
using namespace tinyc::tiny;

namespace {
constexpr size_t kCount = 4096;

struct Case {
  std::string op; // as text, with %a and %b
  unsigned operands;
  Element from, to;
  std::string type(Element e) const { return "vector<16x" + std::string(name(e)) + ">"; }
};

// Corners of each type first, every one beside every other, then random bits.
void fill(Element e, std::vector<std::byte> &a, std::vector<std::byte> &b) {
  std::vector<Lane> corners;
  if (isFloat(e)) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    for (double x : {0.0,      1.0,
                     0.5,      1.5,
                     2.5,      3.0,
                     127.5,    128.0,
                     255.0,    256.5,
                     32768.0,  65519.0,
                     65520.0,  0x1p31,
                     0x1p32,   0x1.fffffep30,
                     0x1p62,   0x1p63,
                     0x1p64,   0x1p-126,
                     0x1p-149, 0x1p-24,
                     88.8,     104.0,
                     1e30,     0x1.fffffep127,
                     infinity, std::numeric_limits<double>::quiet_NaN()})
      for (double sign : {1.0, -1.0})
        corners.push_back(Lane{.f = sign * x});
  } else {
    for (int64_t x : {int64_t(0), int64_t(1), int64_t(2), int64_t(3), int64_t(7), int64_t(8), int64_t(31), int64_t(32),
                      int64_t(64), int64_t(127), int64_t(128), int64_t(255), int64_t(1) << 24, (int64_t(1) << 24) + 1,
                      (int64_t(1) << 53) + 1, std::numeric_limits<int64_t>::max()})
      for (int64_t y : {x, ~x})
        corners.push_back(Lane{.i = y});
  }
  size_t width = byteWidth(e);
  a.resize(kCount * width);
  b.resize(kCount * width);
  std::mt19937_64 random(1);
  for (size_t k = 0; k < kCount; ++k) {
    if (k < corners.size() * corners.size()) {
      encode(e, &corners[k / corners.size()], 1, a.data() + k * width);
      encode(e, &corners[k % corners.size()], 1, b.data() + k * width);
      continue;
    }
    uint64_t x = random(), y = random() >> (k % 4 * 16);
    if (e == Element::I1)
      x &= 1, y &= 1;
    std::memcpy(a.data() + k * width, &x, width);
    std::memcpy(b.data() + k * width, &y, width);
  }
}

// i1 is stored as bytes: it is loaded and stored through ui8.
std::string textOf(const Case &test, const std::string &symbol) {
  auto stored = [](Element e) { return e == Element::I1 ? Element::U8 : e; };
  std::string from = name(stored(test.from)), to = name(stored(test.to));
  std::string memory = "memref<4096x" + from + ">";
  std::string text = "func.func @" + symbol + "(%x: " + memory + ", %y: " + memory + ", %r: memref<4096x" + to +
                     ">) {\n" + "%c0 = arith.constant 0 : index\n%c16 = arith.constant 16 : index\n" +
                     "%end = arith.constant 4096 : index\nscf.for %i = %c0 to %end step %c16 {\n";
  for (auto [value, buffer] : {std::pair("a", "x"), std::pair("b", "y")}) {
    text += std::string("%") + value + (test.from == Element::I1 ? "8" : "") + " = vector.load %" + buffer +
            "[%i] : " + memory + ", vector<16x" + from + ">\n";
    if (test.from == Element::I1)
      text += std::string("%") + value + " = tiny.cast %" + value + "8 : vector<16xui8> to vector<16xi1>\n";
  }
  text += "%v = " + test.op + "\n";
  if (test.to == Element::I1)
    text += "%w = tiny.cast %v : vector<16xi1> to vector<16xui8>\n";
  return text + "vector.store %" + (test.to == Element::I1 ? "w" : "v") + ", %r[%i] : memref<4096x" + to +
         ">, vector<16x" + to + ">\n}\nreturn\n}\n";
}

std::vector<Case> allCases() {
  const Element integers[] = {Element::I8, Element::I16, Element::I32, Element::I64,
                              Element::U8, Element::U16, Element::U32, Element::U64};
  const Element reals[] = {Element::F16, Element::BF16, Element::F32, Element::F64};
  std::vector<Case> cases;
  auto binary = [&](const std::string &op, Element e) {
    Case test{"", 2, e, e};
    test.op = "tiny." + op + " %a, %b : " + test.type(e);
    if (op == "cmplt" || op == "cmpeq")
      test.to = Element::I1;
    cases.push_back(test);
  };
  auto unary = [&](const std::string &op, Element e) {
    Case test{"", 1, e, e};
    test.op = "tiny." + op + " %a : " + test.type(e);
    cases.push_back(test);
  };
  std::vector<Element> all{Element::I1};
  for (Element e : integers) {
    all.push_back(e);
    for (const char *op : {"add", "mul", "div", "mod", "max", "cmplt", "cmpeq", "and", "or", "xor", "shl", "shr"})
      binary(op, e);
  }
  for (const char *op : {"and", "or", "xor", "cmpeq"})
    binary(op, Element::I1);
  for (Element e : reals) {
    all.push_back(e);
    for (const char *op : {"add", "mul", "div", "max", "cmplt", "cmpeq"})
      binary(op, e);
    for (const char *op :
         {"sqrt", "round even", "round floor", "round ceil", "round trunc", "exp e", "exp two", "log e", "log two"})
      unary(op, e);
    if (e != Element::F64) {
      binary("mod", e);
      unary("sin", e);
    }
  }
  for (Element from : all)
    for (Element to : all) {
      Case test{"", 1, from, to};
      test.op = "tiny.cast %a : " + test.type(from) + " to " + test.type(to);
      cases.push_back(test);
      if (bitWidth(from) == bitWidth(to)) {
        test.op = "tiny.bitcast %a : " + test.type(from) + " to " + test.type(to);
        cases.push_back(test);
      }
    }
  return cases;
}

// The distance in representable numbers; 0 for two NaNs.
uint64_t distance(Element e, const std::byte *x, const std::byte *y) {
  Lane a, b;
  decode(e, x, 1, &a);
  decode(e, y, 1, &b);
  if (!isFloat(e))
    return a.i == b.i ? 0 : ~uint64_t(0);
  if (std::isnan(a.f) || std::isnan(b.f))
    return std::isnan(a.f) && std::isnan(b.f) ? 0 : ~uint64_t(0);
  unsigned width = byteWidth(e);
  auto ordered = [&](const std::byte *bytes) {
    uint64_t bits = 0;
    std::memcpy(&bits, bytes, width);
    uint64_t sign = uint64_t(1) << (8 * width - 1);
    return bits & sign ? -static_cast<int64_t>(bits & (sign - 1)) : static_cast<int64_t>(bits);
  };
  if (a.f == 0 && b.f == 0)
    return std::signbit(a.f) == std::signbit(b.f) ? 0 : ~uint64_t(0);
  return std::abs(ordered(x) - ordered(y));
}
} // namespace

TEST(Lowered, ElementwiseOpsEqualTheReference) {
  std::vector<Case> cases = allCases();
  std::string text;
  for (size_t i = 0; i < cases.size(); ++i)
    text += textOf(cases[i], "case_" + std::to_string(i));
  auto context = makeJitContext();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
  ASSERT_TRUE(module);
  // The reference's functions, before the passes replace the ops.
  std::vector<Elementwise> functions;
  module->walk([&](mlir::func::FuncOp function) {
    std::vector<Elementwise> found;
    function.walk([&](mlir::Operation *op) {
      if (std::optional<Elementwise> elementwise = elementwiseOf(op))
        found.push_back(*elementwise);
    });
    const Case &test = cases[functions.size()];
    functions.push_back(found[test.from == Element::I1 ? 2 : 0]);
  });
  ASSERT_EQ(functions.size(), cases.size());
  for (const char *cpu : {"", "x86-64-v3"}) {
    auto copy = mlir::OwningOpRef<mlir::ModuleOp>(module->clone());
    Jit jit(*copy, cpu);
    ASSERT_EQ(jit.error(), "");
    for (size_t i = 0; i < cases.size(); ++i) {
      const Case &test = cases[i];
      std::vector<std::byte> a, b, result(kCount * byteWidth(test.to)), expected(result.size());
      fill(test.from, a, b);
      auto code = reinterpret_cast<void (*)(const void *, const void *, void *)>(jit.find("case_" + std::to_string(i)));
      ASSERT_TRUE(code) << jit.error();
      code(a.data(), b.data(), result.data());
      std::vector<Lane> x(kCount), y(kCount), z(kCount);
      decode(test.from, a.data(), kCount, x.data());
      decode(test.from, b.data(), kCount, y.data());
      const Lane *operands[] = {x.data(), y.data()};
      apply(functions[i], operands, kCount, z.data());
      encode(test.to, z.data(), kCount, expected.data());
      bool isElementary = functions[i].function >= Function::Exp && functions[i].function <= Function::Sin;
      uint64_t bound = !isElementary ? 0 : byteWidth(test.to) == 2 ? 1 : 2;
      size_t width = byteWidth(test.to), wrong = 0;
      for (size_t k = 0; k < kCount && wrong < 3; ++k) {
        uint64_t apart = distance(test.to, result.data() + k * width, expected.data() + k * width);
        // Lanes keep no payload of a NaN.
        bool isPayload = functions[i].function == Function::Bitcast && isFloat(test.from) && std::isnan(x[k].f);
        if (apart <= bound || isPayload)
          continue;
        ++wrong;
        Lane found;
        decode(test.to, result.data() + k * width, 1, &found);
        auto show = [](Element e, Lane lane) { return isFloat(e) ? std::to_string(lane.f) : std::to_string(lane.i); };
        ADD_FAILURE() << test.op << " (" << (*cpu ? cpu : "this machine") << ") of " << show(test.from, x[k]) << ", "
                      << show(test.from, y[k]) << ": expected " << show(test.to, z[k]) << ", found "
                      << show(test.to, found);
      }
    }
  }
}
