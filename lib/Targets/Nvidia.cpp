// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NVIDIA: PTX always; a cubin too where ptxas is found. ptxas is run with -v, and registers that it spills are
// reported.

#include "lib/Targets/GpuCode.h"
#include "lib/Targets/MemoryFile.h"
#include "passes/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include <cerrno>
#include <cstring>

using namespace mlir;
using namespace tinyc;

namespace {

// On PATH, in the toolkit that CUDA_HOME or CUDA_PATH names, or where the toolkit installs itself. Empty if nowhere.
std::string findPtxas() {
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return *found;
  std::vector<std::string> folders;
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (auto home = llvm::sys::Process::GetEnv(variable))
      folders.push_back(*home);
  folders.push_back("/usr/local/cuda");
  for (const std::string &folder : folders) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, "bin", "ptxas");
    if (llvm::sys::fs::can_execute(path))
      return std::string(path);
  }
  return {};
}

// The cubin that ptxas makes of `ptx`; an empty one where there is no ptxas.
FailureOr<std::vector<uint8_t>> assemble(ModuleOp module, StringRef ptx, const Chip &chip) {
  std::string ptxas = findPtxas();
  if (ptxas.empty())
    return std::vector<uint8_t>();
  MemoryFile input("ptx"), output("cubin"), log("ptxas log");
  std::vector<uint8_t> messages, cubin;
  auto noMemory = [&] { return module.emitError("cannot give the code to ptxas: ") << std::strerror(errno); };
  if (!input.write(ptx))
    return noMemory();
  StringRef arguments[] = {ptxas, "-v", "-arch", chip.cpu, input.path(), "-o", output.path()};
  std::string reason;
  int status = llvm::sys::ExecuteAndWait(ptxas, arguments, std::nullopt,
                                         {std::nullopt, StringRef(log.path()), StringRef(log.path())}, 0, 0, &reason);
  if (!log.read(messages) || !output.read(cubin))
    return noMemory();
  StringRef text(reinterpret_cast<const char *>(messages.data()), messages.size());
  if (status != 0)
    return module.emitError("ptxas refused the code for ")
           << chip.cpu << " (" << (reason.empty() ? "exit code " + std::to_string(status) : reason) << "):\n"
           << text;
  llvm::Regex spill("([1-9][0-9]*) bytes spill stores");
  SmallVector<StringRef> match;
  if (spill.match(text, &match))
    module.emitWarning("ptxas spilled registers to memory: ")
        << match[1] << " bytes of stores in a kernel for " << chip.cpu;
  return cubin;
}

class NvidiaBackend : public Backend {
public:
  std::string externalTools() const override {
    std::string ptxas = findPtxas();
    llvm::sys::fs::file_status status;
    if (ptxas.empty() || llvm::sys::fs::status(ptxas, status))
      return {};
    return ptxas + " " + std::to_string(status.getSize()) + " " +
           std::to_string(status.getLastModificationTime().time_since_epoch().count());
  }

  void addLanePasses(OpPassManager &pm, const Chip &chip) const override { addGpuLanePasses(pm, chip); }

  void addLowerPasses(OpPassManager &pm, const Chip &) const override {
    addGpuLowerPasses(pm);
    pm.addNestedPass<gpu::GPUModuleOp>(createLowerNvidia());
  }

  FailureOr<TargetCode> emit(ModuleOp module, const Chip &chip, const EmitOptions &options) const override {
    FailureOr<std::string> ptx = compileDevice(module, chip, llvm::CodeGenFileType::AssemblyFile);
    if (failed(ptx))
      return failure();
    TargetCode code;
    code.kernels = deviceKernels(module);
    if (isWanted(options, CodeForm::Ptx, true) || isWanted(options, CodeForm::Assembly, false))
      code.blobs.push_back({isWanted(options, CodeForm::Ptx, true) ? CodeForm::Ptx : CodeForm::Assembly,
                            std::vector<uint8_t>(ptx->begin(), ptx->end())});
    if (isWanted(options, CodeForm::Cubin, true)) {
      FailureOr<std::vector<uint8_t>> cubin = assemble(module, *ptx, chip);
      if (failed(cubin))
        return failure();
      if (!cubin->empty())
        code.blobs.push_back({CodeForm::Cubin, std::move(*cubin)});
      else if (!options.forms.empty())
        return module.emitError("a cubin was asked for and there is no ptxas on PATH, in CUDA_HOME, CUDA_PATH or "
                                "/usr/local/cuda");
    }
    return code;
  }
};
} // namespace

const Backend &tinyc::nvidiaBackend() {
  static NvidiaBackend backend;
  return backend;
}
