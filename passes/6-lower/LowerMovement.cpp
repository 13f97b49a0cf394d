// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that move elements between registers or combine them: views, reductions, contractions.

#include "passes/6-lower/TileLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// A matrix of registers by lanes, turned. Interleaving the lower with the upper half of the registers moves the top bit
// of an element's number to the bottom; after log2(registers) rounds the number (register, lane) is (lane, register).
static SmallVector<Value> turnRegisters(OpBuilder &b, Location loc, SmallVector<Value> rows) {
  int64_t count = rows.size(), lanes = cast<VectorType>(rows[0].getType()).getNumElements();
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < lanes; ++i) {
    low.push_back(i / 2 + (i % 2 ? lanes : 0));
    high.push_back(lanes / 2 + i / 2 + (i % 2 ? lanes : 0));
  }
  for (int64_t round = count; round > 1; round /= 2) {
    SmallVector<Value> mixed;
    for (int64_t i = 0; i < count / 2; ++i) {
      mixed.push_back(vector::ShuffleOp::create(b, loc, rows[i], rows[i + count / 2], low));
      mixed.push_back(vector::ShuffleOp::create(b, loc, rows[i], rows[i + count / 2], high));
    }
    rows = mixed;
  }
  return rows;
}

// What packs groups of rows side by side. The result's lane l is of the source's lane l floordiv g. Either row l mod g
// of a source of g rows stands there, so rows are interleaved; or the group's element l mod g, and groups, as one
// element each, make a square that is turned.
std::optional<TileLowering::Registers> TileLowering::viewOfGroups(ViewOp view) {
  auto type = cast<VectorType>(view.getType()), from = cast<VectorType>(view.getInput().getType());
  RegisterShape shape(type.getShape()), source(from.getShape());
  unsigned rank = type.getRank();
  if (shape.lane != static_cast<int>(rank) - 1 || source.lane != shape.lane || from.getRank() != rank || rank < 2)
    return std::nullopt;
  auto divided = [&](AffineExpr expr) -> std::optional<int64_t> {
    auto division = dyn_cast<AffineBinaryOpExpr>(expr);
    if (!division || division.getKind() != AffineExprKind::FloorDiv ||
        division.getLHS() != b.getAffineDimExpr(rank - 1))
      return std::nullopt;
    return cast<AffineConstantExpr>(division.getRHS()).getValue();
  };
  AffineExpr row = view.getMap().getResult(rank - 2), lane = view.getMap().getResult(rank - 1);
  AffineExpr along = b.getAffineDimExpr(rank - 1), across = b.getAffineDimExpr(rank - 2);
  Location loc = view.getLoc();
  Registers bits = llvm::map_to_vector(registersOf(view.getInput()), [&](Value v) { return toMemory(loc, v); });
  Registers results;
  std::optional<int64_t> group = divided(lane);
  if (group && row == along % *group && source.registers == *group && shape.registers == 1 &&
      shape.lanes == source.lanes * *group && llvm::isPowerOf2_64(*group)) {
    // The parts one behind the other.
    Registers parts = turnRegisters(b, loc, bits);
    while (parts.size() > 1) {
      Registers joined;
      int64_t lanes = cast<VectorType>(parts[0].getType()).getNumElements();
      for (size_t i = 0; i < parts.size(); i += 2)
        joined.push_back(vector::ShuffleOp::create(b, loc, parts[i], parts[i + 1],
                                                   llvm::to_vector(llvm::seq<int64_t>(0, 2 * lanes))));
      parts = joined;
    }
    results = parts;
  } else if ((group = divided(row)) && lane == across * *group + along % *group &&
             source.registers == shape.registers && source.lanes == shape.registers * *group &&
             shape.lanes == source.lanes && llvm::isPowerOf2_64(shape.registers)) {
    Type narrow = cast<VectorType>(bits[0].getType()).getElementType();
    auto whole = VectorType::get({shape.registers}, b.getIntegerType(*group * narrow.getIntOrFloatBitWidth()));
    for (Value &value : bits)
      value = vector::BitCastOp::create(b, loc, whole, value);
    for (Value value : turnRegisters(b, loc, bits))
      results.push_back(vector::BitCastOp::create(b, loc, VectorType::get({shape.lanes}, narrow), value));
  } else {
    return std::nullopt;
  }
  for (Value &value : results)
    value = fromMemory(loc, value, type.getElementType());
  return results;
}

void TileLowering::lowerView(ViewOp view) {
  auto type = cast<VectorType>(view.getType()), from = cast<VectorType>(view.getInput().getType());
  RegisterShape shape(type.getShape()), source(from.getShape());
  Registers input = registersOf(view.getInput()), results;
  VectorType result = registerType(type);
  Location loc = view.getLoc();
  // The coordinates in the source of the result's element `at`, lanes beyond its end among them.
  auto coordinatesOf = [&](ArrayRef<int64_t> at) {
    SmallVector<int64_t> coordinates(view.getMap().compose(at));
    for (auto [c, size] : llvm::zip_equal(coordinates, from.getShape()))
      c = std::min(c, size - 1);
    return coordinates;
  };
  bool laneMoves = shape.lane >= 0 && view.getMap().isFunctionOfDim(shape.lane);
  bool sameLanes = laneMoves && source.lane >= 0 && source.lanes == shape.lanes &&
                   view.getMap().getResult(source.lane) == b.getAffineDimExpr(shape.lane);
  // A square turned: the only two dimensions longer than 1 change places.
  auto laneFrom =
      source.lane >= 0 ? dyn_cast<AffineDimExpr>(view.getMap().getResult(source.lane)) : AffineDimExpr(nullptr);
  bool turned = laneMoves && !sameLanes && laneFrom && type.getDimSize(laneFrom.getPosition()) == shape.lanes;
  if (turned && source.registers == source.lanes && shape.registers == shape.lanes && shape.lanes == source.lanes &&
      llvm::isPowerOf2_64(shape.lanes) &&
      llvm::count_if(type.getShape(), [](int64_t size) { return size != 1; }) == 2) {
    registers[view.getResult()] = turnRegisters(b, loc, input);
    return;
  }
  if (std::optional<Registers> grouped = viewOfGroups(view)) {
    registers[view.getResult()] = *grouped;
    return;
  }
  for (int64_t r = 0; r < shape.registers; ++r) {
    SmallVector<int64_t> at = shape.coordinates(r), first = coordinatesOf(at);
    Value holder = input[source.registerOf(first)];
    if (sameLanes || (shape.lanes == 1 && source.lanes == 1)) {
      results.push_back(holder);
      continue;
    }
    auto element = [&](ArrayRef<int64_t> c) -> Value {
      int64_t lane = source.lane >= 0 ? c[source.lane] : 0;
      return vector::ExtractOp::create(b, loc, input[source.registerOf(c)], ArrayRef<int64_t>{lane});
    };
    if (!laneMoves) {
      results.push_back(vector::BroadcastOp::create(b, loc, result, element(first)));
      continue;
    }
    // Lanes of one register, in another order or some of them: every second one, for example.
    SmallVector<SmallVector<int64_t>> lanes;
    for (int64_t lane = 0; lane < shape.lanes; ++lane) {
      at[shape.lane] = lane;
      lanes.push_back(coordinatesOf(at));
    }
    if (source.lane >= 0 &&
        llvm::all_of(lanes, [&](auto &c) { return source.registerOf(c) == source.registerOf(first); })) {
      SmallVector<int64_t> chosen = llvm::map_to_vector(lanes, [&](auto &c) { return c[source.lane]; });
      results.push_back(vector::ShuffleOp::create(b, loc, holder, holder, chosen));
      continue;
    }
    Value built = ConstOp::create(b, loc, result, cast<TypedAttr>(b.getZeroAttr(result)));
    for (auto [lane, c] : llvm::enumerate(lanes))
      built = vector::InsertOp::create(b, loc, element(c), built, ArrayRef<int64_t>{static_cast<int64_t>(lane)});
    results.push_back(built);
  }
  registers[view.getResult()] = results;
}

static Value combineTwo(OpBuilder &b, Location loc, ReduceKind kind, Value lhs, Value rhs) {
  if (kind == ReduceKind::Sum)
    return AddOp::create(b, loc, lhs, rhs);
  if (kind == ReduceKind::Prod)
    return MulOp::create(b, loc, lhs, rhs);
  return MaxOp::create(b, loc, lhs, rhs);
}

Value TileLowering::combineTree(Location loc, ReduceKind kind, Registers values) {
  while (values.size() > 1) {
    Registers half;
    for (size_t i = 0; i + 1 < values.size(); i += 2)
      half.push_back(combineTwo(b, loc, kind, values[i], values[i + 1]));
    if (values.size() % 2)
      half.push_back(values.back());
    values = half;
  }
  return values.front();
}

// All lanes of a register as a vector of one element: the upper half joins the lower half until one is left.
Value TileLowering::combineLanes(Location loc, ReduceKind kind, Value value) {
  auto type = cast<VectorType>(value.getType());
  for (int64_t lanes = type.getNumElements(); lanes > 1;) {
    int64_t half = lanes / 2;
    auto part = [&](int64_t from, int64_t count) -> Value {
      return vector::ShuffleOp::create(b, loc, value, value, llvm::to_vector(llvm::seq<int64_t>(from, from + count)));
    };
    Value joined = combineTwo(b, loc, kind, part(0, half), part(half, half));
    if (lanes % 2) {
      // The odd lane joins the first one.
      Value odd = part(lanes - 1, 1);
      Value head =
          combineTwo(b, loc, kind,
                     half == 1 ? joined : vector::ShuffleOp::create(b, loc, joined, joined, ArrayRef<int64_t>{0}), odd);
      Value scalar = vector::ExtractOp::create(b, loc, head, ArrayRef<int64_t>{0});
      joined = vector::InsertOp::create(b, loc, scalar, joined, ArrayRef<int64_t>{0});
    }
    value = joined;
    lanes = half;
  }
  return value;
}

void TileLowering::lowerReduce(ReduceOp reduce) {
  auto from = cast<VectorType>(reduce.getInput().getType()), type = cast<VectorType>(reduce.getType());
  RegisterShape source(from.getShape()), shape(type.getShape());
  Location loc = reduce.getLoc();
  Registers input = registersOf(reduce.getInput());
  auto reduced = [&](int64_t d) { return llvm::is_contained(reduce.getDims(), d); };
  // Registers that differ only in reduced dimensions are combined first.
  llvm::MapVector<int64_t, Registers> groups;
  for (int64_t r = 0; r < source.registers; ++r) {
    SmallVector<int64_t> at = source.coordinates(r);
    int64_t key = 0;
    for (int d = 0; d < source.lane; ++d)
      if (!reduced(d))
        key = key * from.getDimSize(d) + at[d];
    groups[key].push_back(input[r]);
  }
  Registers combined;
  for (auto &[key, group] : groups)
    combined.push_back(combineTree(loc, reduce.getKind(), group));
  if (source.lane < 0 || !reduced(source.lane)) {
    registers[reduce.getResult()] = combined;
    return;
  }
  for (Value &value : combined)
    value = combineLanes(loc, reduce.getKind(), value);
  if (shape.lanes == 1) {
    registers[reduce.getResult()] = combined;
    return;
  }
  Registers results;
  VectorType result = registerType(type);
  for (int64_t r = 0; r < shape.registers; ++r) {
    Value built = ConstOp::create(b, loc, result, cast<TypedAttr>(b.getZeroAttr(result)));
    for (int64_t lane = 0; lane < shape.lanes; ++lane) {
      Value one = vector::ExtractOp::create(b, loc, combined[r * shape.lanes + lane], ArrayRef<int64_t>{0});
      built = vector::InsertOp::create(b, loc, one, built, ArrayRef<int64_t>{lane});
    }
    results.push_back(built);
  }
  registers[reduce.getResult()] = results;
}

// Rows (m, k) by columns (k, n), or by lines of columns (k, l, n): one broadcast element of the rows for each register
// of the columns. An element is used for all lines before the next one is broadcast, so that one register holds it.
LogicalResult TileLowering::lowerContract(vector::ContractionOp contract) {
  if (unit)
    return lowerFragmentsContract(contract);
  auto rows = contract.getLhs().getDefiningOp<LoadOp>();
  auto columns = cast<VectorType>(contract.getRhs().getType());
  auto type = dyn_cast<VectorType>(contract.getAccType());
  int64_t rank = columns.getRank();
  if (!rows || !type || type.getRank() != rank || rank < 2 || rank > 3)
    return contract.emitOpError("expected rows (m, k) straight from a tiny.load and columns (k, n) or (k, l, n) at the "
                                "tile level of a CPU");
  Location loc = contract.getLoc();
  int64_t m = type.getDimSize(0), depth = columns.getDimSize(0), lines = rank == 3 ? columns.getDimSize(1) : 1;
  auto schedule = source->getAttrOfType<ScheduleAttr>("tiny.schedule");
  bool fused = schedule && schedule.getInstruction() == "fma" && isa<FloatType>(type.getElementType());
  Registers columnRegisters = registersOf(contract.getRhs()), sums = registersOf(contract.getAcc());
  VectorType registerOf = registerType(type);
  RegisterShape columnShape(columns.getShape()), sumShape(type.getShape());
  if (columnShape.lane != rank - 1 || sumShape.lane != rank - 1)
    return contract.emitOpError("expected more than one column");
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t i = 0; i < m; ++i) {
      SmallVector<int64_t> at(cast<VectorType>(rows.getType()).getRank(), 0);
      at[at.size() - 2] = i;
      at[at.size() - 1] = k;
      Value row = vector::BroadcastOp::create(b, loc, registerOf, loadScalar(rows, at));
      for (int64_t line = 0; line < lines; ++line) {
        Value &sum = sums[i * lines + line];
        Value column = columnRegisters[k * lines + line];
        if (fused)
          sum = LLVM::FMAOp::create(b, loc, row, column, sum);
        else
          sum = AddOp::create(b, loc, MulOp::create(b, loc, row, column), sum);
      }
    }
  registers[contract.getResult()] = sums;
  return success();
}
