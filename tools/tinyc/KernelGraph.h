// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernels that really run and what flows between them: read out of an artefact, and where it was compiled here,
// with what the compiler knows of each.

#ifndef TINYC_TOOLS_TINYC_KERNELGRAPH_H
#define TINYC_TOOLS_TINYC_KERNELGRAPH_H

#include "runtime/src/ArtefactFile.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>
#include <string>
#include <vector>

namespace tinyc {

struct GraphNode {
  enum Kind { Input, Output, Kernel, Command } kind = Kernel;
  std::string name, symbol;
  std::vector<std::string> ops;     ///< of the user's file
  std::vector<std::string> weights; ///< "w f32[16x8]"
  std::string type;                 ///< of an input or output
  uint64_t flops = 0, bytes = 0, units = 0;
  std::optional<double> microseconds, share; ///< measured; share of the device's limit
  std::string schedule, ir, assembly;        ///< empty where not known
};

struct GraphEdge {
  unsigned from, to;
  unsigned result;   ///< which result of `from` it is
  std::string label; ///< "f32[1x10]", or bytes where no more is known
};

struct KernelGraph {
  std::string title, target, producer;
  std::vector<GraphNode> nodes;
  std::vector<GraphEdge> edges;
};

/// The commands of entry point `main` on the target of that name (the first if it is empty). Its kernels are nodes in
/// the order of their commands. Nothing, with a sentence in `error`, if there is no such target.
std::optional<KernelGraph> readGraph(const ArtefactFile &file, llvm::StringRef target, std::string &error);

/// Adds what the scheduled module says of each kernel: schedule, IR, shapes of edges.
void addScheduled(KernelGraph &graph, mlir::ModuleOp scheduled);
/// Adds to each kernel its part of the assembly of all.
void addAssembly(KernelGraph &graph, llvm::StringRef assembly);

/// Graphviz's language. Names are untrusted: what they hold is text, never markup.
void printDot(const KernelGraph &graph, llvm::raw_ostream &os);
/// By Graphviz's program `dot`. Nothing, after an error was printed, where it is missing or fails.
std::optional<std::string> layOut(const KernelGraph &graph);
/// The drawing, for light and dark backgrounds.
void printSvg(const std::string &drawing, llvm::raw_ostream &os);
/// A page that needs nothing but itself.
void printHtml(const KernelGraph &graph, const std::string &drawing, llvm::raw_ostream &os);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_KERNELGRAPH_H
