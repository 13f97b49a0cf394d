// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fused loops of the reference: frames of coordinates, instructions on rows of lanes.

#include "lib/Reference/Program.h"

#include "dialects/Tiny/TinyOps.h"

#include <algorithm>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

Program::Program(ArrayRef<int64_t> domain) : coordinates(domain) {
  Frame &root = frames.emplace_back();
  for (unsigned d = 0; d < domain.size(); ++d)
    root.coordinates.push_back(d);
}

unsigned Program::column(AffineExpr expr, unsigned frame) {
  if (std::optional<unsigned> column = coordinates.add(expr, frames[frame].coordinates))
    return *column;
  error = "expected an affine map without symbols whose divisors are positive constants";
  return coordinates.sum({});
}

unsigned Program::frame(unsigned parent, AffineMap map, IntegerSet mask) {
  Frame frame{.parent = parent};
  for (AffineExpr result : map.getResults())
    frame.coordinates.push_back(column(result, parent));
  for (unsigned i = 0; mask && i < mask.getNumConstraints(); ++i)
    frame.mask.push_back({column(mask.getConstraint(i), parent), mask.isEq(i)});
  frames.push_back(std::move(frame));
  return frames.size() - 1;
}

unsigned Program::add(Instruction instruction) {
  instructions.push_back(std::move(instruction));
  return instructions.size() - 1;
}

unsigned Program::splat(Lane value) { return add({.kind = Instruction::Splat, .value = value}); }

unsigned Program::iota(AffineMap map, Element element, unsigned frame) {
  return add({.kind = Instruction::Iota,
              .frame = frame,
              .function = {Function::Cast, Element::I64, element},
              .columns = {column(map.getResult(0), frame)}});
}

// Adds the place in the tensor of the element at the instruction's coordinates.
void Program::place(Instruction &instruction) {
  SmallVector<std::pair<unsigned, int64_t>> terms;
  int64_t stride = 1;
  for (size_t d = instruction.columns.size(); d-- > 0; stride *= instruction.tensor->shape[d])
    terms.emplace_back(instruction.columns[d], stride);
  instruction.columns.push_back(coordinates.sum(terms));
}

unsigned Program::load(TensorRef tensor, unsigned frame) {
  Instruction instruction{.kind = Instruction::Load, .frame = frame, .tensor = std::move(tensor)};
  instruction.columns.assign(frames[frame].coordinates.begin(), frames[frame].coordinates.end());
  place(instruction);
  return add(std::move(instruction));
}

unsigned Program::select(unsigned frame, unsigned value, Lane fill) {
  return add({.kind = Instruction::Select, .frame = frame, .value = fill, .operands = {value}});
}

unsigned Program::lookup(TensorRef tensor, unsigned parent, AffineMap map, IntegerSet mask, ArrayRef<unsigned> indices,
                         ArrayRef<int64_t> below, Lane fill) {
  // A frame of the parent's coordinates and the indices; the table is read in terms of these.
  unsigned with = frame(parent, AffineMap::getMultiDimIdentityMap(map.getNumDims(), map.getContext()), mask);
  Instruction instruction{.kind = Instruction::Lookup,
                          .frame = with,
                          .value = fill,
                          .tensor = std::move(tensor),
                          .operands = SmallVector<unsigned, 3>(indices),
                          .below = SmallVector<int64_t, 1>(below)};
  for (size_t i = 0; i < indices.size(); ++i)
    instruction.indices.push_back(frames[with].coordinates.emplace_back(coordinates.data()));
  for (AffineExpr result : symbolsAsDims(map).getResults())
    instruction.columns.push_back(column(result, with));
  place(instruction);
  instruction.lastColumn = coordinates.columns();
  return add(std::move(instruction));
}

unsigned Program::apply(Elementwise function, ArrayRef<unsigned> operands) {
  return add({.kind = Instruction::Apply, .function = function, .operands = SmallVector<unsigned, 3>(operands)});
}

//===- A row of points -------------------------------------------------------------------------------------------===//

struct Program::State {
  Coordinates::Row row;
  std::vector<std::vector<Lane>> registers;
  std::vector<const uint8_t *> valid; // of each frame; null: all points are valid
  std::vector<std::vector<uint8_t>> validity;
  std::vector<int64_t> places;
  std::string error;
};

// Finds where each frame is valid: where its parent is and its mask holds.
void Program::validate(State &state) const {
  size_t count = state.row.count;
  for (size_t f = 1; f < frames.size(); ++f) {
    const uint8_t *&valid = state.valid[f];
    valid = state.valid[frames[f].parent];
    for (Constraint constraint : frames[f].mask) {
      Coordinates::Value value = state.row.values[constraint.column];
      if (constraint.equal ? value.least == 0 && value.most == 0 : value.least >= 0)
        continue;
      std::vector<uint8_t> &own = state.validity[f];
      own.resize(Coordinates::kLongestRow);
      if (valid != own.data()) {
        valid ? void(std::copy_n(valid, count, own.data())) : void(std::fill_n(own.data(), count, 1));
        valid = own.data();
      }
      for (size_t k = 0; k < count; ++k)
        own[k] &= constraint.equal ? value.base + value.steps[k] == 0 : value.base + value.steps[k] >= 0;
    }
  }
}

static std::string outside(const DenseTensor &tensor, size_t dim, int64_t coordinate) {
  return "reads outside a tensor: expected a coordinate from 0 to " + std::to_string(tensor.shape[dim] - 1) +
         " in dimension " + std::to_string(dim) + ", found " + std::to_string(coordinate);
}

void Program::read(State &state, const Instruction &instruction, const uint8_t *valid, Lane *out) const {
  const DenseTensor &tensor = *instruction.tensor;
  size_t count = state.row.count;
  for (auto [d, size] : llvm::enumerate(tensor.shape)) {
    Coordinates::Value value = state.row.values[instruction.columns[d]];
    if (value.least >= 0 && value.most < size)
      continue;
    for (size_t k = 0; k < count; ++k)
      if (int64_t coordinate = value.base + value.steps[k];
          static_cast<uint64_t>(coordinate) >= static_cast<uint64_t>(size) && (!valid || valid[k])) {
        state.error = outside(tensor, d, coordinate);
        std::fill_n(out, count, Lane{});
        return;
      }
  }
  if (tensor.bytes.empty()) // read by no point of the mask
    return void(std::fill_n(out, count, Lane{}));
  // Where a point is not valid, what is read lies inside all the same.
  Coordinates::Value place = state.row.values[instruction.columns.back()];
  const int64_t *places = place.steps;
  const std::byte *bytes = tensor.bytes.data();
  size_t width = byteWidth(tensor.element);
  if (valid) {
    for (size_t k = 0; k < count; ++k)
      state.places[k] = valid[k] ? place.base + places[k] : 0;
    places = state.places.data();
  } else {
    bytes += place.base * static_cast<int64_t>(width);
  }
  bool consecutive = places[count - 1] - places[0] == static_cast<int64_t>(count) - 1;
  for (size_t k = 1; consecutive && k < count; ++k)
    consecutive = places[k] == places[k - 1] + 1;
  if (consecutive)
    return decode(tensor.element, bytes + places[0] * static_cast<int64_t>(width), count, out);
  if (tensor.element == Element::F32) { // most reads by far
    for (size_t k = 0; k < count; ++k) {
      float value;
      std::memcpy(&value, bytes + places[k] * 4, 4);
      out[k].f = value;
    }
    return;
  }
  std::byte gathered[Coordinates::kLongestRow * 8];
  for (size_t k = 0; k < count; ++k)
    std::memcpy(gathered + k * width, bytes + places[k] * static_cast<int64_t>(width), width);
  decode(tensor.element, gathered, count, out);
}

void Program::lookUp(State &state, const Instruction &instruction, Lane *out) const {
  size_t count = state.row.count;
  std::vector<uint8_t> valid(count, 1);
  if (const uint8_t *masked = state.valid[instruction.frame])
    std::copy_n(masked, count, valid.data());
  std::vector<std::vector<int64_t>> indices;
  for (auto [operand, below] : llvm::zip_equal(instruction.operands, instruction.below)) {
    std::vector<int64_t> &index = indices.emplace_back(count);
    for (size_t k = 0; k < count; ++k) {
      index[k] = state.registers[operand][k].i;
      valid[k] &= index[k] >= 0 && index[k] < below;
    }
  }
  for (auto [column, index] : llvm::zip_equal(instruction.indices, indices)) {
    for (size_t k = 0; k < count; ++k)
      index[k] = valid[k] ? index[k] : 0;
    coordinates.fill(state.row, column, index.data());
  }
  if (!instruction.indices.empty())
    coordinates.follow(state.row, instruction.indices.front(), instruction.lastColumn);
  read(state, instruction, valid.data(), out);
  for (size_t k = 0; k < count; ++k)
    out[k] = valid[k] ? out[k] : instruction.value;
}

void Program::execute(State &state, unsigned index) const {
  const Instruction &instruction = instructions[index];
  size_t count = state.row.count;
  Lane *out = state.registers[index].data();
  switch (instruction.kind) {
  case Instruction::Splat:
    return; // filled once
  case Instruction::Iota: {
    Coordinates::Value value = state.row.values[instruction.columns.front()];
    for (size_t k = 0; k < count; ++k)
      out[k].i = value.base + value.steps[k];
    const Lane *operand = out;
    return tiny::apply(instruction.function, &operand, count, out);
  }
  case Instruction::Load:
    return read(state, instruction, state.valid[instruction.frame], out);
  case Instruction::Select: {
    const uint8_t *valid = state.valid[instruction.frame];
    const Lane *value = state.registers[instruction.operands.front()].data();
    for (size_t k = 0; k < count; ++k)
      out[k] = !valid || valid[k] ? value[k] : instruction.value;
    return;
  }
  case Instruction::Lookup:
    return lookUp(state, instruction, out);
  case Instruction::Apply: {
    const Lane *operands[3];
    for (auto [i, operand] : llvm::enumerate(instruction.operands))
      operands[i] = state.registers[operand].data();
    return tiny::apply(instruction.function, operands, count, out);
  }
  }
}

std::string Program::run(int64_t begin, int64_t end,
                         llvm::function_ref<void(int64_t, size_t, ArrayRef<const Lane *>)> use) const {
  State state;
  state.error = error;
  state.valid.resize(frames.size());
  state.validity.resize(frames.size());
  state.places.resize(Coordinates::kLongestRow);
  std::vector<const Lane *> columns;
  size_t longest = std::min<int64_t>(Coordinates::kLongestRow, end - begin);
  state.registers.reserve(instructions.size());
  for (const Instruction &instruction : instructions)
    columns.push_back(state.registers.emplace_back(longest, instruction.value).data());
  for (int64_t first = begin; first < end && state.error.empty(); first += state.row.count) {
    coordinates.enter(state.row, first, end);
    validate(state);
    for (unsigned i = 0; i < instructions.size(); ++i)
      execute(state, i);
    if (state.error.empty())
      use(first, state.row.count, columns);
  }
  return state.error;
}
