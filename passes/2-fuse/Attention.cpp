// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognises attention by the structure of its stages.

#include "passes/2-fuse/Attention.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

std::optional<unsigned> tinyc::castRead(Value value) {
  while (auto cast = value.getDefiningOp<CastOp>())
    value = cast.getInput();
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getArgNumber();
  return std::nullopt;
}

bool tinyc::readVariesWith(StageOp stage, unsigned read, unsigned dim) {
  if (stage.getDomain()[dim] == 1)
    return false;
  IntegerSet mask = stage.getMask(read);
  return stage.getMap(read).isFunctionOfDim(dim) ||
         (mask && llvm::any_of(mask.getConstraints(), [&](AffineExpr e) { return e.isFunctionOfDim(dim); }));
}

namespace {
// Walks the stages of a kernel in order, each step taking what it expects.
class Matcher {
public:
  explicit Matcher(KernelOp kernel) : kernel(kernel), shared(kernel.getShared()), stages(kernel.getStages()) {}
  std::optional<Attention> run();

private:
  bool takeScores();
  bool takeShaping();
  bool takeSoftmax();
  bool takeOutput();
  bool chooseRow();

  StageOp next() { return at < stages.size() ? stages[at++] : StageOp(); }
  ArrayRef<int64_t> units() { return a.scores.getParallel().take_front(shared); }
  bool isRow(StageOp stage) { return stage && stage.getParallel() == units() && stage.getReduce() == ArrayRef(a.keys); }
  bool isPointwise(StageOp stage, StageOp like) {
    return stage.getReduce().empty() && stage.getParallel() == like.getParallel();
  }
  // Whether the stage reads what earlier ones computed only from `known`, at its own point.
  bool readsOwnPoint(StageOp stage, ArrayRef<Value> known) {
    for (auto [i, operand] : llvm::enumerate(stage.getOperands()))
      if (operand.getDefiningOp<StageOp>() &&
          (!llvm::is_contained(known, operand) || stage.getMask(i) || !stage.getMap(i).isIdentity()))
        return false;
    return true;
  }
  // Whether the body's value is a plain read of `operand` at the first `count` dimensions of the domain.
  bool isRead(StageOp stage, Value value, Value operand, unsigned count) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || stage.getOperand(argument.getArgNumber()) != operand || stage.getMask(argument.getArgNumber()))
      return false;
    AffineMap map = stage.getMap(argument.getArgNumber());
    return map == AffineMap::getMultiDimIdentityMap(map.getNumDims(), map.getContext()).getMajorSubMap(count);
  }

  KernelOp kernel;
  unsigned shared;
  SmallVector<StageOp> stages;
  unsigned at = 0;
  Attention a;
  Value exponential, sum;
};
} // namespace

// The product that a contraction sums.
static MulOp productOf(StageOp stage) { return stage.getYield().getValues()[0].getDefiningOp<MulOp>(); }

static bool isSumOfProducts(StageOp stage) {
  return stage && stage.getReduce().size() == 1 && stage.getNumResults() == 1 && stage.getKind(0) == ReduceKind::Sum &&
         elementType(stage.getResult(0).getType()).isF32() && productOf(stage);
}

static bool isFactor(Type type) { return type.isF32() || type.isF16() || type.isBF16(); }

bool Matcher::takeScores() {
  a.scores = next();
  if (!isSumOfProducts(a.scores) || a.scores.getNumParallel() != shared + 1)
    return false;
  std::optional<unsigned> lhs = castRead(productOf(a.scores).getLhs()), rhs = castRead(productOf(a.scores).getRhs());
  if (!lhs || !rhs || *lhs == *rhs)
    return false;
  if (readVariesWith(a.scores, *lhs, shared))
    std::swap(lhs, rhs);
  a.queryRead = *lhs;
  a.keyRead = *rhs;
  a.keys = a.scores.getParallel().back();
  a.depth = a.scores.getReduce()[0];
  for (unsigned read : {a.queryRead, a.keyRead})
    if (!isa<BlockArgument>(a.scores.getOperand(read)) || !isFactor(elementType(a.scores.getOperand(read).getType())))
      return false;
  return a.keys > 1 && a.depth <= kMostHeadSize && readVariesWith(a.scores, a.keyRead, shared) &&
         !readVariesWith(a.scores, a.queryRead, shared);
}

bool Matcher::takeShaping() {
  SmallVector<Value> known{a.scores.getResult(0)};
  while (at < stages.size() && isPointwise(stages[at], a.scores)) {
    if (!readsOwnPoint(stages[at], known))
      return false;
    a.shaping.push_back(next());
    llvm::append_range(known, a.shaping.back().getResults());
  }
  a.max = next();
  if (!isRow(a.max) || a.max.getNumResults() != 1 || a.max.getKind(0) != ReduceKind::Max ||
      a.max.getOperands().size() != 1)
    return false;
  a.score = a.max.getOperand(0);
  return llvm::is_contained(known, a.score) && elementType(a.score.getType()).isF32() &&
         isRead(a.max, a.max.getYield().getValues()[0], a.score, shared + 1);
}

static bool isMinusOne(Value value) {
  auto constant = value.getDefiningOp<ConstOp>();
  auto number = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  return number && number.getValue().isExactlyValue(-1.0);
}

bool Matcher::takeSoftmax() {
  a.exp = next();
  if (!isRow(a.exp) || a.exp.getNumResults() != 2 || a.exp.getYield().getValues()[0] != a.exp.getYield().getValues()[1])
    return false;
  for (unsigned i : {0u, 1u})
    (a.exp.getKind(i) == ReduceKind::None ? exponential : sum) = a.exp.getResult(i);
  auto exp = a.exp.getYield().getValues()[0].getDefiningOp<ExpOp>();
  auto difference = exp ? exp.getInput().getDefiningOp<AddOp>() : AddOp();
  if (!exponential || !sum || a.exp.getKind(cast<OpResult>(sum).getResultNumber()) != ReduceKind::Sum || !difference)
    return false;
  a.base = exp.getBase();
  Value score = difference.getLhs(), negated = difference.getRhs();
  if (!negated.getDefiningOp<MulOp>())
    std::swap(score, negated);
  auto product = negated.getDefiningOp<MulOp>();
  if (!product || !isRead(a.exp, score, a.score, shared + 1))
    return false;
  Value max = product.getLhs(), minus = product.getRhs();
  if (!isMinusOne(minus))
    std::swap(max, minus);
  if (!isMinusOne(minus) || !isRead(a.exp, max, a.max.getResult(0), shared))
    return false;
  a.share = next();
  if (!a.share || !isPointwise(a.share, a.scores) || a.share.getNumResults() != 1)
    return false;
  Value quotient = a.share.getYield().getValues()[0];
  while (auto cast = quotient.getDefiningOp<CastOp>())
    quotient = cast.getInput();
  auto division = quotient.getDefiningOp<DivOp>();
  return division && isFactor(elementType(a.share.getResult(0).getType())) &&
         isRead(a.share, division.getLhs(), exponential, shared + 1) && isRead(a.share, division.getRhs(), sum, shared);
}

bool Matcher::takeOutput() {
  a.output = next();
  if (!isSumOfProducts(a.output) || a.output.getNumParallel() != shared + 1 ||
      a.output.getParallel().take_front(shared) != units() || a.output.getReduce()[0] != a.keys)
    return false;
  std::optional<unsigned> lhs = castRead(productOf(a.output).getLhs()), rhs = castRead(productOf(a.output).getRhs());
  if (!lhs || !rhs || *lhs == *rhs)
    return false;
  if (a.output.getOperand(*lhs) != a.share.getResult(0))
    std::swap(lhs, rhs);
  a.shareRead = *lhs;
  a.valueRead = *rhs;
  a.width = a.output.getParallel().back();
  // The share at (S.., key), where the output's domain is (S.., width, key).
  SmallVector<unsigned> dims = llvm::to_vector(llvm::seq<unsigned>(0, shared));
  dims.push_back(shared + 1);
  AffineMap place = AffineMap::getMultiDimMapWithTargets(shared + 2, dims, kernel.getContext());
  if (a.output.getOperand(a.shareRead) != a.share.getResult(0) || a.output.getMap(a.shareRead) != place ||
      a.output.getMask(a.shareRead) || !isa<BlockArgument>(a.output.getOperand(a.valueRead)) ||
      !isFactor(elementType(a.output.getOperand(a.valueRead).getType())) || a.width > kMostHeadSize)
    return false;
  SmallVector<Value> known{a.output.getResult(0)};
  while (StageOp stage = next()) {
    if (!isPointwise(stage, a.output) || !readsOwnPoint(stage, known))
      return false;
    a.epilogue.push_back(stage);
    llvm::append_range(known, stage.getResults());
  }
  return llvm::all_of(kernel.getYield().getValues(), [&](Value value) { return llvm::is_contained(known, value); });
}

bool Matcher::chooseRow() {
  std::optional<unsigned> row;
  for (unsigned d = 0; d < shared; ++d)
    if (!readVariesWith(a.scores, a.keyRead, d) && !readVariesWith(a.output, a.valueRead, d) &&
        (!row || units()[d] > 1 || units()[*row] == 1))
      row = d;
  a.row = row.value_or(0);
  return row.has_value();
}

std::optional<Attention> Matcher::run() {
  for (StageOp stage : stages)
    for (Operation &op : stage.getBody().front())
      if (isa<LookupOp>(op)) // positions that are data
        return std::nullopt;
  if (shared > 0 && stages.size() >= 5 && takeScores() && takeShaping() && takeSoftmax() && takeOutput() && chooseRow())
    return std::move(a);
  return std::nullopt;
}

std::optional<Attention> tinyc::matchAttention(KernelOp kernel) { return Matcher(kernel).run(); }
