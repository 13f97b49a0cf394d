// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// expand-elementary: exp, log, sin and the remainder of floats become arithmetic that every target has.
//
// Needs: tiny ops on scalars and vectors. Leaves: arith and math.fma, trunc, within the bounds that the dialect
// promises (f32: 2 ulp over all inputs); ops on tensors stay. f16, bf16 and 8-bit floats are computed in f32 between
// two tiny.casts, which lower-arith takes. Refuses: nothing.
//
//   %y = tiny.exp two %x : vector<16xf32>
// becomes
//   %shifted = arith.addf %x, %c : vector<16xf32>          // the nearest integer k in the lower bits
//   %r = arith.subf %x, %k : vector<16xf32>
//   %p = math.fma %r, %c5, %c4 : vector<16xf32>            // 2^r
//   ..                                                      // times 2^k

#include "dialects/Tiny/Elementwise.h"
#include "passes/6-lower/ElementaryFunctions.h"
#include "passes/Passes.h"

namespace tinyc {
#define GEN_PASS_DEF_EXPANDELEMENTARY
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// The op's formula on operands of f32 or f64.
static Value expand(Formula &a, Operation *op, ValueRange x) {
  if (auto exp = dyn_cast<ExpOp>(op))
    return expandExp(a, exp.getBase(), x[0]);
  if (auto log = dyn_cast<LogOp>(op))
    return expandLog(a, log.getBase(), x[0]);
  if (isa<SinOp>(op))
    return expandSin(a, x[0]);
  return expandMod(a, x[0], x[1]);
}

namespace {
struct ExpandElementary : tinyc::impl::ExpandElementaryBase<ExpandElementary> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      bool isFloatMod = isa<ModOp>(op) && isa<FloatType>(elementType(op->getResult(0).getType()));
      if ((isa<ExpOp, LogOp, SinOp>(op) || isFloatMod) && !isa<TensorType>(op->getResult(0).getType()))
        ops.push_back(op);
    });
    for (Operation *op : ops)
      replace(op);
  }

  static void replace(Operation *op) {
    Formula a(op);
    Type type = op->getResult(0).getType();
    Type element = elementType(type);
    SmallVector<Value> operands(op->getOperands());
    bool isNarrow = Formula::width(element) < 32;
    if (isNarrow)
      for (Value &operand : operands)
        operand = CastOp::create(a.b, operand, a.b.getF32Type());
    Value result = expand(a, op, operands);
    if (isNarrow)
      result = CastOp::create(a.b, result, element);
    op->replaceAllUsesWith(ValueRange(result));
    op->erase();
  }
};
} // namespace
