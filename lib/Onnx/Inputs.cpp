// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inputs of a model: which shape each has, what binds the symbols of shapes, and which values are taken as known.

#include "lib/Onnx/Importer.h"

#include "dialects/Tiny/Elementwise.h"
#include "runtime/schema/PackedElements.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;

LogicalResult Importer::bindShape(const ValueInfoProto &input, ArrayRef<int64_t> shape) {
  const TensorShapeProto &declared = input.type().tensor_type().shape();
  if (!input.type().tensor_type().has_shape())
    return success();
  bool fits = declared.dim_size() == static_cast<int>(shape.size());
  std::string expected;
  for (int d = 0; d < declared.dim_size(); ++d) {
    const TensorShapeProto::Dimension &dim = declared.dim(d);
    expected += (d ? ", " : "") + (dim.has_dim_value()   ? std::to_string(dim.dim_value())
                                   : dim.has_dim_param() ? dim.dim_param()
                                                         : std::string("?"));
    if (!fits)
      continue;
    if (dim.has_dim_value())
      fits = dim.dim_value() == shape[d] || dim.dim_value() < 0;
    if (!dim.has_dim_param() || dim.dim_param().empty())
      continue;
    auto [entry, isNew] = symbols.insert({dim.dim_param(), shape[d]});
    if (!isNew && entry->second != shape[d])
      return emitError(file) << "input '" << input.name() << "': the shape " << spell(shape) << " binds '"
                             << dim.dim_param() << "' to " << shape[d] << ", another input bound it to "
                             << entry->second;
  }
  if (fits)
    return success();
  return emitError(file) << "input '" << input.name() << "': expected a shape of the form [" << expected << "], found "
                         << spell(shape);
}

FailureOr<RankedTensorType> Importer::inputType(const ValueInfoProto &input, const GivenInput *byValue) {
  if (!input.type().has_tensor_type())
    return emitError(file) << "input '" << input.name() << "': expected a tensor, found "
                           << (input.type().has_sequence_type()        ? "a sequence"
                               : input.type().has_optional_type()      ? "an optional value"
                               : input.type().has_map_type()           ? "a map"
                               : input.type().has_sparse_tensor_type() ? "a sparse tensor"
                                                                       : "no type");
  const TypeProto::Tensor &tensor = input.type().tensor_type();
  Type element = onnx::elementType(tensor.elem_type(), b.getContext());
  if (!element)
    return emitError(file) << "input '" << input.name() << "': element type " << dataTypeName(tensor.elem_type())
                           << " is not supported";
  SmallVector<int64_t> shape;
  if (auto given = options.shapes.find(input.name()); given != options.shapes.end()) {
    shape.assign(given->second.begin(), given->second.end());
  } else if (byValue) {
    shape.assign(byValue->tensor->shape.begin(), byValue->tensor->shape.end());
  } else if (!tensor.has_shape()) {
    return emitError(file) << "input '" << input.name() << "': the model declares no shape; give one with --shape "
                           << input.name() << "=..";
  } else {
    for (const auto &[d, dim] : llvm::enumerate(tensor.shape().dim())) {
      if (dim.has_dim_value()) {
        shape.push_back(dim.dim_value());
        continue;
      }
      std::string symbol = dim.dim_param().empty() ? input.name() + "." + std::to_string(d) : dim.dim_param();
      auto [entry, isNew] = symbols.insert({symbol, 1});
      if (isNew) {
        unbound += (unbound.empty() ? "'" : ", '") + symbol + "' (dimension " + std::to_string(d) + " of '" +
                   input.name() + "')";
        emitRemark(file) << "'" << symbol << "', dimension " << d << " of input '" << input.name()
                         << "', is bound to 1; --shape " << input.name() << "=.. binds it otherwise";
      }
      shape.push_back(entry->second);
    }
  }
  if (static_cast<int64_t>(shape.size()) > kMaxRank)
    return emitError(file) << "input '" << input.name() << "': expected at most " << kMaxRank << " dimensions, found "
                           << shape.size();
  if (!isShapeOfTensor(shape))
    return emitError(file) << "input '" << input.name() << "': the shape " << spell(shape)
                           << " is negative or too large";
  return RankedTensorType::get(shape, element);
}

const GivenInput *Importer::findGiven(ArrayRef<const ValueInfoProto *> inputs, size_t index) const {
  for (const GivenInput &each : options.inputs)
    if (each.name == inputs[index]->name())
      return &each;
  auto isInput = [&](const GivenInput &g) {
    return llvm::any_of(inputs, [&](const ValueInfoProto *input) { return input->name() == g.name; });
  };
  return index < options.inputs.size() && !isInput(options.inputs[index]) ? &options.inputs[index] : nullptr;
}

std::set<std::string> Importer::wantedInputs() {
  std::set<std::string> names;
  for (BlockArgument argument : wanted) {
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), tiny::kNameAttr);
    if (given.count(name.str()) && !fixed.count(name.str()))
      names.insert(name.str());
  }
  return names;
}

LogicalResult Importer::addInputs(Scope &scope) {
  SmallVector<const ValueInfoProto *> inputs;
  std::string names;
  for (const ValueInfoProto &input : model.graph().input()) {
    // Files of the first IR versions list initialisers among the inputs.
    if (scope.initialisers.contains(input.name()))
      continue;
    inputs.push_back(&input);
    names += (names.empty() ? "'" : ", '") + input.name() + "'";
  }
  for (const auto &[name, shape] : options.shapes)
    if (!llvm::any_of(inputs, [&](const ValueInfoProto *input) { return input->name() == name; }))
      return emitError(file) << "the model has no input '" << name << "'; its inputs are " << names;
  // Shapes that are given bind symbols first: another input may be declared before with the same symbol.
  for (const auto &[index, input] : llvm::enumerate(inputs)) {
    const GivenInput *value = findGiven(inputs, index);
    if (value)
      given[input->name()] = value;
    auto shape = options.shapes.find(input->name());
    if (shape != options.shapes.end() && failed(bindShape(*input, shape->second)))
      return failure();
    if (value && failed(bindShape(*input, value->tensor->shape)))
      return failure();
  }
  SmallVector<Type> types;
  for (const ValueInfoProto *input : inputs) {
    FailureOr<RankedTensorType> type = inputType(*input, given.count(input->name()) ? given[input->name()] : nullptr);
    if (failed(type))
      return failure();
    types.push_back(*type);
  }
  function = func::FuncOp::create(b, "main", b.getFunctionType(types, {}));
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  for (const auto &[index, input] : llvm::enumerate(inputs)) {
    function.setArgAttr(index, tiny::kNameAttr, b.getStringAttr(input->name()));
    Value value = entry->getArgument(index);
    value.setLoc(named(input->name()));
    scope.values[input->name()] = value;
    if (int32_t type = input->type().tensor_type().elem_type(); packed::bitsOf(type))
      scope.packedTypes[input->name()] = type;
    if (!fixed.count(input->name()))
      continue;
    const DenseTensor &known = *given[input->name()]->tensor;
    auto type = cast<RankedTensorType>(types[index]);
    if (tiny::elementOf(type) != known.element || type.getShape() != ArrayRef<int64_t>(known.shape))
      return emitError(file) << "input '" << input->name() << "': expected a value of type " << type << ", found "
                             << tiny::name(known.element) << " " << spell(known.shape);
    TypedAttr elements = constantOf(known, type);
    function.setArgAttr(index, kValueAttr, elements);
    scope.values[input->name()] = tiny::ConstOp::create(b, elements);
  }
  return success();
}
