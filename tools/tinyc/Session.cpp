// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contexts, loading and compiling with the command line's flags.

#include "tools/tinyc/Session.h"

#include "dialects/Tiny/TinyOps.h"
#include "lib/Cache/CompilerIdentity.h"
#include "lib/Plugins/Plugin.h"
#include "runtime/include/tinyc/runtime.h"
#include "tools/tinyc/CrashReport.h"
#include "tools/tinyc/Progress.h"
#include "tools/tinyc/RunnableModel.h"
#include "tools/tinyc/TensorConversion.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cstdlib>

using namespace mlir;
using namespace tinyc;

int tinyc::debugLevel() {
  const char *value = std::getenv("TINYC_DEBUG");
  int level = 0;
  return value && llvm::to_integer(value, level) ? level : 0;
}

static std::vector<std::tuple<const char *, PluginKind, const std::vector<std::string> *>>
pluginFlags(const Arguments &arguments) {
  return {{"--load-dialect-plugin", PluginKind::Dialect, &arguments.dialectPlugins},
          {"--load-target-plugin", PluginKind::Target, &arguments.targetPlugins},
          {"--load-pass-plugin", PluginKind::Pass, &arguments.passPlugins}};
}

std::vector<std::string> tinyc::pluginWords(const Arguments &arguments) {
  std::vector<std::string> words;
  for (auto [flag, kind, paths] : pluginFlags(arguments))
    for (const std::string &path : *paths)
      words.insert(words.end(), {flag, path});
  return words;
}

bool tinyc::loadPlugins(const Arguments &arguments, DialectRegistry &dialects) {
  std::string error;
  for (const std::string &path : arguments.driverPlugins)
    if (printStatus(tinyc_driver_load(path.c_str())))
      return false;
  for (auto [flag, kind, paths] : pluginFlags(arguments))
    for (const std::string &path : *paths)
      if (!loadPlugin(path, kind, dialects, error))
        return llvm::errs() << "tinyc: " << error << "\n", false;
  return true;
}

Session::Session(const Arguments &arguments, std::shared_ptr<ContentCache> cache)
    : arguments(arguments), cache(std::move(cache)) {
  DialectRegistry registry, ofPlugins;
  compilerDialects().appendTo(registry);
  if (!loadPlugins(arguments, ofPlugins)) // their dialects; the rest is there since the start
    return;
  ofPlugins.appendTo(registry);
  // Kernels are compiled in parallel by the back end, not by MLIR's thread pool, whose start costs more than it gains.
  context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  // Import functions of plug-ins make ops of their dialects, and ask for no dialect by name.
  for (StringRef dialect : ofPlugins.getDialectNames())
    context->getOrLoadDialect(dialect);
  // Users know their nodes, not our ops.
  context->printOpOnDiagnostic(debugLevel() >= 3);
  printer = std::make_unique<DiagnosticPrinter>(context.get(), arguments.remarks);
}

Session::~Session() {
  if (!cache)
    return;
  cache->trim();
  if (std::string warning = cache->warning(); !warning.empty())
    llvm::errs() << "tinyc: warning: " << warning << "\n";
}

OwningOpRef<ModuleOp> Session::load(StringRef path, ArrayRef<tensorio::HostTensor> known) {
  LoadOptions options;
  options.roundEveryNode = arguments.roundEveryNode;
  options.shapes = *parseShapes(arguments.shapes); // they were parsed with the command line
  for (const tensorio::HostTensor &tensor : known)
    options.inputs.push_back({tensor.name, toReference(tensor)});
  auto start = std::chrono::steady_clock::now();
  modelPath = path.str();
  noteStep("reading " + modelPath, modelPath);
  FailureOr<OwningOpRef<ModuleOp>> module = loadModel(path, options, weights, *context);
  if (failed(module))
    return {};
  times.push_back({"load", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()});
  return std::move(*module);
}

static void printSchedules(ModuleOp module, const Chip *chip) {
  hideProgress();
  module.walk([&](tiny::KernelOp kernel) {
    llvm::errs() << chip->name << " " << kernel.getName() << ": " << kernel.getScheduleAttr() << "\n";
  });
}

static void printCode(ModuleOp module, const Chip &chip) {
  hideProgress();
  OwningOpRef<ModuleOp> copy = module.clone();
  EmitOptions options;
  options.forms = {CodeForm::Assembly};
  FailureOr<TargetCode> code = findBackend(chip)->emit(*copy, chip, options);
  if (failed(code))
    return;
  for (const CodeBlob &blob : code->blobs)
    llvm::errs().write(reinterpret_cast<const char *>(blob.bytes.data()), blob.bytes.size());
}

StageOptions Session::stageOptions() {
  StageOptions options;
  options.verifyEachPass = arguments.verifyEachStage;
  options.remarks = arguments.remarks;
  options.times = &times;
  options.emit.threads = arguments.threads ? arguments.threads : tinyc_usable_cpus();
  options.emit.cache = cache.get();
  options.emit.compilerIdentity = compilerIdentity();
  options.onInvalidIr = noteBug;
  options.beforeStage = [this](StringRef stage, const Chip *chip) {
    std::string target = chip ? chip->name : "";
    // The stage before this one, whose output this one takes.
    int index = stage == "emit" ? stages().size() : findStage(stage);
    std::vector<std::string> print;
    if (index > 0) {
      print = {"compile", modelPath, "--stop-after", stages()[index - 1].name.str()};
      if (chip)
        print.insert(print.end(), {"--target", target});
      for (const std::string &shape : arguments.shapes)
        print.insert(print.end(), {"--shape", shape});
      for (const std::string &input : arguments.inputs) // values on which shapes depend
        if (StringRef(input).contains("=@"))
          print.insert(print.end(), {"--input", input});
      if (arguments.roundEveryNode)
        print.push_back("--round-every-node");
      for (const std::string &word : pluginWords(arguments))
        print.push_back(word);
    }
    noteStep(("running stage '" + stage + "'" + (chip ? " for " + target : "")).str(), modelPath, std::move(print));
  };
  options.afterStage = [this](ModuleOp module, const Stage &stage, const Chip *chip) {
    if (stage.name == "schedule" && debugLevel() >= 3)
      printSchedules(module, chip);
    if (stage.name == "lower" && debugLevel() >= 4)
      printCode(module, *chip);
    if (afterStage)
      afterStage(module, stage, chip);
  };
  return options;
}

artefact::FileBytes Session::compile(ModuleOp model, llvm::ArrayRef<const Chip *> chips) {
  FailureOr<artefact::FileBytes> file = compileModel(model, chips, weights, stageOptions());
  return succeeded(file) ? std::move(*file) : artefact::FileBytes();
}

double Session::seconds() const {
  double sum = 0;
  for (const StageTime &time : times)
    sum += time.seconds;
  return sum;
}

void Session::printTimes() const {
  if (debugLevel() < 1)
    return;
  hideProgress();
  for (const StageTime &time : times)
    llvm::errs() << llvm::format("%-10s %8.1f ms\n", time.stage.c_str(), time.seconds * 1e3);
  llvm::errs() << llvm::format("%-10s %8.1f ms\n", "compile", seconds() * 1e3);
}
