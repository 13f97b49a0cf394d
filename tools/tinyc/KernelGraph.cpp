// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From an artefact's commands to a graph; what the compiler adds.

#include "tools/tinyc/KernelGraph.h"

#include "dialects/Tiny/TinyOps.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include <map>

using namespace tinyc;

static std::string nameOf(const format::Tensor &tensor) { return tensor.name() ? tensor.name()->str() : ""; }

namespace {
class Reader {
public:
  Reader(const format::Artefact &root, const format::Target &target, const format::Plan &plan, KernelGraph &graph)
      : target(target), plan(plan), graph(graph), entry(*root.entry_points()->Get(plan.entry_point())), root(root) {}

  void read() {
    for (const format::Command *command : *plan.commands())
      addCommand(*command);
  }

private:
  void addCommand(const format::Command &command);
  void addKernel(GraphNode &node, const format::Kernel &kernel);
  void addRead(unsigned node, uint32_t buffer);
  void addWrite(unsigned node, unsigned result, uint32_t buffer);
  // Node and label of an input or output.
  unsigned border(GraphNode::Kind kind, uint32_t index);

  const format::Target &target;
  const format::Plan &plan;
  KernelGraph &graph;
  const format::EntryPoint &entry;
  const format::Artefact &root;
  std::map<uint32_t, std::pair<unsigned, unsigned>> writers;        // of buffers: node and which of its results
  std::map<std::pair<GraphNode::Kind, uint32_t>, unsigned> borders; // inputs and outputs
};
} // namespace

unsigned Reader::border(GraphNode::Kind kind, uint32_t index) {
  auto [place, isNew] = borders.try_emplace({kind, index}, graph.nodes.size());
  if (isNew) {
    const format::Tensor &tensor = *(kind == GraphNode::Input ? entry.inputs() : entry.outputs())->Get(index);
    GraphNode &node = graph.nodes.emplace_back();
    node.kind = kind;
    node.name = nameOf(tensor);
    node.type = describe(tensor);
  }
  return place->second;
}

void Reader::addRead(unsigned node, uint32_t index) {
  const format::Buffer &buffer = *plan.buffers()->Get(index);
  if (buffer.kind() == format::BufferKind::weight) {
    const format::Tensor &tensor = *root.weights()->Get(buffer.index())->tensor();
    graph.nodes[node].weights.push_back(nameOf(tensor) + " " + describe(tensor));
  } else if (auto writer = writers.find(index); writer != writers.end()) {
    graph.edges.push_back(
        {writer->second.first, node, writer->second.second, std::to_string(buffer.size()) + " bytes"});
  } else if (buffer.kind() == format::BufferKind::input) {
    unsigned from = border(GraphNode::Input, buffer.index());
    graph.edges.push_back({from, node, 0, graph.nodes[from].type});
  }
}

void Reader::addWrite(unsigned node, unsigned result, uint32_t index) {
  const format::Buffer &buffer = *plan.buffers()->Get(index);
  writers[index] = {node, result};
  if (buffer.kind() == format::BufferKind::output) {
    unsigned to = border(GraphNode::Output, buffer.index());
    graph.edges.push_back({node, to, result, graph.nodes[to].type});
  }
}

void Reader::addKernel(GraphNode &node, const format::Kernel &kernel) {
  node.name = kernel.name()->str();
  node.symbol = kernel.symbol()->str();
  node.flops = kernel.flops();
  node.bytes = kernel.bytes();
  node.units = kernel.units();
  if (kernel.ops())
    for (const auto *op : *kernel.ops())
      node.ops.push_back(op->str());
}

void Reader::addCommand(const format::Command &command) {
  if (command.kind() == format::CommandKind::loop) { // its commands, once
    if (command.body())
      for (const format::Command *inner : *command.body())
        addCommand(*inner);
    return;
  }
  unsigned index = graph.nodes.size();
  graph.nodes.emplace_back();
  auto argument = [&](unsigned i) { return command.arguments()->Get(i)->buffer(); };
  unsigned count = command.arguments() ? command.arguments()->size() : 0;
  if (command.kind() == format::CommandKind::launch) {
    const format::Kernel &kernel = *target.kernels()->Get(command.kernel());
    addKernel(graph.nodes[index], kernel);
    for (unsigned i = 0; i < count; ++i)
      if (kernel.arguments()->Get(i) != format::Access::write)
        addRead(index, argument(i));
    for (unsigned i = 0, result = 0; i < count; ++i)
      if (kernel.arguments()->Get(i) != format::Access::read)
        addWrite(index, result++, argument(i));
    return;
  }
  GraphNode &node = graph.nodes[index];
  node.kind = GraphNode::Command;
  node.name = command.kind() == format::CommandKind::copy ? "copy" : "fill";
  node.bytes = command.size() * count;
  if (count > 1)
    addRead(index, argument(1));
  if (count > 0)
    addWrite(index, 0, argument(0));
}

std::optional<KernelGraph> tinyc::readGraph(const ArtefactFile &file, llvm::StringRef name, std::string &error) {
  const format::Artefact &root = file.root();
  int entry = file.findEntry("main");
  std::string names;
  if (!root.targets() || root.targets()->size() == 0) {
    error = "the artefact has no target";
    return std::nullopt;
  }
  for (const format::Target *target : *root.targets()) {
    names += " " + target->name()->str();
    if ((!name.empty() && name != target->name()->str()) || !target->plans())
      continue;
    for (const format::Plan *plan : *target->plans()) {
      if (static_cast<int>(plan->entry_point()) != entry)
        continue;
      KernelGraph graph;
      graph.target = target->name()->str();
      graph.producer = root.producer() ? root.producer()->str() : "";
      if (plan->commands())
        Reader(root, *target, *plan, graph).read();
      return graph;
    }
  }
  error = "no entry point main for target '" + name.str() + "'; there are targets:" + names;
  return std::nullopt;
}

static std::string typeText(mlir::Type type) {
  auto tensor = llvm::cast<mlir::RankedTensorType>(type);
  std::string text;
  llvm::raw_string_ostream os(text);
  os << tensor.getElementType() << "[";
  llvm::interleave(tensor.getShape(), os, "x");
  os << "]";
  return text;
}

void tinyc::addScheduled(KernelGraph &graph, mlir::ModuleOp scheduled) {
  llvm::StringMap<tiny::KernelOp> kernels;
  scheduled.walk([&](tiny::KernelOp kernel) { kernels[kernel.getName()] = kernel; });
  for (auto [index, node] : llvm::enumerate(graph.nodes)) {
    auto found = kernels.find(node.name);
    if (node.kind != GraphNode::Kernel || found == kernels.end())
      continue;
    tiny::KernelOp kernel = found->second;
    llvm::raw_string_ostream schedule(node.schedule), ir(node.ir);
    if (kernel.getScheduleAttr())
      schedule << kernel.getScheduleAttr();
    kernel->print(ir, mlir::OpPrintingFlags().useLocalScope());
    for (GraphEdge &edge : graph.edges)
      if (edge.from == index && edge.result < kernel->getNumResults())
        edge.label = typeText(kernel->getResult(edge.result).getType());
  }
}

// The name of the function that a line begins: "conv_0:", ".visible .entry conv_0("; empty for other lines.
static llvm::StringRef functionOf(llvm::StringRef line) {
  if (size_t at = line.find(".entry "); at != llvm::StringRef::npos)
    return line.substr(at + 7).split('(').first;
  llvm::StringRef label = line.split(':').first;
  if (label.size() == line.size() || label.empty() || label.starts_with(".L") ||
      label.find_first_of(" \t\"") != label.npos)
    return "";
  return label;
}

void tinyc::addAssembly(KernelGraph &graph, llvm::StringRef assembly) {
  llvm::StringMap<std::string> functions;
  std::string *current = nullptr;
  for (llvm::StringRef line : llvm::split(assembly, '\n')) {
    if (llvm::StringRef name = functionOf(line); !name.empty())
      current = &functions[name];
    if (line.starts_with(".Lfunc_end"))
      current = nullptr;
    if (current)
      *current += (line + "\n").str();
    if (line == "}") // of PTX
      current = nullptr;
  }
  for (GraphNode &node : graph.nodes) {
    if (node.symbol.empty())
      continue;
    node.assembly = functions.lookup(node.symbol);
    // On CPUs the kernel's ABI wraps the function of one work unit.
    if (auto unit = functions.find(node.symbol + ".unit"); unit != functions.end())
      node.assembly += unit->second;
  }
}
