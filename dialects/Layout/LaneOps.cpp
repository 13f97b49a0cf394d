// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration and verifiers of the lane dialect.

#include "dialects/Layout/LaneOps.h"
#include "dialects/Layout/TensorCoreRows.h"
#include "dialects/Tiny/MapVerifiers.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::lane;

#include "dialects/Layout/LaneDialect.cpp.inc"

void LaneDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Layout/LaneOps.cpp.inc"
      >();
}

// The tile that a slot holds; null after an error.
static VectorType slotOf(Operation *op, Type type) {
  auto shared = cast<MemRefType>(type);
  auto space = dyn_cast_or_null<gpu::AddressSpaceAttr>(shared.getMemorySpace());
  if (shared.getRank() >= 1 && space && space.getValue() == gpu::AddressSpace::Workgroup)
    return VectorType::get(shared.getShape().drop_front(), shared.getElementType());
  op->emitOpError("expected slots in workgroup memory, counted by the first dimension, found ") << type;
  return {};
}

static LogicalResult verifySlot(Operation *op, Type shared, Type tile) {
  VectorType slot = slotOf(op, shared);
  if (slot && slot != tile)
    return op->emitOpError("expected a slot of ") << tile << " (the tile), found one of " << slot;
  return success(slot != nullptr);
}

LogicalResult CopyOp::verify() {
  VectorType slot = slotOf(*this, getShared().getType());
  return success(slot && succeeded(tiny::verifyAccess(*this, cast<MemRefType>(getBuffer().getType()), slot,
                                                      getOffsets().size(), getMap(), getMask())));
}

LogicalResult WriteOp::verify() { return verifySlot(*this, getShared().getType(), getTile().getType()); }

LogicalResult ReadOp::verify() { return verifySlot(*this, getShared().getType(), getTile().getType()); }

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
