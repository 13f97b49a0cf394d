// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Convolutions, pools and products of TOSA against loops written from the specification.

#include "test/tosa/Tosa.h"

#include <algorithm>

using namespace tinyc;
using namespace tinyc::test;

namespace {

struct Conv {
  int height, width, in, out, kernelHeight, kernelWidth;
  int pad[4], stride[2], dilation[2];
  int outHeight() const { return (height - 1 + pad[0] + pad[1] - (kernelHeight - 1) * dilation[0]) / stride[0] + 1; }
  int outWidth() const { return (width - 1 + pad[2] + pad[3] - (kernelWidth - 1) * dilation[1]) / stride[1] + 1; }
  std::string attributes(const std::string &sums) const {
    auto list = [](const int *values, int count) {
      std::string text = "array<i64: ";
      for (int i = 0; i < count; ++i)
        text += (i ? ", " : "") + std::to_string(values[i]);
      return text + ">";
    };
    return "{acc_type = " + sums + ", dilation = " + list(dilation, 2) + ", pad = " + list(pad, 4) +
           ", stride = " + list(stride, 2) + "}";
  }
};

// sum over the window of (x - zx) * (w - zw) + bias; weights [out, kh, kw, in], of a depthwise one [kh, kw, in, m].
template <typename T, typename Sum>
std::vector<Sum> convolve(const Conv &c, const std::vector<T> &x, const std::vector<T> &w, const std::vector<Sum> &bias,
                          Sum zx, Sum zw, int multiplier = 0) {
  std::vector<Sum> result;
  int channels = multiplier ? c.in * multiplier : c.out;
  for (int oy = 0; oy < c.outHeight(); ++oy)
    for (int ox = 0; ox < c.outWidth(); ++ox)
      for (int o = 0; o < channels; ++o) {
        Sum sum = bias[o];
        for (int ky = 0; ky < c.kernelHeight; ++ky)
          for (int kx = 0; kx < c.kernelWidth; ++kx) {
            int y = oy * c.stride[0] - c.pad[0] + ky * c.dilation[0];
            int xAt = ox * c.stride[1] - c.pad[2] + kx * c.dilation[1];
            if (y < 0 || xAt < 0 || y >= c.height || xAt >= c.width)
              continue;
            auto term = [&](int i, size_t weight) {
              sum += (Sum(x[(y * c.width + xAt) * c.in + i]) - zx) * (Sum(w[weight]) - zw);
            };
            if (multiplier)
              term(o / multiplier, ((ky * c.kernelWidth + kx) * c.in + o / multiplier) * multiplier + o % multiplier);
            else
              for (int i = 0; i < c.in; ++i)
                term(i, ((o * c.kernelHeight + ky) * c.kernelWidth + kx) * c.in + i);
          }
        result.push_back(sum);
      }
  return result;
}

std::string constant(const std::string &name, const std::string &value, const std::string &type) {
  return "%" + name + " = \"tosa.const\"() {values = dense<" + value + "> : " + type + "} : () -> " + type + "\n";
}

std::string shaped(std::vector<int> sizes, const std::string &element) {
  std::string text = "tensor<";
  for (int size : sizes)
    text += std::to_string(size) + "x";
  return text + element + ">";
}

const Conv kPlain{7, 6, 3, 4, 3, 2, {1, 1, 0, 1}, {1, 1}, {1, 1}};
const Conv kSpread{9, 8, 2, 5, 2, 3, {1, 1, 2, 2}, {2, 1}, {2, 2}};

} // namespace

TEST(TosaWindow, ConvolvesFloats) {
  for (const Conv &c : {kPlain, kSpread}) {
    std::vector<float> x = someFloats(c.height * c.width * c.in, 1),
                       w = someFloats(c.out * c.kernelHeight * c.kernelWidth * c.in, 2), bias = someFloats(c.out, 3);
    std::string in = shaped({1, c.height, c.width, c.in}, "f32"),
                weights = shaped({c.out, c.kernelHeight, c.kernelWidth, c.in}, "f32"),
                out = shaped({1, c.outHeight(), c.outWidth(), c.out}, "f32");
    std::string body = constant("z", "0.0", "tensor<1xf32>") + "%r = tosa.conv2d %a0, %a1, %a2, %z, %z " +
                       c.attributes("f32") + " : (" + in + ", " + weights + ", " + shaped({c.out}, "f32") +
                       ", tensor<1xf32>, tensor<1xf32>) -> " + out;
    TensorRef found = runBody(body,
                              {tensor({1, c.height, c.width, c.in}, x),
                               tensor({c.out, c.kernelHeight, c.kernelWidth, c.in}, w), tensor({c.out}, bias)},
                              out);
    std::vector<float> expected = convolve<float, float>(c, x, w, bias, 0, 0);
    ASSERT_EQ(valuesOf<float>(found).size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(valuesOf<float>(found)[i], expected[i], 1e-4) << i;
  }
}

TEST(TosaWindow, ConvolvesBytesWithZeroPoints) {
  for (const Conv &c : {kPlain, kSpread}) {
    auto x = someIntegers<int8_t>(c.height * c.width * c.in, 4);
    auto w = someIntegers<int8_t>(c.out * c.kernelHeight * c.kernelWidth * c.in, 5);
    std::vector<int32_t> bias(c.out);
    for (int i = 0; i < c.out; ++i)
      bias[i] = 1000 * i - 700;
    std::string in = shaped({1, c.height, c.width, c.in}, "i8"),
                weights = shaped({c.out, c.kernelHeight, c.kernelWidth, c.in}, "i8"),
                out = shaped({1, c.outHeight(), c.outWidth(), c.out}, "i32");
    std::string body = constant("zx", "-7", "tensor<1xi8>") + constant("zw", "3", "tensor<1xi8>") +
                       "%r = tosa.conv2d %a0, %a1, %a2, %zx, %zw " + c.attributes("i32") + " : (" + in + ", " +
                       weights + ", " + shaped({c.out}, "i32") + ", tensor<1xi8>, tensor<1xi8>) -> " + out;
    TensorRef found = runBody(body,
                              {tensor({1, c.height, c.width, c.in}, x),
                               tensor({c.out, c.kernelHeight, c.kernelWidth, c.in}, w), tensor({c.out}, bias)},
                              out);
    EXPECT_EQ(valuesOf<int32_t>(found), (convolve<int8_t, int32_t>(c, x, w, bias, -7, 3)));
  }
}

TEST(TosaWindow, ConvolvesEachChannelByItself) {
  Conv c = kPlain;
  std::vector<float> x = someFloats(c.height * c.width * c.in, 6),
                     w = someFloats(c.kernelHeight * c.kernelWidth * c.in * 2, 7), bias = someFloats(c.in * 2, 8);
  std::string in = shaped({1, c.height, c.width, c.in}, "f32"),
              weights = shaped({c.kernelHeight, c.kernelWidth, c.in, 2}, "f32"),
              out = shaped({1, c.outHeight(), c.outWidth(), c.in * 2}, "f32");
  std::string body = constant("z", "0.0", "tensor<1xf32>") + "%r = tosa.depthwise_conv2d %a0, %a1, %a2, %z, %z " +
                     c.attributes("f32") + " : (" + in + ", " + weights + ", " + shaped({c.in * 2}, "f32") +
                     ", tensor<1xf32>, tensor<1xf32>) -> " + out;
  TensorRef found = runBody(body,
                            {tensor({1, c.height, c.width, c.in}, x),
                             tensor({c.kernelHeight, c.kernelWidth, c.in, 2}, w), tensor({c.in * 2}, bias)},
                            out);
  std::vector<float> expected = convolve<float, float>(c, x, w, bias, 0, 0, 2);
  ASSERT_EQ(valuesOf<float>(found).size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(valuesOf<float>(found)[i], expected[i], 1e-4) << i;
}

// Each element of the input adds the kernel, at its position times the stride, to the output.
TEST(TosaWindow, TransposedConvolutionScatters) {
  int height = 4, width = 3, in = 2, out = 3, kernel = 3, stride = 2, outHeight = 9, outWidth = 7;
  std::vector<float> x = someFloats(height * width * in, 9), w = someFloats(out * kernel * kernel * in, 10),
                     bias = someFloats(out, 11), expected(outHeight * outWidth * out);
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] = bias[i % out];
  for (int y = 0; y < height; ++y)
    for (int xAt = 0; xAt < width; ++xAt)
      for (int ky = 0; ky < kernel; ++ky)
        for (int kx = 0; kx < kernel; ++kx)
          for (int o = 0; o < out; ++o)
            for (int i = 0; i < in; ++i)
              expected[((y * stride + ky) * outWidth + xAt * stride + kx) * out + o] +=
                  x[(y * width + xAt) * in + i] * w[((o * kernel + ky) * kernel + kx) * in + i];
  std::string result = shaped({1, outHeight, outWidth, out}, "f32");
  std::string body = constant("z", "0.0", "tensor<1xf32>") +
                     "%r = tosa.transpose_conv2d %a0, %a1, %a2, %z, %z {acc_type = f32, out_pad = array<i64: 0, 0, 0, "
                     "0>, stride = array<i64: 2, 2>} : (" +
                     shaped({1, height, width, in}, "f32") + ", " + shaped({out, kernel, kernel, in}, "f32") + ", " +
                     shaped({out}, "f32") + ", tensor<1xf32>, tensor<1xf32>) -> " + result;
  TensorRef found = runBody(
      body, {tensor({1, height, width, in}, x), tensor({out, kernel, kernel, in}, w), tensor({out}, bias)}, result);
  ASSERT_EQ(valuesOf<float>(found).size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(valuesOf<float>(found)[i], expected[i], 1e-4) << i;
}

TEST(TosaWindow, PoolsLeaveOutWhatIsPadding) {
  int height = 5, width = 6, channels = 2, outHeight = 3, outWidth = 3;
  std::vector<float> x = someFloats(height * width * channels, 12), most, mean;
  for (int oy = 0; oy < outHeight; ++oy)
    for (int ox = 0; ox < outWidth; ++ox)
      for (int c = 0; c < channels; ++c) {
        float sum = 0, top = -kInf;
        int count = 0;
        for (int y = std::max(0, oy * 2 - 1); y < std::min(height, oy * 2 + 2); ++y)
          for (int xAt = ox * 2; xAt < std::min(width, ox * 2 + 2); ++xAt, ++count) {
            sum += x[(y * width + xAt) * channels + c];
            top = std::max(top, x[(y * width + xAt) * channels + c]);
          }
        most.push_back(top);
        mean.push_back(sum / float(count));
      }
  std::string in = shaped({1, height, width, channels}, "f32"), out = shaped({1, outHeight, outWidth, channels}, "f32");
  std::string window = "kernel = array<i64: 3, 2>, pad = array<i64: 1, 1, 0, 0>, stride = array<i64: 2, 2>";
  TensorRef input = tensor({1, height, width, channels}, x);
  expectNear(runBody("%r = tosa.max_pool2d %a0 {" + window + "} : (" + in + ") -> " + out, {input}, out), most);
  expectNear(runBody(constant("z", "0.0", "tensor<1xf32>") + "%r = tosa.avg_pool2d %a0, %z, %z {acc_type = f32, " +
                         window + "} : (" + in + ", tensor<1xf32>, tensor<1xf32>) -> " + out,
                     {input}, out),
             mean, 1e-5);
}

TEST(TosaWindow, MultipliesMatricesOfBytes) {
  auto x = someIntegers<int8_t>(2 * 3 * 5, 13), y = someIntegers<int8_t>(2 * 5 * 4, 14);
  std::vector<int32_t> expected;
  for (int n = 0; n < 2; ++n)
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 4; ++j) {
        int32_t sum = 0;
        for (int k = 0; k < 5; ++k)
          sum += (x[(n * 3 + i) * 5 + k] - 2) * (y[(n * 5 + k) * 4 + j] + 9);
        expected.push_back(sum);
      }
  std::string body = constant("zx", "2", "tensor<1xi8>") + constant("zy", "-9", "tensor<1xi8>") +
                     "%r = tosa.matmul %a0, %a1, %zx, %zy : (tensor<2x3x5xi8>, tensor<2x5x4xi8>, tensor<1xi8>, "
                     "tensor<1xi8>) -> tensor<2x3x4xi32>";
  EXPECT_EQ(valuesOf<int32_t>(runBody(body, {tensor({2, 3, 5}, x), tensor({2, 5, 4}, y)}, "tensor<2x3x4xi32>")),
            expected);
}
