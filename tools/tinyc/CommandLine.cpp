// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Options as a table: name, value's name, help, and how a value is stored.

#include "tools/tinyc/CommandLine.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <functional>

using namespace tinyc;
using llvm::StringRef;

namespace {
struct Option {
  const char *name;
  const char *value; ///< name of its value in the help; null for a flag
  const char *help;
  /// Stores the value; false if it cannot be read.
  std::function<bool(Arguments &, StringRef)> store;
};
} // namespace

static bool storeUnsigned(unsigned &to, StringRef value) { return !value.getAsInteger(10, to); }
static bool storeTolerance(double &to, StringRef value) { return !value.getAsDouble(to) && to >= 0; }

static llvm::ArrayRef<Option> options() {
  auto text = [](std::string Arguments::*field) {
    return [field](Arguments &a, StringRef v) { return !(a.*field = v.str()).empty(); };
  };
  auto list = [](std::vector<std::string> Arguments::*field) {
    return [field](Arguments &a, StringRef v) { return (a.*field).push_back(v.str()), !v.empty(); };
  };
  auto flag = [](bool Arguments::*field) { return [field](Arguments &a, StringRef) { return a.*field = true; }; };
  static const std::vector<Option> table = {
      {"-o", "OUT", "file to write ('-' for standard output)", text(&Arguments::output)},
      {"--target", "T,..", "chips to compile for: cpu, cpu:x86-64-v4, nvidia:sm_80, amd:gfx1100, ..",
       text(&Arguments::target)},
      {"--emit", "FORM", "write tiny, kernels, scheduled, gpu, llvm, ptx, cubin, amdgcn, hsaco, asm or object instead",
       text(&Arguments::emit)},
      {"--stop-after", "STAGE",
       "write the IR at the end of import, simplify, fuse, schedule, tile, lanes or lower instead",
       text(&Arguments::stopAfter)},
      {"--remarks", nullptr, "say each decision of the compiler in a line", flag(&Arguments::remarks)},
      {"--device", "D", "cpu, cuda:0, hip:0 or reference", text(&Arguments::device)},
      {"--threads", "N", "threads of the CPU, 1 to 1024 (default: all usable)",
       [](Arguments &a, StringRef v) { return storeUnsigned(a.threads, v) && a.threads > 0 && a.threads <= 1024; }},
      {"--input", "NAME=@F", "an input from a .npy or .pb file; random:SEED fills those not given",
       list(&Arguments::inputs)},
      {"--shape", "NAME=1x3x..", "shape of an input whose dimensions the model leaves open", list(&Arguments::shapes)},
      {"--output-dir", "DIR", "write each output as DIR/NAME.npy", text(&Arguments::outputDir)},
      {"--profile", nullptr, "print a line a kernel", flag(&Arguments::profile)},
      {"--hash", nullptr, "print a hash of each output's bytes", flag(&Arguments::hash)},
      {"--rtol", "R", "relative tolerance (default 1e-3)",
       [](Arguments &a, StringRef v) { return storeTolerance(a.rtol, v); }},
      {"--atol", "A", "absolute tolerance (default 1e-4)",
       [](Arguments &a, StringRef v) { return storeTolerance(a.atol, v); }},
      {"--jobs", "N", "cases at a time, each in a process of its own",
       [](Arguments &a, StringRef v) { return storeUnsigned(a.jobs, v) && a.jobs > 0; }},
      {"--json", "F", "also write the results as JSON", text(&Arguments::json)},
      {"--verify-each-stage", nullptr, "verify the IR after every pass, not only at stage borders",
       flag(&Arguments::verifyEachStage)},
      {"--load-pass-plugin", "F", "a plug-in whose passes join the pipeline", list(&Arguments::passPlugins)},
      {"--load-dialect-plugin", "F", "a plug-in with a dialect", list(&Arguments::dialectPlugins)},
      {"--load-target-plugin", "F", "a plug-in with a chip and its back end", list(&Arguments::targetPlugins)},
      {"--measure", nullptr, "measure what the device reaches", flag(&Arguments::measure)},
  };
  return table;
}

static bool takes(const Command &command, StringRef option) {
  llvm::SmallVector<StringRef> names;
  StringRef(command.options).split(names, ' ');
  return llvm::is_contained(names, option);
}

static void usageError(const Command &command, const llvm::Twine &message) {
  llvm::errs() << "tinyc " << command.name << ": " << message << "\n";
  llvm::errs() << "see: tinyc " << command.name << " --help\n";
}

std::optional<Arguments> tinyc::parseArguments(const Command &command, llvm::ArrayRef<const char *> words) {
  Arguments arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    StringRef word = words[i];
    if (!word.starts_with("-") || word == "-") {
      arguments.files.push_back(word.str());
      continue;
    }
    auto [name, value] = word.split('=');
    bool hasValue = word.contains('=');
    const Option *option = nullptr;
    for (const Option &candidate : options())
      if (name == candidate.name && takes(command, name))
        option = &candidate;
    if (!option)
      return usageError(command, "no option '" + name + "'"), std::nullopt;
    if (!option->value && hasValue)
      return usageError(command, name + llvm::Twine(" takes no value")), std::nullopt;
    if (option->value && !hasValue) {
      if (++i == words.size())
        return usageError(command, name + llvm::Twine(" needs a value: ") + option->value), std::nullopt;
      value = words[i];
    }
    if (!option->store(arguments, value))
      return usageError(command,
                        "cannot take '" + value + "' as " + option->value + " of " + name + ": " + option->help),
             std::nullopt;
  }
  StringRef operands = command.operands;
  bool many = operands.ends_with("..");
  if (operands.empty() ? !arguments.files.empty() : many ? arguments.files.empty() : arguments.files.size() != 1) {
    if (operands.empty())
      usageError(command, "takes no file, found '" + arguments.files[0] + "'");
    else
      usageError(command, "expected " + operands + ", found " + llvm::Twine(arguments.files.size()) + " files");
    return std::nullopt;
  }
  return arguments;
}

void tinyc::printHelp() {
  llvm::outs() << "tinyc: a compiler for neural networks\n\n";
  for (const Command &command : commands())
    llvm::outs() << llvm::format("  tinyc %-8s %-11s  ", command.name, command.operands) << command.summary << "\n";
  llvm::outs() << "  tinyc --version\n\nMODEL is .onnx or .mlir; FILE is .tinyc. "
                  "`tinyc COMMAND --help` lists a command's options.\n"
                  "Exit codes: 0 done, 1 the input is wrong, 2 usage, 3 a check failed, 70 a bug in tinyc.\n";
}

void tinyc::printHelp(const Command &command) {
  llvm::outs() << "tinyc " << command.name << (*command.operands ? " " : "") << command.operands
               << " [options]: " << command.summary << "\n\n";
  for (const Option &option : options())
    if (takes(command, option.name))
      llvm::outs() << llvm::format("  %-22s %-12s ", option.name, option.value ? option.value : "") << option.help
                   << "\n";
}
