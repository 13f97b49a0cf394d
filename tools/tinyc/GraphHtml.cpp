// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The page: GraphPage.html with the drawing and the data put in. Whatever comes out of the model goes in as JSON in
// which no markup can begin, and the page's script makes text of it, never markup.

#include "tools/tinyc/KernelGraph.h"

#include "tools/tinyc/GraphPage.h" // made of GraphPage.html by CMake

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace tinyc;
using llvm::json::Value;

static Value known(const std::optional<double> &value) { return value ? Value(*value) : Value(nullptr); }
static std::string text(const std::string &bytes) { return llvm::json::fixUTF8(bytes); }

static Value texts(const std::vector<std::string> &list) {
  llvm::json::Array array;
  for (const std::string &one : list)
    array.push_back(text(one));
  return array;
}

static Value toJson(const KernelGraph &graph) {
  llvm::json::Array nodes, edges;
  const char *kinds[] = {"input", "output", "kernel", "command"};
  for (const GraphNode &node : graph.nodes)
    nodes.push_back(llvm::json::Object{{"kind", kinds[node.kind]},
                                       {"name", text(node.name)},
                                       {"symbol", text(node.symbol)},
                                       {"type", text(node.type)},
                                       {"ops", texts(node.ops)},
                                       {"weights", texts(node.weights)},
                                       {"flops", static_cast<int64_t>(node.flops)},
                                       {"bytes", static_cast<int64_t>(node.bytes)},
                                       {"units", static_cast<int64_t>(node.units)},
                                       {"us", known(node.microseconds)},
                                       {"share", known(node.share)},
                                       {"schedule", text(node.schedule)},
                                       {"ir", text(node.ir)},
                                       {"asm", text(node.assembly)}});
  for (const GraphEdge &edge : graph.edges)
    edges.push_back(llvm::json::Object{{"from", edge.from}, {"to", edge.to}, {"label", text(edge.label)}});
  return llvm::json::Object{{"title", text(graph.title)},
                            {"target", text(graph.target)},
                            {"producer", text(graph.producer)},
                            {"nodes", std::move(nodes)},
                            {"edges", std::move(edges)}};
}

void tinyc::printHtml(const KernelGraph &graph, const std::string &drawing, llvm::raw_ostream &os) {
  std::string json = llvm::formatv("{0}", toJson(graph)).str(), data;
  for (char c : json) // inside of strings only
    if (c == '<')
      data += "\\u003c";
    else
      data += c;
  auto [before, rest] = llvm::StringRef(kGraphPage).split("<!--DRAWING-->");
  auto [middle, after] = rest.split("<!--DATA-->");
  os << before << drawing << middle << data << after;
}
