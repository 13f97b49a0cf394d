// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scales and zero points: checks, and what operators of ONNX and of com.microsoft make of them.

#include "lib/Onnx/QuantizedOperands.h"

#include "lib/Builders/Quantization.h"
#include "lib/Onnx/Tensors.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

const SmallVector<int64_t> onnx::kOneNumber[2] = {{}, {1}};

LogicalResult onnx::expectBytes(NodeImport &n, size_t input) {
  if (n.has(input) && isByte(n.element(input)))
    return success();
  InFlightDiagnostic error = n.error() << "expected int8 or uint8 as operand " << input << ", found ";
  return n.has(input) ? error << n[input].getType() : error << "none";
}

LogicalResult onnx::expectOperand(NodeImport &n, size_t input, StringRef what, Type element,
                                  ArrayRef<SmallVector<int64_t>> shapes, Presence presence) {
  if (!n.has(input) && presence == Presence::Optional)
    return success();
  auto fits = [&](const SmallVector<int64_t> &shape) { return n.shape(input) == ArrayRef(shape); };
  if (n.has(input) && n.element(input) == element && llvm::any_of(shapes, fits))
    return success();
  InFlightDiagnostic error = n.error() << "expected " << what << " of type " << element << " and shape ";
  llvm::interleave(shapes, [&](const SmallVector<int64_t> &shape) { error << spell(shape); }, [&] { error << " or "; });
  error << " as operand " << input << ", found ";
  return n.has(input) ? error << n[input].getType() : error << "none";
}

LogicalResult onnx::expectOfColumns(NodeImport &n, size_t right, size_t scale, size_t zero, int64_t columns,
                                    Presence zeroPresence) {
  if (failed(expectBytes(n, right)))
    return failure();
  SmallVector<SmallVector<int64_t>> shapes{{}, {1}, {columns}};
  if (n.rank(right) > 2) { // of one matrix after another
    shapes.push_back(SmallVector<int64_t>(n.shape(right)));
    shapes.back()[n.rank(right) - 2] = 1;
  }
  if (failed(expectOperand(n, scale, "a scale", n.b.getF32Type(), shapes)))
    return failure();
  return expectOperand(n, zero, "a zero point", n.element(right), shapes, zeroPresence);
}

Value onnx::zeroPoint(NodeImport &n, size_t input) {
  DenseElementsAttr known = n.known(input);
  bool isZero = known && isa<IntegerType>(known.getElementType()) &&
                llvm::all_of(toIntegers(known), [](int64_t v) { return v == 0; });
  return isZero ? Value() : n[input];
}

Value onnx::oneNumber(NodeImport &n, Value x) { return x && elementCount(shapeOf(x)) == 1 ? reshape(n.b, x, {}) : x; }

Value onnx::requantized(NodeImport &n, Value sums, Value scales, Value resultScale, Value zero, Type element) {
  if (!sums || !scales || !resultScale)
    return {};
  ArrayRef<int64_t> shape = shapeOf(sums);
  Value factor = div(n.b, scales, broadcast(n.b, resultScale, shapeOf(scales)));
  Value number = mul(n.b, cast(n.b, sums, n.b.getF32Type()), broadcast(n.b, factor, shape));
  return quantize(n.b, number, splat(n.b, number, 1), zero ? broadcast(n.b, zero, shape) : zero, element);
}

Value onnx::scaled(NodeImport &n, Value sums, Value left, Value right) {
  if (!sums || !left || !right)
    return {};
  right = oneNumber(n, right);
  Value scale = mul(n.b, broadcast(n.b, reshape(n.b, left, {}), shapeOf(right)), right);
  return mul(n.b, cast(n.b, sums, n.b.getF32Type()), broadcast(n.b, scale, shapeOf(sums)));
}
