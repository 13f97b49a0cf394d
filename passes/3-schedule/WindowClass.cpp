// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognises windows by the factors of each coordinate, and brings masks over the domain back to the coordinates.

#include "passes/3-schedule/WindowClass.h"

#include "passes/3-schedule/AddressForm.h"
#include "passes/3-schedule/KernelClass.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

int64_t Window::depth() {
  int64_t depth = 1;
  for (unsigned dim : k)
    depth *= size(dim);
  return depth;
}

int64_t Window::extent(unsigned i, ArrayRef<int64_t> block) {
  int64_t extent = 1;
  for (unsigned dim : n)
    extent += input[i].factors[dim] * (block[dim] - 1);
  for (unsigned dim : k)
    extent += input[i].factors[dim] * (size(dim) - 1);
  return extent;
}

std::optional<unsigned> Window::yCoordinate() const {
  for (unsigned i = 0; y() && i < input.size(); ++i)
    if (input[i].factors[*y()] != 0)
      return i;
  return std::nullopt;
}

int64_t Window::phaseExtent(unsigned i, unsigned dim, int64_t positions) {
  int64_t last = 0;
  for (unsigned d : k)
    last += input[i].factors[d] * (size(d) - 1);
  return positions + last / input[i].factors[dim];
}

// `expr` as constant and factors of the dimensions; false if it is no such sum.
static bool linear(AffineExpr expr, unsigned dims, Window::Coordinate &coordinate) {
  AddressForm form = addressForm(expr);
  coordinate.constant = form.constant;
  coordinate.factors.assign(dims, 0);
  for (const AddressForm::Term &term : form.terms) {
    auto dim = dyn_cast<AffineDimExpr>(term.atom);
    if (!dim)
      return false;
    coordinate.factors[dim.getPosition()] = term.coefficient;
  }
  return true;
}

// Dimensions of size 1 stand at 0.
static void dropUnitDims(Window::Coordinate &coordinate, ArrayRef<int64_t> domain) {
  for (auto [factor, size] : llvm::zip_equal(coordinate.factors, domain))
    if (size == 1)
      factor = 0;
}

// Narrows the coordinates' limits by a constraint c >= 0 that is coordinate + a or b - coordinate.
static bool applyConstraint(Window &w, AffineExpr expr, ArrayRef<int64_t> domain) {
  Window::Coordinate constraint;
  if (!linear(expr, domain.size(), constraint))
    return false;
  dropUnitDims(constraint, domain);
  if (llvm::all_of(constraint.factors, [](int64_t factor) { return factor == 0; }))
    return constraint.constant >= 0;
  for (Window::Coordinate &coordinate : w.input) {
    if (constraint.factors == coordinate.factors) {
      coordinate.least = std::max(coordinate.least, coordinate.constant - constraint.constant);
      return true;
    }
    if (llvm::equal(constraint.factors, coordinate.factors, [](int64_t a, int64_t b) { return a == -b; })) {
      coordinate.most = std::min(coordinate.most, coordinate.constant + constraint.constant);
      return true;
    }
  }
  return false;
}

std::optional<Window> tinyc::matchWindow(KernelOp kernel) {
  std::optional<Product> product = matchProduct(kernel);
  if (!product)
    return std::nullopt;
  Window w;
  StageOp stage = w.stage = product->stage;
  w.rowsRead = product->rowsRead;
  w.columnsRead = product->columnsRead;
  SmallVector<int64_t> domain = stage.getDomain();
  for (unsigned d = 0; d < stage.getNumParallel(); ++d) {
    bool rows = product->rowDims.test(d), columns = product->columnDims.test(d);
    if (columns && !rows) {
      w.n.push_back(d);
    } else if (rows && !columns) {
      if (w.m)
        return std::nullopt;
      w.m = d;
    } else {
      w.batch.push_back(d);
    }
  }
  for (unsigned d = stage.getNumParallel(); d < domain.size(); ++d)
    w.k.push_back(d);
  if (stage.getMask(w.rowsRead))
    return std::nullopt;

  AffineMap map = stage.getMap(w.columnsRead);
  ArrayRef<int64_t> shape = cast<RankedTensorType>(stage.getOperand(w.columnsRead).getType()).getShape();
  llvm::SmallBitVector followed(domain.size());
  bool slides = false;
  for (auto [i, result] : llvm::enumerate(map.getResults())) {
    Window::Coordinate &coordinate = w.input.emplace_back();
    if (!linear(result, domain.size(), coordinate))
      return std::nullopt;
    dropUnitDims(coordinate, domain);
    coordinate.least = 0;
    coordinate.most = shape[i] - 1;
    bool follows = false;
    for (unsigned d : w.n) {
      if (coordinate.factors[d] == 0)
        continue;
      if (coordinate.factors[d] < 0 || follows || followed.test(d))
        return std::nullopt;
      follows = true;
      followed.set(d);
      if (d == w.x())
        w.line = i;
    }
    for (unsigned d : w.k) {
      if (coordinate.factors[d] < 0)
        return std::nullopt;
      slides |= follows && coordinate.factors[d] > 0;
    }
  }
  if (!slides || !followed.test(w.x()))
    return std::nullopt;
  if (IntegerSet mask = stage.getMask(w.columnsRead))
    for (auto [i, constraint] : llvm::enumerate(mask.getConstraints()))
      if (mask.isEq(i) || !applyConstraint(w, constraint, domain))
        return std::nullopt;
  return w;
}
