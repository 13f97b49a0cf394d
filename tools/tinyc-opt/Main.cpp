// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc-opt: every pass of tinyc, MLIR's own, and those of plug-ins, on IR as text.

#include "dialects/Layout/LaneOps.h"
#include "dialects/Tiny/TinyOps.h"
#include "lib/Plugins/PluginFlags.h"
#include "passes/Passes.h"
#include "tools/output/OutputFile.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>

using namespace tinyc;

// As MLIR's own main, which would empty the output before it reads the input, and end without a file's name when the
// disk is full.
static bool processFile(llvm::StringRef input, const std::string &output, mlir::DialectRegistry &dialects,
                        const mlir::MlirOptMainConfig &config) {
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> file = mlir::openInputFile(input, &error);
  if (!file)
    return llvm::errs() << "tinyc-opt: " << error << "\n", false;
  if (output == "-") {
    bool good = succeeded(mlir::MlirOptMain(llvm::outs(), std::move(file), dialects, config));
    return finishStandardOutput("tinyc-opt") && good;
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  return succeeded(mlir::MlirOptMain(os, std::move(file), dialects, config)) &&
         writeFile(output, [&](llvm::raw_ostream &to) { to << text; }, "tinyc-opt");
}

int main(int argc, char **argv) {
  std::signal(SIGXFSZ, SIG_IGN); // a limit on the size of files is an error of the write
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<tiny::TinyDialect, lane::LaneDialect>();
  mlir::registerAllPasses();
  registerTinycPasses();
  std::vector<char *> words(argv, argv + argc);
  if (!loadPlugins(words, registry, "tinyc-opt"))
    return 1;
  argc = words.size();
  words.push_back(nullptr);
  auto [input, output] = mlir::registerAndParseCLIOptions(argc, words.data(), "tinyc's pass driver\n", registry);
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects() || config.shouldListPasses())
    return mlir::asMainReturnCode(mlir::MlirOptMain(argc, words.data(), input, output, registry));
  llvm::InitLLVM init(argc, argv);
  return processFile(input, output, registry, config) ? 0 : 1;
}
