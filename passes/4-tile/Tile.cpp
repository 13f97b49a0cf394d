// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tile: one function for each distinct kernel, over one work unit; a launch for each kernel.
//
// Needs: kernels with schedules, and `tiny.target`. Leaves: functions of tiles with the attributes tiny.kernel and
// tiny.schedule (and tiny.wide_index, where 32 bits do not do for coordinates), and tiny.launch in @main. Kernels that
// are equal but for names and locations share a function.
// Refuses: a kernel without a schedule.
//
//   %r = tiny.kernel "relu_0" shared 1 schedule <unit = [4096], inner = [64], vector = 16> (%x) : ..
// becomes
//   %r = tiny.launch @relu_0 "relu_0" units 8 (%x) {bytes = .., flops = ..} : ..
//   func.func @relu_0(%in: memref<32768xf32>, %out: memref<32768xf32>, %unit: index)

#include "dialects/Tiny/KernelMarks.h"
#include "passes/2-fuse/KernelCost.h"
#include "passes/3-schedule/Schedules.h"
#include "passes/4-tile/Tiling.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

namespace tinyc {
#define GEN_PASS_DEF_TILE
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

Value TiledFunction::resultBuffer(unsigned result) const {
  if (std::optional<unsigned> input = kernel.getInPlaceInput(result))
    return function.getArgument(*input);
  auto hasOwn = [&](unsigned i) { return !kernel.getInPlaceInput(i); };
  return function.getArgument(kernel.getNumOperands() + llvm::count_if(llvm::seq(result), hasOwn));
}

SmallVector<std::pair<Value, AffineMap>> TiledFunction::outputs(Value stageResult) const {
  SmallVector<std::pair<Value, AffineMap>> buffers;
  for (auto [i, value] : llvm::enumerate(KernelOp(kernel).getYield().getValues()))
    if (value == stageResult)
      buffers.push_back({resultBuffer(i), kernel.getWrite(i)});
  return buffers;
}

SmallVector<int64_t> tinyc::cutSizes(KernelOp kernel, ScheduleAttr schedule) {
  SmallVector<int64_t> sizes = sharedSizes(kernel);
  if (schedule.getUnit().size() > static_cast<int64_t>(sizes.size()))
    sizes.push_back(matchWindow(kernel)->tailRows());
  return sizes;
}

int64_t tinyc::countUnits(KernelOp kernel, ScheduleAttr schedule) {
  int64_t units = 1;
  for (auto [size, unit] : llvm::zip_equal(cutSizes(kernel, schedule), schedule.getUnit().asArrayRef()))
    units *= llvm::divideCeil(size, unit);
  return units;
}

Value tinyc::indexConstant(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value tinyc::addAndLimit(OpBuilder &b, Location loc, Value value, int64_t plus, int64_t limit) {
  AffineExpr d0 = b.getAffineDimExpr(0);
  AffineMap map = AffineMap::get(1, 0, {d0 + plus, b.getAffineConstantExpr(limit)}, b.getContext());
  return affine::AffineMinOp::create(b, loc, map, value);
}

SmallVector<Value> tinyc::unitOffsets(OpBuilder &b, const TiledFunction &f) {
  ArrayRef<int64_t> unit = f.schedule.getUnit();
  SmallVector<int64_t> sizes = cutSizes(f.kernel, f.schedule);
  SmallVector<Value> offsets(unit.size());
  AffineExpr rest = b.getAffineDimExpr(0);
  Location loc = f.function.getLoc();
  for (unsigned d = unit.size(); d-- > 0;) {
    int64_t tiles = llvm::divideCeil(sizes[d], unit[d]);
    if (tiles == 1) {
      offsets[d] = indexConstant(b, loc, 0);
      continue;
    }
    bool outermost = llvm::all_of(llvm::seq<unsigned>(0, d), [&](unsigned o) { return unit[o] >= sizes[o]; });
    AffineExpr index = outermost ? rest : rest % tiles;
    offsets[d] = affine::AffineApplyOp::create(b, loc, AffineMap::get(1, 0, index * unit[d]), f.unit());
    rest = rest.floorDiv(tiles);
  }
  return offsets;
}

// Equal but for names and locations.
static bool sameKernel(KernelOp a, KernelOp b) {
  return a->getOperandTypes() == b->getOperandTypes() && a->getResultTypes() == b->getResultTypes() &&
         a.getShared() == b.getShared() && a.getWrites() == b.getWrites() &&
         a.getScheduleAttr() == b.getScheduleAttr() && a.getInPlaceAttr() == b.getInPlaceAttr() &&
         OperationEquivalence::isRegionEquivalentTo(&a.getBody(), &b.getBody(), OperationEquivalence::IgnoreLocations);
}

// The same for equal kernels.
static size_t hashOf(KernelOp kernel) {
  llvm::hash_code hash = llvm::hash_combine(kernel.getShared(), kernel.getWritesAttr(), kernel.getScheduleAttr());
  for (Type type :
       llvm::concat<const Type>(llvm::to_vector(kernel->getOperandTypes()), llvm::to_vector(kernel->getResultTypes())))
    hash = llvm::hash_combine(hash, type);
  kernel.getBody().walk([&](Operation *op) {
    hash = llvm::hash_combine(hash, OperationEquivalence::computeHash(op, OperationEquivalence::ignoreHashValue,
                                                                      OperationEquivalence::ignoreHashValue,
                                                                      OperationEquivalence::IgnoreLocations));
  });
  return hash;
}

namespace {
struct Tile : tinyc::impl::TileBase<Tile> {
  void runOnOperation() override;

private:
  FailureOr<func::FuncOp> tileKernel(KernelOp kernel, const Chip &chip);
  std::string freeSymbol(StringRef name);

  llvm::StringSet<> symbols; ///< that are taken
};
} // namespace

// The kernel's name as a symbol that C accepts too.
std::string Tile::freeSymbol(StringRef name) {
  std::string symbol;
  for (char c : name)
    symbol += llvm::isAlnum(c) ? c : '_';
  if (symbol.empty() || llvm::isDigit(symbol[0]))
    symbol = "k" + symbol;
  std::string unique = symbol;
  for (unsigned i = 1; !symbols.insert(unique).second; ++i)
    unique = symbol + "_" + std::to_string(i);
  return unique;
}

FailureOr<func::FuncOp> Tile::tileKernel(KernelOp kernel, const Chip &chip) {
  SmallVector<Type> types;
  auto addBuffer = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    types.push_back(MemRefType::get(tensor.getShape(), tensor.getElementType()));
  };
  llvm::for_each(kernel.getInputs().getTypes(), addBuffer);
  for (auto [i, type] : llvm::enumerate(kernel.getResultTypes()))
    if (!kernel.getInPlaceInput(i))
      addBuffer(type);
  OpBuilder b(&getContext());
  types.push_back(b.getIndexType());
  b.setInsertionPointToEnd(getOperation().getBody());
  auto function = func::FuncOp::create(b, kernel.getLoc(), freeSymbol(kernel.getName()), b.getFunctionType(types, {}));
  function->setAttr("tiny.kernel", b.getUnitAttr());
  function->setAttr("tiny.schedule", kernel.getScheduleAttr());
  for (unsigned i = 0; i < kernel.getNumResults(); ++i)
    if (std::optional<unsigned> input = kernel.getInPlaceInput(i))
      function.setArgAttr(*input, kInPlaceAttr, b.getUnitAttr());
  if (needsWideIndex(kernel))
    function->setAttr(kWideIndexAttr, b.getUnitAttr());
  b.setInsertionPointToStart(function.addEntryBlock());
  TiledFunction f{kernel, *kernel.getSchedule(), chip, function};
  std::optional<Attention> attention = matchAttention(kernel);
  std::optional<Contraction> contraction = matchContraction(kernel);
  // A chip of a plug-in has a matrix unit at most.
  bool onCpu = chip.kind == ChipKind::Cpu, onGpu = chip.kind == ChipKind::Nvidia || chip.kind == ChipKind::Amd;
  std::optional<Window> window;
  if (StringRef columns = kernel.getSchedule()->getColumns(); onCpu && (columns == "window" || columns == "plane"))
    window = matchWindow(kernel);
  LogicalResult tiled = kernel.getScatter()                    ? tileScatter(b, f)
                        : window                               ? tileWindowCpu(b, f, *window)
                        : attention && onCpu                   ? tileAttentionCpu(b, f, *attention)
                        : attention && onGpu                   ? tileAttentionGpu(b, f, *attention)
                        : !contraction                         ? tileStages(b, f)
                        : onCpu                                ? tileContractionCpu(b, f, *contraction)
                        : hasBlockContraction(f, *contraction) ? tileContractionGpu(b, f, *contraction)
                                                               : tileStages(b, f);
  if (failed(tiled))
    return failure();
  func::ReturnOp::create(b, kernel.getLoc());
  return function;
}

void Tile::runOnOperation() {
  const Chip *chip = moduleChip(getOperation());
  if (!chip)
    return signalPassFailure();
  SmallVector<KernelOp> kernels;
  getOperation().walk([&](KernelOp kernel) { kernels.push_back(kernel); });
  symbols.clear();
  for (auto symbol : getOperation().getOps<SymbolOpInterface>())
    symbols.insert(symbol.getName());
  llvm::DenseMap<size_t, SmallVector<std::pair<KernelOp, StringRef>, 1>> tiledByHash;
  for (KernelOp kernel : kernels) {
    if (!kernel.getSchedule()) {
      kernel.emitOpError("expected a schedule, found none: run the schedule pass before tile");
      return signalPassFailure();
    }
    if (failed(verifySchedule(kernel, *kernel.getSchedule(), *chip)))
      return signalPassFailure();
    auto &tiled = tiledByHash[hashOf(kernel)];
    auto same = llvm::find_if(tiled, [&](auto &entry) { return sameKernel(entry.first, kernel); });
    StringRef symbol;
    if (same != tiled.end()) {
      symbol = same->second;
    } else {
      FailureOr<func::FuncOp> function = tileKernel(kernel, *chip);
      if (failed(function))
        return signalPassFailure();
      symbol = function->getSymName();
      tiled.push_back({kernel, symbol});
    }
    OpBuilder b(kernel);
    auto launch = LaunchOp::create(b, kernel.getLoc(), kernel.getResultTypes(), symbol, kernel.getName(),
                                   countUnits(kernel, *kernel.getSchedule()), kernel.getInputs(), kernelFlops(kernel),
                                   kernelBytes(kernel), /*in_place=*/kernel.getInPlaceAttr());
    if (Attribute init = kernel->getAttr(kInitAttr))
      launch->setAttr(kInitAttr, init);
    kernel.replaceAllUsesWith(launch.getResults());
  }
  for (KernelOp kernel : llvm::reverse(kernels))
    kernel.erase();
}
