// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Movement of data without arithmetic: every builder here gives one tiny.view, with as plain a map as the shapes
// allow. Null and error rules are Elementwise.h's.

#ifndef TINYC_LIB_BUILDERS_MOVEMENT_H
#define TINYC_LIB_BUILDERS_MOVEMENT_H

#include "lib/Builders/Elementwise.h"

namespace tinyc::compose {

/// Sizes of a tensor's dimensions; empty for null and for scalars.
llvm::ArrayRef<int64_t> shapeOf(mlir::Value x);
/// Product of the sizes; nothing where it leaves 62 bits or a size is negative.
std::optional<int64_t> elementCount(llvm::ArrayRef<int64_t> shape);
/// Whether elementCount gives a number; an error otherwise.
bool isCountable(Builder &b, llvm::ArrayRef<int64_t> shape);

/// A view with the given map and shape (and mask with the number `fill`).
mlir::Value view(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> shape, mlir::AffineMap map);
mlir::Value view(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> shape, mlir::AffineMap map, mlir::IntegerSet mask,
                 mlir::TypedAttr fill);

/// The same elements in row-major order in another shape of as many elements.
mlir::Value reshape(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> shape);
/// Result dimension i is dimension permutation[i] of `x`.
mlir::Value permute(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> permutation);
/// Broadcast by the rules of NumPy: dimensions are aligned at the end, those of size 1 and missing ones repeat.
mlir::Value broadcast(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> shape);
/// The shape to which all `shapes` broadcast; an error where there is none.
llvm::FailureOr<llvm::SmallVector<int64_t>> broadcastShape(Builder &b, llvm::ArrayRef<llvm::ArrayRef<int64_t>> shapes);
/// All values broadcast to their common shape, in place; false after an error or for a null value.
bool broadcastTogether(Builder &b, llvm::MutableArrayRef<mlir::Value> values);
/// Puts a vector along dimension `dim` of `shape` and repeats it along the others.
mlir::Value broadcastAlong(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> shape, int64_t dim);
/// Repeats the result of a reduction of `shape` over `dims` along the dimensions it lost.
mlir::Value broadcastOver(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> dims);
/// `before[i]` and `after[i]` elements of value `fill` around dimension i; negative numbers cut elements off.
mlir::Value pad(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> before, llvm::ArrayRef<int64_t> after,
                mlir::TypedAttr fill);
/// Element i of the result's dimension d is element starts[d] + i * steps[d] of `x`; steps may be negative.
mlir::Value stridedSlice(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> sizes,
                         llvm::ArrayRef<int64_t> steps);
/// stridedSlice of one dimension with step 1; an error where `x` does not have all of these elements.
mlir::Value slice(Builder &b, mlir::Value x, int64_t dim, int64_t start, int64_t size);
mlir::Value flip(Builder &b, mlir::Value x, int64_t dim);
/// `x` repeated repeats[d] times along dimension d.
mlir::Value tile(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> repeats);
/// Joins along `dim`, the only dimension in which the inputs may differ; those without elements there fall away.
mlir::Value concat(Builder &b, llvm::ArrayRef<mlir::Value> inputs, int64_t dim);
/// Coordinate `dim` at each point of `shape`.
mlir::Value coordinate(Builder &b, llvm::ArrayRef<int64_t> shape, mlir::Type element, int64_t dim);

/// How a window moves along one spatial dimension.
struct Window {
  int64_t size = 1, stride = 1, dilation = 1, before = 0, after = 0;
  int64_t extent() const { return (size - 1) * dilation + 1; }
};

/// Where along an input dimension a window's element lies: the expression, and the constraints under which it is
/// inside. Appends to `mask` only what can fail.
mlir::AffineExpr windowPosition(mlir::AffineExpr position, mlir::AffineExpr element, const Window &window,
                                int64_t inputSize, int64_t positions, llvm::SmallVectorImpl<mlir::AffineExpr> &mask);

/// Windows over the last dimensions of `x` (one for each of `windows`): the result has the leading dimensions, the
/// window positions `positions`, then the elements of the windows. What lies in the padding reads `fill`.
mlir::Value slidingWindows(Builder &b, mlir::Value x, llvm::ArrayRef<Window> windows, llvm::ArrayRef<int64_t> positions,
                           mlir::TypedAttr fill);

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_MOVEMENT_H
