// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names by which a person recognises a kernel: its contraction or the reductions of a known composition, then what
// follows, in three words at most. A name is for people; nothing depends on it.

#include "dialects/Index/LinearForm.h"
#include "passes/2-fuse/CostModel.h"
#include "passes/2-fuse/FusionPlan.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tinyc::tiny;

namespace tinyc::fusion {

// A window moves over a dimension: some coordinate is a sum of a kept and a reduced dimension in which windows overlap
// (heads that lie side by side in a row are such a sum too, but they do not overlap). `depth` ops are looked through: a
// product, its casts and its views.
static bool isWindow(Value value, ArrayRef<int64_t> reduced, unsigned depth) {
  Operation *op = value.getDefiningOp();
  if (!op || depth == 0)
    return false;
  if (isElementwise(op))
    return llvm::any_of(op->getOperands(), [&](Value operand) { return isWindow(operand, reduced, depth - 1); });
  auto view = dyn_cast<ViewOp>(op);
  if (!view)
    return false;
  SmallVector<int64_t> inner; // dimensions of the input along which the reduction moves
  for (auto [i, result] : llvm::enumerate(view.getMap().getResults())) {
    bool kept = false, summed = false;
    ArrayRef<int64_t> shape = cast<ShapedType>(value.getType()).getShape();
    LinearForm form = LinearSimplifier(op->getContext(), domainOf(shape)).run(result);
    int64_t step = std::numeric_limits<int64_t>::max(), extent = 1;
    for (const LinearForm::Term &term : form.terms) {
      auto dim = dyn_cast<AffineDimExpr>(term.atom);
      bool isReduced = dim && llvm::is_contained(reduced, dim.getPosition());
      (isReduced ? summed : kept) = true;
      if (isReduced)
        extent += std::abs(term.factor) * (shape[dim.getPosition()] - 1);
      else
        step = std::min(step, std::abs(term.factor));
    }
    if (kept && summed && step < extent)
      return true;
    if (summed)
      inner.push_back(i);
  }
  return isWindow(view.getInput(), inner, depth - 1);
}

static bool isWindow(ReduceOp reduce) { return isWindow(reduce.getInput(), reduce.getDims(), 5); }

static bool isZero(Value value) {
  auto constant = value.getDefiningOp<ConstOp>();
  if (!constant)
    return false;
  Attribute element = constant.getValue();
  if (auto splat = dyn_cast<SplatElementsAttr>(element))
    element = splat.getSplatValue<Attribute>();
  auto number = dyn_cast<FloatAttr>(element);
  return number && number.getValue().isZero();
}

static std::string wordOf(Operation *op) {
  if (auto reduce = dyn_cast<ReduceOp>(op)) {
    if (!contractionFactors(reduce).empty())
      return isWindow(reduce) ? "conv" : "matmul";
    if (reduce.getKind() == ReduceKind::Max && isWindow(reduce))
      return "maxpool";
    return stringifyReduceKind(reduce.getKind()).str();
  }
  if (isa<MaxOp>(op) && (isZero(op->getOperand(0)) || isZero(op->getOperand(1))))
    return "relu";
  return op->getName().stripDialect().str();
}

std::string kernelName(ArrayRef<Operation *> ops) {
  SmallVector<std::string> reductions, others;
  llvm::StringMap<unsigned> count;
  bool contraction = false;
  for (Operation *op : ops) {
    std::string word = wordOf(op);
    bool reduction = isa<ReduceOp>(op);
    contraction |= reduction && !contractionFactors(cast<ReduceOp>(op)).empty();
    ++count[(reduction ? "reduce " : "") + word];
    if (isa<ViewOp, IotaOp, CastOp, ConstOp>(op))
      continue;
    SmallVector<std::string> &words = reduction ? reductions : others;
    if (!llvm::is_contained(words, word))
      words.push_back(word);
  }
  auto has = [&](StringRef word) { return count.lookup(word) != 0; };
  if (contraction) { // plain arithmetic after it is a bias, a scale or a normalisation
    SmallVector<std::string> words{reductions.front()};
    for (std::string &word : others)
      if (!llvm::is_contained({"mul", "add", "div", "sqrt", "where", "cmplt", "cmpeq"}, word) && words.size() < 3)
        words.push_back(word);
    return llvm::join(words, "_");
  }
  if (has("reduce max") && has("reduce sum") && has("exp") && has("div"))
    return "softmax";
  if (has("reduce max") && has("reduce sum") && has("exp") && has("log"))
    return count.lookup("reduce sum") > 1 ? "cross_entropy" : "log_softmax";
  if (has("reduce sum") && has("sqrt"))
    return count.lookup("reduce sum") > 1 ? "layernorm" : "rmsnorm";
  if (count.lookup("reduce max") > 1 && has("cmpeq"))
    return "argmax";
  SmallVector<std::string> words(reductions);
  words.append(others);
  if (words.empty())
    return "copy";
  if (words.size() > 3)
    words.resize(3);
  return llvm::join(words, "_");
}

} // namespace tinyc::fusion
