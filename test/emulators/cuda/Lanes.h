// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The shapes that most handlers have: the same function on every lane. Results go through a local row, so that the
// compiler sees no aliasing and makes vector code, and the copy back respects the active lanes.
#pragma once

#include "test/emulators/cuda/Decoder.h"
#include "test/emulators/cuda/Machine.h"

namespace tinyc::emulator::ptx {

template <typename T> inline void commit(Warp &W, const Operand &D, const T *Row) {
  T *Out = W.out<T>(D);
  if (W.Active == ~0u) {
    std::memcpy(Out, Row, sizeof(T) * 32);
    return;
  }
  for (unsigned L = 0; L < 32; ++L)
    Out[L] = W.Active >> L & 1 ? Row[L] : Out[L];
}

template <typename D, typename A, typename F> inline void lanes1(Warp &W, const Instruction &I, F Op) {
  D Row[32];
  const A *X = W.in<A>(I.S[0]);
  for (unsigned L = 0; L < 32; ++L)
    Row[L] = Op(X[L]);
  commit(W, I.D[0], Row);
  W.setPoison(I.D[0], W.poisonOf(I.S[0]));
}

template <typename D, typename A, typename B, typename F> inline void lanes2(Warp &W, const Instruction &I, F Op) {
  D Row[32];
  const A *X = W.in<A>(I.S[0]);
  const B *Y = W.in<B>(I.S[1]);
  for (unsigned L = 0; L < 32; ++L)
    Row[L] = Op(X[L], Y[L]);
  commit(W, I.D[0], Row);
  W.setPoison(I.D[0], W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]));
}

template <typename D, typename A, typename B, typename C, typename F>
inline void lanes3(Warp &W, const Instruction &I, F Op) {
  D Row[32];
  const A *X = W.in<A>(I.S[0]);
  const B *Y = W.in<B>(I.S[1]);
  const C *Z = W.in<C>(I.S[2]);
  for (unsigned L = 0; L < 32; ++L)
    Row[L] = Op(X[L], Y[L], Z[L]);
  commit(W, I.D[0], Row);
  W.setPoison(I.D[0], W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]) | W.poisonOf(I.S[2]));
}

/// Runs an instruction of whose sources the lanes Poisoned are not wholly defined; Of gives the undefined bits of a
/// lane of its result. They are found first: the result may overwrite a source.
template <typename Execute, typename F>
inline void trackBits(Warp &W, const Instruction &I, uint32_t Poisoned, Execute Run, F Of) {
  Poisoned &= W.Active;
  if (!Poisoned) [[likely]]
    return Run();
  UndefinedBits Bits{};
  for (unsigned L = 0; L < 32; ++L)
    if (Poisoned >> L & 1)
      Bits[L] = uint64_t(Of(L));
  Run();
  W.setUndefinedBits(I.D[0], Bits);
}

// The same for functions that only bring each bit of their first operands to another place: what happens to the bits
// happens to the marks that they are undefined. The operands after those say where; they must be defined.
template <typename D, typename A, typename F> inline void route1(Warp &W, const Instruction &I, F Op) {
  trackBits(
      W, I, W.poisonOf(I.S[0]), [&] { lanes1<D, A>(W, I, Op); },
      [&](unsigned L) { return uint64_t(Op(A(W.undefinedBits(I.S[0], L)))); });
}
template <typename D, typename A, typename B, typename F> inline void route1By1(Warp &W, const Instruction &I, F Op) {
  trackBits(
      W, I, W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]), [&] { lanes2<D, A, B>(W, I, Op); },
      [&](unsigned L) {
        return W.undefinedBits(I.S[1], L) ? ~0ull : uint64_t(Op(A(W.undefinedBits(I.S[0], L)), W.in<B>(I.S[1])[L]));
      });
}
template <typename D, typename A, typename B, typename C, typename F>
inline void route1By2(Warp &W, const Instruction &I, F Op) {
  trackBits(
      W, I, W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]) | W.poisonOf(I.S[2]), [&] { lanes3<D, A, B, C>(W, I, Op); },
      [&](unsigned L) {
        if (W.undefinedBits(I.S[1], L) | W.undefinedBits(I.S[2], L))
          return ~uint64_t(0);
        return uint64_t(Op(A(W.undefinedBits(I.S[0], L)), W.in<B>(I.S[1])[L], W.in<C>(I.S[2])[L]));
      });
}
template <typename D, typename A, typename B, typename C, typename F>
inline void route2By1(Warp &W, const Instruction &I, F Op) {
  trackBits(
      W, I, W.poisonOf(I.S[0]) | W.poisonOf(I.S[1]) | W.poisonOf(I.S[2]), [&] { lanes3<D, A, B, C>(W, I, Op); },
      [&](unsigned L) {
        if (W.undefinedBits(I.S[2], L))
          return ~uint64_t(0);
        return uint64_t(Op(A(W.undefinedBits(I.S[0], L)), B(W.undefinedBits(I.S[1], L)), W.in<C>(I.S[2])[L]));
      });
}

/// Sums and low products: an undefined bit reaches the bits above it, never those below.
template <typename Execute> inline void trackUpwards(Warp &W, const Instruction &I, unsigned Sources, Execute Run) {
  uint32_t Poisoned = 0;
  for (unsigned K = 0; K < Sources; ++K)
    Poisoned |= W.poisonOf(I.S[K]);
  trackBits(W, I, Poisoned, Run, [&](unsigned L) {
    uint64_t Bits = 0;
    for (unsigned K = 0; K < Sources; ++K)
      Bits |= W.undefinedBits(I.S[K], L);
    return 0 - (Bits & (0 - Bits));
  });
}

/// Binds destination and sources of an instruction all of whose operands have one type.
inline void bindSame(Decoder &D, const Statement &S, Instruction &I, Type T, unsigned Sources) {
  D.need(S, Sources + 1);
  I.Type = T;
  I.D[0] = D.destination(S.Arguments[0], bitsOf(T));
  for (unsigned K = 0; K < Sources; ++K)
    I.S[K] = D.source(S.Arguments[K + 1], T);
}

} // namespace tinyc::emulator::ptx
