// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognises contractions by which dimensions each factor of the product varies with.

#include "passes/3-schedule/KernelClass.h"

#include <numeric>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

static int64_t product(ArrayRef<int64_t> sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t(1), std::multiplies<int64_t>());
}

int64_t tinyc::pointsAlong(StageOp stage, ArrayRef<unsigned> dims) {
  SmallVector<int64_t> domain = stage.getDomain();
  int64_t size = 1;
  for (unsigned dim : dims)
    size *= domain[dim];
  return size;
}

unsigned Contraction::cutDim(ArrayRef<unsigned> run) {
  SmallVector<int64_t> domain = stage.getDomain();
  for (unsigned dim : run)
    if (domain[dim] > 1)
      return dim;
  return run.back();
}

int64_t Contraction::cutStride(ArrayRef<unsigned> run) {
  int64_t stride = 1;
  for (unsigned dim : run)
    if (dim > cutDim(run))
      stride *= stage.getDomain()[dim];
  return stride;
}

AffineMap Contraction::flatten(bool withK) {
  MLIRContext *context = stage.getContext();
  SmallVector<int64_t> domain = stage.getDomain();
  SmallVector<AffineExpr> results(withK ? domain.size() : stage.getNumParallel());
  unsigned position = 0;
  for (unsigned dim : batch)
    results[dim] = getAffineDimExpr(position++, context);
  auto spread = [&](ArrayRef<unsigned> run) {
    AffineExpr rest = getAffineDimExpr(position++, context);
    for (unsigned dim : llvm::reverse(run)) {
      results[dim] = domain[dim] == 1 ? getAffineConstantExpr(0, context) : rest % domain[dim];
      rest = rest.floorDiv(domain[dim]);
    }
    // The outermost one needs no remainder.
    unsigned outermost = cutDim(run);
    if (domain[outermost] > 1)
      results[outermost] = getAffineDimExpr(position - 1, context).floorDiv(cutStride(run));
  };
  spread(m);
  spread(n);
  if (withK)
    spread(k);
  return AffineMap::get(position, 0, results, context);
}

// The read at the root of a chain of casts; none for anything else.
static std::optional<unsigned> castRead(Value value) {
  while (auto cast = value.getDefiningOp<CastOp>())
    value = cast.getInput();
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getArgNumber();
  return std::nullopt;
}

// The dimensions that a read's position depends on. A dimension of size 1 is nobody's.
static llvm::SmallBitVector dimensionsOf(StageOp stage, unsigned read) {
  SmallVector<int64_t> domain = stage.getDomain();
  llvm::SmallBitVector dims(domain.size());
  AffineMap map = stage.getMap(read);
  IntegerSet mask = stage.getMask(read);
  for (unsigned d = 0; d < domain.size(); ++d) {
    bool used = map.isFunctionOfDim(d);
    if (mask)
      for (AffineExpr constraint : mask.getConstraints())
        used |= constraint.isFunctionOfDim(d);
    if (used && domain[d] > 1)
      dims.set(d);
  }
  return dims;
}

// Whether all reads of earlier stages in `stage` are at the stage's own point.
static bool readsOwnPoint(StageOp stage) {
  for (auto [i, operand] : llvm::enumerate(stage.getOperands()))
    if (operand.getDefiningOp<StageOp>() && (!stage.getMap(i).isIdentity() || stage.getMask(i)))
      return false;
  return true;
}

std::optional<Product> tinyc::matchProduct(KernelOp kernel, SmallVectorImpl<StageOp> *tail) {
  auto stages = kernel.getStages();
  if (stages.empty())
    return std::nullopt;
  StageOp stage = *stages.begin();
  if (stage.getReduce().empty() || stage.getNumResults() != 1 || stage.getKind(0) != ReduceKind::Sum ||
      (kernel.getShared() != stage.getNumParallel() && !tail))
    return std::nullopt;
  for (StageOp other : llvm::drop_begin(stages)) {
    bool pointwise = other.getReduce().empty() && other.getParallel() == stage.getParallel() && readsOwnPoint(other);
    if (!pointwise && !tail)
      return std::nullopt;
    if (tail && (!pointwise || !tail->empty()))
      tail->push_back(other);
  }
  auto mul = stage.getYield().getValues()[0].getDefiningOp<MulOp>();
  if (!mul)
    return std::nullopt;
  std::optional<unsigned> lhs = castRead(mul.getLhs()), rhs = castRead(mul.getRhs());
  Type element = mul.getType();
  if (!lhs || !rhs || *lhs == *rhs || !(element.isF32() || element.isF64() || element.isInteger(32)))
    return std::nullopt;

  SmallVector<int64_t> domain = stage.getDomain();
  Product p{stage, *lhs, *rhs, dimensionsOf(stage, *lhs), dimensionsOf(stage, *rhs)};
  int last = -1;
  for (unsigned d = 0; d < stage.getNumParallel(); ++d)
    if (domain[d] > 1)
      last = d;
  if (last < 0 || p.rowDims.test(last) == p.columnDims.test(last))
    return std::nullopt;
  if (p.rowDims.test(last)) {
    std::swap(p.rowsRead, p.columnsRead);
    std::swap(p.rowDims, p.columnDims);
  }
  return p;
}

Value tinyc::factorOf(StageOp stage, unsigned read) {
  auto mul = stage.getYield().getValues()[0].getDefiningOp<MulOp>();
  for (Value factor : {mul.getLhs(), mul.getRhs()}) {
    Value root = factor;
    while (auto cast = root.getDefiningOp<CastOp>())
      root = cast.getInput();
    if (cast<BlockArgument>(root).getArgNumber() == read)
      return factor;
  }
  llvm_unreachable("a product's read is a factor of it");
}

std::optional<Contraction> tinyc::matchContraction(KernelOp kernel) {
  std::optional<Product> product = matchProduct(kernel);
  if (!product)
    return std::nullopt;
  StageOp stage = product->stage;
  const llvm::SmallBitVector &lhsDims = product->rowDims, &rhsDims = product->columnDims;
  unsigned parallel = stage.getNumParallel();
  SmallVector<int64_t> domain = stage.getDomain();
  Contraction c;
  c.stage = stage;
  c.rowsRead = product->rowsRead;
  c.columnsRead = product->columnsRead;
  unsigned first = parallel;
  while (first > 0 && !lhsDims.test(first - 1))
    --first;
  for (unsigned d = first; d < parallel; ++d)
    c.n.push_back(d);
  // The longest run of dimensions that only the rows vary with.
  for (unsigned d = 0; d < first;) {
    SmallVector<unsigned> run;
    for (; d < first && !rhsDims.test(d); ++d)
      run.push_back(d);
    if (!run.empty() && c.size(run) > c.size(c.m))
      c.m = run;
    ++d;
  }
  if (c.m.empty() || c.size(c.n) < 2)
    return std::nullopt;
  for (unsigned d = 0; d < first; ++d)
    if (!llvm::is_contained(c.m, d))
      c.batch.push_back(d);
  for (unsigned d = parallel; d < domain.size(); ++d)
    c.k.push_back(d);
  return c;
}

SmallVector<int64_t> tinyc::sharedSizes(KernelOp kernel) {
  if (ScatterOp scatter = kernel.getScatter()) {
    SmallVector<int64_t> sizes(cast<RankedTensorType>(scatter.getType()).getShape());
    sizes.erase(sizes.begin() + scatter.getDim());
    return sizes;
  }
  auto stages = kernel.getStages();
  if (stages.empty())
    return {};
  return SmallVector<int64_t>((*stages.begin()).getParallel().take_front(kernel.getShared()));
}

SmallVector<int64_t> tinyc::ownSizes(KernelOp kernel) {
  SmallVector<int64_t> longest;
  for (StageOp stage : kernel.getStages()) {
    SmallVector<int64_t> domain = stage.getDomain();
    ArrayRef<int64_t> own = ArrayRef<int64_t>(domain).drop_front(kernel.getShared());
    if (own.size() > longest.size() || (own.size() == longest.size() && product(own) > product(longest)))
      longest.assign(own.begin(), own.end());
  }
  return longest;
}

bool tinyc::isMap(KernelOp kernel) { return ownSizes(kernel).empty(); }
