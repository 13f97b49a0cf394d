// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// verify-barriers: proves that no two lanes meet in shared memory without a barrier, and that copies have arrived where
// they are read. Changes nothing; it shares no reasoning with insert-barriers.
//
// Needs: code of one lane after insert-barriers. Leaves: the same. Refuses: an access with no barrier since one that
// conflicts with it; a read of a copy with no wait, or with no barrier after the wait.
//
// The kernel is written out as the list of events that a block goes through, loops for as many iterations as slots
// repeat in. Each pair of conflicting accesses must have the wanted events between them. What a branch holds counts
// only for accesses in the same run of it: it may not run at all. The same holds for each iteration of a loop of which
// nobody knows how often it runs, and those after it. A barrier in a branch that lanes may not take
// together is an error.

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
  int64_t number = 0;  ///< of a wait: how many groups may still be under way; of a barrier: 1 if it ordersInPlace
  unsigned branch = 0; ///< the run of a branch or iteration that it stands in; 0: none
};

class Trace {
public:
  LogicalResult record(Block &block) {
    for (Operation &op : block) {
      if (auto loop = dyn_cast<scf::ForOp>(op)) {
        int64_t lower = known.get(loop.getLowerBound()).value_or(0), step = known.get(loop.getStep()).value_or(1);
        bool mayEnd = !tripCount(loop, known);
        unsigned outer = branch;
        for (int64_t i = 0, e = iterationsToWalk(loop, known); i < e; ++i) {
          known.set(loop.getInductionVar(), lower + i * step);
          if (mayEnd)
            beginBranch();
          if (failed(record(*loop.getBody())))
            return failure();
        }
        branch = outer;
      } else if (auto branch = dyn_cast<scf::IfOp>(op); branch && isUniform(branch.getCondition())) {
        for (Region *side : {&branch.getThenRegion(), &branch.getElseRegion()})
          if (!side->empty() && failed(recordBranch(side->front())))
            return failure();
      } else {
        WalkResult walked = op.walk<WalkOrder::PreOrder>([&](Operation *inner) {
          if (isa<gpu::BarrierOp>(inner) && inner != &op) {
            inner->emitOpError("stands in a branch that lanes may not take together");
            return WalkResult::interrupt();
          }
          recordOp(inner);
          return WalkResult::advance();
        });
        if (walked.wasInterrupted())
          return failure();
      }
    }
    return success();
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
  void beginBranch() {
    parents.push_back(branch);
    branch = parents.size() - 1;
  }

  LogicalResult recordBranch(Block &block) {
    unsigned outer = branch;
    beginBranch();
    LogicalResult recorded = record(block);
    branch = outer;
    return recorded;
  }

  void recordOp(Operation *op) {
    auto add = [&](Event event) {
      event.branch = branch;
      events.push_back(event);
    };
    if (isa<gpu::BarrierOp>(op))
      add({Event::Barrier, {}, std::nullopt, ordersInPlace(op)});
    else if (isa<nvgpu::DeviceAsyncCreateGroupOp>(op))
      add({Event::Commit});
    else if (auto wait = dyn_cast<nvgpu::DeviceAsyncWaitOp>(op))
      add({Event::Wait, {}, std::nullopt, int64_t(wait.getNumGroups().value_or(0))});
    for (const SharedTouch &touch : sharedTouches(op))
      add({Event::Access, touch, known.get(touch.slot)});
  }

  // Whether the branch's run `inner` is, or lies in, the run `outer`.
  bool isWithin(unsigned inner, unsigned outer) const {
    while (inner != outer && inner != 0)
      inner = parents[inner];
    return inner == outer;
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
      // Runs whenever one of the two does.
      if (!isWithin(events[first].branch, events[i].branch) && !isWithin(events[second].branch, events[i].branch))
        continue;
      if (events[i].kind == Event::Commit)
        newer += committed, committed = true;
      if (events[i].kind == Event::Wait && committed && events[i].number <= newer)
        arrived = true;
      if (events[i].kind == Event::Barrier && arrived && (events[i].number || !events[first].touch.inPlace))
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
  std::vector<unsigned> parents = {0}; ///< the run around each
  unsigned branch = 0;                 ///< the run that is being recorded
  KnownIndices known;
};

struct VerifyBarriers : tinyc::impl::VerifyBarriersBase<VerifyBarriers> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (!getOperation()->hasAttr("tiny.kernel") || getOperation().isDeclaration())
      return;
    Trace trace;
    if (failed(trace.record(getOperation().getBody().front())) || failed(trace.check()))
      signalPassFailure();
  }
};
} // namespace
