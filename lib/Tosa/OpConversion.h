// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the function that converts one op sees of it, and the row of the table that names the function.

#ifndef TINYC_LIB_TOSA_OPCONVERSION_H
#define TINYC_LIB_TOSA_OPCONVERSION_H

#include "lib/Builders/Movement.h"

#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "llvm/ADT/DenseMap.h"

namespace tinyc {
class WeightStore;
}

namespace tinyc::tosatotiny {

/// The element type that stands for TOSA's: 48-bit integers are computed in 64 bits. Null for what tiny does not have.
mlir::Type elementType(mlir::Type element);
/// The tensor type that stands for TOSA's; null where its shape is not known or its elements have no type.
mlir::RankedTensorType tensorType(mlir::Type type);

/// What the values of a function being converted stand for.
struct Values {
  llvm::DenseMap<mlir::Value, mlir::Value> tensors;
  /// Values of type !tosa.shape.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<int64_t>> shapes;
};

/// One op while it is converted. All its operands that are tensors are converted already.
class OpConversion {
public:
  compose::Builder &b;
  mlir::Operation *op;
  WeightStore &weights;

  OpConversion(compose::Builder &b, mlir::Operation *op, const Values &values, WeightStore &weights)
      : b(b), op(op), weights(weights), values(values) {}

  /// Operand `i` as a tensor of tiny.
  mlir::Value operator[](unsigned i) const { return tensors[i]; }
  unsigned size() const { return tensors.size(); }
  llvm::ArrayRef<int64_t> shape(unsigned i) const { return compose::shapeOf(tensors[i]); }
  mlir::Type element(unsigned i) const { return tiny::elementType(tensors[i].getType()); }
  /// Operand `i` of type !tosa.shape.
  llvm::ArrayRef<int64_t> shapeOperand(unsigned i) const { return values.shapes.find(op->getOperand(i))->second; }
  /// The type that the first result must have.
  mlir::RankedTensorType resultType() const { return tensorType(op->getResult(0).getType()); }

  /// The elements of operand `i`, which has to be a constant; null after an error.
  mlir::DenseElementsAttr constant(unsigned i, llvm::StringRef what);
  /// The integers of a constant operand.
  llvm::FailureOr<llvm::SmallVector<int64_t>> integers(unsigned i, llvm::StringRef what, bool isUnsigned = false);
  /// The integer of a constant operand with one element.
  llvm::FailureOr<int64_t> integer(unsigned i, llvm::StringRef what, bool isUnsigned = false);

  /// Reports an error at the op and gives null.
  mlir::Value fail(const llvm::Twine &message);

  llvm::SmallVector<mlir::Value> tensors;

private:
  const Values &values;
};

/// How an op treats floats of less than 32 bits.
enum class Narrow {
  Keep,  ///< as they are: it moves or compares them
  Widen, ///< computes in f32: operands are cast, and the result is cast to the op's result type
};

/// One row of the table of ops.
struct Row {
  llvm::StringRef name; ///< without "tosa."
  Narrow narrow;
  /// Gives the only result; null after an error.
  mlir::Value (*convert)(OpConversion &);
};

/// Parts of the table, one for each file of conversions.
llvm::ArrayRef<Row> elementwiseRows();
llvm::ArrayRef<Row> movementRows();
llvm::ArrayRef<Row> quantisedRows();
llvm::ArrayRef<Row> resizeRows();
llvm::ArrayRef<Row> windowRows();

/// The row for an op; null if there is none.
const Row *findRow(llvm::StringRef name);

/// 1 where `x` holds a number and 0 where it holds NaN, in f32.
mlir::Value countNumbers(compose::Builder &b, mlir::Value x);
/// What ignores NaN gives NaN where it finds nothing else: `result`, with NaN where `numbers`, the largest of what
/// countNumbers() gives for the same elements, is not 1.
mlir::Value nanWithoutNumbers(compose::Builder &b, mlir::Value result, mlir::Value numbers);
/// `x`, with what is NaN replaced by `number`.
mlir::Value replaceNan(compose::Builder &b, mlir::Value x, double number);
/// `x` as i64.
mlir::Value toI64(compose::Builder &b, mlir::Value x);
/// Integers within what a type of `bits` bits holds, as values of their own type.
mlir::Value clampToBits(compose::Builder &b, mlir::Value x, unsigned bits, bool isUnsigned);

/// Evaluates an op on shapes; nothing, after an error, if it has no conversion or an operand makes no sense.
std::optional<llvm::SmallVector<int64_t>> evaluateShape(mlir::Operation *op, const Values &values);

/// Converts a block's ops but for its terminator. Fails after an error.
llvm::LogicalResult convertBlock(compose::Builder &b, mlir::Block &block, Values &values, WeightStore &weights);
/// Converts cond_if and while_loop.
llvm::LogicalResult convertIf(compose::Builder &b, mlir::tosa::IfOp op, Values &values, WeightStore &weights);
llvm::LogicalResult convertWhile(compose::Builder &b, mlir::tosa::WhileOp op, Values &values, WeightStore &weights);

} // namespace tinyc::tosatotiny

#endif // TINYC_LIB_TOSA_OPCONVERSION_H
