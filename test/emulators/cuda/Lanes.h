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

/// Binds destination and sources of an instruction all of whose operands have one type.
inline void bindSame(Decoder &D, const Statement &S, Instruction &I, Type T, unsigned Sources) {
  D.need(S, Sources + 1);
  I.Type = T;
  I.D[0] = D.destination(S.Arguments[0], bitsOf(T));
  for (unsigned K = 0; K < Sources; ++K)
    I.S[K] = D.source(S.Arguments[K + 1], T);
}

} // namespace tinyc::emulator::ptx
