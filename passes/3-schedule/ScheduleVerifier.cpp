// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Holds a schedule against its kernel and the chip's row of facts.

#include "passes/2-fuse/Attention.h"
#include "passes/3-schedule/MatrixRows.h"
#include "passes/3-schedule/Schedules.h"

#include <numeric>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

static int64_t product(ArrayRef<int64_t> sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t(1), std::multiplies<int64_t>());
}

static LogicalResult verifyCount(KernelOp kernel, StringRef field, ArrayRef<int64_t> sizes, ArrayRef<size_t> allowed,
                                 StringRef meaning) {
  for (int64_t size : sizes)
    if (size < 1)
      return kernel.emitOpError("schedule: expected positive sizes in '") << field << "', found " << size;
  if (llvm::is_contained(allowed, sizes.size()))
    return success();
  return kernel.emitOpError("schedule: expected ")
         << allowed.front() << " numbers in '" << field << "' (" << meaning << "), found " << sizes.size();
}

// A block is a range of a run's positions: only the dimension along which the run is cut may be smaller than it is.
static LogicalResult verifyBlocks(KernelOp kernel, ScheduleAttr s, Contraction &c) {
  SmallVector<int64_t> domain = c.stage.getDomain();
  auto check = [&](StringRef field, ArrayRef<unsigned> run, ArrayRef<int64_t> sizes,
                   unsigned firstDim) -> LogicalResult {
    for (unsigned dim : run)
      if (dim != c.cutDim(run) && sizes[dim - firstDim] < domain[dim])
        return kernel.emitOpError("schedule: '")
               << field << "' cuts dimension " << dim << " into pieces of " << sizes[dim - firstDim]
               << "; expected it whole (" << domain[dim] << "), and cuts along dimension " << c.cutDim(run) << " only";
    return success();
  };
  if (failed(check("unit", c.m, s.getUnit(), 0)) || failed(check("unit", c.n, s.getUnit(), 0)) ||
      failed(check("strip", c.k, s.getStrip(), c.k.front())))
    return failure();
  int64_t columns = s.getUnit()[c.cutDim(c.n)] * c.cutStride(c.n);
  if (columns % s.getInner()[1] != 0 && columns < c.size(c.n))
    return kernel.emitOpError("schedule: expected a unit's ")
           << columns << " columns to be a multiple of the micro-tile's " << s.getInner().asArrayRef()[1];
  for (unsigned dim : c.batch)
    if (s.getUnit()[dim] != 1)
      return kernel.emitOpError("schedule: expected 1 in 'unit' for batch dimension ")
             << dim << " of a contraction, found " << s.getUnit().asArrayRef()[dim];
  return success();
}

// A matrix instruction takes whole fragments, of the types that its row says.
static LogicalResult verifyMatrixRow(KernelOp kernel, ScheduleAttr s, std::optional<Contraction> c) {
  const TensorCoreRow *row = findTensorCoreRow(s.getInstruction().getValue());
  if (!row || row->left.empty())
    return success();
  if (!c || s.getColumns() == "window")
    return kernel.emitOpError("schedule: '") << row->name << "' is for contractions with packed columns";
  if (std::string mismatch = rowMismatch(*c, *row); !mismatch.empty())
    return kernel.emitOpError("schedule: '") << row->name << "' " << mismatch;
  if (s.getInner()[0] % row->m != 0 || s.getInner()[1] % row->n != 0)
    return kernel.emitOpError("schedule: expected 'inner' in multiples of the ")
           << row->m << " x " << row->n << " of '" << row->name << "', found [" << s.getInner().asArrayRef() << "]";
  if (int64_t needed = fragments(*row, s.getInner()); row->registers && needed > row->registers)
    return kernel.emitOpError("schedule: inner = [") << s.getInner().asArrayRef() << "] needs " << needed
                                                     << " tile registers; '" << row->name << "' has " << row->registers;
  unsigned cut = c->cutDim(c->k);
  int64_t block = s.getStrip()[cut - c->k.front()] * c->cutStride(c->k);
  if (block < c->size(c->k) && block % row->k != 0)
    return kernel.emitOpError("schedule: expected strips of a multiple of the ")
           << row->k << " terms of '" << row->name << "', found " << block;
  return success();
}

// A window's line stays whole, or is cut between tiles: one that reached into the next unit would compute its elements
// once more, perhaps after what they are added to was overwritten in place.
static LogicalResult verifyWindow(KernelOp kernel, ScheduleAttr s, const Chip &chip, Window &w) {
  int64_t vectors = llvm::divideCeil(s.getInner()[2], s.getVector()) * s.getInner()[1];
  int64_t needed = (s.getInner()[0] + 1) * vectors + 1;
  if (needed > chip.registers)
    return kernel.emitOpError("schedule: inner = [") << s.getInner().asArrayRef() << "] needs " << needed
                                                     << " vector registers; " << chip.name << " has " << chip.registers;
  if (s.getColumns() == "plane") {
    if (!w.y() || !w.tail.empty())
      return kernel.emitOpError("schedule: columns = \"plane\" is for windows along two dimensions or more whose "
                                "result leaves the unit");
    if (s.getInner()[1] != 1)
      return kernel.emitOpError("schedule: expected one line in 'inner' of a plane, found ")
             << s.getInner().asArrayRef()[1];
    if (s.getUnit()[w.x()] < w.size(w.x()))
      return kernel.emitOpError("schedule: expected units of whole lines, of ")
             << w.size(w.x()) << " elements, of a plane; found " << s.getUnit().asArrayRef()[w.x()];
  }
  if (int64_t columns = w.tail.empty() ? s.getUnit()[w.x()] : w.size(w.x());
      columns < w.size(w.x()) && columns % s.getInner()[2] != 0)
    return kernel.emitOpError("schedule: expected a unit's ")
           << columns << " columns to be a multiple of the micro-tile's " << s.getInner().asArrayRef()[2];
  if (s.getInner()[1] > 1 && !w.y())
    return kernel.emitOpError("schedule: expected one line in 'inner' for a window along one dimension, found ")
           << s.getInner().asArrayRef()[1];
  if (s.getInner()[0] > 1 && !w.m)
    return kernel.emitOpError("schedule: expected one row in 'inner' for a window without rows, found ")
           << s.getInner().asArrayRef()[0];
  if (!w.tail.empty())
    for (unsigned dim : w.batch) // one after the other, and the tail after each
      if (s.getUnit()[dim] != 1)
        return kernel.emitOpError("schedule: expected 1 in 'unit' for dimension ")
               << dim << " of a window whose result stays in the unit, found " << s.getUnit().asArrayRef()[dim];
  for (auto [dim, strip] : llvm::zip_equal(w.k, s.getStrip().asArrayRef()))
    if (strip < w.size(dim) && w.size(dim) % strip != 0)
      return kernel.emitOpError("schedule: expected strips that divide the reduction, found ")
             << strip << " of " << w.size(dim);
  return success();
}

// Units take a block of queries, and one position of every other shared dimension.
static LogicalResult verifyAttention(KernelOp kernel, ScheduleAttr s, Attention &a) {
  for (auto [d, unit] : llvm::enumerate(s.getUnit().asArrayRef()))
    if (d != a.row && unit != 1)
      return kernel.emitOpError("schedule: expected 1 in 'unit' for dimension ")
             << d << " of attention, along which keys differ, found " << unit;
  if (s.getStrip()[0] % s.getInner()[1] != 0)
    return kernel.emitOpError("schedule: expected a strip of keys that is a multiple of the tile's ")
           << s.getInner().asArrayRef()[1] << " columns, found " << s.getStrip().asArrayRef()[0];
  return success();
}

// Registers that the register tile of a product takes: the sums, a row of columns, and an element.
static LogicalResult verifyRegisterTile(KernelOp kernel, ScheduleAttr s, const Chip &chip) {
  int64_t columns = llvm::divideCeil(s.getInner()[1], s.getVector());
  int64_t needed = s.getInner()[0] * columns + columns + 1;
  if (needed > chip.registers)
    return kernel.emitOpError("schedule: inner = [") << s.getInner().asArrayRef() << "] needs " << needed
                                                     << " vector registers; " << chip.name << " has " << chip.registers;
  return success();
}

static LogicalResult verifyCpu(KernelOp kernel, ScheduleAttr s, const Chip &chip, std::optional<Contraction> c,
                               std::optional<Window> w, bool isAttention) {
  auto [narrowest, widest] = elementBytes(kernel);
  if (s.getVector() * narrowest > chip.vectorBytes)
    return kernel.emitOpError("schedule: vector = ")
           << s.getVector() << " elements of " << narrowest << " bytes exceed " << chip.name
           << "'s vector registers of " << chip.vectorBytes << " bytes";
  if (!s.getWarps().empty())
    return kernel.emitOpError("schedule: ")
           << chip.name << " has no warps; found warps = [" << s.getWarps().asArrayRef() << "]";
  if (w)
    return verifyWindow(kernel, s, chip, *w);
  if (c) {
    const TensorCoreRow *row = findTensorCoreRow(s.getInstruction().getValue());
    if (!(row && row->registers) && failed(verifyRegisterTile(kernel, s, chip)))
      return failure();
    return verifyBlocks(kernel, s, *c);
  }
  if (isAttention)
    return verifyRegisterTile(kernel, s, chip);
  for (auto [unit, inner, size] : llvm::zip(s.getUnit().asArrayRef(), s.getInner().asArrayRef(), sharedSizes(kernel)))
    if (unit % inner != 0 && unit < size)
      return kernel.emitOpError("schedule: expected units that are multiples of 'inner', found unit = [")
             << s.getUnit().asArrayRef() << "], inner = [" << s.getInner().asArrayRef() << "]";
  return success();
}

// A chip of a plug-in: what its row says of the memory that a tile lies in. Its back end knows the rest.
static LogicalResult verifyOther(KernelOp kernel, ScheduleAttr s, const Chip &chip, std::optional<Contraction> c) {
  int64_t tile = product(s.getUnit()), points = tile * product(s.getStrip());
  // The matrix unit takes tiles of both operands, and keeps the sums.
  if (c && !s.getInstruction().empty()) {
    int64_t rows = 1, columns = 1;
    for (unsigned d : c->m)
      rows *= s.getUnit()[d];
    for (unsigned d : c->n)
      columns *= s.getUnit()[d];
    points = (rows + columns) * product(s.getStrip()) + tile;
  }
  int64_t bytes = points * elementBytes(kernel).first;
  if (chip.sharedBytes > 0 && bytes > chip.sharedBytes)
    return kernel.emitOpError("schedule: one tile takes ")
           << bytes << " bytes of memory on the chip; " << chip.name << " has " << chip.sharedBytes;
  return success();
}

static LogicalResult verifyGpu(KernelOp kernel, ScheduleAttr s, const Chip &chip, std::optional<Contraction> c,
                               std::optional<Attention> a) {
  auto [narrowest, widest] = elementBytes(kernel);
  if (s.getVector() * narrowest > chip.vectorBytes)
    return kernel.emitOpError("schedule: vector = ")
           << s.getVector() << " elements of " << narrowest << " bytes exceed the " << chip.vectorBytes
           << " bytes that a lane of " << chip.name << " accesses at once";
  int64_t threads = product(s.getWarps()) * chip.lanes;
  if (threads > chip.maxThreads)
    return kernel.emitOpError("schedule: warps = [")
           << s.getWarps().asArrayRef() << "] are " << threads << " threads; a block of " << chip.name
           << " has at most " << chip.maxThreads;
  for (ArrayRef<int64_t> sizes : {s.getUnit().asArrayRef(), s.getStrip().asArrayRef()})
    for (int64_t size : sizes)
      if (!llvm::isPowerOf2_64(size))
        return kernel.emitOpError("schedule: expected tile sizes that are powers of two, found ") << size;
  for (int64_t warps : s.getWarps().asArrayRef())
    if (!llvm::isPowerOf2_64(warps))
      return kernel.emitOpError("schedule: expected numbers of warps that are powers of two, found ") << warps;
  // Scores and outputs are held at once, queries too where the depth is one strip.
  int64_t tile = product(s.getUnit());
  if (a)
    tile *= s.getStrip()[0] + a->width + (s.getStrip()[1] >= a->depth ? s.getStrip()[1] / 2 : 0);
  else if (!c)
    tile *= product(s.getStrip());
  int64_t registers = tile / threads * llvm::divideCeil(widest, 4);
  if (registers > chip.maxLaneRegisters)
    return kernel.emitOpError("schedule: one tile takes ")
           << registers << " registers of each lane; " << chip.name << " has " << chip.maxLaneRegisters;
  if (c) {
    int64_t bytes =
        llvm::divideCeil(elementType(c->stage.getOperand(c->columnsRead).getType()).getIntOrFloatBitWidth(), 8);
    int64_t rows = 1, columns = 1;
    for (unsigned d : c->m)
      rows *= s.getUnit()[d];
    for (unsigned d : c->n)
      columns *= s.getUnit()[d];
    int64_t shared = s.getPipeline() * (rows + columns) * product(s.getStrip()) * bytes;
    if (shared > chip.sharedBytes)
      return kernel.emitOpError("schedule: pipeline = ")
             << s.getPipeline() << " tiles take " << shared << " bytes of shared memory; a block of " << chip.name
             << " has " << chip.sharedBytes;
  }
  return success();
}

LogicalResult tinyc::verifySchedule(KernelOp kernel, ScheduleAttr s, const Chip &chip) {
  std::optional<Attention> attention = matchAttention(kernel);
  std::optional<Contraction> c = matchContraction(kernel);
  std::optional<Window> w;
  if (StringRef columns = s.getColumns(); columns == "window" || columns == "plane") {
    w = matchWindow(kernel);
    if (!w || chip.kind != ChipKind::Cpu)
      return kernel.emitOpError("schedule: columns = \"") << columns << "\" is for sums over sliding windows on a CPU";
  } else if (!columns.empty() && !(columns == "packed" && c)) {
    return kernel.emitOpError(
               "schedule: expected columns = \"packed\" of a contraction, \"window\" or \"plane\", found ")
           << s.getColumns();
  }
  size_t shared = kernel.getShared(), own = w ? w->k.size() : ownSizes(kernel).size();
  size_t tail = w && w->rowStep ? 1 : 0;
  if (failed(verifyCount(kernel, "unit", s.getUnit(), {shared + tail}, "one a shared dimension")) ||
      failed(verifyCount(kernel, "strip", s.getStrip(), {own}, "one for each dimension that the shared ones leave")))
    return failure();
  if (w ? failed(verifyCount(kernel, "inner", s.getInner(), {3}, "rows, lines and columns of the micro-tile"))
      : c || attention
          ? failed(verifyCount(kernel, "inner", s.getInner(), {2}, "rows and columns of the micro-tile"))
          : failed(verifyCount(kernel, "inner", s.getInner(), {shared, 0}, "one a shared dimension, or none")))
    return failure();
  if (s.getPipeline() < 1 || s.getVector() < 1)
    return kernel.emitOpError("schedule: expected pipeline and vector of at least 1, found ")
           << s.getPipeline() << " and " << s.getVector();
  StringRef instruction = s.getInstruction().getValue();
  if (!instruction.empty() && !llvm::is_contained(chip.instructions, instruction))
    return kernel.emitOpError("schedule: ") << chip.name << " has no instruction '" << instruction << "'; it has "
                                            << llvm::join(chip.instructions, ", ");
  if (attention && failed(verifyAttention(kernel, s, *attention)))
    return failure();
  if (chip.kind == ChipKind::Cpu && failed(verifyMatrixRow(kernel, s, c)))
    return failure();
  if (chip.kind == ChipKind::Cpu)
    return verifyCpu(kernel, s, chip, c, w, attention.has_value());
  if (chip.kind == ChipKind::Other)
    return verifyOther(kernel, s, chip, c);
  if (failed(verifyCount(kernel, "warps", s.getWarps(), {shared + 1}, "one a shared dimension, then the strip's")))
    return failure();
  return verifyGpu(kernel, s, chip, c, attention);
}
