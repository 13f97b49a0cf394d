// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The registry of back ends, one line each.

#include "lib/Targets/Backend.h"

#include "mlir/Target/LLVMIR/Dialect/All.h"

using namespace tinyc;

const Backend *tinyc::findBackend(ChipKind kind) {
  if (kind == ChipKind::Cpu)
    return &cpuBackend();
  return nullptr;
}

void tinyc::registerBackendTranslations(mlir::DialectRegistry &registry) {
  mlir::registerAllToLLVMIRTranslations(registry);
}
