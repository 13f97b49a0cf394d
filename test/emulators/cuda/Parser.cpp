// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX text to tree. Debug directives (.loc, .file, .section) are read over; a directive that is not known is an error.
#include "test/emulators/cuda/Cursor.h"

#include <cctype>
#include <cstring>
#include <optional>

namespace tinyc::emulator::ptx {

const Function *Module::function(std::string_view Name) const {
  const Function *Declared = nullptr;
  for (const Function &F : Functions)
    if (F.Name == Name) {
      if (F.Defined)
        return &F;
      Declared = &F;
    }
  return Declared;
}

namespace {

unsigned bytesOfType(const std::string &Type) {
  if (Type == ".pred")
    return 1;
  size_t Digit = Type.find_first_of("0123456789");
  unsigned Bits = Digit == Type.npos ? 0 : unsigned(std::strtoul(Type.c_str() + Digit, nullptr, 10));
  if (Type == ".f16x2" || Type == ".bf16x2")
    Bits = 32;
  return Bits >= 8 && Bits <= 128 ? Bits / 8 : 0;
}

class Parser {
public:
  explicit Parser(std::string_view Text) : C(Text) {}
  Module run();

private:
  void moduleDirective(const std::string &Word);
  void function(bool Kernel);
  void body(Function &F);
  void bodyDirective(Function &F, const std::string &Word);
  void instruction(Function &F);
  std::vector<Variable> parameters();
  std::vector<Variable> variables(Space S, bool External);
  void initialise(Variable &V, uint64_t &Offset);
  Argument argument();
  Argument address();
  std::vector<Argument> list(char End);
  void metaDirective(const std::string &Word);

  Cursor C;
  Module M;
};

std::optional<Space> spaceOf(const std::string &Word) {
  if (Word == ".global")
    return Space::Global;
  if (Word == ".const")
    return Space::Const;
  if (Word == ".shared" || Word == ".shared::cta")
    return Space::Shared;
  if (Word == ".local")
    return Space::Local;
  if (Word == ".param")
    return Space::Param;
  return std::nullopt;
}

bool isLinking(const std::string &W) { return W == ".visible" || W == ".extern" || W == ".weak" || W == ".common"; }

Module Parser::run() {
  while (!C.atEnd()) {
    if (C.peek() != '.')
      C.fail("expected a directive at the top of the module, found '" + std::string(1, C.peek()) + "'");
    moduleDirective(C.dottedWord());
  }
  if (!M.VersionMajor)
    C.fail("no .version directive: this is not a PTX module");
  return std::move(M);
}

/// Directives that carry nothing the emulator needs.
void Parser::metaDirective(const std::string &Word) {
  if (Word == ".file" || Word == ".loc") {
    C.skipLine();
  } else if (Word == ".section") {
    C.dottedWord();
    C.expect('{');
    while (!C.atEnd() && C.peek() != '}')
      C.skipLine();
    C.expect('}');
  } else if (Word == ".pragma") {
    C.quoted();
    C.accept(';');
  } else {
    C.fail("unknown directive " + Word);
  }
}

void Parser::moduleDirective(const std::string &First) {
  std::string Word = First;
  bool External = false;
  while (isLinking(Word)) {
    External |= Word == ".extern";
    Word = C.dottedWord();
  }
  if (Word == ".version") {
    std::string V = C.dottedWord();
    size_t Dot = V.find('.');
    M.VersionMajor = unsigned(std::strtoul(V.c_str(), nullptr, 10));
    M.VersionMinor = Dot == V.npos ? 0 : unsigned(std::strtoul(V.c_str() + Dot + 1, nullptr, 10));
  } else if (Word == ".target") {
    M.Target = C.dottedWord();
    while (C.accept(','))
      C.dottedWord();
  } else if (Word == ".address_size") {
    if (C.requireInteger("the address size") != 64)
      C.fail("expected .address_size 64");
  } else if (Word == ".entry" || Word == ".func") {
    function(Word == ".entry");
  } else if (auto S = spaceOf(Word)) {
    for (Variable &V : variables(*S, External))
      M.Variables.push_back(std::move(V));
    C.expect(';');
  } else {
    metaDirective(Word);
  }
}

/// After the space: [.align N] [.attribute(...)] type name[dims] [= value] {, name...}
std::vector<Variable> Parser::variables(Space S, bool External) {
  std::vector<Variable> Out;
  Variable V;
  V.Space = S;
  V.External = External;
  unsigned Lanes = 1;
  for (;;) {
    std::string Word = C.dottedWord();
    if (Word == ".align") {
      V.Alignment = unsigned(C.requireInteger("an alignment"));
    } else if (Word == ".ptr" || spaceOf(Word)) {
      // A kernel parameter that points somewhere: `.param .u64 .ptr .global .align 16 name`.
    } else if (Word == ".v2" || Word == ".v4") {
      Lanes = unsigned(Word[2] - '0');
    } else if (unsigned Bytes = Word.empty() || Word[0] != '.' ? 0 : bytesOfType(Word)) {
      V.ElementBytes = Bytes * Lanes;
    } else {
      C.fail("unknown part '" + Word + "' of a variable's declaration");
    }
    if (C.peek() != '.')
      break;
  }
  if (!V.ElementBytes)
    C.fail("a variable without a type");
  do {
    Variable One = V;
    One.Line = C.line();
    One.Name = C.requireIdentifier("a variable's name");
    while (C.accept('[')) {
      if (C.accept(']')) {
        One.Unsized = true;
        One.Elements = 0;
        continue;
      }
      One.Elements *= C.requireInteger("an array's size");
      C.expect(']');
    }
    if (!One.Alignment)
      One.Alignment = One.ElementBytes;
    if (C.accept('=')) {
      uint64_t Offset = 0;
      if (One.Unsized)
        C.fail("an initialised array needs its size");
      initialise(One, Offset);
    }
    Out.push_back(std::move(One));
  } while (S != Space::Param && C.accept(','));
  return Out;
}

void Parser::initialise(Variable &V, uint64_t &Offset) {
  if (C.accept('{')) {
    do
      initialise(V, Offset);
    while (C.accept(','));
    C.expect('}');
    return;
  }
  Variable::Initial I{Offset, 0, {}};
  if (C.atNumber()) {
    I.Bits = C.number().Value;
  } else {
    std::string Name = C.requireIdentifier("an initial value");
    if (Name == "generic") {
      C.expect('(');
      Name = C.requireIdentifier("a symbol");
      C.expect(')');
    }
    I.Symbol = Name;
    if (C.accept('+') || C.peek() == '-')
      I.Bits = C.requireInteger("an offset");
  }
  V.Initials.push_back(I);
  Offset += V.ElementBytes;
}

std::vector<Variable> Parser::parameters() {
  std::vector<Variable> Out;
  if (!C.accept('('))
    return Out;
  while (!C.accept(')')) {
    std::string Word = C.dottedWord();
    if (Word == ".reg")
      C.fail("functions whose parameters are registers (.reg) are not supported; expected .param");
    if (Word != ".param")
      C.fail("expected .param, found '" + Word + "'");
    for (Variable &V : variables(Space::Param, false))
      Out.push_back(std::move(V));
    C.accept(',');
  }
  return Out;
}

void Parser::function(bool Kernel) {
  Function F;
  F.Kernel = Kernel;
  F.Line = C.line();
  if (!Kernel)
    F.Returns = parameters();
  F.Name = C.requireIdentifier("a function's name");
  F.Parameters = parameters();
  while (C.peek() == '.') {
    std::string Word = C.dottedWord();
    if (Word == ".maxntid" || Word == ".reqntid") {
      F.MaxThreads = 1;
      do
        F.MaxThreads *= unsigned(C.requireInteger("a number of threads"));
      while (C.accept(','));
    } else if (Word == ".minnctapersm" || Word == ".maxnreg" || Word == ".maxnctapersm") {
      C.requireInteger("a number");
    } else if (Word == ".pragma") {
      metaDirective(Word);
    } else if (Word != ".noreturn") {
      C.fail("unknown directive " + Word + " on function " + F.Name);
    }
  }
  if (!C.accept(';')) {
    F.Defined = true;
    C.expect('{');
    body(F);
  }
  M.Functions.push_back(std::move(F));
}

void Parser::body(Function &F) {
  unsigned Depth = 1;
  while (Depth) {
    if (C.atEnd())
      C.fail("function " + F.Name + " has no closing brace");
    if (C.accept('{')) {
      ++Depth;
      F.Items.push_back({Item::Open, {}, {}, -1, 0, {}});
    } else if (C.accept('}')) {
      if (--Depth)
        F.Items.push_back({Item::Close, {}, {}, -1, 0, {}});
    } else if (C.accept(';')) {
    } else if (C.peek() == '.') {
      bodyDirective(F, C.dottedWord());
    } else {
      instruction(F);
    }
  }
}

void Parser::bodyDirective(Function &F, const std::string &Word) {
  if (Word == ".reg") {
    std::string Type = C.dottedWord();
    if (Type == ".v2" || Type == ".v4")
      C.fail("vector registers are not supported");
    do {
      Item I{Item::Registers, C.requireIdentifier("a register's name"), Type, -1, 0, {}};
      if (C.accept('<')) {
        I.Count = int64_t(C.requireInteger("a number of registers"));
        C.expect('>');
      }
      F.Items.push_back(std::move(I));
    } while (C.accept(','));
    C.expect(';');
  } else if (auto S = spaceOf(Word)) {
    for (Variable &V : variables(*S, false)) {
      F.Items.push_back({Item::Declare, V.Name, {}, -1, F.Variables.size(), {}});
      F.Variables.push_back(std::move(V));
    }
    C.expect(';');
  } else {
    metaDirective(Word);
  }
}

Argument Parser::address() {
  Argument A;
  A.Kind = Argument::Address;
  if (C.atNumber())
    A.Value = C.requireInteger("an address");
  else
    A.Text = C.requireIdentifier("an address");
  if (C.accept('+') || C.peek() == '-')
    A.Value += C.requireInteger("an offset");
  if (C.accept(','))
    A.Elements = list(']');
  else
    C.expect(']');
  return A;
}

std::vector<Argument> Parser::list(char End) {
  std::vector<Argument> Out;
  if (C.accept(End))
    return Out;
  do
    Out.push_back(argument());
  while (C.accept(','));
  C.expect(End);
  return Out;
}

Argument Parser::argument() {
  Argument A;
  if (C.accept('[')) {
    A = address();
  } else if (C.accept('{')) {
    A.Kind = Argument::Vector;
    A.Elements = list('}');
  } else if (C.accept('(')) {
    A.Kind = Argument::Group;
    A.Elements = list(')');
  } else if (C.accept('!')) {
    A.Negated = true;
    A.Text = C.requireIdentifier("a predicate");
  } else if (C.atNumber()) {
    A = C.number();
  } else {
    A.Text = C.requireIdentifier("an operand");
    if (C.accept('|'))
      A.Second = C.requireIdentifier("a second predicate");
    else if (C.accept('+'))
      A.Value = C.requireInteger("an offset");
    if (A.Text == "WARP_SZ") {
      A.Kind = Argument::Integer;
      A.Value = 32;
    }
  }
  return A;
}

/// What TINYC_EMULATED_DROP counts: instructions whose loss a correct program cannot survive.
bool synchronises(const Statement &S) {
  const auto &P = S.Parts;
  auto Has = [&](const char *Part) {
    for (const std::string &Q : P)
      if (Q == Part)
        return true;
    return false;
  };
  if (P[0] == "membar" || P[0] == "fence")
    return true;
  if (P[0] == "bar" || P[0] == "barrier")
    return !Has("warp");
  return P[0] == "cp" && (Has("wait_group") || Has("wait_all"));
}

void Parser::instruction(Function &F) {
  size_t Begin = C.position();
  Statement S;
  S.Line = C.line();
  if (C.accept('@')) {
    S.GuardNegated = C.accept('!');
    S.Guard = C.requireIdentifier("a predicate");
  }
  std::string Word = C.dottedWord();
  if (Word.empty())
    C.fail("expected an instruction, found '" + std::string(1, C.peek()) + "'");
  if (S.Guard.empty() && C.accept(':')) {
    if (C.peek() == '.') { // `name: .branchtargets a, b;` and `name: .callprototype ...;`
      std::string Directive = C.dottedWord();
      if (Directive == ".callprototype")
        C.fail("calls through pointers are not supported");
      if (Directive != ".branchtargets") {
        F.Items.push_back({Item::Label, Word, {}, -1, 0, {}});
        bodyDirective(F, Directive);
        return;
      }
      Item I{Item::Targets, Word, {}, -1, 0, {}};
      do
        I.Labels.push_back(C.requireIdentifier("a label"));
      while (C.accept(','));
      C.expect(';');
      F.Items.push_back(std::move(I));
      return;
    }
    F.Items.push_back({Item::Label, Word, {}, -1, 0, {}});
    return;
  }
  for (size_t At = 0; At <= Word.size();) {
    size_t Dot = std::min(Word.find('.', At), Word.size());
    S.Parts.push_back(Word.substr(At, Dot - At));
    At = Dot + 1;
  }
  while (C.peek() != ';') {
    S.Arguments.push_back(argument());
    if (!C.accept(','))
      break;
  }
  if (C.peek() != ';')
    C.fail("expected ';' after instruction '" + C.since(Begin) + "'");
  S.Source = C.since(Begin) + ";";
  C.expect(';');
  if (synchronises(S))
    S.SyncIndex = ++M.SyncInstructions;
  F.Items.push_back({Item::Instruction, {}, {}, -1, F.Statements.size(), {}});
  F.Statements.push_back(std::move(S));
}

} // namespace

Module parse(std::string_view Text) { return Parser(Text).run(); }

} // namespace tinyc::emulator::ptx
