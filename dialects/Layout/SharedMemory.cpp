// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared memory as seen through linear layouts.

#include "dialects/Layout/SharedMemory.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <array>

using namespace tinyc;

// Bytes that the banks deliver in one visit.
static constexpr int64_t kBankBytes = 4, kVisitBytes = 128;

VectorBits tinyc::vectorBits(const LinearLayout &offsets, int64_t most) {
  VectorBits found;
  for (int64_t step = 1; step < most; step *= 2) {
    unsigned bit = 0, bits = offsets.bits(kRegister);
    while (bit < bits && offsets.flatBasis(kRegister, bit) != step)
      ++bit;
    if (bit == bits)
      break;
    found.push_back(bit);
  }
  // Everything else must move in whole vectors.
  auto aligned = [&](const VectorBits &run) {
    int64_t size = int64_t(1) << run.size();
    for (const LinearLayout::Input &input : offsets.inputs())
      for (unsigned bit = 0; bit < input.bases.size(); ++bit)
        if (!(input.name == kRegister && llvm::is_contained(run, bit)) && offsets.flatBasis(input.name, bit) % size)
          return false;
    return true;
  };
  while (!found.empty() && !aligned(found))
    found.pop_back();
  return found;
}

// Visits when each lane of the group [first, first + count) touches `bytes` bytes at its address.
static int64_t groupVisits(llvm::function_ref<int64_t(int64_t)> address, int64_t first, int64_t count, int64_t bytes) {
  llvm::SmallVector<int64_t, 128> words;
  for (int64_t lane = first; lane < first + count; ++lane) {
    int64_t begin = address(lane);
    for (int64_t byte = 0; byte < bytes; byte += kBankBytes)
      words.push_back((begin + byte) / kBankBytes);
  }
  llvm::sort(words);
  words.erase(std::unique(words.begin(), words.end()), words.end());
  std::array<int64_t, kVisitBytes / kBankBytes> visits{};
  for (int64_t word : words)
    ++visits[word % visits.size()];
  return std::max<int64_t>(1, *std::max_element(visits.begin(), visits.end()));
}

int64_t tinyc::bankVisits(const LinearLayout &offsets, const VectorBits &vector, int64_t elementBytes, int64_t *ideal) {
  int64_t bytes = elementBytes << vector.size(), lanes = offsets.size(kLane);
  int64_t group = std::min(lanes, std::max<int64_t>(1, kVisitBytes / std::max(bytes, kBankBytes)));
  auto address = [&](int64_t lane) { return offsets.applyFlat({{kLane, lane}}) * elementBytes; };
  int64_t visits = 0;
  for (int64_t first = 0; first < lanes; first += group)
    visits += groupVisits(address, first, group, bytes);
  if (ideal)
    *ideal = lanes / group;
  return visits;
}

int64_t tinyc::bankConflicts(const LinearLayout &offsets, const VectorBits &vector, int64_t elementBytes) {
  int64_t ideal, visits = bankVisits(offsets, vector, elementBytes, &ideal);
  return visits - ideal;
}

std::optional<MatrixLoad> tinyc::matrixLoad(const LinearLayout &offsets, int64_t elementBytes) {
  constexpr int64_t kRow = 8; // elements of a matrix row
  if (elementBytes != 2 || offsets.bits(kLane) != 5 || offsets.bits(kRegister) < 1)
    return std::nullopt;
  auto lane = [&](unsigned bit) { return offsets.flatBasis(kLane, bit); };
  auto reg = [&](unsigned bit) { return offsets.flatBasis(kRegister, bit); };
  MatrixLoad load;
  load.pairBit = 0;
  // The three steps inside a matrix row, and the three that choose the row.
  std::array<int64_t, 3> inside, rows;
  if (reg(0) == 1) {
    load.transpose = false;
    inside = {reg(0), lane(0), lane(1)};
    rows = {lane(2), lane(3), lane(4)};
  } else {
    load.transpose = true;
    inside = {lane(2), lane(3), lane(4)};
    rows = {reg(0), lane(0), lane(1)};
  }
  if (inside != std::array<int64_t, 3>{1, 2, 4})
    return std::nullopt;
  for (int64_t row : rows)
    if (row % kRow)
      return std::nullopt;
  for (unsigned bit = 1; bit < offsets.bits(kRegister); ++bit)
    if (reg(bit) % kRow)
      return std::nullopt;
  for (unsigned bit = 0; bit < offsets.bits(kWarp); ++bit)
    if (offsets.flatBasis(kWarp, bit) % kRow)
      return std::nullopt;
  for (unsigned bit = 1; bit < offsets.bits(kRegister) && load.matrixBits.size() < 2; ++bit)
    load.matrixBits.push_back(bit);
  load.addressOfLane.assign(rows.begin(), rows.end());
  for (unsigned bit : load.matrixBits)
    load.addressOfLane.push_back(reg(bit));
  load.addressOfLane.resize(5, 0);
  return load;
}

LinearLayout tinyc::swizzledPlacement(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> order, int64_t chunk,
                                      unsigned firstRow, unsigned rows, std::optional<unsigned> secondRow) {
  int64_t elements = 1;
  for (int64_t size : shape)
    elements *= size;
  LinearLayout placement({elements});
  int64_t columns = order.empty() ? 1 : shape[order.front()];
  int64_t stride = 1;
  llvm::SmallVector<llvm::SmallVector<LinearLayout::Point>> bases(shape.size());
  for (int64_t dim : order)
    for (int64_t step = 1; step < shape[dim]; step *= 2, stride *= 2) {
      int64_t offset = stride;
      if (stride >= columns) {
        unsigned row = llvm::Log2_64(stride / columns);
        // An exchange stays below the row's own bit, so the map is triangular, hence bijective.
        int64_t moved = 0;
        if (row >= firstRow && row < firstRow + rows && chunk << (row - firstRow) < columns)
          moved ^= chunk << (row - firstRow);
        constexpr unsigned kSecondRows = 3;
        if (secondRow && row >= *secondRow && row < *secondRow + kSecondRows && chunk << (row - *secondRow) < stride)
          moved ^= chunk << (row - *secondRow);
        offset ^= moved;
      }
      bases[dim].push_back({offset});
    }
  for (unsigned d = 0; d < shape.size(); ++d)
    placement.addInput(dimName(d), bases[d]);
  return placement;
}

int64_t tinyc::sharedCost(const SharedAccess &access, const LinearLayout &placement, int64_t elementBytes) {
  LinearLayout offsets = access.layout.compose(placement);
  int64_t registers = offsets.size(kRegister);
  if (access.matrixLoads)
    if (std::optional<MatrixLoad> load = matrixLoad(offsets, elementBytes)) {
      // Each matrix is one visit if its eight rows meet in no bank.
      int64_t matrices = int64_t(1) << load->matrixBits.size(), visits = 0;
      auto address = [&](int64_t lane) {
        int64_t offset = 0;
        for (unsigned bit = 0; bit < 5; ++bit)
          offset ^= lane >> bit & 1 ? load->addressOfLane[bit] : 0;
        return offset * elementBytes;
      };
      for (int64_t matrix = 0; matrix < matrices; ++matrix)
        visits += groupVisits(address, matrix * 8, 8, 16);
      return registers / (2 * matrices) * (visits + 1);
    }
  VectorBits vector = vectorBits(offsets, 16 / elementBytes);
  return (registers >> vector.size()) * (bankVisits(offsets, vector, elementBytes) + 1);
}

// Whether `width` elements along the access's dimension stay consecutive, and every such run begins at a multiple of
// `width`: an exchange of smaller chunks would start some runs inside another.
static bool keepsTogether(const SharedAccess &access, const LinearLayout &placement) {
  if (access.width <= 1)
    return true;
  std::string fastest = dimName(access.fastest);
  for (const LinearLayout::Input &input : placement.inputs())
    for (unsigned bit = 0; bit < input.bases.size(); ++bit) {
      int64_t basis = placement.flatBasis(input.name, bit), step = int64_t(1) << bit;
      if (input.name == fastest && step < access.width ? basis != step : basis % access.width != 0)
        return false;
    }
  return true;
}

LinearLayout tinyc::choosePlacement(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<SharedAccess> accesses,
                                    int64_t elementBytes, int64_t *cost) {
  llvm::SmallVector<int64_t> rowMajor;
  for (int64_t d = shape.size(); d-- > 0;)
    rowMajor.push_back(d);
  llvm::SmallVector<llvm::SmallVector<int64_t>> orders = {rowMajor};
  // Every other dimension first: a copy may run along any of them.
  for (unsigned i = 1; i < shape.size(); ++i) {
    orders.push_back(rowMajor);
    std::rotate(orders.back().begin(), orders.back().begin() + i, orders.back().begin() + i + 1);
  }
  std::optional<LinearLayout> best;
  int64_t bestCost = 0;
  auto consider = [&](LinearLayout placement) {
    int64_t sum = 0;
    for (const SharedAccess &access : accesses) {
      if (!keepsTogether(access, placement))
        return;
      sum += sharedCost(access, placement, elementBytes);
      if (best && sum >= bestCost)
        return;
    }
    if (!placement.isBijective())
      llvm::report_fatal_error("a swizzled placement is not bijective");
    best = std::move(placement);
    bestCost = sum;
  };
  for (llvm::ArrayRef<int64_t> order : orders) {
    consider(swizzledPlacement(shape, order, 1, 0, 0));
    int64_t columns = order.empty() ? 1 : shape[order.front()];
    for (int64_t chunk = std::max<int64_t>(1, 16 / elementBytes); chunk >= 1; chunk /= 2)
      for (unsigned rows = 1; chunk << rows <= columns && rows <= 5; ++rows)
        for (unsigned firstRow = 0; firstRow < 4; ++firstRow)
          consider(swizzledPlacement(shape, order, chunk, firstRow, rows));
  }
  // Writers and readers that touch different rows at once may need two exchanges.
  int64_t chunk = std::max<int64_t>(1, 16 / elementBytes);
  for (llvm::ArrayRef<int64_t> order : orders)
    if (!order.empty() && shape[order.front()] > chunk &&
        llvm::none_of(accesses, [](const SharedAccess &access) { return access.matrixLoads; }))
      for (unsigned rows = 1; chunk << rows <= shape[order.front()] && rows <= 3; ++rows)
        for (unsigned firstRow = 0; firstRow < 3; ++firstRow)
          for (unsigned secondRow = firstRow + 1; secondRow < firstRow + 5; ++secondRow)
            consider(swizzledPlacement(shape, order, chunk, firstRow, rows, secondRow));
  if (cost)
    *cost = bestCost;
  return *best;
}
