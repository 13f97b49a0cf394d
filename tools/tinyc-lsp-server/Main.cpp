// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc-lsp-server: MLIR's language server with tinyc's dialects, and those of plug-ins (--load-dialect-plugin and
// --load-pass-plugin, as tinyc takes them).

#include "dialects/Layout/LaneOps.h"
#include "dialects/Tiny/TinyOps.h"
#include "lib/Plugins/PluginFlags.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Support/LogicalResult.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include <vector>

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<tinyc::tiny::TinyDialect, tinyc::lane::LaneDialect>();
  std::vector<char *> arguments(argv, argv + argc);
  if (!tinyc::loadPlugins(arguments, registry, "tinyc-lsp-server"))
    return 1;
  arguments.push_back(nullptr);
  return llvm::failed(mlir::MlirLspServerMain(arguments.size() - 1, arguments.data(), registry));
}
