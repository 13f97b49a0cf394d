// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The conformance suite's kernels for the CPU. Vectors have 1024 floats; a unit is 64 of them. The same kernels stand
// in conformance.ptx and conformance.cl.

typedef long long i64;
typedef unsigned u32;

enum { unitSize = 64 };

/// buffers: a, b, sum
int add(void *const *buffers, const i64 *symbols, u32 begin, u32 end, void *scratch) {
  const float *a = buffers[0], *b = buffers[1];
  float *sum = buffers[2];
  for (u32 i = begin * unitSize; i < end * unitSize; ++i)
    sum[i] = a[i] + b[i];
  return 0;
}

/// buffers: x, y; symbols: factor, offset. Through scratch, to see that each thread has its own.
int scale(void *const *buffers, const i64 *symbols, u32 begin, u32 end, void *scratch) {
  const float *x = buffers[0];
  float *y = buffers[1], *row = scratch;
  for (u32 unit = begin; unit < end; ++unit) {
    for (u32 i = 0; i < unitSize; ++i)
      row[i] = x[unit * unitSize + i] * (float)symbols[0];
    for (u32 i = 0; i < unitSize; ++i)
      y[unit * unitSize + i] = row[i] + (float)symbols[1];
  }
  return 0;
}

/// buffers: x, total (read and written)
int accumulate(void *const *buffers, const i64 *symbols, u32 begin, u32 end, void *scratch) {
  const float *x = buffers[0];
  float *total = buffers[1];
  for (u32 i = begin * unitSize; i < end * unitSize; ++i)
    total[i] = total[i] + x[i];
  return 0;
}

/// buffers: total, flag (a byte). The flag is set when the first element has reached the symbol.
int reached(void *const *buffers, const i64 *symbols, u32 begin, u32 end, void *scratch) {
  const float *total = buffers[0];
  unsigned char *flag = buffers[1];
  *flag = total[0] >= (float)symbols[0];
  return 0;
}

/// Fails with the code of its symbol.
int fail(void *const *buffers, const i64 *symbols, u32 begin, u32 end, void *scratch) { return (int)symbols[0]; }
