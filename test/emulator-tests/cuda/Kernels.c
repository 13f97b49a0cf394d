// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that clang's NVPTX back end turns into PTX, optimised and not: jump tables, local memory through generic
// addresses, packed halves, vector accesses, 64-bit division.
#define GLOBAL __attribute__((address_space(1)))
#define SHARED __attribute__((address_space(3)))
#define KERNEL __attribute__((nvptx_kernel)) void
typedef float Float4 __attribute__((ext_vector_type(4)));
typedef _Float16 Half8 __attribute__((ext_vector_type(8)));

static inline __attribute__((always_inline)) void barrier(void) { __asm__ volatile("bar.sync 0;" ::: "memory"); }
static inline __attribute__((always_inline)) int thread(void) { return __nvvm_read_ptx_sreg_tid_x(); }

SHARED float Rows[256];

KERNEL rowMax(GLOBAL const float *In, GLOBAL float *Out, int Columns) {
  int T = thread(), B = __nvvm_read_ptx_sreg_ctaid_x();
  float M = -__builtin_inff();
  for (int I = T; I < Columns; I += 256)
    M = __builtin_fmaxf(M, In[B * Columns + I]);
  Rows[T] = M;
  barrier();
  for (int D = 128; D; D >>= 1) {
    if (T < D)
      Rows[T] = __builtin_fmaxf(Rows[T], Rows[T + D]);
    barrier();
  }
  M = Rows[0];
  for (int I = T; I < Columns; I += 256)
    Out[B * Columns + I] = (In[B * Columns + I] - M) / 3.0f;
}

static __attribute__((noinline)) long choose(unsigned char C, long L) {
  switch (C % 9) {
  case 0:
    return L + 5;
  case 1:
    return L * 5;
  case 2:
    return L - 7;
  case 3:
    return L ^ 5;
  case 4:
    return -L;
  case 5:
    return L | 5;
  case 6:
    return L % 10;
  default:
    return L & 0xff;
  }
}

KERNEL mixed(GLOBAL const Float4 *In, GLOBAL Float4 *Out, GLOBAL const Half8 *H, GLOBAL Half8 *HOut,
             GLOBAL const unsigned char *C, GLOBAL long *L) {
  int T = thread();
  Float4 V = In[T];
  Out[T] = V * V + 1.0f;
  Half8 X = H[T];
  HOut[T] = X * X + (_Float16)1.5f;
  long A[4] = {1, 2, 3, 4};
  A[C[T] & 3] += L[T];
  L[T] = choose(C[T], L[T]) + (long)C[T] * 12345678901L / (C[T] + 1) + (long)V.x + (L[T] >> (C[T] & 63)) + A[T & 3];
}
