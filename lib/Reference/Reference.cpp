// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The reference interpreter: functions, values that are known at compile time, and the walk over a block.

#include "lib/Reference/Reference.h"

#include "lib/Reference/BlockRun.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// What one tensor may take: far more than any test needs, and less than would end the process.
static constexpr int64_t kMostBytes = int64_t(1) << 34;
// How many ops are computed in one loop at most.
static constexpr unsigned kMostFused = 128;

ArrayRef<int64_t> tinyc::shapeOf(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped ? shaped.getShape() : ArrayRef<int64_t>();
}

int64_t tinyc::product(ArrayRef<int64_t> sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    result *= size;
  return result;
}

TensorRef tinyc::converted(const TensorRef &tensor, Element element) {
  if (tensor->element == element)
    return tensor;
  auto result = std::make_shared<DenseTensor>(element, tensor->shape);
  std::vector<Lane> lanes(tensor->count());
  decode(tensor->element, tensor->bytes.data(), lanes.size(), lanes.data());
  encode(element, lanes.data(), lanes.size(), result->bytes.data());
  return result;
}

Element BlockRun::held(Element element) const { return reference.wide && isFloat(element) ? Element::F64 : element; }

Elementwise BlockRun::held(Elementwise function) const {
  if (function.function == Function::Bitcast) // speaks of the bits of the types that are written
    return function;
  return {function.function, held(function.from), held(function.to)};
}

std::shared_ptr<DenseTensor> BlockRun::allocate(Operation *op, Type type) const {
  std::optional<Element> element = elementOf(type);
  if (!element) {
    op->emitError("the reference has no values of type ") << type;
    return nullptr;
  }
  int64_t bytes = byteWidth(held(*element));
  for (int64_t size : shapeOf(type))
    if (size < 0 || llvm::MulOverflow(bytes, size, bytes) || bytes > kMostBytes) {
      op->emitError("the reference holds tensors of at most ") << kMostBytes << " bytes, found " << type;
      return nullptr;
    }
  return std::make_shared<DenseTensor>(held(*element), std::vector<int64_t>(shapeOf(type)));
}

FailureOr<std::vector<TensorRef>> Reference::run(func::FuncOp function, ArrayRef<TensorRef> inputs) {
  if (!function.getBody().hasOneBlock())
    return function.emitError("the reference runs functions with a body of one block");
  if (inputs.size() != function.getNumArguments())
    return function.emitError("expected ") << function.getNumArguments() << " inputs, found " << inputs.size();
  for (auto [i, input, type] : llvm::enumerate(inputs, function.getArgumentTypes()))
    if (elementOf(type) != input->element || shapeOf(type) != ArrayRef<int64_t>(input->shape)) {
      InFlightDiagnostic error = function.emitError("expected input ") << i << " of type " << type << ", found ";
      for (int64_t size : input->shape)
        error << size << "x";
      return error << name(input->element);
    }
  auto results = BlockRun(*this, function.getBody().front()).run(inputs);
  if (succeeded(results))
    for (auto [result, type] : llvm::zip_equal(*results, function.getResultTypes()))
      result = converted(result, *elementOf(type));
  return results;
}

TensorRef Reference::evaluate(Value value) {
  if (!value.getDefiningOp())
    return nullptr;
  Block *block = value.getParentBlock();
  llvm::SetVector<Operation *> slice;
  slice.insert(value.getDefiningOp());
  for (size_t i = 0; i < slice.size(); ++i)
    for (Value operand : slice[i]->getOperands()) {
      // A body reads constants and weights of the blocks around it.
      Operation *from = operand.getDefiningOp();
      if (!from || (from->getBlock() != block && !isa<ConstOp, ParamOp>(from)))
        return nullptr;
      slice.insert(from);
    }
  auto ops = slice.takeVector();
  auto own = std::partition(ops.begin(), ops.end(), [&](Operation *op) { return op->getBlock() != block; });
  std::sort(own, ops.end(), [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return BlockRun(*this, *block).evaluate(ops, value);
}

//===- The walk over a block -------------------------------------------------------------------------------------===//

BlockRun::BlockRun(Reference &reference, Block &block) : reference(reference), block(block) {}

static int64_t countOf(Type type) { return product(shapeOf(type)); }

static bool isSplat(ConstOp op) {
  auto dense = dyn_cast<DenseElementsAttr>(op.getValueAttr());
  return !dense || dense.isSplat();
}

// Whether nothing is computed twice if the op is computed in the loop of its user: views and constants cost nothing,
// any other op is used once, at no more points than it has, and by an op that is itself a loop.
static bool mayFuse(Operation *op) {
  if (auto constant = dyn_cast<ConstOp>(op))
    return isSplat(constant);
  if (isa<IotaOp>(op))
    return true;
  if (isa<ViewOp>(op))
    return llvm::all_of(op->getUsers(),
                        [](Operation *user) { return isa<ViewOp, ReduceOp>(user) || elementwiseOf(user); });
  if (!elementwiseOf(op))
    return false;
  int64_t count = countOf(op->getResult(0).getType());
  while (op->hasOneUse()) {
    op = *op->user_begin();
    if (isa<ReduceOp>(op) || elementwiseOf(op))
      return true;
    if (!isa<ViewOp>(op) || countOf(op->getResult(0).getType()) > count)
      return false;
  }
  return false;
}

void BlockRun::plan(Block &block) {
  llvm::DenseMap<Operation *, unsigned> sizes;
  for (Operation &op : block) {
    unsigned size = 1;
    for (Value operand : op.getOperands())
      if (Operation *producer = operand.getDefiningOp(); producer && fused.contains(producer))
        size += sizes.lookup(producer);
    sizes[&op] = size;
    if (size <= kMostFused && mayFuse(&op))
      fused.insert(&op);
  }
  // A value is needed until the last op that reads it; a fused op reads when its users do.
  llvm::DenseMap<Operation *, Operation *> runsAt;
  llvm::DenseSet<Value> seen;
  for (Operation &op : llvm::reverse(block)) {
    Operation *at = &op;
    if (fused.contains(&op)) {
      at = nullptr;
      for (Operation *user : op.getUsers()) {
        Operation *time = runsAt.lookup(user);
        at = !at || (time && at->isBeforeInBlock(time)) ? time : at;
      }
    }
    runsAt[&op] = at;
  }
  for (Operation &op : block)
    for (Value result : op.getResults()) {
      Operation *last = nullptr;
      for (Operation *user : result.getUsers())
        if (Operation *time = runsAt.lookup(user); time && (!last || last->isBeforeInBlock(time)))
          last = time;
      if (last && !fused.contains(&op))
        lastUses[last].push_back(result);
    }
}

FailureOr<std::vector<TensorRef>> BlockRun::run(ArrayRef<TensorRef> arguments) {
  plan(block);
  for (auto [argument, tensor] : llvm::zip_equal(block.getArguments(), arguments))
    values[argument] = held(tensor);
  for (Operation &op : block.without_terminator()) {
    if (fused.contains(&op))
      continue;
    if (failed(execute(&op)))
      return failure();
    for (Value value : lastUses.lookup(&op))
      values.erase(value);
  }
  return tensors(block.getTerminator()->getOperands());
}

TensorRef BlockRun::evaluate(ArrayRef<Operation *> ops, Value value) {
  for (Operation *op : ops)
    if (!mayFuse(op) && failed(execute(op)))
      return nullptr;
  return tensor(value);
}

LogicalResult BlockRun::define(Operation *op, std::vector<TensorRef> results) {
  for (auto [value, tensor] : llvm::zip_equal(op->getResults(), results))
    if (!(values[value] = tensor))
      return failure();
  if (reference.observe)
    reference.observe(op, results);
  return success();
}

LogicalResult BlockRun::execute(Operation *op) {
  auto one = [&](TensorRef tensor) { return define(op, {std::move(tensor)}); };
  auto several = [&](FailureOr<std::vector<TensorRef>> results) {
    return failed(results) ? failure() : define(op, std::move(*results));
  };
  if (isa<ViewOp, IotaOp>(op) || elementwiseOf(op))
    return one(loop(op->getResult(0)));
  if (auto constant = dyn_cast<ConstOp>(op)) {
    if (!allocate(op, constant.getType()))
      return failure();
    return one(held(tensorOf(constant.getValueAttr())));
  }
  if (auto param = dyn_cast<ParamOp>(op))
    return one(weight(param));
  if (auto reduction = dyn_cast<ReduceOp>(op))
    return one(reduce(reduction));
  if (auto join = dyn_cast<ConcatOp>(op))
    return one(concat(join));
  if (auto read = dyn_cast<GatherOp>(op))
    return one(gather(read));
  if (auto write = dyn_cast<ScatterOp>(op))
    return one(scatter(write));
  if (auto repeated = dyn_cast<LoopOp>(op))
    return several(repeat(repeated));
  if (auto choice = dyn_cast<CondOp>(op))
    return several(choose(choice));
  if (auto nest = dyn_cast<StageOp>(op))
    return several(stage(nest));
  if (auto kernel = dyn_cast<KernelOp>(op)) {
    auto inputs = tensors(kernel.getInputs());
    if (failed(inputs))
      return failure();
    auto results = BlockRun(reference, kernel.getBody().front()).run(*inputs);
    if (succeeded(results) && kernel.getWrites())
      for (auto [i, result] : llvm::enumerate(*results))
        result = rearrange(result, kernel.getWrite(i), shapeOf(kernel.getResult(i).getType()));
    return several(std::move(results));
  }
  return op->emitError("the reference does not run '") << op->getName() << "'";
}

TensorRef BlockRun::tensor(Value value) {
  if (TensorRef known = values.lookup(value))
    return known;
  return values[value] = loop(value);
}

FailureOr<std::vector<TensorRef>> BlockRun::tensors(ValueRange range) {
  std::vector<TensorRef> results;
  for (Value value : range)
    if (!results.emplace_back(tensor(value)))
      return failure();
  return results;
}
