// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads, stores and asynchronous copies of one lane, from the accesses that LaneAccess.cpp finds: accesses under one
// condition share a branch, replicas are written once, and places given by data are compared with their limits first.

#include "passes/4-tile/TileVariation.h"
#include "passes/5-lanes/LaneRewriter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

using namespace mlir;
using namespace tinyc;

// Runs of accesses under one condition; each becomes one branch.
static SmallVector<ArrayRef<ElementAccess>> byCondition(ArrayRef<ElementAccess> accesses) {
  SmallVector<ArrayRef<ElementAccess>> runs;
  for (size_t first = 0, last; first < accesses.size(); first = last) {
    last = first + 1;
    while (last < accesses.size() && accesses[last].condition == accesses[first].condition &&
           accesses[last].never == accesses[first].never)
      ++last;
    runs.push_back(accesses.slice(first, last - first));
  }
  return runs;
}

// The comparison is made in the data's own width: an index of the device may be narrower.
DataIndex LaneRewriter::dataIndex(Value tile, int64_t below, const LinearLayout &layout) {
  auto type = cast<IntegerType>(cast<VectorType>(tile.getType()).getElementType());
  int64_t most = type.getWidth() < 64 ? std::min(below, int64_t(1) << (type.getWidth() - 1)) : below;
  Value limit = arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, APInt(type.getWidth(), most)));
  DataIndex index;
  for (Value number : unpack(convert(tileOf(tile), layout).lanes)) {
    // A negative number is a large one without a sign.
    index.inside.push_back(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, number, limit));
    index.place.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), number));
  }
  return index;
}

// An access of several elements goes by one index: `most` becomes 1 where neighbours have their own.
SmallVector<DataIndex> LaneRewriter::dataIndices(ValueRange tiles, ArrayRef<int64_t> limits, MemRefType buffer,
                                                 AffineMap map, const LinearLayout &layout, int64_t &most) {
  std::optional<unsigned> fastest = contiguousDim(linearAddress(buffer, map), layout.shape().size());
  SmallVector<DataIndex> indices;
  for (auto [tile, below] : llvm::zip_equal(tiles, limits)) {
    indices.push_back(dataIndex(tile, below, layout));
    if (fastest && variesAlong(tile, *fastest))
      most = 1;
  }
  return indices;
}

LogicalResult LaneRewriter::rewriteLoad(tiny::LoadOp op) {
  auto type = cast<VectorType>(op.getType());
  Type element = type.getElementType();
  LinearLayout layout = loadLayout(op);
  auto bufferType = cast<MemRefType>(op.getBuffer().getType());
  Value buffer = scalars.lookup(op.getBuffer());
  SmallVector<Value> offsets;
  for (Value offset : op.getOffsets())
    offsets.push_back(scalars.lookupOrDefault(offset));
  int64_t width, most = chip.vectorBytes / storageBytes(element);
  SmallVector<DataIndex> indices = dataIndices(op.getIndices(), op.getLimits(), bufferType, op.getMap(), layout, most);
  SmallVector<ElementAccess> accesses =
      accessesOf(bufferType, op.getMap(), op.getMask(), layout, offsets, most, width, indices);
  // What a lane writes where data says, it alone reads back: not the lanes that hold its elements too.
  bool written = llvm::any_of(op.getBuffer().getUsers(), llvm::IsaPred<tiny::StoreOp>);
  if (Value owner = !indices.empty() && written ? firstReplica(layout) : Value())
    for (ElementAccess &access : accesses)
      access.condition = access.condition ? b.createOrFold<arith::AndIOp>(loc, access.condition, owner) : owner;
  Type partType = width == 1 ? element : VectorType::get({width}, element);
  TypedAttr fillAttr = op.getFillAttr();
  auto fill = [&]() -> Value {
    if (!fillAttr)
      return zero(partType);
    if (width == 1)
      return tiny::ConstOp::create(b, loc, fillAttr);
    return tiny::ConstOp::create(b, loc, DenseElementsAttr::get(cast<VectorType>(partType), Attribute(fillAttr)));
  };
  buffer = flat(buffer);
  SmallVector<Value> registers(layout.size(kRegister));
  auto load = [&](const ElementAccess &access) -> Value {
    Value address = expandIndex(b, loc, access.linear, access.base);
    if (width == 1)
      return memref::LoadOp::create(b, loc, buffer, address);
    auto part = vector::LoadOp::create(b, loc, cast<VectorType>(partType), buffer, address);
    part.setAlignment(width * storageBytes(element));
    return part;
  };
  for (ArrayRef<ElementAccess> run : byCondition(accesses)) {
    SmallVector<Value> parts;
    if (run.front().never) {
      parts.assign(run.size(), fill());
    } else if (!run.front().condition) {
      for (const ElementAccess &access : run)
        parts.push_back(load(access));
    } else {
      Value other = fill();
      auto branch = scf::IfOp::create(
          b, loc, run.front().condition,
          [&](OpBuilder &inner, Location) {
            OpBuilder::InsertionGuard guard(b);
            b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
            SmallVector<Value> loaded;
            for (const ElementAccess &access : run)
              loaded.push_back(load(access));
            scf::YieldOp::create(b, loc, loaded);
          },
          [&](OpBuilder &inner, Location) { scf::YieldOp::create(inner, loc, SmallVector<Value>(run.size(), other)); });
      parts.assign(branch.getResults().begin(), branch.getResults().end());
    }
    for (auto [access, part] : llvm::zip_equal(run, parts))
      for (auto [i, reg] : llvm::enumerate(access.registers))
        registers[reg] = width == 1 ? part : vector::ExtractOp::create(b, loc, part, int64_t(i)).getResult();
  }
  LaneTile tile{pack(registers, element), layout};
  bool staged = llvm::all_of(op->getUsers(), [](Operation *user) { return isa<lane::WriteOp>(user); });
  tiles.try_emplace(op.getResult(), staged ? tile : convert(tile, layoutFor(type.getShape())));
  return success();
}

LogicalResult LaneRewriter::rewriteStore(tiny::StoreOp op) {
  LaneTile tile = tileOf(op.getValue());
  auto type = cast<VectorType>(op.getValue().getType());
  Type element = type.getElementType();
  auto bufferType = cast<MemRefType>(op.getBuffer().getType());
  Value buffer = scalars.lookup(op.getBuffer());
  SmallVector<Value> offsets;
  for (Value offset : op.getOffsets())
    offsets.push_back(scalars.lookupOrDefault(offset));
  int64_t width, most = chip.vectorBytes / storageBytes(element);
  // What data places is written by the lanes that read what was there before.
  tile = convert(tile, op.getIndices().empty()
                           ? accessLayout(bufferType, op.getMap(), op.getMask(), op.getOffsets(), tile.layout)
                           : layoutFor(type.getShape()));
  SmallVector<DataIndex> indices =
      dataIndices(op.getIndices(), op.getLimits(), bufferType, op.getMap(), tile.layout, most);
  SmallVector<ElementAccess> accesses =
      accessesOf(bufferType, op.getMap(), op.getMask(), tile.layout, offsets, most, width, indices);
  buffer = flat(buffer);
  SmallVector<Value> registers = unpack(tile.lanes);
  Value first = firstReplica(tile.layout);
  auto store = [&](const ElementAccess &access) {
    Value address = expandIndex(b, loc, access.linear, access.base);
    if (width == 1) {
      memref::StoreOp::create(b, loc, registers[access.registers.front()], buffer, address);
      return;
    }
    SmallVector<Value> parts;
    for (unsigned reg : access.registers)
      parts.push_back(registers[reg]);
    auto part = vector::StoreOp::create(b, loc, pack(parts, element), buffer, address);
    part.setAlignment(width * storageBytes(element));
  };
  for (ArrayRef<ElementAccess> run : byCondition(accesses)) {
    if (run.front().never)
      continue;
    Value condition = run.front().condition;
    if (first)
      condition = condition ? arith::AndIOp::create(b, loc, condition, first).getResult() : first;
    OpBuilder::InsertionGuard guard(b);
    if (condition) {
      auto branch = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
      b.setInsertionPointToStart(branch.thenBlock());
    }
    for (const ElementAccess &access : run)
      store(access);
  }
  return success();
}

LogicalResult LaneRewriter::rewriteCopy(lane::CopyOp op) {
  auto sharedType = cast<MemRefType>(op.getShared().getType());
  Type element = sharedType.getElementType();
  auto bufferType = cast<MemRefType>(op.getBuffer().getType());
  Value buffer = scalars.lookup(op.getBuffer()), shared = scalars.lookup(op.getShared());
  Value slot = scalars.lookupOrDefault(op.getSlot());
  SmallVector<Value> offsets;
  for (Value offset : op.getOffsets())
    offsets.push_back(scalars.lookupOrDefault(offset));
  LinearLayout layout = copyLayout(op);
  int64_t width, most = chip.vectorBytes / storageBytes(element);
  SmallVector<ElementAccess> accesses = accessesOf(bufferType, op.getMap(), op.getMask(), layout, offsets, most, width);
  if (width * storageBytes(element) < 4)
    return op.emitOpError("expected runs of at least 4 bytes for an asynchronous copy, found ")
           << width * storageBytes(element);
  LinearLayout place = layout.compose(placements.find(shared)->second);
  buffer = flat(buffer);
  SmallVector<Value> tokens;
  Value first = firstReplica(layout);
  for (const ElementAccess &access : accesses) {
    LanePoint at = pointOf(place, access.registers.front(), {});
    Value target = b.createOrFold<arith::AddIOp>(loc, at.base[0], constant(at.constants[0]));
    Value source = expandIndex(b, loc, access.linear, access.base);
    Value count;
    if (access.never) {
      count = constant(0);
      source = constant(0);
    } else if (access.condition) {
      // Nothing is read where the mask fails; the address stays inside the buffer all the same.
      count = arith::SelectOp::create(b, loc, access.condition, constant(width), constant(0));
      source = arith::SelectOp::create(b, loc, access.condition, source, constant(0));
    }
    OpBuilder::InsertionGuard guard(b);
    scf::IfOp branch;
    if (first) {
      branch = scf::IfOp::create(b, loc, first, /*withElseRegion=*/false);
      b.setInsertionPointToStart(branch.thenBlock());
    }
    auto copy =
        nvgpu::DeviceAsyncCopyOp::create(b, loc, nvgpu::DeviceAsyncTokenType::get(b.getContext()), shared,
                                         ValueRange{slot, target}, buffer, ValueRange{source}, b.getIndexAttr(width),
                                         count, width * storageBytes(element) == 16 ? b.getUnitAttr() : UnitAttr());
    if (!first)
      tokens.push_back(copy);
  }
  copies[op.getToken()] = tokens;
  return success();
}
