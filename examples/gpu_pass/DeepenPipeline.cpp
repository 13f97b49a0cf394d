// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// deepen-pipeline: contractions on a GPU keep more tiles of their operands in flight, as many as shared memory holds.
//
// Needs: kernels with schedules, and the module's chip. Leaves: schedules with a larger `pipeline`, which the passes
// after it apply. Refuses nothing: a kernel that has no room stays as it is.
//
//   tiny.kernel "matmul_0" .. schedule <.., pipeline = 3, ..>
// becomes
//   tiny.kernel "matmul_0" .. schedule <.., pipeline = 4, ..>

#include "lib/Plugins/Plugin.h"
#include "passes/3-schedule/Schedules.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// Bytes of shared memory that one stage of the pipeline takes: a tile of the rows and one of the columns.
static int64_t bytesOfStage(Contraction &c, ScheduleAttr schedule) {
  int64_t rows = 1, columns = 1;
  for (unsigned dim : c.m)
    rows *= schedule.getUnit()[dim];
  for (unsigned dim : c.n)
    columns *= schedule.getUnit()[dim];
  int64_t depth = ShapedType::getNumElements(schedule.getStrip());
  int64_t bytes = elementType(c.stage.getOperand(c.rowsRead).getType()).getIntOrFloatBitWidth() / 8;
  return (rows + columns) * depth * bytes;
}

// Attributes do not change: a new one takes the old one's place.
static ScheduleAttr withPipeline(ScheduleAttr s, int64_t pipeline) {
  return ScheduleAttr::get(s.getContext(), s.getUnit(), s.getInner(), s.getStrip(), s.getWarps(), s.getInstruction(),
                           s.getColumns(), pipeline, s.getVector(), s.getKeep());
}

namespace {
struct DeepenPipeline : PassWrapper<DeepenPipeline, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DeepenPipeline)

  StringRef getArgument() const override { return "deepen-pipeline"; }
  StringRef getDescription() const override { return "Keeps as many operand tiles in flight as shared memory holds"; }

  void runOnOperation() override {
    // What differs between chips is in their rows of facts; no pass asks for a chip's name.
    const Chip *chip = moduleChip(getOperation());
    if (!chip)
      return signalPassFailure();
    if (!chip->asyncCopy)
      return; // nothing is in flight on such a chip
    getOperation().walk([&](KernelOp kernel) {
      std::optional<ScheduleAttr> schedule = kernel.getSchedule();
      std::optional<Contraction> contraction = matchContraction(kernel);
      if (!schedule || !contraction || schedule->getPipeline() < 2)
        return;
      // Half of the memory, so that two blocks share a multiprocessor; beyond four stages nothing is gained.
      int64_t fitting = chip->sharedBytes / 2 / bytesOfStage(*contraction, *schedule);
      kernel.setScheduleAttr(withPipeline(*schedule, std::max(schedule->getPipeline(), std::min<int64_t>(fitting, 4))));
    });
  }
};
} // namespace

TINYC_PLUGIN("deepen-pipeline", [](PluginRegistry &registry) {
  registry.addPass([] { return std::make_unique<DeepenPipeline>(); });
  registry.addPassAt("after-schedule", [](OpPassManager &pm) { pm.addPass(std::make_unique<DeepenPipeline>()); });
})
