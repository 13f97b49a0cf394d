// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Einsum, and determinants.

#include "lib/Onnx/NodeImport.h"

#include "lib/Builders/Reduction.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

// The labels of one term: a character for each dimension; those of "..." are numbered from the last one backwards, as
// '0', '1', .., so that terms of different rank align.
static FailureOr<std::string> labelsOf(NodeImport &n, StringRef term, int64_t rank) {
  size_t dots = term.find("...");
  size_t named = term.size() - (dots == StringRef::npos ? 0 : 3);
  if (dots == StringRef::npos ? static_cast<int64_t>(named) != rank : static_cast<int64_t>(named) > rank)
    return n.error() << "equation: the term '" << term << "' does not fit an operand of " << rank << " dimensions";
  if (dots != StringRef::npos && rank - static_cast<int64_t>(named) > 10)
    return n.error() << "equation: expected '...' to stand for at most 10 dimensions, found "
                     << rank - static_cast<int64_t>(named);
  std::string labels;
  for (size_t i = 0; i < term.size(); ++i) {
    if (i == dots) {
      for (int64_t free = rank - named; free-- > 0;)
        labels += static_cast<char>('0' + free);
      i += 2;
    } else if (llvm::isAlpha(term[i])) {
      labels += term[i];
    } else {
      return n.error() << "equation: expected letters and '...', found '" << term << "'";
    }
  }
  return labels;
}

// One product over all labels, summed over those that the result does not have.
static Value importEinsum(NodeImport &n) {
  std::string equation = n.text("equation", "");
  llvm::erase_if(equation, [](char c) { return c == ' '; });
  auto [left, right] = StringRef(equation).split("->");
  bool explicitResult = StringRef(equation).contains("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != n.inputs.size())
    return n.fail("equation: expected " + Twine(n.inputs.size()) + " terms, found '" + equation + "'");
  llvm::MapVector<char, int64_t> sizes;
  std::map<char, int> uses;
  SmallVector<std::string> labels;
  int64_t free = 0;
  for (auto [i, term] : llvm::enumerate(terms)) {
    FailureOr<std::string> own = labelsOf(n, term, n.rank(i));
    if (failed(own))
      return {};
    for (auto [label, size] : llvm::zip_equal(*own, n.shape(i))) {
      int64_t &common = sizes.insert({label, size}).first->second;
      if (common == 1)
        common = size;
      if (size != common && size != 1)
        return n.fail("equation: the label '" + Twine(label) + "' stands for sizes " + Twine(common) + " and " +
                      Twine(size));
      ++uses[label];
      if (llvm::isDigit(label))
        free = std::max<int64_t>(free, label - '0' + 1);
    }
    labels.push_back(*own);
  }
  std::string result;
  if (explicitResult) {
    size_t dots = right.find("...");
    FailureOr<std::string> own =
        labelsOf(n, right, right.size() - (dots == StringRef::npos ? 0 : 3) + (dots == StringRef::npos ? 0 : free));
    if (failed(own))
      return {};
    result = *own;
  } else {
    // What stands in "..." first, then the labels that stand once, in the order of the alphabet.
    for (int64_t i = free; i-- > 0;)
      result += static_cast<char>('0' + i);
    for (auto [label, count] : uses)
      if (count == 1 && llvm::isAlpha(label))
        result += label;
  }
  SmallVector<int64_t> domain, summed;
  std::map<char, unsigned> dims;
  auto add = [&](char label) {
    dims[label] = domain.size();
    domain.push_back(sizes.lookup(label));
  };
  for (char label : result) {
    if (!sizes.count(label) || dims.count(label))
      return n.fail("equation: expected each label of the result once, and in an operand; found '" + equation + "'");
    add(label);
  }
  for (const auto &[label, size] : sizes)
    if (!dims.count(label)) {
      summed.push_back(domain.size());
      add(label);
    }
  Value product;
  for (auto [i, own] : llvm::enumerate(labels)) {
    SmallVector<AffineExpr> exprs;
    for (auto [label, size] : llvm::zip_equal(own, n.shape(i)))
      exprs.push_back(size == 1 ? n.b.getAffineConstantExpr(0) : n.b.getAffineDimExpr(dims[label]));
    Value operand = view(n.b, n[i], domain, AffineMap::get(domain.size(), 0, exprs, n.b.getContext()));
    product = product ? mul(n.b, product, operand) : operand;
  }
  return reduce(n.b, tiny::ReduceKind::Sum, product, summed);
}

// By elimination with the largest pivot of each column, unrolled over the columns: the row of the pivot is found by
// comparison and taken out of the sum.
static Value importDet(NodeImport &n) {
  ArrayRef<int64_t> shape = n.shape(0);
  // Each column is some operations on the whole matrix.
  constexpr int64_t limit = 32;
  if (shape.size() < 2 || shape.back() != shape[shape.size() - 2] || shape.back() > limit)
    return n.fail("expected square matrices of at most " + Twine(limit) + " rows");
  int64_t size = shape.back();
  SmallVector<int64_t> batch(shape.drop_back(2));
  Value rows = n[0];
  Type element = n.element(0);
  Value determinant = splat(n.b, RankedTensorType::get(batch, element), 1);
  int64_t rank = shape.size(), rowDim = rank - 2, columnDim = rank - 1;
  for (int64_t k = 0; k < size && rows; ++k) {
    // Of the rows that remain the first is exchanged with the one of the pivot.
    int64_t left = size - k;
    SmallVector<int64_t> vector(batch);
    vector.push_back(left);
    Value column = reshape(n.b, slice(n.b, rows, columnDim, 0, 1), vector);
    Value at = argMax(n.b, abs(n.b, column), rowDim, /*last=*/false);
    if (!at)
      return {};
    Value chosen =
        equal(n.b, coordinate(n.b, vector, n.b.getI64Type(), rowDim), broadcastOver(n.b, at, vector, {rowDim}));
    SmallVector<int64_t> matrix(vector);
    matrix.push_back(left);
    Value zero = splat(n.b, RankedTensorType::get(matrix, element), 0);
    Value inRow = broadcastOver(n.b, chosen, matrix, {columnDim});
    Value pivotRow = reduce(n.b, tiny::ReduceKind::Sum, where(n.b, inRow, rows, zero), {rowDim});
    Value pivot = reshape(n.b, slice(n.b, pivotRow, rowDim, 0, 1), batch);
    Value moved = equal(n.b, at, splat(n.b, at, 0));
    determinant = mul(n.b, determinant, where(n.b, moved, pivot, neg(n.b, pivot)));
    if (left == 1)
      break;
    // The first row stands where the pivot's was; what is below the pivot loses its multiple.
    Value first = broadcastOver(n.b, reshape(n.b, slice(n.b, rows, rowDim, 0, 1), vector), matrix, {rowDim});
    Value exchanged = where(n.b, inRow, first, rows);
    Value lead = broadcastOver(n.b, reshape(n.b, slice(n.b, exchanged, columnDim, 0, 1), vector), matrix, {columnDim});
    // A column of zeros: the determinant is 0 already, and nothing may become NaN.
    Value safe = where(n.b, equal(n.b, pivot, splat(n.b, pivot, 0)), splat(n.b, pivot, 1), pivot);
    Value scaled = div(n.b, lead, broadcastOver(n.b, safe, matrix, {rowDim, columnDim}));
    rows = sub(n.b, exchanged, mul(n.b, scaled, broadcastOver(n.b, pivotRow, matrix, {rowDim})));
    rows = slice(n.b, slice(n.b, rows, rowDim, 1, left - 1), columnDim, 1, left - 1);
  }
  return rows ? determinant : Value();
}

ArrayRef<Operator> onnx::matrixOperators() {
  static const Operator rows[] = {
      {"Det", 11, 1, 1, Narrow::Widen, importDet},
      {"Einsum", 12, 1, -1, Narrow::Widen, importEinsum},
  };
  return rows;
}
