// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The stage table, and running it.

#include "lib/Pipeline/Stages.h"

#include "dialects/Tiny/TinyOps.h"
#include "lib/Targets/Backend.h"
#include "passes/2-fuse/SliceWrite.h"
#include "passes/Passes.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/StringMap.h"
#include <chrono>

using namespace mlir;
using namespace tinyc;

// From here on every op is one of ours: dialects of plug-ins have taken their ops apart.
static LogicalResult verifyOnlyTiny(ModuleOp module) {
  WalkResult result = module.walk([](Operation *op) {
    if (isa<ModuleOp, func::FuncOp, func::ReturnOp>(op) || isa_and_present<tiny::TinyDialect>(op->getDialect()))
      return WalkResult::advance();
    op->emitError("expected an op of the tiny dialect, found '") << op->getName() << "'";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

// After fusion @main only launches, in loops and choices too.
static LogicalResult verifyOnlyKernels(ModuleOp module) {
  WalkResult result = module.walk([](func::FuncOp function) {
    if (function->hasAttr("tiny.kernel"))
      return WalkResult::advance();
    return function.getBody().walk<WalkOrder::PreOrder>([](Operation *op) {
      if (isa<tiny::KernelOp>(op))
        return WalkResult::skip();
      if (isa<tiny::LaunchOp, tiny::ParamOp, tiny::ConstOp, tiny::LoopOp, tiny::CondOp, tiny::YieldOp, func::ReturnOp>(
              op))
        return WalkResult::advance();
      if (auto scatter = dyn_cast<tiny::ScatterOp>(op); scatter && sliceWriteOf(scatter))
        return WalkResult::advance();
      op->emitError("'") << op->getName() << "' stands outside every kernel after fusion";
      return WalkResult::interrupt();
    });
  });
  return failure(result.wasInterrupted());
}

static LogicalResult verifyScheduled(ModuleOp module) {
  WalkResult result = module.walk([](tiny::KernelOp kernel) {
    if (kernel.getSchedule())
      return WalkResult::advance();
    kernel.emitError("kernel has no schedule after the stage that chooses them");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

// From here on @main is what an artefact's plan is made of.
static LogicalResult verifyTiled(ModuleOp module) {
  if (failed(verifyOnlyKernels(module)))
    return failure();
  WalkResult result = module.walk([](Operation *op) {
    if (!isa<tiny::KernelOp, tiny::StageOp>(op))
      return WalkResult::advance();
    op->emitError("'") << op->getName() << "' is left after tiling";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

static LogicalResult addSchedule(OpPassManager &pm, const Chip *chip, const StageOptions &options) {
  // Before schedules are chosen: it makes the kernels that they are for.
  pm.addPass(createFuseWindows({options.remarks}));
  if (const Backend *backend = findBackend(*chip))
    backend->addSchedulePasses(pm, *chip);
  else
    pm.addPass(createSchedule());
  pm.addPass(createPackWeights());
  // Late: whatever passes before it made of weights runs at load.
  pm.addPass(createMarkInit());
  pm.addPass(createInPlace());
  return success();
}

static LogicalResult addLanes(OpPassManager &pm, const Chip *chip, const StageOptions &) {
  const Backend *backend = findBackend(*chip);
  if (!backend)
    return failure();
  backend->addLanePasses(pm, *chip);
  return success();
}

static LogicalResult addLower(OpPassManager &pm, const Chip *chip, const StageOptions &) {
  const Backend *backend = findBackend(*chip);
  if (!backend)
    return failure();
  backend->addLowerPasses(pm, *chip);
  return success();
}

// Passes by their flags, as tinyc-opt --pass-pipeline takes them. `remarks` is the same with the options that make them
// say what they decide; by default they have none.
static auto text(StringRef pipeline, StringRef remarks = "") {
  return [pipeline, remarks](OpPassManager &pm, const Chip *, const StageOptions &options) {
    static const bool registered = (registerTinycPasses(), true);
    (void)registered;
    return parsePassPipeline(options.remarks && !remarks.empty() ? remarks : pipeline, pm);
  };
}

llvm::ArrayRef<Stage> tinyc::stages() {
  static const std::vector<Stage> table = {
      {"import", "the model as tiny ops on tensors", "after-import", false, text(""), verifyOnlyTiny},
      // Views must be composed before fusion reads their maps.
      {"simplify", "constants folded, views composed", "", false, text("func.func(simplify)"), nullptr},
      {"fuse", "kernels of stages, one launch each", "after-fuse", false,
       text("func.func(fuse,fuse-attention)", "func.func(fuse{remarks=true},fuse-attention)"), verifyOnlyKernels},
      {"schedule", "each kernel with its schedule for the chip", "after-schedule", true, addSchedule, verifyScheduled},
      // Bounds are proven on what tiling made of the accesses: here, before lanes take them apart.
      {"tile", "a function a kernel, on tiles; launches in their place", "", true, text("tile,prove-bounds"),
       verifyTiled},
      {"lanes", "code of one lane on registers", "", true, addLanes, nullptr},
      {"lower", "LLVM dialect with the kernel ABI", "before-emit", true, addLower, nullptr},
  };
  return table;
}

int tinyc::findStage(StringRef name) {
  for (auto [i, stage] : llvm::enumerate(stages()))
    if (stage.name == name)
      return i;
  return -1;
}

int tinyc::stageOf(ModuleOp module) {
  Attribute attribute = module->getAttr(kStageAttr);
  if (!attribute)
    return 0;
  auto name = dyn_cast<StringAttr>(attribute);
  int index = name ? findStage(name.getValue()) : -1;
  if (index < 0)
    module.emitError("attribute ") << kStageAttr << " names no stage: " << attribute;
  return index;
}

static llvm::StringMap<std::vector<std::function<void(OpPassManager &)>>> &insertedPasses() {
  static llvm::StringMap<std::vector<std::function<void(OpPassManager &)>>> passes;
  return passes;
}

bool tinyc::addPassAt(StringRef insertionPoint, std::function<void(OpPassManager &)> add) {
  if (insertionPoint.empty() ||
      llvm::none_of(stages(), [&](const Stage &stage) { return stage.insertionPoint == insertionPoint; }))
    return false;
  insertedPasses()[insertionPoint].push_back(std::move(add));
  return true;
}

namespace {
/// Notes which pass failed, for one that does not say why.
struct NoteFailedPass : PassInstrumentation {
  explicit NoteFailedPass(std::string &name) : name(name) {}
  void runAfterPassFailed(Pass *pass, Operation *) override {
    if (name.empty()) // the innermost comes first
      name = pass->getArgument().empty() ? pass->getName() : pass->getArgument();
  }
  std::string &name;
};
} // namespace

static LogicalResult runPasses(PassManager &pm, ModuleOp module, StringRef stage) {
  std::string failedPass;
  pm.addInstrumentation(std::make_unique<NoteFailedPass>(failedPass));
  unsigned errors = 0;
  ScopedDiagnosticHandler count(module.getContext(), [&](Diagnostic &diagnostic) {
    errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
    return failure(); // others report it
  });
  // A pass that reports an error has failed, whether it says so or not.
  if (succeeded(pm.run(module)))
    return success(errors == 0);
  if (errors == 0)
    module.emitError("pass '") << failedPass << "' in stage '" << stage
                               << "' failed and does not say why: this is a bug "
                               << "in the pass";
  return failure();
}

static LogicalResult runStage(ModuleOp module, const Stage &stage, const Chip *chip, const StageOptions &options) {
  PassManager pm(module.getContext());
  pm.enableVerifier(options.verifyEachPass);
  if (stage.perTarget && !chip)
    return module.emitError("stage '") << stage.name << "' needs a target";
  if (failed(stage.addPasses(pm, chip, options)))
    return module.emitError("stage '") << stage.name << "' is not available for " << (chip ? chip->name : "any chip");
  auto inserted = insertedPasses().find(stage.insertionPoint);
  if (inserted != insertedPasses().end())
    for (const auto &add : inserted->second)
      add(pm);
  if (options.beforeStage)
    options.beforeStage(stage.name, chip);
  if (failed(runPasses(pm, module, stage.name)))
    return failure();
  if (failed(verify(module))) {
    if (options.onInvalidIr)
      options.onInvalidIr();
    return module.emitError("stage '") << stage.name << "' left IR that does not verify; this is a bug in tinyc"
                                       << (inserted != insertedPasses().end() ? " or in a plug-in's pass" : "");
  }
  if (stage.verifyBorder && failed(stage.verifyBorder(module)))
    return failure();
  module->setAttr(kStageAttr, StringAttr::get(module.getContext(), stage.name));
  if (options.afterStage)
    options.afterStage(module, stage, chip);
  return success();
}

LogicalResult tinyc::runStages(ModuleOp module, int last, const Chip *chip, const StageOptions &options) {
  int current = stageOf(module);
  if (current < 0)
    return failure();
  // The first stage has no passes of its own, but plug-ins may add some: a module without the attribute runs it.
  int first = module->hasAttr(kStageAttr) ? current + 1 : 0;
  for (int i = first; i <= last; ++i) {
    auto start = std::chrono::steady_clock::now();
    if (failed(runStage(module, stages()[i], chip, options)))
      return failure();
    if (options.times)
      options.times->push_back(
          {stages()[i].name.str(), std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()});
  }
  return success();
}
