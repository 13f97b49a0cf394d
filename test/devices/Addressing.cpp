// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Positions that are data: gathers and scatters of every type along every dimension, indices in and out of range,
// tables and indices that are computed, and what reads what was gathered.

#include "test/devices/Device.h"

#include "lib/Builders/Contraction.h"
#include "lib/Builders/Movement.h"
#include "lib/Builders/Reduction.h"

using namespace mlir;

namespace tinyc::test {
namespace {

class Addressing : public OnDevice {};
INSTANTIATE_TEST_SUITE_P(Devices, Addressing, testing::ValuesIn(allDevices), deviceName);

// Numbers from -2 to below + 2: some lie outside, most inside, and they repeat.
TensorRef indicesOf(Element e, Shape shape, int64_t below, unsigned seed = 1) {
  bool isUnsigned = e == Element::U8 || e == Element::U16 || e == Element::U32 || e == Element::U64;
  return tensor(e, std::move(shape), [&](size_t i) {
    uint64_t bits = (i + 1) * 0x9E3779B97F4A7C15u * (2 * seed + 1);
    auto number = static_cast<int64_t>((bits ^ bits >> 31) >> 7 & 0xFFFF) % (below + 4) - 2;
    return Lane{.i = isUnsigned && number < 0 ? 200 : number};
  });
}

// A number of a type, as an attribute's text.
std::string number(Element e, int value) {
  if (e == Element::I1)
    return value ? "true" : "false";
  return std::to_string(value) + (tiny::isFloat(e) ? ".0" : "") + " : " + tiny::name(e);
}

Shape gatheredShape(const Shape &table, size_t dim, const Shape &indices) {
  Shape shape(table.begin(), table.begin() + dim);
  shape.insert(shape.end(), indices.begin(), indices.end());
  shape.insert(shape.end(), table.begin() + dim + 1, table.end());
  return shape;
}

void addGather(Cases &cases, Element e, const Shape &shape, size_t dim, Element indexType, const Shape &indexShape) {
  TensorRef table = ramp(e, shape, dim + 1), index = indicesOf(indexType, indexShape, shape[dim]);
  std::string x = cases.input(table), i = cases.input(index);
  std::string type = tensorType(e, gatheredShape(shape, dim, indexShape));
  cases.result("gather of " + cases.typeOf(x) + " along " + std::to_string(dim) + " at " + cases.typeOf(i),
               "tiny.gather " + x + "[" + i + "] dim " + std::to_string(dim) + " otherwise " + number(e, 1) + " : " +
                   cases.typeOf(x) + ", " + cases.typeOf(i) + " -> " + type,
               type, exact);
}

TEST_P(Addressing, GathersEveryTypeAlongEveryDimension) {
  for (Element e : {Element::I1, Element::I8, Element::U8, Element::I16, Element::U16, Element::I32, Element::U32,
                    Element::I64, Element::U64, Element::F16, Element::BF16, Element::F32, Element::F64}) {
    Cases cases;
    for (size_t dim : {0, 1, 2})
      addGather(cases, e, {5, 7, 3}, dim, Element::I64, {4});
    check(cases);
  }
}

TEST_P(Addressing, GathersAtEveryTypeOfIndex) {
  Cases cases;
  for (Element e :
       {Element::I8, Element::U8, Element::I16, Element::U16, Element::I32, Element::U32, Element::I64, Element::U64}) {
    addGather(cases, Element::F32, {11, 3}, 0, e, {2, 5});
    addGather(cases, Element::F32, {3, 11}, 1, e, {13});
  }
  check(cases);
}

TEST_P(Addressing, GathersOfManyShapes) {
  Cases cases;
  for (const Shape &indices : {Shape{}, Shape{1}, Shape{37}, Shape{2, 1, 3}, Shape{0}})
    for (const Shape &table : {Shape{1}, Shape{13}, Shape{1, 1}, Shape{7, 0}, Shape{5, 64}, Shape{3, 130}})
      for (size_t dim = 0; dim < table.size(); ++dim)
        addGather(cases, Element::F32, table, dim, Element::I32, indices);
  addGather(cases, Element::F32, {0, 3}, 0, Element::I64, {4});
  check(cases);
}

// Numbers that only a comparison in their whole width keeps out.
TEST_P(Addressing, IndicesFarOutOfRange) {
  for (Element e : {Element::I64, Element::U64}) {
    Cases cases;
    TensorRef table = ramp(Element::F32, {8});
    TensorRef index = tensor(e, {9}, [&](size_t i) {
      constexpr int64_t wide[] = {3,         int64_t(1) << 32, (int64_t(1) << 32) + 3, -(int64_t(1) << 32), INT64_MIN,
                                  INT64_MAX, INT64_MIN + 3,    (int64_t(1) << 31) + 1, -(int64_t(1) << 31)};
      return Lane{.i = wide[i]};
    });
    std::string x = cases.input(table), i = cases.input(index);
    cases.result("gather far away",
                 "tiny.gather " + x + "[" + i + "] dim 0 otherwise 0x7FC00000 : f32 : tensor<8xf32>, " +
                     cases.typeOf(i) + " -> tensor<9xf32>",
                 "tensor<9xf32>", exact);
    check(cases);
  }
}

tiny::GatherOp gather(compose::Builder &b, Value table, Value indices, int64_t dim) {
  auto type = cast<RankedTensorType>(table.getType());
  SmallVector<int64_t> shape(type.getShape().take_front(dim));
  llvm::append_range(shape, cast<RankedTensorType>(indices.getType()).getShape());
  llvm::append_range(shape, type.getShape().drop_front(dim + 1));
  return tiny::GatherOp::create(b, type.clone(shape), table, indices, dim, b.getFloatAttr(type.getElementType(), -1.0));
}

// An embedding: rows of a table, then a normalisation of each. The rows are read, and not the table.
TEST_P(Addressing, RowsOfATableInOneKernel) {
  using namespace compose;
  TensorRef table = ramp(Element::F32, {1000, 96}), ids = indicesOf(Element::I64, {21}, 1000),
            bias = ramp(Element::F32, {96}, 3);
  auto module = build({table, ids, bias}, [&](Builder &b, ValueRange x) {
    Value rows = gather(b, x[0], compose::add(b, x[1], splatInteger(b, x[1].getType(), 1)), 0);
    Value sum = compose::add(b, rows, broadcast(b, x[2], {21, 96}));
    Value most = tiny::ReduceOp::create(b, tiny::ReduceKind::Max, sum, ArrayRef<int64_t>{1});
    return std::vector<Value>{sum, most};
  });
  ASSERT_TRUE(module);
  std::vector<Launch> launches = check(*module, {table, ids, bias}, {{"sum", exact, {}}, {"max", exact, {}}});
  ASSERT_EQ(launches.size(), 1u);
  EXPECT_EQ(launches[0].bytes, uint64_t(21 * 96 * 4 + 21 * 8 + 96 * 4 + 21 * 96 * 4 + 21 * 4));
}

TEST_P(Addressing, TablesThatAreViewsOrComputed) {
  using namespace compose;
  TensorRef x = ramp(Element::F32, {12, 10}), ids = indicesOf(Element::I32, {3, 7}, 10);
  std::vector<Expectation> expectations;
  auto module = build({x, ids}, [&](Builder &b, ValueRange in) {
    std::vector<Value> results;
    auto add = [&](const std::string &label, Value value) {
      results.push_back(value);
      expectations.push_back({label, exact, {}});
    };
    add("transposed", gather(b, permute(b, in[0], {1, 0}), in[1], 0));
    add("reshaped", gather(b, reshape(b, in[0], {4, 30}), in[1], 1));
    add("flattened", gather(b, reshape(b, in[0], {120}), in[1], 0));
    add("flipped", gather(b, flip(b, in[0], 1), in[1], 1));
    add("padded", gather(b, pad(b, in[0], {1, 0}, {0, 2}, b.getF32FloatAttr(3)), in[1], 0));
    add("computed", gather(b, mul(b, in[0], in[0]), in[1], 1));
    add("summed", gather(b, tiny::ReduceOp::create(b, tiny::ReduceKind::Max, in[0], ArrayRef<int64_t>{0}), in[1], 0));
    add("gathered", gather(b, gather(b, in[0], in[1], 1), slice(b, in[1], 0, 1, 2), 0));
    add("coordinates", gather(b, coordinate(b, {30}, b.getF32Type(), 0), in[1], 0));
    add("under a transposition", permute(b, gather(b, in[0], in[1], 0), {2, 0, 1}));
    add("under padding", pad(b, gather(b, in[0], in[1], 1), {0, 1, 2}, {1, 0, 0}, b.getF32FloatAttr(7)));
    add("under padding with the same number",
        pad(b, gather(b, in[0], in[1], 1), {0, 1, 2}, {1, 0, 0}, b.getF32FloatAttr(-1)));
    add("joined", concat(b, {gather(b, in[0], in[1], 1), gather(b, mul(b, in[0], in[0]), in[1], 1)}, 0));
    add("twice", compose::add(b, gather(b, in[0], in[1], 1), gather(b, in[0], in[1], 1)));
    return results;
  });
  ASSERT_TRUE(module);
  check(*module, {x, ids}, expectations);
}

// A contraction's operand is gathered before it, what follows it may be gathered in its kernel.
TEST_P(Addressing, AroundContractions) {
  using namespace compose;
  TensorRef x = ramp(Element::F32, {40, 24}), w = ramp(Element::F32, {24, 33}), ids = indicesOf(Element::I32, {19}, 40);
  std::vector<Expectation> expectations = {{"operand", exact, {}}, {"epilogue", exact, {}}};
  auto module = build({x, w, ids}, [&](Builder &b, ValueRange in) {
    Value product = matmul(b, gather(b, in[0], in[2], 0), in[1]);
    Value all = matmul(b, in[0], in[1]);
    Value bias = gather(b, in[1], slice(b, in[2], 0, 0, 1), 0); // 1 x 33
    return std::vector<Value>{product, compose::add(b, all, broadcast(b, bias, {40, 33}))};
  });
  ASSERT_TRUE(module);
  check(*module, {x, w, ids}, expectations);
}

void addScatter(Cases &cases, Element e, const std::string &kind, const Shape &shape, size_t dim, Element indexType,
                const Shape &indexShape) {
  TensorRef there = ramp(e, shape, dim + 1), index = indicesOf(indexType, indexShape, shape[dim], 3),
            updates = ramp(e, gatheredShape(shape, dim, indexShape), 5);
  std::string x = cases.input(there), i = cases.input(index), u = cases.input(updates);
  cases.result("scatter " + kind + " into " + cases.typeOf(x) + " along " + std::to_string(dim) + " at " +
                   cases.typeOf(i),
               "tiny.scatter " + kind + " " + x + "[" + i + "], " + u + " dim " + std::to_string(dim) + " : " +
                   cases.typeOf(x) + ", " + cases.typeOf(i) + ", " + cases.typeOf(u),
               cases.typeOf(x), exact);
}

// Few rows: each looks for its updates, but for sums of floats, whose order shows.
TEST_P(Addressing, ScattersEveryTypeAlongEveryDimension) {
  for (Element e : {Element::I1, Element::I8, Element::U8, Element::I16, Element::U16, Element::I32, Element::U32,
                    Element::I64, Element::U64, Element::F16, Element::BF16, Element::F32, Element::F64}) {
    Cases cases;
    for (size_t dim : {0, 1, 2})
      for (std::string kind : {"set", "sum", "max"})
        if (e != Element::I1 || kind == "set")
          addScatter(cases, e, kind, {5, 4, 3}, dim, Element::I64, {9});
    check(cases);
  }
}

TEST_P(Addressing, ScattersAtEveryTypeOfIndex) {
  Cases cases;
  for (Element e : {Element::I8, Element::U8, Element::I32, Element::U32, Element::I64, Element::U64})
    for (std::string kind : {"set", "sum"})
      addScatter(cases, Element::F32, kind, {11, 3}, 0, e, {2, 5});
  check(cases);
}

TEST_P(Addressing, ScattersOfManyShapes) {
  Cases cases;
  for (const Shape &indices : {Shape{}, Shape{1}, Shape{37}, Shape{2, 1, 3}, Shape{0}})
    for (const Shape &table : {Shape{1}, Shape{13}, Shape{1, 1}, Shape{7, 0}, Shape{5, 64}, Shape{3, 130}})
      for (size_t dim = 0; dim < table.size(); ++dim)
        for (std::string kind : {"set", "sum", "max"})
          addScatter(cases, Element::F32, kind, table, dim, Element::I32, indices);
  check(cases);
}

// Many rows and updates: a kernel walks them.
TEST_P(Addressing, WalksManyUpdates) {
  Cases cases;
  for (std::string kind : {"set", "sum", "max"}) {
    addScatter(cases, Element::F32, kind, {3000}, 0, Element::I32, {2000});
    addScatter(cases, Element::I16, kind, {2, 1700, 40}, 1, Element::I64, {30, 20});
  }
  std::vector<Launch> launches = check(cases);
  EXPECT_EQ(launches.size(), cases.size());
  for (const Launch &launch : launches)
    EXPECT_EQ(launch.kernel.rfind("scatter_", 0), 0u) << launch.kernel;
}

TEST_P(Addressing, ScattersWhatIsComputed) {
  using namespace compose;
  TensorRef x = ramp(Element::F32, {6, 10}), u = ramp(Element::F32, {4, 10}, 7), ids = indicesOf(Element::I32, {4}, 6);
  std::vector<Expectation> expectations;
  auto module = build({x, u, ids}, [&](Builder &b, ValueRange in) {
    std::vector<Value> results;
    for (tiny::ScatterKind kind : {tiny::ScatterKind::Set, tiny::ScatterKind::Sum, tiny::ScatterKind::Max}) {
      Value there = mul(b, in[0], in[0]), updates = compose::add(b, in[1], in[1]);
      Value scattered =
          tiny::ScatterOp::create(b, there.getType(), kind, there, compose::add(b, in[2], in[2]), updates, 0);
      results.push_back(compose::add(b, scattered, there));
      results.push_back(tiny::ScatterOp::create(b, there.getType(), kind, scattered, in[2], in[1], 0));
      expectations.push_back({"read on", exact, {}});
      expectations.push_back({"scattered again", exact, {}});
    }
    return results;
  });
  ASSERT_TRUE(module);
  check(*module, {x, u, ids}, expectations);
}

} // namespace
} // namespace tinyc::test
