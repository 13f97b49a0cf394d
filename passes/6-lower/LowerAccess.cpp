// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tiny.load and tiny.store of one register, by how its lanes lie in memory: together, apart by a stride or by a
// computed address, or all at one place. What a mask leaves out is not touched.

#include "passes/3-schedule/AddressForm.h"
#include "passes/4-tile/TileVariation.h"
#include "passes/6-lower/TileLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

Type TileLowering::memoryElement(Type element) {
  if (element.isInteger(1))
    return b.getI8Type();
  if (auto integer = dyn_cast<IntegerType>(element))
    return b.getIntegerType(integer.getWidth());
  // Narrow floats are moved as their bits: a target without such registers would widen and round them on the way.
  unsigned width = element.getIntOrFloatBitWidth();
  return width < 32 ? Type(b.getIntegerType(width)) : element;
}

Value TileLowering::fromMemory(Location loc, Value value, Type element) {
  auto type = VectorType::get(cast<VectorType>(value.getType()).getShape(), element);
  if (value.getType() == type)
    return value;
  if (element.isInteger(1)) {
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(value.getType()));
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, zero);
  }
  if (isa<FloatType>(element))
    return arith::BitcastOp::create(b, loc, type, value);
  return UnrealizedConversionCastOp::create(b, loc, TypeRange(type), value).getResult(0);
}

Value TileLowering::toMemory(Location loc, Value value) {
  auto type = cast<VectorType>(value.getType());
  auto memory = VectorType::get(type.getShape(), memoryElement(type.getElementType()));
  if (type == memory)
    return value;
  if (type.getElementType().isInteger(1))
    return arith::ExtUIOp::create(b, loc, memory, value);
  if (isa<FloatType>(type.getElementType()))
    return arith::BitcastOp::create(b, loc, memory, value);
  return UnrealizedConversionCastOp::create(b, loc, TypeRange(memory), value).getResult(0);
}

// The bits of `fill` as memory holds them.
static TypedAttr fillBits(OpBuilder &b, TypedAttr fill, Type element, Type memory) {
  if (!fill)
    return b.getZeroAttr(memory);
  if (auto real = dyn_cast<FloatAttr>(fill); real && element != memory)
    return b.getIntegerAttr(memory, real.getValue().bitcastToAPInt());
  if (auto integer = dyn_cast<IntegerAttr>(fill))
    return b.getIntegerAttr(memory, integer.getValue().zextOrTrunc(memory.getIntOrFloatBitWidth()));
  return fill;
}

Value TileLowering::pointer(Location loc, Value buffer, Type element, Value index) {
  Value wide = arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
  return LLVM::GEPOp::create(b, loc, buffer.getType(), element, buffer, ValueRange(wide));
}

// Strides up to this are read as one piece of memory.
static constexpr int64_t kShortStride = 4;

static unsigned bytesOf(Type element) { return element.getIntOrFloatBitWidth() / 8; }

static AddressForm addressOf(AffineMap map, Value buffer) {
  return linearAddress(map, cast<MemRefType>(buffer.getType()).getShape());
}

// One element for all lanes (or of one lane), as a vector of one; where `condition` (i1, may be null) fails, the
// buffer's first element is read in its place.
static Value loadOne(OpBuilder &b, Location loc, Value index, Value condition, function_ref<Value(Value)> pointer,
                     Type element) {
  if (condition)
    index = arith::SelectOp::create(b, loc, condition, index, arith::ConstantIndexOp::create(b, loc, 0));
  return LLVM::LoadOp::create(b, loc, VectorType::get({1}, element), pointer(index), bytesOf(element));
}

// Positions that are data, and the range checks that go with them.
void TileLowering::addIndices(LanePoints &points, LanePoints::Mask &mask, ValueRange indices, ArrayRef<int64_t> limits,
                              const RegisterShape &shape, int64_t number) {
  for (auto [index, limit] : llvm::zip_equal(indices, limits)) {
    bool uniform = shape.lanes == 1 || !variesAlong(index, shape.lane);
    Value inside = points.addIndex(registersOf(index)[number], uniform, limit);
    Value &all = uniform ? mask.uniform : mask.lanes;
    all = all ? arith::AndIOp::create(b, index.getLoc(), all, inside).getResult() : inside;
  }
}

Value TileLowering::loadRegister(LoadOp load, const RegisterShape &shape, ArrayRef<int64_t> coordinates) {
  Location loc = load.getLoc();
  Value buffer = scalars.lookup(load.getBuffer());
  Type element = cast<VectorType>(load.getType()).getElementType(), memory = memoryElement(element);
  auto memoryType = VectorType::get({shape.lanes}, memory);
  LanePoints points(b, loc, scalarsOf(load.getOffsets()), shape, coordinates, indexWidth);
  LanePoints::Mask mask = points.mask(load.getMask().value_or(IntegerSet()));
  addIndices(points, mask, load.getIndices(), load.getLimits(), shape, shape.registerOf(coordinates));
  LanePoints::Split address =
      points.split(addressOf(symbolsAsDims(load.getMap()), load.getBuffer()).toExpr(b.getContext()));
  auto fill = SplatElementsAttr::get(
      memoryType, static_cast<Attribute>(fillBits(b, load.getFill().value_or(TypedAttr()), element, memory)));
  Value base = points.scalar(address.base);
  auto at = [&](Value index) { return pointer(loc, buffer, memory, index); };

  if (!address.varies() || shape.lanes == 1) {
    if (address.bent) {
      Value one = points.vector(address, false);
      Value rest = vector::ExtractOp::create(b, loc, one, ArrayRef<int64_t>{0});
      base = arith::AddIOp::create(b, loc, base, arith::IndexCastOp::create(b, loc, b.getIndexType(), rest));
    }
    Value condition = mask.uniform;
    if (mask.lanes) {
      Value some = vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, mask.lanes);
      condition = condition ? arith::AndIOp::create(b, loc, condition, some).getResult() : some;
    }
    Value value = loadOne(b, loc, base, condition, at, memory);
    if (shape.lanes > 1) {
      Value one = vector::ExtractOp::create(b, loc, value, ArrayRef<int64_t>{0});
      value = vector::BroadcastOp::create(b, loc, memoryType, one);
    }
    if (Value lanes = points.asVector(mask))
      value = arith::SelectOp::create(b, loc, lanes, value, arith::ConstantOp::create(b, loc, fill));
    return fromMemory(loc, value, element);
  }
  // A short stride: everything from the first to the last lane's element, under a mask that leaves out what lies
  // between, is quicker than a gather. There are no gathers of narrow elements at all, but masks for them only with
  // registers of 64 bytes.
  if (load.getIndices().empty() && !address.bent && address.stride > 1 && address.stride <= kShortStride &&
      (bytesOf(memory) >= 4 || masksNarrow)) {
    int64_t stride = address.stride;
    auto wideType = VectorType::get({shape.lanes * stride}, memory);
    SmallVector<bool> firsts;
    SmallVector<int64_t> chosen;
    for (int64_t i = 0; i < shape.lanes * stride; ++i)
      firsts.push_back(i % stride == 0);
    for (int64_t i = 0; i < shape.lanes; ++i)
      chosen.push_back(i * stride);
    LanePoints wide(b, loc, scalarsOf(load.getOffsets()), shape, coordinates, indexWidth, stride);
    auto wideMask = VectorType::get({shape.lanes * stride}, b.getI1Type());
    Value touched = arith::ConstantOp::create(b, loc, cast<TypedAttr>(DenseElementsAttr::get(wideMask, firsts)));
    if (Value inside = wide.asVector(wide.mask(load.getMask().value_or(IntegerSet()))))
      touched = arith::AndIOp::create(b, loc, touched, inside);
    auto wideFill = SplatElementsAttr::get(wideType, fill.getSplatValue<Attribute>());
    Value all =
        LLVM::MaskedLoadOp::create(b, loc, wideType, at(base), touched, arith::ConstantOp::create(b, loc, wideFill),
                                   b.getI32IntegerAttr(bytesOf(memory)));
    return fromMemory(loc, vector::ShuffleOp::create(b, loc, all, all, chosen), element);
  }
  Value lanes = points.asVector(mask);
  Value value;
  if (!address.bent && address.stride == 1) {
    if (!lanes)
      return fromMemory(loc, LLVM::LoadOp::create(b, loc, memoryType, at(base), bytesOf(memory)), element);
    value = LLVM::MaskedLoadOp::create(b, loc, memoryType, at(base), lanes, arith::ConstantOp::create(b, loc, fill),
                                       b.getI32IntegerAttr(bytesOf(memory)));
  } else {
    auto pointers = VectorType::get({shape.lanes}, buffer.getType());
    Value index = points.vector(address, false);
    Value all = LLVM::GEPOp::create(b, loc, pointers, memory, at(base), ValueRange(index));
    Value every = lanes;
    if (!every)
      every = arith::ConstantOp::create(
          b, loc, cast<TypedAttr>(DenseElementsAttr::get(VectorType::get({shape.lanes}, b.getI1Type()), true)));
    Value otherwise = arith::ConstantOp::create(b, loc, fill);
    value = LLVM::masked_gather::create(b, loc, memoryType, all, every, ValueRange(otherwise),
                                        b.getI32IntegerAttr(bytesOf(memory)));
  }
  return fromMemory(loc, value, element);
}

void TileLowering::lowerLoad(LoadOp load) {
  if (isFragments(load))
    return lowerFragmentsLoad(load);
  // The rows of a contraction are read one element at a time, where they are used; so are a matrix unit's operands.
  if (isFragmentOperand(load) || llvm::all_of(load->getUses(), [](OpOperand &use) {
        return isa<vector::ContractionOp>(use.getOwner()) && use.getOperandNumber() == 0;
      }))
    return;
  RegisterShape shape(cast<VectorType>(load.getType()).getShape());
  Registers results;
  for (int64_t r = 0; r < shape.registers; ++r)
    results.push_back(loadRegister(load, shape, shape.coordinates(r)));
  registers[load.getResult()] = results;
}

Value TileLowering::loadScalar(LoadOp load, ArrayRef<int64_t> coordinates) {
  SmallVector<int64_t> one(coordinates.size(), 1);
  Value value = loadRegister(load, RegisterShape(one), coordinates);
  return vector::ExtractOp::create(b, load.getLoc(), value, ArrayRef<int64_t>{0});
}

void TileLowering::storeRegister(StoreOp store, const RegisterShape &shape, int64_t index) {
  Location loc = store.getLoc();
  Value buffer = scalars.lookup(store.getBuffer());
  Value value = toMemory(loc, registersOf(store.getValue())[index]);
  auto memoryType = cast<VectorType>(value.getType());
  Type memory = memoryType.getElementType();
  LanePoints points(b, loc, scalarsOf(store.getOffsets()), shape, shape.coordinates(index), indexWidth);
  LanePoints::Mask mask = points.mask(store.getMask().value_or(IntegerSet()));
  addIndices(points, mask, store.getIndices(), store.getLimits(), shape, index);
  LanePoints::Split address =
      points.split(addressOf(symbolsAsDims(store.getMap()), store.getBuffer()).toExpr(b.getContext()));
  Value lanes = points.asVector(mask);
  Value base = pointer(loc, buffer, memory, points.scalar(address.base));
  if (!address.bent && (address.stride == 1 || shape.lanes == 1)) {
    if (lanes)
      LLVM::MaskedStoreOp::create(b, loc, value, base, lanes, b.getI32IntegerAttr(bytesOf(memory)));
    else
      LLVM::StoreOp::create(b, loc, value, base, bytesOf(memory));
    return;
  }
  auto pointers = VectorType::get({shape.lanes}, buffer.getType());
  Value all = LLVM::GEPOp::create(b, loc, pointers, memory, base, ValueRange(points.vector(address, false)));
  if (!lanes)
    lanes = arith::ConstantOp::create(
        b, loc, cast<TypedAttr>(DenseElementsAttr::get(VectorType::get({shape.lanes}, b.getI1Type()), true)));
  LLVM::masked_scatter::create(b, loc, value, all, lanes, b.getI32IntegerAttr(bytesOf(memory)));
}

void TileLowering::lowerStore(StoreOp store) {
  if (isFragments(store.getValue()))
    return lowerFragmentsStore(store);
  RegisterShape shape(cast<VectorType>(store.getValue().getType()).getShape());
  for (int64_t r = 0; r < shape.registers; ++r)
    storeRegister(store, shape, r);
}
