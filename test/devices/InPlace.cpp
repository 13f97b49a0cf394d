// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Results that take over the memory of an input: what is added last to a product, a convolution or a row, over sizes
// that tiles divide and sizes that they do not. Operands are -1, 0 and 1, so results are equal bit for bit.

#include "lib/Builders/Contraction.h"
#include "lib/Builders/Reduction.h"
#include "lib/Compiler/Compile.h"
#include "lib/Pipeline/Stages.h"
#include "test/devices/Device.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace tinyc::test {
namespace {

TensorRef signs(Element e, Shape shape, unsigned seed) {
  bool whole = e != Element::F32 && e != Element::F16;
  return tensor(e, std::move(shape), [=](size_t i) {
    int64_t sign = static_cast<int64_t>((i + seed) * 0x9E3779B97F4A7C15u >> 40) % 3 - 1;
    return whole ? Lane{.i = sign} : Lane{.f = static_cast<double>(sign)};
  });
}

class InPlace : public OnDevice {
protected:
  using Build = std::function<Value(compose::Builder &, ValueRange)>;

  /// Compares with the reference; of the kernels, `count` must compute in place.
  void checkInPlace(const std::string &label, const std::vector<TensorRef> &inputs, unsigned count, const Build &make) {
    SCOPED_TRACE(label);
    auto module = build(inputs, [&](compose::Builder &b, ValueRange x) { return std::vector{make(b, x)}; });
    if (!module)
      return;
    check(*module, inputs, {{label, exact, {}}});
    auto scheduled = lowerForChip(*module, *chip, findStage("schedule"), {});
    ASSERT_TRUE(succeeded(scheduled)) << diagnostics;
    unsigned found = 0;
    (*scheduled)->walk([&](tiny::KernelOp kernel) { found += kernel.getInPlace().has_value(); });
    EXPECT_EQ(found, count);
  }
};
INSTANTIATE_TEST_SUITE_P(Devices, InPlace, testing::ValuesIn(allDevices), deviceName);

TEST_P(InPlace, ProductPlusResidual) {
  for (Element e : {Element::F32, Element::F16, Element::I32})
    for (auto [m, n] : {std::pair<int64_t, int64_t>{1, 16}, {17, 33}, {130, 95}}) {
      if (e == Element::I32 && m > 100 && !runsAll())
        continue; // ptxas takes long
      checkInPlace("product of " + tensorType(e, {m, n}),
                   {signs(e, {m, 5}, 1), signs(e, {5, n}, 2), signs(e, {n, n}, 3), signs(e, {n, 3}, 4)}, 1,
                   [](compose::Builder &b, ValueRange x) {
                     Value first = compose::matmul(b, x[0], x[1]);
                     Value second = compose::matmul(b, first, x[2]);
                     Value sum = compose::add(b, compose::matmul(b, second, x[2]), first);
                     return compose::matmul(b, sum, x[3]);
                   });
    }
}

// The residual of a block of convolutions, wide and narrow lines.
TEST_P(InPlace, ConvolutionPlusResidual) {
  for (Shape image : {Shape{1, 8, 7, 7}, Shape{2, 19, 20, 21}, Shape{1, 16, 3, 65}}) {
    int64_t channels = image[1];
    Shape weights{channels, channels, 3, 3};
    checkInPlace("convolution of " + tensorType(Element::F32, image),
                 {signs(Element::F32, image, 1), signs(Element::F32, weights, 2), signs(Element::F32, weights, 3),
                  signs(Element::F32, weights, 4)},
                 1, [](compose::Builder &b, ValueRange x) {
                   compose::Window window{.size = 3, .before = 1, .after = 1};
                   auto conv = [&](Value image, Value weights) {
                     return compose::conv(b, image, weights, {window, window}, 1);
                   };
                   Value first = conv(x[0], x[1]);
                   Value sum = compose::add(b, conv(conv(first, x[2]), x[2]), first);
                   return conv(sum, x[3]);
                 });
  }
}

// Rows, walked stage by stage: what is largest in a row of a product is added to each of another row's squares.
TEST_P(InPlace, RowsPlusResidual) {
  for (int64_t length : {1, 31, 1000, 4099})
    checkInPlace(
        "rows of " + std::to_string(length),
        {signs(Element::I32, {6, 2}, 1), signs(Element::I32, {2, length}, 2), signs(Element::I32, {length, 3}, 3)}, 1,
        [](compose::Builder &b, ValueRange x) {
          Value first = compose::matmul(b, x[0], x[1]);
          Value top = compose::reduce(b, tiny::ReduceKind::Max, compose::matmul(b, first, x[2]), {1});
          auto shape = cast<RankedTensorType>(first.getType()).getShape();
          Value sum = compose::add(b, compose::mul(b, first, first), compose::broadcastAlong(b, top, shape, 0));
          Value limited = compose::max(b, sum, compose::broadcastAlong(b, top, shape, 0));
          return compose::matmul(b, limited, x[2]);
        });
}

// The result that takes the memory need not be the one that reads it. Whether the load is still under way at the
// barrier is then the code generator's choice; RandomGraphs.OnceFoundWrong has a kernel where it is.
TEST_P(InPlace, OneOfSeveralResults) {
  for (auto [m, n] : {std::pair<int64_t, int64_t>{4, 4}, {6, 31}, {3, 1000}})
    checkInPlace("results of " + tensorType(Element::I32, {m, n}),
                 {signs(Element::I32, {m, 2}, 1), signs(Element::I32, {2, n}, 2), signs(Element::I32, {n, 3}, 3)}, 1,
                 [](compose::Builder &b, ValueRange x) {
                   Value first = compose::matmul(b, x[0], x[1]);
                   Value top = compose::reduce(b, tiny::ReduceKind::Max, compose::matmul(b, first, x[2]), {1});
                   auto shape = cast<RankedTensorType>(first.getType()).getShape();
                   Value steps = compose::coordinate(b, shape, b.getI32Type(), 1);
                   Value one = compose::mul(b, steps, compose::broadcastAlong(b, top, shape, 0));
                   Value other = compose::max(b, one, first);
                   return compose::add(b, compose::matmul(b, one, x[2]), compose::matmul(b, other, x[2]));
                 });
}

} // namespace
} // namespace tinyc::test
