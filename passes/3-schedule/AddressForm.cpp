// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums of affine atoms, and the one rule that makes addresses of reshaped buffers linear again.

#include "passes/3-schedule/AddressForm.h"

#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;
using namespace tinyc;

int64_t AddressForm::coefficient(unsigned dim) const {
  for (const Term &term : terms)
    if (auto d = dyn_cast<AffineDimExpr>(term.atom); d && d.getPosition() == dim)
      return term.coefficient;
  return 0;
}

bool AddressForm::isBent(unsigned dim) const {
  return llvm::any_of(
      terms, [&](const Term &term) { return !isa<AffineDimExpr>(term.atom) && term.atom.isFunctionOfDim(dim); });
}

AffineExpr AddressForm::toExpr(MLIRContext *context) const {
  AffineExpr sum = getAffineConstantExpr(constant, context);
  for (const Term &term : terms)
    sum = sum + term.atom * term.coefficient;
  return sum;
}

static void addTerm(AddressForm &form, AffineExpr atom, int64_t coefficient) {
  for (AddressForm::Term &term : form.terms)
    if (term.atom == atom) {
      term.coefficient += coefficient;
      return;
    }
  form.terms.push_back({atom, coefficient});
}

static void addScaled(AddressForm &form, AffineExpr expr, int64_t scale);

// `expr` floordiv `by`, a quotient's quotient as one: (e floordiv 3) floordiv 3 is e floordiv 9.
static AffineExpr quotientOf(AffineExpr expr, int64_t by) {
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr); binary && expr.getKind() == AffineExprKind::FloorDiv)
    if (auto first = dyn_cast<AffineConstantExpr>(binary.getRHS()); first && first.getValue() > 0)
      if (std::optional<int64_t> both = llvm::checkedMul(first.getValue(), by))
        return binary.getLHS().floorDiv(*both);
  return expr.floorDiv(by);
}

// The `mod` or `floordiv` of an expression whose inside has been brought into its simplest form.
static void addDivision(AddressForm &form, AffineExprKind kind, AffineExpr inside, int64_t by, int64_t scale) {
  AffineExpr lhs = addressForm(inside).toExpr(inside.getContext());
  AffineExpr atom = kind == AffineExprKind::Mod        ? lhs % by
                    : kind == AffineExprKind::FloorDiv ? quotientOf(lhs, by)
                                                       : (lhs + (by - 1)).floorDiv(by);
  if (atom.getKind() == AffineExprKind::Mod || atom.getKind() == AffineExprKind::FloorDiv)
    addTerm(form, atom, scale);
  else
    addScaled(form, atom, scale);
}

static void addScaled(AddressForm &form, AffineExpr expr, int64_t scale) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    form.constant += constant.getValue() * scale;
    return;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return addTerm(form, expr, scale);
  auto rhs = dyn_cast<AffineConstantExpr>(binary.getRHS());
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    addScaled(form, binary.getLHS(), scale);
    addScaled(form, binary.getRHS(), scale);
    return;
  case AffineExprKind::Mul:
    if (rhs)
      return addScaled(form, binary.getLHS(), scale * rhs.getValue());
    return addTerm(form, expr, scale);
  default:
    if (rhs && rhs.getValue() > 0)
      return addDivision(form, expr.getKind(), binary.getLHS(), rhs.getValue(), scale);
    return addTerm(form, expr, scale);
  }
}

// k * (e mod c) + k * c * (e floordiv c) = k * e. Returns whether a pair was found.
static bool joinDivisions(AddressForm &form) {
  for (size_t i = 0; i < form.terms.size(); ++i) {
    auto [modulo, k] = form.terms[i];
    if (modulo.getKind() != AffineExprKind::Mod)
      continue;
    auto binary = cast<AffineBinaryOpExpr>(modulo);
    auto by = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (!by)
      continue;
    AffineExpr quotient = quotientOf(binary.getLHS(), by.getValue());
    for (size_t j = 0; j < form.terms.size(); ++j) {
      if (form.terms[j].atom != quotient || form.terms[j].coefficient != k * by.getValue())
        continue;
      form.terms.erase(form.terms.begin() + std::max(i, j));
      form.terms.erase(form.terms.begin() + std::min(i, j));
      addScaled(form, binary.getLHS(), k);
      return true;
    }
  }
  return false;
}

static void finish(AddressForm &form) {
  while (joinDivisions(form))
    ;
  llvm::erase_if(form.terms, [](const AddressForm::Term &term) { return term.coefficient == 0; });
}

AddressForm tinyc::addressForm(AffineExpr expr) {
  AddressForm form;
  addScaled(form, expr, 1);
  finish(form);
  return form;
}

AddressForm tinyc::linearAddress(AffineMap map, ArrayRef<int64_t> shape) {
  AddressForm form;
  int64_t stride = 1;
  for (unsigned i = map.getNumResults(); i-- > 0;) {
    addScaled(form, map.getResult(i), stride);
    stride *= shape[i];
  }
  finish(form);
  return form;
}

bool tinyc::isNatural(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue() >= 0;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return true;
  if (expr.getKind() == AffineExprKind::Mod)
    return true;
  return isNatural(binary.getLHS()) && isNatural(binary.getRHS());
}
