// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The arithmetic of the tensor core, apart from the layouts of its fragments.
//
// Model: products are exact. Groups of 8 products (4 for tf32) are added to the accumulator without error and the sum
// is truncated to f32, as measured on A100 by Fasi, Higham, Mikaitis and Pranesh, "Numerical behavior of NVIDIA tensor
// cores", PeerJ Computer Science 7:e330 (2021). f16 accumulators round each group's sum to nearest even.
#pragma once

#include "test/emulators/cuda/Machine.h"

namespace tinyc::emulator::ptx {

/// One tile product D = A * B + C of up to 32 x 32 x 64, with poison by element.
struct Tile {
  unsigned M, N, K;
  Type A, B, Accumulator; ///< types of the operands and of C and D
  bool Saturate = false;
  double a[32 * 64], b[64 * 32], c[32 * 32];
  uint32_t PoisonRows = 0, PoisonColumns = 0; ///< rows of A, columns of B with anything poisoned
  bool poisonC[32 * 32] = {};

  void multiply();

private:
  template <unsigned Columns> void multiplyColumns();
};

/// A tile element from its bits and back.
double elementValue(Type T, uint32_t Bits);
/// The element at bit Shift of each lane's register.
void elementValues(Type T, const uint32_t *Row, unsigned Shift, double (&Out)[32]);
uint32_t accumulatorBits(Type T, double V);

} // namespace tinyc::emulator::ptx
