// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The conformance suite's kernels for the NPU, by hand. Vectors have 1024 floats; a unit is 64 of them.

#include "Npu.h"

#include <cstdio>

using namespace npu;

static constexpr uint32_t kElements = 64, kBytes = 4 * kElements;

static Command transfer(Op op, unsigned channel, uint32_t argument, uint32_t scratch, uint32_t unit,
                        uint32_t bytes = kBytes) {
  Command c{};
  c.op = op;
  c.code = channel;
  c.argument = argument;
  c.a = scratch;
  c.run = bytes;
  c.rows = 1;
  c.far = int64_t(unit) * bytes;
  return c;
}

static Command wait(unsigned channel) {
  Command c{};
  c.op = Op::Wait;
  c.code = channel;
  return c;
}

static Command symbol(unsigned number, uint32_t scratch, uint32_t count = kElements) {
  Command c{};
  c.op = Op::Symbol;
  c.code = number;
  c.a = scratch;
  c.run = count;
  return c;
}

static Command map(Function function, uint32_t to, uint32_t x, uint32_t y, uint32_t count = kElements,
                   Type from = Type::F32, Type type = Type::F32) {
  Command c{};
  c.op = Op::Map;
  c.code = static_cast<uint8_t>(function);
  c.type = from;
  c.to = type;
  c.a = to;
  c.b = x;
  c.c = y;
  c.run = count;
  return c;
}

// Places in the scratchpad.
static constexpr uint32_t kX = 0, kY = 256, kFactor = 512, kOffset = 768;

static Kernel addKernel(const char *name, uint32_t result) {
  Kernel kernel{name, {}};
  for (uint32_t unit = 0; unit < 16; ++unit)
    kernel.units.push_back({transfer(Op::Load, 0, 0, kX, unit), transfer(Op::Load, 1, 1, kY, unit), wait(0), wait(1),
                            map(Function::Add, kX, kY, kX), transfer(Op::Store, 0, result, kX, unit), wait(0)});
  return kernel;
}

static Kernel scaleKernel() {
  Kernel kernel{"scale", {}};
  for (uint32_t unit = 0; unit < 16; ++unit)
    kernel.units.push_back({transfer(Op::Load, 0, 0, kX, unit), symbol(0, kFactor), symbol(1, kOffset), wait(0),
                            map(Function::Mul, kX, kX, kFactor), map(Function::Add, kX, kX, kOffset),
                            transfer(Op::Store, 0, 1, kX, unit), wait(0)});
  return kernel;
}

// The flag is set when the first element is not less than the symbol.
static Kernel reachedKernel() {
  Command one{};
  one.op = Op::Fill;
  one.type = Type::Bool;
  one.a = kY;
  one.run = 1;
  one.far = 1;
  return {
      "reached",
      {{transfer(Op::Load, 0, 0, kX, 0, 4), symbol(0, kFactor, 1), wait(0),
        map(Function::CmpLt, kOffset, kX, kFactor, 1, Type::F32, Type::Bool), one,
        map(Function::Xor, kX, kOffset, kY, 1, Type::Bool, Type::Bool), transfer(Op::Store, 0, 1, kX, 0, 1), wait(0)}}};
}

static Kernel failKernel() {
  Command trap{};
  trap.op = Op::Trap;
  return {"fail", {{trap}}};
}

int main(int argc, char **argv) {
  if (argc != 2)
    return std::fprintf(stderr, "usage: npu-conformance-code OUT\n"), 2;
  Module module;
  module.kernels = {addKernel("add", 2), scaleKernel(), addKernel("accumulate", 1), reachedKernel(), failKernel()};
  std::vector<uint8_t> bytes = serialize(module);
  std::FILE *file = std::fopen(argv[1], "wb");
  bool written = file && std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  if (file && std::fclose(file) != 0)
    written = false;
  if (!written)
    std::perror(argv[1]);
  return written ? 0 : 1;
}
