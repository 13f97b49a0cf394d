// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// verify-barriers: proves that no two lanes meet in shared memory without a barrier, and that copies have arrived where
// they are read. Changes nothing; it shares no reasoning with insert-barriers.
//
// Needs: code of one lane after insert-barriers. Leaves: the same. Refuses: an access with no barrier since one that
// conflicts with it; a read of a copy with no wait, or with no barrier after the wait.
//
// The kernel is written out as the list of events that a block goes through, loops for as many iterations as slots
// repeat in. Each pair of conflicting accesses must have the wanted events between them.

#include "passes/5-lanes/SharedEffects.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

namespace tinyc {
#define GEN_PASS_DEF_VERIFYBARRIERS
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;

namespace {

struct Event {
  enum Kind { Access, Commit, Wait, Barrier } kind;
  SharedTouch touch{};
  std::optional<int64_t> slot = std::nullopt;
  int64_t number = 0; ///< of a wait: how many groups may still be under way
};

class Trace {
public:
  void record(Block &block) {
    for (Operation &op : block) {
      if (auto loop = dyn_cast<scf::ForOp>(op)) {
        int64_t lower = known.get(loop.getLowerBound()).value_or(0), step = known.get(loop.getStep()).value_or(1);
        for (int64_t i = 0, e = iterationsToWalk(loop, known); i < e; ++i) {
          known.set(loop.getInductionVar(), lower + i * step);
          record(*loop.getBody());
        }
      } else {
        op.walk<WalkOrder::PreOrder>([&](Operation *inner) { recordOp(inner); });
      }
    }
  }

  LogicalResult check() const {
    for (size_t j = 0; j < events.size(); ++j)
      for (size_t i = 0; i < j; ++i)
        if (events[i].kind == Event::Access && events[j].kind == Event::Access && conflict(events[i], events[j]) &&
            failed(checkPair(i, j)))
          return failure();
    return success();
  }

private:
  void recordOp(Operation *op) {
    if (isa<gpu::BarrierOp>(op))
      events.push_back({Event::Barrier});
    else if (isa<nvgpu::DeviceAsyncCreateGroupOp>(op))
      events.push_back({Event::Commit});
    else if (auto wait = dyn_cast<nvgpu::DeviceAsyncWaitOp>(op))
      events.push_back({Event::Wait, {}, std::nullopt, int64_t(wait.getNumGroups().value_or(0))});
    for (const SharedTouch &touch : sharedTouches(op))
      events.push_back({Event::Access, touch, known.get(touch.slot)});
  }

  static bool conflict(const Event &a, const Event &b) {
    if (a.touch.buffer != b.touch.buffer || (a.slot && b.slot && *a.slot != *b.slot))
      return false;
    return (a.touch.effect == SharedEffect::Read) != (b.touch.effect == SharedEffect::Read);
  }

  LogicalResult checkPair(size_t first, size_t second) const {
    bool async = events[first].touch.effect == SharedEffect::AsyncWrite;
    // Groups committed up to and including the copy's own, and the wait that covers it.
    int64_t newer = 0;
    bool committed = false, arrived = !async, ordered = false;
    for (size_t i = first + 1; i < second; ++i) {
      if (events[i].kind == Event::Commit)
        newer += committed, committed = true;
      if (events[i].kind == Event::Wait && committed && events[i].number <= newer)
        arrived = true;
      if (events[i].kind == Event::Barrier && arrived)
        ordered = true;
    }
    if (ordered)
      return success();
    InFlightDiagnostic error = events[second].touch.op->emitOpError()
                               << (!arrived ? "reads a copy that has not been waited for"
                                            : "meets another lane's access with no barrier between them");
    error.attachNote(events[first].touch.op->getLoc()) << "other access here";
    return error;
  }

  std::vector<Event> events;
  KnownIndices known;
};

struct VerifyBarriers : tinyc::impl::VerifyBarriersBase<VerifyBarriers> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (!getOperation()->hasAttr("tiny.kernel"))
      return;
    Trace trace;
    trace.record(getOperation().getBody().front());
    if (failed(trace.check()))
      signalPassFailure();
  }
};
} // namespace
