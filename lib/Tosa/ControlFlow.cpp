// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cond_if becomes tiny.cond; while_loop becomes tiny.loop, where a counter says how often it runs at most.
//
// Regions of tiny see nothing from outside: what those of TOSA use of the values around them becomes an operand.

#include "lib/Tosa/OpConversion.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tosatotiny;
using namespace tinyc::compose;

// The tensors that a region uses and that are defined outside of it.
static void findCaptured(Region &region, const Values &values, llvm::SetVector<Value> &captured) {
  region.walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      if (!region.isAncestor(operand.getParentRegion()) && values.tensors.contains(operand))
        captured.insert(operand);
  });
}

static Value asScalar(compose::Builder &b, Value condition) { return reshape(b, condition, {}); }

static SmallVector<Value> lookUp(const Values &values, ValueRange of) {
  SmallVector<Value> tensors;
  for (Value value : of)
    tensors.push_back(values.tensors.lookup(value));
  return tensors;
}

// A block in `region` whose arguments stand for `inputs` (converted to `tensors`); its converted results. Nothing after
// an error. Leaves the builder at the block's end.
static std::optional<SmallVector<Value>> convertInto(compose::Builder &b, Region &region, Block &from,
                                                     ArrayRef<Value> inputs, ArrayRef<Value> tensors, Values values,
                                                     WeightStore &weights) {
  Block *block = b.createBlock(&region);
  for (auto [input, tensor] : llvm::zip_equal(inputs, tensors))
    values.tensors[input] = block->addArgument(tensor.getType(), tensor.getLoc());
  if (failed(convertBlock(b, from, values, weights)))
    return std::nullopt;
  return lookUp(values, from.getTerminator()->getOperands());
}

LogicalResult tosatotiny::convertIf(compose::Builder &b, mlir::tosa::IfOp op, Values &values, WeightStore &weights) {
  llvm::SetVector<Value> captured;
  for (Region *region : {&op.getThenGraph(), &op.getElseGraph()})
    findCaptured(*region, values, captured);
  SmallVector<Value> outside(captured.begin(), captured.end());
  SmallVector<Value> tensors = lookUp(values, outside);
  llvm::append_range(tensors, lookUp(values, op.getInputList()));
  SmallVector<Type> types;
  for (Type type : op.getResultTypes())
    types.push_back(tensorType(type));
  auto cond = tiny::CondOp::create(b, types, asScalar(b, values.tensors.lookup(op.getCondition())), tensors);
  for (auto [from, to] :
       {std::pair(&op.getThenGraph(), &cond.getOnTrue()), std::pair(&op.getElseGraph(), &cond.getOnFalse())}) {
    OpBuilder::InsertionGuard guard(b);
    SmallVector<Value> inputs(outside);
    llvm::append_range(inputs, from->front().getArguments());
    if (inputs.size() != tensors.size())
      return op.emitError("expected ") << op.getInputList().size() << " arguments in each region";
    auto results = convertInto(b, *to, from->front(), inputs, tensors, values, weights);
    if (!results)
      return failure();
    b.setLoc(op.getLoc());
    tiny::YieldOp::create(b, *results);
  }
  for (auto [old, result] : llvm::zip_equal(op.getResults(), cond.getResults()))
    values.tensors[old] = result;
  return success();
}

// The integer that all elements of a constant are.
static std::optional<int64_t> constantInteger(Value value) {
  DenseElementsAttr elements;
  if (matchPattern(value, m_Constant(&elements)) && elements.isSplat() && isa<IntegerType>(elements.getElementType()))
    return elements.getSplatValue<APInt>().getSExtValue();
  return std::nullopt;
}

// How often `counter`, an argument of the condition, can be compared with `limit` and be less (or equal) before it is
// not: it starts at a constant, and each trip adds one. With `down` it must be greater. Nothing if it is no such
// counter.
static std::optional<int64_t> countTrips(mlir::tosa::WhileOp op, Value counter, Value limit, bool orEqual, bool down) {
  auto argument = dyn_cast<BlockArgument>(counter);
  if (!argument || argument.getOwner() != &op.getCondGraph().front())
    return std::nullopt;
  unsigned k = argument.getArgNumber();
  Block &body = op.getBodyGraph().front();
  auto next = body.getTerminator()->getOperand(k).getDefiningOp<mlir::tosa::AddOp>();
  std::optional<int64_t> step, start = constantInteger(op.getInputList()[k]), end = constantInteger(limit);
  if (next)
    step = next.getInput1() == body.getArgument(k)   ? constantInteger(next.getInput2())
           : next.getInput2() == body.getArgument(k) ? constantInteger(next.getInput1())
                                                     : std::nullopt;
  constexpr int64_t far = int64_t(1) << 40;
  if (!step || !start || !end || (down ? *step >= 0 : *step <= 0) || std::abs(*start) > far || std::abs(*end) > far)
    return std::nullopt;
  int64_t distance = down ? *start - *end : *end - *start;
  int64_t stride = std::abs(*step);
  if (orEqual)
    return distance < 0 ? 0 : distance / stride + 1;
  return distance <= 0 ? 0 : int64_t(llvm::divideCeil(distance, stride));
}

// The most trips that one of the conditions which all must hold allows; `others` says whether there is another.
static std::optional<int64_t> boundTrips(mlir::tosa::WhileOp op, Value condition, bool &others) {
  if (auto both = condition.getDefiningOp<mlir::tosa::LogicalAndOp>()) {
    auto left = boundTrips(op, both.getInput1(), others), right = boundTrips(op, both.getInput2(), others);
    others = true;
    return left && right ? std::optional<int64_t>(std::min(*left, *right)) : left ? left : right;
  }
  auto compare = [&](Value larger, Value smaller, bool orEqual) {
    auto up = countTrips(op, smaller, larger, orEqual, /*down=*/false);
    return up ? up : countTrips(op, larger, smaller, orEqual, /*down=*/true);
  };
  if (auto greater = condition.getDefiningOp<mlir::tosa::GreaterOp>())
    return compare(greater.getInput1(), greater.getInput2(), false);
  if (auto greater = condition.getDefiningOp<mlir::tosa::GreaterEqualOp>())
    return compare(greater.getInput1(), greater.getInput2(), true);
  return std::nullopt;
}

// The condition at `carried`, in place.
static Value conditionAt(compose::Builder &b, Block &graph, ArrayRef<Value> carried, Values values,
                         WeightStore &weights) {
  for (auto [argument, value] : llvm::zip_equal(graph.getArguments(), carried))
    values.tensors[argument] = value;
  if (failed(convertBlock(b, graph, values, weights)))
    return {};
  return asScalar(b, values.tensors.lookup(graph.getTerminator()->getOperand(0)));
}

LogicalResult tosatotiny::convertWhile(compose::Builder &b, mlir::tosa::WhileOp op, Values &values,
                                       WeightStore &weights) {
  Block &condition = op.getCondGraph().front(), &body = op.getBodyGraph().front();
  bool others = false;
  std::optional<int64_t> trips = boundTrips(op, condition.getTerminator()->getOperand(0), others);
  if (!trips)
    return op.emitError(
        "expected a loop with a bound: a counter that starts at a constant, grows or falls by a constant in "
        "each trip, and is compared with a constant");
  if (*trips > INT32_MAX)
    return op.emitError("expected fewer than 2^31 trips, found ") << *trips;
  SmallVector<Value> carried = lookUp(values, op.getInputList());
  llvm::SetVector<Value> captured;
  for (Region *region : {&op.getCondGraph(), &op.getBodyGraph()})
    findCaptured(*region, values, captured);
  SmallVector<Value> outside(captured.begin(), captured.end());
  SmallVector<Value> invariant = lookUp(values, outside);

  Value first = others ? conditionAt(b, condition, carried, values, weights) : Value();
  if (others && !first)
    return failure();
  b.setLoc(op.getLoc());
  auto loop = tiny::LoopOp::create(b, TypeRange(ValueRange(carried)), b.getI64IntegerAttr(*trips), carried, invariant);
  {
    OpBuilder::InsertionGuard guard(b);
    Block *block = b.createBlock(&loop.getBody());
    block->addArgument(RankedTensorType::get({}, b.getI64Type()), op.getLoc());
    Values inside = values;
    for (auto [argument, value] : llvm::zip_equal(body.getArguments(), carried))
      inside.tensors[argument] = block->addArgument(value.getType(), op.getLoc());
    for (auto [old, value] : llvm::zip_equal(outside, invariant))
      inside.tensors[old] = block->addArgument(value.getType(), op.getLoc());
    if (failed(convertBlock(b, body, inside, weights)))
      return failure();
    SmallVector<Value> next = lookUp(inside, body.getTerminator()->getOperands());
    Value on = others ? conditionAt(b, condition, next, inside, weights)
                      : splat(b, RankedTensorType::get({}, b.getI1Type()), 1.0);
    if (!on)
      return failure();
    next.insert(next.begin(), on);
    b.setLoc(op.getLoc());
    tiny::YieldOp::create(b, next);
  }
  for (auto [old, result, start] : llvm::zip_equal(op.getResults(), loop.getResults(), carried))
    // A condition beside the counter's may not hold even once.
    values.tensors[old] = first ? where(b, broadcast(b, first, shapeOf(result)), result, start) : result;
  return success();
}
