// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Keeps on chip what several stages read.

#include "passes/4-tile/RowCache.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

static int64_t bytesOf(Value input) {
  return llvm::divideCeil(elementType(input.getType()).getIntOrFloatBitWidth(), 8);
}

void RowCache::note(const RowRead &read, ArrayRef<int64_t> domain) {
  // Rows that are walked in strips: one dimension beside the shared ones, longer than its strip.
  ArrayRef<int64_t> strip = f.schedule.getStrip();
  if (f.chip.sharedBytes == 0 || domain.size() != shared + 1 || strip.empty() || strip.back() >= domain.back() ||
      !read.map.isFunctionOfDim(shared))
    return;
  if (rows.empty())
    rows.assign(domain.begin(), domain.end());
  if (domain != ArrayRef(rows))
    return;
  for (Kept &row : kept)
    if (row.read == read) {
      ++row.times;
      return;
    }
  kept.push_back({read, 1, {}});
}

void RowCache::allocate(OpBuilder &b, ArrayRef<int64_t> tile, int64_t usedBytes) {
  llvm::erase_if(kept, [](const Kept &row) { return row.times < 2; });
  if (kept.empty())
    return;
  int64_t step = f.schedule.getStrip().asArrayRef().back(), elements = step,
          strips = llvm::divideCeil(rows.back(), step);
  for (int64_t size : tile)
    elements *= size;
  int64_t threads = f.chip.lanes, stripBytes = 0, stripRegisters = 0;
  for (int64_t warps : f.schedule.getWarps().asArrayRef())
    threads *= warps;
  for (const Kept &row : kept) {
    stripBytes += elements * bytesOf(row.read.input);
    stripRegisters += std::max<int64_t>(1, elements / threads) * llvm::divideCeil(bytesOf(row.read.input), 4);
  }
  // Reductions and changes of layout exchange one strip of 4-byte elements and a value of each warp and row.
  constexpr int64_t kReductionBytes = 1024;
  int64_t room = f.chip.sharedBytes - usedBytes - elements * 4 - kReductionBytes;
  int64_t inShared = std::clamp<int64_t>(room / stripBytes, 0, strips);
  // Registers take over where shared memory ends, but leave the larger part to the arithmetic.
  int64_t inRegisters = std::min(strips - inShared, f.chip.maxLaneRegisters / 4 / stripRegisters);
  sharedEnd_ = inShared * step;
  registerEnd_ = (inShared + inRegisters) * step;
  if (inShared == 0)
    return;
  SmallVector<int64_t> shape(tile);
  shape.push_back(sharedEnd_);
  auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  for (Kept &row : kept) {
    auto type = MemRefType::get(shape, elementType(row.read.input.getType()), MemRefLayoutAttrInterface(), space);
    row.buffer = memref::AllocaOp::create(b, f.function.getLoc(), type);
  }
}

// Equal tiles begin at the same values, or at the same constants.
static bool isSameTile(const TileDomain &a, const TileDomain &b) {
  if (a.shape != b.shape || a.bounds != b.bounds)
    return false;
  return llvm::all_of(llvm::zip_equal(a.offsets, b.offsets), [](auto pair) {
    auto [x, y] = pair;
    std::optional<int64_t> constant = getConstantIntValue(x);
    return x == y || (constant && constant == getConstantIntValue(y));
  });
}

Value RowCache::findLoaded(OpBuilder &b, const RowRead &read, const TileDomain &domain) const {
  for (Loaded known : loaded)
    if (known.read == read && isSameTile(known.domain, domain))
      // It was made before; so it is there in its own block and in all that lie within.
      for (Block *block = b.getInsertionBlock(); block;
           block = block->getParentOp() ? block->getParentOp()->getBlock() : nullptr)
        if (block == known.tile.getParentBlock())
          return known.tile;
  return {};
}

Value RowCache::load(OpBuilder &b, Location loc, const RowRead &read, const TileDomain &domain, const TileDomain &local,
                     bool inShared) {
  Value buffer = f.buffer(cast<BlockArgument>(read.input));
  if (f.chip.sharedBytes == 0)
    return loadTile(b, loc, buffer, domain, read.map, read.mask, read.fill);
  if (Value tile = findLoaded(b, read, domain))
    return tile;
  auto row = llvm::find_if(kept, [&](const Kept &k) { return k.read == read; });
  bool inBuffer = inShared && row != kept.end() && row->buffer;
  AffineMap identity = AffineMap::getMultiDimIdentityMap(domain.rank(), b.getContext());
  Value tile;
  if (inBuffer && row->filled) {
    tile = loadTile(b, loc, row->buffer, local, identity);
  } else {
    tile = loadTile(b, loc, buffer, domain, read.map, read.mask, read.fill);
    if (inBuffer) {
      storeTile(b, loc, tile, row->buffer, local, identity);
      row->written = true;
    }
  }
  loaded.push_back({read, domain, tile});
  return tile;
}

void RowCache::endStage() {
  for (Kept &row : kept)
    row.filled = row.written;
}

void RowCache::beginTile() {
  loaded.clear();
  for (Kept &row : kept)
    row.written = row.filled = false;
}
