// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Views alone and in combination, concatenation and coordinates, on element types of every width, fused with what
// computes and not: bit for bit. The combinations come from the same builders that importers use.

#include "lib/Builders/Movement.h"
#include "dialects/Tiny/Elementwise.h"
#include "lib/Builders/Reduction.h"
#include "test/devices/Device.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <limits>
#include <random>

using namespace mlir;

namespace tinyc::test {
namespace {

class Movement : public OnDevice {
protected:
  using Make = std::function<Value(compose::Builder &, Value)>;
  struct View {
    std::string label;
    Make make;
  };

  // Each view of one input, alone (a copy) and below arithmetic.
  void checkViews(Element e, const Shape &shape, const std::vector<View> &views) {
    TensorRef input = ramp(e, shape);
    std::vector<Expectation> expectations;
    auto module = build({input}, [&](compose::Builder &b, ValueRange arguments) {
      std::vector<Value> results;
      for (const View &view : views) {
        std::string label = view.label + " of " + tensorType(e, shape);
        results.push_back(view.make(b, arguments[0]));
        expectations.push_back({label, exact, {}});
        if (e == Element::I1)
          continue;
        Value doubled = compose::add(b, arguments[0], arguments[0]);
        results.push_back(compose::mul(b, view.make(b, doubled), results.back()));
        expectations.push_back({"arithmetic with " + label, exact, {}});
      }
      return results;
    });
    if (module)
      check(*module, {input}, expectations);
  }
};
INSTANTIATE_TEST_SUITE_P(Devices, Movement, testing::ValuesIn(allDevices), deviceName);

// The number `value` of the element type of `x`.
TypedAttr numberOf(compose::Builder &b, Value x, double value) {
  Type element = tiny::elementType(x.getType());
  if (isa<FloatType>(element))
    return b.getFloatAttr(element, value);
  return b.getIntegerAttr(element, static_cast<int64_t>(value));
}

Value padded(compose::Builder &b, Value x, ArrayRef<int64_t> before, ArrayRef<int64_t> after, double fill) {
  return compose::pad(b, x, before, after, numberOf(b, x, fill));
}

TEST_P(Movement, SingleViews) {
  using namespace compose;
  for (Element e : {Element::F32, Element::I8, Element::F16, Element::I64, Element::I1})
    checkViews(
        e, {6, 5, 8},
        {{"reshape to one dimension", [](Builder &b, Value x) { return reshape(b, x, {240}); }},
         {"reshape that splits and joins", [](Builder &b, Value x) { return reshape(b, x, {15, 16}); }},
         {"reshape to primes", [](Builder &b, Value x) { return reshape(b, x, {2, 3, 40, 1}); }},
         {"permute 2 0 1", [](Builder &b, Value x) { return permute(b, x, {2, 0, 1}); }},
         {"permute 2 1 0", [](Builder &b, Value x) { return permute(b, x, {2, 1, 0}); }},
         {"pad", [](Builder &b, Value x) { return padded(b, x, {1, 0, 3}, {0, 2, 1}, 1); }},
         {"pad and cut off", [](Builder &b, Value x) { return padded(b, x, {-2, 1, -1}, {3, -1, -3}, 0); }},
         {"flip 0", [](Builder &b, Value x) { return flip(b, x, 0); }},
         {"flip 2", [](Builder &b, Value x) { return flip(b, x, 2); }},
         {"slice", [](Builder &b, Value x) { return slice(b, x, 1, 2, 3); }},
         {"strided slice", [](Builder &b, Value x) { return stridedSlice(b, x, {1, 4, 0}, {2, 3, 3}, {3, -2, 3}); }},
         {"broadcast", [](Builder &b, Value x) { return broadcast(b, x, {3, 6, 5, 8}); }},
         {"tile", [](Builder &b, Value x) { return tile(b, x, {2, 1, 3}); }}});
}

TEST_P(Movement, CombinationsOfViews) {
  using namespace compose;
  for (Element e : {Element::F32, Element::I16})
    checkViews(
        e, {7, 4, 9},
        {{"permute, reshape", [](Builder &b, Value x) { return reshape(b, permute(b, x, {1, 2, 0}), {6, 42}); }},
         {"reshape, permute, reshape",
          [](Builder &b, Value x) { return reshape(b, permute(b, reshape(b, x, {7, 2, 2, 9}), {2, 0, 3, 1}), {252}); }},
         {"pad, flip, pad",
          [](Builder &b, Value x) {
            return padded(b, flip(b, padded(b, x, {1, 1, 0}, {0, 1, 2}, 3), 2), {0, 0, 2}, {1, 0, 1}, 5);
          }},
         {"pad, reshape",
          [](Builder &b, Value x) { return reshape(b, padded(b, x, {0, 1, 0}, {1, 0, 1}, 2), {8, 50}); }},
         {"pad, strided slice, permute",
          [](Builder &b, Value x) {
            return permute(b, stridedSlice(b, padded(b, x, {2, 0, 1}, {0, 2, 2}, 7), {8, 0, 1}, {3, 3, 4}, {-3, 2, 3}),
                           {2, 0, 1});
          }},
         {"windows with padding",
          [](Builder &b, Value x) {
            Window window{3, 2, 2, 1, 2};
            int64_t positions = (9 + 3 - window.extent()) / 2 + 1;
            return slidingWindows(b, x, {window}, {positions}, numberOf(b, x, 4));
          }},
         {"windows of windows",
          [](Builder &b, Value x) {
            Window a{3, 2, 1, 1, 1}, c{2, 1, 2, 0, 1};
            return slidingWindows(b, x, {a, c}, {2, 8}, numberOf(b, x, -1));
          }},
         {"flip, tile, slice",
          [](Builder &b, Value x) { return slice(b, tile(b, flip(b, x, 0), {1, 1, 3}), 2, 5, 20); }},
         {"broadcast of a slice, permuted",
          [](Builder &b, Value x) { return permute(b, broadcast(b, slice(b, x, 1, 3, 1), {7, 11, 9}), {1, 0, 2}); }},
         {"no elements", [](Builder &b, Value x) { return slice(b, x, 1, 2, 0); }},
         {"padding of no elements",
          [](Builder &b, Value x) { return padded(b, slice(b, x, 1, 2, 0), {0, 2, 0}, {0, 1, 0}, 6); }}});
}

// Sizes around those of tiles: one below, at, and above powers of two, and a transposition, which reads by columns.
TEST_P(Movement, TransposesAndShiftsOfLargeTensors) {
  using namespace compose;
  for (const Shape &shape : {Shape{127, 65}, Shape{64, 128}, Shape{1, 1031}, Shape{257, 3}})
    for (Element e : {Element::F32, Element::U8})
      checkViews(e, shape,
                 {{"transpose", [](Builder &b, Value x) { return permute(b, x, {1, 0}); }},
                  {"flip of a transpose", [](Builder &b, Value x) { return flip(b, permute(b, x, {1, 0}), 1); }},
                  {"shift", [](Builder &b, Value x) { return padded(b, x, {0, 1}, {0, -1}, 0); }},
                  {"reshape of a transpose", [](Builder &b, Value x) {
                     return reshape(b, permute(b, x, {1, 0}), {shapeOf(x)[0] * shapeOf(x)[1]});
                   }}});
}

TEST_P(Movement, FillsOfAllKinds) {
  using namespace compose;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (Element e : {Element::F16, Element::BF16, Element::F32, Element::F64}) {
    std::vector<Movement::View> views;
    for (double fill : {-infinity, infinity, -0.0, std::numeric_limits<double>::quiet_NaN(), 1.5})
      views.push_back(
          {"fill " + std::to_string(fill), [fill](Builder &b, Value x) { return padded(b, x, {1, 2}, {2, 0}, fill); }});
    checkViews(e, {5, 7}, views);
  }
  for (Element e : {Element::I8, Element::U8, Element::I32, Element::U64})
    checkViews(e, {5, 7},
               {{"fill 7", [](Builder &b, Value x) { return padded(b, x, {1, 2}, {2, 0}, 7); }},
                {"fill 127", [](Builder &b, Value x) { return padded(b, x, {0, 2}, {2, 3}, 127); }}});
}

TEST_P(Movement, Scalars) {
  using namespace compose;
  for (Element e : {Element::F32, Element::I1, Element::I64, Element::BF16})
    checkViews(e, {},
               {{"scalar reshaped", [](Builder &b, Value x) { return reshape(b, x, {1, 1}); }},
                {"scalar broadcast", [](Builder &b, Value x) { return broadcast(b, x, {3, 5}); }}});
  checkViews(Element::F32, {1, 1}, {{"reshape to a scalar", [](Builder &b, Value x) { return reshape(b, x, {}); }}});
}

TEST_P(Movement, ConcatenationsAlongEachDimension) {
  using namespace compose;
  for (Element e : {Element::F32, Element::I8, Element::I1, Element::F64}) {
    std::vector<TensorRef> inputs = {ramp(e, {3, 4, 5}, 1), ramp(e, {3, 4, 5}, 2), ramp(e, {3, 2, 5}, 3),
                                     ramp(e, {3, 0, 5}, 4), ramp(e, {3, 4, 1}, 5), ramp(e, {1, 4, 5}, 6)};
    std::vector<Expectation> expectations;
    auto module = build(inputs, [&](Builder &b, ValueRange x) {
      std::vector<Value> results;
      auto add = [&](const std::string &label, Value value) {
        results.push_back(value);
        expectations.push_back({label + " of " + tiny::name(e), exact, {}});
      };
      add("concat along 0", concat(b, {x[0], x[1], x[5]}, 0));
      add("concat along 1", concat(b, {x[0], x[2], x[3], x[1]}, 1));
      add("concat along 2", concat(b, {x[4], x[0], x[4]}, 2));
      add("concat with itself", concat(b, {x[0], x[0]}, 1));
      add("concat of views", concat(b, {permute(b, x[0], {2, 1, 0}), flip(b, permute(b, x[1], {2, 1, 0}), 0)}, 2));
      add("slice of a concat", slice(b, concat(b, {x[0], x[2]}, 1), 1, 3, 2));
      add("pad of a concat", padded(b, concat(b, {x[0], x[2]}, 1), {0, 1, 1}, {0, 1, 0}, 1));
      if (e != Element::I1)
        add("concat of sums", concat(b, {compose::add(b, x[0], x[1]), compose::mul(b, x[0], x[1])}, 0));
      return results;
    });
    if (module)
      check(*module, inputs, expectations);
  }
}

// What no op computes: inputs, constants, one value twice, nothing at all.
TEST_P(Movement, ReturnsWhatIsAlreadyThere) {
  std::vector<TensorRef> inputs = {ramp(Element::F32, {3, 5}), ramp(Element::I8, {0, 5}), ramp(Element::I1, {})};
  auto module = parse("func.func @main(%x: tensor<3x5xf32>, %n: tensor<0x5xi8>, %t: tensor<i1>) -> (tensor<3x5xf32>, "
                      "tensor<3x5xf32>, tensor<0x5xi8>, tensor<i1>, tensor<2x2xf16>, tensor<3xi64>) {\n"
                      "%s = tiny.const dense<1.5> : tensor<2x2xf16>\n"
                      "%d = tiny.const dense<[1, -2, 3]> : tensor<3xi64>\n"
                      "return %x, %x, %n, %t, %s, %d : tensor<3x5xf32>, tensor<3x5xf32>, tensor<0x5xi8>, tensor<i1>, "
                      "tensor<2x2xf16>, tensor<3xi64>\n}\n");
  ASSERT_TRUE(module);
  check(*module, inputs,
        {{"input", exact, {}},
         {"again", exact, {}},
         {"empty input", exact, {}},
         {"truth", exact, {}},
         {"splat", exact, {}},
         {"elements", exact, {}}});
}

TEST_P(Movement, Coordinates) {
  using namespace compose;
  std::vector<Expectation> expectations;
  TensorRef input = ramp(Element::I64, {7, 33}), flat = ramp(Element::F32, {231});
  auto module = build({input, flat}, [&](Builder &b, ValueRange x) {
    std::vector<Value> results;
    auto add = [&](const std::string &label, Value value) {
      results.push_back(value);
      expectations.push_back({label, exact, {}});
    };
    for (Element e : {Element::I8, Element::U8, Element::I16, Element::I32, Element::I64, Element::U64, Element::F16,
                      Element::BF16, Element::F32, Element::F64})
      for (int64_t dim : {0, 1})
        add(std::string("coordinate ") + std::to_string(dim) + " as " + tiny::name(e),
            coordinate(b, {7, 33}, tiny::typeOf(e, b.getContext()), dim));
    Value row = coordinate(b, {7, 33}, b.getI64Type(), 0), column = coordinate(b, {7, 33}, b.getI64Type(), 1);
    add("lower triangle", where(b, less(b, row, column), splatInteger(b, x[0].getType(), 0), x[0]));
    add("element plus coordinate", compose::add(b, x[0], mul(b, row, column)));
    AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
    auto type = RankedTensorType::get({7, 33}, b.getI32Type());
    add("iota of mod and floordiv",
        tiny::IotaOp::create(b, type, AffineMap::get(2, 0, (d0 * 33 + d1).floorDiv(5) * 3 + (d1 + d0 * 2) % 4)));
    add("iota of negative numbers", tiny::IotaOp::create(b, type, AffineMap::get(2, 0, d0 * -100 + d1 - 17)));
    add("iota under a reshape", mul(b, x[1], cast(b, reshape(b, mul(b, row, row), {231}), b.getF32Type())));
    return results;
  });
  if (module)
    check(*module, {input, flat}, expectations);
}

// Chains of random views: seed by seed, so that a wrong one can be named.
TEST_P(Movement, RandomChains) {
  using namespace compose;
  TensorRef input = ramp(Element::I32, {4, 6, 5});
  std::vector<Expectation> expectations;
  unsigned chains = runsAll() ? 400 : isGpu() ? 20 : 60;
  auto module = build({input}, [&](Builder &b, ValueRange arguments) {
    std::vector<Value> results;
    for (unsigned seed = 0; seed < chains; ++seed) {
      std::mt19937 random(seed);
      Value x = arguments[0];
      std::string label = "chain " + std::to_string(seed) + ":";
      for (int step = 0; step < 5; ++step) {
        SmallVector<int64_t> shape(shapeOf(x));
        int64_t rank = shape.size(), dim = random() % rank;
        switch (random() % 6) {
        case 0: {
          SmallVector<int64_t> order(rank);
          for (int64_t i = 0; i < rank; ++i)
            order[i] = (i + 1) % rank;
          x = permute(b, x, order);
          label += " permute";
          break;
        }
        case 1: {
          SmallVector<int64_t> before(rank), after(rank);
          before[dim] = random() % 3;
          after[dim] = random() % 2;
          x = padded(b, x, before, after, static_cast<double>(random() % 9));
          label += " pad";
          break;
        }
        case 2:
          x = flip(b, x, dim);
          label += " flip";
          break;
        case 3: {
          // Joins a dimension with the next one, or splits a factor off.
          SmallVector<int64_t> next(shape);
          if (dim + 1 < rank && rank > 2) {
            next[dim] *= next[dim + 1];
            next.erase(next.begin() + dim + 1);
          } else if (shape[dim] % 2 == 0) {
            next[dim] /= 2;
            next.insert(next.begin() + dim + 1, 2);
          }
          x = reshape(b, x, next);
          label += " reshape";
          break;
        }
        case 4:
          if (shape[dim] > 2) {
            SmallVector<int64_t> starts(rank), sizes(shape), steps(rank, 1);
            starts[dim] = 1;
            sizes[dim] = shape[dim] / 2;
            steps[dim] = 2;
            x = stridedSlice(b, x, starts, sizes, steps);
            label += " slice";
          }
          break;
        case 5:
          x = compose::add(b, x, coordinate(b, shape, b.getI32Type(), dim));
          label += " add";
          break;
        }
      }
      results.push_back(x);
      expectations.push_back({label, exact, {}});
    }
    return results;
  });
  if (module)
    check(*module, {input}, expectations);
}

} // namespace
} // namespace tinyc::test
