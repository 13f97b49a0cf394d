// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc-run: runs a .tinyc file with the runtime alone. Exit codes: 0 done, 1 the input is wrong, 2 usage,
// 70 our bug.

#include "runtime/include/tinyc/runtime.h"
#include "runtime/tensorio/DeviceLimits.h"
#include "runtime/tensorio/Inputs.h"
#include "runtime/tensorio/ProgramStart.h"
#include "runtime/tensorio/Report.h"
#include "runtime/tensorio/TensorFiles.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>

using namespace tinyc::tensorio;

namespace {

constexpr const char *usageText =
    "usage: tinyc-run FILE.tinyc [--device cpu|cuda:N|hip:N|null] [--target T] [--entry NAME] [--threads N]\n"
    "                 [--input NAME=@f.npy|NAME=@f.pb|random:SEED].. [--output-dir DIR] [--profile] [--hash]\n"
    "                 [--load-driver-plugin F]..\n"
    "       tinyc-run --help|--version\n";

constexpr int exitInput = 1, exitUsage = 2, exitBug = 70;

struct Flags {
  std::string file, device = "cpu", target, entry = "main", outputDir;
  std::vector<std::string> driverPlugins;
  size_t threads = 0;
  InputFlags inputs;
  bool profile = false, hash = false;
};

int failed(const std::string &message) {
  std::fprintf(stderr, "tinyc-run: error: %s\n", message.c_str());
  return exitInput;
}

/// The exit code of a program whose work is done, if all that it printed is written.
int finishOutput() {
  errno = 0;
  if (std::fflush(stdout) == 0 && !std::ferror(stdout))
    return 0;
  return failed(std::string("cannot write to standard output: ") +
                (errno ? std::strerror(errno) : "an earlier part could not be written"));
}

std::string driverNames() {
  std::string names;
  for (size_t i = 0; i < tinyc_driver_count(); ++i)
    names += (i ? " " : "") + std::string(tinyc_driver_name(i));
  return names;
}

/// "cuda:1": a driver of this build, with a number or without.
bool isDevice(const std::string &name) {
  size_t colon = name.find(':');
  std::string driver = name.substr(0, colon), number = colon == name.npos ? "0" : name.substr(colon + 1);
  bool known = false;
  for (size_t i = 0; i < tinyc_driver_count(); ++i)
    known |= driver == tinyc_driver_name(i);
  return known && !number.empty() && number.find_first_not_of("0123456789") == number.npos;
}

/// 0, or the exit code after printing why.
int parse(int argc, char **argv, Flags &flags) {
  auto usage = [](const std::string &message) {
    std::fprintf(stderr, "tinyc-run: %s\n%s", message.c_str(), usageText);
    return exitUsage;
  };
  bool onlyFiles = false; // behind "--", whatever their names begin with
  for (int i = 1; i < argc; ++i) {
    std::string flag = argv[i], value;
    if (onlyFiles || !flag.starts_with("-") || flag == "-") {
      if (!flags.file.empty())
        return usage("more than one file is given: " + flags.file + " and " + flag);
      flags.file = flag;
      continue;
    }
    size_t equals = flag.starts_with("--") ? flag.find('=') : std::string::npos;
    bool hasValue = equals != std::string::npos;
    if (hasValue) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
    }
    bool takesValue = flag == "--device" || flag == "--target" || flag == "--entry" || flag == "--threads" ||
                      flag == "--input" || flag == "--output-dir" || flag == "--load-driver-plugin";
    if (takesValue && !hasValue) {
      if (i + 1 == argc)
        return usage(flag + " needs a value");
      value = argv[++i];
    }
    if (takesValue && value.empty())
      return usage(flag + " needs a value, found ''");
    if (hasValue && (flag == "--profile" || flag == "--hash"))
      return usage(flag + " takes no value");
    if (!takesValue && hasValue)
      return usage("unknown flag " + flag + "=");
    std::string error;
    if (flag == "--device") {
      flags.device = value;
    } else if (flag == "--target") {
      flags.target = value;
    } else if (flag == "--entry") {
      flags.entry = value;
    } else if (flag == "--threads") {
      char *end = nullptr;
      flags.threads = std::strtoul(value.c_str(), &end, 10);
      if (value.empty() || value[0] < '0' || value[0] > '9' || *end || flags.threads == 0 || flags.threads > 1024)
        return usage("--threads " + value + ": expected a number from 1 to 1024");
    } else if (flag == "--input") {
      if (!flags.inputs.add(value, error))
        return usage(error);
    } else if (flag == "--load-driver-plugin") {
      flags.driverPlugins.push_back(value);
    } else if (flag == "--output-dir") {
      flags.outputDir = value;
    } else if (flag == "--profile") {
      flags.profile = true;
    } else if (flag == "--hash") {
      flags.hash = true;
    } else if (flag == "--version") {
      std::printf("tinyc-run " TINYC_VERSION "\ndrivers: %s\n", driverNames().c_str());
      std::exit(finishOutput());
    } else if (flag == "--help" || flag == "-h") {
      std::fputs(usageText, stdout);
      std::exit(finishOutput());
    } else if (flag == "--") {
      onlyFiles = true;
    } else {
      return usage("unknown flag " + flag);
    }
  }
  const char *debug = std::getenv("TINYC_DEBUG");
  if (debug && std::strtol(debug, nullptr, 10) >= 2)
    flags.profile = true;
  // A plug-in's driver is not loaded yet; opening the device says whether it has one of this name.
  if (flags.driverPlugins.empty() && !isDevice(flags.device))
    return usage("--device " + flags.device +
                 ": expected a driver, with :N for its N-th device; the drivers are: " + driverNames());
  return flags.file.empty() ? usage("no file is given") : 0;
}

#define RUN_OR_RETURN(call)                                                                                            \
  do {                                                                                                                 \
    if (tinyc_status *status = (call)) {                                                                               \
      int code = failed(tinyc_status_message(status));                                                                 \
      tinyc_status_free(status);                                                                                       \
      return code;                                                                                                     \
    }                                                                                                                  \
  } while (false)

/// Closes what the C API gave.
struct Handles {
  tinyc_artefact *artefact = nullptr;
  tinyc_device *device = nullptr;
  tinyc_model *model = nullptr;
  tinyc_context *context = nullptr;
  ~Handles() {
    tinyc_context_free(context);
    tinyc_model_free(model);
    tinyc_device_close(device);
    tinyc_artefact_close(artefact);
  }
};

int run(const Flags &flags) {
  // Before the work that would be lost.
  if (!flags.outputDir.empty()) {
    std::error_code code;
    std::filesystem::create_directories(flags.outputDir, code);
    if (!code && !std::filesystem::is_directory(flags.outputDir))
      code = std::make_error_code(std::errc::not_a_directory);
    if (code)
      return failed("cannot make the folder '" + flags.outputDir + "': " + code.message());
  }
  Handles h;
  RUN_OR_RETURN(tinyc_artefact_open_file(flags.file.c_str(), &h.artefact));
  const char *entry = flags.entry.c_str();
  std::string entries;
  bool known = false;
  for (size_t i = 0; i < tinyc_artefact_entry_count(h.artefact); ++i) {
    const char *name = tinyc_artefact_entry_name(h.artefact, i);
    known |= flags.entry == name;
    entries += (i ? ", " : "") + std::string(name);
  }
  if (!known)
    return failed("'" + flags.file + "' has no entry point '" + flags.entry + "'; it has: " + entries);

  std::vector<tinyc_tensor_info> inputInfos(tinyc_artefact_input_count(h.artefact, entry));
  for (size_t i = 0; i < inputInfos.size(); ++i)
    RUN_OR_RETURN(tinyc_artefact_input(h.artefact, entry, i, &inputInfos[i]));
  std::vector<HostTensor> inputs, outputs(tinyc_artefact_output_count(h.artefact, entry));
  std::string error;
  if (!makeInputs(flags.inputs, inputInfos, inputs, error, fixedInputs(h.artefact, entry)))
    return failed(error);
  for (size_t i = 0; i < outputs.size(); ++i) {
    tinyc_tensor_info info;
    RUN_OR_RETURN(tinyc_artefact_output(h.artefact, entry, i, &info));
    outputs[i].name = info.name;
    if (!outputs[i].allocate(info.dtype, {info.shape, info.shape + info.rank}, error))
      return failed(error);
  }

  for (const std::string &plugin : flags.driverPlugins)
    RUN_OR_RETURN(tinyc_driver_load(plugin.c_str()));
  RUN_OR_RETURN(tinyc_device_open(flags.device.c_str(), &h.device));
  RUN_OR_RETURN(
      tinyc_model_create(h.artefact, h.device, flags.target.empty() ? nullptr : flags.target.c_str(), &h.model));
  tinyc_context_options options{sizeof(options), flags.threads};
  RUN_OR_RETURN(tinyc_context_create(h.model, &options, &h.context));
  ProfileTable profile(tinyc_device_name(h.device));
  if (std::optional<CpuLimits> limits = readCpuLimits(); limits && flags.device == "cpu")
    profile.setLimits(limits->with(flags.threads ? flags.threads : tinyc_usable_cpus()));
  std::vector<tinyc_tensor> inputViews, outputViews;
  for (HostTensor &tensor : inputs)
    inputViews.push_back(tensor.view());
  for (HostTensor &tensor : outputs)
    outputViews.push_back(tensor.view());
  auto once = [&] {
    return tinyc_context_run(h.context, entry, inputViews.data(), inputViews.size(), outputViews.data(),
                             outputViews.size());
  };
  if (flags.profile)
    RUN_OR_RETURN(tinyc_context_set_profiler(h.context, ProfileTable::callback, &profile));
  RUN_OR_RETURN(once());

  for (const HostTensor &tensor : outputs)
    printTensor(stdout, tensor);
  if (flags.hash)
    printHashes(stdout, outputs);
  if (flags.profile)
    profile.print(stdout);
  if (!flags.outputDir.empty()) {
    std::vector<std::string> names = outputFileNames(outputs);
    for (size_t i = 0; i < outputs.size(); ++i)
      if (!writeNpy(flags.outputDir + "/" + names[i], outputs[i], error))
        return failed(error);
  }
  return finishOutput();
}

} // namespace

int main(int argc, char **argv) {
  prepareFiles();
  reportLostMappings("tinyc-run: error");
  try {
    Flags flags;
    if (int code = parse(argc, argv, flags))
      return code;
    return run(flags);
  } catch (const std::bad_alloc &) {
    return failed("out of memory");
  } catch (const std::exception &error) {
    std::fprintf(stderr, "tinyc-run: internal error: %s\n", error.what());
    return exitBug;
  }
}
