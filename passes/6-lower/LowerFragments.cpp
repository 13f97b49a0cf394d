// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions by a matrix instruction. Sums are held as its fragments, from where they are made over the loop that
// carries them to where they are stored; operands are read fragment by fragment where they are used.

#include "passes/3-schedule/AddressForm.h"
#include "passes/6-lower/TileLowering.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// What a contraction adds to and gives, and what a loop makes of either.
void TileLowering::markFragments() {
  if (auto schedule = source->getAttrOfType<ScheduleAttr>("tiny.schedule"))
    unit = MatrixUnit::of(schedule.getInstruction().getValue());
  if (!unit)
    return;
  SmallVector<Value> work;
  source.walk([&](vector::ContractionOp contract) { work.append({contract.getAcc(), contract.getResult()}); });
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (!fragments.insert(value).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(value))
      if (auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp()))
        work.append({loop.getTiedLoopInit(argument)->get(), loop.getTiedLoopResult(argument)});
  }
}

// A load, or its bits, that only contractions by the unit use: it is read where they do.
bool TileLowering::isFragmentOperand(Operation *op) {
  return unit && isa<LoadOp, BitcastOp>(op) && llvm::all_of(op->getUsers(), [&](Operation *user) {
           return isa<vector::ContractionOp>(user) || (isa<BitcastOp>(user) && isFragmentOperand(user));
         });
}

static LoadOp loadOf(Value operand) {
  if (auto bits = operand.getDefiningOp<BitcastOp>())
    operand = bits.getInput();
  return operand.getDefiningOp<LoadOp>();
}

size_t TileLowering::countRegisters(Value tile) {
  ArrayRef<int64_t> shape = cast<VectorType>(tile.getType()).getShape();
  if (!isFragments(tile))
    return RegisterShape(shape).registers;
  return (shape[0] / unit->row().m) * (shape[1] / unit->row().n);
}

static SmallVector<int64_t> ones(size_t count) { return SmallVector<int64_t>(count, 1); }

// Where the tile's element at `coordinates` lies.
Value TileLowering::fragmentPointer(Location loc, Value buffer, ValueRange offsets, AffineMap map,
                                    ArrayRef<int64_t> coordinates) {
  auto type = cast<MemRefType>(buffer.getType());
  LanePoints points(b, loc, scalarsOf(offsets), RegisterShape(ones(coordinates.size())), coordinates, indexWidth);
  LanePoints::Split address = points.split(linearAddress(map, type.getShape()).toExpr(b.getContext()));
  return pointer(loc, scalars.lookup(buffer), memoryElement(type.getElementType()), points.scalar(address.base));
}

// Bytes between neighbours along the tile's first dimension.
static int64_t strideOf(Value buffer, AffineMap map) {
  auto type = cast<MemRefType>(buffer.getType());
  return linearAddress(map, type.getShape()).coefficient(0) * type.getElementTypeBitWidth() / 8;
}

void TileLowering::lowerFragmentsLoad(LoadOp load) {
  ArrayRef<int64_t> shape = cast<VectorType>(load.getType()).getShape();
  for (int64_t i = 0; i < shape[0]; i += unit->row().m)
    for (int64_t j = 0; j < shape[1]; j += unit->row().n)
      registers[load.getResult()].push_back(unit->loadC(
          b, load.getLoc(), fragmentPointer(load.getLoc(), load.getBuffer(), load.getOffsets(), load.getMap(), {i, j}),
          strideOf(load.getBuffer(), load.getMap())));
}

void TileLowering::lowerFragmentsStore(StoreOp store) {
  ArrayRef<int64_t> shape = cast<VectorType>(store.getValue().getType()).getShape();
  Registers values = registersOf(store.getValue());
  size_t next = 0;
  for (int64_t i = 0; i < shape[0]; i += unit->row().m)
    for (int64_t j = 0; j < shape[1]; j += unit->row().n)
      unit->storeC(b, store.getLoc(), values[next++],
                   fragmentPointer(store.getLoc(), store.getBuffer(), store.getOffsets(), store.getMap(), {i, j}),
                   strideOf(store.getBuffer(), store.getMap()));
}

// Rows (m, groups of k, group) by columns (groups of k, n, group), both straight from memory. The columns' fragments of
// one step are held while rows stream by.
LogicalResult TileLowering::lowerFragmentsContract(vector::ContractionOp contract) {
  LoadOp rows = loadOf(contract.getLhs()), columns = loadOf(contract.getRhs());
  const TensorCoreRow &row = unit->row();
  if (!rows || !columns || rows.getMask() || columns.getMask() || !isFragments(contract.getAcc()) ||
      cast<VectorType>(rows.getType()).getRank() != 3 || cast<VectorType>(columns.getType()).getRank() != 3 ||
      cast<VectorType>(rows.getType()).getDimSize(2) != unit->group())
    return contract.emitOpError("expected rows (m, k floordiv ")
           << unit->group() << ", k mod " << unit->group() << ") and columns (k floordiv " << unit->group()
           << ", n, k mod " << unit->group() << ") straight from a tiny.load for '" << row.name << "'";
  Location loc = contract.getLoc();
  ArrayRef<int64_t> shape = cast<VectorType>(contract.getAccType()).getShape();
  int64_t groups = cast<VectorType>(rows.getType()).getDimSize(1), step = row.k / unit->group();
  Registers sums = registersOf(contract.getAcc());
  for (int64_t k = 0; k < groups; k += step) {
    Registers held;
    for (int64_t n = 0; n < shape[1]; n += row.n)
      held.push_back(unit->loadB(
          b, loc, fragmentPointer(loc, columns.getBuffer(), columns.getOffsets(), columns.getMap(), {k, n, 0}),
          strideOf(columns.getBuffer(), columns.getMap())));
    size_t next = 0;
    for (int64_t m = 0; m < shape[0]; m += row.m) {
      Value a = unit->loadA(b, loc, fragmentPointer(loc, rows.getBuffer(), rows.getOffsets(), rows.getMap(), {m, k, 0}),
                            strideOf(rows.getBuffer(), rows.getMap()));
      for (Value column : held) {
        sums[next] = unit->multiply(b, loc, a, column, sums[next]);
        ++next;
      }
    }
  }
  registers[contract.getResult()] = sums;
  return success();
}
