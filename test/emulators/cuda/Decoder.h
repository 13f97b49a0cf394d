// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tree to program. The decoder knows names, scopes, calls and control flow; what an opcode means stands beside its
// execution, in a binder: a function that reads the modifiers and operands of one statement and fills an Instruction.
//
//   void bindClz(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
//     Type T = M.type();
//     I.D[0] = D.destination(S.Arguments[0], 32);
//     ...
#pragma once

#include "test/emulators/cuda/Program.h"

#include <functional>
#include <map>
#include <unordered_map>

namespace tinyc::emulator::ptx {

/// The dotted parts after an opcode's root, consumed one by one; what is left over at the end is an error, so that no
/// modifier is ever ignored by accident.
class Modifiers {
public:
  explicit Modifiers(const Statement &S) : S(S), Used(S.Parts.size()) { Used[0] = true; }
  /// Consumes the part if it is there.
  bool take(const char *Part);
  /// Consumes the next unused part that is a type; None when there is none.
  Type type();
  Type requireType();
  Rounding rounding();
  /// Index in the list of the one that is there, or -1.
  int oneOf(std::initializer_list<const char *> Parts);
  /// The first unused part, not consumed; empty when none.
  std::string next() const;
  std::string takeNext();
  void finish() const;
  [[noreturn]] void unknown(const std::string &Part) const;

private:
  const Statement &S;
  std::vector<bool> Used;
};

class Decoder {
public:
  /// Globals: the device addresses of the module's .global and .const variables.
  Decoder(const Module &M, const std::map<std::string, uint64_t> &Globals, uint64_t Drop)
      : M(M), Globals(Globals), Drop(Drop) {}
  std::shared_ptr<Program> decode(const Function &Kernel);

  // For binders.
  Operand source(const Argument &A, Type T);
  /// A register that may be wider than the type (cvt): its low bits count.
  Operand wideSource(const Argument &A, Type T);
  Operand destination(const Argument &A, unsigned Bits);
  /// A register whose width may exceed what is written to it (ld, cvt).
  Operand destination(const Argument &A) { return destination(A, 0); }
  Operand predicate(const Argument &A);
  bool isPredicate(const Argument &A);
  Operand predicateNamed(const std::string &Name, bool Negated);
  Operand constant(uint64_t Value, unsigned Bits);
  Operand sink(unsigned Bits); ///< a register nobody reads, for `_`
  /// [base + offset] into S[Slot] and Offset; a symbol of another space than .param overrides Space.
  void address(const Argument &A, Instruction &I, unsigned Slot = 0);
  void branch(const std::string &Label, Instruction &I);
  void branchTable(const std::string &List, Instruction &I);
  void need(const Statement &S, size_t Least, size_t Most) const;
  void need(const Statement &S, size_t Exactly) const { need(S, Exactly, Exactly); }
  /// Refuses what the module's .target does not have, as ptxas would.
  void requireTarget(unsigned Number, const char *What) const;
  [[noreturn]] void fail(const std::string &Message) const;

private:
  struct Binding {
    enum Kind : uint8_t { Register, Stem, Symbol } Kind;
    Operand Row;
    ptx::Space Space = ptx::Space::Global;
    uint64_t Address = 0;
    std::string Type;
    int64_t Count = 0;
  };
  struct Scope {
    int Parent = -1;
    std::unordered_map<std::string, Binding> Names;
    std::unordered_map<std::string, uint32_t> Labels;
    std::unordered_map<std::string, const std::vector<std::string> *> Tables;
  };
  struct Fixup {
    uint32_t At;
    int Scope;
    std::string Label;
    unsigned Line;
  };
  void function(const Function &F, int Scope, unsigned Depth);
  void instruction(const Statement &S, unsigned Depth);
  void call(const Statement &S, unsigned Depth);
  void placeShared(const Function &F, std::vector<const Function *> &Seen);
  void placeSharedVariable(const Variable &V, const std::string &Key);
  void resolve();
  Binding *lookup(const std::string &Name);
  Operand allocate(unsigned Bits);
  Operand special(const std::string &Name);
  Binding declareLocal(const Variable &V);
  uint32_t labelAt(int Scope, const std::string &Label, unsigned Line) const;

  const Module &M;
  const std::map<std::string, uint64_t> &Globals;
  uint64_t Drop;
  std::shared_ptr<Program> P;
  std::vector<Scope> Scopes;
  std::vector<Fixup> Fixups, TableFixups;
  std::vector<std::pair<uint32_t, int>> Returns; ///< branches to the end of an expanded call
  int Current = 0;
  std::map<std::pair<uint64_t, unsigned>, Operand> ConstantRows;
  std::map<std::string, uint32_t> SharedPlaces; ///< "function/variable" or "/variable"
  const Statement *At = nullptr;
  unsigned Line = 0;
};

using Binder = void (*)(Decoder &, Modifiers &, const Statement &, Instruction &);
/// The binder of a root opcode, or null.
Binder binderOf(const std::string &Root);
void reconvergence(Program &P); ///< fills Reconverge: the immediate postdominator of every branch

struct BinderRow {
  const char *Root;
  Binder Bind;
};
// One table per file of handlers.
std::vector<BinderRow> integerBinders(), bitBinders(), floatBinders(), halfBinders(), approximateBinders(),
    convertBinders(), compareBinders(), moveBinders(), memoryBinders(), atomicBinders(), asyncBinders(), warpBinders(),
    controlBinders(), matrixBinders(), wmmaBinders();

/// Classes that the report counts by; returns the index.
uint8_t classNamed(const char *Name);

} // namespace tinyc::emulator::ptx
