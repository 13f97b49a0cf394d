// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops of TOSA that move data, control flow, and what is refused.

#include "test/tosa/Tosa.h"

using namespace tinyc;
using namespace tinyc::test;

using Ints = std::vector<int32_t>;

static TensorRef count(std::vector<int64_t> shape) {
  int64_t elements = 1;
  for (int64_t size : shape)
    elements *= size;
  Ints values(elements);
  for (int64_t i = 0; i < elements; ++i)
    values[i] = int32_t(i);
  return tensor(std::move(shape), values);
}

TEST(TosaMovement, Views) {
  TensorRef x = count({2, 3});
  EXPECT_EQ(valuesOf<int32_t>(runOp("transpose", {x}, "{perms = array<i32: 1, 0>}", "tensor<3x2xi32>")),
            (Ints{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(valuesOf<int32_t>(runOp("reverse", {x}, "{axis = 1 : i32}", "tensor<2x3xi32>")), (Ints{2, 1, 0, 5, 4, 3}));
  EXPECT_EQ(valuesOf<int32_t>(runOp("concat", {x, x}, "{axis = 1 : i32}", "tensor<2x6xi32>")),
            (Ints{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5}));
  std::string shapes = "%s = tosa.const_shape {values = dense<[0, 1]> : tensor<2xindex>} : () -> !tosa.shape<2>\n"
                       "%n = tosa.const_shape {values = dense<2> : tensor<2xindex>} : () -> !tosa.shape<2>\n";
  EXPECT_EQ(valuesOf<int32_t>(runBody(shapes + "%r = tosa.slice %a0, %s, %n : (tensor<2x3xi32>, !tosa.shape<2>, "
                                               "!tosa.shape<2>) -> tensor<2x2xi32>",
                                      {x}, "tensor<2x2xi32>")),
            (Ints{1, 2, 4, 5}));
  EXPECT_EQ(valuesOf<int32_t>(
                runBody(shapes + "%r = tosa.tile %a0, %n : (tensor<2x3xi32>, !tosa.shape<2>) -> tensor<4x6xi32>", {x},
                        "tensor<4x6xi32>")),
            (Ints{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5, 0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5}));
}

TEST(TosaMovement, GatherAndScatterByBatch) {
  TensorRef x = count({2, 3, 2}), at = tensor({2, 2}, Ints{2, 0, 1, 1});
  EXPECT_EQ(valuesOf<int32_t>(runOp("gather", {x, at}, "", "tensor<2x2x2xi32>")), (Ints{4, 5, 0, 1, 8, 9, 8, 9}));
  TensorRef places = tensor({2, 2}, Ints{2, 0, 1, 2}),
            updates = tensor({2, 2, 2}, Ints{-1, -2, -3, -4, -5, -6, -7, -8});
  EXPECT_EQ(valuesOf<int32_t>(runOp("scatter", {x, places, updates}, "", "tensor<2x3x2xi32>")),
            (Ints{-3, -4, 2, 3, -1, -2, 6, 7, -5, -6, -7, -8}));
}

TEST(TosaControl, ChoosesAndLoops) {
  const char *text = R"(
func.func @forward(%c: tensor<i1>, %x: tensor<3xi32>) -> tensor<3xi32> {
  %r = tosa.cond_if %c : tensor<i1> -> tensor<3xi32> {
    %0 = tosa.add %x, %x : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
    tosa.yield %0 : tensor<3xi32>
  } else {
    tosa.yield %x : tensor<3xi32>
  }
  return %r : tensor<3xi32>
})";
  TensorRef x = count({3});
  std::string errors;
  for (uint8_t chosen : {0, 1}) {
    std::vector<TensorRef> found = runModule(text, {tensor({}, std::vector<uint8_t>{chosen}), x}, errors);
    ASSERT_EQ(errors, "");
    EXPECT_EQ(valuesOf<int32_t>(found[0]), (chosen ? Ints{0, 2, 4} : Ints{0, 1, 2}));
  }
  const char *loop = R"(
func.func @forward(%x: tensor<3xi32>) -> tensor<3xi32> {
  %zero = "tosa.const"() {values = dense<0> : tensor<i32>} : () -> tensor<i32>
  %i, %r = tosa.while_loop (%k = %zero, %v = %x) : (tensor<i32>, tensor<3xi32>) -> (tensor<i32>, tensor<3xi32>) {
    %five = "tosa.const"() {values = dense<5> : tensor<i32>} : () -> tensor<i32>
    %on = tosa.greater %five, %k : (tensor<i32>, tensor<i32>) -> tensor<i1>
    tosa.yield %on : tensor<i1>
  } do {
  ^bb0(%k: tensor<i32>, %v: tensor<3xi32>):
    %one = "tosa.const"() {values = dense<1> : tensor<i32>} : () -> tensor<i32>
    %next = tosa.add %k, %one : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %w = tosa.add %v, %v : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
    tosa.yield %next, %w : tensor<i32>, tensor<3xi32>
  }
  return %r : tensor<3xi32>
})";
  std::vector<TensorRef> found = runModule(loop, {x}, errors);
  ASSERT_EQ(errors, "");
  EXPECT_EQ(valuesOf<int32_t>(found[0]), (Ints{0, 32, 64}));
}

TEST(TosaErrors, ListsAllOpsWithoutAConversion) {
  std::string errors;
  EXPECT_TRUE(runModule(R"(
func.func @forward(%x: tensor<1x4x8xf32>) -> (tensor<1x4x5xf32>, tensor<1x4x5xf32>) {
  %r, %i = tosa.rfft2d %x : (tensor<1x4x8xf32>) -> (tensor<1x4x5xf32>, tensor<1x4x5xf32>)
  return %r, %i : tensor<1x4x5xf32>, tensor<1x4x5xf32>
})",
                        {}, errors)
                  .empty());
  EXPECT_NE(errors.find("there is no conversion for tosa.rfft2d (1)"), std::string::npos) << errors;
  EXPECT_NE(errors.find("first tosa.rfft2d here"), std::string::npos) << errors;
}
