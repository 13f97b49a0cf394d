// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dimensions as digits of mixed radix numbers.

#include "passes/2-fuse/FusionPlan.h"

#include "dialects/Index/AffineRanges.h"
#include "dialects/Index/LinearForm.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace tinyc::fusion {

namespace {
// (coordinate floordiv `factor`) mod `size`, which is dimension `dim` of the domain.
struct Digit {
  int64_t factor, size;
  unsigned dim;
};
} // namespace

// `expr` as a digit of one coordinate.
static std::optional<Digit> digitOf(AffineExpr expr, ArrayRef<int64_t> shape, int64_t size, unsigned &coordinate) {
  Digit digit{1, size, 0};
  bool whole = true; // no remainder is taken: the digit is the coordinate's highest
  auto take = [&](AffineExprKind kind) -> std::optional<int64_t> {
    auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
    auto by = binary && binary.getKind() == kind ? dyn_cast<AffineConstantExpr>(binary.getRHS()) : AffineConstantExpr();
    if (!by)
      return std::nullopt;
    expr = binary.getLHS();
    return by.getValue();
  };
  if (std::optional<int64_t> modulus = take(AffineExprKind::Mod)) {
    if (*modulus != size)
      return std::nullopt;
    whole = false;
  }
  if (std::optional<int64_t> divisor = take(AffineExprKind::FloorDiv))
    digit.factor = *divisor;
  auto dim = dyn_cast<AffineDimExpr>(expr);
  if (!dim || dim.getPosition() >= shape.size() || digit.factor <= 0)
    return std::nullopt;
  coordinate = dim.getPosition();
  int64_t top = digit.factor * size;
  if (whole ? top != shape[coordinate] : shape[coordinate] % top != 0)
    return std::nullopt;
  return digit;
}

std::optional<Reindexing> reindex(MLIRContext *context, ArrayRef<int64_t> shape, ArrayRef<AffineExpr> leading,
                                  ArrayRef<int64_t> sizes) {
  SmallVector<SmallVector<Digit>> digits(shape.size());
  Reindexing result;
  result.domain.assign(sizes.begin(), sizes.end());
  SmallVector<AffineExpr> toDomain(leading);
  for (auto [i, expr, size] : llvm::enumerate(leading, sizes)) {
    if (size == 1) {
      toDomain[i] = getAffineConstantExpr(0, context);
      // A dimension of size 1 is one of the value's, if there is one at hand; else one of the domain alone.
      if (auto dim = dyn_cast<AffineDimExpr>(expr);
          dim && dim.getPosition() < shape.size() && digits[dim.getPosition()].empty()) {
        digits[dim.getPosition()].push_back({1, 1, static_cast<unsigned>(i)});
        toDomain[i] = expr;
      }
      continue;
    }
    unsigned coordinate;
    std::optional<Digit> digit = digitOf(expr, shape, size, coordinate);
    if (!digit)
      return std::nullopt;
    digit->dim = i;
    digits[coordinate].push_back(*digit);
  }
  SmallVector<AffineExpr> toValue;
  for (auto [d, size, parts] : llvm::enumerate(shape, digits)) {
    llvm::sort(parts, [](const Digit &a, const Digit &b) { return a.factor > b.factor; });
    AffineExpr coordinate = getAffineDimExpr(d, context), sum = getAffineConstantExpr(0, context);
    int64_t above = size; // what the digits so far leave: the coordinate modulo this
    auto rest = [&](int64_t down) {
      if (above == down && !(parts.empty() && size == 1))
        return;
      unsigned dim = result.domain.size();
      result.domain.push_back(above / down);
      sum = sum + getAffineDimExpr(dim, context) * down;
      AffineExpr digit = down > 1 ? coordinate.floorDiv(down) : coordinate;
      toDomain.push_back(above < size ? digit % (above / down) : digit);
      above = down;
    };
    for (const Digit &digit : parts) {
      int64_t top = digit.factor * digit.size;
      if (top > above || above % top != 0)
        return std::nullopt;
      rest(top);
      sum = sum + getAffineDimExpr(digit.dim, context) * digit.factor;
      above = digit.factor;
    }
    rest(1);
    toValue.push_back(sum);
  }
  result.toValue = AffineMap::get(result.domain.size(), 0, toValue, context);
  result.toDomain = AffineMap::get(shape.size(), 0, toDomain, context);
  return result;
}

AffineExpr coordinateOf(unsigned dim, AffineMap map, ArrayRef<int64_t> sizes, ArrayRef<int64_t> shape) {
  MLIRContext *context = map.getContext();
  AffineExpr wanted = getAffineDimExpr(dim, context);
  SmallVector<Interval> box = domainOf(sizes);
  for (auto [i, expr] : llvm::enumerate(map.getResults())) {
    if (!expr.isFunctionOfDim(dim))
      continue;
    LinearForm form = LinearSimplifier(context, box).run(expr);
    for (const LinearForm::Term &term : form.terms) {
      if (term.atom != wanted || term.factor <= 0)
        continue;
      AffineExpr coordinate = getAffineDimExpr(i, context), taken = expr;
      if (term.factor > 1) {
        coordinate = coordinate.floorDiv(term.factor);
        taken = taken.floorDiv(term.factor);
      }
      if (term.factor * sizes[dim] < shape[i]) {
        coordinate = coordinate % sizes[dim];
        taken = taken % sizes[dim];
      }
      if (simplifyExpr(taken, box) == wanted)
        return coordinate;
    }
  }
  return sizes[dim] == 1 ? getAffineConstantExpr(0, context) : AffineExpr();
}

AffineMap nameUnitDims(AffineMap map, ArrayRef<int64_t> domain) {
  SmallVector<AffineExpr> results(map.getResults());
  for (unsigned i = 0; i < results.size() && i < domain.size(); ++i)
    if (auto constant = dyn_cast<AffineConstantExpr>(results[i]);
        constant && constant.getValue() == 0 && domain[i] == 1 && !map.isFunctionOfDim(i))
      results[i] = getAffineDimExpr(i, map.getContext());
  return AffineMap::get(map.getNumDims(), 0, results, map.getContext());
}

AffineMap Root::positionOf(AffineMap map, ArrayRef<int64_t> reader) const {
  return toDomain ? nameUnitDims(simplifyMap(toDomain.compose(map), reader), reader) : map;
}

void Root::reindexBy(const Reindexing &order) {
  if (order.toValue.isIdentity())
    return;
  toValue = toValue ? simplifyMap(toValue.compose(order.toValue), order.domain) : order.toValue;
  ArrayRef<int64_t> shape = cast<ShapedType>(value.getType()).getShape();
  toDomain = toDomain ? simplifyMap(order.toDomain.compose(toDomain), shape) : order.toDomain;
  domain = order.domain;
  parallel = domain.size();
  for (Read &read : reads) {
    read.map = read.map.compose(order.toValue);
    if (!read.lookup)
      read.map = nameUnitDims(simplifyMap(read.map, domain), domain);
    read.mask = composeMask(read.mask, order.toValue);
  }
}

} // namespace tinyc::fusion
