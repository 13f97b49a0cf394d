// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The graph in Graphviz's language, and Graphviz's drawing of it.

#include "lib/Targets/MemoryFile.h"
#include "tools/tinyc/KernelGraph.h"
#include "tools/tinyc/Progress.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Program.h"
#include <cerrno>
#include <cstring>

using namespace tinyc;

// A part of a label between double quotes: backslashes and quotes are escaped, so are Graphviz's own entities; control
// characters and broken UTF-8 are replaced, long names cut.
static std::string inLabel(llvm::StringRef text, size_t most = 48) {
  std::string whole = llvm::json::fixUTF8(text), result;
  if (whole.size() > most) {
    size_t end = most - 3;
    while (end > 0 && (whole[end] & 0xC0) == 0x80) // not inside of a character
      --end;
    whole = whole.substr(0, end) + "...";
  }
  for (char c : whole) {
    if (c == '\\' || c == '"')
      result += '\\';
    if (c == '&')
      result += "&amp;";
    else
      result += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return result;
}

/// "1.23 M"
static std::string scaled(double value) {
  const char *units[] = {" ", " k", " M", " G", " T"};
  unsigned unit = 0;
  while (value >= 1000 && unit < 4)
    value /= 1000, ++unit;
  return llvm::formatv(value < 10 && unit ? "{0:f1}{1}" : "{0:f0}{1}", value, units[unit]).str();
}

static std::string labelOf(const GraphNode &node) {
  if (node.kind == GraphNode::Input || node.kind == GraphNode::Output)
    return inLabel(node.name) + "\\n" + inLabel(node.type);
  std::string label = inLabel(node.name), ops;
  for (llvm::StringRef op : node.ops) // the last part of "scope/scope/Conv_0" says most
    ops += (ops.empty() ? "" : " ") + op.substr(op.rtrim('/').rfind('/') + 1).str();
  if (!ops.empty())
    label += "\\n" + inLabel(ops, 40);
  label += "\\n" + scaled(node.flops) + "flop  " + scaled(node.bytes) + "B";
  if (node.microseconds)
    label += *node.microseconds < 1000 ? llvm::formatv("  {0:f1} us", *node.microseconds).str()
                                       : llvm::formatv("  {0:f2} ms", *node.microseconds * 1e-3).str();
  return label;
}

void tinyc::printDot(const KernelGraph &graph, llvm::raw_ostream &os) {
  os << "digraph kernels {\n"
     << "  graph [bgcolor=\"transparent\", rankdir=TB, nodesep=0.3, ranksep=0.35, label=\"" << inLabel(graph.title, 200)
     << ", " << inLabel(graph.target) << "\", labelloc=t, fontname=\"Helvetica,Arial,sans-serif\", fontsize=12];\n"
     << "  node [fontname=\"Helvetica,Arial,sans-serif\", fontsize=10, shape=box, style=\"rounded,filled\", "
        "fillcolor=\"#eef2f7\", color=\"#7a8aa0\", margin=\"0.22,0.08\"];\n"
     << "  edge [fontname=\"Helvetica,Arial,sans-serif\", fontsize=9, color=\"#7a8aa0\", fontcolor=\"#5b6675\", "
        "arrowsize=0.7];\n";
  for (auto [i, node] : llvm::enumerate(graph.nodes)) {
    const char *kind = node.kind == GraphNode::Input    ? "input"
                       : node.kind == GraphNode::Output ? "output"
                       : node.kind == GraphNode::Kernel ? "kernel"
                                                        : "command";
    os << "  n" << i << " [id=\"n" << i << "\", class=\"" << kind << "\", label=\"" << labelOf(node) << "\"";
    if (node.kind == GraphNode::Input || node.kind == GraphNode::Output)
      os << ", shape=ellipse, style=filled, fillcolor=\"#dff0e4\"";
    os << "];\n";
  }
  for (const GraphEdge &edge : graph.edges)
    os << "  n" << edge.from << " -> n" << edge.to << " [label=\" " << inLabel(edge.label) << " \"];\n";
  os << "}\n";
}

std::optional<std::string> tinyc::layOut(const KernelGraph &graph) {
  auto fail = [](const llvm::Twine &error) {
    hideProgress();
    llvm::errs() << "tinyc: " << error << "\n";
    return std::nullopt;
  };
  auto program = llvm::sys::findProgramByName("dot");
  if (!program)
    return fail("Graphviz's program 'dot' is not there: install it (Debian: graphviz), or write -o OUT.dot");
  MemoryFile in("graph"), out("drawing");
  std::string text;
  llvm::raw_string_ostream os(text);
  printDot(graph, os);
  if (!in.write(text))
    return fail("cannot give the graph to '" + *program + "': " + std::strerror(errno));
  showStep("laying the graph out");
  std::string reason;
  llvm::StringRef words[] = {*program, "-Tsvg", "-o", out.path(), in.path()};
  if (int code = llvm::sys::ExecuteAndWait(*program, words, std::nullopt, {}, /*SecondsToWait=*/120, 0, &reason))
    return fail("'" + *program + "' failed (" + (reason.empty() ? "exit code " + std::to_string(code) : reason) + ")");
  std::vector<uint8_t> bytes;
  if (!out.read(bytes))
    return fail("cannot read what '" + *program + "' wrote: " + std::strerror(errno));
  // Without what stands before <svg: a page has its own.
  llvm::StringRef drawing(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  if (!drawing.contains("<svg") || !drawing.rtrim().ends_with("</svg>"))
    return fail("what '" + *program + "' wrote is no whole SVG");
  return drawing.substr(drawing.find("<svg")).str();
}

void tinyc::printSvg(const std::string &drawing, llvm::raw_ostream &os) {
  size_t end = drawing.find('>') + 1; // of the opening tag
  os << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
     << llvm::StringRef(drawing).take_front(end) << "\n<style>\n"
     << "@media (prefers-color-scheme: dark) {\n"
        "  svg { background: #14181f } text { fill: #dbe2ec }\n"
        "  .node path, .node polygon { fill: #222b38; stroke: #6f8098 } .node ellipse { fill: #20372a; stroke: #6f8098 "
        "}\n"
        "}\n</style>\n"
     << llvm::StringRef(drawing).drop_front(end);
}
