// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// TOSA's resize against loops written from the specification: up and down, offsets on both sides of the image, floats
// and bytes, whose bilinear results are scaled by both numerators.

#include "test/tosa/Tosa.h"

#include <algorithm>

using namespace tinyc;
using namespace tinyc::test;

namespace {

/// One spatial dimension: output position p is at (p * denominator + offset) / numerator of the input.
struct Scale {
  int size, numerator, denominator, offset, border;
  int outputs() const { return ((size - 1) * numerator - offset + border) / denominator + 1; }
  int at(int p) const { return p * denominator + offset; }
  int below(int p) const { return std::floor(double(at(p)) / numerator); }
  int rest(int p) const { return at(p) - below(p) * numerator; }
  int limited(int i) const { return std::clamp(i, 0, size - 1); }
  int nearest(int p) const { return limited(below(p) + (2 * rest(p) >= numerator)); }
};

struct Resize {
  Scale rows, columns;
  int channels;

  template <typename T> std::vector<T> nearest(const std::vector<T> &x) const {
    std::vector<T> result;
    for (int y = 0; y < rows.outputs(); ++y)
      for (int xAt = 0; xAt < columns.outputs(); ++xAt)
        for (int c = 0; c < channels; ++c)
          result.push_back(x[(rows.nearest(y) * columns.size + columns.nearest(xAt)) * channels + c]);
    return result;
  }

  // Of floats the weights add up to 1, of integers to the product of the numerators.
  template <typename T, typename Sum> std::vector<Sum> bilinear(const std::vector<T> &x) const {
    constexpr bool isFloat = std::is_same_v<T, float>;
    auto weight = [](const Scale &s, int p, bool high) -> Sum {
      Sum rest = isFloat ? Sum(s.rest(p)) / Sum(s.numerator) : Sum(s.rest(p));
      return high ? rest : (isFloat ? Sum(1) : Sum(s.numerator)) - rest;
    };
    std::vector<Sum> result;
    for (int y = 0; y < rows.outputs(); ++y)
      for (int xAt = 0; xAt < columns.outputs(); ++xAt)
        for (int c = 0; c < channels; ++c) {
          Sum sum = 0;
          for (bool down : {false, true})
            for (bool right : {false, true}) {
              int row = rows.limited(rows.below(y) + down), column = columns.limited(columns.below(xAt) + right);
              sum += Sum(x[(row * columns.size + column) * channels + c]) * weight(rows, y, down) *
                     weight(columns, xAt, right);
            }
          result.push_back(sum);
        }
    return result;
  }

  std::string shape(bool isResult) const {
    return "tensor<1x" + std::to_string(isResult ? rows.outputs() : rows.size) + "x" +
           std::to_string(isResult ? columns.outputs() : columns.size) + "x" + std::to_string(channels) + "x";
  }

  template <typename T>
  TensorRef run(const std::vector<T> &x, const std::string &mode, const std::string &from,
                const std::string &to) const {
    auto numbers = [](const char *name, std::vector<int> values) {
      std::string text, count = std::to_string(values.size());
      for (int value : values)
        text += (text.empty() ? "" : ", ") + std::to_string(value);
      return std::string("%") + name + " = tosa.const_shape {values = dense<[" + text + "]> : tensor<" + count +
             "xindex>} : () -> !tosa.shape<" + count + ">\n";
    };
    std::string result = shape(true) + to + ">";
    return runBody(numbers("s", {rows.numerator, rows.denominator, columns.numerator, columns.denominator}) +
                       numbers("o", {rows.offset, columns.offset}) + numbers("b", {rows.border, columns.border}) +
                       "%r = tosa.resize %a0, %s, %o, %b {mode = " + mode + "} : (" + shape(false) + from +
                       ">, !tosa.shape<4>, !tosa.shape<2>, !tosa.shape<2>) -> " + result,
                   {tensor({1, rows.size, columns.size, channels}, x)}, result);
  }
};

const Resize kCases[] = {
    {{3, 4, 2, 0, 0}, {4, 16, 2, 0, 14}, 2}, // twice, eight times
    {{5, 4, 2, -1, 1}, {6, 4, 2, -1, 1}, 1}, // twice, by pixel centres: begins before the image, ends behind it
    {{9, 2, 4, 1, 1}, {7, 6, 10, 3, 7}, 3},  // down
    {{1, 6, 2, -2, 2}, {2, 2, 2, 0, 0}, 2},  // one row; as it is
};

TEST(TosaResize, TakesTheNearest) {
  for (const Resize &c : kCases) {
    size_t count = size_t(c.rows.size) * c.columns.size * c.channels;
    auto floats = someFloats(count, 3);
    EXPECT_EQ(valuesOf<float>(c.run(floats, "NEAREST_NEIGHBOR", "f32", "f32")), c.nearest(floats));
    auto bytes = someIntegers<int8_t>(count, 4);
    EXPECT_EQ(valuesOf<int8_t>(c.run(bytes, "NEAREST_NEIGHBOR", "i8", "i8")), c.nearest(bytes));
  }
}

TEST(TosaResize, WeighsFourNeighbours) {
  for (const Resize &c : kCases) {
    size_t count = size_t(c.rows.size) * c.columns.size * c.channels;
    auto floats = someFloats(count, 5);
    expectNear(c.run(floats, "BILINEAR", "f32", "f32"), c.bilinear<float, float>(floats), 1e-5);
    auto bytes = someIntegers<int8_t>(count, 6);
    EXPECT_EQ(valuesOf<int32_t>(c.run(bytes, "BILINEAR", "i8", "i32")), (c.bilinear<int8_t, int32_t>(bytes)));
  }
}

} // namespace
