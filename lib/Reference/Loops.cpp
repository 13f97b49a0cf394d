// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the reference computes as a loop: elementwise ops with the views they read through, reductions, and the stages
// of kernels.

#include "lib/Reference/BlockRun.h"

#include "llvm/Support/thread.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// A result of a loop: each point's value (kind none), or the combination over the last `length` points.
class BlockRun::Output {
public:
  Output(ReduceKind kind, int64_t length, std::shared_ptr<DenseTensor> tensor)
      : kind(kind), length(length), tensor(std::move(tensor)), width(byteWidth(this->tensor->element)) {
    if (kind == ReduceKind::None)
      return;
    start = accumulated = identity(kind, this->tensor->element);
    if (length == 0)
      for (int64_t k = 0, end = this->tensor->count(); k < end; ++k)
        write(k, &start, 1);
  }

  void take(int64_t first, size_t count, const Lane *lanes) {
    if (kind == ReduceKind::None)
      return write(first, lanes, count);
    for (size_t k = 0; k < count;) {
      int64_t left = length - (first + k) % length;
      size_t run = std::min<uint64_t>(count - k, left);
      accumulated = combine(kind, tensor->element, accumulated, lanes + k, run);
      k += run;
      if (static_cast<int64_t>(run) < left)
        continue;
      Lane result = finish(tensor->element, accumulated);
      write((first + k - 1) / length, &result, 1);
      accumulated = start;
    }
  }

private:
  void write(int64_t at, const Lane *lanes, size_t count) {
    encode(tensor->element, lanes, count, tensor->bytes.data() + at * width);
  }

  ReduceKind kind;
  int64_t length;
  std::shared_ptr<DenseTensor> tensor;
  size_t width;
  Lane start{}, accumulated{};
};

// A thread is worth its start from this many instructions on.
static constexpr int64_t kWorthAThread = 1 << 17;

// Runs the program; the error, if any, is reported at `op`. Threads take points side by side, each all those that are
// combined into one value: the result is the same for any number of threads.
LogicalResult BlockRun::runInto(Operation *op, const Program &program, ArrayRef<Output> outputs,
                                ArrayRef<unsigned> registers, int64_t combined) {
  int64_t groups = combined ? program.points() / combined : 0;
  int64_t work = llvm::SaturatingMultiply<uint64_t>(program.points(), program.size()) / kWorthAThread;
  int64_t pieces = std::clamp<int64_t>(std::min(work, groups), 1, reference.threads);
  std::vector<std::string> errors(pieces);
  auto runPiece = [&](int64_t piece) {
    SmallVector<Output> own(outputs);
    int64_t begin = groups * piece / pieces * combined, end = groups * (piece + 1) / pieces * combined;
    errors[piece] = program.run(begin, end, [&](int64_t first, size_t count, ArrayRef<const Lane *> lanes) {
      for (auto [output, index] : llvm::zip_equal(own, registers))
        output.take(first, count, lanes[index]);
    });
  };
  std::vector<llvm::thread> others;
  for (int64_t piece = 1; piece < pieces; ++piece)
    others.emplace_back([&, piece] { runPiece(piece); });
  runPiece(0);
  for (llvm::thread &other : others)
    other.join();
  for (const std::string &error : errors)
    if (!error.empty())
      return op->emitError(error);
  return success();
}

FailureOr<unsigned> BlockRun::compile(Program &program, Value value, unsigned frame) {
  if (TensorRef known = values.lookup(value))
    return program.load(known, frame);
  Operation *op = value.getDefiningOp();
  if (auto constant = dyn_cast_or_null<ConstOp>(op))
    if (std::optional<SmallVector<Lane>> lanes = lanesOf(constant.getValueAttr()); lanes && lanes->size() == 1)
      return program.splat(lanes->front());
  if (auto iota = dyn_cast_or_null<IotaOp>(op); iota && iota.getOffsets().empty())
    return program.iota(iota.getMap(), held(*elementOf(iota.getType())), frame);
  if (auto view = dyn_cast_or_null<ViewOp>(op)) {
    unsigned inner = program.frame(frame, view.getMap(), view.getMask().value_or(IntegerSet()));
    FailureOr<unsigned> source = compile(program, view.getInput(), inner);
    if (failed(source) || !view.getMask())
      return source;
    std::optional<SmallVector<Lane>> fill = lanesOf(*view.getFill());
    if (!fill)
      return op->emitError("expected a number as fill, found ") << *view.getFill();
    return program.select(inner, *source, fill->front());
  }
  std::optional<Elementwise> function = op ? elementwiseOf(op) : std::nullopt;
  if (!function)
    return emitError(value.getLoc(), "the reference does not know this value: ") << value;
  SmallVector<unsigned> operands;
  for (Value operand : op->getOperands()) {
    FailureOr<unsigned> index = compile(program, operand, frame);
    if (failed(index))
      return failure();
    operands.push_back(*index);
  }
  return program.apply(held(*function), operands);
}

TensorRef BlockRun::loop(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op) {
    emitError(value.getLoc(), "the reference does not know this value: ") << value;
    return nullptr;
  }
  std::shared_ptr<DenseTensor> result = allocate(op, value.getType());
  if (!result)
    return nullptr;
  Program program(result->shape);
  FailureOr<unsigned> index = compile(program, value, program.root());
  Output output(ReduceKind::None, 0, result);
  if (failed(index) || failed(runInto(op, program, output, *index, 1)))
    return nullptr;
  return result;
}

TensorRef BlockRun::reduce(ReduceOp op) {
  std::shared_ptr<DenseTensor> result = allocate(op, op.getType());
  if (!result)
    return nullptr;
  // The loop goes over the dimensions that stay, then over the reduced ones.
  ArrayRef<int64_t> shape = shapeOf(op.getInput().getType());
  SmallVector<int64_t> domain(shapeOf(op.getType())), reduced;
  SmallVector<AffineExpr> position(shape.size());
  unsigned stays = 0;
  for (auto [d, size] : llvm::enumerate(shape)) {
    if (!llvm::is_contained(op.getDims(), static_cast<int64_t>(d))) {
      position[d] = getAffineDimExpr(stays++, op.getContext());
      continue;
    }
    position[d] = getAffineDimExpr(domain.size() + reduced.size(), op.getContext());
    reduced.push_back(size);
  }
  domain.append(reduced);
  Program program(domain);
  unsigned frame = program.frame(program.root(), AffineMap::get(domain.size(), 0, position, op.getContext()));
  FailureOr<unsigned> index = compile(program, op.getInput(), frame);
  Output output(op.getKind(), product(reduced), result);
  if (failed(index) || failed(runInto(op, program, output, *index, product(reduced))))
    return nullptr;
  return result;
}

FailureOr<std::vector<TensorRef>> BlockRun::stage(StageOp op) {
  SmallVector<int64_t> domain = op.getDomain();
  Program program(domain);
  llvm::DenseMap<Value, unsigned> registers;
  Block &body = op.getBody().front();
  for (auto [i, operand, argument] : llvm::enumerate(op.getOperands(), body.getArguments())) {
    TensorRef source = tensor(operand);
    if (!source)
      return failure();
    IntegerSet mask = op.getMask(i);
    unsigned frame = program.frame(program.root(), op.getMap(i), mask);
    unsigned index = program.load(source, frame);
    if (mask) {
      std::optional<SmallVector<Lane>> fill = lanesOf(op.getFill(i));
      if (!fill)
        return op.emitError("expected a number as fill, found ") << op.getFill(i);
      index = program.select(frame, index, fill->front());
    }
    registers[argument] = index;
  }
  for (Operation &inner : body.without_terminator()) {
    if (auto constant = dyn_cast<ConstOp>(inner)) {
      std::optional<SmallVector<Lane>> lanes = lanesOf(constant.getValueAttr());
      if (!lanes)
        return inner.emitError("expected a number, found ") << constant.getValueAttr();
      registers[constant] = program.splat(lanes->front());
    } else if (auto iota = dyn_cast<IotaOp>(inner)) {
      registers[iota] = program.iota(iota.getMap(), held(*elementOf(iota.getType())), program.root());
    } else if (auto lookup = dyn_cast<LookupOp>(inner)) {
      TensorRef table = tensor(lookup.getTable());
      std::optional<SmallVector<Lane>> fill = lanesOf(lookup.getFill());
      if (!table)
        return failure();
      if (!fill)
        return inner.emitError("expected a number as fill, found ") << lookup.getFill();
      auto indices = llvm::map_to_vector(lookup.getIndices(), [&](Value v) { return registers.lookup(v); });
      registers[lookup] =
          program.lookup(table, program.root(), lookup.getMap(), lookup.getMask().value_or(IntegerSet()), indices,
                         lookup.getBelow(), fill->front());
    } else if (std::optional<Elementwise> function = elementwiseOf(&inner)) {
      auto operands = llvm::map_to_vector(inner.getOperands(), [&](Value v) { return registers.lookup(v); });
      registers[inner.getResult(0)] = program.apply(held(*function), operands);
    } else {
      return inner.emitError("expected an elementwise op in a stage, found '") << inner.getName() << "'";
    }
  }
  std::vector<TensorRef> results;
  SmallVector<Output> outputs;
  SmallVector<unsigned> indices;
  for (auto [i, value] : llvm::enumerate(op.getYield().getValues())) {
    std::shared_ptr<DenseTensor> result = allocate(op, op.getResult(i).getType());
    if (!result)
      return failure();
    results.push_back(result);
    outputs.emplace_back(op.getKind(i), product(op.getReduce()), result);
    indices.push_back(registers.lookup(value));
  }
  if (failed(runInto(op, program, outputs, indices, product(op.getReduce()))))
    return failure();
  return results;
}
