// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Step 1 of fusion: which values a stage computes and keeps. A reduction always is one. An elementwise value is one if
//
// - the block returns it, a loop or choice reads it, or it is a factor of a contraction (which takes two plain reads),
// - it is the table of a gather: data says which of its elements are read,
// - it follows a contraction pointwise and what reads it is not pointwise: it belongs to the contraction's epilogue,
// - it would be computed again and again: read at several places, or through a view that repeats it, and computing it
//   again costs more than keeping it (the cost model decides),
// - the body would otherwise read more tensors, hold more ops or nest deeper than the cost model wants.
//
// All the rest is evaluated where it is read.

#include "passes/2-fuse/CostModel.h"
#include "passes/2-fuse/FusionPlan.h"
#include "passes/2-fuse/ScalarBody.h"

#include <numeric>

using namespace mlir;
using namespace tinyc::tiny;

namespace tinyc::fusion {

AffineMap Root::definitionMap() const {
  MLIRContext *context = value.getContext();
  if (!reduce)
    return toValue ? toValue : AffineMap::getMultiDimIdentityMap(domain.size(), context);
  // Kept dimensions come first in the domain, reduced ones last; the input has them in its own order.
  ArrayRef<int64_t> reduced = const_cast<ReduceOp &>(reduce).getDims();
  SmallVector<AffineExpr> results;
  unsigned nextKept = 0, nextReduced = parallel;
  for (int64_t i = 0, e = domain.size(); i < e; ++i)
    results.push_back(getAffineDimExpr(llvm::is_contained(reduced, i) ? nextReduced++ : nextKept++, context));
  return AffineMap::get(domain.size(), 0, results, context);
}

// The product that `value` is, seen through casts and reshapes; null if it is none, or has other uses.
static MulOp productOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!op->hasOneUse())
      return nullptr;
    if (auto product = dyn_cast<MulOp>(op))
      return product;
    auto view = dyn_cast<ViewOp>(op);
    if (!isa<CastOp>(op) && !(view && !view.getMask()))
      return nullptr;
    value = op->getOperand(0);
  }
  return nullptr;
}

// What is read when `value` is read through views and casts. Two masks with different fills cannot be one read; a
// computed truth value or integer is kept as the number that the contraction takes.
static Value withoutViews(Value value) {
  TypedAttr fill;
  while (Operation *op = value.getDefiningOp()) {
    if (auto cast = dyn_cast<CastOp>(op)) {
      Operation *source = cast.getInput().getDefiningOp();
      if (source && isElementwise(source) && !isa<FloatType>(elementType(cast.getInput().getType())))
        break;
      value = cast.getInput();
      continue;
    }
    auto view = dyn_cast<ViewOp>(op);
    if (!view)
      break;
    if (TypedAttr own = view.getFill().value_or(TypedAttr())) {
      if (fill && fill != own)
        break;
      fill = own;
    }
    value = view.getInput();
  }
  return value;
}

SmallVector<Value, 2> contractionFactors(ReduceOp reduce) {
  MulOp product = reduce.getKind() == ReduceKind::Sum ? productOf(reduce.getInput()) : nullptr;
  if (!product)
    return {};
  SmallVector<Value, 2> factors{withoutViews(product.getLhs()), withoutViews(product.getRhs())};
  bool reused = false;
  for (Value factor : factors) {
    auto constant = factor.getDefiningOp<ConstOp>();
    if (factor.getDefiningOp<IotaOp>() || (constant && !isa<DenseElementsAttr>(constant.getValue())) ||
        (constant && isa<SplatElementsAttr>(constant.getValue())))
      return {};
    reused |= elementCount(factor.getType()) < elementCount(reduce.getInput().getType());
  }
  return reused ? factors : SmallVector<Value, 2>();
}

namespace {
// What lies above a value, without regard to roots that are not reductions.
struct Above {
  double work = 0;     // at one point
  double loopWork = 0; // of all that is computed pointwise along with it
  unsigned depth = 0;
  unsigned ops = 0;                // what a body of it holds at most; ops on several ways count several times
  SmallVector<Value, 4> leaves;    // distinct; at most kMostReads + 1 are counted
  bool followsContraction = false; // could stand in its epilogue
  unsigned kernelsBefore = 0;      // contractions, and what cannot follow them pointwise, on the longest way here
  bool ofWeights = true;
};

// Where a value is evaluated.
struct Below {
  Value place; // a root or a view; null if there are several, or none
  Value root;  // the root at which it ends
  bool several = false;
  bool leavesPoint = false; // read by something that is not pointwise
  int64_t points = 0;       // how often it is evaluated there
};

class RootChooser {
public:
  RootChooser(Block &block, FusionPlan &plan) : block(block), plan(plan) {}
  void run();

private:
  void returnRootsOnly();
  void readByControl();
  void lookAbove(Operation *op);
  void lookBelow(Operation *op);
  bool isTooLarge(Operation *op, Above &sum);
  Above cut(Operation *op, const Above &whole);
  bool decide(Operation *op, const Below &below);
  void addLeaf(Above &above, Value value) {
    if (above.leaves.size() <= kMostReads && !llvm::is_contained(above.leaves, value))
      above.leaves.push_back(value);
  }

  Block &block;
  FusionPlan &plan;
  llvm::DenseMap<Value, Above> above;
  llvm::DenseMap<Value, Below> below;
  llvm::DenseSet<Value> roots, forced, returned;
};
} // namespace

// What a function returns must be computed by a kernel: arguments, weights and constants are copied. Of a tensor
// without elements there is nothing to compute; `simplify` has made it a constant.
void RootChooser::returnRootsOnly() {
  Operation *end = block.getTerminator();
  for (OpOperand &operand : end->getOpOperands()) {
    Value value = operand.get();
    Operation *op = value.getDefiningOp();
    if ((!op || isa<ParamOp, ConstOp>(op)) && elementCount(value.getType()) == 0)
      continue;
    if (isControl(op) || (isa<YieldOp>(end) && (!op || isa<ParamOp, ConstOp>(op))))
      continue; // it is there, and is copied where it is wanted
    if (!op || isa<ParamOp, ConstOp>(op)) {
      OpBuilder b(end);
      auto type = cast<RankedTensorType>(value.getType());
      value = ViewOp::create(b, end->getLoc(), type, value, b.getMultiDimIdentityMap(type.getRank()));
      operand.set(value);
    }
    returned.insert(value);
  }
}

// Loops and choices read tensors that are there: what is computed for them is a root.
void RootChooser::readByControl() {
  for (Operation &op : block)
    if (isControl(&op))
      for (Value operand : op.getOperands())
        if (Operation *source = operand.getDefiningOp(); source && !isa<ParamOp, ConstOp>(source) && !isControl(source))
          returned.insert(operand);
}

// Whether a body must not hold all of what lies above `op`. Its ops are counted one by one where the sum over the
// operands is too large, for that takes what is shared for several.
bool RootChooser::isTooLarge(Operation *op, Above &sum) {
  if (sum.leaves.size() > kMostReads || sum.depth > kDeepestBody)
    return true;
  if (sum.ops <= kMostOps)
    return false;
  llvm::SmallSetVector<Operation *, 32> counted;
  counted.insert(op);
  for (size_t i = 0; i < counted.size() && counted.size() <= kMostOps; ++i)
    for (Value operand : counted[i]->getOperands())
      if (Operation *producer = operand.getDefiningOp();
          producer && !forced.contains(operand) && above[operand].ops != 0)
        counted.insert(producer);
  sum.ops = counted.size();
  return sum.ops > kMostOps;
}

// Cuts the body above `op`: its operands that hold something are computed by stages of their own.
Above RootChooser::cut(Operation *op, const Above &whole) {
  Above own;
  for (Value operand : op->getOperands()) {
    Operation *producer = operand.getDefiningOp();
    if (producer && !isa<ParamOp, ConstOp, ReduceOp>(producer) && !isControl(producer) &&
        (above[operand].leaves.size() > 1 || above[operand].ops > kMostOps / 4 ||
         above[operand].depth > kDeepestBody / 4))
      forced.insert(operand);
    addLeaf(own, operand);
  }
  own.work = workOf(op);
  own.loopWork = whole.loopWork;
  own.followsContraction = whole.followsContraction;
  own.kernelsBefore = whole.kernelsBefore;
  own.ofWeights = whole.ofWeights;
  own.depth = own.ops = 1;
  return own;
}

void RootChooser::lookAbove(Operation *op) {
  if (isControl(op)) {
    unsigned before = 0;
    for (Value operand : op->getOperands())
      before = std::max(before, above[operand].kernelsBefore + 1);
    for (Value result : op->getResults()) {
      addLeaf(above[result], result);
      above[result].ofWeights = false;
      above[result].kernelsBefore = before;
    }
    return;
  }
  Value result = op->getResult(0);
  Above sum;
  if (isa<ParamOp>(op)) {
    addLeaf(sum, result);
  } else if (auto constant = dyn_cast<ConstOp>(op)) {
    if (isa<ElementsAttr>(constant.getValue()) && !isa<SplatElementsAttr>(constant.getValue()))
      addLeaf(sum, result);
  } else if (auto reduce = dyn_cast<ReduceOp>(op)) {
    addLeaf(sum, result);
    SmallVector<Value, 2> factors = contractionFactors(reduce);
    const Above &input = above[reduce.getInput()];
    sum.followsContraction = !factors.empty();
    sum.kernelsBefore = input.kernelsBefore + (sum.followsContraction || input.followsContraction);
    for (Value factor : factors)
      if (Operation *producer = factor.getDefiningOp(); producer && !isa<ParamOp, ConstOp, ReduceOp>(producer))
        forced.insert(factor);
    sum.loopWork = elementCount(reduce.getInput().getType()) + (input.followsContraction ? 0 : input.loopWork);
    sum.ofWeights = input.ofWeights;
  } else {
    bool pointwise = isElementwise(op);
    auto gather = dyn_cast<GatherOp>(op);
    if (gather)
      if (Value table = tableOf(gather.getInput()); !isExternal(table) && !table.getDefiningOp<ReduceOp>())
        forced.insert(table);
    for (OpOperand &use : op->getOpOperands()) {
      const Above &part = above[use.get()];
      if (gather && use.getOperandNumber() == 0) {
        addLeaf(sum, tableOf(gather.getInput()));
      } else {
        for (Value leaf : part.leaves)
          addLeaf(sum, leaf);
        sum.work += part.work;
        sum.ops += part.ops;
      }
      sum.depth = std::max(sum.depth, part.depth);
      sum.ofWeights &= part.ofWeights;
      // What stays in an epilogue needs nothing that comes after the contraction's kernel.
      unsigned before = part.kernelsBefore + (!pointwise && part.followsContraction);
      bool follows = pointwise && part.followsContraction;
      if (before > sum.kernelsBefore)
        sum.followsContraction = follows;
      else if (before == sum.kernelsBefore)
        sum.followsContraction |= follows;
      sum.kernelsBefore = std::max(sum.kernelsBefore, before);
    }
    if (pointwise)
      for (Value operand : op->getOperands())
        if (const Above &part = above[operand]; !part.followsContraction || sum.followsContraction)
          sum.loopWork += part.loopWork;
    sum.depth += 1;
    sum.ops += 1;
    if (pointwise) {
      sum.work += workOf(op);
      sum.loopWork += workOf(op) * elementCount(result.getType());
    }
    if (isTooLarge(op, sum))
      sum = cut(op, sum);
  }
  above[result] = std::move(sum);
}

bool RootChooser::decide(Operation *op, const Below &uses) {
  Value value = op->getResult(0);
  if (isa<ReduceOp>(op) || returned.contains(value) || forced.contains(value))
    return true;
  const Above &sum = above[value];
  if (isa<ConcatOp>(op))
    return uses.several;
  if (!isElementwise(op) || (sum.leaves.empty() && sum.work <= 4))
    return false;
  if (sum.followsContraction && uses.leavesPoint)
    return true;
  if (sum.work == 0)
    return false;
  if (uses.several)
    return true;
  int64_t own = elementCount(value.getType());
  if (uses.points <= own)
    return false;
  if (uses.place.getDefiningOp<ConcatOp>() && isChosenCheaply(sum.work, static_cast<double>(uses.points - own),
                                                              static_cast<double>(byteCount(value.getType()))))
    return false;
  return !isRecomputedCheaply(sum.work, static_cast<double>(uses.points - own), above[uses.root].loopWork,
                              sum.ofWeights);
}

void RootChooser::lookBelow(Operation *op) {
  if (isControl(op))
    return;
  Value value = op->getResult(0);
  Below uses;
  for (Operation *user : value.getUsers()) {
    if (user == block.getTerminator() || isControl(user))
      continue;
    Value result = user->getResult(0);
    auto it = below.find(result);
    if (it == below.end())
      continue; // an unused op
    const Below &next = it->second;
    bool isRoot = roots.contains(result), pointwise = isElementwise(user);
    Below use;
    use.leavesPoint = !pointwise;
    use.root = isRoot ? result : next.root;
    use.several = !isRoot && next.several;
    use.place = isRoot || !pointwise ? result : next.place;
    use.points = isa<ReduceOp>(user) ? elementCount(user->getOperand(0).getType())
                 : isRoot            ? elementCount(result.getType())
                                     : next.points;
    bool first = !uses.place && !uses.several;
    uses.several |= use.several || (!first && use.place != uses.place);
    uses.leavesPoint |= use.leavesPoint;
    if (use.points > uses.points) {
      uses.points = use.points;
      uses.root = use.root;
    }
    if (!uses.place)
      uses.place = use.place;
  }
  if (uses.place || uses.several || returned.contains(value)) {
    if (decide(op, uses))
      roots.insert(value);
    below[value] = uses;
  }
}

void RootChooser::run() {
  returnRootsOnly();
  readByControl();
  for (Value argument : block.getArguments()) {
    above[argument].ofWeights = false;
    addLeaf(above[argument], argument);
  }
  for (Operation &op : block.without_terminator())
    lookAbove(&op);
  for (Operation &op : llvm::reverse(block.without_terminator()))
    lookBelow(&op);
  for (Operation &op : block.without_terminator()) {
    if (isControl(&op))
      continue;
    Value value = op.getResult(0);
    if (!roots.contains(value))
      continue;
    Root root;
    root.value = value;
    root.returned = returned.contains(value);
    if (auto reduce = dyn_cast<ReduceOp>(op)) {
      root.reduce = reduce;
      root.contraction = !contractionFactors(reduce).empty();
      ArrayRef<int64_t> shape = cast<ShapedType>(reduce.getInput().getType()).getShape();
      llvm::append_range(root.domain, cast<ShapedType>(value.getType()).getShape());
      root.parallel = root.domain.size();
      for (int64_t dim : reduce.getDims())
        root.domain.push_back(shape[dim]);
    } else {
      llvm::append_range(root.domain, cast<ShapedType>(value.getType()).getShape());
      root.parallel = root.domain.size();
    }
    plan.rootOf[value] = plan.roots.size();
    plan.roots.push_back(std::move(root));
  }
}

void chooseRoots(Block &block, FusionPlan &plan) { RootChooser(block, plan).run(); }

} // namespace tinyc::fusion
