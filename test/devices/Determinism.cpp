// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One target and schedule give one result, bit for bit, run after run and whatever the number of threads.

#include "lib/Builders/Contraction.h"
#include "lib/Builders/Reduction.h"
#include "test/devices/Device.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace tinyc::test {
namespace {

class Determinism : public OnDevice {};
INSTANTIATE_TEST_SUITE_P(Devices, Determinism, testing::ValuesIn(allDevices), deviceName);

TEST_P(Determinism, SameBytesWithAnyNumberOfThreads) {
  auto third = [](Shape shape, unsigned seed) {
    return tensor(Element::F32, std::move(shape),
                  [=](size_t i) { return Lane{.f = static_cast<double>((i * 7919 + seed) % 10007) / 10007 - 0.3}; });
  };
  std::vector<TensorRef> inputs = {third({67, 130}, 1), third({130, 45}, 2), third({20000}, 3), third({9, 1000}, 4)};
  auto module = build(inputs, [&](compose::Builder &b, ValueRange x) {
    using namespace compose;
    Value product = matmul(b, x[0], x[1]);
    return std::vector<Value>{product,
                              softmax(b, product, {1}),
                              reduce(b, tiny::ReduceKind::Sum, x[2], {0}),
                              normalize(b, x[3], {1}, 1e-5).result,
                              reduce(b, tiny::ReduceKind::Sum, x[3], {0}),
                              sin(b, exp(b, x[2]))};
  });
  ASSERT_TRUE(module);
  Compiled compiled(*module, *chip, GetParam());
  ASSERT_EQ(compiled.error, "") << diagnostics;
  std::vector<TensorRef> first = compiled.run(inputs, 1);
  ASSERT_EQ(compiled.error, "");
  for (size_t threads : {1, 2, 3, 2}) {
    std::vector<TensorRef> again = compiled.run(inputs, threads);
    ASSERT_EQ(compiled.error, "");
    ASSERT_EQ(again.size(), first.size());
    for (size_t i = 0; i < first.size(); ++i)
      EXPECT_EQ(first[i]->bytes, again[i]->bytes) << "result " << i << " with " << threads << " threads";
  }
}

} // namespace
} // namespace tinyc::test
