// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The stages a module goes through, as one table. `--stop-after=NAME` prints the IR at the end of a stage, and what it
// prints can be compiled further: the module remembers its stage in the attribute tiny.stage.

#ifndef TINYC_LIB_PIPELINE_STAGES_H
#define TINYC_LIB_PIPELINE_STAGES_H

#include "dialects/Target/Chip.h"
#include "lib/Targets/Backend.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include <functional>
#include <string>
#include <vector>

namespace tinyc {

/// Module attribute (string): the last stage the module has been through.
constexpr llvm::StringLiteral kStageAttr = "tiny.stage";

struct StageOptions;

struct Stage {
  llvm::StringRef name;
  llvm::StringRef summary;
  /// Plug-in passes registered under this name run at the end of the stage; empty where none may.
  llvm::StringRef insertionPoint;
  /// Whether the stage asks which chip the module is for; from the first such stage on, each target has its module.
  bool perTarget;
  std::function<mlir::LogicalResult(mlir::OpPassManager &, const Chip *, const StageOptions &)> addPasses;
  /// What must hold of the module at the end, beside what each op verifies. Null: nothing more.
  mlir::LogicalResult (*verifyBorder)(mlir::ModuleOp);
};

/// All stages in the order in which they run.
llvm::ArrayRef<Stage> stages();

/// Index of the stage called `name` in stages(), -1 if there is none.
int findStage(llvm::StringRef name);

/// Index of the stage `module` has been through, by its attribute: that of "import" if it has none, -1 (with an error
/// at the module) if it names no stage.
int stageOf(mlir::ModuleOp module);

/// Seconds spent in a stage, for --profile and TINYC_DEBUG=1.
struct StageTime {
  std::string stage;
  double seconds;
};

struct StageOptions {
  /// Verify after every pass (--verify-each-stage), not only at the end of a stage.
  bool verifyEachPass = false;
  /// Passes say what they decided, one remark a decision (--remarks).
  bool remarks = false;
  std::vector<StageTime> *times = nullptr;
  /// How kernels are compiled: threads and cache.
  EmitOptions emit;
  /// Told of a fault of the compiler that a check found: a stage left IR that does not verify. The error follows.
  std::function<void()> onInvalidIr;
  /// Told of each stage before it runs, e.g. to name it if it crashes.
  std::function<void(llvm::StringRef stage, const Chip *chip)> beforeStage;
  /// Shown each stage's result, e.g. to print its schedules. Must not change it.
  std::function<void(mlir::ModuleOp module, const Stage &stage, const Chip *chip)> afterStage;
};

/// Runs the stages after the module's own up to and with `last` on `module`. From a stage that asks for a chip on,
/// `chip` is needed. Errors are diagnostics.
mlir::LogicalResult runStages(mlir::ModuleOp module, int last, const Chip *chip, const StageOptions &options);

/// Adds a pass to one of the insertion points (after-import, after-fuse, after-schedule, before-emit). False if there
/// is no such point. Passes run in the order in which they were added.
bool addPassAt(llvm::StringRef insertionPoint, std::function<void(mlir::OpPassManager &)> add);

} // namespace tinyc

#endif // TINYC_LIB_PIPELINE_STAGES_H
