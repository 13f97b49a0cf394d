// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// TOSA as text, converted and run by the reference interpreter. Tests compute what they expect by themselves.

#ifndef TINYC_TEST_TOSA_TOSA_H
#define TINYC_TEST_TOSA_TOSA_H

#include "lib/Reference/DenseTensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace tinyc::test {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();

/// A tensor of f32, i8, i16, i32, i64 or bool (as uint8_t), by the type of its elements.
TensorRef tensor(std::vector<int64_t> shape, std::vector<float> values);
TensorRef tensor(std::vector<int64_t> shape, std::vector<int8_t> values);
TensorRef tensor(std::vector<int64_t> shape, std::vector<int16_t> values);
TensorRef tensor(std::vector<int64_t> shape, std::vector<int32_t> values);
TensorRef tensor(std::vector<int64_t> shape, std::vector<uint8_t> truths);

/// Reproducible numbers: small floats, or integers over the whole range of `T`.
std::vector<float> someFloats(size_t count, unsigned seed);
template <typename T> std::vector<T> someIntegers(size_t count, unsigned seed) {
  std::vector<T> values(count);
  for (T &value : values)
    value = static_cast<T>((seed = seed * 1664525 + 1013904223) >> 8);
  return values;
}

/// "tensor<2x3xf32>"
std::string typeOf(const TensorRef &tensor);

/// The results of the module's only function; none, and messages in `errors`, if it is refused.
std::vector<TensorRef> runModule(const std::string &text, const std::vector<TensorRef> &inputs, std::string &errors);

/// The result of one function whose arguments %0, %1, .. are the inputs and whose body ends with %r of type `result`.
/// A refusal fails the test.
TensorRef runBody(const std::string &body, const std::vector<TensorRef> &inputs, const std::string &result);
/// The same of a single op: `tosa.NAME %0, %1 ATTRIBUTES : (types) -> result`.
TensorRef runOp(const std::string &name, const std::vector<TensorRef> &inputs, const std::string &attributes,
                const std::string &result);

template <typename T> std::vector<T> valuesOf(const TensorRef &tensor) {
  if (!tensor)
    return {};
  auto values = tensor->as<T>();
  return {values.begin(), values.end()};
}

/// Equal, NaN to NaN, or within `tolerance` relative to the larger.
void expectNear(const TensorRef &actual, const std::vector<float> &expected, double tolerance = 1e-6);

} // namespace tinyc::test

#endif // TINYC_TEST_TOSA_TOSA_H
