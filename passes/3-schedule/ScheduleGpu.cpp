// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Schedules for chips with warps, shared memory and tensor cores.

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

// Elements one lane moves with one access.
static int64_t accessElements(KernelOp kernel, const Chip &chip) {
  return std::max<int64_t>(1, chip.vectorBytes / std::max<int64_t>(4, elementBytes(kernel).second));
}

static ScheduleSizes chooseMap(KernelOp kernel, const Chip &chip) {
  SmallVector<int64_t> shared = sharedSizes(kernel);
  ScheduleSizes s;
  s.unit.assign(shared.size(), 1);
  s.vector = accessElements(kernel, chip);
  int64_t wanted = 4 * chip.lanes * s.vector;
  for (unsigned d = shared.size(); d-- > 0 && wanted > 1;) {
    s.unit[d] = powerOfTwo(shared[d], wanted);
    wanted /= s.unit[d];
  }
  s.vector = shared.empty() ? 1 : std::min(s.vector, s.unit.back());
  s.warps.assign(shared.size() + 1, 1);
  int64_t warps = powerOfTwo(product(s.unit) / (chip.lanes * s.vector), 4);
  if (!shared.empty())
    s.warps[shared.size() - 1] = warps;
  return s;
}

static ScheduleSizes chooseRow(KernelOp kernel, const Chip &chip) {
  SmallVector<int64_t> shared = sharedSizes(kernel), own = ownSizes(kernel);
  ScheduleSizes s;
  s.unit.assign(shared.size(), 1);
  s.warps.assign(shared.size() + 1, 1);
  s.strip.assign(own.size(), 1);
  int64_t points = own.empty() ? 1 : own.back();
  s.vector = std::min(accessElements(kernel, chip), powerOfTwo(points, 16));
  // A row of up to 16 elements a lane in 8 warps is held whole; longer rows are walked in strips.
  int64_t warps = powerOfTwo(llvm::divideCeil(points, chip.lanes * s.vector), 8);
  s.warps.back() = warps;
  if (!own.empty())
    s.strip.back() = powerOfTwo(points, 4 * warps * chip.lanes * s.vector);
  // Shorter strips waste fewer lanes on what lies beyond the end of the row.
  auto wasted = [&](int64_t strip) { return (strip - points % strip) % strip; };
  while (!own.empty() && s.strip.back() < points && s.strip.back() > warps * chip.lanes * s.vector &&
         wasted(s.strip.back()) > points / 32)
    s.strip.back() /= 2;
  // Short rows share a block.
  if (!shared.empty() && warps < 4 && shared.back() > 1) {
    s.warps[shared.size() - 1] = powerOfTwo(shared.back(), 4 / warps);
    s.unit.back() = s.warps[shared.size() - 1];
  }
  // Values between stages are kept if a row of each fits on chip.
  int64_t kept = 0;
  for (StageOp stage : kernel.getStages())
    for (Value result : stage.getResults())
      if (llvm::any_of(result.getUsers(), llvm::IsaPred<StageOp>))
        kept += product(own) * 4 * product(s.unit);
  bool whole =
      llvm::all_of(llvm::zip_equal(s.strip, own), [](auto pair) { return std::get<0>(pair) >= std::get<1>(pair); });
  s.keep = whole || kept <= chip.sharedBytes;
  return s;
}

// Attention: `inner` is a warp's tile of scores, `strip` the keys of a tile and the depth taken at once. Warps stand
// along the queries, so that a query's maximum and sum stay within one.
static ScheduleSizes chooseAttention(KernelOp kernel, Attention &a, const Chip &chip) {
  SmallVector<int64_t> shared = sharedSizes(kernel);
  ScheduleSizes s;
  Type query = elementType(a.scores.getOperand(a.queryRead).getType()),
       key = elementType(a.scores.getOperand(a.keyRead).getType()),
       value = elementType(a.output.getOperand(a.valueRead).getType());
  s.instruction = query == key && key == value ? tensorCoreRow(chip, value) : "fma";
  bool tensorCore = s.instruction != "fma";
  constexpr int64_t kWarpQueries = 16, kKeys = 32;
  int64_t warps = powerOfTwo(llvm::divideCeil(shared[a.row], kWarpQueries), 4);
  s.unit.assign(shared.size(), 1);
  s.unit[a.row] = warps * kWarpQueries;
  s.inner = {kWarpQueries, kKeys};
  // A tensor core's queries stay in registers; multiply-adds take a strip of the depth at a time.
  s.strip = {kKeys, tensorCore ? std::max<int64_t>(16, powerOfTwo(a.depth, kMostHeadSize)) : 16};
  s.warps.assign(shared.size() + 1, 1);
  s.warps[a.row] = warps;
  s.pipeline = chip.asyncCopy ? 3 : 1;
  s.vector = chip.vectorBytes / std::max<int64_t>(2, llvm::divideCeil(value.getIntOrFloatBitWidth(), 8));
  return s;
}

static ScheduleSizes chooseContraction(KernelOp kernel, Contraction &c, const Chip &chip) {
  SmallVector<int64_t> shared = sharedSizes(kernel);
  ScheduleSizes s;
  Type element = elementType(c.stage.getOperand(c.columnsRead).getType());
  s.instruction = tensorCoreRow(chip, element);
  if (s.instruction != "fma" && !rowMismatch(c, *findTensorCoreRow(s.instruction)).empty())
    s.instruction = "fma";
  bool tensorCore = s.instruction != "fma";
  // Two warps of one instruction each, at least: 16 rows by 16 columns of a tensor core, 16 by 32 of multiply-adds.
  int64_t m = c.size(c.m), n = c.size(c.n), leastN = tensorCore ? 32 : 64;
  int64_t blockM = std::max<int64_t>(32, powerOfTwo(m, 64)), blockN = std::max(leastN, powerOfTwo(n, 64));
  s.unit.assign(shared.size(), 1);
  // A block of rows or columns takes the last dimensions of its run first; what they are too short for is masked.
  auto spread = [&](ArrayRef<unsigned> run, int64_t block) {
    for (unsigned dim : llvm::reverse(run)) {
      s.unit[dim] = powerOfTwo(shared[dim], block);
      block /= s.unit[dim];
    }
    s.unit[run.back()] *= block;
  };
  spread(c.m, blockM);
  spread(c.n, blockN);
  s.inner = {blockM / 2, blockN / 2};
  s.strip.assign(c.k.size(), 1);
  s.strip.back() = tensorCore ? 32 : 16;
  s.warps.assign(shared.size() + 1, 1);
  s.warps[c.m.back()] = 2;
  s.warps[c.n.back()] = 2;
  s.pipeline = chip.asyncCopy ? 3 : 1;
  s.vector = chip.vectorBytes / std::max<int64_t>(2, llvm::divideCeil(element.getIntOrFloatBitWidth(), 8));
  return s;
}

ScheduleSizes tinyc::chooseGpuSchedule(KernelOp kernel, const Chip &chip) {
  if (std::optional<Attention> a = matchAttention(kernel))
    return chooseAttention(kernel, *a, chip);
  if (std::optional<Contraction> c = matchContraction(kernel))
    return chooseContraction(kernel, *c, chip);
  return isMap(kernel) ? chooseMap(kernel, chip) : chooseRow(kernel, chip);
}
