// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// pipeline-loads: the operand tiles of a contraction's loop are staged in shared memory, ahead of their use.
//
// Needs: GPU kernels of tiles with a loop that holds a vector.contract. Leaves: the same loop, counting 0, 1, 2, ..,
// over staged tiles: with asynchronous copies, as many slots as the schedule's `pipeline`; without (a chip that has
// none, rows that do not allow 4 bytes at once, operands that are computed), two slots, loaded to registers before the
// product and written after it. An operand that is the same for all iterations, or that depends on what the loop
// carries, stays as it is. Refuses: nothing.
//
//   scf.for %k = 0 to 512 step 32 iter_args(%c) { %a = tiny.load %x[%i, %k] ..; vector.contract %a, %b, %c }
// becomes
//   %t0 = lane.copy %x[%i, 0] .. into %s[0]; %t1 = lane.copy %x[%i, 32] .. into %s[1]
//   scf.for %n = 0 to 16 step 1 iter_args(%c, %t = %t0, %u = %t1) {
//     %a = lane.read %s[%n mod 3] after %t
//     %v = lane.copy %x[%i, %n * 32 + 64] .. into %s[(%n + 2) mod 3]
//     vector.contract %a, %b, %c; yield .., %u, %v

#include "dialects/Layout/LaneOps.h"
#include "dialects/Target/Chip.h"
#include "passes/5-lanes/LaneRewriter.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace tinyc {
#define GEN_PASS_DEF_PIPELINELOADS
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;

namespace {

class LoopPipeline {
public:
  LoopPipeline(scf::ForOp loop, const Chip &chip, int64_t stages)
      : loop(loop), chip(chip), stages(stages), b(loop), loc(loop.getLoc()) {
    for (vector::ContractionOp contract : loop.getBody()->getOps<vector::ContractionOp>()) {
      last = contract;
      // What is the same for all iterations stays in registers; what depends on carried values is not there ahead.
      for (Value operand : {contract.getLhs(), contract.getRhs()})
        if (operand.getParentRegion() == &loop.getRegion() && isComputed(operand))
          staged.push_back({operand, Value()});
    }
  }

  void run() {
    std::optional<int64_t> from = getConstantIntValue(loop.getLowerBound()),
                           to = getConstantIntValue(loop.getUpperBound()), by = getConstantIntValue(loop.getStep());
    if (!from || !to || !by || *by <= 0 || *to <= *from || staged.empty())
      return;
    lower = *from, upper = *to, step = *by;
    trips = (upper - lower + step - 1) / step;
    async = chip.asyncCopy && stages >= 2 && llvm::all_of(staged, [&](Staged &s) { return isCopy(s.operand); });
    if (!async)
      stages = 2;
    for (Staged &s : staged)
      s.shared = allocate(s.operand);
    async ? runAsync() : runSync();
  }

private:
  // Whether the value can be computed for any iteration: from loads, elementwise, without what the loop carries.
  bool isComputed(Value value) {
    if (value.getParentRegion() != &loop.getRegion())
      return !loop->isAncestor(value.getParentRegion()->getParentOp());
    Operation *op = value.getDefiningOp();
    if (!op)
      return value == loop.getInductionVar();
    if (op->getNumRegions() || !(isa<tiny::LoadOp>(op) || isPure(op)))
      return false;
    return llvm::all_of(op->getOperands(), [&](Value operand) { return isComputed(operand); });
  }

  bool isCopy(Value value) {
    auto load = value.getDefiningOp<tiny::LoadOp>();
    if (!load || load->getParentOp() != loop || !ivPosition(load))
      return false;
    if (TypedAttr fill = load.getFillAttr())
      if (auto number = dyn_cast<FloatAttr>(fill); !number || !number.getValue().isPosZero())
        return false;
    auto type = cast<MemRefType>(load.getBuffer().getType());
    int64_t bytes = storageBytes(type.getElementType());
    int64_t width = accessWidth(type, load.getMap(), load.getMask(), load.getOffsets(),
                                cast<VectorType>(load.getType()).getShape(), chip.vectorBytes / bytes);
    return width * bytes >= 4;
  }

  // Which offset of the load is the loop's variable itself.
  std::optional<unsigned> ivPosition(tiny::LoadOp load) {
    for (auto [i, offset] : llvm::enumerate(load.getOffsets()))
      if (offset == loop.getInductionVar())
        return i;
    return std::nullopt;
  }

  Value allocate(Value tile) {
    auto type = cast<VectorType>(tile.getType());
    SmallVector<int64_t> shape = {stages};
    llvm::append_range(shape, type.getShape());
    auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
    return memref::AllocaOp::create(b, loc, MemRefType::get(shape, type.getElementType(), AffineMap(), space));
  }

  Value number(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }

  Value apply(AffineExpr expr, Value of) {
    return affine::AffineApplyOp::create(b, loc, AffineMap::get(1, 0, expr), ValueRange{of});
  }

  // The slot of iteration `count + ahead`.
  Value slot(Value count, int64_t ahead) { return apply((b.getAffineDimExpr(0) + ahead) % stages, count); }
  // The loop variable of iteration `count + ahead`.
  Value variable(Value count, int64_t ahead) { return apply((b.getAffineDimExpr(0) + ahead) * step + lower, count); }

  // Nothing is read for iterations past the last: the mask says so.
  IntegerSetAttr maskPastEnd(tiny::LoadOp load, unsigned position, bool needed) {
    if (!needed)
      return load.getMaskAttr();
    SmallVector<AffineExpr> constraints = {getAffineConstantExpr(upper - 1, b.getContext()) -
                                           b.getAffineDimExpr(position)};
    SmallVector<bool> equal = {false};
    if (std::optional<IntegerSet> mask = load.getMask()) {
      llvm::append_range(constraints, mask->getConstraints());
      llvm::append_range(equal, mask->getEqFlags());
    }
    return IntegerSetAttr::get(IntegerSet::get(load.getOffsets().size(), 0, constraints, equal));
  }

  // Starts the copy of an operand for the iteration whose loop variable is `at`.
  Value copy(Value operand, Value shared, Value slotNumber, Value at, bool mayPassEnd) {
    auto load = operand.getDefiningOp<tiny::LoadOp>();
    SmallVector<Value> offsets;
    IRMapping map;
    map.map(loop.getInductionVar(), at);
    for (Value offset : load.getOffsets())
      offsets.push_back(compute(offset, map, mayPassEnd));
    return lane::CopyOp::create(b, load.getLoc(), nvgpu::DeviceAsyncTokenType::get(b.getContext()), load.getBuffer(),
                                offsets, load.getMapAttr(), maskPastEnd(load, *ivPosition(load), mayPassEnd), shared,
                                slotNumber);
  }

  // Computes a value of the loop's body for another iteration.
  Value compute(Value value, IRMapping &map, bool mayPassEnd) {
    if (Value known = map.lookupOrNull(value))
      return known;
    Operation *op = value.getDefiningOp();
    if (!op || !loop->isProperAncestor(op))
      return value;
    for (Value operand : op->getOperands())
      map.map(operand, compute(operand, map, mayPassEnd));
    Operation *made = b.clone(*op, map);
    if (auto load = dyn_cast<tiny::LoadOp>(op); load && mayPassEnd)
      if (std::optional<unsigned> position = ivPosition(load))
        if (IntegerSetAttr mask = maskPastEnd(load, *position, true))
          cast<tiny::LoadOp>(made).setMaskAttr(mask);
    return made->getResult(0);
  }

  // The new loop counts iterations; the old body moves into it without what fed the operands.
  scf::ForOp makeLoop(ValueRange extra) {
    SmallVector<Value> inits(loop.getInitArgs());
    llvm::append_range(inits, extra);
    auto made = scf::ForOp::create(b, loc, number(0), number(trips), number(1), inits);
    made->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
    b.setInsertionPointToStart(made.getBody());
    return made;
  }

  // Reads each staged operand from its slot.
  SmallVector<Value> readAll(Value slotNumber, Value token) {
    SmallVector<Value> tiles;
    for (Staged &s : staged)
      tiles.push_back(lane::ReadOp::create(b, loc, s.operand.getType(), s.shared, slotNumber, token));
    return tiles;
  }

  // Clones the rest of the body, with the operands replaced; returns what it yields.
  SmallVector<Value> cloneBody(scf::ForOp made, ArrayRef<Value> tiles, function_ref<void()> afterProduct) {
    IRMapping map;
    map.map(loop.getInductionVar(), variable(made.getInductionVar(), 0));
    for (auto [from, to] : llvm::zip(loop.getRegionIterArgs(), made.getRegionIterArgs()))
      map.map(from, to);
    llvm::SmallPtrSet<Operation *, 8> skipped;
    for (auto [s, tile] : llvm::zip_equal(staged, tiles)) {
      markUnused(s.operand, skipped);
      map.map(s.operand, tile);
    }
    for (Operation &op : loop.getBody()->without_terminator()) {
      if (skipped.contains(&op))
        continue;
      b.clone(op, map);
      if (&op == last)
        afterProduct();
    }
    SmallVector<Value> yields;
    for (Value value : loop.getYieldedValues())
      yields.push_back(map.lookupOrDefault(value));
    return yields;
  }

  // Ops that fed nothing but the staged operands.
  void markUnused(Value value, llvm::SmallPtrSetImpl<Operation *> &skipped) {
    Operation *op = value.getDefiningOp();
    if (!op || op->getParentOp() != loop)
      return;
    if (!llvm::all_of(op->getUsers(),
                      [&](Operation *user) { return isa<vector::ContractionOp>(user) || skipped.contains(user); }))
      return;
    skipped.insert(op);
    for (Value operand : op->getOperands())
      markUnused(operand, skipped);
  }

  void finish(scf::ForOp made) {
    for (auto [from, to] : llvm::zip(loop.getResults(), made.getResults()))
      from.replaceAllUsesWith(to);
    loop.erase();
  }

  Value group(ArrayRef<Value> tokens) {
    return nvgpu::DeviceAsyncCreateGroupOp::create(b, loc, nvgpu::DeviceAsyncTokenType::get(b.getContext()), tokens);
  }

  void runAsync() {
    SmallVector<Value> tokens;
    for (int64_t i = 0; i + 1 < stages; ++i) {
      SmallVector<Value> parts;
      if (i < trips) {
        Value at = number(lower + i * step), to = number(i);
        for (Staged &s : staged)
          parts.push_back(copy(s.operand, s.shared, to, at, false));
      }
      tokens.push_back(group(parts));
    }
    unsigned carried = loop.getInitArgs().size();
    scf::ForOp made = makeLoop(tokens);
    Value count = made.getInductionVar(), now = slot(count, 0);
    ValueRange held = made.getRegionIterArgs().drop_front(carried);
    SmallVector<Value> tiles = readAll(now, held.front()), parts;
    // After the read's barrier: the slot to fill is the one that the iteration before has read.
    Value to = slot(count, stages - 1), at = variable(count, stages - 1);
    for (Staged &s : staged)
      parts.push_back(copy(s.operand, s.shared, to, at, true));
    Value next = group(parts);
    SmallVector<Value> yields = cloneBody(made, tiles, [] {});
    llvm::append_range(yields, held.drop_front());
    yields.push_back(next);
    scf::YieldOp::create(b, loc, yields);
    // Copies past the end are still under way after the loop, and would meet those of the loop's next run.
    b.setInsertionPointAfter(made);
    if (loop->getParentOfType<scf::ForOp>())
      lane::AwaitOp::create(b, loc, made.getResults().back());
    finish(made);
  }

  void runSync() {
    IRMapping first;
    first.map(loop.getInductionVar(), number(lower));
    for (Staged &s : staged)
      lane::WriteOp::create(b, loc, compute(s.operand, first, false), s.shared, number(0));
    scf::ForOp made = makeLoop({});
    Value count = made.getInductionVar();
    // Early to registers, late to shared memory: the product hides the way.
    IRMapping ahead;
    Value at = variable(count, 1);
    bool masked = llvm::all_of(staged, [&](Staged &s) { return hasMaskablePosition(s.operand); });
    if (!masked)
      at = arith::MinUIOp::create(b, loc, at, number(lower + (trips - 1) * step));
    ahead.map(loop.getInductionVar(), at);
    SmallVector<Value> following;
    for (Staged &s : staged)
      following.push_back(compute(s.operand, ahead, masked));
    Value now = slot(count, 0), to = slot(count, 1);
    SmallVector<Value> yields = cloneBody(made, readAll(now, Value()), [&] {
      for (auto [s, tile] : llvm::zip_equal(staged, following))
        lane::WriteOp::create(b, loc, tile, s.shared, to);
    });
    scf::YieldOp::create(b, loc, yields);
    finish(made);
  }

  // Whether all loads that feed the value have the loop's variable as an offset, so that a mask can end them.
  bool hasMaskablePosition(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || op->getParentOp() != loop)
      return true;
    if (auto load = dyn_cast<tiny::LoadOp>(op))
      return ivPosition(load).has_value();
    return llvm::all_of(op->getOperands(), [&](Value operand) { return hasMaskablePosition(operand); });
  }

  // An operand of a contraction that is staged, and where.
  struct Staged {
    Value operand, shared;
  };

  scf::ForOp loop;
  SmallVector<Staged> staged;
  Operation *last = nullptr; ///< the last contraction of the loop
  const Chip &chip;
  int64_t stages;
  OpBuilder b;
  Location loc;
  int64_t lower = 0, upper = 0, step = 1, trips = 0;
  bool async = false;
};

struct PipelineLoads : tinyc::impl::PipelineLoadsBase<PipelineLoads> {
  void runOnOperation() override {
    auto target = getOperation()->getAttrOfType<StringAttr>(tiny::kTargetAttr);
    const Chip *chip = target ? findChip(target.getValue()) : nullptr;
    if (!chip || chip->lanes < 2) {
      getOperation().emitError("expected a module attribute ")
          << tiny::kTargetAttr << " that names a chip with lanes, found " << (target ? target.getValue() : "none");
      return signalPassFailure();
    }
    for (auto kernel : getOperation().getOps<func::FuncOp>()) {
      auto schedule = kernel->getAttrOfType<tiny::ScheduleAttr>("tiny.schedule");
      if (!kernel->hasAttr("tiny.kernel") || !schedule)
        continue;
      // Inner loops first: what they become is a part of the outer ones' bodies.
      SmallVector<scf::ForOp> loops;
      kernel.walk([&](scf::ForOp loop) {
        if (!loop.getBody()->getOps<vector::ContractionOp>().empty())
          loops.push_back(loop);
      });
      for (scf::ForOp loop : loops)
        LoopPipeline(loop, *chip, schedule.getPipeline()).run();
    }
  }
};
} // namespace
