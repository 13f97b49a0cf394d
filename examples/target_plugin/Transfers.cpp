// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads, stores and views of tiles. Where their elements stand is computed here, through maps and masks of any kind;
// what is written down are runs of bytes, and rows of runs.

#include "Emission.h"

using namespace emission;

namespace {
/// Bytes that follow each other in the buffer and in the tile, repeated.
struct Runs {
  int64_t far, near, bytes, rows = 1, farStride = 0, nearStride = 0;
};
} // namespace

// Division rounds down, as affine expressions have it.
int64_t emission::evaluate(AffineExpr expr, ArrayRef<int64_t> dims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t lhs = evaluate(binary.getLHS(), dims), rhs = evaluate(binary.getRHS(), dims);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return lhs + rhs;
  case AffineExprKind::Mul:
    return lhs * rhs;
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(lhs, rhs);
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(lhs, rhs);
  default:
    return lhs - llvm::divideFloorSigned(lhs, rhs) * rhs; // mod
  }
}

static bool holds(IntegerSet set, ArrayRef<int64_t> point) {
  for (unsigned i = 0; set && i < set.getNumConstraints(); ++i) {
    int64_t value = evaluate(set.getConstraint(i), point);
    if (set.isEq(i) ? value != 0 : value < 0)
      return false;
  }
  return true;
}

void emission::forEachPoint(ArrayRef<int64_t> shape, ArrayRef<int64_t> offsets,
                            llvm::function_ref<void(ArrayRef<int64_t>, int64_t)> visit) {
  SmallVector<int64_t> point(offsets);
  int64_t count = ShapedType::getNumElements(shape);
  for (int64_t i = 0; i < count; ++i) {
    visit(point, i);
    for (unsigned d = shape.size(); d-- > 0;) {
      if (++point[d] < offsets[d] + shape[d])
        break;
      point[d] = offsets[d];
    }
  }
}

// Where the elements of a tile stand in a row-major buffer of `shape`, as few runs as two strides give. `all` says
// whether the mask left any out.
static std::vector<Runs> runsOf(ArrayRef<int64_t> tile, ArrayRef<int64_t> offsets, AffineMap map, IntegerSet mask,
                                ArrayRef<int64_t> shape, int64_t elementBytes, bool &all) {
  std::vector<Runs> runs;
  all = true;
  forEachPoint(tile, offsets, [&](ArrayRef<int64_t> point, int64_t i) {
    if (!holds(mask, point)) {
      all = false;
      return;
    }
    int64_t at = 0;
    for (auto [size, expr] : llvm::zip_equal(shape, map.getResults()))
      at = at * size + evaluate(expr, point);
    int64_t far = at * elementBytes, near = i * elementBytes;
    if (!runs.empty() && runs.back().far + runs.back().bytes == far && runs.back().near + runs.back().bytes == near)
      runs.back().bytes += elementBytes;
    else
      runs.push_back({far, near, elementBytes});
  });
  std::vector<Runs> grouped;
  for (const Runs &run : runs) {
    Runs *last = grouped.empty() ? nullptr : &grouped.back();
    if (last && last->bytes == run.bytes) {
      int64_t farStride = run.far - (last->far + (last->rows - 1) * last->farStride);
      int64_t nearStride = run.near - (last->near + (last->rows - 1) * last->nearStride);
      if (last->rows == 1 || (farStride == last->farStride && nearStride == last->nearStride)) {
        last->farStride = farStride;
        last->nearStride = nearStride;
        ++last->rows;
        continue;
      }
    }
    grouped.push_back(run);
  }
  return grouped;
}

LogicalResult Emitter::emitLoad(tiny::LoadOp load) {
  auto type = load.getResult().getType();
  TileRef to = allocate(load, type);
  if (!to)
    return failure();
  tiles[load.getResult()] = to;
  auto buffer = cast<MemRefType>(load.getBuffer().getType());
  SmallVector<int64_t> offsets;
  for (Value offset : load.getOffsets())
    offsets.push_back(number(offset));
  uint32_t elementBytes = npu::sizeOf(*typeOf(load, type));
  bool all;
  std::vector<Runs> runs = runsOf(cast<VectorType>(type).getShape(), offsets, load.getMap(),
                                  load.getMask().value_or(IntegerSet()), buffer.getShape(), elementBytes, all);
  if (!all) {
    npu::Command &fill = add(npu::Op::Fill);
    fill.type = *typeOf(load, type);
    fill.a = to->address;
    fill.run = cast<VectorType>(type).getNumElements();
    if (auto number = dyn_cast_or_null<FloatAttr>(load.getFillAttr()))
      fill.far = number.getValue().bitcastToAPInt().getZExtValue();
    else if (auto integer = dyn_cast_or_null<IntegerAttr>(load.getFillAttr()))
      fill.far = integer.getValue().getSExtValue();
  }
  auto argument = dyn_cast<BlockArgument>(load.getBuffer());
  TileRef from = argument ? nullptr : tile(load.getBuffer());
  unsigned channel = argument && !runs.empty() ? nextChannel() : 0;
  for (const Runs &run : runs) {
    npu::Command &move = add(argument ? npu::Op::Load : npu::Op::Move);
    move.code = channel;
    move.a = to->address + run.near;
    move.run = run.bytes;
    move.rows = run.rows;
    move.farStride = run.farStride;
    move.nearStride = run.nearStride;
    if (argument) {
      move.argument = argument.getArgNumber();
      move.far = run.far;
    } else {
      move.b = from->address + run.far;
    }
  }
  if (argument && !runs.empty()) {
    to->arriving = channel;
    held[channel].push_back(to);
  }
  return success();
}

LogicalResult Emitter::emitStore(tiny::StoreOp store) {
  TileRef from = tile(store.getValue());
  auto type = cast<VectorType>(store.getValue().getType());
  SmallVector<int64_t> offsets;
  for (Value offset : store.getOffsets())
    offsets.push_back(number(offset));
  bool all;
  std::vector<Runs> runs =
      runsOf(type.getShape(), offsets, store.getMap(), store.getMask().value_or(IntegerSet()),
             cast<MemRefType>(store.getBuffer().getType()).getShape(), npu::sizeOf(*typeOf(store, type)), all);
  if (runs.empty())
    return success();
  auto argument = dyn_cast<BlockArgument>(store.getBuffer());
  TileRef to = argument ? nullptr : tile(store.getBuffer());
  unsigned channel = argument ? nextChannel() : 0;
  for (const Runs &run : runs) {
    npu::Command &move = add(argument ? npu::Op::Store : npu::Op::Move);
    move.code = channel;
    move.run = run.bytes;
    move.rows = run.rows;
    if (argument) {
      move.argument = argument.getArgNumber();
      move.a = from->address + run.near;
      move.far = run.far;
      move.farStride = run.farStride;
      move.nearStride = run.nearStride;
    } else {
      // From the tile to the buffer: `far` is where it goes.
      move.a = to->address + run.far;
      move.b = from->address + run.near;
      move.farStride = run.nearStride;
      move.nearStride = run.farStride;
    }
  }
  if (argument)
    held[channel].push_back(from);
  return success();
}

LogicalResult Emitter::emitView(tiny::ViewOp view) {
  TileRef from = tile(view.getInput()), to = allocate(view, view.getType());
  if (!to)
    return failure();
  tiles[view.getResult()] = to;
  auto type = cast<VectorType>(view.getType());
  if (view.getMask())
    return view.emitError("the NPU's emitter has no views of tiles with masks");
  bool all;
  SmallVector<int64_t> zeros(type.getRank());
  for (const Runs &run :
       runsOf(type.getShape(), zeros, view.getMap(), {}, cast<VectorType>(view.getInput().getType()).getShape(),
              npu::sizeOf(*typeOf(view, type)), all)) {
    npu::Command &move = add(npu::Op::Move);
    move.a = to->address + run.near;
    move.b = from->address + run.far;
    move.run = run.bytes;
    move.rows = run.rows;
    move.farStride = run.farStride;
    move.nearStride = run.nearStride;
  }
  return success();
}
