// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fuse-windows: what reads a convolution's result through windows of its own joins its kernel, a pooling for example.
//
// Needs: kernels without schedules, and `tiny.target`. Leaves: one kernel in place of two, where a unit can keep the
// lines that the second one's windows cover. Refuses a target without a row of facts; kernels that do not fit stay.
//
// The joined kernel shares the dimensions in which both are at the same point, images and channels. How it is cut
// further is the schedule's: along the lines of the second kernel's result, if few of the first one's are then computed
// by two units. Whether that pays depends on the caches and on how products are tiled, so it is decided for each
// target: GPUs tile products by blocks of the output, which hold no lines.
//
//   %0 = tiny.kernel "conv_relu_0" shared 4 (%x, %w, %b) : .. -> tensor<1x64x111x111xf32>
//   %1 = tiny.kernel "maxpool_1" shared 4 (%0) : .. -> tensor<1x64x55x55xf32>
// becomes
//   %1 = tiny.kernel "conv_relu_maxpool_1" shared 2 (%x, %w, %b) : .. -> tensor<1x64x55x55xf32>

#include "passes/2-fuse/CostModel.h"
#include "passes/2-fuse/JoinKernels.h"
#include "passes/3-schedule/Schedules.h"
#include "passes/Passes.h"

namespace tinyc {
#define GEN_PASS_DEF_FUSEWINDOWS
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// Whether all results of a kernel are the same whatever the order in which its reductions are taken: a schedule for
// both kernels may have another than the second one's own.
static bool hasNoOrder(KernelOp kernel) {
  for (StageOp stage : kernel.getStages())
    for (unsigned i = 0; i < stage.getNumResults(); ++i) {
      ReduceKind kind = stage.getKind(i);
      if (kind != ReduceKind::None && kind != ReduceKind::Max && !elementType(stage.getResult(i).getType()).isInteger())
        return false;
    }
  return true;
}

// Whether `kernel` reads `input` only at its own point in the first `count` dimensions, which all its stages share.
static bool sharesDimensions(KernelOp kernel, Value input, ArrayRef<int64_t> shared) {
  if (kernel.getScatter() || kernel.getShared() < shared.size() ||
      ArrayRef<int64_t>(sharedSizes(kernel)).take_front(shared.size()) != shared)
    return false;
  for (auto [argument, value] : llvm::zip_equal(kernel.getBody().getArguments(), kernel.getInputs()))
    if (value == input && llvm::any_of(argument.getUsers(), llvm::IsaPred<LookupOp>))
      return false;
  for (StageOp stage : kernel.getStages())
    for (auto [i, operand] : llvm::enumerate(stage.getOperands())) {
      auto argument = dyn_cast<BlockArgument>(operand);
      if (!argument || kernel.getInputs()[argument.getArgNumber()] != input)
        continue;
      IntegerSet mask = stage.getMask(i);
      for (unsigned d = 0; d < shared.size(); ++d)
        if (stage.getMap(i).getResult(d) != getAffineDimExpr(d, kernel.getContext()) ||
            (mask && llvm::any_of(mask.getConstraints(), [&](AffineExpr e) { return e.isFunctionOfDim(d); })))
          return false;
    }
  return true;
}

namespace {
struct FuseWindows : tinyc::impl::FuseWindowsBase<FuseWindows> {
  using FuseWindowsBase::FuseWindowsBase;

  void runOnOperation() override {
    const Chip *chip = moduleChip(getOperation());
    if (!chip)
      return signalPassFailure();
    if (chip->kind != ChipKind::Cpu)
      return;
    SmallVector<KernelOp> kernels;
    getOperation().walk([&](KernelOp kernel) { kernels.push_back(kernel); });
    for (KernelOp kernel : kernels)
      for (Value input : kernel.getInputs())
        if (KernelOp producer = onlyProducer(input); producer && fuse(producer, kernel, *chip))
          break;
  }

private:
  bool fuse(KernelOp producer, KernelOp consumer, const Chip &chip) {
    std::optional<Window> w = matchWindow(producer);
    if (!w || !w->tail.empty() || producer.getSchedule() || consumer.getSchedule() || isMap(consumer))
      return false;
    // A batch of images that nothing else lies between is not part of the lines.
    unsigned shared = std::max<unsigned>(firstOfLines(*w), 1);
    if (shared >= w->stage.getNumParallel() ||
        !sharesDimensions(consumer, producer.getResult(0), w->stage.getParallel().take_front(shared)))
      return false;
    auto remark = [&](const Twine &text) {
      if (remarks)
        consumer.emitRemark() << text.str();
    };
    // A matrix unit takes the sum alone in another way.
    std::string columns = chooseCpuSchedule(producer, chip).columns;
    if (columns != "window" && columns != "plane")
      return false;
    std::string name = (nameWithoutNumber(producer.getName()) + "_" + nameWithoutNumber(consumer.getName())).str();
    if (!hasNoOrder(consumer)) {
      remark("not fused with " + producer.getName() + ": the order of its sum would change");
      return false;
    }
    KernelOp joined = joinKernels({producer, consumer}, shared, name);
    if (!matchWindow(joined) || chooseCpuSchedule(joined, chip).columns != "window") {
      joined.erase();
      remark("not fused with " + producer.getName() +
             ": a unit cannot keep the lines of it that it would need, few units "
             "would be left, or too many lines would be computed twice");
      return false;
    }
    remark("fused with " + producer.getName() + ": saves " +
           Twine(2 * fusion::byteCount(producer.getResult(0).getType())) + " bytes");
    consumer.replaceAllUsesWith(joined.getResults());
    consumer.erase();
    producer.erase();
    return true;
  }
};
} // namespace
