// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading a model and checking its graph.

#include "lib/Onnx/Model.h"

#include "lib/Onnx/NodeImport.h"

#include "google/protobuf/io/coded_stream.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <queue>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;

/// Messages of protobuf; a node's graph takes three of them.
static constexpr int kMaxMessageDepth = 64;

StringRef onnx::domainOf(const NodeProto &node) {
  return node.domain() == "ai.onnx" ? StringRef() : StringRef(node.domain());
}

std::string onnx::nameOf(const NodeProto &node, size_t index) {
  return node.name().empty() ? node.op_type() + "_" + std::to_string(index) : node.name();
}

LogicalResult onnx::readModel(StringRef path, ModelProto &model, Location loc) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return emitError(loc) << "cannot read '" << path << "': " << buffer.getError().message();
  StringRef bytes = (*buffer)->getBuffer();
  if (bytes.size() > std::numeric_limits<int32_t>::max())
    return emitError(loc) << "'" << path << "' has " << bytes.size()
                          << " bytes; a model of 2 GiB or more keeps its weights in external data";
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  stream.SetRecursionLimit(kMaxMessageDepth);
  if (!model.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    return emitError(loc) << "'" << path << "' is no ONNX model: its " << bytes.size()
                          << " bytes do not parse (truncated, damaged, another format, or messages in each other "
                          << "over " << kMaxMessageDepth << " deep)";
  if (!model.has_graph())
    return emitError(loc) << "'" << path << "' is no ONNX model: it holds no graph";
  return success();
}

OpsetVersions onnx::opsetVersions(const google::protobuf::RepeatedPtrField<OperatorSetIdProto> &imports) {
  OpsetVersions versions;
  for (const OperatorSetIdProto &import : imports)
    versions[import.domain() == "ai.onnx" ? "" : import.domain()] = import.version();
  // A model of the first IR versions names no operator set.
  versions.try_emplace("", 1);
  return versions;
}

static std::string functionKey(StringRef domain, StringRef name, StringRef overload) {
  StringRef zero("", 1);
  return (domain + zero + name + zero + overload).str();
}

Functions::Functions(const ModelProto &model) {
  for (const FunctionProto &function : model.functions()) {
    StringRef domain = function.domain() == "ai.onnx" ? StringRef() : StringRef(function.domain());
    byName.try_emplace(functionKey(domain, function.name(), function.overload()), &function);
  }
}

const FunctionProto *Functions::find(const NodeProto &node) const {
  return byName.empty() ? nullptr : byName.lookup(functionKey(domainOf(node), node.op_type(), node.overload()));
}

namespace {
class NodeCounter {
public:
  explicit NodeCounter(const Functions &functions) : functions(functions) {}
  uint64_t count(const google::protobuf::RepeatedPtrField<NodeProto> &nodes, unsigned depth) {
    uint64_t sum = 0;
    for (const NodeProto &node : nodes) {
      ++sum;
      if (depth >= kMaxCallDepth)
        continue; // the importer refuses what lies deeper
      for (const AttributeProto &attribute : node.attribute())
        if (attribute.has_g())
          sum = llvm::SaturatingAdd(sum, count(attribute.g().node(), depth + 1));
      if (const FunctionProto *called = functions.find(node)) {
        auto [known, isNew] = counted.try_emplace(called, std::nullopt);
        if (!isNew && !known->second) {
          recursive = called; // it is being counted
          continue;
        }
        uint64_t inside = isNew ? count(called->node(), depth + 1) : *known->second;
        counted[called] = inside;
        sum = llvm::SaturatingAdd(sum, inside);
      }
    }
    return sum;
  }
  /// A function that calls itself, perhaps through others; null if there is none.
  const FunctionProto *recursive = nullptr;

private:
  const Functions &functions;
  /// Nothing while it is being counted.
  llvm::DenseMap<const FunctionProto *, std::optional<uint64_t>> counted;
};
} // namespace

LogicalResult onnx::checkSize(const ModelProto &model, const Functions &functions, Location loc) {
  NodeCounter counter(functions);
  uint64_t count = counter.count(model.graph().node(), 0);
  if (counter.recursive)
    return emitError(loc) << "function '" << counter.recursive->name() << "' calls itself";
  if (count <= kMaxNodes)
    return success();
  return emitError(loc) << "the model comes to " << (count == UINT64_MAX ? "over " : "") << count
                        << " nodes when its calls of functions are written out; at most " << kMaxNodes
                        << " are supported";
}

LogicalResult onnx::checkOperators(const ModelProto &model, const Functions &functions, Location loc) {
  std::vector<std::string> unsupported;
  size_t count = 0;
  std::function<void(const google::protobuf::RepeatedPtrField<NodeProto> &, const OpsetVersions &, const std::string &)>
      check;
  check = [&](const auto &nodes, const OpsetVersions &versions, const std::string &where) {
    for (const auto &[index, node] : llvm::enumerate(nodes)) {
      ++count;
      // Of If only one branch may be imported, which is found out later.
      for (const AttributeProto &attribute : node.attribute())
        if (attribute.has_g() && node.op_type() != "If")
          check(attribute.g().node(), versions, " of graph '" + attribute.g().name() + "'" + where);
      auto version = versions.find(domainOf(node));
      if (functions.find(node) ||
          (version != versions.end() && findOperator(domainOf(node), node.op_type(), version->second)))
        continue;
      std::string domain = domainOf(node).empty() ? "ai.onnx" : domainOf(node).str();
      std::string opset =
          version == versions.end() ? "which the model does not import" : "opset " + std::to_string(version->second);
      unsupported.push_back("node '" + nameOf(node, index) + "'" + where + ": " + node.op_type() + " (" + domain +
                            ", " + opset + ")");
    }
  };
  check(model.graph().node(), opsetVersions(model.opset_import()), "");
  for (const FunctionProto &function : model.functions())
    check(function.node(), opsetVersions(function.opset_import()), " of function '" + function.name() + "'");
  if (unsupported.empty())
    return success();
  return emitError(loc) << unsupported.size() << " of " << count << " nodes are not supported:\n  "
                        << llvm::join(unsupported, "\n  ");
}

FailureOr<SmallVector<const NodeProto *>> onnx::orderNodes(const google::protobuf::RepeatedPtrField<NodeProto> &nodes,
                                                           ArrayRef<StringRef> given, Location loc) {
  constexpr int kGiven = -1;
  llvm::StringMap<int> producer;
  for (StringRef name : given)
    if (!producer.try_emplace(name, kGiven).second)
      return emitError(loc) << "the name '" << name << "' is given to two inputs or initialisers";
  for (int index = 0; index < nodes.size(); ++index)
    for (const std::string &output : nodes[index].output()) {
      if (output.empty())
        continue;
      auto [entry, isNew] = producer.try_emplace(output, index);
      if (!isNew)
        return emitError(loc) << "node '" << nameOf(nodes[index], index) << "' (" << nodes[index].op_type()
                              << "): its output '" << output << "' is already given by "
                              << (entry->second == kGiven
                                      ? std::string("an input or initialiser")
                                      : "node '" + nameOf(nodes[entry->second], entry->second) + "'");
    }
  SmallVector<SmallVector<int>> readers(nodes.size());
  SmallVector<int> missing(nodes.size(), 0);
  for (int index = 0; index < nodes.size(); ++index)
    for (const std::string &input : nodes[index].input()) {
      if (input.empty())
        continue;
      auto entry = producer.find(input);
      if (entry == producer.end())
        return emitError(loc) << "node '" << nameOf(nodes[index], index) << "' (" << nodes[index].op_type()
                              << "): its operand '" << input << "' is no input, no initialiser and no output of a node";
      if (entry->second == kGiven)
        continue;
      readers[entry->second].push_back(index);
      ++missing[index];
    }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int index = 0; index < nodes.size(); ++index)
    if (missing[index] == 0)
      ready.push(index);
  SmallVector<const NodeProto *> ordered;
  while (!ready.empty()) {
    int index = ready.top();
    ready.pop();
    ordered.push_back(&nodes[index]);
    for (int reader : readers[index])
      if (--missing[reader] == 0)
        ready.push(reader);
  }
  if (static_cast<int>(ordered.size()) == nodes.size())
    return ordered;
  // Walking back from a node that waits, always to one that waits, ends in the cycle.
  int at = llvm::find_if(missing, [](int m) { return m > 0; }) - missing.begin();
  SmallVector<int> path;
  while (!llvm::is_contained(path, at)) {
    path.push_back(at);
    for (const std::string &input : nodes[at].input())
      if (auto entry = producer.find(input);
          entry != producer.end() && entry->second != kGiven && missing[entry->second] > 0) {
        at = entry->second;
        break;
      }
  }
  std::string cycle;
  for (int index : llvm::reverse(ArrayRef(path).drop_front(llvm::find(path, at) - path.begin())))
    cycle += "'" + nameOf(nodes[index], index) + "' -> ";
  return emitError(loc) << "the graph has a cycle: " << cycle << "back to the first";
}
