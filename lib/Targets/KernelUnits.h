// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles the kernels of a lowered module one by one, several at a time. How the module is cut into units follows from
// the module alone, a unit's code from the unit alone: the number of threads changes nothing but the time.

#ifndef TINYC_LIB_TARGETS_KERNELUNITS_H
#define TINYC_LIB_TARGETS_KERNELUNITS_H

#include "lib/Targets/Backend.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/IR/Module.h"
#include <memory>
#include <vector>

namespace tinyc {

/// Makes code of units, one after the other: what LLVM sets up for a unit takes as long as a small kernel itself, so
/// each thread keeps its compiler. A unit's code must not depend on those before it.
class UnitCompiler {
public:
  virtual ~UnitCompiler() = default;

  /// Before the unit is looked up in the cache: what its code depends on beside its IR is written into it.
  virtual void prepare(llvm::Module &unit) = 0;
  /// The object of a unit, which is changed on the way. False where LLVM cannot emit it.
  virtual bool compile(llvm::Module &unit, std::vector<char> &object) = 0;
};

/// Called once a thread. Null after an error at the module.
using CreateUnitCompiler = llvm::function_ref<std::unique_ptr<UnitCompiler>()>;

/// The object code of each kernel of `kernels` (a module of LLVM functions, of which those that `isKernel` are called
/// from outside), in their order. A unit is a kernel with the functions and globals that it refers to, which become
/// internal. Units that the cache of the options knows are not compiled; `salt` is what their code depends on and no
/// unit says. Errors are diagnostics at `kernels`.
mlir::FailureOr<std::vector<std::vector<char>>> compileUnits(mlir::Operation *kernels,
                                                             llvm::function_ref<bool(mlir::Operation *)> isKernel,
                                                             CreateUnitCompiler createCompiler, llvm::StringRef salt,
                                                             const EmitOptions &options);

} // namespace tinyc

#endif // TINYC_LIB_TARGETS_KERNELUNITS_H
