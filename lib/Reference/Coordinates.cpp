// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Affine expressions over the rows of a domain.

#include "lib/Reference/Coordinates.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace tinyc;

Coordinates::Coordinates(ArrayRef<int64_t> domain) : domain(domain.begin(), domain.end()) {
  for (int64_t size : domain)
    total *= size;
  if (total > 0 && !domain.empty()) {
    split = domain.size() - 1;
    while (split > 0 && after * domain[split] <= kLongestRow)
      after *= domain[split--];
    int64_t most = std::max<int64_t>(1, kLongestRow / after);
    piece = llvm::divideCeil(domain[split], llvm::divideCeil(domain[split], most));
    length = piece * after;
  }
  zeros.assign(length, 0);
  int64_t inside = length;
  for (auto [d, size] : llvm::enumerate(domain)) {
    bool cut = d < split || (d == split && piece < size);
    Column column{.kind = Column::Dimension, .outer = cut, .inner = total > 0 && d >= split};
    if (column.inner) {
      inside /= d == split ? piece : size;
      for (int64_t k = 0; k < length; ++k)
        column.steps.push_back(d == split ? k / inside : k / inside % size);
    }
    push(std::move(column));
  }
}

unsigned Coordinates::push(Column column) {
  if (column.inner && !column.anew) {
    auto [least, most] = std::minmax_element(column.steps.begin(), column.steps.end());
    column.least = *least;
    column.most = *most;
    column.inner = column.least != 0 || column.most != 0;
  }
  all.push_back(std::move(column));
  return all.size() - 1;
}

unsigned Coordinates::data() { return push({.kind = Column::Data, .inner = true, .anew = true, .onData = true}); }

unsigned Coordinates::sum(ArrayRef<std::pair<unsigned, int64_t>> terms, int64_t constant) {
  Column column{.kind = Column::Sum, .constant = constant, .base = constant};
  for (auto [term, factor] : terms) {
    if (factor == 0)
      continue;
    const Column &added = all[term];
    column.terms.emplace_back(term, factor);
    column.base += factor * added.base;
    column.outer |= added.outer;
    column.inner |= added.inner;
    column.anew |= added.anew;
    column.onData |= added.onData;
  }
  if (column.inner && !column.anew) {
    column.steps.assign(length, 0);
    for (auto [term, factor] : column.terms)
      if (all[term].inner)
        for (int64_t k = 0; k < length; ++k)
          column.steps[k] += factor * all[term].steps[k];
  }
  return push(std::move(column));
}

// A quotient or remainder, `kind` being the expression's.
static int64_t divided(AffineExprKind kind, int64_t value, int64_t divisor) {
  if ((static_cast<uint64_t>(value) | static_cast<uint64_t>(divisor)) >> 32 == 0) { // takes a quarter of the time
    uint32_t narrow = value, by = divisor;
    return kind == AffineExprKind::Mod ? narrow % by : narrow / by + (kind == AffineExprKind::CeilDiv && narrow % by);
  }
  return kind == AffineExprKind::Mod        ? llvm::mod(value, divisor)
         : kind == AffineExprKind::FloorDiv ? llvm::divideFloorSigned(value, divisor)
                                            : llvm::divideCeilSigned(value, divisor);
}

unsigned Coordinates::divide(AffineExprKind kind, unsigned of, int64_t divisor) {
  const Column &dividend = all[of];
  Column column{.kind = Column::Quotient, .quotient = kind, .terms = {{of, 1}}, .constant = divisor};
  column.inner = dividend.inner;
  column.anew = dividend.anew || (dividend.outer && dividend.inner);
  column.outer = dividend.outer && !column.anew;
  column.onData = dividend.onData;
  if (column.inner && !column.anew)
    for (int64_t step : dividend.steps)
      column.steps.push_back(divided(kind, dividend.base + step, divisor));
  else if (!column.anew)
    column.base = divided(kind, dividend.base, divisor);
  return push(std::move(column));
}

std::optional<unsigned> Coordinates::add(AffineExpr expr, ArrayRef<unsigned> dimensions) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dimensions[dim.getPosition()];
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return sum({}, constant.getValue());
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  std::optional<unsigned> left = binary ? add(binary.getLHS(), dimensions) : std::nullopt;
  if (!left)
    return std::nullopt;
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (expr.getKind() == AffineExprKind::Add) {
    if (constant)
      return sum({{*left, 1}}, constant.getValue());
    std::optional<unsigned> right = add(binary.getRHS(), dimensions);
    return right ? std::optional(sum({{*left, 1}, {*right, 1}})) : std::nullopt;
  }
  if (!constant || (expr.getKind() != AffineExprKind::Mul && constant.getValue() <= 0))
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Mul)
    return sum({{*left, constant.getValue()}});
  return divide(expr.getKind(), *left, constant.getValue());
}

//===- At a row --------------------------------------------------------------------------------------------------===//

void Coordinates::compute(Row &row, unsigned index) const {
  const Column &column = all[index];
  Value &value = row.values[index];
  if (!column.anew) {
    value.base = column.base;
    if (column.outer && column.kind == Column::Sum) {
      value.base = column.constant;
      for (auto [term, factor] : column.terms)
        value.base += factor * row.values[term].base;
    } else if (column.outer) {
      value.base = divided(column.quotient, row.values[column.terms.front().first].base, column.constant);
    }
    value.least = value.base + column.least;
    value.most = value.base + column.most;
    value.steps = (column.inner ? column.steps : zeros).data() + row.offset;
    return;
  }
  std::vector<int64_t> &steps = row.storage[index];
  steps.resize(length);
  value.base = 0;
  if (column.kind == Column::Sum) {
    std::fill_n(steps.begin(), row.count, column.constant);
    for (auto [term, factor] : column.terms) {
      Value added = row.values[term];
      for (size_t k = 0; k < row.count; ++k)
        steps[k] += factor * (added.base + added.steps[k]);
    }
  } else {
    Value dividend = row.values[column.terms.front().first];
    for (size_t k = 0; k < row.count; ++k)
      steps[k] = divided(column.quotient, dividend.base + dividend.steps[k], column.constant);
  }
  fill(row, index, steps.data());
}

void Coordinates::fill(Row &row, unsigned column, const int64_t *values) const {
  auto [least, most] = std::minmax_element(values, values + row.count);
  row.values[column] = {0, *least, *most, values};
}

void Coordinates::enter(Row &row, int64_t first, int64_t end) const {
  row.values.resize(all.size());
  row.storage.resize(all.size());
  row.first = first;
  row.offset = 0;
  int64_t left = 1;
  if (!domain.empty()) {
    int64_t rest = first / after, at = rest % domain[split], begin = at / piece * piece;
    int64_t pieceEnd = std::min(begin + piece, domain[split]);
    row.offset = (at - begin) * after + first % after;
    left = (pieceEnd - begin) * after - row.offset;
    for (unsigned d = rank(); d-- > 0;) {
      int64_t base = d > split ? 0 : d == split ? begin : rest % domain[d];
      row.values[d] = {base, base + all[d].least, base + all[d].most,
                       (all[d].inner ? all[d].steps : zeros).data() + row.offset};
      if (d <= split)
        rest /= domain[d];
    }
  }
  row.count = std::min(left, end - first);
  for (unsigned column = rank(); column < all.size(); ++column)
    if (!all[column].onData)
      compute(row, column);
}

void Coordinates::follow(Row &row, unsigned begin, unsigned end) const {
  for (unsigned column = begin; column < end; ++column)
    if (all[column].onData && all[column].kind != Column::Data)
      compute(row, column);
}
