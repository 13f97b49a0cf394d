// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integer arithmetic: bits, shifts, products that are scaled, rescale, tables. What is expected is the specification's
// pseudocode, written again.

#include "test/tosa/Tosa.h"

namespace tinyc::test {
namespace {

using Ints = std::vector<int32_t>;

TEST(TosaInteger, BitsAndShifts) {
  Ints x = {0, 1, -1, 123456, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
  Ints y = {0, 31, 1, 4, 31, 3};
  Ints andBits, orBits, xorBits, notBits, left, logical, arithmetic, rounded, zeros;
  for (size_t i = 0; i < x.size(); ++i) {
    andBits.push_back(x[i] & y[i]);
    orBits.push_back(x[i] | y[i]);
    xorBits.push_back(x[i] ^ y[i]);
    notBits.push_back(~x[i]);
    left.push_back(int32_t(uint32_t(x[i]) << y[i]));
    logical.push_back(int32_t(uint32_t(x[i]) >> y[i]));
    arithmetic.push_back(x[i] >> y[i]);
    rounded.push_back((x[i] >> y[i]) + (y[i] > 0 && ((x[i] >> (y[i] - 1)) & 1)));
    zeros.push_back(x[i] == 0 ? 32 : __builtin_clz(uint32_t(x[i])));
  }
  TensorRef a = tensor({6}, x), b = tensor({6}, y);
  EXPECT_EQ(valuesOf<int32_t>(runOp("bitwise_and", {a, b}, "", "tensor<6xi32>")), andBits);
  EXPECT_EQ(valuesOf<int32_t>(runOp("bitwise_or", {a, b}, "", "tensor<6xi32>")), orBits);
  EXPECT_EQ(valuesOf<int32_t>(runOp("bitwise_xor", {a, b}, "", "tensor<6xi32>")), xorBits);
  EXPECT_EQ(valuesOf<int32_t>(runOp("bitwise_not", {a}, "", "tensor<6xi32>")), notBits);
  EXPECT_EQ(valuesOf<int32_t>(runOp("logical_left_shift", {a, b}, "", "tensor<6xi32>")), left);
  EXPECT_EQ(valuesOf<int32_t>(runOp("logical_right_shift", {a, b}, "", "tensor<6xi32>")), logical);
  EXPECT_EQ(valuesOf<int32_t>(runOp("arithmetic_right_shift", {a, b}, "{round = false}", "tensor<6xi32>")), arithmetic);
  EXPECT_EQ(valuesOf<int32_t>(runOp("arithmetic_right_shift", {a, b}, "{round = true}", "tensor<6xi32>")), rounded);
  EXPECT_EQ(valuesOf<int32_t>(runOp("clz", {a}, "", "tensor<6xi32>")), zeros);
}

TEST(TosaInteger, Arithmetic) {
  Ints x = {7, -7, 100, -100, 5, 0}, y = {2, 2, -9, -9, 1, 3};
  Ints sum, difference, quotient, most, least;
  for (size_t i = 0; i < x.size(); ++i) {
    sum.push_back(x[i] + y[i]);
    difference.push_back(x[i] - y[i]);
    quotient.push_back(x[i] / y[i]);
    most.push_back(std::max(x[i], y[i]));
    least.push_back(std::min(x[i], y[i]));
  }
  TensorRef a = tensor({6}, x), b = tensor({6}, y);
  EXPECT_EQ(valuesOf<int32_t>(runOp("add", {a, b}, "", "tensor<6xi32>")), sum);
  EXPECT_EQ(valuesOf<int32_t>(runOp("sub", {a, b}, "", "tensor<6xi32>")), difference);
  EXPECT_EQ(valuesOf<int32_t>(runOp("intdiv", {a, b}, "", "tensor<6xi32>")), quotient);
  EXPECT_EQ(valuesOf<int32_t>(runOp("maximum", {a, b}, "", "tensor<6xi32>")), most);
  EXPECT_EQ(valuesOf<int32_t>(runOp("minimum", {a, b}, "", "tensor<6xi32>")), least);
  EXPECT_EQ(valuesOf<int32_t>(runOp("clamp", {a}, "{min_val = -7 : i32, max_val = 6 : i32}", "tensor<6xi32>")),
            (Ints{6, -7, 6, -7, 5, 0}));
  EXPECT_EQ(valuesOf<int32_t>(runOp("abs", {a}, "", "tensor<6xi32>")), (Ints{7, 7, 100, 100, 5, 0}));
}

TEST(TosaInteger, ProductsAreScaledWithRounding) {
  Ints x = {1 << 30, -(1 << 30), 12345, -12345, 3}, y = {1 << 30, 1 << 30, 67891, 67891, 1};
  for (int shift : {1, 20, 31}) {
    Ints expected;
    for (size_t i = 0; i < x.size(); ++i)
      expected.push_back(int32_t((int64_t(x[i]) * y[i] + (int64_t(1) << (shift - 1))) >> shift));
    std::string body = "%s = \"tosa.const\"() {values = dense<" + std::to_string(shift) +
                       "> : tensor<1xi8>} : () -> tensor<1xi8>\n%r = tosa.mul %a0, %a1, %s : (tensor<5xi32>, "
                       "tensor<5xi32>, tensor<1xi8>) -> tensor<5xi32>";
    EXPECT_EQ(valuesOf<int32_t>(runBody(body, {tensor({5}, x), tensor({5}, y)}, "tensor<5xi32>")), expected) << shift;
  }
  std::vector<int8_t> p = {100, -128, 7}, q = {100, -128, -9};
  TensorRef result = runBody(R"(%s = "tosa.const"() {values = dense<0> : tensor<1xi8>} : () -> tensor<1xi8>
%r = tosa.mul %a0, %a1, %s : (tensor<3xi8>, tensor<3xi8>, tensor<1xi8>) -> tensor<3xi32>)",
                             {tensor({3}, p), tensor({3}, q)}, "tensor<3xi32>");
  EXPECT_EQ(valuesOf<int32_t>(result), (Ints{10000, 16384, -63}));
}

TEST(TosaInteger, NegateWithZeroPoints) {
  TensorRef result = runBody(R"(%i = "tosa.const"() {values = dense<3> : tensor<1xi8>} : () -> tensor<1xi8>
%o = "tosa.const"() {values = dense<-4> : tensor<1xi8>} : () -> tensor<1xi8>
%r = tosa.negate %a0, %i, %o : (tensor<4xi8>, tensor<1xi8>, tensor<1xi8>) -> tensor<4xi8>)",
                             {tensor({4}, std::vector<int8_t>{0, 3, -128, 127})}, "tensor<4xi8>");
  EXPECT_EQ(valuesOf<int8_t>(result), (std::vector<int8_t>{-1, -4, 127, -128}));
}

// apply_scale_32 and apply_scale_16 of the specification.
int64_t applyScale(int64_t value, int64_t multiplier, int shift, bool twice) {
  int64_t round = int64_t(1) << (shift - 1);
  if (twice && shift > 31)
    round += value >= 0 ? int64_t(1) << 30 : -(int64_t(1) << 30);
  return (value * multiplier + round) >> shift;
}

TEST(TosaInteger, RescalePerChannel) {
  Ints x = someIntegers<int32_t>(12, 5);
  for (int32_t &v : x)
    v >>= 8;
  const int64_t multipliers[] = {1073741824, 1431655765, 2000000000};
  const int shifts[] = {31, 40, 45};
  for (bool twice : {false, true}) {
    std::vector<int8_t> expected;
    for (size_t i = 0; i < x.size(); ++i)
      expected.push_back(
          int8_t(std::clamp<int64_t>(applyScale(x[i] - 17, multipliers[i % 3], shifts[i % 3], twice) - 5, -128, 127)));
    std::string body = std::string(R"(
%m = "tosa.const"() {values = dense<[1073741824, 1431655765, 2000000000]> : tensor<3xi32>} : () -> tensor<3xi32>
%s = "tosa.const"() {values = dense<[31, 40, 45]> : tensor<3xi8>} : () -> tensor<3xi8>
%i = "tosa.const"() {values = dense<17> : tensor<1xi32>} : () -> tensor<1xi32>
%o = "tosa.const"() {values = dense<-5> : tensor<1xi8>} : () -> tensor<1xi8>
%r = tosa.rescale %a0, %m, %s, %i, %o {scale32 = true, rounding_mode = )") +
                       (twice ? "DOUBLE_ROUND" : "SINGLE_ROUND") +
                       R"(, per_channel = true, input_unsigned = false, output_unsigned = false}
   : (tensor<4x3xi32>, tensor<3xi32>, tensor<3xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<4x3xi8>)";
    std::string errors;
    // A zero point of 32-bit input is 0 by the specification; the dialect refuses another.
    for (int32_t &v : x)
      v -= 17;
    body.replace(body.find("dense<17>"), 9, "dense<0>");
    EXPECT_EQ(valuesOf<int8_t>(runBody(body, {tensor({4, 3}, x)}, "tensor<4x3xi8>")), expected) << twice;
    for (int32_t &v : x)
      v += 17;
  }
}

TEST(TosaInteger, RescaleOfUnsignedBytes) {
  std::vector<int8_t> x = {0, 5, -1, -128, 127}; // 0, 5, 255, 128, 127
  TensorRef result = runBody(R"(
%m = "tosa.const"() {values = dense<1073741824> : tensor<1xi32>} : () -> tensor<1xi32>
%s = "tosa.const"() {values = dense<30> : tensor<1xi8>} : () -> tensor<1xi8>
%i = "tosa.const"() {values = dense<128> : tensor<1xi8>} : () -> tensor<1xi8>
%o = "tosa.const"() {values = dense<0> : tensor<1xi8>} : () -> tensor<1xi8>
%r = tosa.rescale %a0, %m, %s, %i, %o {scale32 = true, rounding_mode = SINGLE_ROUND, per_channel = false,
   input_unsigned = true, output_unsigned = false}
   : (tensor<5xi8>, tensor<1xi32>, tensor<1xi8>, tensor<1xi8>, tensor<1xi8>) -> tensor<5xi8>)",
                             {tensor({5}, x)}, "tensor<5xi8>");
  EXPECT_EQ(valuesOf<int8_t>(result), (std::vector<int8_t>{-128, -123, 127, 0, -1}));
}

TEST(TosaInteger, TableOfBytes) {
  std::vector<int8_t> table = someIntegers<int8_t>(256, 9), x = {-128, 0, 127, 5, -7}, expected;
  for (int8_t v : x)
    expected.push_back(table[v + 128]);
  EXPECT_EQ(valuesOf<int8_t>(runBody("%r = tosa.table %a0, %a1 : (tensor<5xi8>, tensor<256xi8>) -> tensor<5xi8>",
                                     {tensor({5}, x), tensor({256}, table)}, "tensor<5xi8>")),
            expected);
}

TEST(TosaInteger, TableOfShortsInterpolates) {
  std::vector<int16_t> table(513), x = {-32768, -1, 0, 1, 127, 128, 32767, 12345};
  for (size_t i = 0; i < table.size(); ++i)
    table[i] = int16_t(i * i % 3001);
  Ints expected;
  for (int16_t v : x) {
    int index = (v + 32768) >> 7, fraction = v & 0x7f;
    expected.push_back(table[index] * 128 + std::clamp(table[index + 1] - table[index], -32768, 32767) * fraction);
  }
  EXPECT_EQ(valuesOf<int32_t>(runBody("%r = tosa.table %a0, %a1 : (tensor<8xi16>, tensor<513xi16>) -> tensor<8xi32>",
                                      {tensor({8}, x), tensor({513}, table)}, "tensor<8xi32>")),
            expected);
}

} // namespace
} // namespace tinyc::test
