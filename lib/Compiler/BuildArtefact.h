// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a lowered module and its code to the plain structures that are written as a .tinyc file.

#ifndef TINYC_LIB_COMPILER_BUILDARTEFACT_H
#define TINYC_LIB_COMPILER_BUILDARTEFACT_H

#include "dialects/Target/Chip.h"
#include "lib/Artefact/ArtefactBuilder.h"
#include "lib/Targets/Backend.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include <deque>

namespace tinyc {

class WeightStore;

/// Collects one artefact from several targets' modules of the same model.
///
///   ArtefactAssembler assembler(weights);
///   if (failed(assembler.addTarget(module, chip, code))) ...   // for each target
///   artefact::serialize(assembler.artefact(), file, error);
class ArtefactAssembler {
public:
  /// `weights` outlives the assembler.
  explicit ArtefactAssembler(const WeightStore &weights) : weights(weights) {}

  /// Adds the launches of the module's entry function as a plan over `code`. The first target gives the entry point's
  /// inputs and outputs; a further one whose differ is an error at its function.
  mlir::LogicalResult addTarget(mlir::ModuleOp module, const Chip &chip, TargetCode code);

  /// References bytes of the weight store and of this object.
  const artefact::Artefact &artefact() const { return result; }

private:
  mlir::LogicalResult addEntry(mlir::func::FuncOp main);

  const WeightStore &weights;
  artefact::Artefact result;
  std::deque<std::vector<uint8_t>> constants; // bytes of tiny.const operands of launches
};

/// The entry function of a model: @main. Null, with an error at the module, if there is none.
mlir::func::FuncOp findMain(mlir::ModuleOp module);

/// Inputs and outputs of the entry function as callers see them; unnamed ones are called input0, output0, ...
artefact::EntryPoint entryPointOf(mlir::func::FuncOp main);

/// A tensor of a ranked type as an artefact describes it.
artefact::Tensor tensorOf(llvm::StringRef name, mlir::Type type);

/// The artefact's name of a tiny element type; Invalid for what no artefact holds.
artefact::DType dtypeOf(mlir::Type element);

} // namespace tinyc

#endif // TINYC_LIB_COMPILER_BUILDARTEFACT_H
