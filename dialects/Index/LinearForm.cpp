// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rules of simplification, each justified by Euclidean division: for m > 0, x = m * (x floordiv m) + x mod m.

#include "dialects/Index/LinearForm.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;
using namespace tinyc;

// Order of atoms in a printed sum: dimensions by position, then symbols, then mod and floordiv by their parts.
static int compare(AffineExpr a, AffineExpr b) {
  if (a == b)
    return 0;
  auto rank = [](AffineExpr e) {
    switch (e.getKind()) {
    case AffineExprKind::DimId:
      return 0;
    case AffineExprKind::SymbolId:
      return 1;
    case AffineExprKind::FloorDiv:
      return 2;
    case AffineExprKind::Mod:
      return 3;
    case AffineExprKind::Mul:
      return 4;
    case AffineExprKind::Add:
      return 5;
    default:
      return 6;
    }
  };
  auto order = [](int64_t x, int64_t y) { return x < y ? -1 : x > y; };
  if (rank(a) != rank(b))
    return order(rank(a), rank(b));
  if (auto dim = dyn_cast<AffineDimExpr>(a))
    return order(dim.getPosition(), cast<AffineDimExpr>(b).getPosition());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(a))
    return order(symbol.getPosition(), cast<AffineSymbolExpr>(b).getPosition());
  if (auto constant = dyn_cast<AffineConstantExpr>(a))
    return order(constant.getValue(), cast<AffineConstantExpr>(b).getValue());
  auto x = cast<AffineBinaryOpExpr>(a), y = cast<AffineBinaryOpExpr>(b);
  int lhs = compare(x.getLHS(), y.getLHS());
  return lhs ? lhs : compare(x.getRHS(), y.getRHS());
}

void LinearForm::add(AffineExpr atom, int64_t factor) {
  auto *found = llvm::find_if(terms, [&](const Term &t) { return t.atom == atom; });
  if (found == terms.end()) {
    if (factor != 0)
      terms.push_back({atom, factor});
  } else if ((found->factor += factor) == 0) {
    terms.erase(found);
  }
}

void LinearForm::add(const LinearForm &other, int64_t factor) {
  for (const Term &term : other.terms)
    add(term.atom, term.factor * factor);
  constant += other.constant * factor;
}

AffineExpr LinearForm::toExpr(MLIRContext *context) const {
  auto sorted = terms;
  llvm::sort(sorted, [](const Term &a, const Term &b) { return compare(a.atom, b.atom) < 0; });
  AffineExpr sum;
  for (const Term &term : sorted)
    sum = sum ? sum + term.atom * term.factor : term.atom * term.factor;
  AffineExpr last = getAffineConstantExpr(constant, context);
  return !sum ? last : constant ? sum + last : sum;
}

std::optional<Interval> LinearForm::bounds(ArrayRef<Interval> dims) const {
  Interval sum{constant, constant};
  for (const Term &term : terms) {
    std::optional<Interval> atom = boundsOf(term.atom, dims);
    int64_t low, high;
    if (!atom || llvm::MulOverflow(atom->low, term.factor, low) || llvm::MulOverflow(atom->high, term.factor, high))
      return std::nullopt;
    if (low > high)
      std::swap(low, high);
    if (llvm::AddOverflow(sum.low, low, sum.low) || llvm::AddOverflow(sum.high, high, sum.high))
      return std::nullopt;
  }
  return sum;
}

// The one k with k*m <= x < (k+1)*m for all x in the interval, if there is one.
static std::optional<int64_t> commonQuotient(std::optional<Interval> interval, int64_t m) {
  if (!interval)
    return std::nullopt;
  int64_t low = llvm::divideFloorSigned(interval->low, m), high = llvm::divideFloorSigned(interval->high, m);
  return low == high ? std::optional<int64_t>(low) : std::nullopt;
}

namespace {
// form = step * multiples + rest, with step*quotient <= rest < step*(quotient+1) over the box.
struct Split {
  int64_t step;
  LinearForm multiples, rest;
  int64_t quotient;
};
} // namespace

// The largest step that divides `divisor` and leaves a rest that never carries into the multiples.
static std::optional<Split> splitByStep(const LinearForm &form, int64_t divisor, ArrayRef<Interval> dims) {
  SmallVector<int64_t, 4> steps;
  for (const LinearForm::Term &term : form.terms) {
    int64_t step = std::gcd(term.factor, divisor);
    if (step > 1 && !llvm::is_contained(steps, step))
      steps.push_back(step);
  }
  llvm::sort(steps, std::greater<>());
  for (int64_t step : steps) {
    Split split{step, {}, {}, 0};
    for (const LinearForm::Term &term : form.terms)
      if (term.factor % step == 0)
        split.multiples.add(term.atom, term.factor / step);
      else
        split.rest.add(term.atom, term.factor);
    split.rest.constant = form.constant;
    if (std::optional<int64_t> quotient = commonQuotient(split.rest.bounds(dims), step)) {
      split.quotient = *quotient;
      return split;
    }
  }
  return std::nullopt;
}

// The binary atom of `kind` that is all of the form (a factor of 1, any constant).
static AffineBinaryOpExpr onlyAtom(const LinearForm &form, AffineExprKind kind) {
  if (form.terms.size() != 1 || form.terms[0].factor != 1 || form.terms[0].atom.getKind() != kind)
    return nullptr;
  auto binary = cast<AffineBinaryOpExpr>(form.terms[0].atom);
  return isa<AffineConstantExpr>(binary.getRHS()) ? binary : nullptr;
}

static int64_t divisorOf(AffineBinaryOpExpr atom) { return cast<AffineConstantExpr>(atom.getRHS()).getValue(); }

LinearForm LinearSimplifier::mod(const LinearForm &form, int64_t divisor) {
  LinearForm rest; // multiples of the divisor vanish
  for (const LinearForm::Term &term : form.terms)
    if (term.factor % divisor != 0)
      rest.add(term.atom, term.factor);
  rest.constant = form.constant - divisor * llvm::divideFloorSigned(form.constant, divisor);
  if (std::optional<int64_t> quotient = commonQuotient(rest.bounds(dims), divisor)) {
    rest.constant -= *quotient * divisor;
    return rest;
  }
  if (std::optional<Split> split = splitByStep(rest, divisor, dims)) {
    split->multiples.constant += split->quotient;
    LinearForm result = split->rest;
    result.constant -= split->quotient * split->step;
    result.add(mod(split->multiples, divisor / split->step), split->step);
    return result;
  }
  if (AffineBinaryOpExpr inner = onlyAtom(rest, AffineExprKind::Mod);
      inner && divisorOf(inner) > 0 && divisorOf(inner) % divisor == 0) {
    LinearForm unwrapped = run(inner.getLHS());
    unwrapped.constant += rest.constant;
    return mod(unwrapped, divisor);
  }
  LinearForm result;
  result.add(rest.toExpr(context) % divisor, 1);
  return result;
}

LinearForm LinearSimplifier::floorDiv(const LinearForm &form, int64_t divisor) {
  LinearForm result, rest; // multiples of the divisor leave the division
  for (const LinearForm::Term &term : form.terms)
    if (term.factor % divisor == 0)
      result.add(term.atom, term.factor / divisor);
    else
      rest.add(term.atom, term.factor);
  result.constant = llvm::divideFloorSigned(form.constant, divisor);
  rest.constant = form.constant - divisor * result.constant;
  if (std::optional<int64_t> quotient = commonQuotient(rest.bounds(dims), divisor)) {
    result.constant += *quotient;
    return result;
  }
  if (std::optional<Split> split = splitByStep(rest, divisor, dims)) {
    split->multiples.constant += split->quotient;
    result.add(floorDiv(split->multiples, divisor / split->step));
    return result;
  }
  int64_t product;
  if (AffineBinaryOpExpr inner = onlyAtom(rest, AffineExprKind::FloorDiv);
      inner && divisorOf(inner) > 0 && !llvm::MulOverflow(divisorOf(inner), divisor, product)) {
    LinearForm unwrapped = run(inner.getLHS());
    unwrapped.constant += rest.constant * divisorOf(inner);
    result.add(floorDiv(unwrapped, product));
    return result;
  }
  if (AffineBinaryOpExpr inner = onlyAtom(rest, AffineExprKind::Mod);
      inner && rest.constant == 0 && divisorOf(inner) > 0 && divisorOf(inner) % divisor == 0) {
    result.add(mod(floorDiv(run(inner.getLHS()), divisor), divisorOf(inner) / divisor));
    return result;
  }
  result.add(rest.toExpr(context).floorDiv(divisor), 1);
  return result;
}

void LinearSimplifier::recombine(LinearForm &form) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const LinearForm::Term &term : form.terms) {
      AffineBinaryOpExpr remainder = dyn_cast<AffineBinaryOpExpr>(term.atom);
      if (!remainder || remainder.getKind() != AffineExprKind::Mod || !isa<AffineConstantExpr>(remainder.getRHS()) ||
          divisorOf(remainder) <= 0)
        continue;
      int64_t divisor = divisorOf(remainder), factor = term.factor;
      LinearForm dividend = run(remainder.getLHS()), quotient = floorDiv(dividend, divisor);
      bool present = llvm::all_of(quotient.terms, [&](const LinearForm::Term &part) {
        return llvm::any_of(form.terms, [&](const LinearForm::Term &t) {
          return t.atom == part.atom && t.factor == part.factor * factor * divisor;
        });
      });
      if (!present || quotient.terms.empty())
        continue;
      AffineExpr atom = term.atom;
      form.add(quotient, -factor * divisor);
      form.add(atom, -factor);
      form.add(dividend, factor);
      changed = true;
      break;
    }
  }
}

LinearForm LinearSimplifier::run(AffineExpr expr) {
  auto found = known.find(expr);
  if (found != known.end())
    return found->second;
  LinearForm form = simplify(expr);
  known[expr] = form;
  return form;
}

LinearForm LinearSimplifier::simplify(AffineExpr expr) {
  LinearForm form;
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    form.constant = constant.getValue();
    return form;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary) { // also where its size is 1: a map that names it says which dimension it follows
    form.add(expr, 1);
    return form;
  }
  if (binary.getKind() == AffineExprKind::Add) {
    form = run(binary.getLHS());
    form.add(run(binary.getRHS()));
    recombine(form);
    return form;
  }
  auto right = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!right || (binary.getKind() != AffineExprKind::Mul && right.getValue() <= 0)) {
    form.add(expr, 1);
    return form;
  }
  LinearForm left = run(binary.getLHS());
  switch (binary.getKind()) {
  case AffineExprKind::Mul:
    form.add(left, right.getValue());
    return form;
  case AffineExprKind::Mod:
    return mod(left, right.getValue());
  case AffineExprKind::FloorDiv:
    return floorDiv(left, right.getValue());
  default: { // x ceildiv m = -((-x) floordiv m)
    LinearForm negated;
    negated.add(left, -1);
    form.add(floorDiv(negated, right.getValue()), -1);
    return form;
  }
  }
}
