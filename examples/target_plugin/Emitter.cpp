// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Executes what is known at compile time of a tiled function, and writes down the rest: loops, conditions and offsets
// are computed here, with the unit's number given; what works on tiles becomes commands.
//
//   %a = tiny.load %x[%i, %k] by #map : ..      load   ch0 [0x0] = arg0 + 128, 8 x 32 bytes
//   %b = tiny.load %w[%j, %k] by #map : ..      load   ch1 [0x100] = arg1 + 0, 8 x 32 bytes
//   %s = vector.contract %a, %b, %c : ..        wait   ch0
//                                               wait   ch1
//                                               matmul [0x200] += [0x0] * [0x100]
//
// A tile has its place in the scratchpad as long as something holds it: values that are still needed, and channels that
// have not been waited for. Loads are waited for where their tile is first used, so that several are on their way at
// once.

#include "Emission.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace emission;

std::optional<npu::Type> Emitter::typeOf(Operation *op, Type type) {
  Type element = tiny::elementType(type);
  if (element.isInteger(1))
    return npu::Type::Bool;
  if (element.isSignlessInteger(8))
    return npu::Type::I8;
  if (element.isSignlessInteger(32))
    return npu::Type::I32;
  if (element.isF32())
    return npu::Type::F32;
  op->emitError("the NPU has elements of i1, i8, i32 and f32; found ") << element;
  return std::nullopt;
}

TileRef Emitter::allocate(Operation *op, Type type) {
  std::optional<npu::Type> element = typeOf(op, type);
  if (!element)
    return nullptr;
  uint32_t bytes = llvm::alignTo(cast<ShapedType>(type).getNumElements() * npu::sizeOf(*element), 64);
  // Channels hold what they have not moved yet.
  std::optional<uint32_t> address = scratch.take(std::max(bytes, 64u));
  for (unsigned c = 0; c < npu::kChannels && !address; ++c) {
    wait(c);
    address = scratch.take(std::max(bytes, 64u));
  }
  if (!address) {
    op->emitError("the tiles of this kernel do not fit into the NPU's scratchpad of ")
        << npu::kScratchBytes << " bytes";
    return nullptr;
  }
  return std::make_shared<Tile>(scratch, *address, std::max(bytes, 64u));
}

// A tile that is about to be used: what brings it has to be done.
TileRef Emitter::tile(Value value) {
  TileRef found = tiles.lookup(value);
  if (found->arriving >= 0)
    wait(found->arriving);
  return found;
}

void Emitter::wait(unsigned c) {
  if (!busy[c])
    return;
  add(npu::Op::Wait).code = c;
  busy[c] = false;
  for (TileRef &moved : held[c])
    moved->arriving = -1;
  held[c].clear();
}

unsigned Emitter::nextChannel() {
  channel = (channel + 1) % npu::kChannels;
  wait(channel);
  busy[channel] = true;
  return channel;
}

// Rows [.., M, K] and columns [.., N, K] of bytes, sums [.., M, N]: in steps of the matrix unit's tile.
LogicalResult Emitter::emitContract(vector::ContractionOp contract) {
  auto rowsType = contract.getLhsType();
  auto columnsType = contract.getRhsType();
  auto sumsType = cast<VectorType>(contract.getAccType());
  int64_t depth = rowsType.getShape().back(), m = sumsType.getShape().take_back(2)[0], n = sumsType.getShape().back();
  if (!rowsType.getElementType().isSignlessInteger(8) || !columnsType.getElementType().isSignlessInteger(8) ||
      !sumsType.getElementType().isSignlessInteger(32) || m % npu::kTile || n % npu::kTile || depth % npu::kDepth ||
      rowsType.getNumElements() != m * depth || columnsType.getNumElements() != n * depth)
    return contract.emitError("the NPU multiplies i8 in tiles of 8x8x32 into i32, found ")
           << rowsType << " and " << columnsType << " into " << sumsType;
  TileRef rows = tile(contract.getLhs()), columns = tile(contract.getRhs()), sums = tile(contract.getAcc());
  // The sums stay where they are, unless somebody needs the old ones.
  if (!contract.getAcc().hasOneUse()) {
    TileRef copy = allocate(contract, sumsType);
    if (!copy)
      return failure();
    npu::Command &move = add(npu::Op::Move);
    move.a = copy->address;
    move.b = sums->address;
    move.run = m * n * 4;
    move.rows = 1;
    sums = copy;
  }
  for (int64_t i = 0; i < m; i += npu::kTile)
    for (int64_t j = 0; j < n; j += npu::kTile)
      for (int64_t k = 0; k < depth; k += npu::kDepth) {
        npu::Command &multiply = add(npu::Op::MatMul);
        multiply.a = sums->address + (i * n + j) * 4;
        multiply.b = rows->address + i * depth + k;
        multiply.c = columns->address + j * depth + k;
        multiply.run = n * 4;
        multiply.farStride = depth;
        multiply.nearStride = depth;
      }
  tiles[contract.getResult()] = sums;
  return success();
}

LogicalResult Emitter::emitReduce(tiny::ReduceOp reduce) {
  ArrayRef<int64_t> shape = cast<VectorType>(reduce.getInput().getType()).getShape(), dims = reduce.getDims();
  for (auto [i, dim] : llvm::enumerate(dims))
    if (dim != dims.front() + static_cast<int64_t>(i))
      return reduce.emitError("the NPU reduces dimensions that follow each other");
  TileRef from = tile(reduce.getInput()), to = allocate(reduce, reduce.getType());
  if (!to)
    return failure();
  tiles[reduce.getResult()] = to;
  npu::Command &command = add(npu::Op::Reduce);
  command.type = *typeOf(reduce, reduce.getType());
  command.code = static_cast<uint8_t>(reduce.getKind() == tiny::ReduceKind::Sum    ? npu::Kind::Sum
                                      : reduce.getKind() == tiny::ReduceKind::Prod ? npu::Kind::Prod
                                                                                   : npu::Kind::Max);
  command.a = to->address;
  command.b = from->address;
  command.run = ShapedType::getNumElements(shape.take_front(dims.front()));
  command.rows = ShapedType::getNumElements(shape.slice(dims.front(), dims.size()));
  command.nearStride = ShapedType::getNumElements(shape.drop_front(dims.back() + 1));
  return success();
}

// Bytes of the code: each distinct constant once.
LogicalResult Emitter::emitConstant(Value result, ArrayRef<uint8_t> bytes) {
  TileRef to = allocate(result.getDefiningOp(), result.getType());
  if (!to)
    return failure();
  tiles[result] = to;
  auto found = std::search(module.constants.begin(), module.constants.end(), bytes.begin(), bytes.end());
  npu::Command &load = add(npu::Op::Load);
  load.argument = npu::kConstants;
  load.a = to->address;
  load.run = bytes.size();
  load.rows = 1;
  load.far = found - module.constants.begin();
  if (found == module.constants.end())
    module.constants.insert(module.constants.end(), bytes.begin(), bytes.end());
  return success();
}

static std::optional<npu::Function> functionOf(tiny::Function function) {
  switch (function) {
#define CASE(NAME)                                                                                                     \
  case tiny::Function::NAME:                                                                                           \
    return npu::Function::NAME
    CASE(Add);
    CASE(Mul);
    CASE(Div);
    CASE(Max);
    CASE(CmpLt);
    CASE(CmpEq);
    CASE(And);
    CASE(Or);
    CASE(Xor);
    CASE(Where);
    CASE(Sqrt);
    CASE(Exp);
    CASE(Exp2);
    CASE(RoundEven);
    CASE(RoundFloor);
    CASE(RoundCeil);
    CASE(RoundTrunc);
    CASE(Cast);
#undef CASE
  default:
    return std::nullopt;
  }
}

LogicalResult Emitter::emitElementwise(Operation *op, tiny::Elementwise what) {
  std::optional<npu::Function> function = functionOf(what.function);
  if (!function)
    return op->emitError("the NPU's vector unit has no '") << op->getName().stripDialect() << "'";
  // All operands first: each is waited for before the command.
  SmallVector<TileRef> operands;
  for (Value operand : op->getOperands())
    operands.push_back(tile(operand));
  std::optional<npu::Type> from = typeOf(op, op->getOperands().back().getType()),
                           to = typeOf(op, op->getResult(0).getType());
  TileRef result = from && to ? allocate(op, op->getResult(0).getType()) : nullptr;
  if (!result)
    return failure();
  tiles[op->getResult(0)] = result;
  npu::Command &map = add(npu::Op::Map);
  map.code = static_cast<uint8_t>(*function);
  map.type = *from;
  map.to = *to;
  map.a = result->address;
  uint32_t *places[] = {&map.b, &map.c, &map.d};
  for (auto [place, operand] : llvm::zip(places, operands))
    *place = operand->address;
  map.run = cast<VectorType>(op->getResult(0).getType()).getNumElements();
  return success();
}

LogicalResult Emitter::emitFor(scf::ForOp loop) {
  SmallVector<TileRef> carried;
  for (Value init : loop.getInitArgs())
    carried.push_back(tile(init));
  // A value that starts the loop and is needed after it must not be changed in place.
  for (auto [init, place] : llvm::zip(loop.getInitArgs(), carried))
    if (!init.hasOneUse())
      return loop.emitError("expected values carried by a loop to be used by it alone");
  for (int64_t i = number(loop.getLowerBound()); i < number(loop.getUpperBound()); i += number(loop.getStep())) {
    numbers[loop.getInductionVar()] = i;
    for (auto [argument, place] : llvm::zip(loop.getRegionIterArgs(), carried))
      tiles[argument] = place;
    carried.clear();
    if (failed(emitBlock(*loop.getBody())))
      return failure();
    for (Value next : loop.getBody()->getTerminator()->getOperands())
      carried.push_back(tile(next));
  }
  for (auto [result, place] : llvm::zip(loop.getResults(), carried))
    tiles[result] = place;
  return success();
}

LogicalResult Emitter::emit(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](arith::ConstantOp constant) -> LogicalResult {
        auto integer = dyn_cast<IntegerAttr>(constant.getValue());
        if (!integer)
          return op->emitError("the NPU's emitter knows constants of integers outside of tiles only");
        numbers[constant.getResult()] = integer.getValue().getSExtValue();
        return success();
      })
      .Case<affine::AffineApplyOp, affine::AffineMinOp>([&](auto apply) {
        SmallVector<int64_t> operands;
        for (Value operand : apply.getOperands())
          operands.push_back(number(operand));
        int64_t least = std::numeric_limits<int64_t>::max();
        for (AffineExpr result : apply.getAffineMap().getResults())
          least = std::min(least, evaluate(result, operands));
        numbers[apply.getResult()] = least;
        return success();
      })
      .Case([&](arith::CmpIOp compare) {
        numbers[compare.getResult()] =
            arith::applyCmpPredicate(compare.getPredicate(), APInt(64, number(compare.getLhs()), true),
                                     APInt(64, number(compare.getRhs()), true));
        return success();
      })
      .Case([&](scf::IfOp branch) -> LogicalResult {
        if (branch.getNumResults() != 0)
          return op->emitError("the NPU's emitter knows conditions without results only");
        if (number(branch.getCondition()))
          return emitBlock(*branch.thenBlock());
        return branch.elseBlock() ? emitBlock(*branch.elseBlock()) : success();
      })
      .Case([&](scf::ForOp loop) { return emitFor(loop); })
      .Case([&](memref::AllocaOp buffer) {
        tiles[buffer.getResult()] = allocate(op, buffer.getType());
        return success(tiles[buffer.getResult()] != nullptr);
      })
      .Case([&](tiny::LoadOp load) { return emitLoad(load); })
      .Case([&](tiny::StoreOp store) { return emitStore(store); })
      .Case([&](tiny::ViewOp view) { return emitView(view); })
      .Case([&](tiny::ReduceOp reduce) { return emitReduce(reduce); })
      .Case([&](vector::ContractionOp contract) { return emitContract(contract); })
      .Case([&](tiny::ConstOp constant) -> LogicalResult {
        auto lanes = tiny::lanesOf(constant.getValue());
        auto element = tiny::elementOf(constant.getType());
        std::optional<npu::Type> type = typeOf(op, constant.getType());
        if (!lanes || !type)
          return failure();
        std::vector<uint8_t> bytes(lanes->size() * npu::sizeOf(*type));
        tiny::encode(*element, lanes->data(), lanes->size(), reinterpret_cast<std::byte *>(bytes.data()));
        if (lanes->size() > 1)
          return emitConstant(constant.getResult(), bytes);
        TileRef to = allocate(op, constant.getType());
        if (!to)
          return failure();
        tiles[constant.getResult()] = to;
        npu::Command &fill = add(npu::Op::Fill);
        fill.type = *type;
        fill.a = to->address;
        fill.run = cast<VectorType>(constant.getType()).getNumElements();
        std::memcpy(&fill.far, bytes.data(), bytes.size());
        return success();
      })
      .Case([&](tiny::IotaOp iota) -> LogicalResult {
        auto type = cast<VectorType>(iota.getType());
        std::optional<npu::Type> element = typeOf(op, type);
        if (!element)
          return failure();
        SmallVector<int64_t> offsets;
        for (Value offset : iota.getOffsets())
          offsets.push_back(number(offset));
        std::vector<uint8_t> bytes(type.getNumElements() * npu::sizeOf(*element));
        auto as = *tiny::elementOf(type);
        forEachPoint(type.getShape(), offsets, [&](ArrayRef<int64_t> point, int64_t i) {
          int64_t value = evaluate(iota.getMap().getResult(0), point);
          tiny::Lane lane;
          if (tiny::isFloat(as))
            lane.f = value;
          else
            lane.i = value;
          tiny::encode(as, &lane, 1, reinterpret_cast<std::byte *>(&bytes[i * npu::sizeOf(*element)]));
        });
        return emitConstant(iota.getResult(), bytes);
      })
      .Default([&](Operation *) -> LogicalResult {
        if (std::optional<tiny::Elementwise> what = tiny::elementwiseOf(op))
          return emitElementwise(op, *what);
        return op->emitError("the NPU's emitter has no '") << op->getName() << "'";
      });
}

LogicalResult Emitter::emitBlock(Block &block) {
  for (Operation &op : block.without_terminator()) {
    if (failed(emit(&op)))
      return failure();
    // A tile's place is free after the last use of its value in the block that defines it.
    for (Value operand : op.getOperands())
      if (operand.getParentBlock() == &block && llvm::all_of(operand.getUsers(), [&](Operation *user) {
            Operation *here = block.findAncestorOpInBlock(*user);
            return here && !op.isBeforeInBlock(here);
          }))
        tiles.erase(operand);
  }
  return success();
}

LogicalResult Emitter::run(int64_t unit) {
  numbers[function.getArguments().back()] = unit;
  if (failed(emitBlock(function.getBody().front())))
    return failure();
  for (unsigned c = 0; c < npu::kChannels; ++c)
    wait(c);
  return success();
}

FailureOr<npu::Kernel> npu::emitKernel(func::FuncOp function, int64_t units, Module &module) {
  // A stream has every loop written out.
  constexpr size_t kMostCommands = 1 << 20;
  Kernel kernel;
  kernel.symbol = function.getSymName().str();
  size_t commands = 0;
  for (int64_t unit = 0; unit < units; ++unit) {
    Emitter emitter(function, module);
    if (failed(emitter.run(unit)))
      return failure();
    commands += emitter.commands.size();
    if (commands > kMostCommands)
      return function.emitError("expected at most ") << kMostCommands << " commands in a kernel of the NPU, found more";
    kernel.units.push_back(std::move(emitter.commands));
  }
  return kernel;
}
