// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which layout each tile of a GPU kernel has: fragments of the matrix instruction around a contraction, coalesced
// accesses elsewhere, chosen from the schedule and from the strides of the kernel's main tile.

#include "passes/4-tile/TileVariation.h"
#include "passes/5-lanes/LaneRewriter.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tinyc;

// The positions of m, n and k among a contraction's iteration dimensions; all others must have size 1.
static LogicalResult contractionDims(vector::ContractionOp op, int64_t &m, int64_t &n, int64_t &k) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<int64_t> bounds;
  op.getIterationBounds(bounds);
  m = n = k = -1;
  for (unsigned d = 0; d < bounds.size(); ++d) {
    bool in[3];
    for (int i = 0; i < 3; ++i)
      in[i] = maps[i].isFunctionOfDim(d);
    int64_t *which = in[0] && !in[1] && in[2]   ? &m
                     : !in[0] && in[1] && in[2] ? &n
                     : in[0] && in[1] && !in[2] ? &k
                                                : nullptr;
    if (bounds[d] == 1 && !(which && *which < 0))
      continue;
    if (!which)
      return op.emitOpError("expected iteration dimension ") << d << " of size 1, found " << bounds[d];
    if (*which >= 0 && bounds[*which] != 1)
      return op.emitOpError("expected one dimension each of m, n and k, found two: ") << *which << " and " << d;
    *which = d;
  }
  if (m < 0 || n < 0 || k < 0)
    return op.emitOpError("expected dimensions m, n and k");
  return success();
}

LogicalResult LaneRewriter::findContractions() {
  SmallVector<vector::ContractionOp> ops;
  kernel.walk([&](vector::ContractionOp found) { ops.push_back(found); });
  for (vector::ContractionOp op : ops) {
    const TensorCoreRow *row = findTensorCoreRow(schedule.getInstruction().getValue());
    if (!row)
      return op.emitOpError("no matrix instruction \"") << schedule.getInstruction().getValue() << "\" in the table";
    int64_t m, n, k;
    if (failed(contractionDims(op, m, n, k)))
      return failure();
    auto grid = schedule.getWarps().asArrayRef();
    if (grid.size() < 2 || grid.back() != 1)
      return op.emitOpError("expected warps along m, along n and one along k, found [") << grid << "]";
    SmallVector<int64_t> bounds;
    op.getIterationBounds(bounds);
    // A warp's rows are the schedule's; what is left of the warps stands along n.
    int64_t rows = schedule.getInner().size() == 2 ? schedule.getInner()[0] : 0;
    int64_t warpsM = rows > 0 && bounds[m] % rows == 0 ? bounds[m] / rows : 1;
    if (warps % warpsM != 0)
      return op.emitOpError("expected ") << warpsM << " warps along the " << bounds[m] << " rows, or a multiple, found "
                                         << warps;
    int64_t warpsN = warps / warpsM;
    std::optional<ContractionLayouts> layouts =
        contractionLayouts(*row, bounds[m], bounds[n], bounds[k], warpsM, warpsN);
    if (!layouts)
      return op.emitOpError("expected a tile of multiples of ")
             << row->m * warpsM << "x" << row->n * warpsN << "x" << row->k << " for " << row->name << " by " << warpsM
             << "x" << warpsN << " warps, found " << bounds[m] << "x" << bounds[n] << "x" << bounds[k];
    contractions.insert(
        {op, Contraction{row,
                         m,
                         n,
                         k,
                         *layouts,
                         {bounds[m] / (row->m * warpsM), bounds[n] / (row->n * warpsN), bounds[k] / row->k}}});
    // The accumulator's layout is that of all tiles of its shape.
    auto result = dyn_cast<VectorType>(op.getResultType());
    if (!result)
      return op.emitOpError("expected a tile as result");
    if (!mainLayout) {
      mainShape = SmallVector<int64_t>(result.getShape());
      mainLayout = operandLayout(op, 2);
    } else {
      accumulators.push_back({SmallVector<int64_t>(result.getShape()), operandLayout(op, 2)});
    }
  }
  return success();
}

LinearLayout LaneRewriter::operandLayout(vector::ContractionOp op, unsigned operand) const {
  const Contraction &contraction = contractions.find(op)->second;
  const LinearLayout &fragment = operand == 0   ? contraction.layouts.a
                                 : operand == 1 ? contraction.layouts.b
                                                : contraction.layouts.c;
  int64_t rows = operand == 1 ? contraction.k : contraction.m;
  int64_t columns = operand == 0 ? contraction.k : contraction.n;
  AffineMap map = op.getIndexingMapsArray()[operand];
  auto type = cast<VectorType>(operand == 0 ? op.getLhsType() : operand == 1 ? op.getRhsType() : op.getResultType());
  LinearLayout layout(type.getShape());
  for (const LinearLayout::Input &input : fragment.inputs()) {
    layout.addInput(input.name, {});
    for (const LinearLayout::Point &basis : input.bases) {
      LinearLayout::Point placed(type.getRank(), 0);
      for (unsigned d = 0; d < type.getRank(); ++d) {
        int64_t dim = map.getDimPosition(d);
        placed[d] = dim == rows ? basis[0] : dim == columns ? basis[1] : 0;
      }
      layout.addInput(input.name, {placed});
    }
  }
  return layout;
}

LinearLayout LaneRewriter::blocked(ArrayRef<int64_t> shape, std::optional<unsigned> fastest, int64_t vector) const {
  SmallVector<int64_t> order;
  if (fastest)
    order.push_back(*fastest);
  for (int64_t d = shape.size(); d-- > 0;)
    if (!fastest || d != *fastest)
      order.push_back(d);
  ArrayRef<int64_t> along = schedule.getWarps().asArrayRef();
  bool given = contractions.empty() && along.size() == shape.size();
  return blockedLayout(shape, order, vector, chip.lanes, warps, given ? along : ArrayRef<int64_t>());
}

LogicalResult LaneRewriter::findMainTile() {
  WalkResult sizes = kernel.walk([&](Operation *op) {
    if (auto copy = dyn_cast<lane::CopyOp>(op))
      for (int64_t size : cast<MemRefType>(copy.getShared().getType()).getShape().drop_front())
        if (!llvm::isPowerOf2_64(size)) {
          op->emitOpError("expected a slot whose sizes are powers of two, found ") << copy.getShared().getType();
          return WalkResult::interrupt();
        }
    for (Type type : op->getResultTypes())
      if (auto tile = dyn_cast<VectorType>(type)) {
        for (int64_t size : tile.getShape())
          if (!llvm::isPowerOf2_64(size)) {
            op->emitOpError("expected tile sizes that are powers of two, found ") << tile;
            return WalkResult::interrupt();
          }
        if (contractions.empty() && (!mainLayout || tile.getNumElements() > ShapedType::getNumElements(mainShape))) {
          mainShape = SmallVector<int64_t>(tile.getShape());
          mainLayout = LinearLayout(mainShape);
        }
      }
    return WalkResult::advance();
  });
  if (sizes.wasInterrupted())
    return failure();
  if (!contractions.empty() || !mainLayout)
    return success();
  // As many elements to a lane as every access of such a tile can move at once.
  int64_t vector = chip.vectorBytes;
  auto narrow = [&](auto op, Type tileType) {
    auto tile = cast<VectorType>(tileType);
    auto type = cast<MemRefType>(op.getBuffer().getType());
    if (tile.getShape() != ArrayRef<int64_t>(mainShape) ||
        contiguousDim(linearAddress(type, op.getMap()), tile.getRank()) != std::optional<unsigned>(tile.getRank() - 1))
      return;
    int64_t most = chip.vectorBytes / storageBytes(type.getElementType());
    vector = std::min(vector, accessWidth(type, op.getMap(), op.getMask(), op.getOffsets(), mainShape, most));
  };
  kernel.walk([&](tiny::LoadOp op) {
    // Elements that data puts anywhere are read one by one, whatever the layout.
    int64_t rank = cast<VectorType>(op.getType()).getRank();
    if (llvm::none_of(op.getIndices(), [&](Value index) { return rank != 0 && variesAlong(index, rank - 1); }))
      narrow(op, op.getType());
  });
  kernel.walk([&](tiny::StoreOp op) { narrow(op, op.getValue().getType()); });
  mainLayout = blocked(mainShape, std::nullopt, vector);
  return success();
}

LinearLayout LaneRewriter::layoutFor(ArrayRef<int64_t> shape) const {
  if (shape == ArrayRef<int64_t>(mainShape))
    return *mainLayout;
  for (const auto &[accumulated, layout] : accumulators)
    if (shape == ArrayRef<int64_t>(accumulated))
      return layout;
  // A tile of part of the main tile's dimensions lies as the main tile does along them.
  SmallVector<int64_t> dims;
  for (unsigned d = 0, next = 0; d < shape.size(); ++d) {
    if (shape.size() == mainShape.size())
      next = d;
    while (next < mainShape.size() && shape[d] != mainShape[next] && shape.size() != mainShape.size())
      ++next;
    if (next >= mainShape.size() || (shape[d] != mainShape[next] && shape[d] != 1))
      return blocked(shape, std::nullopt, schedule.getVector());
    dims.push_back(next++);
  }
  LinearLayout layout(shape);
  for (const LinearLayout::Input &input : mainLayout->inputs()) {
    layout.addInput(input.name, {});
    for (const LinearLayout::Point &basis : input.bases) {
      LinearLayout::Point kept;
      for (unsigned d = 0; d < shape.size(); ++d)
        kept.push_back(shape[d] == 1 ? 0 : basis[dims[d]]);
      if (input.name != kRegister || llvm::any_of(kept, [](int64_t v) { return v != 0; }))
        layout.addInput(input.name, {kept});
    }
  }
  return layout;
}

LinearLayout LaneRewriter::coalescedLayout(MemRefType buffer, AffineMap map, std::optional<IntegerSet> mask,
                                           ValueRange offsets, ArrayRef<int64_t> shape) const {
  int64_t most = chip.vectorBytes / storageBytes(buffer.getElementType());
  return blocked(shape, contiguousDim(linearAddress(buffer, map), shape.size()),
                 accessWidth(buffer, map, mask, offsets, shape, most));
}

LinearLayout LaneRewriter::accessLayout(MemRefType buffer, AffineMap map, std::optional<IntegerSet> mask,
                                        ValueRange offsets, const LinearLayout &natural) const {
  std::optional<unsigned> dim = contiguousDim(linearAddress(buffer, map), natural.shape().size());
  if (!dim)
    return natural;
  // What is the same along a dimension is read once by a register and shared; moving it would read it again and again.
  for (unsigned d = 0; d < natural.shape().size(); ++d)
    if (natural.shape()[d] > 1 && !map.isFunctionOfDim(d))
      return natural;
  // Bytes that one access of a warp moves without a gap: a vector of one lane, then lanes.
  int64_t bytes = storageBytes(buffer.getElementType());
  auto run = [&](const LinearLayout &layout) {
    int64_t reach = 1;
    auto extends = [&](StringRef name) {
      for (unsigned bit = 0; bit < layout.bits(name); ++bit)
        if (layout.basis(name, bit)[*dim] == reach)
          return true;
      return false;
    };
    while (reach * bytes < chip.vectorBytes && extends(kRegister))
      reach *= 2;
    while (extends(kLane))
      reach *= 2;
    return reach * bytes;
  };
  constexpr int64_t kSector = 32;
  LinearLayout coalesced = coalescedLayout(buffer, map, mask, offsets, natural.shape());
  return run(natural) < std::min(kSector, run(coalesced)) ? coalesced : natural;
}

LinearLayout LaneRewriter::copyLayout(lane::CopyOp op) const {
  return coalescedLayout(cast<MemRefType>(op.getBuffer().getType()), op.getMap(), op.getMask(), op.getOffsets(),
                         cast<MemRefType>(op.getShared().getType()).getShape().drop_front());
}

LinearLayout LaneRewriter::loadLayout(tiny::LoadOp op) const {
  auto type = cast<MemRefType>(op.getBuffer().getType());
  ArrayRef<int64_t> shape = cast<VectorType>(op.getType()).getShape();
  if (!op.getIndices().empty())
    return layoutFor(shape);
  if (llvm::all_of(op->getUsers(), [](Operation *user) { return isa<lane::WriteOp>(user); })) {
    LinearLayout coalesced = coalescedLayout(type, op.getMap(), op.getMask(), op.getOffsets(), shape);
    auto write = op->hasOneUse() ? cast<lane::WriteOp>(*op->user_begin()) : lane::WriteOp();
    lane::ReadOp read;
    if (write)
      for (Operation *user : write.getShared().getUsers())
        read = isa<lane::ReadOp>(user) ? cast<lane::ReadOp>(user) : read;
    std::optional<unsigned> fastest = contiguousDim(linearAddress(type, op.getMap()), shape.size());
    if (!read || !fastest)
      return coalesced;
    // A lane that holds neighbours along a second dimension can write them together where the reader wants that.
    int64_t bytes = storageBytes(type.getElementType()), best;
    SharedAccess reader{readLayout(read), chip.matrixLoads};
    choosePlacement(shape, {SharedAccess{coalesced}, reader}, bytes, &best);
    LinearLayout result = coalesced;
    unsigned vector =
        llvm::Log2_64(accessWidth(type, op.getMap(), op.getMask(), op.getOffsets(), shape, chip.vectorBytes / bytes));
    for (unsigned d = 0; d < shape.size(); ++d) {
      if (d == *fastest || shape[d] == 1)
        continue;
      LinearLayout gathered = gatherAlong(coalesced, vector, d);
      int64_t cost;
      choosePlacement(shape, {SharedAccess{gathered}, reader}, bytes, &cost);
      if (cost < best) {
        best = cost;
        result = gathered;
      }
    }
    return result;
  }
  return accessLayout(type, op.getMap(), op.getMask(), op.getOffsets(), layoutFor(shape));
}

LinearLayout LaneRewriter::readLayout(lane::ReadOp op) const {
  for (OpOperand &use : op.getTile().getUses())
    if (auto contract = dyn_cast<vector::ContractionOp>(use.getOwner()))
      return operandLayout(contract, use.getOperandNumber());
  return layoutFor(cast<VectorType>(op.getTile().getType()).getShape());
}
