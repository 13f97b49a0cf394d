// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc-opt: every pass of tinyc, MLIR's own, and those of plug-ins, on IR as text.

#include "dialects/Layout/LaneOps.h"
#include "dialects/Tiny/TinyOps.h"
#include "lib/Plugins/Plugin.h"
#include "passes/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/raw_ostream.h"

using namespace tinyc;

// Loads what --load-KIND-plugin names and takes the option out of `words`: before MLIR reads its command line, so that
// passes of plug-ins have flags like all others. False after an error was printed.
static bool loadPlugins(std::vector<char *> &words, mlir::DialectRegistry &dialects) {
  const std::pair<llvm::StringRef, PluginKind> flags[] = {{"load-pass-plugin", PluginKind::Pass},
                                                          {"load-dialect-plugin", PluginKind::Dialect},
                                                          {"load-target-plugin", PluginKind::Target}};
  std::vector<char *> rest;
  for (size_t i = 0; i < words.size(); ++i) {
    auto [name, value] = llvm::StringRef(words[i]).split('=');
    auto *flag =
        llvm::find_if(flags, [&](auto &f) { return name == ("-" + f.first).str() || name == ("--" + f.first).str(); });
    if (flag == std::end(flags)) {
      rest.push_back(words[i]);
      continue;
    }
    if (value.empty() && i + 1 < words.size())
      value = words[++i];
    std::string error;
    if (!loadPlugin(value.str(), flag->second, dialects, error))
      return llvm::errs() << "tinyc-opt: " << error << "\n", false;
  }
  words = rest;
  return true;
}

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<tiny::TinyDialect, lane::LaneDialect>();
  mlir::registerAllPasses();
  registerTinycPasses();
  std::vector<char *> words(argv, argv + argc);
  if (!loadPlugins(words, registry))
    return 1;
  words.push_back(nullptr);
  return mlir::asMainReturnCode(mlir::MlirOptMain(words.size() - 1, words.data(), "tinyc's pass driver\n", registry));
}
