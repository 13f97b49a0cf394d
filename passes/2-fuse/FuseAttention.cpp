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
#include "passes/2-fuse/JoinKernels.h"
#include "passes/Passes.h"

namespace tinyc {
#define GEN_PASS_DEF_FUSEATTENTION
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

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
      KernelOp joined = joinKernels({scores, softmax, output}, softmax.getShared(), "attention");
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
