// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognises windows by the factors of each coordinate, and brings masks over the domain back to the coordinates.

#include "passes/3-schedule/WindowClass.h"

#include "passes/3-schedule/AddressForm.h"
#include "passes/3-schedule/KernelClass.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

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

unsigned tinyc::firstOfLines(Window &w) {
  unsigned first = w.stage.getNumParallel();
  while (first > 0 && llvm::is_contained(w.n, first - 1))
    --first;
  return first;
}

// Whether `read` of `stage` is at the stage's own point in the first `count` dimensions.
static bool readsOwn(StageOp stage, unsigned read, unsigned count) {
  AffineMap map = stage.getMap(read);
  if (map.getNumResults() < count)
    return false;
  for (unsigned d = 0; d < count; ++d)
    if (map.getResult(d) != getAffineDimExpr(d, map.getContext()))
      return false;
  return true;
}

// How a read of the kept value moves along the lines with the tail's first own dimension, `dim`: fills rowStep and
// rowExtent, or lets the tail take all lines.
static void matchRows(Window &w, StageOp stage, unsigned read, unsigned dim) {
  AffineMap map = stage.getMap(read);
  IntegerSet mask = stage.getMask(read);
  bool elsewhere = mask && llvm::any_of(mask.getConstraints(), [&](AffineExpr e) { return e.isFunctionOfDim(dim); });
  for (unsigned i = dim + 1; i < map.getNumResults(); ++i)
    elsewhere |= map.getResult(i).isFunctionOfDim(dim);
  Window::Coordinate line;
  SmallVector<int64_t> domain = stage.getDomain();
  bool follows = !elsewhere && linear(map.getResult(dim), domain.size(), line) && line.constant == 0;
  int64_t step = follows ? line.factors[dim] : 0, extent = 1;
  for (unsigned d = 0; follows && d < domain.size(); ++d)
    if (d != dim && line.factors[d] != 0) {
      follows = d >= stage.getNumParallel() && line.factors[d] > 0;
      extent += line.factors[d] * (domain[d] - 1);
    }
  bool first = w.rowExtent == 0;
  w.rowExtent = std::max(w.rowExtent, extent);
  if (!follows || step <= 0 || (!first && step != w.rowStep) ||
      step * (domain[dim] - 1) + extent > w.stage.getDomain()[*w.y()])
    w.rowStep = 0;
  else if (first)
    w.rowStep = step;
}

// The stages after the pointwise ones, if units can keep what they read.
static bool matchTail(Window &w, KernelOp kernel, ArrayRef<StageOp> tail) {
  unsigned shared = kernel.getShared(), parallel = w.stage.getNumParallel();
  w.firstOwn = shared;
  if (tail.empty())
    return shared == parallel;
  if (shared >= parallel || shared < firstOfLines(w))
    return false;
  w.tail.assign(tail.begin(), tail.end());
  bool uniform =
      llvm::all_of(w.tail, [&](StageOp stage) { return stage.getParallel() == w.tail.front().getParallel(); });
  w.tailParallel = uniform ? w.tail.front().getNumParallel() : shared;
  bool cuts = parallel - shared == 2 && w.tailParallel > shared;
  for (StageOp stage : w.tail) {
    for (auto [i, operand] : llvm::enumerate(stage.getOperands())) {
      auto producer = operand.getDefiningOp<StageOp>();
      if (!producer)
        continue;
      if (llvm::is_contained(tail, producer)) {
        if (!readsOwn(stage, i, w.tailParallel) || stage.getMask(i))
          return false;
        continue;
      }
      if ((w.kept && w.kept != operand) || !readsOwn(stage, i, shared))
        return false;
      w.kept = operand;
      if (cuts)
        matchRows(w, stage, i, shared);
    }
  }
  // What is kept leaves the kernel through the tail only.
  return w.kept && llvm::none_of(kernel.getYield().getValues(), [&](Value value) {
           return !llvm::is_contained(tail, value.getDefiningOp<StageOp>());
         });
}

std::optional<Window> tinyc::matchWindow(KernelOp kernel) {
  SmallVector<StageOp> tail;
  std::optional<Product> product = matchProduct(kernel, &tail);
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
  return matchTail(w, kernel, tail) ? std::optional<Window>(std::move(w)) : std::nullopt;
}
