// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops on shapes: all are known when the shapes of the inputs are.

#include "lib/Tosa/OpConversion.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tinyc;

using Shape = SmallVector<int64_t>;

// The operation on one pair of sizes; null for what is no elementwise op. Nothing where an operand makes no sense.
static std::function<std::optional<int64_t>(int64_t, int64_t)> elementwise(Operation *op) {
  using Result = std::optional<int64_t>;
  return llvm::TypeSwitch<Operation *, std::function<Result(int64_t, int64_t)>>(op)
      .Case([](mlir::tosa::AddShapeOp) { return [](int64_t x, int64_t y) { return Result(x + y); }; })
      .Case([](mlir::tosa::SubShapeOp) { return [](int64_t x, int64_t y) { return Result(x - y); }; })
      .Case([](mlir::tosa::MulShapeOp) {
        return [](int64_t x, int64_t y) {
          int64_t product;
          return __builtin_mul_overflow(x, y, &product) ? Result() : Result(product);
        };
      })
      .Case([](mlir::tosa::DivCeilShapeOp) {
        return [](int64_t x, int64_t y) { return y > 0 && x >= 0 ? Result(llvm::divideCeil(x, y)) : Result(); };
      })
      .Case([](mlir::tosa::DivFloorShapeOp) {
        return [](int64_t x, int64_t y) { return y > 0 && x >= 0 ? Result(x / y) : Result(); };
      })
      .Case([](mlir::tosa::ModShapeOp) {
        return [](int64_t x, int64_t y) { return y > 0 && x >= 0 ? Result(x % y) : Result(); };
      })
      .Case([](mlir::tosa::MaxShapeOp) { return [](int64_t x, int64_t y) { return Result(std::max(x, y)); }; })
      .Case([](mlir::tosa::MinShapeOp) { return [](int64_t x, int64_t y) { return Result(std::min(x, y)); }; })
      .Default([](Operation *) { return nullptr; });
}

std::optional<Shape> tosatotiny::evaluateShape(Operation *op, const Values &values) {
  auto operand = [&](unsigned i) -> const Shape & { return values.shapes.find(op->getOperand(i))->second; };
  if (auto constant = dyn_cast<mlir::tosa::ConstShapeOp>(op)) {
    Shape shape;
    for (const APInt &size : cast<DenseElementsAttr>(constant.getValues()).getValues<APInt>())
      shape.push_back(size.getSExtValue());
    return shape;
  }
  if (auto dim = dyn_cast<mlir::tosa::DimOp>(op))
    return Shape{cast<RankedTensorType>(op->getOperand(0).getType()).getDimSize(dim.getAxis())};
  if (isa<mlir::tosa::ConcatShapeOp>(op)) {
    Shape joined;
    for (unsigned i = 0; i < op->getNumOperands(); ++i)
      llvm::append_range(joined, operand(i));
    return joined;
  }
  if (auto compute = elementwise(op); compute && operand(0).size() == operand(1).size()) {
    Shape shape;
    for (auto [x, y] : llvm::zip_equal(operand(0), operand(1))) {
      std::optional<int64_t> size = compute(x, y);
      if (!size)
        return op->emitError("cannot be computed of ") << x << " and " << y, std::nullopt;
      shape.push_back(*size);
    }
    return shape;
  }
  op->emitError("there is no conversion for ") << op->getName();
  return std::nullopt;
}
