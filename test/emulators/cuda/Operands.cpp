// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands of instructions: registers, immediates, special registers, addresses; and modifiers.
#include "test/emulators/cuda/Decoder.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tinyc::emulator::ptx {

bool Modifiers::take(const char *Part) {
  for (size_t I = 1; I < Used.size(); ++I)
    if (!Used[I] && S.Parts[I] == Part)
      return Used[I] = true;
  return false;
}

Type Modifiers::type() {
  for (size_t I = 1; I < Used.size(); ++I)
    if (!Used[I] && typeNamed(S.Parts[I]) != Type::None) {
      Used[I] = true;
      return typeNamed(S.Parts[I]);
    }
  return Type::None;
}

Type Modifiers::requireType() {
  Type T = type();
  if (T == Type::None)
    throw PtxError{S.Line, "expected a type on '" + S.Source + "'"};
  return T;
}

int Modifiers::oneOf(std::initializer_list<const char *> Parts) {
  int Index = 0;
  for (const char *Part : Parts) {
    if (take(Part))
      return Index;
    ++Index;
  }
  return -1;
}

Rounding Modifiers::rounding() {
  switch (oneOf({"rn", "rna", "rz", "rm", "rp"})) {
  case 0:
    return Rounding::NearestEven;
  case 1:
    return Rounding::NearestAway;
  case 2:
    return Rounding::TowardZero;
  case 3:
    return Rounding::Down;
  case 4:
    return Rounding::Up;
  default:
    return Rounding::Default;
  }
}

std::string Modifiers::next() const {
  for (size_t I = 1; I < Used.size(); ++I)
    if (!Used[I])
      return S.Parts[I];
  return {};
}

std::string Modifiers::takeNext() {
  std::string Part = next();
  if (!Part.empty())
    take(Part.c_str());
  return Part;
}

void Modifiers::unknown(const std::string &Part) const {
  throw PtxError{S.Line, "unknown instruction: modifier ." + Part + " of '" + S.Source + "' is not supported"};
}

void Modifiers::finish() const {
  std::string Part = next();
  if (!Part.empty())
    unknown(Part);
}

struct TypeRow {
  const char *Name;
  Type T;
  uint8_t Bits;
};
static constexpr TypeRow TypeRows[] = {
    {"pred", Type::Pred, 1},    {"b8", Type::B8, 8},          {"b16", Type::B16, 16},   {"b32", Type::B32, 32},
    {"b64", Type::B64, 64},     {"b128", Type::B128, 128},    {"u8", Type::U8, 8},      {"u16", Type::U16, 16},
    {"u32", Type::U32, 32},     {"u64", Type::U64, 64},       {"s8", Type::S8, 8},      {"s16", Type::S16, 16},
    {"s32", Type::S32, 32},     {"s64", Type::S64, 64},       {"f16", Type::F16, 16},   {"f16x2", Type::F16x2, 32},
    {"bf16", Type::BF16, 16},   {"bf16x2", Type::BF16x2, 32}, {"tf32", Type::TF32, 32}, {"f32", Type::F32, 32},
    {"f32x2", Type::F32x2, 64}, {"f64", Type::F64, 64},       {"s4", Type::S4, 4},      {"u4", Type::U4, 4},
    {"b1", Type::B1, 1}};

unsigned bitsOf(Type T) {
  for (const TypeRow &R : TypeRows)
    if (R.T == T)
      return R.Bits;
  return 0;
}
Type typeNamed(const std::string &Part) {
  for (const TypeRow &R : TypeRows)
    if (Part == R.Name)
      return R.T;
  return Type::None;
}
bool isFloat(Type T) { return T >= Type::F16 && T <= Type::F64; }
bool isSigned(Type T) { return (T >= Type::S8 && T <= Type::S64) || T == Type::S4; }

static std::vector<std::string> &classes() {
  static std::vector<std::string> Names;
  return Names;
}
const std::vector<std::string> &instructionClasses() { return classes(); }
uint8_t classNamed(const char *Name) {
  auto &Names = classes();
  auto It = std::find(Names.begin(), Names.end(), Name);
  if (It == Names.end())
    It = Names.insert(Names.end(), Name);
  return uint8_t(It - Names.begin());
}

Operand Decoder::allocate(unsigned Bits) {
  Operand O;
  O.Bits = uint8_t(Bits);
  O.Offset = P->RegisterBytes;
  O.Poison = P->PoisonWords++;
  // A predicate is one word, yet rows start at multiples of 64 bytes for the sake of vector loads.
  P->RegisterBytes += std::max(64u, Bits == 1 ? 4 : Bits * 4);
  ++P->RegisterCount;
  return O;
}

Operand Decoder::sink(unsigned Bits) { return allocate(Bits); }

Operand Decoder::constant(uint64_t Value, unsigned Bits) {
  auto Key = std::make_pair(Value, Bits);
  auto It = ConstantRows.find(Key);
  if (It != ConstantRows.end())
    return It->second;
  Operand O;
  O.Bits = uint8_t(Bits);
  O.Constant = true;
  O.Offset = uint32_t(P->Constants.size());
  if (Bits == 1)
    Value = Value & 1 ? ~0u : 0;
  unsigned Bytes = Bits == 1 ? 4 : Bits / 8;
  unsigned Row = Bits == 1 ? 64 : std::max(64u, Bytes * 32);
  P->Constants.resize(P->Constants.size() + Row);
  for (unsigned L = 0; L < (Bits == 1 ? 1 : 32); ++L)
    std::memcpy(P->Constants.data() + O.Offset + L * Bytes, &Value, Bytes);
  return ConstantRows[Key] = O;
}

Operand Decoder::special(const std::string &Name) {
  static const std::map<std::string, uint32_t> Rows = {{"%tid.x", TidX},
                                                       {"%tid.y", TidY},
                                                       {"%tid.z", TidZ},
                                                       {"%ntid.x", NTidX},
                                                       {"%ntid.y", NTidY},
                                                       {"%ntid.z", NTidZ},
                                                       {"%ctaid.x", CtaX},
                                                       {"%ctaid.y", CtaY},
                                                       {"%ctaid.z", CtaZ},
                                                       {"%nctaid.x", NCtaX},
                                                       {"%nctaid.y", NCtaY},
                                                       {"%nctaid.z", NCtaZ},
                                                       {"%laneid", LaneId},
                                                       {"%warpid", WarpId},
                                                       {"%nwarpid", NWarpId},
                                                       {"%smid", SmId},
                                                       {"%nsmid", NSmId},
                                                       {"%gridid", GridId},
                                                       {"%lanemask_eq", MaskEq},
                                                       {"%lanemask_le", MaskLe},
                                                       {"%lanemask_lt", MaskLt},
                                                       {"%lanemask_ge", MaskGe},
                                                       {"%lanemask_gt", MaskGt},
                                                       {"%dynamic_smem_size", DynamicSize},
                                                       {"%total_smem_size", TotalSize}};
  auto It = Rows.find(Name);
  if (It == Rows.end())
    return {};
  Operand O;
  O.Bits = 32;
  O.Offset = It->second * 128;
  return O;
}

Operand Decoder::source(const Argument &A, Type T) {
  unsigned Bits = std::max(bitsOf(T), T == Type::Pred ? 1u : 16u);
  switch (A.Kind) {
  case Argument::Integer:
    if (T == Type::F32 || T == Type::F64 || T == Type::F16)
      if (A.Value != 0)
        fail("expected a floating-point immediate, found an integer");
    return constant(Bits == 64 ? A.Value : A.Value & ((1ull << Bits) - 1), Bits);
  case Argument::Float32: {
    if (Bits == 64)
      return constant(std::bit_cast<uint64_t>(double(std::bit_cast<float>(uint32_t(A.Value)))), 64);
    if (Bits != 32)
      fail("a 32-bit floating-point immediate where a " + std::to_string(Bits) + "-bit operand is expected");
    return constant(A.Value, 32);
  }
  case Argument::Float64:
    if (Bits == 32)
      return constant(std::bit_cast<uint32_t>(float(std::bit_cast<double>(A.Value))), 32);
    if (Bits != 64)
      fail("a 64-bit floating-point immediate where a " + std::to_string(Bits) + "-bit operand is expected");
    return constant(A.Value, 64);
  case Argument::Name:
    break;
  default:
    fail("expected a register or an immediate");
  }
  if (T == Type::Pred)
    return predicate(A);
  if (Operand O = special(A.Text)) {
    if (Bits != 32)
      fail("special register " + A.Text + " has 32 bits, expected " + std::to_string(Bits));
    return O;
  }
  Binding *B = lookup(A.Text);
  if (!B) {
    if (auto It = Globals.find(A.Text); It != Globals.end())
      return constant(It->second + A.Value, 64);
    auto Shared = SharedPlaces.find("/" + A.Text);
    if (Shared == SharedPlaces.end())
      fail("unknown name " + A.Text);
    return constant((Shared->second == ~0u ? P->DynamicShared : Shared->second) + A.Value, Bits);
  }
  if (B->Kind == Binding::Symbol) {
    uint64_t Address = B->Space == Space::Shared && B->Address == ~0u ? P->DynamicShared : B->Address;
    return constant(Address + A.Value, Bits);
  }
  if (B->Row.Bits != Bits)
    fail("register " + A.Text + " has " + std::to_string(B->Row.Bits) + " bits, expected " + std::to_string(Bits));
  return B->Row;
}

Operand Decoder::wideSource(const Argument &A, Type T) {
  Binding *B = A.Kind == Argument::Name ? lookup(A.Text) : nullptr;
  if (B && B->Kind == Binding::Register && B->Row.Bits >= bitsOf(T))
    return B->Row;
  return source(A, T);
}

Operand Decoder::destination(const Argument &A, unsigned Bits) {
  if (A.Kind != Argument::Name)
    fail("expected a register as destination");
  if (A.Text == "_")
    return sink(Bits ? std::max(Bits, 16u) : 64);
  Binding *B = lookup(A.Text);
  if (!B || B->Kind != Binding::Register)
    fail("unknown register " + A.Text);
  if (Bits == 8)
    Bits = 16;
  if (Bits && B->Row.Bits != Bits)
    fail("register " + A.Text + " has " + std::to_string(B->Row.Bits) + " bits, expected " + std::to_string(Bits));
  return B->Row;
}

Operand Decoder::predicate(const Argument &A) {
  if (A.Kind == Argument::Integer)
    return constant(A.Value != 0, 1);
  return predicateNamed(A.Text, A.Negated);
}

bool Decoder::isPredicate(const Argument &A) {
  Binding *B = lookup(A.Text);
  return B && B->Kind == Binding::Register && B->Row.Bits == 1;
}

Operand Decoder::predicateNamed(const std::string &Name, bool Negated) {
  if (Name == "_")
    return sink(1);
  Binding *B = lookup(Name);
  if (!B || B->Kind != Binding::Register || B->Row.Bits != 1)
    fail("expected a predicate, found " + Name);
  Operand O = B->Row;
  O.Negated = Negated;
  return O;
}

void Decoder::address(const Argument &A, Instruction &I, unsigned Slot) {
  if (A.Kind != Argument::Address)
    fail("expected an address in brackets");
  I.Offset = int64_t(A.Value);
  I.S[Slot] = constant(0, 64);
  if (A.Text.empty())
    return;
  if (Binding *B = lookup(A.Text)) {
    if (B->Kind == Binding::Symbol) {
      // Parameters of expanded functions live in the thread's local memory.
      if (I.Space == Space::Param || I.Space == Space::Generic)
        I.Space = B->Space;
      I.Offset += int64_t(B->Space == Space::Shared && B->Address == ~0u ? P->DynamicShared : B->Address);
      return;
    }
    if (B->Row.Bits != 64 && B->Row.Bits != 32)
      fail("expected an address of 32 or 64 bits in " + A.Text);
    I.S[Slot] = B->Row;
    return;
  }
  if (auto It = Globals.find(A.Text); It != Globals.end()) {
    I.Offset += int64_t(It->second);
    return;
  }
  auto Shared = SharedPlaces.find("/" + A.Text);
  if (Shared == SharedPlaces.end())
    fail("unknown name " + A.Text);
  if (I.Space == Space::Generic)
    I.Space = Space::Shared;
  I.Offset += Shared->second == ~0u ? P->DynamicShared : Shared->second;
}

} // namespace tinyc::emulator::ptx
