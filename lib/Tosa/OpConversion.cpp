// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types, constant operands, and what several conversions share.

#include "lib/Tosa/OpConversion.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tosatotiny;

Type tosatotiny::elementType(Type element) {
  if (element.isInteger(48))
    return IntegerType::get(element.getContext(), 64);
  if (auto integer = dyn_cast<IntegerType>(element))
    return llvm::is_contained({1u, 8u, 16u, 32u, 64u}, integer.getWidth()) &&
                   (integer.isSignless() || integer.isUnsigned())
               ? element
               : Type();
  return isa<Float16Type, BFloat16Type, Float32Type, Float64Type, Float8E4M3FNType, Float8E5M2Type>(element) ? element
                                                                                                             : Type();
}

RankedTensorType tosatotiny::tensorType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return {};
  Type element = elementType(tensor.getElementType());
  return element ? RankedTensorType::get(tensor.getShape(), element) : RankedTensorType();
}

DenseElementsAttr OpConversion::constant(unsigned i, StringRef what) {
  DenseElementsAttr elements;
  if (matchPattern(op->getOperand(i), m_Constant(&elements)))
    return elements;
  emitError(b.getLoc()) << "'" << op->getName() << "': " << what
                        << ": expected a constant, found a value that depends on "
                        << "the inputs";
  return {};
}

FailureOr<SmallVector<int64_t>> OpConversion::integers(unsigned i, StringRef what, bool isUnsigned) {
  DenseElementsAttr elements = constant(i, what);
  if (!elements)
    return failure();
  auto type = dyn_cast<IntegerType>(elements.getElementType());
  if (!type)
    return emitError(b.getLoc()) << "'" << op->getName() << "': " << what << ": expected integers, found "
                                 << elements.getType();
  SmallVector<int64_t> numbers;
  for (const APInt &value : elements.getValues<APInt>())
    numbers.push_back(isUnsigned || type.isUnsigned() ? value.getZExtValue() : value.getSExtValue());
  return numbers;
}

FailureOr<int64_t> OpConversion::integer(unsigned i, StringRef what, bool isUnsigned) {
  FailureOr<SmallVector<int64_t>> numbers = integers(i, what, isUnsigned);
  if (failed(numbers))
    return failure();
  if (numbers->size() != 1)
    return emitError(b.getLoc()) << "'" << op->getName() << "': " << what << ": expected one number, found "
                                 << numbers->size();
  return numbers->front();
}

Value OpConversion::fail(const Twine &message) {
  emitError(b.getLoc()) << "'" << op->getName() << "': " << message;
  return {};
}

const Row *tosatotiny::findRow(StringRef name) {
  static const auto rows = [] {
    llvm::StringMap<const Row *> map;
    for (ArrayRef<Row> part : {elementwiseRows(), movementRows(), quantisedRows(), resizeRows(), windowRows()})
      for (const Row &row : part)
        map[row.name] = &row;
    return map;
  }();
  return rows.lookup(name);
}

Value tosatotiny::replaceNan(compose::Builder &b, Value x, double number) {
  if (!x || !isa<FloatType>(tiny::elementType(x.getType())))
    return x;
  return compose::where(b, compose::equal(b, x, x), x, compose::splat(b, x, number));
}

Value tosatotiny::countNumbers(compose::Builder &b, Value x) {
  return compose::cast(b, compose::equal(b, x, x), b.getF32Type());
}

Value tosatotiny::nanWithoutNumbers(compose::Builder &b, Value result, Value numbers) {
  Value found = compose::equal(b, numbers, compose::splat(b, numbers, 1.0));
  return compose::where(b, found, result, compose::splat(b, result, std::numeric_limits<double>::quiet_NaN()));
}

Value tosatotiny::toI64(compose::Builder &b, Value x) { return compose::cast(b, x, b.getI64Type()); }

Value tosatotiny::clampToBits(compose::Builder &b, Value x, unsigned bits, bool isUnsigned) {
  if (!x)
    return {};
  if (bits >= tiny::elementType(x.getType()).getIntOrFloatBitWidth())
    return isUnsigned ? compose::max(b, x, compose::splatInteger(b, x, 0)) : x;
  int64_t least = isUnsigned ? 0 : -(int64_t(1) << (bits - 1));
  int64_t most = isUnsigned ? (int64_t(1) << bits) - 1 : (int64_t(1) << (bits - 1)) - 1;
  return compose::min(b, compose::max(b, x, compose::splatInteger(b, x, least)), compose::splatInteger(b, x, most));
}
