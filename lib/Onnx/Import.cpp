// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The walk over a model's graph: initialisers, nodes in order, outputs.

#include "lib/Onnx/Import.h"

#include "lib/Onnx/Folding.h"
#include "lib/Onnx/Importer.h"
#include "runtime/schema/PackedElements.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;

// After errors of so many nodes an import ends.
static constexpr unsigned kMaxReported = 20;

Importer::Importer(StringRef path, const ModelProto &model, const Functions &functions, const OnnxOptions &options,
                   const std::set<std::string> &fixed, WeightStore &weights, MLIRContext *context)
    : Surroundings(llvm::sys::path::parent_path(path), weights), model(model), functions(functions), options(options),
      fixed(fixed), file(FileLineColLoc::get(context, path, 0, 0)), b(file, context) {}

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
    lastSource =
        tiny::ParamOp::create(static_cast<OpBuilder &>(b), loc, data.type, name, weights.add(data.bytes, data.owner));
  return lastSource->getResult(0);
}

// The value of a name. Fails without an error where its node had one. Null for an empty name and for an optional
// operand that a call of a function leaves out.
FailureOr<Value> Importer::valueOf(const std::string &name, Scope &scope) {
  if (auto found = scope.values.find(name); found != scope.values.end())
    return found->second;
  if (scope.missing.contains(name))
    return failure();
  const TensorProto *tensor = scope.initialisers.lookup(name);
  if (!tensor)
    return scope.outer ? valueOf(name, *scope.outer) : Value();
  // An initialiser is read when the first node wants it.
  if (packed::bitsOf(tensor->data_type()))
    scope.packedTypes[name] = tensor->data_type();
  FailureOr<TensorData> data = readTensor(*tensor, folder, "initialiser '" + name + "'", file);
  if (failed(data))
    return failure();
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
  // Of any number of operands each counts, unless a row with minInputs of 0 looks itself.
  for (int i = 0, all = row.maxInputs < 0 && row.minInputs > 0 ? count : row.minInputs; i < all; ++i)
    if (!n.has(i))
      return n.error() << "operand " << i << " is left out, and is not optional";
  // Floats of less than 32 bits are computed in f32, with the casts written out.
  // Bodies may be dropped again, and keep theirs.
  bool atTop = b.getInsertionBlock() == &function.getBody().front();
  Type narrow;
  if (row.narrow == Narrow::Widen)
    for (auto [i, input] : llvm::enumerate(n.inputs)) {
      auto type = input ? dyn_cast<FloatType>(tiny::elementType(input.getType())) : FloatType();
      if (!type || type.getWidth() >= 32)
        continue;
      if (i == 0)
        narrow = type;
      input = compose::cast(b, input, b.getF32Type());
      if (atTop)
        casts.widenings.insert(input.getDefiningOp());
    }
  unsigned before = errors;
  Value first = row.import(n);
  if (!first || errors != before)
    return errors != before ? failure()
                            : n.error() << "the operator's import function gives no result and does not "
                                        << "say why: this is a bug in the function";
  results.push_back(first);
  results.append(n.moreResults);
  for (auto [i, result] : llvm::enumerate(results))
    if (narrow && result && tiny::elementType(result.getType()).isF32() && !(i != 0 && n.moreAreTyped)) {
      result = compose::cast(b, result, narrow);
      if (atTop)
        casts.roundings.insert(result.getDefiningOp());
    }
  for (StringRef name : n.unread())
    return n.error() << "attribute '" << name << "' is not supported";
  return success();
}

LogicalResult Importer::importNode(const NodeProto &node, const std::string &name, Scope &scope) {
  b.setLoc(named(name));
  llvm::SaveAndRestore<Scope *> within(this->scope, &scope);
  int64_t version = scope.versions.lookup(domainOf(node));
  unsigned reported = errors;
  NodeImport n(b, node, version, *this);
  if (errors != reported)
    return failure(); // of two attributes of one name, none is the right one
  for (const std::string &input : node.input()) {
    FailureOr<Value> value = valueOf(input, scope);
    if (failed(value))
      return failure();
    n.inputs.push_back(*value);
    n.packedTypes.push_back(scope.packedTypeOf(input));
    n.dequantized.push_back(scope.dequantizedFrom(input));
  }
  // Operands left out at the end are as if not there.
  while (!n.inputs.empty() && !n.inputs.back())
    n.inputs.pop_back();

  Block *block = b.getInsertionBlock();
  Operation *before = block->empty() ? nullptr : &block->back();
  const Operator *row = findOperator(domainOf(node), node.op_type(), version);
  if (!row)
    return n.error() << "no operator " << node.op_type() << " is supported";
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
    return source(TensorData(type, std::move(bytes)), at ? at.getName().getValue() : StringRef(name));
  };
  if (failed(foldKnown(first, block->end(), results, weights, folded)))
    return failure();
  for (const auto &[index, output] : llvm::enumerate(node.output())) {
    if (output.empty())
      continue;
    Value result = index < results.size() ? results[index] : Value();
    if (!result)
      return n.error() << "output " << index << " ('" << output << "') is not supported";
    if (static_cast<int64_t>(compose::shapeOf(result).size()) > kMaxRank)
      return n.error() << "expected at most " << kMaxRank << " dimensions, its result has "
                       << compose::shapeOf(result).size();
    if (!isShapeOfTensor(compose::shapeOf(result)))
      return n.error() << "its result of shape " << spell(compose::shapeOf(result)) << " is too large";
    scope.values[output] = result;
    if (n.dequantizedResult.values && index == 0)
      scope.dequantized[output] = n.dequantizedResult;
    if (n.packedResult && tiny::elementType(result.getType()).getIntOrFloatBitWidth() == 8)
      scope.packedTypes[output] = n.packedResult;
  }
  return success();
}

LogicalResult Importer::importNodes(ArrayRef<const NodeProto *> ordered,
                                    const google::protobuf::RepeatedPtrField<NodeProto> &nodes, Scope &scope) {
  llvm::DenseMap<const NodeProto *, size_t> numbers;
  for (const auto &[index, node] : llvm::enumerate(nodes))
    numbers[&node] = index;
  bool good = true;
  unsigned reported = 0;
  for (const NodeProto *node : ordered) {
    std::string name = scope.prefix + nameOf(*node, numbers[node]);
    const FunctionProto *called = functions.find(*node);
    int64_t version = scope.versions.lookup(domainOf(*node));
    llvm::SaveAndRestore<std::string> inside(current, "node '" + name + "' (" + node->op_type() + ", opset " +
                                                          std::to_string(version) + ")");
    unsigned before = errors;
    if (imported == kMaxNodes)
      return emitError(file) << "the model comes to over " << kMaxNodes
                             << " nodes, its loops unrolled and its calls of functions written out; no more are "
                             << "supported";
    ++imported;
    if (succeeded(called ? call(*called, *node, name, scope) : importNode(*node, name, scope)))
      continue;
    // Every further node would be refused for the same reason.
    if (imported == kMaxNodes)
      return failure();
    // What does not follow from this node's outputs is imported all the same, so that all errors are found at once.
    good = false;
    reported += errors != before;
    scope.missing.insert_range(node->output());
    if (reported == kMaxReported)
      return failure();
  }
  return success(good);
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
  ScopedDiagnosticHandler count(b.getContext(), [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
      ++errors;
      nameNode(diagnostic);
    }
    return failure(); // others report it
  });
  const GraphProto &graph = model.graph();
  module = ModuleOp::create(file);
  b.setInsertionPointToEnd(module->getBody());
  Scope scope{opsetVersions(model.opset_import()), {}, "", {}, {}};
  SmallVector<StringRef> names;
  for (const TensorProto &tensor : graph.initializer()) {
    scope.initialisers[tensor.name()] = &tensor;
    names.push_back(tensor.name());
  }
  for (const ValueInfoProto &input : graph.input())
    if (!scope.initialisers.contains(input.name()))
      names.push_back(input.name());
  FailureOr<SmallVector<const NodeProto *>> ordered = orderNodes(graph.node(), names, file);
  if (failed(ordered) || failed(addInputs(scope)) || failed(importNodes(*ordered, graph.node(), scope)) ||
      failed(addOutputs(scope))) {
    if (!unbound.empty())
      emitWarning(file) << "the model leaves open, and 1 was taken for, " << unbound
                        << "; if that does not fit, --shape NAME=.. binds them otherwise";
    return {};
  }
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
  return std::move(module);
}

OwningOpRef<ModuleOp> tinyc::importOnnx(StringRef path, const OnnxOptions &options, WeightStore &weights,
                                        MLIRContext *context) {
  context->loadDialect<func::FuncDialect, tiny::TinyDialect>();
  Location file = FileLineColLoc::get(context, path, 0, 0);
  ModelProto model;
  if (failed(readModel(path, model, file)))
    return {};
  if (model.graph().sparse_initializer_size())
    return emitError(file) << "initialiser '" << model.graph().sparse_initializer(0).values().name()
                           << "': sparse initialisers are not supported",
           nullptr;
  Functions functions(model);
  if (failed(checkOperators(model, functions, file)) || failed(checkSize(model, functions, file)))
    return {};
  // Values of inputs are taken only where they are needed, which an attempt without them tells. Each further attempt
  // takes at least one more.
  std::set<std::string> fixed, wanted;
  OwningOpRef<ModuleOp> module;
  std::vector<Diagnostic> said;
  do {
    said.clear();
    ScopedDiagnosticHandler hold(context, [&](Diagnostic &diagnostic) {
      said.push_back(std::move(diagnostic));
      return success();
    });
    Importer importer(path, model, functions, options, fixed, weights, context);
    module = importer.import();
    wanted = module ? std::set<std::string>() : importer.wantedInputs();
    fixed.insert(wanted.begin(), wanted.end());
  } while (!wanted.empty());
  for (Diagnostic &diagnostic : said)
    context->getDiagEngine().emit(std::move(diagnostic));
  return module;
}
