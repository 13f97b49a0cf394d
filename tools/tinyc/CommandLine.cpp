// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Options as a table: name, value's name, help, and how a value is stored.

#include "tools/tinyc/CommandLine.h"
#include "tools/tinyc/ReferenceModel.h"

#include "lib/Pipeline/Stages.h"
#include "runtime/include/tinyc/runtime.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace tinyc;
using llvm::StringRef;

static bool storeUnsigned(unsigned &to, StringRef value) { return !value.getAsInteger(10, to); }
static bool storeTolerance(double &to, StringRef value) { return !value.getAsDouble(to) && to >= 0; }

// "a, b or c" of "a b c".
static std::string listed(StringRef words) {
  llvm::SmallVector<StringRef> parts;
  words.split(parts, ' ');
  std::string text = llvm::join(llvm::ArrayRef(parts).drop_back(), ", ");
  return text + (text.empty() ? "" : " or ") + parts.back().str();
}

static std::string stageNames() {
  return llvm::join(llvm::map_range(stages(), [](const Stage &stage) { return stage.name; }), " ");
}

// "cuda:1": a driver of the runtime, with a number or without, or the reference, in f64 or as it is written.
static bool isDevice(StringRef value) {
  auto [driver, number] = value.split(':');
  unsigned ignored;
  bool known = isReference(value);
  for (size_t i = 0; i < tinyc_driver_count(); ++i)
    known |= driver == tinyc_driver_name(i) && (!value.contains(':') || !number.getAsInteger(10, ignored));
  return known;
}

llvm::ArrayRef<Option> tinyc::options() {
  auto text = [](std::string Arguments::*field) {
    return [field](Arguments &a, StringRef v) { return !(a.*field = v.str()).empty(); };
  };
  auto list = [](std::vector<std::string> Arguments::*field) {
    return [field](Arguments &a, StringRef v) { return (a.*field).push_back(v.str()), !v.empty(); };
  };
  auto flag = [](bool Arguments::*field) { return [field](Arguments &a, StringRef) { return a.*field = true; }; };
  static const std::string forms = "tiny kernels scheduled gpu llvm ptx cubin amdgcn hsaco asm object";
  static const std::string chips = llvm::join(chipNames(), " ");
  static const std::string devices = "cpu cuda:0 hip:0 reference reference:f64";
  static const std::vector<Option> table = {
      {"-o", "OUT", "file to write ('-' for standard output)", kFiles, text(&Arguments::output)},
      {"--target", "T,..", "chips to compile for, of " + listed(chips), chips, text(&Arguments::target)},
      {"--emit", "FORM", "write " + listed(forms) + " instead", forms, text(&Arguments::emit)},
      {"--stop-after", "STAGE", "write the IR at the end of " + listed(stageNames()) + " instead", stageNames(),
       text(&Arguments::stopAfter)},
      {"--remarks", nullptr, "say each decision of the compiler in a line", "", flag(&Arguments::remarks)},
      {"--tune", "[=SECONDS]", "search schedules by measuring them (not built yet)", "",
       [](Arguments &a, StringRef v) { return a.tune = v.empty() ? "60" : v.str(), true; }},
      {"--device", "D", "where to run: " + listed(devices), devices, text(&Arguments::device)},
      {"--against", "D", "whose results are right (default: reference)", devices, text(&Arguments::against)},
      {"--threads", "N", "threads of the CPU, 1 to 1024 (default: all usable)", "",
       [](Arguments &a, StringRef v) { return storeUnsigned(a.threads, v) && a.threads > 0 && a.threads <= 1024; }},
      {"--input", "NAME=@F", "an input from a .npy or .pb file; random:SEED fills those not given", kFiles,
       list(&Arguments::inputs)},
      {"--shape", "NAME=1x3x..", "shape of an input whose dimensions the model leaves open, once for an input", "",
       [](Arguments &a, StringRef v) { return a.shapes.push_back(v.str()), parseShapes(a.shapes).has_value(); }},
      {"--output-dir", "DIR", "folder for each output as NAME.npy; of diff, for the reproducer", kFolders,
       text(&Arguments::outputDir)},
      {"--profile", nullptr, "time each kernel", "", flag(&Arguments::profile)},
      {"--hash", nullptr, "print a hash of each output's bytes", "", flag(&Arguments::hash)},
      {"--rtol", "R", "relative tolerance (default 1e-3)", "",
       [](Arguments &a, StringRef v) { return storeTolerance(a.rtol, v); }},
      {"--atol", "A", "absolute tolerance (default 1e-4)", "",
       [](Arguments &a, StringRef v) { return storeTolerance(a.atol, v); }},
      {"--jobs", "N", "cases at a time, each in a process of its own", "",
       [](Arguments &a, StringRef v) { return storeUnsigned(a.jobs, v) && a.jobs > 0; }},
      {"--timeout", "S", "seconds a case may take (default: any time)", "",
       [](Arguments &a, StringRef v) { return storeUnsigned(a.timeout, v) && a.timeout > 0; }},
      {"--json", "F", "also write the results as JSON", kFiles, text(&Arguments::json)},
      {"--round-every-node", nullptr,
       "round the result of every ONNX node of 16-bit floats, also where only elementwise nodes read it", "",
       flag(&Arguments::roundEveryNode)},
      {"--verify-each-stage", nullptr, "verify the IR after every pass, not only at stage borders", "",
       flag(&Arguments::verifyEachStage)},
      {"--load-pass-plugin", "F", "a plug-in whose passes join the pipeline", kFiles, list(&Arguments::passPlugins)},
      {"--load-dialect-plugin", "F", "a plug-in with a dialect", kFiles, list(&Arguments::dialectPlugins)},
      {"--load-target-plugin", "F", "a plug-in with a chip and its back end", kFiles, list(&Arguments::targetPlugins)},
      {"--load-driver-plugin", "F", "a plug-in of the runtime that runs a plug-in's target", kFiles,
       list(&Arguments::driverPlugins)},
      {"--measure", nullptr, "measure the CPU's peak and its memory's bandwidth again, for shares of the limit", "",
       flag(&Arguments::measure)},
  };
  return table;
}

std::optional<std::map<std::string, std::vector<int64_t>>> tinyc::parseShapes(llvm::ArrayRef<std::string> texts) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (StringRef text : texts) {
    auto [name, sizes] = text.rsplit('=');
    std::vector<int64_t> shape;
    for (StringRef part : llvm::split(sizes, 'x'))
      if (int64_t size; part.getAsInteger(10, size) || size < 0)
        return std::nullopt;
      else
        shape.push_back(size);
    if (name.empty() || !shapes.try_emplace(name.str(), shape).second)
      return std::nullopt;
  }
  return shapes;
}

bool tinyc::takes(const Command &command, StringRef option) {
  llvm::SmallVector<StringRef> names;
  StringRef(command.options).split(names, ' ');
  return llvm::is_contained(names, option);
}

static std::string optionHelp(StringRef name) {
  for (const Option &option : options())
    if (name == option.name)
      return option.help;
  return "";
}

static void usageError(const Command &command, const llvm::Twine &message) {
  llvm::errs() << "tinyc " << command.name << ": " << message << "\n";
  llvm::errs() << "see: tinyc " << command.name << " --help\n";
}

// What is wrong with an option that the command does not take: it is another command's, or nearly one of its own.
static std::string unknownOption(const Command &command, StringRef name) {
  std::string text = ("no option '" + name + "'").str();
  llvm::SmallVector<StringRef> others;
  for (const Command &other : commands())
    if (takes(other, name))
      others.push_back(other.name);
  if (!others.empty())
    return text + ": it belongs to " + llvm::join(others, ", ");
  for (const Option &option : options())
    if (takes(command, option.name) && name.edit_distance(option.name) <= 2)
      return text + "; did you mean " + option.name + "?";
  return text;
}

static bool acceptFiles(const Command &command, const Arguments &arguments) {
  StringRef operands = command.operands;
  size_t count = arguments.files.size();
  if (operands.empty() ? count == 0 : operands.ends_with("..") ? count > 0 : count == 1)
    return true;
  if (operands.empty())
    usageError(command, "takes no file, found '" + arguments.files[0] + "'");
  else if (count == 0)
    usageError(command, "expected " + operands + ", found none");
  else
    usageError(command,
               "expected one " + operands + ", found " + llvm::Twine(count) + ": " + llvm::join(arguments.files, " "));
  return false;
}

// Files that the arguments name, to be read.
static std::vector<std::string> filesRead(const Arguments &arguments) {
  std::vector<std::string> read(arguments.files);
  for (StringRef input : arguments.inputs)
    if (size_t at = input.find("=@"); at != StringRef::npos)
      read.push_back(input.substr(at + 2).str());
  for (auto *plugins :
       {&arguments.passPlugins, &arguments.dialectPlugins, &arguments.targetPlugins, &arguments.driverPlugins})
    llvm::append_range(read, *plugins);
  return read;
}

// Whether `path` is a model or a tensor in a CASE_DIR, of which check reads all.
static bool isInCase(StringRef path, StringRef folder) {
  llvm::SmallString<256> real, realFolder;
  StringRef extension = llvm::sys::path::extension(path);
  bool isRead = extension == ".onnx" || extension == ".mlir" || extension == ".npy" || extension == ".pb";
  return isRead && llvm::sys::fs::is_directory(folder) && !llvm::sys::fs::real_path(path, real) &&
         !llvm::sys::fs::real_path(folder, realFolder) && real.str().starts_with((realFolder + "/").str());
}

// Whether no file that is written is one that is read, by whatever name.
static bool sparesInputs(const Command &command, const Arguments &arguments) {
  for (const std::string &output : {arguments.output, arguments.json})
    for (const std::string &file : filesRead(arguments)) {
      bool same = false;
      if (output.empty() || ((llvm::sys::fs::equivalent(output, file, same) || !same) && !isInCase(output, file)))
        continue;
      usageError(command, "'" + output + "' would be written over '" + file + "', which is read");
      return false;
    }
  return true;
}

std::optional<Arguments> tinyc::parseArguments(const Command &command, llvm::ArrayRef<const char *> words) {
  Arguments arguments;
  bool onlyFiles = false; // behind "--", whatever their names begin with
  for (size_t i = 0; i < words.size(); ++i) {
    StringRef word = words[i];
    if (!onlyFiles && word == "--") {
      onlyFiles = true;
      continue;
    }
    if (onlyFiles || !word.starts_with("-") || word == "-") {
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
      return usageError(command, unknownOption(command, name)), std::nullopt;
    if (!option->value && hasValue)
      return usageError(command, name + llvm::Twine(" takes no value")), std::nullopt;
    if (option->value && !hasValue && *option->value != '[') {
      if (++i == words.size())
        return usageError(command, name + llvm::Twine(" needs a value: ") + option->value), std::nullopt;
      value = words[i];
    }
    if (!option->store(arguments, value))
      return usageError(command,
                        "cannot take '" + value + "' as " + option->value + " of " + name + ": " + option->help),
             std::nullopt;
  }
  // A plug-in's driver is not loaded yet; opening the device says whether it has one of this name.
  for (auto [name, device] : {std::pair("--device", &arguments.device), std::pair("--against", &arguments.against)})
    if (arguments.driverPlugins.empty() && !isDevice(*device))
      return usageError(command, "cannot take '" + *device + "' as D of " + name + ": " + optionHelp(name)),
             std::nullopt;
  if (!acceptFiles(command, arguments) || !sparesInputs(command, arguments))
    return std::nullopt;
  return arguments;
}

void tinyc::printHelp() {
  llvm::outs() << "tinyc: a compiler for neural networks\n\n";
  for (const Command &command : commands())
    llvm::outs() << llvm::format("  tinyc %-10s %-11s  ", command.name, command.operands) << command.summary << "\n";
  llvm::outs() << "  tinyc --version\n\nMODEL is .onnx or .mlir; FILE is .tinyc. "
                  "`tinyc COMMAND --help` lists a command's options.\n"
                  "TINYC_DEBUG=1 prints stages and times, 2 also the kernels' times, 3 their schedules, 4 their code.\n"
                  "Exit codes: 0 done, 1 the input is wrong, 2 usage, 3 a check failed, 70 a bug in tinyc.\n";
}

void tinyc::printHelp(const Command &command) {
  llvm::outs() << "tinyc " << command.name << (*command.operands ? " " : "") << command.operands
               << (*command.options ? " [options]: " : ": ") << command.summary << "\n\n";
  for (const Option &option : options())
    if (takes(command, option.name))
      llvm::outs() << llvm::format("  %-22s %-12s ", option.name, option.value ? option.value : "") << option.help
                   << "\n";
}
