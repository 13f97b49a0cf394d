// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scales and zero points among a node's operands, and what is made of them.

#ifndef TINYC_LIB_ONNX_QUANTIZEDOPERANDS_H
#define TINYC_LIB_ONNX_QUANTIZEDOPERANDS_H

#include "lib/Onnx/NodeImport.h"

namespace tinyc::onnx {

inline bool isByte(mlir::Type type) { return type.isInteger(8); }

enum class Presence { Required, Optional };

/// An error unless the operand is there and of int8 or uint8.
llvm::LogicalResult expectBytes(NodeImport &n, size_t input);

/// An error, that says what was expected and found, unless the operand has elements of this type and one of these
/// shapes. `what` calls it by its role: "a scale".
llvm::LogicalResult expectOperand(NodeImport &n, size_t input, llvm::StringRef what, mlir::Type element,
                                  llvm::ArrayRef<llvm::SmallVector<int64_t>> shapes,
                                  Presence presence = Presence::Required);

/// The shapes of one number: no dimensions, or one of size 1.
extern const llvm::SmallVector<int64_t> kOneNumber[2];

/// The same of a scale and a zero point of the right operand of a product, which has to be of bytes: one number for
/// all, or one for each of its `columns`.
llvm::LogicalResult expectOfColumns(NodeImport &n, size_t right, size_t scale, size_t zero, int64_t columns,
                                    Presence zeroPresence);

/// A zero point that does something; null for one that is left out or known to be 0.
mlir::Value zeroPoint(NodeImport &n, size_t input);

/// A tensor of one element without dimensions; others, and null, as they are.
mlir::Value oneNumber(NodeImport &n, mlir::Value x);

/// What is left of integer sums: times `scales` (of the operands) over `resultScale`, as integers of type `element`.
mlir::Value requantized(NodeImport &n, mlir::Value sums, mlir::Value scales, mlir::Value resultScale, mlir::Value zero,
                        mlir::Type element);

/// Integer sums as floats: times the scale of the left operand and that, or those of the columns, of the right.
mlir::Value scaled(NodeImport &n, mlir::Value sums, mlir::Value left, mlir::Value right);

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_QUANTIZEDOPERANDS_H
