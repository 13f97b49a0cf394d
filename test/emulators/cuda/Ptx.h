// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX text as a tree: what the parser makes and the decoder reads. Nothing is resolved here: names are names, and an
// opcode is the list of its dotted parts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tinyc::emulator::ptx {

/// Text that is not PTX, or PTX that the emulator does not know: thrown by parser and decoder, caught by the driver,
/// which refuses the module with the sentence in its error log.
struct PtxError {
  unsigned Line;
  std::string Message;
};

enum class Space : uint8_t { Generic, Global, Shared, Local, Param, Const };

struct Argument {
  enum Kind : uint8_t {
    Name,    ///< %r1, a variable, a label; Second holds q of p|q; Value an added offset (sym+4)
    Integer, ///< Value
    Float32, ///< Value: the bits of 0f...
    Float64, ///< Value: the bits of 0d...
    Address, ///< [Text + Value], or [Text, {Elements}]
    Vector,  ///< {Elements}
    Group    ///< (Elements) of a call
  } Kind = Name;
  bool Negated = false; ///< !p or -x
  std::string Text, Second;
  uint64_t Value = 0;
  std::vector<Argument> Elements;
};

struct Statement {
  std::vector<std::string> Parts; ///< ld, global, v4, f32
  std::string Guard;
  bool GuardNegated = false;
  std::vector<Argument> Arguments;
  unsigned Line = 0;
  std::string Source;     ///< the instruction as written, for messages
  unsigned SyncIndex = 0; ///< its number among the module's synchronising instructions, from 1; 0: it is none
};

struct Variable {
  std::string Name;
  ptx::Space Space = ptx::Space::Global;
  unsigned Alignment = 0, ElementBytes = 0;
  uint64_t Elements = 1;
  bool Unsized = false; ///< extern name[]
  bool External = false;
  struct Initial {
    uint64_t Offset, Bits;
    std::string Symbol; ///< the address of Symbol plus Bits
  };
  std::vector<Initial> Initials;
  unsigned Line = 0;
  uint64_t bytes() const { return ElementBytes * Elements; }
};

struct Item {
  enum Kind : uint8_t { Open, Close, Registers, Declare, Label, Instruction, Targets } Kind;
  std::string Name;   ///< register stem, label or target list
  std::string Type;   ///< of registers
  int64_t Count = -1; ///< %r<5> has 5; a single register -1
  size_t Index = 0;   ///< into Variables or Statements
  std::vector<std::string> Labels;
};

struct Function {
  std::string Name;
  bool Kernel = false, Defined = false;
  std::vector<Variable> Returns, Parameters;
  std::vector<Item> Items;
  std::vector<Variable> Variables;
  std::vector<Statement> Statements;
  uint32_t MaxThreads = 0; ///< .maxntid or .reqntid multiplied out; 0: not given
  unsigned Line = 0;
};

struct Module {
  unsigned VersionMajor = 0, VersionMinor = 0;
  std::string Target;
  std::vector<Function> Functions;
  std::vector<Variable> Variables;
  unsigned SyncInstructions = 0;

  const Function *function(std::string_view Name) const;
};

/// Throws PtxError.
Module parse(std::string_view Text);

} // namespace tinyc::emulator::ptx
