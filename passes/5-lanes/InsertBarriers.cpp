// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// insert-barriers: waits for asynchronous copies, from their tokens, and barriers where lanes meet in shared memory.
//
// Needs: code of one lane (lanes). Leaves: the same with gpu.barrier and nvgpu.device_async_wait and no lane.await.
// Refuses: an access that a barrier cannot protect: to a slot that a copy is still filling.
//
//   lane.await %token                       nvgpu.device_async_wait %token {numGroups = 1}
//   %v = vector.load %s[%slot, %i]          gpu.barrier
//   memref.store %x, %s[%slot, %j]    ->    %v = vector.load %s[%slot, %i]
//                                           gpu.barrier
//                                           memref.store %x, %s[%slot, %j]
//
// The pass walks the kernel as one block runs it, loops for as many iterations as slots repeat in, and keeps what has
// been touched since the last barrier. A conflict asks for a barrier before the op, outside of branches that lanes may
// not take together. A branch that they do take together is walked as a part of the kernel that may not run: what was
// touched before it stays touched. So is each iteration of a loop of which nobody knows how often it runs. Two writes
// with no read between them are parts of one tile and need none.

#include "dialects/Layout/LaneOps.h"
#include "dialects/Tiny/KernelMarks.h"
#include "passes/5-lanes/SharedEffects.h"
#include "passes/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace tinyc {
#define GEN_PASS_DEF_INSERTBARRIERS
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;

namespace {

class BarrierPlan {
public:
  /// Walks until no further barrier is asked for.
  LogicalResult find(func::FuncOp kernel) {
    do {
      changed = false;
      pending.clear();
      flying.clear();
      groups.clear();
      known = KnownIndices();
      committed = arrived = 0;
      if (failed(walk(kernel.getBody().front())))
        return failure();
    } while (changed);
    return success();
  }

  void apply(func::FuncOp kernel) {
    OpBuilder b(kernel.getContext());
    for (auto [op, inPlace] : barriers) {
      b.setInsertionPoint(op);
      auto barrier = gpu::BarrierOp::create(b, op->getLoc());
      if (inPlace)
        barrier->setAttr(tiny::kInPlaceAttr, b.getUnitAttr());
    }
    SmallVector<lane::AwaitOp> awaits;
    kernel.walk([&](lane::AwaitOp op) { awaits.push_back(op); });
    for (lane::AwaitOp op : awaits) {
      if (auto found = groupsLeft.find(op); found != groupsLeft.end()) {
        b.setInsertionPoint(op);
        nvgpu::DeviceAsyncWaitOp::create(b, op.getLoc(), op.getToken(), b.getI32IntegerAttr(found->second));
        gpu::BarrierOp::create(b, op.getLoc());
      }
      op.erase();
    }
  }

private:
  struct Touch {
    SharedTouch access;
    std::optional<int64_t> slot;
    int64_t group = 0; ///< of an asynchronous write, once it is committed
  };

  static bool meet(const Touch &a, const Touch &b) {
    return a.access.buffer == b.access.buffer && (!a.slot || !b.slot || *a.slot == *b.slot);
  }

  // What a barrier leaves behind it.
  void passBarrier(bool inPlace) {
    llvm::erase_if(pending, [&](const Touch &touch) { return inPlace || !touch.access.inPlace; });
  }

  // Once of each kind.
  static void addTouch(SmallVector<Touch> &touches, const Touch &touch) {
    if (llvm::none_of(touches, [&](const Touch &other) {
          return other.access.buffer == touch.access.buffer && other.access.effect == touch.access.effect &&
                 other.slot == touch.slot;
        }))
      touches.push_back(touch);
  }

  LogicalResult walk(Block &block) {
    for (Operation &op : block) {
      LogicalResult result = success();
      if (auto loop = dyn_cast<scf::ForOp>(op))
        result = walkLoop(loop);
      else if (auto await = dyn_cast<lane::AwaitOp>(op))
        result = walkAwait(await);
      else if (isa<gpu::BarrierOp>(op))
        passBarrier(ordersInPlace(&op));
      else if (auto branch = dyn_cast<scf::IfOp>(op); branch && isWalked(branch))
        result = walkBranch(branch);
      else
        result = touch(&op);
      if (failed(result))
        return failure();
    }
    return success();
  }

  LogicalResult walkLoop(scf::ForOp loop) {
    for (auto [argument, init] : llvm::zip_equal(loop.getRegionIterArgs(), loop.getInitArgs()))
      copyGroup(init, argument);
    int64_t lower = known.get(loop.getLowerBound()).value_or(0), step = known.get(loop.getStep()).value_or(1);
    bool mayEnd = !tripCount(loop, known);
    SmallVector<Touch> ends = pending;
    for (int64_t i = 0, e = iterationsToWalk(loop, known); i < e; ++i) {
      known.set(loop.getInductionVar(), lower + i * step);
      if (failed(walk(*loop.getBody())))
        return failure();
      for (const Touch &touch : pending)
        addTouch(ends, touch);
      // All at once: a yielded value may be another argument of the loop.
      SmallVector<std::optional<int64_t>> next;
      for (Value value : loop.getYieldedValues())
        next.push_back(groups.contains(value) ? std::optional<int64_t>(groups[value]) : std::nullopt);
      for (auto [argument, group] : llvm::zip_equal(loop.getRegionIterArgs(), next))
        if (group)
          groups[argument] = *group;
    }
    if (mayEnd)
      pending = std::move(ends);
    for (auto [result, argument] : llvm::zip_equal(loop.getResults(), loop.getRegionIterArgs()))
      copyGroup(argument, result);
    return success();
  }

  // A branch of which all lanes take the same side, without copies under way.
  static bool isWalked(scf::IfOp branch) {
    WalkResult walked = branch->walk([](Operation *op) {
      bool copies = isa<lane::AwaitOp, nvgpu::DeviceAsyncCopyOp, nvgpu::DeviceAsyncCreateGroupOp>(op);
      return copies ? WalkResult::interrupt() : WalkResult::advance();
    });
    return isUniform(branch.getCondition()) && !walked.wasInterrupted();
  }

  LogicalResult walkBranch(scf::IfOp branch) {
    SmallVector<Touch> before = pending, after;
    for (Region *region : {&branch.getThenRegion(), &branch.getElseRegion()}) {
      pending = before;
      if (!region->empty() && failed(walk(region->front())))
        return failure();
      for (const Touch &touch : pending)
        addTouch(after, touch);
    }
    if (branch.getElseRegion().empty())
      for (const Touch &touch : before)
        addTouch(after, touch);
    pending = std::move(after);
    return success();
  }

  void copyGroup(Value from, Value to) {
    if (auto found = groups.find(from); found != groups.end())
      groups[to] = int64_t(found->second);
  }

  LogicalResult walkAwait(lane::AwaitOp op) {
    auto found = groups.find(op.getToken());
    if (found == groups.end())
      return op.emitOpError("expected the token of a group of copies that was started before");
    if (found->second <= arrived)
      return success(); // awaited before, and a barrier since
    int64_t left = committed - found->second;
    auto [entry, fresh] = groupsLeft.try_emplace(op, left);
    entry->second = std::min(entry->second, left);
    arrived = committed - entry->second;
    llvm::erase_if(flying, [&](const Touch &copy) { return copy.group && copy.group <= arrived; });
    passBarrier(/*inPlace=*/false);
    return success();
  }

  // An op, or a branch with all that it holds: lanes may disagree on a branch, so a barrier stands before it.
  LogicalResult touch(Operation *top) {
    SmallVector<Touch> touches;
    WalkResult result = top->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<scf::ForOp, lane::AwaitOp, gpu::BarrierOp>(op)) {
        op->emitOpError("expected outside of branches that lanes may not take together");
        return WalkResult::interrupt();
      }
      if (auto group = dyn_cast<nvgpu::DeviceAsyncCreateGroupOp>(op)) {
        groups[group.getAsyncToken()] = ++committed;
        for (Touch &copy : flying)
          if (!copy.group)
            copy.group = committed;
      }
      for (const SharedTouch &access : sharedTouches(op))
        touches.push_back({access, known.get(access.slot)});
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    if (auto found = barriers.find(top); found != barriers.end())
      passBarrier(found->second);
    for (const Touch &now : touches) {
      for (const Touch &copy : flying)
        if (meet(copy, now) && now.access.effect != SharedEffect::AsyncWrite) {
          InFlightDiagnostic error = now.access.op->emitOpError("touches a slot that a copy is still filling: expected "
                                                                "a read after the copy's token");
          error.attachNote(copy.access.op->getLoc()) << "copy here";
          return error;
        }
      bool writes = now.access.effect != SharedEffect::Read;
      if (llvm::any_of(pending, [&](const Touch &before) {
            return meet(before, now) && (before.access.effect != SharedEffect::Read) != writes;
          })) {
        barriers[top] |= now.access.inPlace;
        changed = true;
        passBarrier(barriers[top]);
      }
    }
    for (const Touch &now : touches)
      if (now.access.effect == SharedEffect::AsyncWrite)
        flying.push_back(now);
      else
        addTouch(pending, now);
    return success();
  }

  SmallVector<Touch> pending; ///< touched since the last barrier
  SmallVector<Touch> flying;  ///< copies not yet awaited
  llvm::DenseMap<Value, int64_t> groups;
  llvm::DenseMap<Operation *, int64_t> groupsLeft;
  llvm::MapVector<Operation *, bool> barriers; ///< before which op; whether they order what is computed in place
  bool changed = false;
  KnownIndices known;
  int64_t committed = 0, arrived = 0;
};

struct InsertBarriers : tinyc::impl::InsertBarriersBase<InsertBarriers> {
  void runOnOperation() override {
    if (!getOperation()->hasAttr("tiny.kernel") || getOperation().isDeclaration())
      return;
    BarrierPlan plan;
    if (failed(plan.find(getOperation())))
      return signalPassFailure();
    plan.apply(getOperation());
  }
};
} // namespace
