// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which ops are folded, and folding them.

#include "lib/Onnx/Folding.h"

#include "lib/Builders/Movement.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;

Reference onnx::weightedReference(WeightStore &weights) {
  return Reference([&weights](StringRef hash) -> std::optional<ArrayRef<char>> {
    auto bytes = weights.find(hash.str());
    if (!bytes)
      return std::nullopt;
    return ArrayRef<char>(reinterpret_cast<const char *>(bytes->data()), bytes->size());
  });
}

bool onnx::isConstant(RankedTensorType type) {
  int64_t limit = isa<IntegerType>(type.getElementType()) ? kMaxConstIntegers : kMaxConstElements;
  return compose::elementCount(type.getShape()).value_or(limit + 1) <= limit;
}

static bool isSource(Operation *op) { return isa_and_nonnull<tiny::ConstOp, tiny::ParamOp>(op); }

static int64_t countOf(Value v) {
  return compose::elementCount(compose::shapeOf(v)).value_or(std::numeric_limits<int64_t>::max());
}

// Whether `op` follows from sources and from ops in `known`, and its value is no larger than what it is made of.
static bool follows(Operation *op, const llvm::SmallPtrSetImpl<Operation *> &known) {
  if (isSource(op) || op->getNumResults() != 1 || op->getNumRegions() != 0)
    return false;
  Value result = op->getResult(0);
  auto type = dyn_cast<RankedTensorType>(result.getType());
  if (!type || countOf(result) > kMaxFoldedElements)
    return false;
  int64_t largest = 1;
  for (Value operand : op->getOperands()) {
    Operation *from = operand.getDefiningOp();
    if (!from || (!isSource(from) && !known.contains(from)) || countOf(operand) > kMaxFoldedElements)
      return false;
    auto constant = dyn_cast<tiny::ConstOp>(from);
    if (!constant || !isa<SplatElementsAttr>(constant.getValue()))
      largest = std::max(largest, countOf(operand));
  }
  if (isa<tiny::IotaOp>(op))
    return countOf(result) <= kMaxConstElements;
  // Weights stay as narrow as they are: they are widened where they are used.
  if (isa<tiny::CastOp>(op) && type.getRank() > 1 && isa<FloatType>(type.getElementType()) &&
      type.getElementTypeBitWidth() > tiny::elementType(op->getOperand(0).getType()).getIntOrFloatBitWidth())
    return false;
  // Repeating a value is for those who read it; but shapes are always known.
  return countOf(result) <= largest || (isa<IntegerType>(type.getElementType()) && isConstant(type));
}

LogicalResult onnx::foldKnown(Block::iterator first, Block::iterator end, MutableArrayRef<Value> results,
                              WeightStore &weights,
                              function_ref<Value(RankedTensorType, std::vector<uint8_t>, Location)> source) {
  llvm::SmallPtrSet<Operation *, 16> known;
  SmallVector<Operation *> ordered;
  for (Operation &op : llvm::make_range(first, end))
    if (follows(&op, known)) {
      known.insert(&op);
      ordered.push_back(&op);
    }
  // Values that others use are computed. A large view is left as it is: what reads it reads through it.
  llvm::SmallPtrSet<Operation *, 16> wanted;
  SmallVector<Operation *> computed;
  for (Operation *op : llvm::reverse(ordered)) {
    Value result = op->getResult(0);
    bool given = llvm::is_contained(results, result);
    if (!wanted.contains(op) && !given &&
        llvm::all_of(op->getUsers(), [&](Operation *user) { return known.contains(user); }))
      continue;
    // Positions inside of a node cost nothing as they are.
    if (isa<tiny::IotaOp>(op) && !given)
      continue;
    if (!isa<tiny::ViewOp>(op) || isConstant(cast<RankedTensorType>(result.getType())))
      computed.push_back(op);
    else if (Operation *from = op->getOperand(0).getDefiningOp(); known.contains(from))
      wanted.insert(from);
  }
  Reference reference = weightedReference(weights);
  for (Operation *op : llvm::reverse(computed)) {
    Value old = op->getResult(0);
    TensorRef value = reference.evaluate(old);
    if (!value)
      return emitError(op->getLoc()) << "cannot be computed at import";
    const auto *bytes = reinterpret_cast<const uint8_t *>(value->bytes.data());
    Value folded = source(cast<RankedTensorType>(old.getType()), {bytes, bytes + value->bytes.size()}, op->getLoc());
    llvm::replace(results, old, folded);
    old.replaceAllUsesWith(folded);
  }
  return success();
}

void onnx::eraseUnused(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}
