// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The registry of back ends, one line each.

#include "lib/Targets/Backend.h"

#include "passes/Passes.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/ROCDL/ROCDLToLLVMIRTranslation.h"
#include "llvm/ADT/StringMap.h"

using namespace tinyc;

void Backend::addSchedulePasses(mlir::OpPassManager &pm, const Chip &) const { pm.addPass(createSchedule()); }

static llvm::StringMap<std::unique_ptr<Backend>> &pluginBackends() {
  static llvm::StringMap<std::unique_ptr<Backend>> backends;
  return backends;
}

bool tinyc::registerBackend(llvm::StringRef family, std::unique_ptr<Backend> backend) {
  return pluginBackends().try_emplace(family, std::move(backend)).second;
}

const Backend *tinyc::findBackend(const Chip &chip) {
  switch (chip.kind) {
  case ChipKind::Cpu:
    return &cpuBackend();
  case ChipKind::Nvidia:
    return &nvidiaBackend();
  case ChipKind::Amd:
    return &amdBackend();
  case ChipKind::Other:
    auto found = pluginBackends().find(chip.family());
    return found == pluginBackends().end() ? nullptr : found->second.get();
  }
  return nullptr;
}

void tinyc::registerBackendTranslations(mlir::DialectRegistry &registry) {
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerGPUDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  mlir::registerNVVMDialectTranslation(registry);
  mlir::registerROCDLDialectTranslation(registry);
}
