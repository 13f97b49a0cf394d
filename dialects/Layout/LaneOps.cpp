// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration and verifiers of the lane dialect.

#include "dialects/Layout/LaneOps.h"
#include "dialects/Layout/TensorCoreRows.h"

using namespace mlir;
using namespace tinyc::lane;

#include "dialects/Layout/LaneDialect.cpp.inc"

void LaneDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Layout/LaneOps.cpp.inc"
      >();
}

LogicalResult MmaOp::verify() {
  const TensorCoreRow *row = findTensorCoreRow(getInstruction());
  if (!row)
    return emitOpError("no matrix instruction \"") << getInstruction() << "\" in the table";
  ArrayRef<int64_t> repeats = getRepeats();
  if (repeats.size() != 3)
    return emitOpError("expected 3 repeats (m, n, k), found ") << repeats.size();
  auto check = [&](Value value, StringRef name, const LinearLayout &layout, int64_t count) -> LogicalResult {
    int64_t found = cast<VectorType>(value.getType()).getNumElements(), expected = layout.size(kRegister) * count;
    if (found != expected)
      return emitOpError("expected ") << expected << " registers of " << name << ", found " << found;
    return success();
  };
  if (failed(check(getA(), "A", row->a, repeats[0] * repeats[2])) ||
      failed(check(getB(), "B", row->b, repeats[1] * repeats[2])) ||
      failed(check(getC(), "C", row->c, repeats[0] * repeats[1])))
    return failure();
  return success();
}

#define GET_OP_CLASSES
#include "dialects/Layout/LaneOps.cpp.inc"
