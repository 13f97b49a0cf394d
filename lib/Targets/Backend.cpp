// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The registry of back ends, one line each.

#include "lib/Targets/Backend.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/ROCDL/ROCDLToLLVMIRTranslation.h"

using namespace tinyc;

const Backend *tinyc::findBackend(ChipKind kind) {
  switch (kind) {
  case ChipKind::Cpu:
    return &cpuBackend();
  case ChipKind::Nvidia:
    return &nvidiaBackend();
  case ChipKind::Amd:
    return &amdBackend();
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
