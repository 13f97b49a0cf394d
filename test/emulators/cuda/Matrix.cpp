// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mma.sync, ldmatrix and movmatrix. Fragment layouts: PTX ISA, "Warp Level Matrix Multiply-Accumulate Instructions",
// "Matrix Fragments for mma.m16n8k*". They follow one rule: with g = lane / 4, t = lane % 4 and E elements a register,
//   A, register r, element e: row g + 8 * (r % 2), column t * E + e + (r / 2) * 4 * E
//   B, register r, element e: row t * E + e + r * 4 * E, column g
//   C and D, element i:       row g + 8 * (i / 2), column 2 * t + i % 2
#include "test/emulators/cuda/Access.h"
#include "test/emulators/cuda/Lanes.h"
#include "test/emulators/cuda/Tile.h"

namespace tinyc::emulator::ptx {

namespace {

/// More: A's registers, then B's, C's, D's. Variant: A's count; Width: B's count; Mode: C's and D's.
void multiplyAccumulate(Warp &W, const Instruction &I) {
  const unsigned CountA = I.Variant, CountB = I.Width, CountC = I.Mode;
  const Operand *A = I.More.data(), *B = A + CountA, *C = B + CountB, *D = C + CountC;
  const unsigned Bits = bitsOf(I.Type), PerRegister = 32 / Bits, BitsC = CountC == 2 ? 16 : 32;
  const Type TypeA = I.Type, TypeB = I.From, TypeC = I.Result;
  double Values[32];
  uint32_t AnyBad = 0;
  Tile T;
  T.M = 16;
  T.N = 8;
  T.K = 4 * PerRegister * CountB;
  T.A = TypeA;
  T.B = TypeB;
  T.Accumulator = TypeC;
  T.Saturate = I.Saturate;
  for (unsigned R = 0; R < CountA; ++R) {
    const uint32_t *Row = W.in<uint32_t>(A[R]);
    uint32_t Bad = W.poisonOf(A[R]);
    for (unsigned E = 0; E < PerRegister; ++E) {
      elementValues(TypeA, Row, E * Bits, Values);
      for (unsigned L = 0; L < 32; ++L)
        T.a[(L / 4 + 8 * (R % 2)) * T.K + L % 4 * PerRegister + E + (R / 2) * 4 * PerRegister] = Values[L];
    }
    for (unsigned L = 0; Bad && L < 32; ++L)
      T.PoisonRows |= (Bad >> L & 1) << (L / 4 + 8 * (R % 2));
  }
  for (unsigned R = 0; R < CountB; ++R) {
    const uint32_t *Row = W.in<uint32_t>(B[R]);
    uint32_t Bad = W.poisonOf(B[R]);
    for (unsigned E = 0; E < PerRegister; ++E) {
      elementValues(TypeB, Row, E * Bits, Values);
      for (unsigned L = 0; L < 32; ++L)
        T.b[(L % 4 * PerRegister + E + R * 4 * PerRegister) * 8 + L / 4] = Values[L];
    }
    for (unsigned L = 0; Bad && L < 32; ++L)
      T.PoisonColumns |= (Bad >> L & 1) << (L / 4);
  }
  auto PlaceC = [](unsigned L, unsigned E) { return (L / 4 + 8 * (E / 2)) * 8 + 2 * (L % 4) + E % 2; };
  for (unsigned E = 0; E < 4; ++E) {
    const Operand &O = BitsC == 16 ? C[E / 2] : C[E];
    const uint32_t *Row = W.in<uint32_t>(O);
    elementValues(TypeC, Row, BitsC == 16 ? 16 * (E % 2) : 0, Values);
    for (unsigned L = 0; L < 32; ++L)
      T.c[PlaceC(L, E)] = Values[L];
    AnyBad |= W.poisonOf(O);
    for (unsigned L = 0; L < 32; ++L)
      T.poisonC[PlaceC(L, E)] = W.poisonOf(O) >> L & 1;
  }
  T.multiply();
  AnyBad |= T.PoisonRows | T.PoisonColumns;
  for (unsigned R = 0; R < CountC; ++R) {
    uint32_t Row[32], Bad = 0;
    if (TypeC == Type::F32) {
      for (unsigned L = 0; L < 32; ++L)
        Row[L] = accumulatorBits(Type::F32, T.c[PlaceC(L, R)]);
    } else {
      for (unsigned L = 0; L < 32; ++L) {
        Row[L] = 0;
        for (unsigned H = 0; H < 32 / BitsC; ++H)
          Row[L] |= accumulatorBits(TypeC, T.c[PlaceC(L, BitsC == 16 ? R * 2 + H : R)]) << (16 * H);
      }
    }
    for (unsigned L = 0; AnyBad && L < 32; ++L)
      for (unsigned H = 0; H < 32 / BitsC; ++H) {
        unsigned Place = PlaceC(L, BitsC == 16 ? R * 2 + H : R);
        bool Poison = T.poisonC[Place] || T.PoisonRows >> (Place / 8) & 1 || T.PoisonColumns >> (Place % 8) & 1;
        Bad |= uint32_t(Poison) << L;
      }
    commit(W, D[R], Row);
    W.setPoison(D[R], Bad);
  }
}

void bindMultiply(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("mma");
  if (!M.take("sync") || !M.take("aligned"))
    D.fail("expected mma.sync.aligned");
  struct Shape {
    const char *Name;
    unsigned K;
  };
  static constexpr Shape Shapes[] = {
      {"m16n8k4", 4}, {"m16n8k8", 8}, {"m16n8k16", 16}, {"m16n8k32", 32}, {"m16n8k64", 64}};
  unsigned K = 0;
  for (const Shape &Sh : Shapes)
    if (M.take(Sh.Name))
      K = Sh.K;
  if (!K)
    M.unknown(M.next());
  if (!M.take("row") || !M.take("col"))
    D.fail("expected .row.col");
  I.Saturate = M.take("satfinite");
  Type To = M.requireType();
  I.Type = M.requireType();
  I.From = M.requireType();
  Type C = M.requireType();
  const unsigned Bits = bitsOf(I.Type), Registers = K * Bits / 128;
  const bool Integer = !isFloat(I.Type);
  struct Row {
    Type A;
    unsigned KMin, KMax;
  };
  static constexpr Row Rows[] = {{Type::F16, 8, 16}, {Type::BF16, 8, 16}, {Type::TF32, 4, 8}, {Type::S8, 16, 32},
                                 {Type::U8, 16, 32}, {Type::S4, 32, 64},  {Type::U4, 32, 64}};
  bool Known = false;
  for (const Row &R : Rows)
    Known |= R.A == I.Type && K >= R.KMin && K <= R.KMax;
  bool Same = Integer ? bitsOf(I.From) == Bits && !isFloat(I.From) : I.From == I.Type;
  bool Accumulates = To == C && (Integer ? C == Type::S32 : C == Type::F32 || (C == Type::F16 && I.Type == Type::F16));
  if (!Known || !Same || !Accumulates)
    D.fail("unknown instruction: mma of this shape and these types is not supported");
  D.need(S, 4);
  I.Width = uint8_t(Registers);
  I.Variant = uint8_t(Registers * 2);
  I.Mode = C == Type::F16 ? 2 : 4;
  I.Result = C;
  auto Take = [&](const Argument &A, unsigned Count, bool To) {
    std::vector<Argument> E = A.Kind == Argument::Vector ? A.Elements : std::vector<Argument>{A};
    if (E.size() != Count)
      D.fail("expected a fragment of " + std::to_string(Count) + " registers, found " + std::to_string(E.size()));
    for (const Argument &X : E)
      I.More.push_back(To ? D.destination(X, 32) : D.source(X, Type::B32));
  };
  Take(S.Arguments[1], I.Variant, false);
  Take(S.Arguments[2], I.Width, false);
  Take(S.Arguments[3], I.Mode, false);
  Take(S.Arguments[0], I.Mode, true);
  I.Control = Control::Whole;
  I.Execute = multiplyAccumulate;
}

/// Variant: matrices; Mode: transposed. Lane 8 * m + r gives the address of row r of matrix m.
void loadMatrix(Warp &W, const Instruction &I) {
  uint64_t At[32];
  const uint32_t Giving = I.Variant == 4 ? ~0u : (1u << (8 * I.Variant)) - 1;
  W.Active = Giving;
  addresses(W, I, 0, At);
  uint16_t Data[32][8];
  uint8_t Bad[32] = {}; // a bit an element
  Place P;
  for (unsigned L = 0; L < 8u * I.Variant; ++L) {
    locateQuickly(W, I.Space, At[L], 16, L, P);
    if (P.Space != Space::Shared)
      W.fault(Fault::IllegalAddress, "expected an address in shared memory", int(L));
    At[L] = P.Address;
    noteRead(W, P, 16, L, false);
    std::memcpy(Data[L], P.Bytes, 16);
    for (unsigned E = 0; P.State && E < 8; ++E)
      if (P.States[2 * E] | P.States[2 * E + 1]) {
        Bad[L] |= 1 << E;
        W.PoisonSource = &I;
      }
  }
  countRequest(W, Space::Shared, At, 16, false);
  W.Active = ~0u;
  for (unsigned K = 0; K < I.Variant; ++K) {
    uint32_t Row[32], Poison = 0;
    for (unsigned L = 0; L < 32; ++L) {
      unsigned R0 = I.Mode ? 2 * (L % 4) : L / 4, C0 = I.Mode ? L / 4 : 2 * (L % 4);
      unsigned R1 = I.Mode ? R0 + 1 : R0, C1 = I.Mode ? C0 : C0 + 1;
      Row[L] = Data[8 * K + R0][C0] | uint32_t(Data[8 * K + R1][C1]) << 16;
      Poison |= uint32_t((Bad[8 * K + R0] >> C0 | Bad[8 * K + R1] >> C1) & 1) << L;
    }
    commit(W, I.D[K], Row);
    W.setPoison(I.D[K], Poison);
  }
}
void bindLoadMatrix(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("ldmatrix");
  if (!M.take("sync") || !M.take("aligned") || !M.take("m8n8"))
    D.fail("expected ldmatrix.sync.aligned.m8n8");
  I.Variant = M.take("x1") ? 1 : M.take("x2") ? 2 : M.take("x4") ? 4 : 0;
  if (!I.Variant)
    D.fail("expected .x1, .x2 or .x4");
  I.Mode = M.take("trans");
  I.Space = M.take("shared") || M.take("shared::cta") ? Space::Shared : Space::Generic;
  if (!M.take("b16"))
    D.fail("expected .b16");
  D.need(S, 2);
  std::vector<Argument> E =
      S.Arguments[0].Kind == Argument::Vector ? S.Arguments[0].Elements : std::vector<Argument>{S.Arguments[0]};
  if (E.size() != I.Variant)
    D.fail("expected " + std::to_string(I.Variant) + " registers");
  for (unsigned K = 0; K < I.Variant; ++K)
    I.D[K] = D.destination(E[K], 32);
  D.address(S.Arguments[1], I);
  I.Control = Control::Whole;
  I.Execute = loadMatrix;
}

/// Transposes the 8x8 matrix whose rows are spread as ldmatrix spreads them.
void moveMatrix(Warp &W, const Instruction &I) {
  const uint32_t *A = W.in<uint32_t>(I.S[0]);
  const uint32_t From = W.poisonOf(I.S[0]);
  uint32_t Row[32], Bad = 0;
  for (unsigned L = 0; L < 32; ++L) {
    Row[L] = 0;
    for (unsigned H = 0; H < 2; ++H) {
      unsigned R = 2 * (L % 4) + H, C = L / 4, Lane = R * 4 + C / 2;
      Row[L] |= (A[Lane] >> (16 * (C % 2)) & 0xffff) << (16 * H);
      Bad |= (From >> Lane & 1) << L;
    }
  }
  commit(W, I.D[0], Row);
  W.setPoison(I.D[0], Bad);
}
void bindMoveMatrix(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  I.Class = classNamed("ldmatrix");
  for (const char *Part : {"sync", "aligned", "m8n8", "trans", "b16"})
    if (!M.take(Part))
      D.fail("expected movmatrix.sync.aligned.m8n8.trans.b16");
  bindSame(D, S, I, Type::B32, 1);
  I.Control = Control::Whole;
  I.Execute = moveMatrix;
}

} // namespace

std::vector<BinderRow> matrixBinders() {
  return {{"mma", bindMultiply}, {"ldmatrix", bindLoadMatrix}, {"movmatrix", bindMoveMatrix}};
}

} // namespace tinyc::emulator::ptx
