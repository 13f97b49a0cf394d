// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Results that stay in f32.

#include "lib/Onnx/Rounding.h"

using namespace mlir;
using namespace tinyc;

void onnx::dropRoundings(Block &block, const NarrowCasts &casts) {
  for (Operation &op : block) {
    if (!casts.roundings.contains(&op))
      continue;
    bool fuses = llvm::all_of(op.getUsers(), [&](Operation *user) {
      return casts.widenings.contains(user) &&
             llvm::none_of(user->getUsers(), llvm::IsaPred<tiny::ViewOp, tiny::ConcatOp>);
    });
    if (!fuses)
      continue;
    for (Operation *widening : op.getUsers())
      widening->replaceAllUsesWith(ValueRange(op.getOperand(0)));
  }
}
