// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cpu-elementwise: the plainest elementwise ops on float vectors, until lower-arith is there.

#include "dialects/Tiny/TinyOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace tinyc {
#define GEN_PASS_DEF_CPUELEMENTWISE
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc::tiny;

static Value lowered(OpBuilder &b, Operation &op) {
  Location loc = op.getLoc();
  Type type = op.getResult(0).getType();
  bool isFloat = isa<FloatType>(elementType(type));
  auto in = [&](unsigned i) { return op.getOperand(i); };
  if (auto c = dyn_cast<ConstOp>(op))
    return arith::ConstantOp::create(b, loc, c.getValue());
  if (isa<AddOp>(op))
    return isFloat ? arith::AddFOp::create(b, loc, in(0), in(1)).getResult()
                   : arith::AddIOp::create(b, loc, in(0), in(1)).getResult();
  if (isa<MulOp>(op))
    return isFloat ? arith::MulFOp::create(b, loc, in(0), in(1)).getResult()
                   : arith::MulIOp::create(b, loc, in(0), in(1)).getResult();
  if (isa<DivOp>(op))
    return arith::DivFOp::create(b, loc, in(0), in(1));
  if (isa<MaxOp>(op)) {
    Value gt = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, in(0), in(1));
    Value nan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, in(0), in(0));
    return arith::SelectOp::create(b, loc, arith::OrIOp::create(b, loc, gt, nan), in(0), in(1));
  }
  if (isa<CmpLtOp>(op)) {
    if (isa<FloatType>(elementType(in(0).getType())))
      return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, in(0), in(1));
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, in(0), in(1));
  }
  if (isa<AndOp>(op))
    return arith::AndIOp::create(b, loc, in(0), in(1));
  if (isa<WhereOp>(op))
    return arith::SelectOp::create(b, loc, in(0), in(1), in(2));
  if (isa<CastOp>(op)) {
    Type from = elementType(in(0).getType()), to = elementType(type);
    if (isa<FloatType>(from) && isa<FloatType>(to))
      return from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth()
                 ? arith::ExtFOp::create(b, loc, type, in(0)).getResult()
                 : arith::TruncFOp::create(b, loc, type, in(0)).getResult();
    if (isa<FloatType>(to))
      return arith::SIToFPOp::create(b, loc, type, in(0));
  }
  return {};
}

namespace {
struct CpuElementwise : tinyc::impl::CpuElementwiseBase<CpuElementwise> {
  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      if (!isa<TinyDialect>(op->getDialect()) || op->getNumResults() != 1)
        return;
      OpBuilder b(op);
      if (Value v = lowered(b, *op)) {
        op->getResult(0).replaceAllUsesWith(v);
        op->erase();
      } else {
        op->emitError("not lowered yet");
        signalPassFailure();
      }
    });
  }
};
} // namespace
