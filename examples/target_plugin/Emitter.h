// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a function of tiles to the NPU's commands.

#ifndef NPU_EMITTER_H
#define NPU_EMITTER_H

#include "Npu.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace npu {

/// Writes out the commands of each of `units` units of a tiled kernel. Constants join those of `module`. Fails after an
/// error that names what the NPU does not have.
llvm::FailureOr<Kernel> emitKernel(mlir::func::FuncOp function, int64_t units, Module &module);

/// The commands as text, a line each.
std::string disassemble(const Module &module);

} // namespace npu

#endif // NPU_EMITTER_H
