// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the back ends of GPUs share: from a lowered module of the device to LLVM's code for the chip.

#ifndef TINYC_LIB_TARGETS_GPUCODE_H
#define TINYC_LIB_TARGETS_GPUCODE_H

#include "lib/Targets/Backend.h"

#include "llvm/Support/CodeGen.h"
#include <string>

namespace tinyc {

/// The passes of the stage "lanes", the same for all GPUs.
void addGpuLanePasses(mlir::OpPassManager &pm, const Chip &chip);

/// The passes of the stage "lower" up to a gpu.module, the same for all GPUs.
void addGpuLowerPasses(mlir::OpPassManager &pm);

/// Code of the module's gpu.module as text or object file; `abi` is the version of AMD's code objects, 0 elsewhere.
mlir::FailureOr<std::string> compileDevice(mlir::ModuleOp module, const Chip &chip, llvm::CodeGenFileType type,
                                           unsigned abi = 0);

/// The kernels of the module's gpu.module, from their attributes.
std::vector<KernelFacts> deviceKernels(mlir::ModuleOp module);

/// Whether `form` was asked for; an empty list asks for what the artefact carries.
bool isWanted(const EmitOptions &options, CodeForm form, bool byDefault);

} // namespace tinyc

#endif // TINYC_LIB_TARGETS_GPUCODE_H
