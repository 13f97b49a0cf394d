// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shapes and maps of packed factors.

#include "passes/3-schedule/PackedForm.h"

#include "passes/3-schedule/AddressForm.h"

#include <numeric>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

RankedTensorType PackedForm::type() { return RankedTensorType::get(shape, elementType(stage.getResult(0).getType())); }

bool PackedForm::isThere() {
  return stage.getOperand(read).getType() == type() && stage.getMap(read) == map && !stage.getMask(read) &&
         isa<BlockArgument>(factorOf(stage, read));
}

// The position of a run's dimensions in the flattened run.
static AffineExpr flattened(StageOp stage, ArrayRef<unsigned> run) {
  SmallVector<int64_t> domain = stage.getDomain();
  SmallVector<AffineExpr> terms;
  int64_t stride = 1;
  for (unsigned dim : llvm::reverse(run)) {
    if (domain[dim] != 1)
      terms.push_back(getAffineDimExpr(dim, stage.getContext()) * stride);
    stride *= domain[dim];
  }
  AffineExpr sum = getAffineConstantExpr(0, stage.getContext());
  for (AffineExpr term : llvm::reverse(terms))
    sum = sum + term;
  return sum;
}

// The dimensions of a run at `position` of the flattened run.
static void spread(StageOp stage, ArrayRef<unsigned> run, AffineExpr position, MutableArrayRef<AffineExpr> results) {
  SmallVector<int64_t> domain = stage.getDomain();
  SmallVector<unsigned> dims = llvm::filter_to_vector(run, [&](unsigned dim) { return domain[dim] != 1; });
  for (unsigned dim : llvm::reverse(dims)) {
    results[dim] = dim == dims.front() ? position : position % domain[dim];
    position = position.floorDiv(domain[dim]);
  }
}

AffineMap PackedForm::row() {
  MLIRContext *context = stage.getContext();
  SmallVector<int64_t> domain = stage.getDomain();
  AffineExpr flat = getAffineConstantExpr(0, context);
  for (auto [i, dim] : llvm::enumerate(batch))
    flat = flat * domain[dim] + getAffineDimExpr(i, context);
  return AffineMap::get(batch.size() + 1, 0, flat * height + getAffineDimExpr(batch.size(), context));
}

// The position across, and of rows that of the batch, from the packed tensor's first coordinates.
static AffineExpr positionOf(PackedForm &form, AffineExpr &batch) {
  MLIRContext *context = form.stage.getContext();
  unsigned nb = form.batch.size();
  if (form.isColumns)
    return getAffineDimExpr(nb, context) * form.tile + getAffineDimExpr(nb + 2, context);
  AffineExpr row = getAffineDimExpr(0, context);
  batch = row.floorDiv(form.height);
  return nb == 0 ? row : row % form.height;
}

AffineMap PackedForm::points() {
  MLIRContext *context = stage.getContext();
  SmallVector<AffineExpr> results(stage.getDomain().size(), getAffineConstantExpr(0, context));
  AffineExpr batchPosition, position = positionOf(*this, batchPosition);
  if (isColumns)
    for (auto [i, dim] : llvm::enumerate(batch))
      results[dim] = getAffineDimExpr(i, context);
  else
    spread(stage, batch, batchPosition, results);
  spread(stage, across, position, results);
  spread(stage, k, getAffineDimExpr(isColumns ? batch.size() + 1 : 1, context), results);
  return AffineMap::get(shape.size(), 0, results, context);
}

IntegerSet PackedForm::mask() {
  unsigned depth = isColumns ? batch.size() + 1 : 1;
  AffineExpr batchPosition, position = positionOf(*this, batchPosition);
  SmallVector<AffineExpr> constraints;
  if ((isColumns ? shape[batch.size()] * tile : height) != size(across))
    constraints.push_back(size(across) - 1 - position);
  if (shape[depth] != size(k))
    constraints.push_back(size(k) - 1 - getAffineDimExpr(depth, stage.getContext()));
  if (constraints.empty())
    return {};
  return IntegerSet::get(shape.size(), 0, constraints, SmallVector<bool>(constraints.size(), false));
}

// All but the shape and the map.
static PackedForm formOf(StageOp stage, unsigned read, bool isColumns, ArrayRef<unsigned> batch,
                         ArrayRef<unsigned> across, ArrayRef<unsigned> k, int64_t tile) {
  PackedForm form{stage, read, isColumns, {}, SmallVector<unsigned>(across), SmallVector<unsigned>(k), tile, 0, {}, {}};
  SmallVector<int64_t> domain = stage.getDomain();
  // A factor that is packed already varies with the same dimensions.
  for (unsigned dim : batch)
    if (domain[dim] > 1 && stage.getMap(read).isFunctionOfDim(dim))
      form.batch.push_back(dim);
  return form;
}

// A block's last tile may reach beyond the last row, by less than a tile.
static PackedForm rowsOf(StageOp stage, unsigned read, ArrayRef<unsigned> batch, ArrayRef<unsigned> m,
                         ArrayRef<unsigned> k, int64_t tile, int64_t block) {
  PackedForm form = formOf(stage, read, /*isColumns=*/false, batch, m, k, tile);
  int64_t rows = form.size(m);
  bool even = block % tile == 0 || block >= rows;
  form.height = even ? llvm::divideCeil(rows, tile) * tile : rows + tile - 1;
  int64_t line = 64 * 8 / elementType(stage.getResult(0).getType()).getIntOrFloatBitWidth();
  form.shape = {form.size(form.batch) * form.height,
                static_cast<int64_t>((llvm::divideCeil(form.size(k), line) | 1) * line)};
  AffineExpr row = flattened(stage, form.batch) * form.height + flattened(stage, m);
  form.map = AffineMap::get(stage.getDomain().size(), 0, {row, flattened(stage, k)}, stage.getContext());
  return form;
}

PackedForm tinyc::packedRows(Contraction &c, ScheduleAttr schedule) {
  int64_t block = schedule.getUnit()[c.cutDim(c.m)] * c.cutStride(c.m);
  return rowsOf(c.stage, c.rowsRead, c.batch, c.m, c.k, schedule.getInner()[0], block);
}

PackedForm tinyc::packedRows(Window &w, ScheduleAttr schedule) {
  SmallVector<unsigned> m;
  if (w.m)
    m.push_back(*w.m);
  int64_t block = w.m ? schedule.getUnit()[*w.m] : 1;
  return rowsOf(w.stage, w.rowsRead, w.batch, m, w.k, schedule.getInner()[0], block);
}

PackedForm tinyc::packedColumns(Contraction &c, ScheduleAttr schedule) {
  int64_t tile = schedule.getInner()[1];
  PackedForm form = formOf(c.stage, c.columnsRead, /*isColumns=*/true, c.batch, c.n, c.k, tile);
  SmallVector<AffineExpr> coordinates;
  for (unsigned dim : form.batch) {
    form.shape.push_back(form.size(dim));
    coordinates.push_back(getAffineDimExpr(dim, c.stage.getContext()));
  }
  form.shape.append({static_cast<int64_t>(llvm::divideCeil(c.size(c.n), tile)), c.size(c.k), tile});
  AffineExpr position = flattened(c.stage, c.n);
  coordinates.append({position.floorDiv(tile), flattened(c.stage, c.k), position % tile});
  form.map = AffineMap::get(c.stage.getDomain().size(), 0, coordinates, c.stage.getContext());
  return form;
}

// How many lines of a first-level cache's set, in a page of 4096 bytes, rows may share.
static constexpr int64_t kRowsASet = 8;

bool tinyc::rowsLieInOrder(Window &w, ScheduleAttr schedule) {
  StageOp stage = w.stage;
  if (!isa<BlockArgument>(factorOf(stage, w.rowsRead)))
    return false;
  SmallVector<int64_t> domain = stage.getDomain();
  auto type = cast<RankedTensorType>(stage.getOperand(w.rowsRead).getType());
  AddressForm address = linearAddress(stage.getMap(w.rowsRead), type.getShape());
  int64_t place = 1;
  for (unsigned d : llvm::reverse(w.k)) {
    if (domain[d] > 1 && address.coefficient(d) != place)
      return false;
    place *= domain[d];
  }
  for (unsigned d = 0; d < domain.size(); ++d)
    if (address.isBent(d))
      return false;
  if (!w.m)
    return true;
  int64_t tile = schedule.getInner()[0], block = std::min(schedule.getUnit()[*w.m], domain[*w.m]);
  int64_t last = domain[*w.m] % block;
  if (block < tile || (last != 0 && last < tile))
    return false;
  constexpr int64_t page = 4096;
  int64_t apart = address.coefficient(*w.m) * type.getElementTypeBitWidth() / 8;
  return tile * std::gcd(apart, page) <= kRowsASet * page;
}
