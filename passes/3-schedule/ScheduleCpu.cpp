// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Schedules for processors with vector registers and caches.

#include "passes/2-fuse/Attention.h"
#include "passes/3-schedule/AddressForm.h"
#include "passes/3-schedule/MatrixRows.h"
#include "passes/3-schedule/Schedules.h"

#include <numeric>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// Registers taken together in one step of a pointwise loop: independent chains hide the latency of an operation.
static constexpr int64_t kVectorsAtOnce = 4;
// Points of a domain that one work unit takes: enough to pay for handing out the unit, few enough to share evenly.
static constexpr int64_t kLeastPoints = 4096, kMostPoints = 65536, kUnitsWanted = 32;

// A contraction's block, rows and columns: small ones, which share evenly among threads, and large ones, which pack
// less often, where enough of them are left.
static constexpr int64_t kRows = 126, kColumns = 256, kLargeRows = 210, kLargeColumns = 512, kLargeUnits = 8;
// A depth up to this is taken whole: cutting it gains nothing.
static constexpr int64_t kWholeDepth = 640;
// A longer panel leaves no room for rows in the first-level cache.
static constexpr int64_t kMostPanel = 32 << 10;
// Rows of a block that tile registers compute, where enough units are left, and at least.
static constexpr int64_t kTileRows = 512, kLeastTileRows = 128, kTileUnits = 4;

// Attention's blocks: a row of scores is a few registers long, and packing keys is paid for by many queries.
static constexpr int64_t kMostKeys = 64, kMostQueries = 64;

static int64_t product(ArrayRef<int64_t> sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t(1), std::multiplies<int64_t>());
}

static int64_t roundUp(int64_t value, int64_t multiple) { return llvm::divideCeil(value, multiple) * multiple; }

// Sizes of a unit of about `points` positions, the last dimensions first, in whole multiples of `inner`.
static SmallVector<int64_t> unitSizes(ArrayRef<int64_t> shared, ArrayRef<int64_t> inner, int64_t points) {
  SmallVector<int64_t> unit(shared.size(), 1);
  for (unsigned d = shared.size(); d-- > 0;) {
    unit[d] = roundUp(std::clamp<int64_t>(points, 1, shared[d]), inner[d]);
    points /= std::max<int64_t>(unit[d], 1);
  }
  return unit;
}

static int64_t pointsPerUnit(int64_t total) { return std::clamp(total / kUnitsWanted, kLeastPoints, kMostPoints); }

// How many elements the stages read along `dim` with stride 1, less those that they read along it otherwise; `dimOf`
// gives the dimension of a stage, or -1.
static double countContiguous(KernelOp kernel, function_ref<int(StageOp)> dimOf) {
  double count = 0;
  for (StageOp stage : kernel.getStages()) {
    int dim = dimOf(stage);
    if (dim < 0)
      continue;
    double points = product(stage.getDomain());
    for (auto [i, operand] : llvm::enumerate(stage.getOperands())) {
      AddressForm form = linearAddress(stage.getMap(i), cast<RankedTensorType>(operand.getType()).getShape());
      if (form.isBent(dim) || (form.coefficient(dim) != 0 && form.coefficient(dim) != 1))
        count -= points;
      else
        count += form.coefficient(dim) * points;
    }
  }
  return count;
}

// Whether lanes along `dimOf`, as above, gather: each reads at an address of its own.
static bool gathers(KernelOp kernel, function_ref<int(StageOp)> dimOf) {
  for (StageOp stage : kernel.getStages())
    if (int dim = dimOf(stage); dim >= 0)
      for (auto [i, operand] : llvm::enumerate(stage.getOperands()))
        if (linearAddress(stage.getMap(i), cast<RankedTensorType>(operand.getType()).getShape()).isBent(dim))
          return true;
  return false;
}

// Registers of points without a sum between them, along the shared dimension `dim`, that are taken together. A gather's
// loads are independent already, and few points are done before latencies count: there, more than one register would
// only make code, which takes its time to compile.
static int64_t independentVectors(KernelOp kernel, int dim) {
  int64_t points = 0;
  for (StageOp stage : kernel.getStages())
    points = std::max(points, product(stage.getDomain()));
  return points <= kLeastPoints || gathers(kernel, [&](StageOp) { return dim; }) ? 1 : kVectorsAtOnce;
}

static ScheduleSizes chooseMap(KernelOp kernel, const Chip &chip) {
  SmallVector<int64_t> shared = sharedSizes(kernel);
  ScheduleSizes s;
  s.vector = chip.vectorBytes / std::max<int64_t>(4, elementBytes(kernel).first);
  s.inner.assign(shared.size(), 1);
  int lane = shared.size() - 1;
  while (lane > 0 && shared[lane] == 1)
    --lane;
  if (lane >= 0)
    s.inner[lane] = powerOfTwo(shared[lane], independentVectors(kernel, lane) * s.vector);
  s.unit = unitSizes(shared, s.inner, pointsPerUnit(product(shared)));
  return s;
}

// Whether the rows, which stand along `across`, are but sums of what they share with what is their own: a matrix times
// a vector. Several of them at once load what they share once.
static bool rowsShareOperand(KernelOp kernel, unsigned across) {
  bool shares = false;
  for (StageOp stage : kernel.getStages()) {
    if (stage.getNumParallel() != kernel.getShared())
      return false;
    if (stage.getDomain().size() == stage.getNumParallel())
      continue;
    for (unsigned i = 0; i < stage->getNumOperands(); ++i)
      shares |= !stage.getMap(i).isFunctionOfDim(across);
  }
  return shares;
}

static ScheduleSizes chooseRow(KernelOp kernel, const Chip &chip) {
  SmallVector<int64_t> shared = sharedSizes(kernel), own = ownSizes(kernel);
  ScheduleSizes s;
  s.vector = chip.vectorBytes / std::max<int64_t>(4, elementBytes(kernel).first);
  s.inner.assign(shared.size(), 1);
  s.strip.assign(own.size(), 1);
  int across = shared.size() - 1, along = own.size() - 1;
  while (across >= 0 && shared[across] == 1)
    --across;
  while (along > 0 && own[along] == 1)
    --along;
  // Vectors along the row, unless the memory runs the other way or the row is shorter than a register.
  int64_t ownRank = own.size();
  auto alongDim = [&](StageOp stage) -> int {
    int64_t rank = stage.getDomain().size();
    int64_t dim = rank - ownRank + along;
    return dim >= static_cast<int64_t>(kernel.getShared()) && dim < rank ? dim : -1;
  };
  double alongScore = countContiguous(kernel, alongDim);
  double acrossScore = countContiguous(kernel, [&](StageOp) { return across; });
  bool acrossRows = across >= 0 && (own[along] < s.vector ? shared[across] > own[along]
                                                          : acrossScore > alongScore && shared[across] >= s.vector / 2);
  if (acrossRows) {
    s.inner[across] = powerOfTwo(shared[across], independentVectors(kernel, across) * s.vector);
  } else if (across >= 0 && rowsShareOperand(kernel, across)) {
    // Half of the registers hold sums, two for each row.
    s.inner[across] = powerOfTwo(shared[across], chip.registers / 4);
    s.strip[along] = powerOfTwo(own[along], 2 * s.vector);
  } else {
    s.strip[along] = powerOfTwo(own[along], (gathers(kernel, alongDim) ? 1 : kVectorsAtOnce) * s.vector);
  }
  int64_t points = product(own);
  s.unit = unitSizes(shared, s.inner,
                     std::max<int64_t>(1, pointsPerUnit(product(shared) * points) / std::max<int64_t>(points, 1)));
  return s;
}

// A block of about `wanted` flattened positions of a run: whole dimensions but for the one along which it is cut.
static void setBlock(SmallVector<int64_t> &sizes, Contraction &c, ArrayRef<unsigned> run, int64_t wanted,
                     unsigned firstDim = 0, int64_t multiple = 1) {
  SmallVector<int64_t> domain = c.stage.getDomain();
  for (unsigned dim : run)
    sizes[dim - firstDim] = domain[dim];
  unsigned cut = c.cutDim(run);
  int64_t step = multiple / std::gcd(multiple, c.cutStride(run));
  int64_t pieces = std::max(step, wanted / c.cutStride(run) / step * step);
  sizes[cut - firstDim] = std::min(domain[cut], pieces);
}

static ScheduleSizes chooseContraction(KernelOp kernel, Contraction &c, const Chip &chip) {
  SmallVector<int64_t> shared = sharedSizes(kernel);
  int64_t m = c.size(c.m), n = c.size(c.n), k = c.size(c.k);
  ScheduleSizes s;
  int64_t bytes = elementType(c.stage.getResult(0).getType()).getIntOrFloatBitWidth() / 8;
  s.vector = chip.vectorBytes / bytes;
  s.instruction = llvm::is_contained(chip.instructions, "fma") ? "fma" : "";
  // The accumulators, one row of columns and one broadcast element live in registers.
  int64_t columnVectors = n > s.vector ? 2 : 1;
  int64_t mostRows = std::min<int64_t>(24, (chip.registers - columnVectors - 1) / columnVectors);
  // Rows are dealt out evenly: 17 rows are 9 and 8, not 14 and 3.
  int64_t rows = llvm::divideCeil(m, llvm::divideCeil(m, mostRows));
  int64_t columns = columnVectors * s.vector, wholeDepth = kWholeDepth, step = 1;
  const TensorCoreRow *row = chooseCpuRow(c, chip);
  if (row) {
    s.instruction = row->name;
    step = row->k;
    bytes = 4 / neighbouringK(*row);
    wholeDepth = kWholeDepth * 4 / bytes;
  }
  bool inTiles = row && row->registers;
  if (inTiles) {
    rows = row->m * (m > row->m ? 2 : 1);
    columns = row->n * (n > row->n ? 2 : 1);
  }
  s.inner = {rows, columns};
  // A panel of packed columns stays in the first-level cache while rows stream by.
  s.strip.assign(c.k.size(), 1);
  if (k <= wholeDepth)
    setBlock(s.strip, c, c.k, k, c.k.front());
  else
    setBlock(s.strip, c, c.k, std::min(chip.l1Bytes, kMostPanel) / (columns * bytes), c.k.front(), step);
  int64_t depth = std::min(k, s.strip[c.cutDim(c.k) - c.k.front()] * c.cutStride(c.k));
  // The packed rows of a block stay in the second-level cache while columns stream by.
  int64_t fitting = std::max<int64_t>(1, chip.l2Bytes / 2 / bytes / std::max<int64_t>(depth, 1) / rows) * rows;
  bool large =
      product(shared) / (m * n) * llvm::divideCeil(m, kLargeRows) * llvm::divideCeil(n, kLargeColumns) >= kLargeUnits;
  int64_t rowBlock = std::min(fitting, std::max<int64_t>(rows, (large ? kLargeRows : kRows) / rows * rows));
  s.unit.assign(shared.size(), 1);
  int64_t columnBlock = large ? kLargeColumns : kColumns;
  // Tiles multiply faster than columns are packed: a block's packed columns fill half the second-level cache, and are
  // met by many rows.
  if (inTiles) {
    int64_t held = chip.l2Bytes / 2 / bytes / std::max<int64_t>(depth, 1) / columns * columns;
    columnBlock = std::clamp(held, columns, kLargeColumns);
    rowBlock = kTileRows;
    auto units = [&] {
      return product(shared) / (m * n) * llvm::divideCeil(m, rowBlock) * llvm::divideCeil(n, columnBlock);
    };
    while (rowBlock > kLeastTileRows && units() < kTileUnits)
      rowBlock /= 2;
  }
  setBlock(s.unit, c, c.m, rowBlock);
  setBlock(s.unit, c, c.n, columnBlock, 0, columns);
  return s;
}

// Multiply-adds that are unrolled at most, and what a unit's copy of its input may take of the second-level cache.
static constexpr int64_t kMostUnrolled = 128, kStagedShare = 2;
// Shorter lines leave too many lanes of a register empty.
static constexpr int64_t kShortestLine = 10;

// A register tile of a window: rows, lines and columns, and what the whole output takes with it, in cycles.
namespace {
struct WindowTile {
  SmallVector<int64_t> inner;
  double cycles = 0;
};
} // namespace

// The tile of the least time, padding included. In a plane, columns run on from a line to the next, over the gap that
// the windows leave between the lines.
static WindowTile windowTile(Window &w, const Chip &chip, int64_t lanes, bool plane) {
  int64_t m = w.rows(), x = w.size(w.x()), y = w.y() ? w.size(*w.y()) : 1;
  int64_t lineColumns = plane ? (y - 1) * w.lineExtent(x) + x : x;
  WindowTile best;
  // LLVM takes vectors apart whose length is no power of two.
  for (int64_t vectors = 1; vectors <= 4; vectors *= 2)
    for (int64_t lines = 1; lines <= (plane ? 1 : std::min<int64_t>(y, 6)); ++lines)
      for (int64_t rows = 1; rows <= m; ++rows) {
        int64_t sums = rows * lines * vectors;
        if (sums + lines * vectors + 1 > chip.registers)
          break;
        // Two multiply-adds and two loads a cycle; loads that cross a cache line count twice; a sum is ready after
        // four cycles. The last term stands for addresses and for operands that come from the second-level cache.
        double cycles = std::max({sums * 0.5, (rows + 1.8 * lines * vectors) * 0.5, 4.0}) + 1;
        double tiles = double(llvm::divideCeil(m, rows)) * (plane ? 1 : llvm::divideCeil(y, lines)) *
                       llvm::divideCeil(lineColumns, vectors * lanes);
        if (best.inner.empty() || tiles * cycles < best.cycles)
          best = {{rows, lines, vectors * lanes}, tiles * cycles};
      }
  return best;
}

// The gain from which on a plane is worth its second pass over the sums.
static constexpr double kPlaneGain = 1.05;

// Lines of a plane's unit, at most `most`: those that fill the tiles of `columns` best, fewer of equally good ones.
static int64_t planeLines(Window &w, int64_t columns, int64_t most, function_ref<bool(int64_t)> fits) {
  int64_t x = w.size(w.x()), y = w.size(*w.y()), pitch = w.lineExtent(x), best = 1, least = 0;
  auto tiles = [&](int64_t lines) { return lines > 0 ? llvm::divideCeil((lines - 1) * pitch + x, columns) : 0; };
  for (int64_t lines = 1; lines <= std::min(most, y) && (lines == 1 || fits(lines)); ++lines) {
    int64_t all = y / lines * tiles(lines) + tiles(y % lines);
    if (lines > 1 && all >= least)
      continue;
    least = all;
    best = lines;
  }
  return best;
}

// Lines that two units both compute, as a share of all, at most.
static constexpr double kMostComputedTwice = 0.1;
// Units of more than so many times the work that is wanted leave too few of them.
static constexpr double kLargestUnit = 8;

// A unit of a window with a tail: as many of the tail's rows as cost least, among those whose lines fit `room` together
// with the copy of the input, and that leave enough units; of the sum's rows fewer where else not one fits. `unit`
// holds the sizes of the sum's dimensions until then, which the two functions are about; `work` is that of the unit, 1
// for one of the size that is wanted. False if nothing fits.
static bool chooseTail(Window &w, ArrayRef<int64_t> inner, int64_t room, SmallVector<int64_t> &unit,
                       function_ref<int64_t()> stagedBytes, function_ref<double()> work) {
  int64_t bytes = elementType(w.kept.getType()).getIntOrFloatBitWidth() / 8, best = 0;
  for (unsigned dim : w.n)
    if (w.y() != dim && dim >= w.firstOwn)
      unit[dim] = w.size(dim);
  double least = 0;
  for (int64_t rows = 1; rows <= w.tailRows(); ++rows) {
    int64_t lines = w.ownsLines() ? w.keptLines(rows) : 1, computed = roundUp(lines, inner[1]);
    if (w.y())
      unit[*w.y()] = lines;
    int64_t keptBytes = bytes * roundUp(w.size(w.x()), inner[2]) * computed;
    for (auto [dim, size] : llvm::enumerate(unit))
      if (w.y() != dim && w.x() != dim)
        keptBytes *= size;
    if (stagedBytes() + keptBytes > room || work() > (best == 0 ? kLargestUnit : 1))
      break;
    bool whole = rows == w.tailRows();
    double wanted = whole ? lines : static_cast<double>(w.rowStep * rows);
    if (!whole && static_cast<double>(lines) > (1 + kMostComputedTwice) * wanted)
      continue;
    double cost = static_cast<double>(computed) / wanted;
    if (best == 0 || cost <= least) {
      least = cost;
      best = rows;
    }
  }
  if (best == 0) {
    if (!w.m || unit[*w.m] <= inner[0])
      return false;
    unit[*w.m] = std::max<int64_t>(1, unit[*w.m] / 2 / inner[0]) * inner[0];
    return chooseTail(w, inner, room, unit, stagedBytes, work);
  }
  unit.truncate(w.firstOwn);
  if (w.rowStep)
    unit.push_back(best);
  return true;
}

static std::optional<ScheduleSizes> chooseWindow(KernelOp kernel, Window &w, const Chip &chip) {
  Type element = elementType(w.stage.getResult(0).getType());
  int64_t bytes = element.getIntOrFloatBitWidth() / 8, lanes = chip.vectorBytes / bytes;
  WindowTile tile = windowTile(w, chip, lanes, /*plane=*/false);
  bool plane = false;
  if (w.y() && w.tail.empty()) {
    WindowTile other = windowTile(w, chip, lanes, /*plane=*/true);
    plane = other.cycles * kPlaneGain < tile.cycles;
    if (plane)
      tile = other;
  }
  if (!plane && w.size(w.x()) < kShortestLine)
    return std::nullopt;
  ScheduleSizes s;
  s.columns = plane ? "plane" : "window";
  s.vector = lanes;
  s.instruction = llvm::is_contained(chip.instructions, "fma") ? "fma" : "";
  s.inner = tile.inner;
  // The innermost dimensions of the sum are unrolled, as far as the code stays short.
  int64_t unrolled = s.inner[0] * s.inner[1] * s.inner[2] / lanes;
  s.strip.assign(w.k.size(), 1);
  for (unsigned i = w.k.size(); i-- > 0;) {
    int64_t size = w.size(w.k[i]);
    if (unrolled * size > kMostUnrolled)
      break;
    s.strip[i] = size;
    unrolled *= size;
  }
  // A unit: the whole line; as many rows as their weights leave room for; then lines, and last elements of the batch.
  SmallVector<int64_t> sizes(w.stage.getParallel());
  s.unit.assign(sizes.size(), 1);
  s.unit[w.x()] = sizes[w.x()];
  int64_t room = chip.l2Bytes / kStagedShare;
  if (w.m)
    s.unit[*w.m] = std::min(w.rows(), std::max<int64_t>(1, 2 * room / (w.depth() * bytes) / s.inner[0]) * s.inner[0]);
  auto stagedBytes = [&] {
    SmallVector<int64_t> block = s.unit;
    block.resize(w.stage.getDomain().size(), 1);
    int64_t size = w.stride() * w.lineExtent(plane ? sizes[w.x()] : roundUp(sizes[w.x()], s.inner[2])) * bytes;
    for (unsigned i = 0; i < w.input.size(); ++i)
      if (i != w.line)
        size *= w.extent(i, block);
    return size;
  };
  auto points = [&] { return w.depth() * product(s.unit); };
  int64_t wanted = pointsPerUnit(product(sizes)) * w.depth();
  if (!w.tail.empty())
    return chooseTail(w, s.inner, room, s.unit, stagedBytes, [&] { return static_cast<double>(points()) / wanted; })
               ? std::optional<ScheduleSizes>(s)
               : std::nullopt;
  if (w.y())
    s.unit[*w.y()] = std::min(sizes[*w.y()], s.inner[1]);
  if (stagedBytes() > 2 * room)
    return std::nullopt;
  auto grow = [&](unsigned dim, int64_t step) {
    while (s.unit[dim] < sizes[dim] && points() < wanted) {
      int64_t before = s.unit[dim];
      s.unit[dim] = std::min(sizes[dim], before / step * step + step);
      if (stagedBytes() <= room)
        continue;
      s.unit[dim] = before;
      break;
    }
  };
  if (plane)
    s.unit[*w.y()] = planeLines(w, s.inner[2], std::max<int64_t>(1, 2 * wanted / points()), [&](int64_t lines) {
      s.unit[*w.y()] = lines;
      return stagedBytes() <= room;
    });
  else if (w.y())
    grow(*w.y(), s.inner[1]);
  for (unsigned dim : llvm::reverse(w.batch))
    if (!w.y() || s.unit[*w.y()] == sizes[*w.y()])
      grow(dim, 1);
  return s;
}

// Attention: `inner` is the register tile of both products, `strip` the keys of a block and the whole depth.
static ScheduleSizes chooseAttention(KernelOp kernel, Attention &a, const Chip &chip) {
  SmallVector<int64_t> shared = sharedSizes(kernel);
  ScheduleSizes s;
  s.vector = chip.vectorBytes / 4;
  s.instruction = llvm::is_contained(chip.instructions, "fma") ? "fma" : "";
  int64_t mostRows = std::min<int64_t>(24, (chip.registers - 3) / 2);
  int64_t rows = llvm::divideCeil(shared[a.row], llvm::divideCeil(shared[a.row], mostRows));
  s.inner = {rows, 2 * s.vector};
  s.strip = {kMostKeys, a.depth};
  s.unit.assign(shared.size(), 1);
  s.unit[a.row] = std::min(shared[a.row], std::max<int64_t>(1, kMostQueries / rows) * rows);
  return s;
}

ScheduleSizes tinyc::chooseCpuSchedule(KernelOp kernel, const Chip &chip) {
  if (std::optional<Attention> a = matchAttention(kernel))
    return chooseAttention(kernel, *a, chip);
  // Windows before matrix instructions: packing would gather every element of every window.
  if (std::optional<Window> w = matchWindow(kernel))
    if (std::optional<ScheduleSizes> s = chooseWindow(kernel, *w, chip))
      return *s;
  if (std::optional<Contraction> c = matchContraction(kernel))
    return chooseContraction(kernel, *c, chip);
  return isMap(kernel) ? chooseMap(kernel, chip) : chooseRow(kernel, chip);
}
