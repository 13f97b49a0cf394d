// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A chip of one's own: what its compiler (Target.cpp, Emitter.cpp) and its driver (Driver.cpp) agree on.
//
// The NPU has a scratchpad of 256 KiB, eight DMA channels between it and global memory, a matrix unit that multiplies
// 8x32 by 32x8 bytes into 8x8 32-bit sums, and a vector unit. It runs one stream of commands for each unit of work;
// there are no branches and no loops: a stream has them written out.
//
// DMA is asynchronous. What a load brings may be used, what a store reads may be overwritten, only after a Wait for its
// channel. All else happens in order.

#ifndef NPU_NPU_H
#define NPU_NPU_H

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace npu {

constexpr uint32_t kScratchBytes = 256 << 10;
constexpr unsigned kChannels = 8;
/// The matrix unit's tile: rows, columns, depth. Operands' rows are aligned to the depth.
constexpr uint32_t kTile = 8, kDepth = 32;

enum class Op : uint8_t {
  Load,   ///< channel `code`: scratch[a] = argument `argument` at byte `far`; `rows` runs of `run` bytes
  Store,  ///< the same, the other way round
  Wait,   ///< until channel `code` is idle
  MatMul, ///< i32[8][8] at a += i8[8][32] at b times the transpose of i8[8][32] at c; rows are farStride, nearStride
          ///< (of b and c) and `run` (of a) bytes apart
  Map,    ///< `run` elements at a = Function `code` of those at b, c, d; from elements of `type` to elements of `to`
  Reduce, ///< Kind `code`: [run][nearStride] at a = [run][rows][nearStride] elements at b, combined over rows
  Move,   ///< scratch[a] = scratch[b]; `rows` runs of `run` bytes, `farStride` apart in b and `nearStride` in a
  Fill,   ///< `run` elements at a = the lowest bytes of `far`
  Symbol, ///< `run` floats at a = symbol `code` of the launch
  Trap,   ///< stops: the launch fails
};

enum class Type : uint8_t { Bool, I8, I32, F32 };
enum class Kind : uint8_t { Sum, Prod, Max };
enum class Function : uint8_t {
  Add,
  Mul,
  Div,
  Max,
  CmpLt,
  CmpEq,
  And,
  Or,
  Xor,
  Where,
  Sqrt,
  Exp,
  Exp2,
  RoundEven,
  RoundFloor,
  RoundCeil,
  RoundTrunc,
  Cast
};

constexpr uint32_t sizeOf(Type type) { return type == Type::I32 || type == Type::F32 ? 4 : 1; }

/// As `argument`: the constants of the module.
constexpr uint32_t kConstants = ~0u;

struct Command {
  Op op;
  Type type, to;
  uint8_t code;
  uint32_t argument;
  uint32_t a, b, c, d;
  uint32_t run, rows;
  int64_t far, farStride;
  uint32_t nearStride, padding;
};
static_assert(sizeof(Command) == 56, "has no gaps but the last");

struct Kernel {
  std::string symbol;
  std::vector<std::vector<Command>> units;
};

/// What the artefact carries.
struct Module {
  std::vector<Kernel> kernels;
  std::vector<uint8_t> constants;
};

constexpr uint32_t kMagic = 0x3155504e; // "NPU1"

inline std::vector<uint8_t> serialize(const Module &module) {
  std::vector<uint8_t> bytes;
  auto put = [&](const void *data, size_t size) {
    auto *from = static_cast<const uint8_t *>(data);
    bytes.insert(bytes.end(), from, from + size);
  };
  auto number = [&](uint32_t value) { put(&value, sizeof(value)); };
  number(kMagic);
  number(module.kernels.size());
  for (const Kernel &kernel : module.kernels) {
    number(kernel.symbol.size());
    put(kernel.symbol.data(), kernel.symbol.size());
    number(kernel.units.size());
    for (const std::vector<Command> &unit : kernel.units) {
      number(unit.size());
      put(unit.data(), unit.size() * sizeof(Command));
    }
  }
  number(module.constants.size());
  put(module.constants.data(), module.constants.size());
  return bytes;
}

/// False if the bytes are no module.
inline bool parse(const uint8_t *bytes, size_t size, Module &module) {
  auto take = [&](void *to, size_t count) {
    if (count > size)
      return false;
    if (count > 0)
      std::memcpy(to, bytes, count);
    bytes += count;
    size -= count;
    return true;
  };
  uint32_t magic = 0, kernels = 0, count = 0;
  if (!take(&magic, 4) || magic != kMagic || !take(&kernels, 4))
    return false;
  for (uint32_t k = 0; k < kernels; ++k) {
    Kernel &kernel = module.kernels.emplace_back();
    uint32_t units = 0;
    if (!take(&count, 4) || count > size)
      return false;
    kernel.symbol.resize(count);
    if (!take(kernel.symbol.data(), count) || !take(&units, 4))
      return false;
    for (uint32_t u = 0; u < units; ++u) {
      if (!take(&count, 4) || count > size / sizeof(Command))
        return false;
      take(kernel.units.emplace_back(count).data(), count * sizeof(Command));
    }
  }
  if (!take(&count, 4) || count != size)
    return false;
  module.constants.resize(count);
  return take(module.constants.data(), count);
}

} // namespace npu

#endif // NPU_NPU_H
