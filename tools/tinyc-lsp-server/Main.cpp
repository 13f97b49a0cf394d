// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc-lsp-server: MLIR's language server with tinyc's dialects, and those of plug-ins (--load-dialect-plugin and
// --load-pass-plugin, as tinyc takes them).

#include "dialects/Layout/LaneOps.h"
#include "dialects/Tiny/TinyOps.h"
#include "lib/Plugins/Plugin.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Support/LogicalResult.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "llvm/Support/raw_ostream.h"
#include <vector>

// Takes the plug-ins out of the arguments, which the server would not know. False after an error was printed.
static bool loadPlugins(std::vector<char *> &arguments, mlir::DialectRegistry &registry) {
  std::vector<char *> others;
  for (size_t i = 0; i < arguments.size(); ++i) {
    auto [name, path] = llvm::StringRef(arguments[i]).split('=');
    bool dialect = name == "--load-dialect-plugin";
    if (!dialect && name != "--load-pass-plugin") {
      others.push_back(arguments[i]);
      continue;
    }
    if (path.empty() && i + 1 < arguments.size())
      path = arguments[++i];
    auto kind = dialect ? tinyc::PluginKind::Dialect : tinyc::PluginKind::Pass;
    if (std::string error; !tinyc::loadPlugin(path.str(), kind, registry, error)) {
      llvm::errs() << "tinyc-lsp-server: " << error << "\n";
      return false;
    }
  }
  arguments = std::move(others);
  return true;
}

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<tinyc::tiny::TinyDialect, tinyc::lane::LaneDialect>();
  std::vector<char *> arguments(argv, argv + argc);
  if (!loadPlugins(arguments, registry))
    return 1;
  arguments.push_back(nullptr);
  return llvm::failed(mlir::MlirLspServerMain(arguments.size() - 1, arguments.data(), registry));
}
