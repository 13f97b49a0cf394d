// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Step 3 of fusion: builds the kernels. Roots of one kernel over the same domain share a stage where no one needs the
// reduced result of another: what is computed for a reduction's body is kept from there, as exp is in a softmax. A
// contraction has a stage to itself.

#include "passes/2-fuse/FusionPlan.h"
#include "passes/2-fuse/KernelCost.h"
#include "passes/2-fuse/ScalarBody.h"
#include "passes/2-fuse/SliceWrite.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tinyc::tiny;

namespace tinyc::fusion {

namespace {
struct StagePlan {
  SmallVector<int64_t> domain;
  unsigned parallel;
  bool contraction, reduces;
  SmallVector<unsigned> roots;
};

class Emitter {
public:
  Emitter(Block &block, FusionPlan &plan) : block(block), plan(plan) {}
  void run(unsigned &number);

private:
  SmallVector<unsigned> order(ArrayRef<Operation *> control);
  SmallVector<StagePlan> planStages(const KernelPlan &kernel);
  bool joins(const Root &root, const StagePlan &stage);
  void emit(unsigned index, unsigned number);
  Value emitScatter(ScatterOp scatter, unsigned number);
  void emitStage(OpBuilder &b, const StagePlan &stage, llvm::SetVector<Value> &inputs, Block &body);

  Block &block;
  FusionPlan &plan;
  llvm::DenseMap<Value, Value> outside; // the value of a root, or of a scatter, after its kernel
  llvm::DenseMap<Value, Value> inside;  // a root's value in the kernel that is being built
  llvm::SetVector<Operation *> sources; // the ops of the kernel that is being built
};
} // namespace

// Kernels and, numbered after them, loops and choices, in an order in which each comes after those it reads from.
SmallVector<unsigned> Emitter::order(ArrayRef<Operation *> control) {
  SmallVector<unsigned> sorted;
  unsigned kernels = plan.kernels.size();
  std::vector<char> state(kernels + control.size(), 0); // 1: begun, 2: done
  llvm::DenseMap<Operation *, unsigned> controlNodes;
  for (auto [i, op] : llvm::enumerate(control))
    controlNodes[op] = kernels + i;
  auto nodeOf = [&](Value value) -> std::optional<unsigned> {
    if (Root *producer = plan.find(value))
      return producer->kernel;
    auto found = controlNodes.find(value.getDefiningOp());
    return found == controlNodes.end() ? std::nullopt : std::optional<unsigned>(found->second);
  };
  for (unsigned start = 0; start < state.size(); ++start) {
    if (start < kernels && plan.kernels[start].roots.empty())
      continue;
    SmallVector<unsigned> stack{start};
    while (!stack.empty()) {
      unsigned kernel = stack.back();
      if (state[kernel] != 0) {
        stack.pop_back();
        if (std::exchange(state[kernel], 2) != 2)
          sorted.push_back(kernel);
        continue;
      }
      state[kernel] = 1;
      auto push = [&](Value value) {
        if (std::optional<unsigned> node = nodeOf(value); node && state[*node] == 0)
          stack.push_back(*node);
      };
      if (kernel >= kernels)
        llvm::for_each(control[kernel - kernels]->getOperands(), push);
      else
        for (unsigned root : plan.kernels[kernel].roots)
          for (const Read &read : plan.roots[root].reads)
            push(read.value);
    }
  }
  return sorted;
}

// Whether the stage's loop can compute `root` too: the same domain, and of its own results only such as are there at
// each point are read, at that point.
bool Emitter::joins(const Root &root, const StagePlan &stage) {
  if (stage.contraction || root.contraction || ArrayRef(stage.domain) != ArrayRef(root.domain))
    return false;
  if (root.reduce && stage.reduces && stage.parallel != root.parallel)
    return false;
  for (const Read &read : root.reads)
    if (Root *producer = plan.find(read.value))
      if (llvm::is_contained(stage.roots, plan.rootOf[read.value]) &&
          (producer->reduce || read.mask != IntegerSet() || !producer->positionOf(read.map, root.domain).isIdentity()))
        return false;
  return true;
}

SmallVector<StagePlan> Emitter::planStages(const KernelPlan &kernel) {
  SmallVector<StagePlan> stages;
  llvm::DenseMap<unsigned, unsigned> stageOf;
  for (unsigned index : kernel.roots) {
    const Root &root = plan.roots[index];
    unsigned earliest = 0;
    for (const Read &read : root.reads)
      if (auto it = plan.rootOf.find(read.value); it != plan.rootOf.end())
        if (auto stage = stageOf.find(it->second); stage != stageOf.end())
          earliest = std::max(earliest, stage->second);
    unsigned place = earliest;
    while (place < stages.size() && !joins(root, stages[place]))
      ++place;
    if (place == stages.size())
      stages.push_back({root.domain, root.parallel, root.contraction, static_cast<bool>(root.reduce), {}});
    StagePlan &stage = stages[place];
    if (root.reduce) {
      stage.reduces = true;
      stage.parallel = root.parallel;
    }
    stage.roots.push_back(index);
    stageOf[index] = place;
  }
  return stages;
}

void Emitter::emitStage(OpBuilder &b, const StagePlan &stage, llvm::SetVector<Value> &inputs, Block &body) {
  auto scratch = std::make_unique<Block>();
  OpBuilder inner(b.getContext());
  inner.setInsertionPointToStart(scratch.get());
  ScalarBody scalar(plan, stage.domain, &inner);
  llvm::DenseMap<Value, Value> here; // values of this stage's earlier roots at the same point
  SmallVector<BodyRead> reads;
  scalar.local = [&](Value value, AffineMap) { return here.lookup(value); };
  auto inKernel = [&](Value value) {
    Value &known = inside[value];
    if (!known) {
      inputs.insert(value);
      known = body.addArgument(value.getType(), value.getLoc());
    }
    return known;
  };
  scalar.argument = [&](const BodyRead &read) {
    if (read.lookup)
      return inKernel(read.value);
    for (auto [i, known] : llvm::enumerate(reads))
      if (known.value == read.value && known.map == read.map && known.mask == read.mask && known.fill == read.fill)
        return Value(scratch->getArgument(i));
    reads.push_back(read);
    return Value(scratch->addArgument(elementType(read.value.getType()), read.value.getLoc()));
  };
  SmallVector<Value> yielded;
  SmallVector<ReduceKind> kinds;
  SmallVector<Type> types;
  SmallVector<Location> locations;
  for (unsigned index : stage.roots) {
    Root &root = plan.roots[index];
    Value value = scalar.define(root);
    if (!root.reduce)
      here[root.value] = value;
    yielded.push_back(value);
    kinds.push_back(root.reduce ? root.reduce.getKind() : ReduceKind::None);
    types.push_back(elementType(root.value.getType()));
    locations.push_back(root.value.getLoc());
  }
  sources.insert(scalar.getOps().begin(), scalar.getOps().end());
  YieldOp::create(inner, locations.front(), yielded);

  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  SmallVector<IntegerSet> masks;
  SmallVector<TypedAttr> fills;
  for (const BodyRead &read : reads) {
    Value operand = inKernel(read.value);
    operands.push_back(operand);
    Root *producer = isa<BlockArgument>(operand) ? nullptr : plan.find(read.value);
    maps.push_back(producer ? producer->positionOf(read.map, stage.domain) : read.map);
    masks.push_back(read.mask);
    fills.push_back(read.fill);
  }
  ArrayRef<int64_t> domain = stage.domain;
  auto op = StageOp::create(b, b.getFusedLoc(locations), domain.take_front(stage.parallel),
                            domain.drop_front(stage.parallel), operands, maps, masks, fills, kinds, types);
  op.getBody().push_back(scratch.release());
  for (auto [index, result] : llvm::zip_equal(stage.roots, op.getResults()))
    inside[plan.roots[index].value] = result;
}

void Emitter::emit(unsigned index, unsigned number) {
  const KernelPlan &kernel = plan.kernels[index];
  inside.clear();
  sources.clear();
  auto body = std::make_unique<Block>();
  OpBuilder b(block.getTerminator()->getContext());
  b.setInsertionPointToStart(body.get());
  llvm::SetVector<Value> inputs;
  for (const StagePlan &stage : planStages(kernel))
    emitStage(b, stage, inputs, *body);

  SmallVector<Value> yielded, arguments;
  SmallVector<Type> types;
  SmallVector<unsigned> results;
  SmallVector<AffineMap> writes;
  for (unsigned index : kernel.roots)
    if (const Root &root = plan.roots[index]; root.reachesOut) {
      results.push_back(index);
      yielded.push_back(inside[root.value]);
      types.push_back(root.value.getType());
      writes.push_back(root.toValue ? root.toValue
                                    : b.getMultiDimIdentityMap(cast<RankedTensorType>(types.back()).getRank()));
    }
  bool inOrder = llvm::all_of(writes, [](AffineMap map) { return map.isIdentity(); });
  for (Value input : inputs) {
    Value emitted = outside.lookup(input);
    arguments.push_back(emitted ? emitted : input);
  }

  SmallVector<Operation *> ops(sources.begin(), sources.end());
  llvm::sort(ops, [](Operation *a, Operation *c) { return a->isBeforeInBlock(c); });
  SmallVector<Location> locations = llvm::map_to_vector(ops, [](Operation *op) { return op->getLoc(); });
  YieldOp::create(b, block.getTerminator()->getLoc(), yielded);
  OpBuilder outer(block.getTerminator());
  std::string name = kernelName(ops) + "_" + std::to_string(number);
  auto op =
      KernelOp::create(outer, outer.getFusedLoc(locations), types, outer.getStringAttr(name), kernel.shared.size(),
                       arguments, inOrder ? ArrayAttr() : outer.getAffineMapArrayAttr(writes));
  op.getBody().push_back(body.release());
  for (auto [root, result] : llvm::zip_equal(results, op.getResults()))
    outside[plan.roots[root].value] = result;
  if (plan.remarks) {
    int64_t alone = 0;
    for (Operation *source : ops)
      alone += tensorFlops(source);
    op.emitRemark() << "kernel " << name << ": " << kernelBytes(op) << " bytes, " << kernelFlops(op) << " flops ("
                    << alone << " by its ops one by one), cut along " << kernel.shared.size() << " dimensions";
  }
}

// A kernel to itself, cut along all dimensions but the one that the indices stand for.
Value Emitter::emitScatter(ScatterOp scatter, unsigned number) {
  OpBuilder b(block.getTerminator());
  Location loc = scatter.getLoc();
  std::string name = "scatter_" + std::to_string(number);
  int64_t shared = cast<RankedTensorType>(scatter.getType()).getRank() - 1;
  auto op =
      KernelOp::create(b, loc, scatter.getType(), b.getStringAttr(name), shared, scatter->getOperands(), ArrayAttr());
  Block *body = b.createBlock(&op.getBody());
  IRMapping mapping;
  for (Value operand : scatter->getOperands())
    mapping.map(operand, body->addArgument(operand.getType(), loc));
  Operation *inner = b.clone(*scatter, mapping);
  YieldOp::create(b, loc, inner->getResults());
  return op.getResult(0);
}

void Emitter::run(unsigned &number) {
  SmallVector<Operation *> old, control;
  for (Operation &op : block.without_terminator()) {
    if (isControl(&op))
      control.push_back(&op);
    if (!isa<LoopOp, CondOp>(op))
      old.push_back(&op);
  }
  for (unsigned node : order(control)) {
    if (node < plan.kernels.size()) {
      emit(node, number++);
      continue;
    }
    Operation *op = control[node - plan.kernels.size()];
    for (OpOperand &operand : op->getOpOperands())
      if (Value emitted = outside.lookup(operand.get()))
        operand.set(emitted);
    if (auto scatter = dyn_cast<ScatterOp>(op); scatter && !sliceWriteOf(scatter))
      outside[scatter.getResult()] = emitScatter(scatter, number++);
    else
      op->moveBefore(block.getTerminator());
  }
  for (OpOperand &operand : block.getTerminator()->getOpOperands())
    if (Value emitted = outside.lookup(operand.get())) // a tensor without elements stays as it is
      operand.set(emitted);
  for (Operation *op : llvm::reverse(old))
    if (op->use_empty())
      op->erase();
}

void emitKernels(Block &block, FusionPlan &plan, unsigned &number) { Emitter(block, plan).run(number); }

} // namespace tinyc::fusion
