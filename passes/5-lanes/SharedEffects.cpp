// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Accesses to memory in which lanes meet, and slot numbers.

#include "passes/5-lanes/SharedEffects.h"

#include "dialects/Tiny/KernelMarks.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tinyc;

static bool isShared(Value buffer) {
  auto space = dyn_cast_or_null<gpu::AddressSpaceAttr>(cast<MemRefType>(buffer.getType()).getMemorySpace());
  return space && space.getValue() == gpu::AddressSpace::Workgroup;
}

// A lane may read what another one overwrites.
static bool isComputedInPlace(Value buffer) {
  auto argument = dyn_cast<BlockArgument>(buffer);
  auto kernel = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  return kernel && kernel.getArgAttr(argument.getArgNumber(), tiny::kInPlaceAttr);
}

bool tinyc::ordersInPlace(Operation *barrier) { return barrier->hasAttr(tiny::kInPlaceAttr); }

SmallVector<SharedTouch, 2> tinyc::sharedTouches(Operation *op) {
  SmallVector<SharedTouch, 2> touches;
  auto add = [&](Value buffer, ValueRange indices, SharedEffect effect) {
    Value root = buffer;
    while (auto cast = root.getDefiningOp<memref::ReinterpretCastOp>())
      root = cast.getSource();
    bool shared = isShared(buffer);
    if (!shared && !isComputedInPlace(root))
      return;
    bool slots = shared && root == buffer && indices.size() == 2;
    touches.push_back({op, root, slots ? indices[0] : Value(), effect, !shared});
  };
  if (auto load = dyn_cast<memref::LoadOp>(op))
    add(load.getMemRef(), load.getIndices(), SharedEffect::Read);
  else if (auto load = dyn_cast<vector::LoadOp>(op))
    add(load.getBase(), load.getIndices(), SharedEffect::Read);
  else if (auto load = dyn_cast<nvgpu::LdMatrixOp>(op))
    add(load.getSrcMemref(), load.getIndices(), SharedEffect::Read);
  else if (auto store = dyn_cast<memref::StoreOp>(op))
    add(store.getMemRef(), store.getIndices(), SharedEffect::Write);
  else if (auto store = dyn_cast<vector::StoreOp>(op))
    add(store.getBase(), store.getIndices(), SharedEffect::Write);
  else if (auto copy = dyn_cast<nvgpu::DeviceAsyncCopyOp>(op))
    add(copy.getDst(), copy.getDstIndices(), SharedEffect::AsyncWrite);
  return touches;
}

std::optional<int64_t> KnownIndices::get(Value value) const {
  if (!value)
    return std::nullopt;
  if (auto found = known.find(value); found != known.end())
    return found->second;
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return constant;
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    SmallVector<Attribute> operands;
    for (Value operand : apply.getMapOperands()) {
      std::optional<int64_t> number = get(operand);
      if (!number)
        return std::nullopt;
      operands.push_back(IntegerAttr::get(IndexType::get(op->getContext()), *number));
    }
    SmallVector<Attribute> results;
    if (failed(apply.getAffineMap().constantFold(operands, results)))
      return std::nullopt;
    return cast<IntegerAttr>(results.front()).getInt();
  }
  if (op->getNumOperands() != 2)
    return std::nullopt;
  std::optional<int64_t> lhs = get(op->getOperand(0)), rhs = get(op->getOperand(1));
  if (!lhs || !rhs)
    return std::nullopt;
  if (isa<arith::AddIOp>(op))
    return *lhs + *rhs;
  if (isa<arith::SubIOp>(op))
    return *lhs - *rhs;
  if (isa<arith::MulIOp>(op))
    return *lhs * *rhs;
  if (isa<arith::RemUIOp>(op) && *rhs)
    return *lhs % *rhs;
  return std::nullopt;
}

bool tinyc::isUniform(Value value) {
  SmallVector<Value> work{value};
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value next = work.pop_back_val();
    if (!seen.insert(next).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(next)) {
      Operation *owner = argument.getOwner()->getParentOp();
      if (auto kernel = dyn_cast<func::FuncOp>(owner)) {
        if (argument.getArgNumber() + 1 == kernel.getNumArguments() && argument.getType().isIndex())
          continue; // the unit's number
        return false;
      }
      auto loop = dyn_cast<scf::ForOp>(owner);
      if (!loop || argument != loop.getInductionVar())
        return false;
      llvm::append_values(work, loop.getLowerBound(), loop.getUpperBound(), loop.getStep());
      continue;
    }
    Operation *op = next.getDefiningOp();
    if (!isa<arith::ArithDialect, affine::AffineDialect>(op->getDialect()) || op->getNumRegions() != 0 ||
        !isMemoryEffectFree(op))
      return false;
    llvm::append_range(work, op->getOperands());
  }
  return true;
}

std::optional<int64_t> tinyc::tripCount(scf::ForOp loop, const KnownIndices &known) {
  std::optional<int64_t> lower = known.get(loop.getLowerBound()), upper = known.get(loop.getUpperBound()),
                         step = known.get(loop.getStep());
  if (!lower || !upper || !step || *step <= 0)
    return std::nullopt;
  return std::max<int64_t>(0, (*upper - *lower + *step - 1) / *step);
}

int64_t tinyc::iterationsToWalk(scf::ForOp loop, const KnownIndices &known) {
  int64_t slots = 1;
  loop.walk([&](Operation *op) {
    for (const SharedTouch &touch : sharedTouches(op))
      if (touch.slot)
        slots = std::max(slots, cast<MemRefType>(touch.buffer.getType()).getDimSize(0));
  });
  int64_t walk = slots + 2;
  return std::min(walk, tripCount(loop, known).value_or(walk));
}
