// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the text of a module to a function pointer.

#include "test/targets/CpuKernels.h"

#include "dialects/Tiny/TinyOps.h"
#include "lib/Targets/Backend.h"
#include "passes/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace mlir;
using namespace tinyc;

static MLIRContext &context() {
  static std::unique_ptr<MLIRContext> instance = [] {
    DialectRegistry registry;
    registerAllDialects(registry);
    registerAllExtensions(registry);
    registerAllToLLVMIRTranslations(registry);
    registry.insert<tiny::TinyDialect>();
    auto made = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
    made->getDiagEngine().registerHandler([](Diagnostic &diagnostic) {
      diagnostic.print(llvm::errs());
      llvm::errs() << "\n";
    });
    made->loadAllAvailableDialects();
    return made;
  }();
  return *instance;
}

static void *openBytes(const std::vector<uint8_t> &bytes) {
  char path[] = "/tmp/tinyc-kernels-XXXXXX";
  int file = mkstemp(path);
  if (file < 0 || write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return nullptr;
  close(file);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    fprintf(stderr, "%s\n", dlerror());
  unlink(path);
  return library;
}

CompiledKernel tinyc::compileKernel(const std::string &text, const std::string &target) {
  CompiledKernel kernel;
  const Chip *chip = findChip(target);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context());
  if (!module || !chip)
    return kernel;
  auto begin = std::chrono::steady_clock::now();
  (*module)->setAttr(tiny::kTargetAttr, StringAttr::get(&context(), target));
  PassManager pm(&context());
  pm.addPass(createSchedule());
  pm.addPass(createTile());
  pm.addPass(createProveBounds());
  cpuBackend().addLanePasses(pm, *chip);
  cpuBackend().addLowerPasses(pm, *chip);
  if (getenv("PRINT_IR"))
    pm.enableIRPrinting();
  if (failed(pm.run(*module)))
    return kernel;
  EmitOptions options;
  if (getenv("PRINT_ASM"))
    options.forms = {CodeForm::Assembly, CodeForm::Elf};
  FailureOr<TargetCode> code = cpuBackend().emit(*module, *chip, options);
  if (failed(code) || code->kernels.empty())
    return kernel;
  if (getenv("PRINT_ASM"))
    fwrite(code->blobs.front().bytes.data(), 1, code->blobs.front().bytes.size(), stdout);
  kernel.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  (*module)->walk([&](tiny::LaunchOp launch) {
    if (kernel.symbol.empty()) {
      kernel.symbol = launch.getKernel().str();
      kernel.units = launch.getUnits();
    }
  });
  for (const KernelFacts &facts : code->kernels)
    if (facts.symbol == kernel.symbol)
      kernel.scratch.resize(facts.scratchBytes + 64);
  // Linux grants tile registers to those who ask (the runtime does so when it loads such code).
  if (llvm::is_contained(code->features, "amx-tile") && syscall(SYS_arch_prctl, 0x1023, 18) != 0)
    return perror("tile registers"), kernel;
  if (void *library = openBytes(code->blobs.back().bytes))
    kernel.call = reinterpret_cast<decltype(kernel.call)>(dlsym(library, kernel.symbol.c_str()));
  return kernel;
}

std::vector<std::string> tinyc::emitCode(const std::string &text, const std::string &target,
                                         const std::vector<std::string> &forms) {
  const Chip *chip = findChip(target);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context());
  if (!module || !chip)
    return {};
  EmitOptions options;
  for (const std::string &form : forms)
    options.forms.push_back(form == "asm" ? CodeForm::Assembly : CodeForm::Elf);
  FailureOr<TargetCode> code = cpuBackend().emit(*module, *chip, options);
  std::vector<std::string> emitted;
  if (succeeded(code))
    for (const CodeBlob &blob : code->blobs)
      emitted.emplace_back(blob.bytes.begin(), blob.bytes.end());
  return emitted;
}

int CompiledKernel::run(std::vector<void *> buffers, uint32_t begin, uint32_t end) {
  uintptr_t at = (reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64;
  return call(buffers.data(), nullptr, begin, std::min(end, units), reinterpret_cast<void *>(at));
}
