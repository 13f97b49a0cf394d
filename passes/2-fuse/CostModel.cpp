// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The decisions of the cost model; its assumptions are written down in the header.

#include "passes/2-fuse/CostModel.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tinyc::tiny;

namespace tinyc::fusion {

bool isElementwise(Operation *op) {
  return isa<SqrtOp, SinOp, ExpOp, LogOp, RoundOp, CastOp, BitcastOp, AddOp, MulOp, DivOp, ModOp, MaxOp, CmpLtOp,
             CmpEqOp, AndOp, OrOp, XorOp, ShlOp, ShrOp, WhereOp>(op);
}

double workOf(Operation *op) {
  if (isa<CastOp, BitcastOp>(op))
    return 0;
  if (isa<ExpOp, LogOp, SinOp>(op))
    return 10;
  return isa<DivOp, ModOp, SqrtOp>(op) ? 5 : 1;
}

int64_t elementCount(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped ? shaped.getNumElements() : 1;
}

int64_t byteCount(Type type) {
  return elementCount(type) * static_cast<int64_t>(llvm::divideCeil(elementType(type).getIntOrFloatBitWidth(), 8));
}

bool isRecomputedCheaply(double work, double extra, double around, bool ofWeights) {
  return work * extra <= kRecomputedShare * around || (ofWeights && work * extra <= kLaunchWork);
}

bool isChosenCheaply(double work, double points, double bytes) { return work * points <= kWorkPerByte * 2 * bytes; }

bool isComparedCheaply(int64_t rows, int64_t updates, int64_t width, int64_t each) {
  double compared = static_cast<double>(rows) * static_cast<double>(updates) * static_cast<double>(each);
  double walked = static_cast<double>(updates) * kWalkStep + static_cast<double>(rows) * static_cast<double>(width);
  return compared <= kLaunchWork + 4 * walked;
}

bool isWorthItsUnits(int64_t units, int64_t points, int64_t saved, int64_t own) {
  return units >= kFewUnits || points < kLargeLoop || 4 * saved >= own;
}

bool isWorthFewerUnits(int64_t units, int64_t points, int64_t rows) {
  return (units >= kFewUnits || points < kLargeLoop) && rows / std::max<int64_t>(units, 1) <= kMostKeptRows;
}

} // namespace tinyc::fusion
