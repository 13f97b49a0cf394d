// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions in the fixed tree that the layout gives: a lane's registers by halves, then lanes by exchanges, then warps
// through shared memory, each pair in the same order whatever the grid does.

#include "passes/5-lanes/LaneRewriter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tinyc;

Value LaneRewriter::combine(tiny::ReduceKind kind, Value x, Value y) {
  switch (kind) {
  case tiny::ReduceKind::Sum:
    return tiny::AddOp::create(b, loc, x, y);
  case tiny::ReduceKind::Prod:
    return tiny::MulOp::create(b, loc, x, y);
  case tiny::ReduceKind::Max:
    return tiny::MaxOp::create(b, loc, x, y);
  case tiny::ReduceKind::None:
    break;
  }
  llvm_unreachable("a reduction has a kind");
}

// Exchanges work on 32 bits: narrower elements are widened, wider ones cut.
Value LaneRewriter::shuffle(Value lanes, int64_t laneMask) {
  auto type = cast<VectorType>(lanes.getType());
  Type element = type.getElementType(), i32 = b.getI32Type();
  unsigned bits = element.getIntOrFloatBitWidth();
  Type raw = b.getIntegerType(bits);
  Value mask = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(laneMask));
  Value width = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(chip.lanes));
  auto exchange = [&](Value word) -> Value {
    return gpu::ShuffleOp::create(b, loc, word, mask, width, gpu::ShuffleMode::XOR).getShuffleResult();
  };
  SmallVector<Value> results;
  for (Value value : unpack(lanes)) {
    Value word = value;
    if (element != raw)
      word = tiny::BitcastOp::create(b, loc, value, raw);
    if (bits < 32) {
      word = arith::TruncIOp::create(b, loc, raw, exchange(arith::ExtUIOp::create(b, loc, i32, word)));
    } else if (bits == 32) {
      word = exchange(word);
    } else {
      Value shift = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(32));
      Value low = exchange(arith::TruncIOp::create(b, loc, i32, word));
      Value high = exchange(arith::TruncIOp::create(b, loc, i32, arith::ShRUIOp::create(b, loc, word, shift)));
      high = arith::ShLIOp::create(b, loc, arith::ExtUIOp::create(b, loc, raw, high), shift);
      word = arith::OrIOp::create(b, loc, high, arith::ExtUIOp::create(b, loc, raw, low));
    }
    results.push_back(element == raw ? word : tiny::BitcastOp::create(b, loc, word, element).getResult());
  }
  return pack(results, element);
}

LogicalResult LaneRewriter::rewriteReduce(tiny::ReduceOp op) {
  LaneTile tile = tileOf(op.getInput());
  Type element = cast<VectorType>(op.getType()).getElementType();
  SmallVector<int64_t> kept;
  for (int64_t d = 0, e = tile.layout.shape().size(); d < e; ++d)
    if (!llvm::is_contained(op.getDims(), d))
      kept.push_back(d);
  LinearLayout partial = tile.layout.select(kept);

  // A lane's own registers: bits that no longer move the position are folded, the highest first.
  Value lanes = tile.lanes;
  int64_t folded = partial.replicaMask(kRegister);
  LinearLayout rest = partial;
  for (unsigned bit = partial.bits(kRegister); bit-- > 0;) {
    if (!(folded >> bit & 1))
      continue;
    SmallVector<Value> from = unpack(lanes), low, high;
    for (auto [reg, value] : llvm::enumerate(from))
      (reg >> bit & 1 ? high : low).push_back(value);
    lanes = combine(op.getKind(), pack(low, element), pack(high, element));
    rest = rest.dropBits(kRegister, int64_t(1) << bit);
  }

  // Lanes whose bit moved the position only along what is reduced.
  for (unsigned bit = 0; bit < rest.bits(kLane); ++bit)
    if (rest.flatBasis(kLane, bit) == 0 && tile.layout.flatBasis(kLane, bit) != 0)
      lanes = combine(op.getKind(), lanes, shuffle(lanes, int64_t(1) << bit));

  SmallVector<unsigned> across;
  for (unsigned bit = 0; bit < rest.bits(kWarp); ++bit)
    if (rest.flatBasis(kWarp, bit) == 0 && tile.layout.flatBasis(kWarp, bit) != 0)
      across.push_back(bit);
  if (!across.empty()) {
    // Each warp leaves its part in a slot of its own; all read all of them.
    int64_t parts = int64_t(1) << across.size();
    SmallVector<int64_t> shape = {parts};
    llvm::append_range(shape, rest.shape());
    LinearLayout written(shape);
    for (const LinearLayout::Input &input : rest.inputs()) {
      SmallVector<LinearLayout::Point> bases;
      for (unsigned bit = 0; bit < input.bases.size(); ++bit) {
        LinearLayout::Point basis = {0};
        if (input.name == kWarp && llvm::is_contained(across, bit))
          basis[0] = int64_t(1) << (llvm::find(across, bit) - across.begin());
        basis.append(input.bases[bit].begin(), input.bases[bit].end());
        bases.push_back(basis);
      }
      written.addInput(input.name, bases);
    }
    LinearLayout read(shape);
    SmallVector<LinearLayout::Point> slots;
    for (const LinearLayout::Input &input : rest.inputs()) {
      SmallVector<LinearLayout::Point> bases;
      for (const LinearLayout::Point &point : input.bases) {
        LinearLayout::Point basis = {0};
        basis.append(point.begin(), point.end());
        bases.push_back(basis);
      }
      read.addInput(input.name, bases);
    }
    for (int64_t step = 1; step < parts; step *= 2) {
      slots.emplace_back(shape.size(), 0);
      slots.back()[0] = step;
    }
    read.addInput(kRegister, slots);
    LinearLayout placement = choosePlacement(shape, {SharedAccess{written}, SharedAccess{read}}, storageBytes(element));
    Value shared = allocateShared(1, written.elements(), element);
    writeShared({lanes, written}, shared, constant(0), placement);
    lanes = readShared(shared, constant(0), placement, read, element).lanes;
    for (unsigned bit = read.bits(kRegister); bit-- > rest.bits(kRegister);) {
      SmallVector<Value> all = unpack(lanes);
      ArrayRef<Value> low = ArrayRef(all).take_front(all.size() / 2), high = ArrayRef(all).drop_front(all.size() / 2);
      lanes = combine(op.getKind(), pack(low, element), pack(high, element));
    }
  }
  tiles.try_emplace(op.getResult(), LaneTile{lanes, rest});
  return success();
}
