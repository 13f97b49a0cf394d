// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compact form instructions are executed in. LLVM's disassembler is asked once, when a code object is loaded; from
// then on an instruction is a function to call, the pure operation it applies to whole waves, and operands that are
// already resolved to register numbers or to constants spread over the lanes. Nothing here is a string except the
// text kept for messages.

#ifndef TINYC_TEST_EMULATORS_HIP_INSTRUCTION_H
#define TINYC_TEST_EMULATORS_HIP_INSTRUCTION_H

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tinyc::emulator::amd {

/// Vector operations work on 32 lanes at a time. A wave of 64 (CDNA) is two such halves one after the other.
constexpr unsigned kLanes = 32;

struct Wave;
struct Instruction;

/// Upper halves of generic addresses that mean LDS and private memory.
constexpr uint32_t kSharedAperture = 0x10000000, kPrivateAperture = 0x20000000;

/// Scalar registers by their number in the encoding, which has room for the named ones.
enum ScalarRegister : uint16_t { VCC = 106, TTMP0 = 108, NullRegister = 124, M0 = 125, EXEC = 126, ScalarCount = 128 };

enum class OperandKind : uint8_t { None, Vector, Scalar, Constant, Scc, Vccz, Execz };

/// What an operation reads or writes: decides which bits of a register an operand names and where its sign is.
enum class Type : uint8_t { None, B16, B32, B64, F16, F32, F64, Packed, PackedFloat, Mix, Mask };

struct Operand {
  OperandKind kind = OperandKind::None;
  Type type = Type::None;
  uint8_t words = 1;
  bool negate = false, absolute = false;
  bool high = false;       // the upper half of the register: v0.h, or op_sel
  bool selectHigh = true;  // packed: where the upper element comes from (op_sel_hi)
  bool negateHigh = false; // packed: neg_hi
  uint16_t reg = 0;
  uint64_t value = 0;               // constants
  const uint32_t *spread = nullptr; // constants: two words, each spread over the lanes
  bool plain() const { return !negate && !absolute && !high; }
};

/// Scratch data of one vector operation that is not a lane array.
struct Context {
  uint32_t maskIn = 0, maskOut = 0;
  uint32_t exec = 0;
  bool flush32 = false, flush16 = false; // denormals of f32 and of f16/f64 are flushed
};

/// The pure operation: lane arrays in, lane arrays out, 32 words for each register. `d` overlaps nothing.
using VectorEval = void (*)(uint32_t *__restrict d, const uint32_t *a, const uint32_t *b, const uint32_t *c,
                            Context &context);

struct ScalarState {
  uint64_t a = 0, b = 0, d = 0;
  bool scc = false;
};
using ScalarEval = void (*)(ScalarState &state);

using Handler = void (*)(Wave &wave, const Instruction &instruction);

enum class Class : uint8_t {
  Scalar,
  Vector,
  Transcendental,
  Matrix,
  ScalarMemory,
  Lds,
  Global,
  Scratch,
  Branch,
  Sync,
  Other,
  Count
};
const char *className(Class c);

struct Dpp {
  bool active = false, eight = false, fetchInactive = false, boundControl = false;
  uint8_t rowMask = 15, bankMask = 15;
  int8_t source[kLanes] = {}; // lane each lane reads, -1: out of range
};

/// One run of registers an instruction touches, numbered 0..127 scalar, 128.. vector; used to find registers read or
/// overwritten while a load into them is outstanding.
struct RegisterRange {
  uint16_t first = 0;
  uint8_t count = 0;
  uint8_t halves = 3; // 1: the lower 16 bits, 2: the upper
};

struct Instruction {
  Handler run = nullptr;
  VectorEval vector = nullptr;
  ScalarEval scalar = nullptr;
  Operand d[2], s[4];
  uint8_t sources = 0, destinations = 0;
  RegisterRange ranges[7];
  uint8_t rangeCount = 0;
  Class cls = Class::Other;
  bool clamp = false, returns = false;
  int8_t outputScale = 0; // omod: result times 2^outputScale
  uint8_t bytes = 0;      // memory: bytes a lane moves
  uint8_t element = 0;    // memory: sub-operation, see the file that sets it
  int32_t offset = 0, offset1 = 0;
  uint32_t immediate = 0;   // the low 16 bits of scalar program-flow instructions
  uint16_t vectorLimit = 0; // one more than the highest vector register named
  uint32_t target = 0;      // branches: index of the instruction jumped to
  uint32_t address = 0;     // relative to the image
  uint32_t size = 0;        // of the encoding, in bytes
  uint32_t syncNumber = 0;  // 1.. among the synchronising instructions, 0: none
  uint32_t text = 0;        // index in Program::texts
  const Dpp *dpp = nullptr;
  const Instruction *dual = nullptr; // the second half of v_dual_*
};

/// Everything executable of one code object.
struct Program {
  std::vector<Instruction> instructions; // in address order
  std::vector<std::string> texts;
  std::vector<uint32_t> indexOfWord; // (address - textBegin) / 4 -> instruction, ~0u: inside an instruction
  uint64_t textBegin = 0;
  uint32_t syncCount = 0;
  std::deque<Instruction> duals;
  std::deque<Dpp> dpps;
  std::map<uint64_t, std::unique_ptr<uint32_t[]>> constants;
  uint32_t indexOf(uint64_t address) const {
    uint64_t word = (address - textBegin) / 4;
    return address >= textBegin && word < indexOfWord.size() ? indexOfWord[word] : ~0u;
  }
};

struct CodeObject;

/// Decodes the text of `object` for `chip`. What the emulator does not know becomes an instruction that faults when it
/// is executed, naming itself. `dropSync` != 0 turns that synchronising instruction into a no-op (mutation tests).
bool decodeProgram(const CodeObject &object, const char *chip, uint32_t dropSync, Program &program, std::string &error);

} // namespace tinyc::emulator::amd

#endif
