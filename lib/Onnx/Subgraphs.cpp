// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calls of a model's functions, and graphs of nodes.

#include "lib/Onnx/Importer.h"

#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;

LogicalResult Importer::call(const FunctionProto &called, const NodeProto &node, const std::string &name,
                             Scope &caller) {
  if (depth >= kMaxCallDepth)
    return emitError(named(name)) << "functions call each other more than " << kMaxCallDepth << " deep";
  if (node.input_size() > called.input_size() || node.output_size() > called.output_size())
    return emitError(named(name)) << "expected at most " << called.input_size() << " operands and "
                                  << called.output_size() << " outputs, as function '" << called.name()
                                  << "' has, found " << node.input_size() << " and " << node.output_size();
  Scope scope{opsetVersions(called.opset_import()), {}, name + "/", {}, {}};
  SmallVector<StringRef> given;
  for (int i = 0; i < called.input_size(); ++i) {
    given.push_back(called.input(i));
    FailureOr<Value> value = i < node.input_size() ? valueOf(node.input(i), caller) : Value();
    if (failed(value))
      return failure();
    scope.values[called.input(i)] = *value;
    if (int32_t type = i < node.input_size() ? caller.packedTypeOf(node.input(i)) : 0)
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

FailureOr<SmallVector<Value>> Importer::importGraph(const GraphProto &graph, ArrayRef<Value> arguments) {
  if (depth >= kMaxCallDepth)
    return emitError(b.getLoc()) << "graphs lie in nodes of graphs more than " << kMaxCallDepth << " deep";
  if (graph.sparse_initializer_size())
    return emitError(b.getLoc()) << "sparse initialisers are not supported";
  if (static_cast<int>(arguments.size()) != graph.input_size())
    return emitError(b.getLoc()) << "expected a graph of " << arguments.size() << " inputs, found "
                                 << graph.input_size();
  Location at = b.getLoc();
  auto node = dyn_cast<NameLoc>(at);
  Scope inner{scope->versions, {}, node ? node.getName().str() + "/" : scope->prefix, {}, {}, scope};
  SmallVector<StringRef> given;
  for (const auto &[input, argument] : llvm::zip_equal(graph.input(), arguments)) {
    inner.values[input.name()] = argument;
    given.push_back(input.name());
  }
  for (const TensorProto &tensor : graph.initializer())
    if (inner.values.try_emplace(tensor.name(), Value()).second) {
      inner.values.erase(tensor.name());
      inner.initialisers[tensor.name()] = &tensor;
      given.push_back(tensor.name());
    }
  // Names of the graphs around are known here; one that the nodes give themselves is theirs.
  llvm::StringSet<> own(llvm::from_range, given);
  for (const NodeProto &each : graph.node())
    own.insert_range(each.output());
  for (const NodeProto &each : graph.node())
    for (const std::string &name : each.input())
      if (!name.empty() && !own.contains(name)) {
        FailureOr<Value> value = valueOf(name, *scope);
        if (failed(value))
          return failure();
        if (*value && own.insert(name).second)
          given.push_back(name);
      }
  llvm::SaveAndRestore<unsigned> deeper(depth, depth + 1);
  llvm::SaveAndRestore<Scope *> within(scope, &inner);
  FailureOr<SmallVector<const NodeProto *>> ordered = orderNodes(graph.node(), given, at);
  if (failed(ordered) || failed(importNodes(*ordered, graph.node(), inner)))
    return failure();
  b.setLoc(at);
  SmallVector<Value> outputs;
  for (const ValueInfoProto &output : graph.output()) {
    FailureOr<Value> value = valueOf(output.name(), inner);
    if (failed(value))
      return failure();
    if (!*value)
      return emitError(at) << "output '" << output.name() << "' of the graph '" << graph.name()
                           << "' is given by no node";
    outputs.push_back(*value);
  }
  return outputs;
}
