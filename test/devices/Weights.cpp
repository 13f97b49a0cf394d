// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products with weights: what depends on weights only runs at load (packing, conversion), and runs read what it made.
// Each case is compiled twice, with its weights as constants and as inputs. Operands are small multiples of 1/8, so
// results are equal bit for bit.

#include "dialects/Tiny/Elementwise.h"
#include "lib/Builders/Contraction.h"
#include "test/devices/Device.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace tinyc::test {
namespace {

class Weights : public OnDevice {
protected:
  using Build = std::function<Value(compose::Builder &, ValueRange)>;

  /// A case: its input, its weight, and what is computed of the two.
  struct Case {
    std::string label;
    TensorRef input, weight;
    Build build;
  };

  void checkBoth(const std::vector<Case> &cases) {
    for (bool known : {true, false}) {
      std::vector<TensorRef> inputs;
      std::vector<Expectation> expectations;
      for (const Case &c : cases) {
        inputs.push_back(c.input);
        if (!known)
          inputs.push_back(c.weight);
        expectations.push_back({c.label + (known ? ", known weights" : ""), exact, {}});
      }
      auto module = build(inputs, [&](compose::Builder &b, ValueRange x) {
        std::vector<Value> results;
        size_t next = 0;
        for (const Case &c : cases) {
          Value input = x[next++];
          auto type = RankedTensorType::get(c.weight->shape, tiny::typeOf(c.weight->element, b.getContext()));
          Value weight = known ? tiny::ConstOp::create(b, constantOf(*c.weight, type)).getResult() : x[next++];
          results.push_back(c.build(b, {input, weight}));
        }
        return results;
      });
      if (!module)
        return;
      std::vector<Launch> launches = check(*module, inputs, expectations);
      // What packs is not launched by a run.
      EXPECT_EQ(launches.size(), cases.size());
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Devices, Weights, testing::ValuesIn(allDevices), deviceName);

TEST_P(Weights, OfMatrixProducts) {
  struct Sizes {
    int64_t m, n, k;
  };
  std::vector<Case> cases;
  for (Element e : {Element::F32, Element::F16})
    for (auto [m, n, k] : std::vector<Sizes>{{2, 33, 17}, {17, 100, 70}, {64, 64, 64}, {130, 300, 700}, {5, 2, 9}}) {
      std::string size =
          std::string(tiny::name(e)) + " " + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
      auto f32 = [](compose::Builder &b, Value v) { return compose::cast(b, v, b.getF32Type()); };
      cases.push_back(
          {"weights on the right, " + size, ramp(e, {m, k}), ramp(e, {k, n}, 2),
           [=](compose::Builder &b, ValueRange x) { return compose::matmul(b, f32(b, x[0]), f32(b, x[1])); }});
      cases.push_back(
          {"weights on the left, " + size, ramp(e, {k, n}), ramp(e, {m, k}, 2),
           [=](compose::Builder &b, ValueRange x) { return compose::matmul(b, f32(b, x[1]), f32(b, x[0])); }});
      cases.push_back(
          {"weights transposed, " + size, ramp(e, {m, k}), ramp(e, {n, k}, 2), [=](compose::Builder &b, ValueRange x) {
             return compose::matmul(b, f32(b, x[0]), compose::permute(b, f32(b, x[1]), {1, 0}));
           }});
      cases.push_back(
          {"weights of a batch, " + size, ramp(e, {3, m, k}), ramp(e, {3, k, n}, 2),
           [=](compose::Builder &b, ValueRange x) { return compose::matmul(b, f32(b, x[0]), f32(b, x[1])); }});
    }
  for (size_t i = 0; i < cases.size(); i += isGpu() && !runsAll() ? 20 : 8)
    checkBoth({cases.begin() + i, cases.begin() + std::min(i + 8, cases.size())});
}

TEST_P(Weights, OfConvolutions) {
  struct Conv {
    int64_t channels, size, rows, window, stride, pad, dilation, groups;
  };
  std::vector<Case> cases;
  for (Element e : {Element::F32, Element::F16})
    for (const Conv &v :
         {Conv{3, 24, 8, 3, 1, 1, 1, 1}, Conv{8, 17, 20, 3, 2, 1, 1, 1}, Conv{6, 14, 6, 3, 1, 1, 1, 6},
          Conv{8, 13, 12, 5, 1, 2, 2, 2}, Conv{16, 14, 40, 1, 1, 0, 1, 1}, Conv{4, 30, 33, 7, 2, 3, 1, 1}})
      cases.push_back(
          {std::string(tiny::name(e)) + " conv of " + std::to_string(v.channels) + " channels, groups " +
               std::to_string(v.groups) + ", window " + std::to_string(v.window),
           ramp(e, {1, v.channels, v.size, v.size}), ramp(e, {v.rows, v.channels / v.groups, v.window, v.window}, 2),
           [=](compose::Builder &b, ValueRange x) {
             compose::Window w{v.window, v.stride, v.dilation, v.pad, v.pad};
             Type f32 = b.getF32Type();
             return compose::conv(b, compose::cast(b, x[0], f32), compose::cast(b, x[1], f32), {w, w}, v.groups);
           }});
  for (size_t i = 0; i < cases.size(); i += isGpu() && !runsAll() ? 12 : 6)
    checkBoth({cases.begin() + i, cases.begin() + std::min(i + 6, cases.size())});
}

} // namespace
} // namespace tinyc::test
