// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bounds and simplification of affine expressions, maps and masks over boxes.

#include "dialects/Index/AffineRanges.h"

#include "dialects/Index/LinearForm.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;
using namespace tinyc;

SmallVector<Interval> tinyc::domainOf(ArrayRef<int64_t> sizes) {
  return llvm::map_to_vector(sizes, [](int64_t size) { return Interval{0, size - 1}; });
}

std::optional<Interval> tinyc::boundsOf(AffineExpr expr, ArrayRef<Interval> dims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Interval{constant.getValue(), constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dim.getPosition() < dims.size() ? std::optional<Interval>(dims[dim.getPosition()]) : std::nullopt;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  std::optional<Interval> left = boundsOf(binary.getLHS(), dims), right = boundsOf(binary.getRHS(), dims);
  if (!left || !right)
    return std::nullopt;
  Interval result;
  if (binary.getKind() == AffineExprKind::Add) {
    if (llvm::AddOverflow(left->low, right->low, result.low) || llvm::AddOverflow(left->high, right->high, result.high))
      return std::nullopt;
    return result;
  }
  if (right->low != right->high)
    return std::nullopt;
  int64_t m = right->low;
  if (binary.getKind() == AffineExprKind::Mul) {
    if (llvm::MulOverflow(left->low, m, result.low) || llvm::MulOverflow(left->high, m, result.high))
      return std::nullopt;
    if (m < 0)
      std::swap(result.low, result.high);
    return result;
  }
  if (m <= 0)
    return std::nullopt;
  int64_t low = llvm::divideFloorSigned(left->low, m), high = llvm::divideFloorSigned(left->high, m);
  switch (binary.getKind()) {
  case AffineExprKind::FloorDiv:
    return Interval{low, high};
  case AffineExprKind::CeilDiv:
    return Interval{llvm::divideCeilSigned(left->low, m), llvm::divideCeilSigned(left->high, m)};
  default: // mod
    return low == high ? Interval{left->low - low * m, left->high - low * m} : Interval{0, m - 1};
  }
}

static bool anyEmpty(ArrayRef<Interval> dims) {
  return llvm::any_of(dims, [](Interval i) { return i.empty(); });
}

AffineExpr tinyc::simplifyExpr(AffineExpr expr, ArrayRef<Interval> dims) {
  if (anyEmpty(dims))
    return expr;
  return LinearSimplifier(expr.getContext(), dims).run(expr).toExpr(expr.getContext());
}

AffineMap tinyc::simplifyMap(AffineMap map, ArrayRef<int64_t> sizes, IntegerSet mask) {
  SmallVector<Interval> dims = narrow(domainOf(sizes), mask);
  if (anyEmpty(dims))
    return map;
  LinearSimplifier simplifier(map.getContext(), dims);
  SmallVector<AffineExpr> results;
  for (AffineExpr result : map.getResults())
    results.push_back(simplifier.run(result).toExpr(map.getContext()));
  return AffineMap::get(map.getNumDims(), map.getNumSymbols(), results, map.getContext());
}

namespace {
// sum >= 0, or sum == 0.
struct Constraint {
  LinearForm sum;
  bool equality;
};
} // namespace

// Divides by the factors' common divisor; takes single divisions apart: y floordiv m >= c is y >= c * m.
static void tighten(Constraint &constraint, LinearSimplifier &simplifier) {
  LinearForm &sum = constraint.sum;
  if (constraint.equality)
    return;
  int64_t divisor = 0;
  for (const LinearForm::Term &term : sum.terms)
    divisor = std::gcd(divisor, term.factor);
  if (divisor > 1) {
    for (LinearForm::Term &term : sum.terms)
      term.factor /= divisor;
    sum.constant = llvm::divideFloorSigned(sum.constant, divisor);
  }
  if (sum.terms.size() != 1 || sum.terms[0].atom.getKind() != AffineExprKind::FloorDiv)
    return;
  auto quotient = cast<AffineBinaryOpExpr>(sum.terms[0].atom);
  auto m = dyn_cast<AffineConstantExpr>(quotient.getRHS());
  int64_t sign = sum.terms[0].factor;
  if (!m || m.getValue() <= 0 || (sign != 1 && sign != -1))
    return;
  LinearForm dividend = simplifier.run(quotient.getLHS()), result;
  result.add(dividend, sign);
  result.constant += sum.constant * m.getValue() + (sign < 0 ? m.getValue() - 1 : 0);
  sum = result;
  tighten(constraint, simplifier);
}

MaskFact tinyc::simplifyMask(IntegerSet mask, ArrayRef<int64_t> sizes) {
  if (!mask)
    return {MaskFact::Always, {}};
  SmallVector<Interval> dims = domainOf(sizes);
  if (anyEmpty(dims))
    return {MaskFact::Never, {}};
  MLIRContext *context = mask.getContext();
  LinearSimplifier simplifier(context, dims);
  SmallVector<AffineExpr> kept;
  SmallVector<bool> equalities;
  for (unsigned i = 0; i < mask.getNumConstraints(); ++i) {
    Constraint constraint{simplifier.run(mask.getConstraint(i)), mask.isEq(i)};
    tighten(constraint, simplifier);
    if (std::optional<Interval> bounds = constraint.sum.bounds(dims)) {
      if (bounds->high < 0 || (constraint.equality && bounds->low > 0))
        return {MaskFact::Never, {}};
      if (constraint.equality ? bounds->low == 0 && bounds->high == 0 : bounds->low >= 0)
        continue;
    }
    // Of constraints that differ in the constant only, the tightest is enough.
    LinearForm bare = constraint.sum;
    bare.constant = 0;
    AffineExpr expr = constraint.sum.toExpr(context), direction = bare.toExpr(context);
    bool merged = false;
    for (unsigned j = 0; j < kept.size() && !merged && !constraint.equality; ++j) {
      LinearForm other = simplifier.run(kept[j]);
      int64_t constant = other.constant;
      other.constant = 0;
      if (equalities[j] || other.toExpr(context) != direction)
        continue;
      if (constraint.sum.constant < constant)
        kept[j] = expr;
      merged = true;
    }
    if (merged || llvm::any_of(llvm::zip(kept, equalities), [&](auto pair) {
          return std::get<0>(pair) == expr && std::get<1>(pair) == constraint.equality;
        }))
      continue;
    kept.push_back(expr);
    equalities.push_back(constraint.equality);
  }
  if (kept.empty())
    return {MaskFact::Always, {}};
  IntegerSet set = IntegerSet::get(mask.getNumDims(), mask.getNumSymbols(), kept, equalities);
  if (anyEmpty(narrow(dims, set)))
    return {MaskFact::Never, {}};
  return {MaskFact::Sometimes, set};
}

IntegerSet tinyc::conjoin(IntegerSet a, IntegerSet b) {
  if (!a || !b || a == b)
    return a ? a : b;
  SmallVector<AffineExpr> constraints(a.getConstraints());
  llvm::append_range(constraints, b.getConstraints());
  SmallVector<bool> equalities(a.getEqFlags());
  llvm::append_range(equalities, b.getEqFlags());
  return IntegerSet::get(a.getNumDims(), a.getNumSymbols(), constraints, equalities);
}

IntegerSet tinyc::composeMask(IntegerSet mask, AffineMap map) {
  if (!mask)
    return mask;
  return mask.replaceDimsAndSymbols(map.getResults(), {}, map.getNumDims(), 0);
}

SmallVector<Interval> tinyc::narrow(ArrayRef<Interval> dims, IntegerSet mask) {
  SmallVector<Interval> result(dims);
  if (!mask || anyEmpty(dims))
    return result;
  LinearSimplifier simplifier(mask.getContext(), dims);
  for (unsigned i = 0; i < mask.getNumConstraints(); ++i) {
    LinearForm form = simplifier.run(mask.getConstraint(i));
    if (form.terms.size() != 1)
      continue;
    auto dim = dyn_cast<AffineDimExpr>(form.terms[0].atom);
    if (!dim || dim.getPosition() >= dims.size())
      continue;
    int64_t factor = form.terms[0].factor;
    Interval &interval = result[dim.getPosition()];
    // factor * d + constant >= 0, and for an equality also <= 0.
    if (factor > 0 || mask.isEq(i))
      interval.low = std::max(interval.low, factor > 0 ? llvm::divideCeilSigned(-form.constant, factor)
                                                       : llvm::divideCeilSigned(form.constant, -factor));
    if (factor < 0 || mask.isEq(i))
      interval.high = std::min(interval.high, factor < 0 ? llvm::divideFloorSigned(form.constant, -factor)
                                                         : llvm::divideFloorSigned(-form.constant, factor));
  }
  return result;
}

AffineExpr tinyc::linearise(AffineMap map, ArrayRef<int64_t> shape, ArrayRef<int64_t> sizes, IntegerSet mask) {
  AffineExpr position = getAffineConstantExpr(0, map.getContext());
  for (auto [result, size] : llvm::zip_equal(map.getResults(), shape))
    position = position * size + result;
  return simplifyExpr(position, narrow(domainOf(sizes), mask));
}

bool tinyc::isBijection(AffineMap map, ArrayRef<int64_t> sizes, ArrayRef<int64_t> shape) {
  auto count = [](ArrayRef<int64_t> s) { return std::accumulate(s.begin(), s.end(), int64_t(1), std::multiplies<>()); };
  if (count(sizes) != count(shape))
    return false;
  if (count(sizes) <= 1)
    return true;
  // One to one onto row-major positions [0, n) if each dimension of the domain has a factor of its own in the
  // position, and the factors, ascending, are the products of the sizes before: a mixed radix number.
  SmallVector<Interval> dims = domainOf(sizes);
  LinearForm form = LinearSimplifier(map.getContext(), dims).run(linearise(map, shape, sizes));
  SmallVector<std::pair<int64_t, int64_t>> digits; // factor, size
  for (const LinearForm::Term &term : form.terms) {
    auto dim = dyn_cast<AffineDimExpr>(term.atom);
    if (!dim)
      return false;
    digits.emplace_back(term.factor, sizes[dim.getPosition()]);
  }
  llvm::sort(digits);
  int64_t product = 1;
  for (auto [factor, size] : digits) {
    if (factor != product)
      return false;
    product *= size;
  }
  return form.constant == 0 && product == count(sizes);
}
