// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions: a product of two views, summed over some dimensions.

#ifndef TINYC_LIB_BUILDERS_CONTRACTION_H
#define TINYC_LIB_BUILDERS_CONTRACTION_H

#include "lib/Builders/Movement.h"

namespace tinyc::compose {

/// Matrix product by the rules of NumPy's matmul: leading dimensions broadcast, a vector is a row on the left and a
/// column on the right.
mlir::Value matmul(Builder &b, mlir::Value x, mlir::Value y);

/// Convolution (without flipping the kernel) of `x` [N, C, spatial..] with `weights` [M, C / groups, window..]; one
/// window for each spatial dimension, its size that of the weights. Result [N, M, positions..]. `fill` is what the
/// padding reads; null means 0. With `wide`, both are cast to it where they are read, the padding too.
mlir::Value conv(Builder &b, mlir::Value x, mlir::Value weights, llvm::ArrayRef<Window> windows, int64_t groups,
                 mlir::TypedAttr fill = {}, mlir::Type wide = {});

/// Transposed convolution of `x` [N, C, spatial..] with `weights` [C, M / groups, window..]: element k of the window
/// over position i adds to element i * stride + k * dilation - before of the result [N, M, sizes..]. A dimension has a
/// stride or a dilation, not both. At most as many convolutions as the product of the strides, one where each stride
/// divides its window.
mlir::Value transposedConv(Builder &b, mlir::Value x, mlir::Value weights, llvm::ArrayRef<Window> windows,
                           llvm::ArrayRef<int64_t> sizes, int64_t groups);

/// Positions that a window takes along a dimension: floor (or ceil) of (size + padding - extent) / stride, plus 1.
int64_t windowPositions(const Window &window, int64_t inputSize, bool ceil = false);

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_CONTRACTION_H
