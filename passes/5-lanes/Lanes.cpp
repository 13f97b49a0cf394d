// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// lanes: gives each tile of a GPU kernel a linear layout and rewrites the kernel to the code of one lane.
//
// Needs: func.func kernels with tiles (vectors) whose sizes are powers of two, #tiny.schedule, a target with lanes.
// Leaves: the same functions on vectors of one lane's registers, gpu.thread_id, memory accesses with conditions,
// exchanges between lanes, buffers in workgroup memory; lane.await, and no barriers (insert-barriers adds them).
// Refuses: tiles of other sizes, constants that are not splats, contractions that the instruction does not divide.
//
//   %t = tiny.load %x[%i] by affine_map<(d0) -> (d0)> : memref<4096xf32> -> vector<512xf32>
//   %u = tiny.add %t, %t : vector<512xf32>
// becomes, for four warps,
//   %t = vector.load %x[%place] {alignment = 16} : memref<4096xf32>, vector<4xf32>
//   %u = tiny.add %t, %t : vector<4xf32>

#include "passes/5-lanes/LaneRewriter.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

namespace tinyc {
#define GEN_PASS_DEF_LANES
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;

static bool isTile(Value value) { return isa<VectorType>(value.getType()); }

LaneRewriter::LaneRewriter(func::FuncOp kernel, const Chip &chip, tiny::ScheduleAttr schedule)
    : kernel(kernel), chip(chip), schedule(schedule), b(kernel.getContext()), loc(kernel.getLoc()) {
  for (int64_t count : schedule.getWarps().asArrayRef())
    warps *= count;
}

LogicalResult LaneRewriter::run() {
  if (failed(findContractions()) || failed(findMainTile()))
    return failure();
  Block *old = &kernel.getBody().front();
  auto *block = new Block();
  kernel.getBody().push_back(block);
  for (BlockArgument argument : old->getArguments())
    scalars.map(argument, block->addArgument(argument.getType(), argument.getLoc()));
  entry = block;
  b.setInsertionPointToStart(block);
  thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  LogicalResult result = rewriteBlock(*old);
  if (failed(result))
    return failure();
  old->dropAllDefinedValueUses();
  old->erase();
  kernel->setAttr("tiny.threads", b.getI64IntegerAttr(warps * chip.lanes));
  return success();
}

LogicalResult LaneRewriter::rewriteBlock(Block &block) {
  for (Operation &op : block) {
    loc = op.getLoc();
    if (failed(rewrite(&op)))
      return failure();
  }
  return success();
}

LogicalResult LaneRewriter::rewrite(Operation *op) {
  if (auto load = dyn_cast<tiny::LoadOp>(op)) {
    if (failed(rewriteLoad(load)))
      return failure();
    // What a loop's contraction takes again and again becomes its fragments once, before the loop.
    if (load->hasOneUse())
      if (auto contract = dyn_cast<vector::ContractionOp>(*load->user_begin());
          contract && contract->getBlock() != load->getBlock()) {
        LaneTile &tile = tiles.find(load)->second;
        tile = convert(LaneTile(tile), operandLayout(contract, load->use_begin()->getOperandNumber()));
      }
    return success();
  }
  if (auto store = dyn_cast<tiny::StoreOp>(op))
    return rewriteStore(store);
  if (auto copy = dyn_cast<lane::CopyOp>(op))
    return rewriteCopy(copy);
  if (auto reduce = dyn_cast<tiny::ReduceOp>(op))
    return rewriteReduce(reduce);
  if (auto view = dyn_cast<tiny::ViewOp>(op))
    return rewriteView(view);
  if (auto iota = dyn_cast<tiny::IotaOp>(op); iota && isTile(iota.getResult()))
    return rewriteIota(iota);
  if (auto constant = dyn_cast<tiny::ConstOp>(op); constant && isTile(constant.getResult()))
    return rewriteConst(constant);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return rewriteFor(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op); branch && branch->getNumResults() == 0 && branch.getElseRegion().empty())
    return rewriteIf(branch);
  if (auto contract = dyn_cast<vector::ContractionOp>(op))
    return rewriteContraction(contract);
  if (auto alloca = dyn_cast<memref::AllocaOp>(op))
    return rewriteAlloca(alloca);
  if (auto write = dyn_cast<lane::WriteOp>(op)) {
    Value shared = scalars.lookup(write.getShared());
    writeShared(tileOf(write.getTile()), shared, scalars.lookupOrDefault(write.getSlot()),
                placements.find(shared)->second);
    return success();
  }
  if (auto read = dyn_cast<lane::ReadOp>(op)) {
    if (read.getAfter())
      lane::AwaitOp::create(b, loc, scalars.lookup(read.getAfter()));
    Value shared = scalars.lookup(read.getShared());
    if (read.getTile().hasOneUse() && isa<vector::ContractionOp>(*read.getTile().user_begin())) {
      stagedReads.try_emplace(read.getTile(),
                              StagedRead{shared, scalars.lookupOrDefault(read.getSlot()), readLayout(read),
                                         cast<VectorType>(read.getTile().getType()).getElementType()});
      return success();
    }
    tiles.try_emplace(read.getTile(),
                      readShared(shared, scalars.lookupOrDefault(read.getSlot()), placements.find(shared)->second,
                                 readLayout(read), cast<VectorType>(read.getTile().getType()).getElementType()));
    return success();
  }
  if (auto group = dyn_cast<nvgpu::DeviceAsyncCreateGroupOp>(op)) {
    SmallVector<Value> tokens;
    for (Value token : group.getInputTokens())
      llvm::append_range(tokens, copies[token]);
    scalars.map(
        group.getAsyncToken(),
        nvgpu::DeviceAsyncCreateGroupOp::create(b, loc, group.getAsyncToken().getType(), tokens).getAsyncToken());
    return success();
  }
  if (llvm::any_of(op->getResults(), isTile) || llvm::any_of(op->getOperands(), isTile))
    return rewriteElementwise(op);
  if (op->getNumRegions())
    return op->emitOpError("is not known in a kernel of tiles");
  b.clone(*op, scalars);
  return success();
}

LogicalResult LaneRewriter::rewriteElementwise(Operation *op) {
  bool known = isa<tiny::TinyDialect, arith::ArithDialect>(op->getDialect());
  if (!known || op->getNumResults() != 1 || !isTile(op->getResult(0)) || op->getNumRegions())
    return op->emitOpError("is not known in a kernel of tiles");
  auto type = cast<VectorType>(op->getResult(0).getType());
  std::optional<LinearLayout> layout;
  // Operands that already lie as the shape asks for decide; else the first one.
  for (Value operand : op->getOperands())
    if (isTile(operand) && (!layout || tileOf(operand).layout == layoutFor(type.getShape())))
      layout = tileOf(operand).layout;
  if (!layout)
    return op->emitOpError("expected a tile among the operands");
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(isTile(operand) ? convert(tileOf(operand), *layout).lanes : scalars.lookupOrDefault(operand));
  auto lanes = VectorType::get({layout->size(kRegister)}, type.getElementType());
  Operation *made = b.create(op->getLoc(), op->getName().getIdentifier(), operands, lanes, op->getAttrs());
  tiles.try_emplace(op->getResult(0), LaneTile{made->getResult(0), *layout});
  return success();
}

LogicalResult LaneRewriter::rewriteConst(tiny::ConstOp op) {
  auto splat = dyn_cast<SplatElementsAttr>(op.getValue());
  if (!splat)
    return op.emitOpError("expected a splat in a kernel of tiles, found ") << op.getValue();
  auto type = cast<VectorType>(op.getType());
  LinearLayout layout = layoutFor(type.getShape());
  auto lanes = VectorType::get({layout.size(kRegister)}, type.getElementType());
  tiles.try_emplace(op.getResult(), LaneTile{tiny::ConstOp::create(b, loc, splat.resizeSplat(lanes)), layout});
  return success();
}

LogicalResult LaneRewriter::rewriteIota(tiny::IotaOp op) {
  auto type = cast<VectorType>(op.getType());
  LinearLayout layout = layoutFor(type.getShape());
  SmallVector<Value> offsets, registers;
  for (Value offset : op.getOffsets())
    offsets.push_back(scalars.lookupOrDefault(offset));
  Type i64 = b.getI64Type();
  for (int64_t reg = 0; reg < layout.size(kRegister); ++reg) {
    LanePoint point = pointOf(layout, reg, offsets);
    SmallVector<AffineExpr> at;
    for (unsigned d = 0; d < point.base.size(); ++d)
      at.push_back(b.getAffineDimExpr(d) + point.constants[d]);
    AffineExpr expr = simplifyAffineExpr(op.getMap().getResult(0).replaceDims(at), at.size(), 0);
    registers.push_back(arith::IndexCastOp::create(b, loc, i64, expandIndex(b, loc, expr, point.base)));
  }
  Value lanes = pack(registers, i64);
  if (type.getElementType() != i64)
    lanes = tiny::CastOp::create(b, loc, lanes, type.getElementType());
  tiles.try_emplace(op.getResult(), LaneTile{lanes, layout});
  return success();
}

LogicalResult LaneRewriter::rewriteView(tiny::ViewOp op) {
  auto type = cast<VectorType>(op.getType());
  auto fromType = cast<VectorType>(op.getInput().getType());
  if (op.getMask())
    return op.emitOpError("expected no mask on a view of a tile");
  LinearLayout layout = layoutFor(type.getShape());
  // Where each register's element stands in the input.
  LinearLayout wanted(fromType.getShape());
  for (const LinearLayout::Input &input : layout.inputs()) {
    wanted.addInput(input.name, {});
    for (const LinearLayout::Point &basis : input.bases) {
      LinearLayout::Point at;
      for (unsigned i = 0; i < op.getMap().getNumResults(); ++i) {
        AffineExpr expr = op.getMap().getResult(i);
        auto dim = dyn_cast<AffineDimExpr>(expr);
        if (!dim && expr != b.getAffineConstantExpr(0))
          return op.emitOpError("expected a view of a tile to select dimensions, found ") << op.getMapAttr();
        at.push_back(dim && fromType.getDimSize(i) > 1 ? basis[dim.getPosition()] : 0);
      }
      wanted.addInput(input.name, {at});
    }
  }
  LinearLayout held = wanted.dropBits(kRegister, wanted.replicaMask(kRegister));
  SmallVector<Value> from = unpack(convert(tileOf(op.getInput()), held).lanes), registers;
  llvm::DenseMap<int64_t, int64_t> at;
  for (int64_t reg = 0; reg < held.size(kRegister); ++reg)
    at.try_emplace(held.applyFlat({{kRegister, reg}}), reg);
  for (int64_t reg = 0; reg < wanted.size(kRegister); ++reg)
    registers.push_back(from[at.lookup(wanted.applyFlat({{kRegister, reg}}))]);
  tiles.try_emplace(op.getResult(), LaneTile{pack(registers, type.getElementType()), layout});
  return success();
}

LogicalResult LaneRewriter::rewriteFor(scf::ForOp op) {
  SmallVector<Value> inits;
  for (Value init : op.getInitArgs())
    inits.push_back(isTile(init) ? tileOf(init).lanes : scalars.lookupOrDefault(init));
  auto loop =
      scf::ForOp::create(b, loc, scalars.lookupOrDefault(op.getLowerBound()),
                         scalars.lookupOrDefault(op.getUpperBound()), scalars.lookupOrDefault(op.getStep()), inits);
  loop->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  scalars.map(op.getInductionVar(), loop.getInductionVar());
  auto map = [&](Value from, Value to, Value init) {
    if (isTile(from))
      tiles.try_emplace(from, LaneTile{to, tileOf(init).layout});
    else
      scalars.map(from, to);
  };
  for (auto [from, to, init] : llvm::zip_equal(op.getRegionIterArgs(), loop.getRegionIterArgs(), op.getInitArgs()))
    map(from, to, init);
  OpBuilder::InsertionGuard guard(b);
  if (!loop.getBody()->empty() && loop.getBody()->back().hasTrait<OpTrait::IsTerminator>())
    loop.getBody()->back().erase();
  b.setInsertionPointToEnd(loop.getBody());
  for (Operation &inner : op.getBody()->without_terminator()) {
    loc = inner.getLoc();
    if (failed(rewrite(&inner)))
      return failure();
  }
  SmallVector<Value> yields;
  for (auto [value, init] : llvm::zip_equal(op.getYieldedValues(), op.getInitArgs()))
    yields.push_back(isTile(value) ? convert(LaneTile(tileOf(value)), LinearLayout(tileOf(init).layout)).lanes
                                   : scalars.lookupOrDefault(value));
  scf::YieldOp::create(b, op.getLoc(), yields);
  for (auto [from, to, init] : llvm::zip_equal(op.getResults(), loop.getResults(), op.getInitArgs()))
    map(from, to, init);
  return success();
}

// Conditions stand on the number of the unit and on loops: all lanes of a block agree on them.
LogicalResult LaneRewriter::rewriteIf(scf::IfOp op) {
  auto branch = scf::IfOp::create(b, loc, scalars.lookupOrDefault(op.getCondition()), /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  for (Operation &inner : op.thenBlock()->without_terminator()) {
    loc = inner.getLoc();
    if (failed(rewrite(&inner)))
      return failure();
  }
  return success();
}

LogicalResult LaneRewriter::rewriteContraction(vector::ContractionOp op) {
  if (op.getKind() != vector::CombiningKind::ADD)
    return op.emitOpError("expected a sum of products");
  const Contraction &contraction = contractions.find(op)->second;
  LaneTile c = convert(tileOf(op.getAcc()), operandLayout(op, 2));
  auto a = stagedReads.find(op.getLhs()), bb = stagedReads.find(op.getRhs());
  if (a == stagedReads.end() || bb == stagedReads.end()) {
    auto fragment = [&](Value operand, unsigned index) {
      if (auto staged = stagedReads.find(operand); staged != stagedReads.end()) {
        const StagedRead &read = staged->second;
        return readShared(read.shared, read.slot, placements.find(read.shared)->second, read.layout, read.element);
      }
      return convert(tileOf(operand), operandLayout(op, index));
    };
    LaneTile rows = fragment(op.getLhs(), 0), columns = fragment(op.getRhs(), 1);
    Value result = lane::MmaOp::create(b, loc, c.lanes.getType(), schedule.getInstruction(),
                                       b.getDenseI64ArrayAttr(contraction.repeats), rows.lanes, columns.lanes, c.lanes);
    tiles.try_emplace(op.getResult(), LaneTile{result, c.layout});
    return success();
  }
  // Slices of k as narrow as the accesses allow: a lane then holds the fragments of one slice only. In A's registers k
  // follows the instruction's own bits, in B's the repeats along n.
  int64_t repeatK = contraction.repeats[2];
  unsigned kBits = llvm::Log2_64(repeatK), firstA = contraction.row->a.bits(kRegister),
           firstB = contraction.row->b.bits(kRegister) + llvm::Log2_64(contraction.repeats[1]);
  int64_t joined = 0;
  for (auto [read, first] : {std::pair(&a->second, firstA), std::pair(&bb->second, firstB)})
    joined |= joinedBits(read->layout.compose(placements.find(read->shared)->second), read->element) >> first;
  unsigned together = 0; // low bits of k that stay in one slice
  for (unsigned bit = 0; bit < kBits; ++bit)
    if (joined >> bit & 1)
      together = bit + 1;
  SmallVector<int64_t> repeats(contraction.repeats);
  repeats[2] = int64_t(1) << together;
  Value result = c.lanes;
  int64_t sliceBits = (repeatK - 1) & ~(repeats[2] - 1);
  for (int64_t k = 0; k < repeatK; k += repeats[2]) {
    auto slice = [&](const StagedRead &read, unsigned first) {
      return readShared(read.shared, read.slot, placements.find(read.shared)->second, read.layout, read.element,
                        sliceBits << first, k << first)
          .lanes;
    };
    Value rows = slice(a->second, firstA), columns = slice(bb->second, firstB);
    result = lane::MmaOp::create(b, loc, result.getType(), schedule.getInstruction(), b.getDenseI64ArrayAttr(repeats),
                                 rows, columns, result);
  }
  tiles.try_emplace(op.getResult(), LaneTile{result, c.layout});
  return success();
}

// Buffers of a block: staged tiles get slots and a placement, rows between stages are kept in shared memory.
LogicalResult LaneRewriter::rewriteAlloca(memref::AllocaOp op) {
  MemRefType type = op.getType();
  bool staged = llvm::any_of(op->getUsers(),
                             [](Operation *user) { return isa<lane::CopyOp, lane::WriteOp, lane::ReadOp>(user); });
  if (staged) {
    LinearLayout placement = stagedPlacement(op);
    Value shared = allocateShared(type.getDimSize(0), placement.elements(), type.getElementType());
    scalars.map(op.getResult(), shared);
    placements.try_emplace(shared, placement);
    return success();
  }
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(entry);
  auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto flatType = MemRefType::get({type.getNumElements()}, type.getElementType(), AffineMap(), space);
  scalars.map(op.getResult(), memref::AllocaOp::create(b, loc, flatType, b.getI64IntegerAttr(16)).getResult());
  return success();
}

namespace {
struct Lanes : tinyc::impl::LanesBase<Lanes> {
  void runOnOperation() override {
    auto target = getOperation()->getAttrOfType<StringAttr>(tiny::kTargetAttr);
    const Chip *chip = target ? findChip(target.getValue()) : nullptr;
    if (!chip || chip->lanes < 2) {
      getOperation().emitError("expected a module attribute ")
          << tiny::kTargetAttr << " that names a chip with lanes, found " << (target ? target.getValue() : "none");
      return signalPassFailure();
    }
    for (auto kernel : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (!kernel->hasAttr("tiny.kernel"))
        continue;
      auto schedule = kernel->getAttrOfType<tiny::ScheduleAttr>("tiny.schedule");
      if (!schedule) {
        kernel.emitError("expected a schedule on the kernel");
        return signalPassFailure();
      }
      if (failed(LaneRewriter(kernel, *chip, schedule).run()))
        return signalPassFailure();
    }
  }
};
} // namespace
