// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The importer itself: inputs and their shapes, initialisers, nodes in order, outputs.

#include "lib/Onnx/Import.h"

#include "lib/Onnx/Folding.h"
#include "lib/Onnx/Model.h"
#include "lib/Onnx/NodeImport.h"
#include "lib/Onnx/Rounding.h"
#include "lib/Onnx/Tensors.h"
#include "runtime/schema/PackedElements.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;

namespace {

// No tensor of a real model has more elements; with it, sizes in bytes stay far from overflow.
constexpr int64_t kMaxElements = int64_t(1) << 40;
// How deep functions of a model may call each other.
constexpr unsigned kMaxCallDepth = 32;

// The names that nodes see: those of the graph, or of one call of a function.
struct Scope {
  OpsetVersions versions;
  llvm::StringMap<Value> values;
  // Put before the names of nodes: the calls that led here. Empty for the graph itself, which alone sees initialisers.
  std::string prefix;
  // TensorProto.DataType of values of less than 8 bits.
  llvm::StringMap<int32_t> packedTypes = {};
  // What results of DequantizeLinear were made of.
  llvm::StringMap<Dequantized> dequantized = {};
};

class Importer {
public:
  Importer(StringRef path, const OnnxOptions &options, WeightStore &weights, MLIRContext *context)
      : path(path), folder(llvm::sys::path::parent_path(path)), options(options), weights(weights),
        file(FileLineColLoc::get(context, path, 0, 0)), b(file, context) {}

  OwningOpRef<ModuleOp> import();

private:
  LogicalResult addInputs(Scope &scope);
  FailureOr<RankedTensorType> inputType(const ValueInfoProto &input);
  LogicalResult bindShape(const ValueInfoProto &input, ArrayRef<int64_t> shape);
  FailureOr<Value> valueOf(const std::string &name, Scope &scope);
  Value source(const TensorData &data, StringRef name);
  LogicalResult importNodes(ArrayRef<const NodeProto *> ordered,
                            const google::protobuf::RepeatedPtrField<NodeProto> &nodes, Scope &scope);
  LogicalResult importNode(const NodeProto &node, const std::string &name, Scope &scope);
  LogicalResult call(const FunctionProto &function, const NodeProto &node, const std::string &name, Scope &caller);
  LogicalResult compose(NodeImport &n, const Operator &row, SmallVectorImpl<Value> &results);
  LogicalResult addOutputs(Scope &scope);
  Location named(StringRef name) { return NameLoc::get(b.getStringAttr(name), file); }

  std::string path, folder;
  const OnnxOptions &options;
  WeightStore &weights;
  Location file;
  compose::Builder b;
  ModelProto model;
  llvm::StringMap<const TensorProto *> initialisers;
  NarrowCasts casts;
  // What symbols are bound to.
  std::map<std::string, int64_t> symbols;
  func::FuncOp function;
  // The last parameter or constant at the head of the function; null before the first.
  Operation *lastSource = nullptr;
  // Errors so far, and the node that is being imported: each error gets a note that names it.
  unsigned errors = 0;
  std::string current;
  unsigned depth = 0;
};

} // namespace

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

FailureOr<RankedTensorType> Importer::inputType(const ValueInfoProto &input) {
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
  } else if (auto value = options.values.find(input.name()); value != options.values.end()) {
    shape.assign(value->second.getType().getShape().begin(), value->second.getType().getShape().end());
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
      if (isNew)
        emitRemark(file) << "'" << symbol << "', dimension " << d << " of input '" << input.name()
                         << "', is bound to 1; --shape " << input.name() << "=.. binds it otherwise";
      shape.push_back(entry->second);
    }
  }
  std::optional<int64_t> count = compose::elementCount(shape);
  if (!count || *count > kMaxElements)
    return emitError(file) << "input '" << input.name() << "': the shape " << spell(shape)
                           << " is negative or too large";
  return RankedTensorType::get(shape, element);
}

LogicalResult Importer::addInputs(Scope &scope) {
  SmallVector<const ValueInfoProto *> inputs;
  std::string names;
  for (const ValueInfoProto &input : model.graph().input()) {
    // Files of the first IR versions list initialisers among the inputs.
    if (initialisers.contains(input.name()))
      continue;
    inputs.push_back(&input);
    names += (names.empty() ? "'" : ", '") + input.name() + "'";
  }
  auto checkName = [&](const std::string &name) -> LogicalResult {
    if (llvm::any_of(inputs, [&](const ValueInfoProto *input) { return input->name() == name; }))
      return success();
    return emitError(file) << "the model has no input '" << name << "'; its inputs are " << names;
  };
  for (const auto &[name, shape] : options.shapes)
    if (failed(checkName(name)))
      return failure();
  for (const auto &[name, value] : options.values)
    if (failed(checkName(name)))
      return failure();
  // Shapes that are given bind symbols first: another input may be declared before with the same symbol.
  for (const ValueInfoProto *input : inputs) {
    if (auto given = options.shapes.find(input->name()); given != options.shapes.end())
      if (failed(bindShape(*input, given->second)))
        return failure();
    if (auto value = options.values.find(input->name()); value != options.values.end())
      if (failed(bindShape(*input, value->second.getType().getShape())))
        return failure();
  }
  SmallVector<Type> types;
  for (const ValueInfoProto *input : inputs) {
    FailureOr<RankedTensorType> type = inputType(*input);
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
    if (auto known = options.values.find(input->name()); known != options.values.end()) {
      if (known->second.getType() != types[index])
        return emitError(file) << "input '" << input->name() << "': expected a value of type " << types[index]
                               << ", found " << known->second.getType();
      value = tiny::ConstOp::create(b, known->second);
    }
    scope.values[input->name()] = value;
    if (int32_t type = input->type().tensor_type().elem_type(); packed::bitsOf(type))
      scope.packedTypes[input->name()] = type;
  }
  return success();
}

Value Importer::source(const TensorData &data, StringRef name) {
  // Sources stand at the head of the function, apart from the ops of nodes.
  OpBuilder::InsertionGuard guard(b);
  if (lastSource)
    b.setInsertionPointAfter(lastSource);
  else
    b.setInsertionPointToStart(&function.getBody().front());
  Location loc = named(name);
  if (isConstant(data.type))
    lastSource = tiny::ConstOp::create(static_cast<OpBuilder &>(b), loc, toElements(data));
  else
    lastSource = tiny::ParamOp::create(static_cast<OpBuilder &>(b), loc, data.type, name, weights.add(data.bytes));
  return lastSource->getResult(0);
}

// The value of a name; null for an empty name and for an optional operand that a call of a function leaves out.
FailureOr<Value> Importer::valueOf(const std::string &name, Scope &scope) {
  if (auto found = scope.values.find(name); found != scope.values.end())
    return found->second;
  const TensorProto *tensor = scope.prefix.empty() ? initialisers.lookup(name) : nullptr;
  if (!tensor)
    return Value();
  // An initialiser is read when the first node wants it.
  FailureOr<TensorData> data = readTensor(*tensor, folder, "initialiser '" + name + "'", file);
  if (failed(data))
    return failure();
  if (packed::bitsOf(tensor->data_type()))
    scope.packedTypes[name] = tensor->data_type();
  return scope.values[name] = source(*data, name);
}

LogicalResult Importer::compose(NodeImport &n, const Operator &row, SmallVectorImpl<Value> &results) {
  int count = n.inputs.size();
  if (count < row.minInputs || (row.maxInputs >= 0 && count > row.maxInputs))
    return n.error() << "expected "
                     << (row.maxInputs == row.minInputs ? ""
                         : row.maxInputs < 0            ? "at least "
                                                        : "from ")
                     << row.minInputs
                     << (row.maxInputs > row.minInputs ? " to " + std::to_string(row.maxInputs) : std::string())
                     << " operands, found " << count;
  for (int i = 0; i < row.minInputs; ++i)
    if (!n.has(i))
      return n.error() << "operand " << i << " is left out, and is not optional";
  // Floats of less than 32 bits are computed in f32, with the casts written out.
  Type narrow;
  if (row.narrow == Narrow::Widen)
    for (auto [i, input] : llvm::enumerate(n.inputs)) {
      auto type = input ? dyn_cast<FloatType>(tiny::elementType(input.getType())) : FloatType();
      if (!type || type.getWidth() >= 32)
        continue;
      if (i == 0)
        narrow = type;
      input = compose::cast(b, input, b.getF32Type());
      casts.widenings.insert(input.getDefiningOp());
    }
  Value first = row.import(n);
  if (!first || errors)
    return errors ? failure() : n.error() << "cannot be imported";
  results.push_back(first);
  results.append(n.moreResults);
  for (Value &result : results)
    if (narrow && result && tiny::elementType(result.getType()).isF32()) {
      result = compose::cast(b, result, narrow);
      casts.roundings.insert(result.getDefiningOp());
    }
  for (StringRef name : n.unread())
    return n.error() << "attribute '" << name << "' is not supported";
  return success();
}

LogicalResult Importer::importNode(const NodeProto &node, const std::string &name, Scope &scope) {
  b.setLoc(named(name));
  int64_t version = scope.versions.lookup(domainOf(node));
  NodeImport n(b, node, version, folder, weights);
  for (const std::string &input : node.input()) {
    FailureOr<Value> value = valueOf(input, scope);
    if (failed(value))
      return failure();
    n.inputs.push_back(*value);
    n.packedTypes.push_back(scope.packedTypes.lookup(input));
    n.dequantized.push_back(scope.dequantized.lookup(input));
  }
  // Operands left out at the end are as if not there.
  while (!n.inputs.empty() && !n.inputs.back())
    n.inputs.pop_back();

  Block *block = b.getInsertionBlock();
  Operation *before = block->empty() ? nullptr : &block->back();
  const Operator *row = findOperator(domainOf(node), node.op_type(), version);
  SmallVector<Value> results;
  if (failed(compose(n, *row, results)))
    return failure();
  if (!n.packedResult && n.has(0) && results[0] &&
      tiny::elementType(results[0].getType()) == tiny::elementType(n[0].getType()))
    n.packedResult = n.packedTypes[0];
  Block::iterator first = before ? std::next(before->getIterator()) : block->begin();
  for (Operation &op : llvm::make_range(first, block->end()))
    if (failed(verify(&op)))
      return failure();
  auto folded = [&](RankedTensorType type, std::vector<uint8_t> bytes, Location loc) {
    auto at = dyn_cast<NameLoc>(loc);
    return source({type, std::move(bytes)}, at ? at.getName().getValue() : StringRef(name));
  };
  if (failed(foldKnown(first, block->end(), results, weights, folded)))
    return failure();
  for (const auto &[index, output] : llvm::enumerate(node.output())) {
    if (output.empty())
      continue;
    Value result = index < results.size() ? results[index] : Value();
    if (!result)
      return n.error() << "output " << index << " ('" << output << "') is not supported";
    std::optional<int64_t> count = compose::elementCount(compose::shapeOf(result));
    if (!count || *count > kMaxElements)
      return n.error() << "its result of shape " << spell(compose::shapeOf(result)) << " is too large";
    scope.values[output] = result;
    if (n.dequantizedResult.values && index == 0)
      scope.dequantized[output] = n.dequantizedResult;
    if (n.packedResult && tiny::elementType(result.getType()).getIntOrFloatBitWidth() == 8)
      scope.packedTypes[output] = n.packedResult;
  }
  return success();
}

LogicalResult Importer::call(const FunctionProto &called, const NodeProto &node, const std::string &name,
                             Scope &caller) {
  if (depth >= kMaxCallDepth)
    return emitError(named(name)) << "functions call each other more than " << kMaxCallDepth << " deep";
  if (node.input_size() > called.input_size() || node.output_size() > called.output_size())
    return emitError(named(name)) << "expected at most " << called.input_size() << " operands and "
                                  << called.output_size() << " outputs, as function '" << called.name()
                                  << "' has, found " << node.input_size() << " and " << node.output_size();
  Scope scope{opsetVersions(called.opset_import()), {}, name + "/"};
  SmallVector<StringRef> given;
  for (int i = 0; i < called.input_size(); ++i) {
    given.push_back(called.input(i));
    FailureOr<Value> value = i < node.input_size() ? valueOf(node.input(i), caller) : Value();
    if (failed(value))
      return failure();
    scope.values[called.input(i)] = *value;
    if (int32_t type = i < node.input_size() ? caller.packedTypes.lookup(node.input(i)) : 0)
      scope.packedTypes[called.input(i)] = type;
  }
  // The body, with attributes that refer to the call's replaced by them.
  google::protobuf::RepeatedPtrField<NodeProto> body = called.node();
  for (NodeProto &inner : body) {
    google::protobuf::RepeatedPtrField<AttributeProto> attributes;
    for (AttributeProto &attribute : *inner.mutable_attribute()) {
      const AttributeProto *value = &attribute;
      if (!attribute.ref_attr_name().empty()) {
        auto named = [&](const AttributeProto &a) { return a.name() == attribute.ref_attr_name(); };
        auto passed = llvm::find_if(node.attribute(), named);
        auto byDefault = llvm::find_if(called.attribute_proto(), named);
        value = passed != node.attribute().end()              ? &*passed
                : byDefault != called.attribute_proto().end() ? &*byDefault
                                                              : nullptr;
      }
      if (!value)
        continue;
      AttributeProto *copy = attributes.Add();
      *copy = *value;
      copy->set_name(attribute.name());
    }
    inner.mutable_attribute()->Swap(&attributes);
  }
  llvm::SaveAndRestore<unsigned> deeper(depth, depth + 1);
  FailureOr<SmallVector<const NodeProto *>> ordered = orderNodes(body, given, named(name));
  if (failed(ordered) || failed(importNodes(*ordered, body, scope)))
    return failure();
  for (int i = 0; i < node.output_size(); ++i) {
    if (node.output(i).empty())
      continue;
    Value result = scope.values.lookup(called.output(i));
    if (!result)
      return emitError(named(name)) << "function '" << called.name() << "' does not give its output '"
                                    << called.output(i) << "'";
    caller.values[node.output(i)] = result;
    if (int32_t type = scope.packedTypes.lookup(called.output(i)))
      caller.packedTypes[node.output(i)] = type;
  }
  return success();
}

LogicalResult Importer::importNodes(ArrayRef<const NodeProto *> ordered,
                                    const google::protobuf::RepeatedPtrField<NodeProto> &nodes, Scope &scope) {
  llvm::DenseMap<const NodeProto *, size_t> numbers;
  for (const auto &[index, node] : llvm::enumerate(nodes))
    numbers[&node] = index;
  for (const NodeProto *node : ordered) {
    std::string name = scope.prefix + nameOf(*node, numbers[node]);
    const FunctionProto *called = findFunction(model, *node);
    int64_t version = scope.versions.lookup(domainOf(*node));
    llvm::SaveAndRestore<std::string> inside(current, "node '" + name + "' (" + node->op_type() + ", opset " +
                                                          std::to_string(version) + ")");
    if (failed(called ? call(*called, *node, name, scope) : importNode(*node, name, scope)))
      return failure();
  }
  return success();
}

LogicalResult Importer::addOutputs(Scope &scope) {
  b.setLoc(file);
  SmallVector<Value> values;
  llvm::StringSet<> seen;
  if (model.graph().output().empty())
    return emitError(file) << "the model has no output";
  for (const ValueInfoProto &output : model.graph().output()) {
    if (!seen.insert(output.name()).second)
      return emitError(file) << "the model has two outputs '" << output.name() << "'";
    FailureOr<Value> found = valueOf(output.name(), scope);
    if (failed(found))
      return failure();
    Value value = *found;
    if (!value)
      return emitError(file) << "output '" << output.name() << "' is given by no node";
    int32_t declared = output.type().tensor_type().elem_type();
    auto type = cast<RankedTensorType>(value.getType());
    if (declared != 0 && onnx::elementType(declared, b.getContext()) != type.getElementType())
      return emitError(file) << "output '" << output.name() << "': the model declares elements of "
                             << dataTypeName(declared) << ", its nodes give " << type;
    const TensorShapeProto &shape = output.type().tensor_type().shape();
    bool fits = !output.type().tensor_type().has_shape() || shape.dim_size() == type.getRank();
    for (int d = 0; fits && d < shape.dim_size(); ++d)
      fits = !shape.dim(d).has_dim_value() || shape.dim(d).dim_value() == type.getDimSize(d);
    if (!fits)
      emitWarning(file) << "output '" << output.name() << "': the model declares another shape than "
                        << spell(type.getShape()) << ", which its nodes give";
    values.push_back(value);
  }
  func::ReturnOp::create(b, values);
  function.setType(b.getFunctionType(function.getArgumentTypes(), TypeRange(ValueRange(values))));
  for (const auto &[index, output] : llvm::enumerate(model.graph().output()))
    function.setResultAttr(index, tiny::kNameAttr, b.getStringAttr(output.name()));
  return success();
}

OwningOpRef<ModuleOp> Importer::import() {
  b.getContext()->loadDialect<func::FuncDialect, tiny::TinyDialect>();
  ScopedDiagnosticHandler count(b.getContext(), [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
      ++errors;
      if (!current.empty())
        diagnostic.attachNote() << "in " << current;
    }
    return failure(); // others report it
  });
  if (failed(readModel(path, model, file)))
    return {};
  const GraphProto &graph = model.graph();
  if (graph.sparse_initializer_size())
    return emitError(file) << "initialiser '" << graph.sparse_initializer(0).values().name()
                           << "': sparse initialisers are not supported",
           nullptr;
  if (failed(checkOperators(model, file)))
    return {};
  OwningOpRef<ModuleOp> module = ModuleOp::create(file);
  b.setInsertionPointToEnd(module->getBody());
  SmallVector<StringRef> given;
  for (const TensorProto &tensor : graph.initializer()) {
    initialisers[tensor.name()] = &tensor;
    given.push_back(tensor.name());
  }
  for (const ValueInfoProto &input : graph.input())
    if (!initialisers.contains(input.name()))
      given.push_back(input.name());
  Scope scope{opsetVersions(model.opset_import()), {}, ""};
  FailureOr<SmallVector<const NodeProto *>> ordered = orderNodes(graph.node(), given, file);
  if (failed(ordered) || failed(addInputs(scope)) || failed(importNodes(*ordered, graph.node(), scope)) ||
      failed(addOutputs(scope)))
    return {};
  if (!options.roundEveryNode)
    dropRoundings(function.getBody().front(), casts);
  eraseUnused(function.getBody().front());
  SmallVector<NamedAttribute> bound;
  for (const auto &[symbol, value] : symbols)
    bound.push_back(b.getNamedAttr(symbol, b.getI64IntegerAttr(value)));
  if (!bound.empty())
    (*module)->setAttr(kSymbolsAttr, b.getDictionaryAttr(bound));
  if (failed(verify(*module)))
    return {};
  return module;
}

OwningOpRef<ModuleOp> tinyc::importOnnx(StringRef path, const OnnxOptions &options, WeightStore &weights,
                                        MLIRContext *context) {
  return Importer(path, options, weights, context).import();
}
