// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that give constants, shapes and positions.

#include "lib/Onnx/NodeImport.h"
#include "lib/Onnx/Tensors.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

static Value importShape(NodeImport &n) {
  int64_t rank = n.rank(0);
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  int64_t start = clamp(n.integer("start", 0)), end = std::max(start, clamp(n.integer("end", rank)));
  return n.constantIntegers(n.shape(0).slice(start, end - start), {end - start});
}

static Value importSize(NodeImport &n) { return n.constantIntegers({elementCount(n.shape(0)).value_or(0)}, {}); }

// A weight that stands in a node: the importer takes Constant nodes of tensors as initialisers; what comes here is a
// number or a list.
static Value importConstant(NodeImport &n) {
  auto vector = [&](size_t size, Type element) { return RankedTensorType::get({static_cast<int64_t>(size)}, element); };
  DenseElementsAttr value;
  if (n.attribute("value")) {
    value = n.tensor("value");
    if (!value)
      return {};
  } else if (n.attribute("value_int")) {
    return n.constantIntegers({n.integer("value_int", 0)}, {});
  } else if (n.attribute("value_float")) {
    value = DenseElementsAttr::get(RankedTensorType::get({}, n.b.getF32Type()),
                                   static_cast<float>(n.number("value_float", 0)));
  } else if (auto integers = n.integerList("value_ints")) {
    return n.constantIntegers(*integers, {static_cast<int64_t>(integers->size())});
  } else if (auto numbers = n.numberList("value_floats")) {
    SmallVector<float> floats(numbers->begin(), numbers->end());
    value = DenseElementsAttr::get(vector(floats.size(), n.b.getF32Type()), ArrayRef(floats));
  } else {
    return n.fail("expected one of the attributes value, value_int, value_ints, value_float, value_floats");
  }
  return tiny::ConstOp::create(n.b, value);
}

static Value importConstantOfShape(NodeImport &n) {
  FailureOr<SmallVector<int64_t>> shape = n.integers(0, "shape");
  if (failed(shape))
    return {};
  if (!elementCount(*shape))
    return n.fail("the shape [" +
                  llvm::join(llvm::map_range(*shape, [](int64_t d) { return std::to_string(d); }), ", ") +
                  "] is negative or too large");
  Attribute element = n.b.getF32FloatAttr(0);
  if (n.attribute("value")) {
    DenseElementsAttr value = n.tensor("value");
    if (!value || value.getNumElements() != 1)
      return n.fail("attribute 'value': expected a tensor of one element");
    element = *value.getValues<Attribute>().begin();
  }
  auto type = RankedTensorType::get(*shape, cast<TypedAttr>(element).getType());
  if (type.getNumElements() == 0)
    return tiny::ConstOp::create(n.b, DenseElementsAttr::get(type, ArrayRef<Attribute>()));
  return tiny::ConstOp::create(n.b, DenseElementsAttr::get(type, element));
}

static Value importRange(NodeImport &n) {
  FailureOr<DenseElementsAttr> given[] = {n.required(0, "start"), n.required(1, "limit"), n.required(2, "delta")};
  if (llvm::any_of(given, [](const auto &value) { return failed(value); }))
    return {};
  DenseElementsAttr start = *given[0], limit = *given[1], delta = *given[2];
  Type element = start.getElementType();
  if (limit.getElementType() != element || delta.getElementType() != element || start.getNumElements() != 1 ||
      limit.getNumElements() != 1 || delta.getNumElements() != 1)
    return n.fail("expected start, limit and delta to be one element of one type each");
  constexpr int64_t limitCount = int64_t(1) << 40;
  auto iota = [&](int64_t count, Type type) { return coordinate(n.b, {count}, type, 0); };
  if (isa<IntegerType>(element)) {
    int64_t first = toIntegers(start).front(), last = toIntegers(limit).front(), step = toIntegers(delta).front();
    if (step == 0 || step == std::numeric_limits<int64_t>::min())
      return n.fail("expected a delta other than 0");
    bool empty = step > 0 ? last <= first : last >= first;
    uint64_t distance = step > 0 ? static_cast<uint64_t>(last) - first : static_cast<uint64_t>(first) - last;
    uint64_t count = empty ? 0 : (distance - 1) / std::abs(step) + 1;
    if (count > limitCount)
      return n.fail("gives too many elements");
    if (count == 0)
      return tiny::ConstOp::create(n.b,
                                   DenseElementsAttr::get(RankedTensorType::get({0}, element), ArrayRef<Attribute>()));
    Value steps = iota(count, element);
    return add(n.b, mul(n.b, steps, splatInteger(n.b, steps, step)), splatInteger(n.b, steps, first));
  }
  auto value = [](DenseElementsAttr a) { return (*a.getValues<APFloat>().begin()).convertToDouble(); };
  double first = value(start), step = value(delta);
  double count = std::ceil((value(limit) - first) / step);
  if (!(count <= static_cast<double>(limitCount)))
    return n.fail("gives too many elements, or the delta is 0");
  if (count <= 0)
    return tiny::ConstOp::create(n.b,
                                 DenseElementsAttr::get(RankedTensorType::get({0}, element), ArrayRef<Attribute>()));
  Value steps = cast(n.b, iota(static_cast<int64_t>(count), n.b.getI64Type()), element);
  return add(n.b, mul(n.b, steps, splat(n.b, steps, step)), splat(n.b, steps, first));
}

ArrayRef<Operator> onnx::shapeOperators() {
  static const Operator rows[] = {
      {"Constant", 1, 0, 0, Narrow::Keep, importConstant},
      {"ConstantOfShape", 9, 1, 1, Narrow::Keep, importConstantOfShape},
      {"Range", 11, 3, 3, Narrow::Keep, importRange},
      {"Shape", 1, 1, 1, Narrow::Keep, importShape},
      {"Size", 1, 1, 1, Narrow::Keep, importSize},
  };
  return rows;
}
