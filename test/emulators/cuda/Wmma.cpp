// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wmma.load, wmma.mma and wmma.store, which nvcc makes of the WMMA API. PTX leaves their fragments' layout open; here
// slot s of a fragment (lane-major, then register, then element) holds element s modulo the tile's size, row by row.
// f16 operands have twice as many slots as elements, as on the hardware.
#include "test/emulators/cuda/Access.h"
#include "test/emulators/cuda/Lanes.h"
#include "test/emulators/cuda/Tile.h"

namespace tinyc::emulator::ptx {

namespace {

struct Shape {
  const char *Name;
  unsigned M, N, K;
};
constexpr Shape Shapes[] = {
    {"m16n16k16", 16, 16, 16}, {"m8n32k16", 8, 32, 16}, {"m32n8k16", 32, 8, 16}, {"m16n16k8", 16, 16, 8}};

/// The place of (lane, register, element) in a tile of Size elements.
unsigned slot(unsigned Lane, unsigned Register, unsigned Element, unsigned Registers, unsigned PerRegister,
              unsigned Size) {
  return ((Lane * Registers + Register) * PerRegister + Element) % Size;
}

// Loads and stores. Variant: the shape; Mode: 0 a, 1 b, 2 c or d; Width: registers; Member: 1 column-major.
void extent(const Instruction &I, unsigned &Rows, unsigned &Columns) {
  const Shape &S = Shapes[I.Variant];
  Rows = I.Mode == 1 ? S.K : S.M;
  Columns = I.Mode == 0 ? S.K : S.N;
}

void transfer(Warp &W, const Instruction &I) {
  const bool Store = I.Strong;
  uint64_t Base[32], At[32];
  addresses(W, I, 0, Base);
  if (I.S[1])
    W.requireDefined(I.S[1], W.Active, "the stride");
  unsigned Rows, Columns;
  extent(I, Rows, Columns);
  const unsigned Bits = bitsOf(I.Type), Bytes = Bits / 8, PerRegister = 32 / Bits, Registers = I.Width;
  Place P;
  for (unsigned R = 0; R < Registers; ++R) {
    uint32_t Row[32] = {}, Bad = 0;
    if (Store) {
      std::memcpy(Row, W.in<uint32_t>(I.More[R]), sizeof Row);
      Bad = W.poisonOf(I.More[R]);
    }
    for (unsigned E = 0; E < PerRegister; ++E) {
      Space Counted = I.Space;
      for (unsigned L = 0; L < 32; ++L) {
        if (Base[L] != Base[0])
          W.fault(Fault::LaunchFailed, "expected the same address in all lanes", int(L));
        uint64_t Stride = I.S[1] ? W.get(I.S[1], L) : I.Member ? Rows : Columns;
        unsigned S = slot(L, R, E, Registers, PerRegister, Rows * Columns), Y = S / Columns, X = S % Columns;
        locate(W, I.Space, Base[L] + (I.Member ? X * Stride + Y : Y * Stride + X) * Bytes, Bytes, L, P);
        At[L] = P.Address;
        Counted = P.Space;
        uint32_t V = Row[L] >> (E * Bits);
        if (Store) {
          noteWrite(W, P, Bytes, L, &V, false);
          std::memcpy(P.Bytes, &V, Bytes);
          if (Bad >> L & 1 && P.Space == Space::Global)
            W.poisoned(1u << L, "the value stored to global memory");
          std::memset(P.States, Bad >> L & 1 ? Poisoned : Defined, Bytes);
        } else {
          noteRead(W, P, Bytes, L, false);
          V = 0;
          std::memcpy(&V, P.Bytes, Bytes);
          Row[L] |= V << (E * Bits);
          if (anyState(P.States, Bytes)) {
            Bad |= 1u << L;
            W.PoisonSource = &I;
          }
        }
      }
      countRequest(W, Counted, At, Bytes, Store);
    }
    if (!Store) {
      commit(W, I.More[R], Row);
      W.setPoison(I.More[R], Bad);
    }
  }
}

Operand fragmentRegister(Decoder &D, const Argument &A, bool To) {
  return To ? D.destination(A, 32) : D.source(A, Type::B32);
}

// Products. More: A's registers, B's, C's, D's; Targets: their four counts, the types of C and D.
void multiply(Warp &W, const Instruction &I) {
  const Shape &S = Shapes[I.Variant];
  const unsigned CountA = I.Targets[0], CountB = I.Targets[1], CountC = I.Targets[2], CountD = I.Targets[3];
  const Type TypeC = Type(I.Targets[4]), TypeD = Type(I.Targets[5]);
  const Operand *A = I.More.data(), *B = A + CountA, *C = B + CountB, *D = C + CountC;
  Tile T;
  T.M = S.M;
  T.N = S.N;
  T.K = S.K;
  T.A = I.Type;
  T.B = I.From;
  T.Accumulator = TypeD;
  T.Saturate = I.Saturate;
  auto Gather = [&](const Operand *O, unsigned Count, Type Ty, unsigned Size, auto Put) {
    const unsigned Bits = bitsOf(Ty), Per = 32 / Bits;
    for (unsigned R = 0; R < Count; ++R) {
      const uint32_t *Row = W.in<uint32_t>(O[R]);
      for (unsigned L = 0; L < 32; ++L)
        for (unsigned E = 0; E < Per; ++E)
          Put(slot(L, R, E, Count, Per, Size), elementValue(Ty, Row[L] >> (E * Bits)), W.poisonOf(O[R]) >> L & 1);
    }
  };
  Gather(A, CountA, I.Type, S.M * S.K, [&](unsigned At, double V, uint32_t Bad) {
    T.a[At] = V;
    T.PoisonRows |= Bad << (At / S.K);
  });
  Gather(B, CountB, I.From, S.K * S.N, [&](unsigned At, double V, uint32_t Bad) {
    T.b[At] = V;
    T.PoisonColumns |= Bad << (At % S.N);
  });
  Gather(C, CountC, TypeC, S.M * S.N, [&](unsigned At, double V, uint32_t Bad) {
    T.c[At] = V;
    T.poisonC[At] = Bad;
  });
  T.multiply();
  const unsigned Bits = bitsOf(TypeD), Per = 32 / Bits;
  for (unsigned R = 0; R < CountD; ++R) {
    uint32_t Row[32], Bad = 0;
    for (unsigned L = 0; L < 32; ++L) {
      Row[L] = 0;
      for (unsigned E = 0; E < Per; ++E) {
        unsigned At = slot(L, R, E, CountD, Per, S.M * S.N);
        Row[L] |= accumulatorBits(TypeD, T.c[At]) << (E * Bits);
        bool Poison = T.poisonC[At] || T.PoisonRows >> (At / S.N) & 1 || T.PoisonColumns >> (At % S.N) & 1;
        Bad |= uint32_t(Poison) << L;
      }
    }
    commit(W, D[R], Row);
    W.setPoison(D[R], Bad);
  }
}

void bindWmma(Decoder &D, Modifiers &M, const Statement &S, Instruction &I) {
  int What = M.oneOf({"load", "store", "mma"});
  if (What < 0)
    M.unknown(M.next());
  I.Control = Control::Whole;
  int Role = What == 2 ? 0 : M.oneOf({"a", "b", "c", "d"});
  if (!M.take("sync") || !M.take("aligned"))
    D.fail("expected .sync.aligned");
  int FirstLayout = M.oneOf({"row", "col"});
  if (What == 2)
    M.oneOf({"row", "col"}); // the layouts of the loads; the fragments here do not depend on them
  int Sh = -1;
  for (int K = 0; K < 4; ++K)
    if (M.take(Shapes[K].Name))
      Sh = K;
  if (Sh < 0)
    M.unknown(M.next());
  I.Variant = uint8_t(Sh);
  const Shape &Z = Shapes[Sh];
  I.Saturate = M.take("satfinite");
  auto Expand = [&](const Argument &A) { return A.Kind == Argument::Vector ? A.Elements : std::vector<Argument>{A}; };
  if (What == 2) {
    I.Class = classNamed("mma");
    std::vector<Type> Types;
    for (Type T = M.type(); T != Type::None; T = M.type())
      Types.push_back(T);
    if (Types.size() == 2) // f16 operands are not named
      Types = {Types[0], Type::F16, Type::F16, Types[1]};
    if (Types.size() != 4)
      D.fail("expected two or four types");
    I.Type = Types[1];
    I.From = Types[2];
    D.need(S, 4);
    auto A = Expand(S.Arguments[1]), B = Expand(S.Arguments[2]), C = Expand(S.Arguments[3]),
         To = Expand(S.Arguments[0]);
    I.Targets = {uint32_t(A.size()),  uint32_t(B.size()), uint32_t(C.size()),
                 uint32_t(To.size()), uint32_t(Types[3]), uint32_t(Types[0])};
    auto Check = [&](size_t Found, unsigned Elements, Type T) {
      if (Found * 32 * (32 / bitsOf(T)) < Elements || Elements * 8 < Found * 32 * (32 / bitsOf(T)))
        D.fail("expected a fragment of " + std::to_string(Elements) + " elements");
    };
    Check(A.size(), Z.M * Z.K, Types[1]);
    Check(B.size(), Z.K * Z.N, Types[2]);
    Check(C.size(), Z.M * Z.N, Types[3]);
    Check(To.size(), Z.M * Z.N, Types[0]);
    for (auto *List : {&A, &B, &C})
      for (const Argument &X : *List)
        I.More.push_back(fragmentRegister(D, X, false));
    for (const Argument &X : To)
      I.More.push_back(fragmentRegister(D, X, true));
    I.Execute = multiply;
    return;
  }
  bool Store = What == 1;
  I.Strong = Store;
  I.Mode = uint8_t(std::min(Role, 2));
  I.Member = FirstLayout == 1;
  I.Space = M.take("global")                            ? Space::Global
            : M.take("shared") || M.take("shared::cta") ? Space::Shared
                                                        : Space::Generic;
  I.Type = M.requireType();
  I.Class = classNamed(Store ? (I.Space == Space::Shared ? "store_shared" : "store_global")
                             : (I.Space == Space::Shared ? "load_shared" : "load_global"));
  D.need(S, 2, 3);
  D.address(S.Arguments[Store ? 0 : 1], I);
  auto Fragment = Expand(S.Arguments[Store ? 1 : 0]);
  I.Width = uint8_t(Fragment.size());
  for (const Argument &X : Fragment)
    I.More.push_back(fragmentRegister(D, X, !Store));
  if (S.Arguments.size() == 3)
    I.S[1] = D.source(S.Arguments[2], Type::U32);
  I.Execute = transfer;
}

} // namespace

std::vector<BinderRow> wmmaBinders() { return {{"wmma", bindWmma}}; }

} // namespace tinyc::emulator::ptx
