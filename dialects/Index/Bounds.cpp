// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The proof, coordinate by coordinate and side by side (below 0, past the end), each as: is there a point with
// expr >= 0 among those of the box and the mask? The point found, if any, is the counterexample.

#include "dialects/Index/Bounds.h"

#include "dialects/Index/LinearForm.h"

#include "mlir/Analysis/Presburger/IntegerRelation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tinyc;
using presburger::IntegerPolyhedron;
using presburger::PresburgerSpace;

namespace {
// Affine expressions as rows of a polyhedron: one column a dimension, one local variable a floordiv.
class Rows {
public:
  Rows(unsigned dims) : set(PresburgerSpace::getSetSpace(dims)) {}

  // Coefficients of the dimensions and locals, last the constant; nothing if a divisor is not a positive constant.
  std::optional<SmallVector<int64_t>> row(AffineExpr expr) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
      SmallVector<int64_t> result(set.getNumCols(), 0);
      result.back() = constant.getValue();
      return result;
    }
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      SmallVector<int64_t> result(set.getNumCols(), 0);
      result[dim.getPosition()] = 1;
      return result;
    }
    auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
    if (!binary)
      return std::nullopt;
    std::optional<SmallVector<int64_t>> left = row(binary.getLHS());
    if (!left)
      return std::nullopt;
    if (binary.getKind() == AffineExprKind::Add) {
      std::optional<SmallVector<int64_t>> right = row(binary.getRHS());
      if (!right)
        return std::nullopt;
      widen(*left);
      for (unsigned i = 0; i < left->size(); ++i)
        (*left)[i] += (*right)[i];
      return left;
    }
    auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (!constant)
      return std::nullopt;
    int64_t m = constant.getValue();
    if (binary.getKind() == AffineExprKind::Mul) {
      for (int64_t &factor : *left)
        factor *= m;
      return left;
    }
    if (m <= 0)
      return std::nullopt;
    bool ceil = binary.getKind() == AffineExprKind::CeilDiv;
    if (ceil)
      left->back() += m - 1;
    auto [found, isNew] = quotients.try_emplace(AffineKey{binary.getLHS(), ceil ? -m : m}, 0);
    if (isNew)
      found->second = set.addLocalFloorDiv(*left, m);
    SmallVector<int64_t> result(set.getNumCols(), 0);
    if (binary.getKind() == AffineExprKind::Mod) { // x - m * (x floordiv m)
      widen(*left);
      result = *left;
      result[found->second] -= m;
    } else {
      result[found->second] = 1;
    }
    return result;
  }

  bool require(AffineExpr expr, bool equality) { // expr >= 0 or == 0
    std::optional<SmallVector<int64_t>> coefficients = row(expr);
    if (!coefficients)
      return false;
    if (equality)
      set.addEquality(*coefficients);
    else
      set.addInequality(*coefficients);
    return true;
  }

  IntegerPolyhedron set;

private:
  // Locals that were added since stand before the constant.
  void widen(SmallVector<int64_t> &coefficients) {
    int64_t constant = coefficients.pop_back_val();
    coefficients.resize(set.getNumCols() - 1, 0);
    coefficients.push_back(constant);
  }

  using AffineKey = std::pair<AffineExpr, int64_t>;
  llvm::DenseMap<AffineKey, unsigned> quotients;
};

// A point of the box and mask at which expr >= 0.
struct Answer {
  bool none;
  SmallVector<int64_t> point; ///< empty if there may be one but none is known
};
} // namespace

static Answer findPoint(AffineExpr expr, IntegerSet mask, ArrayRef<Interval> dims, unsigned &programs) {
  LinearSimplifier simplifier(expr.getContext(), dims);
  LinearForm form = simplifier.run(expr);
  std::optional<Interval> bounds = form.bounds(dims);
  if (bounds && bounds->high < 0)
    return {true, {}};
  // A constraint c >= 0 with expr + c < 0 everywhere rules it out.
  for (unsigned i = 0; mask && i < mask.getNumConstraints(); ++i) {
    LinearForm sum = form;
    sum.add(simplifier.run(mask.getConstraint(i)));
    std::optional<Interval> both = sum.bounds(dims);
    if (both && both->high < 0)
      return {true, {}};
  }
  ++programs;
  Rows rows(dims.size());
  bool exact = rows.require(form.toExpr(expr.getContext()), false);
  for (unsigned i = 0; mask && i < mask.getNumConstraints(); ++i)
    exact &= rows.require(mask.getConstraint(i), mask.isEq(i));
  for (auto [i, interval] : llvm::enumerate(dims)) {
    rows.set.addBound(presburger::BoundType::LB, i, interval.low);
    rows.set.addBound(presburger::BoundType::UB, i, interval.high);
  }
  if (rows.set.isIntegerEmpty())
    return {true, {}}; // also if a constraint could not be said: fewer constraints hold at more points
  Answer answer{false, {}};
  if (!exact)
    return answer;
  if (auto sample = rows.set.findIntegerSample())
    for (unsigned i = 0; i < dims.size(); ++i)
      answer.point.push_back(int64_t((*sample)[i]));
  return answer;
}

static std::string describe(unsigned coordinate, AffineExpr expr, int64_t size, const Answer &answer) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "coordinate " << coordinate << ", " << expr << ", leaves [0, " << size << ")";
  if (answer.point.empty())
    return text + " or cannot be told";
  SmallVector<AffineExpr> values;
  for (int64_t value : answer.point)
    values.push_back(getAffineConstantExpr(value, expr.getContext()));
  stream << ": it is " << expr.replaceDims(values) << " at (";
  llvm::interleaveComma(answer.point, stream);
  stream << ")";
  return text;
}

std::optional<std::string> BoundsProver::refute(AffineMap map, IntegerSet mask, ArrayRef<Interval> dims,
                                                ArrayRef<int64_t> shape) {
  std::vector<int64_t> sizes(shape.begin(), shape.end());
  for (Interval interval : dims)
    sizes.insert(sizes.end(), {interval.low, interval.high});
  auto [entry, isNew] = answers.try_emplace(
      Key{map.getAsOpaquePointer(), mask ? mask.getAsOpaquePointer() : nullptr, std::move(sizes)}, std::nullopt);
  if (!isNew) {
    ++remembered;
    return entry->second;
  }
  if (llvm::any_of(dims, [](Interval i) { return i.empty(); }))
    return std::nullopt;
  SmallVector<Interval> box = narrow(dims, mask);
  if (llvm::any_of(box, [](Interval i) { return i.empty(); }))
    return std::nullopt; // the mask holds nowhere
  for (auto [i, result] : llvm::enumerate(map.getResults()))
    for (AffineExpr wrong : {-result - 1, result - shape[i]})
      if (Answer answer = findPoint(wrong, mask, box, programs); !answer.none)
        return entry->second = describe(i, result, shape[i], answer);
  return std::nullopt;
}
