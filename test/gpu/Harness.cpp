// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The emulated drivers are opened in a child process: their environment is read once, and a refused access may end it.

#include "test/gpu/Harness.h"

#include "dialects/Layout/LaneOps.h"
#include "dialects/Tiny/TinyOps.h"
#include "passes/Passes.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::gputest;

uint16_t gputest::toHalf(float value, bool bfloat) {
  llvm::APFloat number(value);
  bool lost;
  number.convert(bfloat ? llvm::APFloat::BFloat() : llvm::APFloat::IEEEhalf(), llvm::APFloat::rmNearestTiesToEven,
                 &lost);
  return static_cast<uint16_t>(number.bitcastToAPInt().getZExtValue());
}

float gputest::fromHalf(uint16_t bits, bool bfloat) {
  llvm::APFloat number(bfloat ? llvm::APFloat::BFloat() : llvm::APFloat::IEEEhalf(), llvm::APInt(16, bits));
  bool lost;
  number.convert(llvm::APFloat::IEEEsingle(), llvm::APFloat::rmNearestTiesToEven, &lost);
  return number.convertToFloat();
}

static std::string emulator(llvm::StringRef target) {
  return std::string(TINYC_BUILD_DIR) +
         (target.starts_with("nvidia") ? "/emulators/libcuda.so.1" : "/emulators/libamdhip64.so");
}

std::vector<std::string> gputest::emulatedTargets() {
  std::vector<std::string> targets;
  for (const char *target : {"nvidia:sm_80", "amd:gfx1100"})
    if (llvm::sys::fs::exists(emulator(target)))
      targets.push_back(target);
  return targets;
}

bool gputest::hasPtxas() {
  return llvm::sys::findProgramByName("ptxas") || llvm::sys::fs::exists("/usr/local/cuda/bin/ptxas");
}

Program Program::compile(llvm::StringRef text, llvm::StringRef target) {
  Program program;
  program.target_ = target.str();
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
  registry.insert<tiny::TinyDialect, lane::LaneDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  llvm::raw_string_ostream errors(program.error_);
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    program.spilled_ |= diagnostic.getSeverity() == DiagnosticSeverity::Warning;
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      errors << diagnostic.getLocation() << ": " << diagnostic << "\n";
    return success();
  });
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, ParserConfig(&context));
  const Chip *chip = findChip(target);
  if (!module || !chip)
    return program;
  (*module)->setAttr(tiny::kTargetAttr, StringAttr::get(&context, target));
  const Backend &backend = chip->kind == ChipKind::Nvidia ? nvidiaBackend() : amdBackend();
  PassManager pm(&context);
  if ((*module)->walk([](tiny::KernelOp) { return WalkResult::interrupt(); }).wasInterrupted()) {
    pm.addPass(createSchedule());
    pm.addPass(createTile());
    pm.addPass(createProveBounds());
  }
  backend.addLanePasses(pm, *chip);
  backend.addLowerPasses(pm, *chip);
  if (failed(pm.run(*module))) {
    if (program.error_.empty())
      errors << "a pass failed without a word";
    return program;
  }
  (*module)->walk([&](tiny::LaunchOp launch) { program.units_[launch.getKernel().str()] = launch.getUnits(); });
  FailureOr<TargetCode> code = backend.emit(*module, *chip, {});
  FailureOr<TargetCode> listing = backend.emit(*module, *chip, EmitOptions{{CodeForm::Assembly}});
  if (failed(code) || failed(listing))
    return program;
  program.code_ = std::move(*code);
  for (const CodeBlob &blob : listing->blobs)
    program.assembly_.assign(blob.bytes.begin(), blob.bytes.end());
  return program;
}

std::string Program::blob(CodeForm form) const {
  for (const CodeBlob &blob : code_.blobs)
    if (blob.form == form)
      return std::string(blob.bytes.begin(), blob.bytes.end());
  return {};
}

namespace {

// One driver's calls, as far as a launch needs them. Both vendors' have the same shapes.
struct Calls {
  void *library;
  template <typename... Args> void operator()(const char *name, Args... args) const {
    auto function = reinterpret_cast<int (*)(Args...)>(dlsym(library, name));
    int status = function ? function(args...) : -1;
    if (status != 0) {
      llvm::errs() << name << " gave " << status << "\n";
      _exit(1);
    }
  }
};

void launchCuda(const Calls &call, const std::string &image, const KernelFacts &kernel, uint32_t units,
                const std::vector<uint8_t *> &hosts, const std::vector<Buffer *> &buffers) {
  int device = 0;
  void *context = nullptr, *module = nullptr, *function = nullptr;
  call("cuInit", 0u);
  call("cuDeviceGet", &device, 0);
  call("cuCtxCreate_v2", &context, 0u, device);
  call("cuModuleLoadData", &module, static_cast<const void *>(image.c_str()));
  call("cuModuleGetFunction", &function, module, kernel.symbol.c_str());
  if (kernel.sharedBytes > 48 << 10)
    call("cuFuncSetAttribute", function, 8, static_cast<int>(kernel.sharedBytes));
  std::vector<unsigned long long> memory(buffers.size());
  std::vector<void *> arguments;
  for (size_t i = 0; i < buffers.size(); ++i) {
    call("cuMemAlloc_v2", &memory[i], buffers[i]->size());
    call("cuMemcpyHtoD_v2", memory[i], static_cast<const void *>(hosts[i]), buffers[i]->size());
    arguments.push_back(&memory[i]);
  }
  call("cuLaunchKernel", function, units, 1u, 1u, static_cast<unsigned>(kernel.threads), 1u, 1u,
       static_cast<unsigned>(kernel.sharedBytes), static_cast<void *>(nullptr), arguments.data(),
       static_cast<void **>(nullptr));
  call("cuCtxSynchronize");
  for (size_t i = 0; i < buffers.size(); ++i)
    call("cuMemcpyDtoH_v2", static_cast<void *>(hosts[i]), memory[i], buffers[i]->size());
}

void launchHip(const Calls &call, const std::string &image, const KernelFacts &kernel, uint32_t units,
               const std::vector<uint8_t *> &hosts, const std::vector<Buffer *> &buffers) {
  void *module = nullptr, *function = nullptr;
  call("hipInit", 0u);
  call("hipSetDevice", 0);
  call("hipModuleLoadData", &module, static_cast<const void *>(image.data()));
  call("hipModuleGetFunction", &function, module, kernel.symbol.c_str());
  std::vector<void *> memory(buffers.size());
  std::vector<void *> arguments;
  for (size_t i = 0; i < buffers.size(); ++i) {
    call("hipMalloc", &memory[i], buffers[i]->size());
    call("hipMemcpy", memory[i], static_cast<const void *>(hosts[i]), buffers[i]->size(), 1);
    arguments.push_back(&memory[i]);
  }
  call("hipModuleLaunchKernel", function, units, 1u, 1u, static_cast<unsigned>(kernel.threads), 1u, 1u,
       static_cast<unsigned>(kernel.sharedBytes), static_cast<void *>(nullptr), arguments.data(),
       static_cast<void **>(nullptr));
  call("hipDeviceSynchronize");
  for (size_t i = 0; i < buffers.size(); ++i)
    call("hipMemcpy", static_cast<void *>(hosts[i]), static_cast<const void *>(memory[i]), buffers[i]->size(), 2);
}
} // namespace

Outcome Program::run(llvm::StringRef name, uint32_t units, const std::vector<Buffer *> &buffers, unsigned drop,
                     unsigned seed) const {
  Outcome outcome;
  const KernelFacts *kernel = nullptr;
  for (const KernelFacts &candidate : code_.kernels)
    if (candidate.symbol == name)
      kernel = &candidate;
  if (!kernel) {
    outcome.message = "no kernel " + name.str() + "; " + error_;
    return outcome;
  }
  bool cuda = llvm::StringRef(target_).starts_with("nvidia");
  std::string image = blob(cuda ? CodeForm::Ptx : CodeForm::Hsaco);
  // Memory that the child writes and the parent reads.
  std::vector<uint8_t *> hosts;
  for (Buffer *buffer : buffers) {
    void *shared = mmap(nullptr, buffer->size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    std::copy(buffer->begin(), buffer->end(), static_cast<uint8_t *>(shared));
    hosts.push_back(static_cast<uint8_t *>(shared));
  }
  llvm::SmallString<128> report, log;
  llvm::sys::fs::createTemporaryFile("tinyc-gpu", "json", report);
  llvm::sys::fs::createTemporaryFile("tinyc-gpu", "log", log);
  pid_t child = fork();
  if (child == 0) {
    setenv("TINYC_EMULATED_CHIP", target_.substr(target_.find(':') + 1).c_str(), 1);
    setenv("TINYC_EMULATED_REPORT", report.c_str(), 1);
    setenv("TINYC_EMULATED_DROP", std::to_string(drop).c_str(), 1);
    setenv("TINYC_EMULATED_SEED", std::to_string(seed).c_str(), 1);
    if (!freopen(log.c_str(), "w", stderr))
      _exit(2);
    void *library = dlopen(emulator(target_).c_str(), RTLD_NOW);
    if (!library) {
      llvm::errs() << dlerror() << "\n";
      _exit(2);
    }
    (cuda ? launchCuda : launchHip)(Calls{library}, image, *kernel, units, hosts, buffers);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  for (size_t i = 0; i < buffers.size(); ++i) {
    std::copy(hosts[i], hosts[i] + buffers[i]->size(), buffers[i]->begin());
    munmap(hosts[i], buffers[i]->size());
  }
  if (auto text = llvm::MemoryBuffer::getFile(log))
    outcome.message = (*text)->getBuffer().take_front(4000).str();
  if (auto text = llvm::MemoryBuffer::getFile(report)) {
    llvm::Expected<llvm::json::Value> value = llvm::json::parse((*text)->getBuffer().split('\n').first);
    if (!value)
      llvm::consumeError(value.takeError());
    else if (auto *object = value->getAsObject())
      outcome.report = *object;
  }
  if (const llvm::json::Array *reports = outcome.report.getArray("reports"))
    for (const llvm::json::Value &line : *reports)
      outcome.message += "\n" + line.getAsString().value_or("").str();
  llvm::sys::fs::remove(report);
  llvm::sys::fs::remove(log);
  outcome.ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return outcome;
}
