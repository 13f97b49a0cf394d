// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A walk over all tensors of a model: initialisers and attributes, of the graph, of graphs in attributes, of functions.

#include "lib/Onnx/ExternalFiles.h"

#include "lib/Onnx/onnx.pb.h"

#include "google/protobuf/io/coded_stream.h"
#include <set>

using namespace tinyc;
using namespace tinyc::onnx;

namespace {
class Walk {
public:
  void visit(const GraphProto &graph) {
    for (const TensorProto &tensor : graph.initializer())
      visit(tensor);
    for (const NodeProto &node : graph.node())
      visit(node);
  }
  void visit(const NodeProto &node) {
    for (const AttributeProto &attribute : node.attribute())
      visit(attribute);
  }
  void visit(const AttributeProto &attribute) {
    if (attribute.has_t())
      visit(attribute.t());
    for (const TensorProto &tensor : attribute.tensors())
      visit(tensor);
    if (attribute.has_g())
      visit(attribute.g());
    for (const GraphProto &graph : attribute.graphs())
      visit(graph);
  }

  std::set<std::string> files;

private:
  void visit(const TensorProto &tensor) {
    if (tensor.data_location() == TensorProto::EXTERNAL)
      for (const StringStringEntryProto &entry : tensor.external_data())
        if (entry.key() == "location")
          files.insert(entry.value());
  }
};
} // namespace

std::vector<std::string> tinyc::onnxExternalFiles(llvm::StringRef bytes) {
  // Most models have none, and need not be parsed to know that: the key of the entry would be in the bytes.
  if (!bytes.contains("location") || bytes.size() > INT32_MAX)
    return {};
  ModelProto model;
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  stream.SetRecursionLimit(64); // as the importer's
  if (!model.ParseFromCodedStream(&stream))
    return {};
  Walk walk;
  walk.visit(model.graph());
  for (const FunctionProto &function : model.functions()) {
    for (const NodeProto &node : function.node())
      walk.visit(node);
    for (const AttributeProto &attribute : function.attribute_proto())
      walk.visit(attribute);
  }
  return {walk.files.begin(), walk.files.end()};
}
