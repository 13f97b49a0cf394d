// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fused loops of the reference: frames of coordinates, instructions on chunks of lanes.

#include "lib/Reference/Program.h"

#include "dialects/Tiny/TinyOps.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

// Points at a time: the registers of a usual program fit the second-level cache.
static constexpr size_t kChunk = 512;

Program::Program(ArrayRef<int64_t> domain) : domain(domain.begin(), domain.end()) {
  Frame &root = frames.emplace_back();
  root.parent = 0;
  root.storage.assign(domain.size(), std::vector<int64_t>(kChunk));
  for (std::vector<int64_t> &column : root.storage)
    root.coordinates.push_back(column.data());
}

// Whether `evaluate` can compute the expression: dimensions and constants, divisors positive constants.
static bool isPlain(AffineExpr expr) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return !isa<AffineSymbolExpr>(expr);
  bool divides = expr.getKind() != AffineExprKind::Add && expr.getKind() != AffineExprKind::Mul;
  auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return isPlain(binary.getLHS()) && isPlain(binary.getRHS()) && (!divides || (divisor && divisor.getValue() > 0));
}

unsigned Program::frame(unsigned parent, AffineMap map, IntegerSet mask) {
  if (!llvm::all_of(map.getResults(), isPlain) || (mask && !llvm::all_of(mask.getConstraints(), isPlain)))
    error = "expected an affine map without symbols whose divisors are positive constants";
  Frame &frame = frames.emplace_back();
  frame.parent = parent;
  frame.map = map;
  frame.mask = mask;
  frame.storage.resize(map.getNumResults());
  frame.coordinates.resize(map.getNumResults());
  return frames.size() - 1;
}

unsigned Program::add(Instruction instruction) {
  instructions.push_back(std::move(instruction));
  registers.emplace_back(kChunk);
  return instructions.size() - 1;
}

unsigned Program::splat(Lane value) {
  unsigned index = add({.kind = Instruction::Splat, .value = value});
  std::fill(registers[index].begin(), registers[index].end(), value);
  return index;
}

unsigned Program::iota(AffineMap map, Element element, unsigned frame) {
  if (!isPlain(map.getResult(0)))
    error = "expected an affine map without symbols whose divisors are positive constants";
  return add(
      {.kind = Instruction::Iota, .frame = frame, .map = map, .function = {Function::Cast, Element::I64, element}});
}

unsigned Program::load(TensorRef tensor, unsigned frame) {
  return add({.kind = Instruction::Load, .frame = frame, .tensor = std::move(tensor)});
}

unsigned Program::select(unsigned frame, unsigned value, Lane fill) {
  return add({.kind = Instruction::Select, .frame = frame, .value = fill, .operands = {value}});
}

unsigned Program::lookup(TensorRef tensor, unsigned parent, AffineMap map, IntegerSet mask, ArrayRef<unsigned> indices,
                         ArrayRef<int64_t> below, Lane fill) {
  // A frame of the parent's coordinates and the indices, and in it the frame of the table.
  unsigned dims = map.getNumDims() + indices.size();
  unsigned with = frame(parent, AffineMap::getMultiDimIdentityMap(map.getNumDims(), map.getContext()), mask);
  frames[with].coordinates.resize(dims);
  unsigned inTable = frame(with, symbolsAsDims(map));
  frames[with].deferred = frames[inTable].deferred = true;
  return add({.kind = Instruction::Lookup,
              .frame = inTable,
              .value = fill,
              .tensor = std::move(tensor),
              .operands = SmallVector<unsigned, 3>(indices),
              .below = SmallVector<int64_t, 1>(below)});
}

unsigned Program::apply(Elementwise function, ArrayRef<unsigned> operands) {
  return add({.kind = Instruction::Apply, .function = function, .operands = SmallVector<unsigned, 3>(operands)});
}

// Writes the coordinates of the points first, first + 1, .. into the root frame.
void Program::enumerate(int64_t first, size_t count) {
  int64_t inner = 1;
  for (size_t d = domain.size(); d-- > 0; inner *= domain[d]) {
    int64_t *column = frames[0].storage[d].data();
    int64_t coordinate = first / inner % domain[d], left = inner - first % inner;
    for (size_t k = 0; k < count;) {
      size_t end = std::min<uint64_t>(count, k + left);
      std::fill(column + k, column + end, coordinate);
      k = end;
      left = inner;
      coordinate = coordinate + 1 == domain[d] ? 0 : coordinate + 1;
    }
  }
}

void Program::evaluate(AffineExpr expr, const Frame &frame, size_t count, int64_t *out) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    std::copy_n(frame.coordinates[dim.getPosition()], count, out);
    return;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    std::fill_n(out, count, constant.getValue());
    return;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  evaluate(binary.getLHS(), frame, count, out);
  if (auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS())) {
    int64_t c = constant.getValue();
    for (size_t k = 0; k < count; ++k) {
      bool narrow = (static_cast<uint64_t>(out[k]) | static_cast<uint64_t>(c)) >> 32 == 0;
      switch (expr.getKind()) {
      case AffineExprKind::Add:
        out[k] += c;
        break;
      case AffineExprKind::Mul:
        out[k] *= c;
        break;
      case AffineExprKind::Mod:
        out[k] = narrow ? static_cast<uint32_t>(out[k]) % static_cast<uint32_t>(c) : llvm::mod(out[k], c);
        break;
      case AffineExprKind::FloorDiv:
        out[k] = narrow ? static_cast<uint32_t>(out[k]) / static_cast<uint32_t>(c) : llvm::divideFloorSigned(out[k], c);
        break;
      default:
        out[k] = llvm::divideCeilSigned(out[k], c);
      }
    }
    return;
  }
  int64_t right[kChunk];
  evaluate(binary.getRHS(), frame, count, right);
  bool adds = expr.getKind() == AffineExprKind::Add;
  for (size_t k = 0; k < count; ++k)
    out[k] = adds ? out[k] + right[k] : out[k] * right[k];
}

// Computes a frame's coordinates and validity from its parent's. Where it is invalid, coordinates are 0: a tensor that
// is read there is read inside.
void Program::follow(Frame &frame, size_t count) {
  const Frame &parent = frames[frame.parent];
  frame.valid = parent.valid;
  if (frame.mask) {
    frame.validStorage.assign(kChunk, 1);
    if (parent.valid)
      std::copy_n(parent.valid, count, frame.validStorage.data());
    for (auto [i, constraint] : llvm::enumerate(frame.mask.getConstraints())) {
      int64_t value[kChunk];
      evaluate(constraint, parent, count, value);
      bool equal = frame.mask.isEq(i);
      for (size_t k = 0; k < count; ++k)
        frame.validStorage[k] &= equal ? value[k] == 0 : value[k] >= 0;
    }
    frame.valid = frame.validStorage.data();
  }
  for (auto [i, result] : llvm::enumerate(frame.map.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(result);
    if (dim && !frame.mask) {
      frame.coordinates[i] = parent.coordinates[dim.getPosition()];
      continue;
    }
    frame.storage[i].resize(kChunk);
    int64_t *column = frame.storage[i].data();
    evaluate(result, parent, count, column);
    if (frame.valid)
      for (size_t k = 0; k < count; ++k)
        column[k] = frame.valid[k] ? column[k] : 0;
    frame.coordinates[i] = column;
  }
}

std::string Program::outside(const HostTensor &tensor, size_t dim, int64_t coordinate) const {
  return "reads outside a tensor: expected a coordinate from 0 to " + std::to_string(tensor.shape[dim] - 1) +
         " in dimension " + std::to_string(dim) + ", found " + std::to_string(coordinate);
}

void Program::read(const Instruction &instruction, size_t count, Lane *out) {
  const Frame &frame = frames[instruction.frame];
  const HostTensor &tensor = *instruction.tensor;
  int64_t index[kChunk] = {};
  for (size_t d = 0; d < tensor.shape.size(); ++d) {
    const int64_t *column = frame.coordinates[d];
    uint64_t size = tensor.shape[d];
    bool inside = true;
    for (size_t k = 0; k < count; ++k) {
      inside &= static_cast<uint64_t>(column[k]) < size;
      index[k] = index[k] * static_cast<int64_t>(size) + column[k];
    }
    if (inside)
      continue;
    for (size_t k = 0; k < count; ++k)
      if (static_cast<uint64_t>(column[k]) >= size && (!frame.valid || frame.valid[k])) {
        error = outside(tensor, d, column[k]);
        break;
      }
    // An empty tensor that no point of the mask reads, or an error: nothing is read.
    std::fill_n(out, count, Lane{});
    return;
  }
  size_t width = byteWidth(tensor.element);
  const std::byte *bytes = tensor.bytes.data();
  bool consecutive = count > 0 && index[count - 1] - index[0] == static_cast<int64_t>(count) - 1;
  for (size_t k = 1; consecutive && k < count; ++k)
    consecutive = index[k] == index[k - 1] + 1;
  if (consecutive)
    return decode(tensor.element, bytes + index[0] * width, count, out);
  if (tensor.element == Element::F32) { // most reads by far
    for (size_t k = 0; k < count; ++k) {
      float value;
      std::memcpy(&value, bytes + index[k] * 4, 4);
      out[k].f = value;
    }
    return;
  }
  std::byte gathered[kChunk * 8];
  for (size_t k = 0; k < count; ++k)
    std::memcpy(gathered + k * width, bytes + index[k] * width, width);
  decode(tensor.element, gathered, count, out);
}

void Program::lookUp(const Instruction &instruction, size_t count, Lane *out) {
  Frame &inTable = frames[instruction.frame], &with = frames[inTable.parent];
  size_t first = with.coordinates.size() - instruction.operands.size();
  follow(with, count);
  if (!with.mask) {
    with.validStorage.assign(kChunk, 1);
    if (with.valid)
      std::copy_n(with.valid, count, with.validStorage.data());
    with.valid = with.validStorage.data();
  }
  with.storage.resize(with.coordinates.size());
  for (auto [i, operand] : llvm::enumerate(instruction.operands)) {
    std::vector<int64_t> &column = with.storage[first + i];
    column.resize(kChunk);
    for (size_t k = 0; k < count; ++k) {
      column[k] = registers[operand][k].i;
      with.validStorage[k] &= column[k] >= 0 && column[k] < instruction.below[i];
    }
    with.coordinates[first + i] = column.data();
  }
  // Where nothing is to be read, what is read lies inside all the same.
  for (size_t i = first; i < with.coordinates.size(); ++i)
    for (size_t k = 0; k < count; ++k)
      with.storage[i][k] = with.validStorage[k] ? with.storage[i][k] : 0;
  follow(inTable, count);
  read(instruction, count, out);
  for (size_t k = 0; k < count; ++k)
    out[k] = with.validStorage[k] ? out[k] : instruction.value;
}

void Program::execute(unsigned index, size_t count) {
  const Instruction &instruction = instructions[index];
  Lane *out = registers[index].data();
  switch (instruction.kind) {
  case Instruction::Splat:
    return;
  case Instruction::Iota: {
    int64_t values[kChunk];
    evaluate(instruction.map.getResult(0), frames[instruction.frame], count, values);
    for (size_t k = 0; k < count; ++k)
      out[k].i = values[k];
    const Lane *operand = out;
    return tiny::apply(instruction.function, &operand, count, out);
  }
  case Instruction::Load:
    return read(instruction, count, out);
  case Instruction::Select: {
    const uint8_t *valid = frames[instruction.frame].valid;
    const Lane *value = registers[instruction.operands.front()].data();
    for (size_t k = 0; k < count; ++k)
      out[k] = !valid || valid[k] ? value[k] : instruction.value;
    return;
  }
  case Instruction::Lookup:
    return lookUp(instruction, count, out);
  case Instruction::Apply: {
    const Lane *operands[3];
    for (auto [i, operand] : llvm::enumerate(instruction.operands))
      operands[i] = registers[operand].data();
    return tiny::apply(instruction.function, operands, count, out);
  }
  }
}

std::string Program::run(llvm::function_ref<void(int64_t, size_t, ArrayRef<const Lane *>)> use) {
  int64_t total = 1;
  for (int64_t size : domain)
    total *= size;
  std::vector<const Lane *> columns;
  for (const std::vector<Lane> &lanes : registers)
    columns.push_back(lanes.data());
  for (int64_t first = 0; first < total && error.empty(); first += kChunk) {
    size_t count = std::min<int64_t>(kChunk, total - first);
    enumerate(first, count);
    for (size_t f = 1; f < frames.size(); ++f)
      if (!frames[f].deferred)
        follow(frames[f], count);
    for (unsigned i = 0; i < instructions.size(); ++i)
      execute(i, count);
    if (error.empty())
      use(first, count, columns);
  }
  return error;
}
