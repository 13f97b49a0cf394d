// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// pack-weights: brings weights of products into the form that register tiles read, by kernels that run once, at load.
//
// Needs: kernels with schedules, and `tiny.target`. Leaves: for a product on a CPU, one of whose factors is a weight, a
// kernel that packs it (padded, converted) and a product that reads what that one gives. Refuses: nothing; a weight
// stays as it is where it is read through a mask, where tiles can read it as it lies, or where packing does not pay.
//
//   %r = tiny.kernel "matmul_0" .. (%x, %w) : (tensor<64x64xf32>, tensor<64x100xf16>) -> ..
// becomes
//   %p = tiny.kernel "pack_matmul_0" .. (%w) : (tensor<64x100xf16>) -> tensor<4x64x32xf32>
//   %r = tiny.kernel "matmul_0" .. (%x, %p) : (tensor<64x64xf32>, tensor<4x64x32xf32>) -> ..

#include "dialects/Index/AffineRanges.h"
#include "dialects/Layout/TensorCoreRows.h"
#include "passes/2-fuse/Attention.h"
#include "passes/3-schedule/PackedForm.h"
#include "passes/3-schedule/Schedules.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tinyc {
#define GEN_PASS_DEF_PACKWEIGHTS
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// Packed weights are memory of their own, where those of the file are mapped: one weight, and all of them, take at most
// this much. The products of larger weights are bound by reading them, packed or not.
static constexpr int64_t kMostBytes = int64_t(16) << 20, kMostBytesOfAll = int64_t(64) << 20;
// A weight that grows (f16 to f32, rows of a few elements) is packed if each element is used at least so often, or if
// it stays in the second-level cache all the same.
static constexpr int64_t kUsesOfGrown = 64;

static int64_t bytesOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return llvm::divideCeil(tensor.getNumElements() * tensor.getElementTypeBitWidth(), 8);
}

namespace {
struct PackWeights : tinyc::impl::PackWeightsBase<PackWeights> {
  void runOnOperation() override;

private:
  void pack(KernelOp kernel, PackedForm form, int64_t uses, const Chip &chip);
  Value packed(KernelOp kernel, PackedForm &form, Value source, const Chip &chip);

  /// What has been packed: its weight, and the kernel that did it.
  SmallVector<std::pair<Value, KernelOp>> done;
  int64_t bytes = 0;
};
} // namespace

// The result of a kernel that packs `source`; one that is there already, if it does the same.
Value PackWeights::packed(KernelOp kernel, PackedForm &form, Value source, const Chip &chip) {
  OpBuilder b(kernel);
  Location loc = source.getLoc();
  AffineMap map = simplifyMap(form.stage.getMap(form.read).compose(form.points()), form.shape, form.mask());
  auto made = KernelOp::create(b, loc, TypeRange(form.type()), b.getStringAttr("pack_" + kernel.getName()),
                               form.shape.size(), ValueRange(source), ArrayAttr());
  Block *body = b.createBlock(&made.getBody(), {}, source.getType(), loc);
  IntegerSet mask = form.mask();
  TypedAttr fill;
  if (mask)
    fill = cast<TypedAttr>(b.getZeroAttr(elementType(source.getType())));
  auto stage = StageOp::create(b, loc, form.shape, ArrayRef<int64_t>(), ValueRange(body->getArgument(0)), map, mask,
                               fill, ReduceKind::None, elementType(form.type()));
  Block *point = b.createBlock(&stage.getBody(), {}, elementType(source.getType()), loc);
  // The casts between the read and the product, the first one last.
  SmallVector<CastOp> casts;
  for (Value factor = factorOf(form.stage, form.read); auto cast = factor.getDefiningOp<CastOp>();
       factor = cast.getInput())
    casts.push_back(cast);
  Value value = point->getArgument(0);
  for (CastOp cast : llvm::reverse(casts))
    value = CastOp::create(b, loc, value, cast.getType());
  YieldOp::create(b, loc, value);
  b.setInsertionPointToEnd(body);
  YieldOp::create(b, loc, stage.getResults());
  made.setScheduleAttr(chooseCpuSchedule(made, chip).toAttr(&getContext()));
  for (auto [from, other] : done)
    if (from == source && other->getResultTypes() == made->getResultTypes() &&
        OperationEquivalence::isRegionEquivalentTo(&other.getBody(), &made.getBody(),
                                                   OperationEquivalence::IgnoreLocations)) {
      made.erase();
      return other.getResult(0);
    }
  // Before all who read it: those come later than this one.
  done.push_back({source, made});
  bytes += bytesOf(form.type());
  return made.getResult(0);
}

void PackWeights::pack(KernelOp kernel, PackedForm form, int64_t uses, const Chip &chip) {
  StageOp stage = form.stage;
  auto argument = dyn_cast<BlockArgument>(stage.getOperand(form.read));
  if (!argument || stage.getMask(form.read) || form.isThere())
    return;
  Value source = kernel.getInputs()[argument.getArgNumber()];
  if (!source.getDefiningOp<ParamOp>() && !source.getDefiningOp<ConstOp>())
    return;
  if (form.type().getNumElements() == 0 || cast<ShapedType>(source.getType()).getNumElements() == 0)
    return;
  int64_t size = bytesOf(form.type());
  bool grows = 2 * size > 3 * bytesOf(source.getType());
  if (size > kMostBytes || bytes + size > kMostBytesOfAll || (grows && uses < kUsesOfGrown && 4 * size > chip.l2Bytes))
    return;

  Value value = packed(kernel, form, source, chip);
  if (argument.hasOneUse()) {
    kernel.getInputsMutable()[argument.getArgNumber()].set(value);
    argument.setType(value.getType());
  } else {
    kernel.getInputsMutable().append(value);
    argument = kernel.getBody().front().addArgument(value.getType(), argument.getLoc());
    stage->setOperand(form.read, argument);
  }
  SmallVector<AffineMap> maps(stage.getMaps().getAsValueRange<AffineMapAttr>());
  maps[form.read] = form.map;
  stage.setMapsAttr(OpBuilder(stage).getAffineMapArrayAttr(maps));
  Value factor = factorOf(stage, form.read);
  BlockArgument element = stage.getBody().front().getArgument(form.read);
  element.setType(elementType(value.getType()));
  if (factor != element)
    factor.replaceAllUsesWith(element);
  while (auto cast = factor.getDefiningOp<CastOp>()) {
    if (!cast->use_empty())
      break;
    factor = cast.getInput();
    cast.erase();
  }
}

void PackWeights::runOnOperation() {
  const Chip *chip = moduleChip(getOperation());
  if (!chip)
    return signalPassFailure();
  if (chip->kind != ChipKind::Cpu)
    return; // tiles go to shared memory as they lie
  done.clear();
  bytes = 0;
  for (auto function : getOperation().getOps<func::FuncOp>())
    for (KernelOp kernel : llvm::make_early_inc_range(function.getOps<KernelOp>())) {
      if (!kernel.getSchedule() || matchAttention(kernel))
        continue;
      ScheduleAttr schedule = *kernel.getSchedule();
      if (failed(verifySchedule(kernel, schedule, *chip)))
        return signalPassFailure();
      if (StringRef columns = schedule.getColumns(); columns == "window" || columns == "plane") {
        if (std::optional<Window> w = matchWindow(kernel); w && !rowsLieInOrder(*w, schedule)) {
          int64_t uses = 1;
          for (unsigned dim : w->n)
            uses *= w->size(dim);
          pack(kernel, packedRows(*w, schedule), uses, *chip);
        }
      } else if (const TensorCoreRow *row = findTensorCoreRow(schedule.getInstruction().getValue());
                 row && !row->left.empty()) {
        continue; // a matrix instruction's operands are packed as its row says, by each unit
      } else if (std::optional<Contraction> c = matchContraction(kernel)) {
        pack(kernel, packedRows(*c, schedule), c->size(c->n), *chip);
        pack(kernel, packedColumns(*c, schedule), c->size(c->m), *chip);
      }
    }
}
