// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc: the driver. Finds the command, and turns a crash of the compiler into a reproducer and exit code 70.

#include "tools/output/OutputFile.h"
#include "tools/tinyc/CommandLine.h"
#include "tools/tinyc/Commands.h"
#include "tools/tinyc/CrashReport.h"
#include "tools/tinyc/Progress.h"
#include "tools/tinyc/Session.h"

#include "dialects/Target/Chip.h"
#include "lib/Cache/CompilerIdentity.h"
#include "runtime/include/tinyc/runtime.h"
#include "runtime/tensorio/ProgramStart.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/raw_ostream.h"

using namespace tinyc;

llvm::ArrayRef<Command> tinyc::commands() {
#define MODEL                                                                                                          \
  " --shape --round-every-node --load-pass-plugin --load-dialect-plugin --load-target-plugin --verify-each-stage"
  static const Command table[] = {
      {"compile", "MODEL", "compiles a model to a .tinyc file",
       "-o --target --emit --stop-after --input --remarks --threads --tune" MODEL, runCompile},
      {"run", "MODEL|FILE", "runs a model and prints its outputs",
       "--device --threads --input --output-dir --profile --hash --load-driver-plugin" MODEL, runRun},
      {"check", "CASE_DIR..", "compares results with expected outputs",
       "--device --threads --rtol --atol --jobs --timeout --hash --json --load-driver-plugin" MODEL, runCheck},
      {"diff", "MODEL", "finds the first kernel whose result is wrong",
       "--device --against --threads --input --rtol --atol --output-dir --load-driver-plugin" MODEL, runDiff},
      {"bench", "MODEL|FILE", "measures the time of a run",
       "--device --threads --input --profile --json --load-driver-plugin" MODEL, runBench},
      {"inspect", "MODEL|FILE", "lists entry points, kernels, memory and code", "--target --input" MODEL, runInspect},
      {"graph", "MODEL|FILE", "draws the kernels that run, as a page, an SVG or a DOT file",
       "-o --target --profile --device --threads --input --load-driver-plugin" MODEL, runGraph},
      {"import", "MODEL", "writes a model as IR, with its weights beside it", "-o --input" MODEL, runImport},
      {"devices", "", "lists the devices that are here", "--measure --load-driver-plugin", runDevices},
      {"completion", "bash|zsh", "prints a completion script for the shell", "", runCompletion},
  };
#undef MODEL
  return table;
}

static void printVersion() {
  llvm::outs() << "tinyc " TINYC_VERSION ", LLVM " LLVM_VERSION_STRING "\nchips:";
  for (const std::string &name : chipNames())
    llvm::outs() << " " << name;
  llvm::outs() << "\ndrivers:";
  for (size_t driver = 0; driver < tinyc_driver_count(); ++driver)
    llvm::outs() << " " << tinyc_driver_name(driver);
  llvm::outs() << "\n";
}

// The command whose name is nearest, for who mistyped it; null if none is near.
static const Command *nearestCommand(llvm::StringRef name) {
  const Command *nearest = nullptr;
  unsigned best = 3; // edits that make another word of it
  for (const Command &command : commands())
    if (unsigned edits = name.edit_distance(command.name); edits < best)
      best = edits, nearest = &command;
  return nearest;
}

// Whether the options that say how a model is compiled are given for models only; says so if not.
static bool fitsCompiled(const Arguments &arguments) {
  const std::pair<bool, llvm::StringRef> given[] = {
      {!arguments.shapes.empty(), "its shapes are fixed, and --shape is"},
      {arguments.roundEveryNode, "it rounds as it was compiled to, and --round-every-node is"},
      {arguments.verifyEachStage, "no stage runs, and --verify-each-stage is"},
  };
  for (const std::string &file : arguments.files)
    for (auto [isGiven, why] : given)
      if (isGiven && llvm::StringRef(file).ends_with(".tinyc")) {
        llvm::errs() << "tinyc: '" << file << "' is compiled: " << why << " for models\n";
        return false;
      }
  return true;
}

static int runMain(int argc, char **argv) {
  llvm::ArrayRef<const char *> words(argv + 1, argc - 1);
  llvm::StringRef name = words.empty() ? "" : words.front();
  if (name == "--version")
    return printVersion(), kDone;
  if (name == "--help" || name == "-h" || name == "help") {
    for (const Command &command : commands())
      if (words.size() > 1 && llvm::StringRef(words[1]) == command.name)
        return printHelp(command), kDone;
    return printHelp(), kDone;
  }
  for (const Command &command : commands()) {
    if (name != command.name)
      continue;
    words = words.drop_front();
    for (llvm::StringRef word : words)
      if (word == "--help" || word == "-h")
        return printHelp(command), kDone;
    std::optional<Arguments> arguments = parseArguments(command, words);
    if (!arguments)
      return kUsage;
    ProgressLine progress;
    return runReportingCrashes(argc, argv, [&] {
      // Before a driver's libraries are loaded.
      compilerIdentity();
      // Before anything asks for a chip: plug-ins may bring one.
      mlir::DialectRegistry dialects;
      bool good = fitsCompiled(*arguments) && loadPlugins(*arguments, dialects);
      int code = good ? command.run(*arguments) : int(kInputWrong);
      hideProgress();
      return code;
    });
  }
  if (words.empty())
    llvm::errs() << "tinyc: expected a command";
  else
    llvm::errs() << "tinyc: no command '" << name << "'";
  if (const Command *nearest = nearestCommand(name))
    llvm::errs() << "; did you mean " << nearest->name << "?";
  llvm::errs() << "\nsee: tinyc --help\n";
  return kUsage;
}

int main(int argc, char **argv) {
  tensorio::prepareFiles();
  int code = runMain(argc, argv);
  return finishStandardOutput() || code != kDone ? code : int(kInputWrong);
}
