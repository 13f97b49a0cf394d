// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the commands that take a MODEL share: a context with its dialects and plug-ins, the weights, the flags.

#ifndef TINYC_TOOLS_TINYC_SESSION_H
#define TINYC_TOOLS_TINYC_SESSION_H

#include "lib/Cache/ContentCache.h"
#include "lib/Compiler/Compile.h"
#include "lib/Weights/WeightStore.h"
#include "runtime/tensorio/HostTensor.h"
#include "tools/tinyc/CommandLine.h"
#include "tools/tinyc/Diagnostics.h"

#include "mlir/IR/MLIRContext.h"
#include <memory>

namespace tinyc {

class Session {
public:
  /// Loads the plug-ins that the arguments name; on failure prints why, and `good` is false. Code of kernels is looked
  /// up in `cache` and kept there; none if it is null.
  explicit Session(const Arguments &arguments, std::shared_ptr<ContentCache> cache = ContentCache::open());
  /// Brings the cache back to its size. What could not be stored is a warning.
  ~Session();

  bool good() const { return context != nullptr; }

  /// Reads and verifies a model; null after an error was printed. `known` are tensors that inputs will hold.
  mlir::OwningOpRef<mlir::ModuleOp> load(llvm::StringRef path, llvm::ArrayRef<tensorio::HostTensor> known = {});
  /// Compiles it into the bytes of an artefact; empty after an error was printed.
  artefact::FileBytes compile(mlir::ModuleOp model, llvm::ArrayRef<const Chip *> chips);

  mlir::MLIRContext &mlirContext() { return *context; }
  WeightStore &weightStore() { return weights; }
  /// As the flags say; with TINYC_DEBUG=3 or more schedules, with 4 also code go to standard error on the way.
  StageOptions stageOptions();
  /// With TINYC_DEBUG=1 or more: stages and times, to stderr.
  void printTimes() const;
  /// Whether a diagnostic was printed so far.
  bool saidAnything() const { return printer->printed(); }
  /// Seconds of all stages together so far.
  double seconds() const;

  /// Shown each stage's result, beside what TINYC_DEBUG asks for; set before compile().
  std::function<void(mlir::ModuleOp module, const Stage &stage, const Chip *chip)> afterStage;

private:
  const Arguments &arguments;
  std::shared_ptr<ContentCache> cache;
  WeightStore weights;
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<DiagnosticPrinter> printer;
  std::vector<StageTime> times;
  std::string modelPath;
};

/// Writes a module to `path` and its weights to the folder beside it, where Session::load finds them; to standard
/// output if the path is empty or '-'. False after an error was printed. ImportCommand.cpp defines it.
bool writeModel(mlir::ModuleOp module, const WeightStore &weights, const std::string &path);

/// Loads the plug-ins that the arguments name; their dialects go into `dialects`. False after an error was printed.
bool loadPlugins(const Arguments &arguments, mlir::DialectRegistry &dialects);
/// The flags that name plug-ins of the compiler, for a command that is to do the same.
std::vector<std::string> pluginWords(const Arguments &arguments);

/// The value of TINYC_DEBUG, 0 if it is not set.
int debugLevel();

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_SESSION_H
