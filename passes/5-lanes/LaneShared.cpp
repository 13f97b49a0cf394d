// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles in shared memory: where they stand, how lanes write and read them, and changes of layout through them.

#include "passes/5-lanes/LaneRewriter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tinyc;

Value LaneRewriter::allocateShared(int64_t slots, int64_t elements, Type element) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(entry);
  auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto type = MemRefType::get({slots, elements}, element, AffineMap(), space);
  return memref::AllocaOp::create(b, loc, type, b.getI64IntegerAttr(16));
}

static SmallVector<unsigned> vectorOrder(unsigned first, const VectorBits &vector) {
  SmallVector<unsigned> registers;
  for (unsigned i = 0; i < 1u << vector.size(); ++i) {
    unsigned reg = first;
    for (unsigned bit = 0; bit < vector.size(); ++bit)
      reg |= (i >> bit & 1) << vector[bit];
    registers.push_back(reg);
  }
  return registers;
}

static unsigned maskOf(ArrayRef<unsigned> bits) {
  unsigned mask = 0;
  for (unsigned bit : bits)
    mask |= 1u << bit;
  return mask;
}

void LaneRewriter::writeShared(const LaneTile &tile, Value shared, Value slot, const LinearLayout &placement) {
  Type element = cast<VectorType>(tile.lanes.getType()).getElementType();
  LinearLayout offsets = tile.layout.compose(placement);
  VectorBits vector;
  if (element.getIntOrFloatBitWidth() >= 8)
    vector = vectorBits(offsets, 16 / storageBytes(element));
  SmallVector<Value> registers = unpack(tile.lanes);
  OpBuilder::InsertionGuard guard(b);
  if (Value first = firstReplica(tile.layout)) {
    auto branch = scf::IfOp::create(b, loc, first, /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
  }
  for (unsigned reg = 0; reg < registers.size(); ++reg) {
    if (reg & maskOf(vector))
      continue;
    LanePoint at = pointOf(offsets, reg, {});
    Value offset = b.createOrFold<arith::AddIOp>(loc, at.base[0], constant(at.constants[0]));
    if (vector.empty()) {
      memref::StoreOp::create(b, loc, registers[reg], shared, ValueRange{slot, offset});
      continue;
    }
    SmallVector<Value> parts;
    for (unsigned part : vectorOrder(reg, vector))
      parts.push_back(registers[part]);
    auto store = vector::StoreOp::create(b, loc, pack(parts, element), shared, ValueRange{slot, offset});
    store.setAlignment(storageBytes(element) << vector.size());
  }
}

Value LaneRewriter::readMatrices(Value shared, Value slot, const LinearLayout &offsets, const MatrixLoad &load,
                                 Type element, int64_t fixedBits, int64_t fixed) {
  int64_t matrices = int64_t(1) << load.matrixBits.size();
  // The address a lane gives is linear in its number too: the row within a matrix, then the matrix.
  SmallVector<std::pair<unsigned, int64_t>> bases;
  int64_t threadMask = 0;
  for (unsigned bit = 0; bit < 5; ++bit)
    bases.push_back({bit, load.addressOfLane[bit]});
  for (unsigned bit = 0; bit < offsets.bits(kWarp); ++bit)
    bases.push_back({5 + bit, offsets.flatBasis(kWarp, bit)});
  for (auto [bit, basis] : bases)
    threadMask |= basis;
  Value own = linearOfThread(bases);
  SmallVector<Value> registers(offsets.size(kRegister));
  unsigned inside = maskOf(load.matrixBits) | 1u << load.pairBit;
  for (unsigned first = 0; first < registers.size(); ++first) {
    if (first & inside || (first & fixedBits) != fixed)
      continue;
    int64_t at = offsets.applyFlat({{kRegister, first}});
    Value address = threadMask & at ? b.createOrFold<arith::XOrIOp>(loc, own, constant(at))
                                    : b.createOrFold<arith::AddIOp>(loc, own, constant(at));
    auto type = VectorType::get({matrices, 2}, element);
    Value loaded = nvgpu::LdMatrixOp::create(b, loc, type, shared, ValueRange{slot, address},
                                             b.getBoolAttr(load.transpose), b.getI32IntegerAttr(matrices));
    for (int64_t matrix = 0; matrix < matrices; ++matrix)
      for (int64_t pair = 0; pair < 2; ++pair) {
        unsigned reg = first | static_cast<unsigned>(pair) << load.pairBit;
        for (unsigned bit = 0; bit < load.matrixBits.size(); ++bit)
          reg |= (matrix >> bit & 1) << load.matrixBits[bit];
        registers[reg] = vector::ExtractOp::create(b, loc, loaded, ArrayRef<int64_t>{matrix, pair});
      }
  }
  llvm::erase(registers, Value());
  return pack(registers, element);
}

int64_t LaneRewriter::joinedBits(const LinearLayout &offsets, Type element) const {
  if (chip.matrixLoads)
    if (std::optional<MatrixLoad> load = matrixLoad(offsets, storageBytes(element)))
      return maskOf(load->matrixBits) | int64_t(1) << load->pairBit;
  return element.getIntOrFloatBitWidth() >= 8 ? maskOf(vectorBits(offsets, 16 / storageBytes(element))) : 0;
}

LaneTile LaneRewriter::readShared(Value shared, Value slot, const LinearLayout &placement, const LinearLayout &layout,
                                  Type element, int64_t fixedBits, int64_t fixed) {
  LinearLayout offsets = layout.compose(placement);
  if (chip.matrixLoads)
    if (std::optional<MatrixLoad> load = matrixLoad(offsets, storageBytes(element)))
      return {readMatrices(shared, slot, offsets, *load, element, fixedBits, fixed), layout};
  VectorBits vector;
  if (element.getIntOrFloatBitWidth() >= 8)
    vector = vectorBits(offsets, 16 / storageBytes(element));
  SmallVector<Value> registers(offsets.size(kRegister));
  for (unsigned reg = 0; reg < registers.size(); ++reg) {
    if (reg & maskOf(vector) || (reg & fixedBits) != fixed)
      continue;
    LanePoint at = pointOf(offsets, reg, {});
    Value offset = b.createOrFold<arith::AddIOp>(loc, at.base[0], constant(at.constants[0]));
    if (vector.empty()) {
      registers[reg] = memref::LoadOp::create(b, loc, shared, ValueRange{slot, offset});
      continue;
    }
    auto type = VectorType::get({int64_t(1) << vector.size()}, element);
    auto loaded = vector::LoadOp::create(b, loc, type, shared, ValueRange{slot, offset});
    loaded.setAlignment(storageBytes(element) << vector.size());
    for (auto [i, part] : llvm::enumerate(vectorOrder(reg, vector)))
      registers[part] = vector::ExtractOp::create(b, loc, loaded, static_cast<int64_t>(i));
  }
  llvm::erase(registers, Value());
  return {pack(registers, element), layout};
}

LinearLayout LaneRewriter::stagedPlacement(memref::AllocaOp op) const {
  auto type = cast<MemRefType>(op.getType());
  ArrayRef<int64_t> shape = type.getShape().drop_front();
  int64_t bytes = storageBytes(type.getElementType());
  SmallVector<SharedAccess, 2> accesses;
  for (Operation *user : op->getUsers()) {
    if (auto copy = dyn_cast<lane::CopyOp>(user)) {
      LinearLayout layout = copyLayout(copy);
      AffineExpr linear = linearAddress(cast<MemRefType>(copy.getBuffer().getType()), copy.getMap());
      int64_t width = chip.vectorBytes / bytes, fastest = contiguousDim(linear, shape.size()).value_or(0);
      unsigned run = 0;
      while (run < layout.bits(kRegister) && layout.basis(kRegister, run)[fastest] == int64_t(1) << run)
        ++run;
      accesses.push_back({layout, false, std::min(width, int64_t(1) << run), fastest});
    } else if (auto write = dyn_cast<lane::WriteOp>(user)) {
      auto load = write.getTile().getDefiningOp<tiny::LoadOp>();
      accesses.push_back({load ? loadLayout(load) : layoutFor(shape)});
    } else if (auto read = dyn_cast<lane::ReadOp>(user)) {
      accesses.push_back({readLayout(read), chip.matrixLoads});
    }
  }
  return choosePlacement(shape, accesses, bytes);
}

// Register r of the result is register `table[r]` of the source, where lanes and warps hold the same in both.
static std::optional<SmallVector<int64_t>> registerTable(const LinearLayout &from, const LinearLayout &to) {
  for (StringRef name : {StringRef(kLane), StringRef(kWarp)})
    for (unsigned bit = 0; bit < std::max(from.bits(name), to.bits(name)); ++bit)
      if (bit >= from.bits(name) || bit >= to.bits(name) || from.basis(name, bit) != to.basis(name, bit))
        return std::nullopt;
  llvm::DenseMap<int64_t, int64_t> at;
  for (int64_t reg = 0; reg < from.size(kRegister); ++reg)
    at.try_emplace(from.applyFlat({{kRegister, reg}}), reg);
  SmallVector<int64_t> table;
  for (int64_t reg = 0; reg < to.size(kRegister); ++reg) {
    auto found = at.find(to.applyFlat({{kRegister, reg}}));
    if (found == at.end())
      return std::nullopt;
    table.push_back(found->second);
  }
  return table;
}

LaneTile LaneRewriter::convert(const LaneTile &tile, const LinearLayout &layout) {
  if (tile.layout == layout)
    return tile;
  Type element = cast<VectorType>(tile.lanes.getType()).getElementType();
  if (auto splat = tile.lanes.getDefiningOp<tiny::ConstOp>())
    if (auto dense = dyn_cast<SplatElementsAttr>(splat.getValue())) {
      auto type = VectorType::get({layout.size(kRegister)}, element);
      return {tiny::ConstOp::create(b, loc, dense.resizeSplat(type)), layout};
    }
  if (std::optional<SmallVector<int64_t>> table = registerTable(tile.layout, layout)) {
    SmallVector<Value> from = unpack(tile.lanes), to;
    for (int64_t reg : *table)
      to.push_back(from[reg]);
    return {pack(to, element), layout};
  }
  LinearLayout placement = choosePlacement(
      tile.layout.shape(), {SharedAccess{tile.layout}, SharedAccess{layout, chip.matrixLoads}}, storageBytes(element));
  Value shared = allocateShared(1, tile.layout.elements(), element);
  writeShared(tile, shared, constant(0), placement);
  return readShared(shared, constant(0), placement, layout, element);
}
