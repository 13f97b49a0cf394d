// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// schedule: gives each kernel the schedule with which it runs on the module's chip.
//
// Needs: kernels, and `tiny.target` on the module. Leaves: #tiny.schedule on each kernel; one that is already there is
// kept. Refuses: a target without a row of facts, and a schedule that the chip cannot satisfy, naming the limit.
//
//   tiny.kernel "relu_0" shared 1 (%x) : ...
// becomes, on a CPU with 64-byte vectors,
//   tiny.kernel "relu_0" shared 1 schedule <unit = [4096], inner = [64], vector = 16> (%x) : ...

#include "passes/3-schedule/Schedules.h"
#include "passes/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/bit.h"

namespace tinyc {
#define GEN_PASS_DEF_SCHEDULE
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

ScheduleAttr ScheduleSizes::toAttr(MLIRContext *context) const {
  auto list = [&](ArrayRef<int64_t> sizes) { return DenseI64ArrayAttr::get(context, sizes); };
  return ScheduleAttr::get(context, list(unit), list(inner), list(strip), list(warps),
                           StringAttr::get(context, instruction), StringAttr::get(context, columns), pipeline, vector,
                           keep);
}

int64_t tinyc::powerOfTwo(int64_t size, int64_t limit) {
  return std::min<int64_t>(limit, llvm::bit_ceil<uint64_t>(std::max<int64_t>(size, 1)));
}

std::pair<int64_t, int64_t> tinyc::elementBytes(KernelOp kernel) {
  int64_t narrowest = 8, widest = 1;
  auto add = [&](Type type) {
    int64_t bytes = llvm::divideCeil(cast<RankedTensorType>(type).getElementTypeBitWidth(), 8);
    narrowest = std::min(narrowest, bytes);
    widest = std::max(widest, bytes);
  };
  for (Type type : kernel.getInputs().getTypes())
    add(type);
  for (Type type : kernel.getResultTypes())
    add(type);
  return {narrowest, widest};
}

const Chip *tinyc::moduleChip(ModuleOp module) {
  auto target = module->getAttrOfType<StringAttr>(kTargetAttr);
  if (!target) {
    module.emitError("expected the module attribute '") << kTargetAttr << "' that names the chip, found none";
    return nullptr;
  }
  const Chip *chip = findChip(target.getValue());
  if (!chip)
    module.emitError("no chip called '") << target.getValue() << "': expected one of " << llvm::join(chipNames(), ", ");
  return chip;
}

namespace {
struct Schedule : tinyc::impl::ScheduleBase<Schedule> {
  void runOnOperation() override {
    const Chip *chip = moduleChip(getOperation());
    if (!chip)
      return signalPassFailure();
    WalkResult result = getOperation().walk([&](KernelOp kernel) {
      std::optional<ScheduleAttr> given = kernel.getSchedule();
      if (!given) {
        ScheduleSizes sizes = chip->kind == ChipKind::Nvidia || chip->kind == ChipKind::Amd
                                  ? chooseGpuSchedule(kernel, *chip)
                                  : chooseCpuSchedule(kernel, *chip);
        given = sizes.toAttr(&getContext());
        kernel.setScheduleAttr(*given);
      }
      return failed(verifySchedule(kernel, *given, *chip)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
