// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers as integers with a scale and a zero point: real = (integer - zero) * scale. Contractions of them are sums of
// integers, exact in i32, with the scales applied to the sums.

#ifndef TINYC_LIB_BUILDERS_QUANTIZATION_H
#define TINYC_LIB_BUILDERS_QUANTIZATION_H

#include "lib/Builders/Contraction.h"

namespace tinyc::compose {

/// Scale or zero point for each element of `shape`: one number for all; a vector along `axis`; or, if `block` is not
/// 0, of the rank of `shape`, with a number for each `block` elements along `axis`. An error where it fits none.
mlir::Value spreadParameter(Builder &b, mlir::Value parameter, llvm::ArrayRef<int64_t> shape, int64_t axis,
                            int64_t block);

/// `x` as an 8-bit float; if `saturate`, what is out of range (infinities too) becomes the largest number.
mlir::Value castToFloat8(Builder &b, mlir::Value x, mlir::Type element, bool saturate);

/// `x` as an integer of `bits` bits, kept in `element` of 8: floats truncate, what is out of range wraps.
mlir::Value castToBits(Builder &b, mlir::Value x, mlir::Type element, unsigned bits);
/// `x` rounded to the nearest of 0, 0.5, 1, 1.5, 2, 3, 4, 6 (and their negatives), saturating; NaN gives 0.
mlir::Value castToFloat4(Builder &b, mlir::Value x, mlir::Type element);

/// x / scale + zero, rounded to nearest even and saturated to `element`: an integer or 8-bit float type. `low` and
/// `high` narrow the range if given (types of less than 8 bits are stored in 8). Null `zero` means 0. All of one shape.
mlir::Value quantize(Builder &b, mlir::Value x, mlir::Value scale, mlir::Value zero, mlir::Type element,
                     bool saturate = true, std::optional<std::pair<int64_t, int64_t>> range = std::nullopt);
/// (x - zero) * scale in the type of `scale`, the difference exact.
mlir::Value dequantize(Builder &b, mlir::Value x, mlir::Value scale, mlir::Value zero);

/// What was quantised by the range of its own elements: ui8, and one scale and one zero point of no dimensions.
struct RangeQuantized {
  mlir::Value values, scale, zero;
};
/// `x` (f32) by the range of its elements and 0, as ONNX's DynamicQuantizeLinear does it.
RangeQuantized quantizeByRange(Builder &b, mlir::Value x);

/// An operand of an integer contraction: elements of 8 bits and their zero points, null for 0, of a shape that
/// broadcasts to the elements'.
struct Quantized {
  mlir::Value values, zero;
};
/// The sums of y's columns in i32, if y is a matrix that is known at compile time and has no zero point; else null.
mlir::Value columnSums(Builder &b, Quantized y);
/// Matrix product of (x - its zero) and (y - its zero) in i32. Where y has columnSums (which need not be made again if
/// given), the zero point of x is taken off the sums by them: the contraction's operands are the integers themselves.
mlir::Value integerMatmul(Builder &b, Quantized x, Quantized y, mlir::Value columnSums = {});
/// The same of a convolution; the padding counts as the zero point of x, which is taken off the sums where it is one
/// known number and the weights are known.
mlir::Value integerConv(Builder &b, Quantized x, Quantized weights, llvm::ArrayRef<Window> windows, int64_t groups);

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_QUANTIZATION_H
