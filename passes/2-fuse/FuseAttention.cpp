// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fuse-attention: the kernels of an attention become one.
//
// Needs: kernels (fuse). Leaves: one kernel in place of three, where a product's scores go through a softmax to a
// second product and nothing else needs what lies between. Refuses nothing: kernels that are not attention stay as they
// are.
//
// Fusion by grouping stops at every contraction, for a contraction wants its own tiles. Here the second product sums
// over just what the softmax normalises over, so that a tile of queries can take keys and values in a stream
// (Attention.h), and the scores, as many as queries times keys, never reach memory.
//
//   %s = tiny.kernel "matmul_0" shared 3 (%q, %k)           scores [heads, queries, keys], scaled and masked
//   %p = tiny.kernel "softmax_1" shared 2 (%s)
//   %o = tiny.kernel "matmul_2" shared 3 (%p, %v)
// becomes
//   %o = tiny.kernel "attention_2" shared 2 (%q, %k, %v)

#include "passes/2-fuse/Attention.h"
#include "passes/2-fuse/CostModel.h"
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"

namespace tinyc {
#define GEN_PASS_DEF_FUSEATTENTION
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// The kernel whose only result is this input of `kernel`, and is read by nothing else.
static KernelOp onlyProducer(Value input) {
  auto producer = input.getDefiningOp<KernelOp>();
  bool only = producer && producer.getNumResults() == 1 && input.hasOneUse() && !producer.getWrites();
  // What stands outside of a loop is not computed again in each of its trips.
  return only && producer->getBlock() == (*input.user_begin())->getBlock() ? producer : KernelOp();
}

// The input of `kernel` that such a kernel computes, where there is only one of them with `stages` that begin so.
static KernelOp producerOf(KernelOp kernel, function_ref<bool(KernelOp)> accepts) {
  for (Value input : kernel.getInputs())
    if (KernelOp producer = onlyProducer(input); producer && accepts(producer))
      return producer;
  return {};
}

static bool beginsWithReduction(KernelOp kernel, ReduceKind kind) {
  for (StageOp stage : kernel.getStages())
    if (!stage.getReduce().empty())
      return stage.getKind(0) == kind;
  return false;
}

// One kernel with the stages of all three, cut as the softmax is.
static KernelOp join(KernelOp scores, KernelOp softmax, KernelOp output) {
  OpBuilder b(output);
  auto body = std::make_unique<Block>();
  llvm::SetVector<Value> inputs;
  IRMapping mapping;
  llvm::DenseMap<Value, Value> results; // of the kernels that are joined
  SmallVector<Value> yielded;
  OpBuilder inner(b.getContext());
  inner.setInsertionPointToStart(body.get());
  for (KernelOp kernel : {scores, softmax, output}) {
    for (auto [argument, input] : llvm::zip_equal(kernel.getBody().getArguments(), kernel.getInputs())) {
      Value &known = results[input];
      if (!known) {
        inputs.insert(input);
        known = body->addArgument(input.getType(), argument.getLoc());
      }
      mapping.map(argument, known);
    }
    for (StageOp stage : kernel.getStages())
      inner.clone(*stage, mapping);
    yielded.clear();
    for (auto [value, result] : llvm::zip_equal(kernel.getYield().getValues(), kernel.getResults())) {
      yielded.push_back(mapping.lookup(value));
      results[result] = yielded.back();
    }
  }
  YieldOp::create(inner, output.getLoc(), yielded);
  StringRef name = output.getName();
  auto number = name.take_back(name.size() - name.find_last_not_of("0123456789") - 1);
  auto joined =
      KernelOp::create(b, b.getFusedLoc({scores.getLoc(), softmax.getLoc(), output.getLoc()}), output.getResultTypes(),
                       b.getStringAttr("attention_" + number), b.getI64IntegerAttr(softmax.getShared()),
                       inputs.getArrayRef(), output.getWritesAttr(), ScheduleAttr());
  joined.getBody().push_back(body.release());
  return joined;
}

namespace {
struct FuseAttention : tinyc::impl::FuseAttentionBase<FuseAttention> {
  using FuseAttentionBase::FuseAttentionBase;

  void runOnOperation() override {
    SmallVector<KernelOp> kernels;
    getOperation().walk([&](KernelOp kernel) { kernels.push_back(kernel); });
    for (KernelOp output : kernels) {
      KernelOp softmax =
          producerOf(output, [](KernelOp kernel) { return beginsWithReduction(kernel, ReduceKind::Max); });
      KernelOp scores =
          softmax ? producerOf(softmax, [](KernelOp kernel) { return beginsWithReduction(kernel, ReduceKind::Sum); })
                  : KernelOp();
      if (!scores || !beginsWithReduction(output, ReduceKind::Sum))
        continue;
      KernelOp joined = join(scores, softmax, output);
      if (!matchAttention(joined)) {
        joined.erase();
        continue;
      }
      if (remarks)
        joined.emitRemark() << "fused: scores and shares of " << output.getName() << " stay on chip, which saves "
                            << 2 * (fusion::byteCount(scores.getResult(0).getType()) +
                                    fusion::byteCount(softmax.getResult(0).getType()))
                            << " bytes";
      output.replaceAllUsesWith(joined.getResults());
      for (KernelOp old : {output, softmax, scores})
        old.erase();
    }
  }
};
} // namespace
