// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks a kernel's body, expands calls where they stand (device code here has no recursion), and binds instructions.
#include "test/emulators/cuda/Decoder.h"

#include <algorithm>
#include <cstring>

namespace tinyc::emulator::ptx {

void Decoder::fail(const std::string &Message) const {
  std::string Text = Message;
  if (At)
    Text += " in '" + At->Source + "'";
  throw PtxError{At ? At->Line : Line, Text};
}

void Decoder::need(const Statement &S, size_t Least, size_t Most) const {
  size_t N = S.Arguments.size();
  if (N < Least || N > Most)
    fail("expected " + std::to_string(Least) + (Most != Least ? " to " + std::to_string(Most) : "") +
         " operands, found " + std::to_string(N));
}

void Decoder::requireTarget(unsigned Number, const char *What) const {
  size_t Digits = M.Target.find_first_of("0123456789");
  if (Digits == M.Target.npos || std::strtoul(M.Target.c_str() + Digits, nullptr, 10) < Number)
    fail(std::string(What) + " needs .target sm_" + std::to_string(Number) + " or later, found " + M.Target);
}

std::shared_ptr<Program> Decoder::decode(const Function &Kernel) {
  P = std::make_shared<Program>();
  P->Name = Kernel.Name;
  P->RegisterBytes = SpecialBytes;
  P->MaxThreads = Kernel.MaxThreads;
  P->Constants.assign(256, 0);
  Scopes.clear();
  Fixups.clear();
  TableFixups.clear();
  ConstantRows.clear();
  SharedPlaces.clear();
  P->DynamicShared = FirstSharedAddress;
  std::vector<const Function *> Seen;
  placeShared(Kernel, Seen);
  P->DynamicShared = (P->DynamicShared + 127) & ~127u;

  Scopes.push_back({});
  Current = 0;
  for (const Variable &V : Kernel.Parameters) {
    P->ParameterBytes = (P->ParameterBytes + V.Alignment - 1) / V.Alignment * V.Alignment;
    Binding B{Binding::Symbol, {}, Space::Param, P->ParameterBytes, {}, 0};
    Scopes[0].Names[V.Name] = B;
    P->Parameters.push_back({P->ParameterBytes, uint32_t(V.bytes())});
    P->ParameterBytes += uint32_t(V.bytes());
  }
  function(Kernel, 0, 0);
  Instruction End;
  End.Control = Control::Exit;
  End.Class = classNamed("control");
  P->Code.push_back(End);
  resolve();
  reconvergence(*P);
  return P;
}

/// Shared variables get their places before decoding, because the place of extern shared memory follows them all.
void Decoder::placeShared(const Function &F, std::vector<const Function *> &Seen) {
  if (std::find(Seen.begin(), Seen.end(), &F) != Seen.end())
    return;
  Seen.push_back(&F);
  for (const Variable &V : F.Variables)
    if (V.Space == Space::Shared)
      placeSharedVariable(V, F.Name + "/" + V.Name);
  std::function<void(const Argument &)> Visit = [&](const Argument &A) {
    for (const Argument &E : A.Elements)
      Visit(E);
    if (A.Text.empty() || A.Text[0] == '%')
      return;
    for (const Variable &V : M.Variables)
      if (V.Space == Space::Shared && V.Name == A.Text)
        placeSharedVariable(V, "/" + V.Name);
  };
  for (const Statement &S : F.Statements) {
    for (const Argument &A : S.Arguments)
      Visit(A);
    if (S.Parts[0] == "call")
      for (const Argument &A : S.Arguments)
        if (const Function *G = A.Kind == Argument::Name ? M.function(A.Text) : nullptr)
          placeShared(*G, Seen);
  }
}

void Decoder::placeSharedVariable(const Variable &V, const std::string &Key) {
  if (SharedPlaces.count(Key))
    return;
  if (V.Unsized || V.bytes() == 0) {
    P->UsesDynamicShared = true;
    SharedPlaces[Key] = ~0u;
    return;
  }
  // A gap of one row of banks after each variable: running past one does not land in the next, and banks stay the same.
  uint32_t Align = std::max(V.Alignment, 1u);
  uint32_t Place = (P->DynamicShared + Align - 1) / Align * Align;
  SharedPlaces[Key] = Place;
  P->SharedVariables.push_back({Place, uint32_t(V.bytes())});
  P->DynamicShared = Place + uint32_t(V.bytes()) + 128;
  P->StaticShared = (P->StaticShared + Align - 1) / Align * Align + uint32_t(V.bytes());
}

Decoder::Binding Decoder::declareLocal(const Variable &V) {
  uint32_t Align = std::max(V.Alignment, 1u);
  P->LocalBytes = (P->LocalBytes + Align - 1) / Align * Align;
  // Offset 0 stays free so that a null local pointer is not a variable.
  if (!P->LocalBytes)
    P->LocalBytes = 16 > Align ? 16 : Align;
  Binding B{Binding::Symbol, {}, Space::Local, P->LocalBytes, {}, 0};
  P->LocalVariables.push_back({P->LocalBytes, uint32_t(V.bytes())});
  P->LocalBytes += uint32_t(V.bytes());
  return B;
}

void Decoder::function(const Function &F, int Scope, unsigned Depth) {
  if (Depth > 32)
    fail("calls nest deeper than 32: recursion is not supported");
  size_t FirstReturn = Returns.size();
  int Saved = Current;
  Current = Scope;
  for (const Item &I : F.Items) {
    switch (I.Kind) {
    case Item::Open:
      Scopes.push_back({});
      Scopes.back().Parent = Current;
      Current = int(Scopes.size()) - 1;
      break;
    case Item::Close:
      Current = Scopes[Current].Parent;
      break;
    case Item::Registers:
      Scopes[Current].Names[I.Name] = Binding{Binding::Stem, {}, Space::Global, 0, I.Type, I.Count};
      break;
    case Item::Declare: {
      const Variable &V = F.Variables[I.Index];
      if (V.Space == Space::Shared)
        Scopes[Current].Names[V.Name] =
            Binding{Binding::Symbol, {}, Space::Shared, SharedPlaces[F.Name + "/" + V.Name], {}, 0};
      else if (V.Space == Space::Local || V.Space == Space::Param)
        Scopes[Current].Names[V.Name] = declareLocal(V);
      break; // .global and .const inside functions are hoisted by the loader
    }
    case Item::Label:
      if (!Scopes[Current].Labels.emplace(I.Name, uint32_t(P->Code.size())).second)
        fail("label " + I.Name + " stands twice");
      break;
    case Item::Targets:
      Scopes[Current].Tables[I.Name] = &I.Labels;
      break;
    case Item::Instruction:
      At = &F.Statements[I.Index];
      instruction(*At, Depth);
      At = nullptr;
      break;
    }
  }
  if (Depth) {
    for (size_t R = FirstReturn; R < Returns.size(); ++R)
      P->Code[Returns[R].first].Target = uint32_t(P->Code.size());
    Returns.resize(FirstReturn);
  }
  Current = Saved;
}

void Decoder::instruction(const Statement &S, unsigned Depth) {
  if (Drop && S.SyncIndex == Drop)
    return;
  const std::string &Root = S.Parts[0];
  if (Root == "call") {
    if (!S.Guard.empty())
      fail("a call with a guard is not supported");
    return call(S, Depth);
  }
  Instruction I;
  I.Source = &S;
  if (!S.Guard.empty())
    I.Guard = predicateNamed(S.Guard, S.GuardNegated);
  if (Root == "ret" && Depth) {
    I.Control = Control::Branch;
    I.Class = classNamed("control");
    Returns.push_back({uint32_t(P->Code.size()), 0});
    P->Code.push_back(std::move(I));
    return;
  }
  Binder Bind = binderOf(Root);
  if (!Bind)
    fail("unknown instruction " + Root);
  Modifiers Mods(S);
  Bind(*this, Mods, S, I);
  Mods.finish();
  P->Code.push_back(std::move(I));
}

void Decoder::call(const Statement &S, unsigned Depth) {
  std::vector<const Argument *> Groups;
  std::string Callee;
  for (const Argument &A : S.Arguments)
    if (A.Kind == Argument::Group)
      Groups.push_back(&A);
    else if (Callee.empty())
      Callee = A.Text;
    else
      fail("calls through pointers are not supported");
  const Function *F = M.function(Callee);
  if (!F || !F->Defined)
    fail("call of function " + Callee + ", which the module does not define");
  bool ReturnsFirst = S.Arguments[0].Kind == Argument::Group;
  static const Argument Nothing;
  const Argument &Results = ReturnsFirst ? *Groups[0] : Nothing;
  const Argument &Inputs = Groups.size() > size_t(ReturnsFirst) ? *Groups[ReturnsFirst] : Nothing;
  if (Inputs.Elements.size() != F->Parameters.size() || Results.Elements.size() != F->Returns.size())
    fail("function " + Callee + " takes " + std::to_string(F->Parameters.size()) + " parameters and returns " +
         std::to_string(F->Returns.size()) + ", found " + std::to_string(Inputs.Elements.size()) + " and " +
         std::to_string(Results.Elements.size()));
  Scopes.push_back({});
  int Inner = int(Scopes.size()) - 1;
  auto Pass = [&](const Argument &A, const Variable &V) {
    Binding *B = lookup(A.Text);
    if (!B || B->Kind != Binding::Symbol)
      fail("expected a .param variable as argument, found " + A.Text);
    Scopes[Inner].Names[V.Name] = *B;
  };
  for (size_t I = 0; I < Inputs.Elements.size(); ++I)
    Pass(Inputs.Elements[I], F->Parameters[I]);
  for (size_t I = 0; I < Results.Elements.size(); ++I)
    Pass(Results.Elements[I], F->Returns[I]);
  function(*F, Inner, Depth + 1);
}

uint32_t Decoder::labelAt(int Scope, const std::string &Label, unsigned Line) const {
  for (; Scope >= 0; Scope = Scopes[Scope].Parent) {
    auto It = Scopes[Scope].Labels.find(Label);
    if (It != Scopes[Scope].Labels.end())
      return It->second;
  }
  throw PtxError{Line, "branch to label " + Label + ", which is not there"};
}

void Decoder::resolve() {
  for (const Fixup &F : Fixups)
    P->Code[F.At].Target = labelAt(F.Scope, F.Label, F.Line);
  for (const Fixup &F : TableFixups)
    P->Code[F.At].Targets.push_back(labelAt(F.Scope, F.Label, F.Line));
}

void Decoder::branch(const std::string &Label, Instruction &I) {
  Fixups.push_back({uint32_t(P->Code.size()), Current, Label, At->Line});
}

void Decoder::branchTable(const std::string &List, Instruction &I) {
  for (int S = Current; S >= 0; S = Scopes[S].Parent) {
    auto It = Scopes[S].Tables.find(List);
    if (It == Scopes[S].Tables.end())
      continue;
    for (const std::string &Label : *It->second)
      TableFixups.push_back({uint32_t(P->Code.size()), S, Label, At->Line});
    return;
  }
  fail("no .branchtargets named " + List);
}

Decoder::Binding *Decoder::lookup(const std::string &Name) {
  size_t Digits = Name.size();
  while (Digits && Name[Digits - 1] >= '0' && Name[Digits - 1] <= '9')
    --Digits;
  for (int S = Current; S >= 0; S = Scopes[S].Parent) {
    auto &Names = Scopes[S].Names;
    auto It = Names.find(Name);
    std::string Stem = Name;
    bool Counted = false;
    if (It == Names.end() || (It->second.Kind == Binding::Stem && It->second.Count >= 0)) {
      // %r17 of .reg .b32 %r<100>.
      for (size_t Cut = Digits; Cut < Name.size() && !Counted; ++Cut) {
        Stem = Name.substr(0, Cut);
        It = Names.find(Stem);
        Counted = It != Names.end() && It->second.Kind == Binding::Stem && It->second.Count >= 0 &&
                  std::strtoll(Name.c_str() + Cut, nullptr, 10) < It->second.Count;
      }
      if (!Counted)
        continue;
    }
    if (It->second.Kind != Binding::Stem)
      return &It->second;
    std::string Type = It->second.Type.substr(1);
    ptx::Type T = typeNamed(Type);
    if (T == Type::None || T == Type::B128)
      fail("registers of type ." + Type + " are not supported");
    Binding B{Binding::Register, allocate(std::max(bitsOf(T), T == Type::Pred ? 1u : 16u)), Space::Global, 0, {}, 0};
    return &(Names[Name] = B);
  }
  return nullptr;
}

} // namespace tinyc::emulator::ptx
