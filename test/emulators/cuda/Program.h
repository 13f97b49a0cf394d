// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel ready to run: calls expanded, names resolved to rows of a register file, each instruction bound to the
// function that executes it for a whole warp.
//
// A register of N bits is a row of 32 values of N bits (8-bit registers take 16); a predicate is one 32-bit word with a
// bit a lane. Immediates are rows too, in a second file that all warps share, so that no handler has a case for them.
// Every register has a poison word: a bit a lane that says "never computed from anything defined".
#pragma once

#include "test/emulators/cuda/Ptx.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tinyc::emulator::ptx {

enum class Type : uint8_t {
  None,
  Pred,
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  F16x2,
  BF16,
  BF16x2,
  TF32,
  F32,
  F32x2,
  F64,
  S4,
  U4,
  B1
};
unsigned bitsOf(Type T);
bool isFloat(Type T);
bool isSigned(Type T);
Type typeNamed(const std::string &Part); ///< None when the part is no type

enum class Rounding : uint8_t { Default, NearestEven, NearestAway, TowardZero, Down, Up };

struct Operand {
  uint32_t Offset = 0; ///< byte offset in its file
  uint32_t Poison = 0; ///< index of the poison word; word 0 is always clear
  uint8_t Bits = 0;    ///< of the row's elements; 1 is a predicate
  bool Constant = false;
  bool Negated = false; ///< !p
  explicit operator bool() const { return Bits != 0; }
};

struct Warp;
struct Instruction;
using Handler = void (*)(Warp &, const Instruction &);

/// How the scheduler treats an instruction.
enum class Control : uint8_t {
  Next,     ///< execute, go on
  Branch,   ///< to Target where the guard holds
  Table,    ///< brx.idx
  Exit,     ///< the lanes are done
  Converge, ///< all lanes named by the member mask S[Member] take part (shfl.sync, bar.warp.sync): wait for them
  Whole,    ///< the whole warp takes part (mma.sync, ldmatrix)
  Barrier   ///< of the block
};

struct Instruction {
  Handler Execute = nullptr;
  ptx::Control Control = ptx::Control::Next;
  uint8_t Class = 0; ///< index into instructionClasses()
  ptx::Type Type = ptx::Type::None, From = ptx::Type::None;
  ptx::Type Result = ptx::Type::None; ///< the accumulator's of matrix instructions
  ptx::Space Space = ptx::Space::Generic;
  ptx::Rounding Round = ptx::Rounding::Default;
  bool FlushSubnormals = false, Saturate = false, Strong = false, Fence = false;
  uint8_t Variant = 0, Mode = 0; ///< free for the handler
  uint8_t Width = 1;             ///< elements of a vector access
  uint8_t Member = 0;            ///< which source is the member mask
  Operand Guard;
  std::array<Operand, 4> D, S;
  int64_t Offset = 0;       ///< of an address
  int64_t SourceOffset = 0; ///< of a copy's second address
  uint32_t Target = 0, Reconverge = ~0u;
  std::vector<Operand> More;     ///< the fragments of matrix instructions
  std::vector<uint32_t> Targets; ///< of brx.idx
  const Statement *Source = nullptr;
};

const std::vector<std::string> &instructionClasses();

struct Program {
  std::string Name;
  std::vector<Instruction> Code;
  std::vector<uint8_t> Constants;
  uint32_t RegisterBytes = 0, PoisonWords = 1, RegisterCount = 0;
  uint32_t LocalBytes = 0;
  std::vector<std::pair<uint32_t, uint32_t>> LocalVariables;  ///< offset, size
  std::vector<std::pair<uint32_t, uint32_t>> SharedVariables; ///< offset, size
  uint32_t StaticShared = 0;  ///< bytes the program declared: what counts against the chip's limit
  uint32_t DynamicShared = 0; ///< where extern shared memory starts
  bool UsesDynamicShared = false;
  std::vector<std::pair<uint32_t, uint32_t>> Parameters; ///< offset, size
  uint32_t ParameterBytes = 0;
  uint32_t MaxThreads = 0;
};

/// Rows of the special registers, at the start of each warp's file.
enum SpecialRow : uint32_t {
  TidX,
  TidY,
  TidZ,
  NTidX,
  NTidY,
  NTidZ,
  CtaX,
  CtaY,
  CtaZ,
  NCtaX,
  NCtaY,
  NCtaZ,
  LaneId,
  WarpId,
  NWarpId,
  SmId,
  NSmId,
  GridId,
  MaskEq,
  MaskLe,
  MaskLt,
  MaskGe,
  MaskGt,
  DynamicSize,
  TotalSize,
  SpecialRows
};
constexpr uint32_t SpecialBytes = SpecialRows * 128;

/// Where the windows of the generic address space lie.
constexpr uint64_t SharedWindow = 0x0000'7000'0000'0000ull;
constexpr uint64_t LocalWindow = 0x0000'7100'0000'0000ull;
constexpr uint64_t ParamWindow = 0x0000'7200'0000'0000ull;
constexpr uint64_t WindowBytes = 1ull << 32;
constexpr uint32_t FirstSharedAddress = 1024; ///< what lies below belongs to the system; a null pointer is never valid

} // namespace tinyc::emulator::ptx
