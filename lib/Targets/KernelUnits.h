// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles the kernels of a lowered module one by one, several at a time. How the module is cut into units follows from
// the module alone, a unit's code from the unit alone: the number of threads changes nothing but the time.

#ifndef TINYC_LIB_TARGETS_KERNELUNITS_H
#define TINYC_LIB_TARGETS_KERNELUNITS_H

#include "lib/Targets/Backend.h"

#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tinyc {

/// How a back end makes code of one unit.
struct UnitCompiler {
  /// Called once a thread. Null after an error at the module.
  std::function<std::unique_ptr<llvm::TargetMachine>()> createMachine;
  /// Before the unit is looked up in the cache: what its code depends on beside its IR is written into it.
  std::function<void(llvm::Module &unit, llvm::TargetMachine &)> prepare;
  /// The object of a unit. False where LLVM cannot emit it. Called by several threads at a time.
  std::function<bool(llvm::Module &unit, llvm::TargetMachine &, llvm::SmallVectorImpl<char> &object)> generate;
  /// What the code depends on and no unit says: the chip, and what `generate` does.
  std::string salt;
};

/// The object code of each kernel of `kernels` (a module of LLVM functions, of which those that `isKernel` are called
/// from outside), in their order. A unit is a kernel with the functions and globals that it refers to, which become
/// internal. Units that the cache of the options knows are not compiled. Errors are diagnostics at `kernels`.
mlir::FailureOr<std::vector<std::vector<char>>> compileUnits(mlir::Operation *kernels,
                                                             llvm::function_ref<bool(mlir::Operation *)> isKernel,
                                                             const UnitCompiler &compiler, const EmitOptions &options);

} // namespace tinyc

#endif // TINYC_LIB_TARGETS_KERNELUNITS_H
