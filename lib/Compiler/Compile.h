// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a model file to the bytes of an artefact.
//
//   MLIRContext context(compilerDialects());
//   WeightStore weights;
//   auto model = loadModel("model.onnx", {}, weights, context);
//   auto file = compileModel(**model, {findChip("cpu")}, weights, {});

#ifndef TINYC_LIB_COMPILER_COMPILE_H
#define TINYC_LIB_COMPILER_COMPILE_H

#include "dialects/Target/Chip.h"
#include "lib/Artefact/FileBytes.h"
#include "lib/Onnx/Import.h"
#include "lib/Pipeline/Stages.h"
#include "lib/Targets/Backend.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <map>

namespace tinyc {

class WeightStore;

/// All dialects that a module may hold at any stage.
const mlir::DialectRegistry &compilerDialects();

struct LoadOptions {
  /// Shapes of inputs whose dimensions the model leaves open, by name (--shape).
  std::map<std::string, std::vector<int64_t>> shapes;
  bool roundEveryNode = false; ///< OnnxOptions::roundEveryNode
  /// What inputs will hold, as far as it is known (lib/Onnx/Import.h says what is done with it).
  std::vector<GivenInput> inputs;
};

/// Reads a model: .onnx is imported, .mlir parsed. Weights go into `weights`. Errors are diagnostics.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> loadModel(llvm::StringRef path, const LoadOptions &options,
                                                             WeightStore &weights, mlir::MLIRContext &context);

/// Runs all stages of `model` for `chip` on a copy. The module that returns is lowered as far as stage `last`.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> lowerForChip(mlir::ModuleOp model, const Chip &chip, int last,
                                                                const StageOptions &options);

/// Compiles `model` for each chip into one artefact and returns the bytes of the file; many of them are in a file
/// without a name in the cache's folder, mapped. The stages that ask for no chip run once, on `model` itself. Errors
/// are diagnostics.
mlir::FailureOr<artefact::FileBytes> compileModel(mlir::ModuleOp model, llvm::ArrayRef<const Chip *> chips,
                                                  const WeightStore &weights, const StageOptions &options);

/// Chips by a comma-separated list of names, as in --target. On an unknown name, `error` says which and lists all.
std::vector<const Chip *> parseTargets(llvm::StringRef list, std::string &error);

} // namespace tinyc

#endif // TINYC_LIB_COMPILER_COMPILE_H
