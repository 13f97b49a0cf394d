// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns a lambda on one lane into an operation on a wave, and reads from the lambda's signature what its operands are:
//
//   {"v_add_f32", lanes<[](float a, float b) { return a + b; }>()}
//
// float, double and _Float16 take the sign modifiers of their type, uintN_t and intN_t are plain bits, bool is a bit of
// a lane mask (a source: carry in, a result: comparison), WithMask a result with a carry out.

#ifndef TINYC_TEST_EMULATORS_HIP_VECTOREVAL_H
#define TINYC_TEST_EMULATORS_HIP_VECTOREVAL_H

#include "Instruction.h"
#include <bit>
#include <tuple>
#include <type_traits>

namespace tinyc::emulator::amd {

/// Two 16-bit integers, or two halves, of a register; the driver has already applied op_sel and neg.
struct Pair {
  uint16_t low, high;
};
struct HalfPair {
  _Float16 low, high;
};
/// A source of v_fma_mix: a float, or a half widened to one.
struct Mixed {
  float value;
};
template <typename T> struct WithMask {
  T value;
  bool mask;
};

/// One row of the table of vector operations.
struct VectorOp {
  const char *name = nullptr;
  VectorEval eval = nullptr;
  Type result = Type::None; // None: only a mask
  bool resultMask = false;
  uint8_t sources = 0; // without the mask
  Type source[3] = {};
  bool sourceMask = false;
  enum Flag : uint8_t { None = 0, Tied = 1, HighResult = 2, Transcendental = 4 };
  uint8_t flags = 0;
};

template <typename T> constexpr Type typeOf() {
  if constexpr (std::is_same_v<T, float>)
    return Type::F32;
  else if constexpr (std::is_same_v<T, double>)
    return Type::F64;
  else if constexpr (std::is_same_v<T, _Float16>)
    return Type::F16;
  else if constexpr (std::is_same_v<T, Pair>)
    return Type::Packed;
  else if constexpr (std::is_same_v<T, HalfPair>)
    return Type::PackedFloat;
  else if constexpr (std::is_same_v<T, Mixed>)
    return Type::Mix;
  else if constexpr (std::is_same_v<T, bool>)
    return Type::Mask;
  else if constexpr (sizeof(T) == 8)
    return Type::B64;
  else if constexpr (sizeof(T) == 4)
    return Type::B32;
  else
    return Type::B16;
}

template <typename T> inline T loadLane(const uint32_t *p, unsigned lane) {
  if constexpr (sizeof(T) == 8)
    return std::bit_cast<T>(uint64_t(p[lane]) | uint64_t(p[lane + kLanes]) << 32);
  else if constexpr (sizeof(T) == 4)
    return std::bit_cast<T>(p[lane]);
  else
    return std::bit_cast<T>(uint16_t(p[lane]));
}

template <typename T> inline void storeLane(uint32_t *p, unsigned lane, T value) {
  if constexpr (sizeof(T) == 8) {
    uint64_t bits = std::bit_cast<uint64_t>(value);
    p[lane] = uint32_t(bits);
    p[lane + kLanes] = uint32_t(bits >> 32);
  } else if constexpr (sizeof(T) == 4) {
    p[lane] = std::bit_cast<uint32_t>(value);
  } else {
    p[lane] = std::bit_cast<uint16_t>(value);
  }
}

template <typename T> struct Signature;
template <typename C, typename R, typename... A> struct Signature<R (C::*)(A...) const> {
  using Result = R;
  using Arguments = std::tuple<A...>;
  static constexpr unsigned count = sizeof...(A);
};

template <typename T> struct ResultOf {
  using Value = T;
  static constexpr bool mask = std::is_same_v<T, bool>;
};
template <typename T> struct ResultOf<WithMask<T>> {
  using Value = T;
  static constexpr bool mask = true;
};

template <auto Fn> struct LaneOp {
  using Sig = Signature<decltype(&decltype(Fn)::operator())>;
  using Result = typename Sig::Result;
  using Value = typename ResultOf<Result>::Value;
  using Arguments = typename Sig::Arguments;
  template <unsigned I> using Argument = std::tuple_element_t<I, Arguments>;

  template <unsigned I>
  static Argument<I> argument(unsigned lane, const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t mask) {
    if constexpr (std::is_same_v<Argument<I>, bool>)
      return (mask >> lane) & 1;
    else
      return loadLane<Argument<I>>(I == 0 ? a : I == 1 ? b : c, lane);
  }
  template <size_t... I>
  static Result call(unsigned lane, const uint32_t *a, const uint32_t *b, const uint32_t *c, uint32_t mask,
                     std::index_sequence<I...>) {
    return Fn(argument<I>(lane, a, b, c, mask)...);
  }
  static void eval(uint32_t *__restrict d, const uint32_t *a, const uint32_t *b, const uint32_t *c, Context &context) {
    constexpr auto indices = std::make_index_sequence<Sig::count>();
    uint32_t maskIn = context.maskIn, maskOut = 0;
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      if constexpr (std::is_same_v<Result, bool>) {
        maskOut |= uint32_t(call(lane, a, b, c, maskIn, indices)) << lane;
      } else if constexpr (ResultOf<Result>::mask) {
        Result result = call(lane, a, b, c, maskIn, indices);
        storeLane<Value>(d, lane, result.value);
        maskOut |= uint32_t(result.mask) << lane;
      } else {
        storeLane<Value>(d, lane, call(lane, a, b, c, maskIn, indices));
      }
    }
    context.maskOut = maskOut;
  }
};

template <auto Fn> VectorOp op(const char *name, uint8_t flags = 0) {
  using Op = LaneOp<Fn>;
  VectorOp row;
  row.name = name;
  row.eval = Op::eval;
  row.flags = flags;
  row.resultMask = ResultOf<typename Op::Result>::mask;
  if constexpr (!std::is_same_v<typename Op::Result, bool>)
    row.result = typeOf<typename Op::Value>();
  [&]<size_t... I>(std::index_sequence<I...>) {
    (
        [&] {
          constexpr Type type = typeOf<typename Op::template Argument<I>>();
          if (type == Type::Mask)
            row.sourceMask = true;
          else
            row.source[row.sources++] = type;
        }(),
        ...);
  }(std::make_index_sequence<Op::Sig::count>());
  return row;
}

/// All vector operations by name without the encoding's suffix; null when there is none.
const VectorOp *findVectorOp(const std::string &name);
/// The tables, one per file of operations.
void addIntegerOps(std::vector<VectorOp> &table);
void addFloatOps(std::vector<VectorOp> &table);
void addHalfOps(std::vector<VectorOp> &table);
void addConversionOps(std::vector<VectorOp> &table);
void addCompareOps(std::vector<VectorOp> &table);
void addApproximateOps(std::vector<VectorOp> &table);

struct ScalarOp {
  const char *name = nullptr;
  ScalarEval eval = nullptr;
  uint8_t resultWords = 1; // 0: only SCC
  uint8_t sourceWords[2] = {1, 1};
  uint8_t sources = 2;
  enum Flag : uint8_t { None = 0, ReadsScc = 1, WritesScc = 2, Tied = 4, SavesExec = 8, Signed16 = 16 };
  uint8_t flags = 0;
};
const ScalarOp *findScalarOp(const std::string &name);

/// Handlers that apply `Instruction::vector` and `Instruction::scalar`.
void runVector(Wave &wave, const Instruction &instruction);
void runVectorCompareExec(Wave &wave, const Instruction &instruction);
void runDual(Wave &wave, const Instruction &instruction);
void runScalar(Wave &wave, const Instruction &instruction);
void runSaveExec(Wave &wave, const Instruction &instruction);

/// How the decoder treats an instruction that is in neither table.
struct SpecialOp {
  const char *name;
  Handler run;
  Class cls;
  /// A letter an operand: D destination, s source, A destination if the instruction has glc (and absent otherwise), o
  /// skipped because the handler takes it from the encoding. "-" alone skips all.
  const char *operands;
  uint8_t bytes = 0, element = 0;
};
const SpecialOp *findSpecialOp(const std::string &name);
void addLaneOps(std::vector<SpecialOp> &table);
void addMatrixOps(std::vector<SpecialOp> &table);
void addControlOps(std::vector<SpecialOp> &table);
void addScalarMemoryOps(std::vector<SpecialOp> &table);
void addGlobalOps(std::vector<SpecialOp> &table);
void addLdsOps(std::vector<SpecialOp> &table);
void addScratchOps(std::vector<SpecialOp> &table);
void addAtomicOps(std::vector<SpecialOp> &table);

} // namespace tinyc::emulator::amd

#endif
