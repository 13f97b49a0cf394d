// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// lower-tiles: tiles become vector registers and buffers pointers, for a CPU.
//
// Needs: functions of the tile level (attribute tiny.kernel). Leaves: in their place functions of pointers, the unit's
// number and a pointer to scratch memory, with tiny ops on vectors of one dimension, arith, scf and LLVM memory
// accesses; tiny.scratch says how many bytes of scratch a thread needs. Refuses: ops that are no part of the tile
// level.
//
//   %t = tiny.load %a[%i, %k] by affine_map<(d0, d1) -> (d0, d1)> : memref<64x64xf32> -> vector<2x16xf32>
// becomes
//   %p = llvm.getelementptr %a[%i * 64 + %k], %t0 = llvm.load %p : vector<16xf32>, and the same for row 1.

#include "dialects/Target/Chip.h"
#include "dialects/Tiny/KernelMarks.h"
#include "passes/6-lower/TileLowering.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace tinyc {
#define GEN_PASS_DEF_LOWERTILES
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// A private buffer up to this size stands on the stack, a larger one in the thread's scratch memory.
static constexpr int64_t kStackBytes = 16 << 10;
static constexpr int64_t kAlignment = 64;

VectorType tinyc::registerType(VectorType tile) {
  return VectorType::get({RegisterShape(tile.getShape()).lanes}, tile.getElementType());
}

SmallVector<Value> TileLowering::scalarsOf(ValueRange values) {
  return llvm::map_to_vector(values, [&](Value v) { return scalars.lookup(v); });
}

FailureOr<func::FuncOp> TileLowering::run() {
  Location loc = source.getLoc();
  auto pointerType = LLVM::LLVMPointerType::get(source.getContext());
  SmallVector<Type> types;
  for (Type type : source.getArgumentTypes())
    types.push_back(isa<MemRefType>(type) ? Type(pointerType) : type);
  types.push_back(pointerType);
  b.setInsertionPoint(source);
  auto target = func::FuncOp::create(b, loc, source.getSymName(), b.getFunctionType(types, {}));
  target->setAttrs(source->getDiscardableAttrDictionary());
  target.setSymName(source.getSymName());
  target.setFunctionType(b.getFunctionType(types, {}));
  Block *entry = target.addEntryBlock();
  b.setInsertionPointToStart(entry);
  for (auto [i, argument] : llvm::enumerate(entry->getArguments())) {
    if (i < source.getNumArguments())
      scalars.map(source.getArgument(i), argument);
    if (!isa<LLVM::LLVMPointerType>(argument.getType()))
      continue;
    target.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
    target.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(kAlignment));
  }
  auto isLarge = [](Type type) {
    auto buffer = dyn_cast<MemRefType>(type);
    return buffer && buffer.getNumElements() > INT32_MAX;
  };
  if (source->hasAttr(kWideIndexAttr) || llvm::any_of(source.getArgumentTypes(), isLarge))
    indexWidth = 64;
  scratch = entry->getArguments().back();
  markFragments();
  for (Operation *op = source->getParentOp(); op; op = op->getParentOp())
    if (auto target = op->getAttrOfType<StringAttr>(kTargetAttr))
      if (const Chip *chip = findChip(target.getValue()))
        masksNarrow = chip->vectorBytes >= 64;
  LogicalResult lowered = lowerBlock(source.getBody().front());
  target->setAttr("tiny.scratch", b.getI64IntegerAttr(scratchBytes));
  if (succeeded(lowered))
    return target;
  target.erase();
  return failure();
}

LogicalResult TileLowering::lowerBlock(Block &block) {
  for (Operation &op : block)
    if (failed(lower(op)))
      return failure();
  return success();
}

LogicalResult TileLowering::lower(Operation &op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return lowerFor(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return lowerIf(branch);
  if (auto constant = dyn_cast<ConstOp>(op))
    return lowerConst(constant);
  if (auto contract = dyn_cast<vector::ContractionOp>(op))
    return lowerContract(contract);
  if (auto yield = dyn_cast<scf::YieldOp>(op)) {
    SmallVector<Value> values;
    for (Value value : yield.getResults())
      llvm::append_range(values, registersOf(value));
    if (!values.empty() || !yield->getParentOp()->getResults().empty())
      scf::YieldOp::create(b, op.getLoc(), values);
    return success();
  }
  if (auto alloca = dyn_cast<memref::AllocaOp>(op))
    return lowerAlloca(alloca), success();
  if (auto iota = dyn_cast<IotaOp>(op))
    return lowerIota(iota), success();
  if (auto view = dyn_cast<ViewOp>(op))
    return lowerView(view), success();
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return lowerReduce(reduce), success();
  if (auto load = dyn_cast<LoadOp>(op))
    return lowerLoad(load), success();
  if (auto store = dyn_cast<StoreOp>(op))
    return lowerStore(store), success();
  if (isa<BitcastOp>(op) && isFragmentOperand(&op))
    return success();
  if (isa<TinyDialect>(op.getDialect()) && op.getNumRegions() == 0 && op.getNumResults() == 1 &&
      isa<VectorType>(op.getResult(0).getType()))
    return lowerElementwise(op), success();
  bool tiles = llvm::any_of(op.getResultTypes(), llvm::IsaPred<ShapedType>);
  if (!tiles && (isa<affine::AffineDialect, arith::ArithDialect>(op.getDialect()) || isa<func::ReturnOp>(op))) {
    b.clone(op, scalars);
    return success();
  }
  return op.emitOpError("is no part of the tile level that a CPU lowers");
}

LogicalResult TileLowering::lowerFor(scf::ForOp loop) {
  SmallVector<Value> initial;
  for (Value value : loop.getInitArgs())
    llvm::append_range(initial, registersOf(value));
  auto lowered = scf::ForOp::create(b, loop.getLoc(), scalars.lookup(loop.getLowerBound()),
                                    scalars.lookup(loop.getUpperBound()), scalars.lookup(loop.getStep()), initial);
  scalars.map(loop.getInductionVar(), lowered.getInductionVar());
  auto spread = [&](ValueRange tiles, ValueRange values) {
    for (Value tile : tiles) {
      size_t count = countRegisters(tile);
      registers[tile] = Registers(values.take_front(count));
      values = values.drop_front(count);
    }
  };
  spread(loop.getRegionIterArgs(), lowered.getRegionIterArgs());
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(lowered.getBody());
    if (failed(lowerBlock(*loop.getBody())))
      return failure();
  }
  spread(loop.getResults(), lowered.getResults());
  return success();
}

LogicalResult TileLowering::lowerIf(scf::IfOp branch) {
  if (branch.getNumResults() != 0 || !branch.getElseRegion().empty())
    return branch.emitOpError("expected no results and no else at the tile level");
  auto lowered = scf::IfOp::create(b, branch.getLoc(), scalars.lookup(branch.getCondition()));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(lowered.thenBlock());
  return lowerBlock(*branch.thenBlock());
}

void TileLowering::lowerAlloca(memref::AllocaOp alloca) {
  MemRefType type = alloca.getType();
  Type element = memoryElement(type.getElementType());
  int64_t bytes = type.getNumElements() * element.getIntOrFloatBitWidth() / 8;
  Location loc = alloca.getLoc();
  Value memory;
  if (bytes <= kStackBytes) {
    Value count = LLVM::ConstantOp::create(b, loc, b.getI64Type(), b.getI64IntegerAttr(bytes));
    memory = LLVM::AllocaOp::create(b, loc, scratch.getType(), b.getI8Type(), count, kAlignment);
  } else {
    LLVM::GEPArg offset = static_cast<int32_t>(scratchBytes);
    if (scratchBytes > INT32_MAX)
      offset = LLVM::ConstantOp::create(b, loc, b.getI64Type(), b.getI64IntegerAttr(scratchBytes)).getResult();
    memory = LLVM::GEPOp::create(b, loc, scratch.getType(), b.getI8Type(), scratch, ArrayRef<LLVM::GEPArg>{offset});
    scratchBytes += llvm::divideCeil(bytes, kAlignment) * kAlignment;
  }
  scalars.map(alloca.getResult(), memory);
}

void TileLowering::lowerElementwise(Operation &op) {
  auto tile = cast<VectorType>(op.getResult(0).getType());
  Registers results;
  for (int64_t r = 0, e = RegisterShape(tile.getShape()).registers; r < e; ++r) {
    SmallVector<Value> operands;
    for (Value operand : op.getOperands())
      operands.push_back(registersOf(operand)[r]);
    OperationState state(op.getLoc(), op.getName(), operands, registerType(tile), op.getAttrs());
    results.push_back(b.create(state)->getResult(0));
  }
  registers[op.getResult(0)] = results;
}

LogicalResult TileLowering::lowerConst(ConstOp constant) {
  auto type = dyn_cast<VectorType>(constant.getType());
  auto elements = dyn_cast<SplatElementsAttr>(constant.getValue());
  if (!type || !elements)
    return constant.emitOpError("expected a splat of a vector at the tile level, found ") << constant.getType();
  if (isFragments(constant)) {
    for (size_t i = 0, e = countRegisters(constant); i < e; ++i)
      registers[constant.getResult()].push_back(unit->zero(b, constant.getLoc()));
    return success();
  }
  Value value = splatOf(constant.getLoc(), registerType(type), cast<TypedAttr>(elements.getSplatValue<Attribute>()));
  registers[constant.getResult()] = Registers(RegisterShape(type.getShape()).registers, value);
  return success();
}

Value TileLowering::splatOf(Location loc, VectorType type, TypedAttr value) {
  auto elements = SplatElementsAttr::get(type, static_cast<Attribute>(value));
  return ConstOp::create(b, loc, type, cast<TypedAttr>(elements));
}

void TileLowering::lowerIota(IotaOp iota) {
  auto tile = cast<VectorType>(iota.getType());
  RegisterShape shape(tile.getShape());
  Type element = tile.getElementType();
  unsigned width = element.getIntOrFloatBitWidth() > 32 ? 64 : isa<FloatType>(element) ? indexWidth : 32;
  SmallVector<Value> offsets = scalarsOf(iota.getOffsets());
  if (offsets.empty())
    offsets.assign(tile.getRank(), arith::ConstantIndexOp::create(b, iota.getLoc(), 0));
  Registers results;
  for (int64_t r = 0; r < shape.registers; ++r) {
    LanePoints points(b, iota.getLoc(), offsets, shape, shape.coordinates(r), width);
    Value numbers = points.vector(points.split(iota.getMap().getResult(0)), true);
    // A cast of signed integers, as the op says.
    results.push_back(
        element.isSignlessInteger(width) ? numbers : CastOp::create(b, iota.getLoc(), numbers, element).getResult());
  }
  registers[iota.getResult()] = results;
}

namespace {
struct LowerTiles : tinyc::impl::LowerTilesBase<LowerTiles> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> kernels;
    getOperation().walk([&](func::FuncOp function) {
      if (function->hasAttr("tiny.kernel") && !function->hasAttr("tiny.scratch"))
        kernels.push_back(function);
    });
    for (func::FuncOp kernel : kernels) {
      if (kernel.isDeclaration())
        return kernel.emitOpError("expected a kernel with a body, found a declaration"), signalPassFailure();
      FailureOr<func::FuncOp> lowered = TileLowering(kernel).run();
      if (failed(lowered))
        return signalPassFailure();
      kernel.erase();
    }
  }
};
} // namespace
