// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels whose threads work together: reductions through LDS and across lanes, atomics, a tiled matrix product on
// WMMA, divergent control flow, calls, private arrays.
#include "HipTest.h"
#include "Kernels.h"

#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

using namespace hiptest;

TEST(Cooperation, ReducesThroughLds) {
  Module module(compile(std::string(Prelude) + R"(
__kernel void reduce(__global float *o, __global const float *x) {
  __local float s[256];
  uint t = tid();
  s[t] = x[gid()];
  barrier_lds();
  for (uint k = 128; k; k >>= 1) {
    if (t < k) s[t] += s[t + k];
    barrier_lds();
  }
  if (!t) o[bid()] = s[0];
})"));
  std::vector<float> x(1024);
  std::iota(x.begin(), x.end(), 0.0f);
  Buffer in(x), out(16);
  ASSERT_EQ(run(module.function("reduce"), {4}, {256}, out, in), Success) << lastMessage();
  auto r = out.read<float>();
  for (int b = 0; b < 4; ++b)
    EXPECT_EQ(r[b], 256 * 256 * b + 255 * 128);
}

TEST(Cooperation, ReducesAcrossLanes) {
  Module module(compile(std::string(Prelude) + R"(
__kernel void lanes(__global int *o, __global const int *x) {
  uint t = tid();
  int v = x[gid()], d = v, p = v, s = v;
  d += __builtin_amdgcn_update_dpp(0, d, 0x111, 0xf, 0xf, true);
  d += __builtin_amdgcn_update_dpp(0, d, 0x112, 0xf, 0xf, true);
  d += __builtin_amdgcn_update_dpp(0, d, 0x114, 0xf, 0xf, true);
  d += __builtin_amdgcn_update_dpp(0, d, 0x118, 0xf, 0xf, true);
  for (int k = 1; k < 32; k <<= 1) p += __builtin_amdgcn_ds_bpermute((t ^ k) << 2, p);
  s += __builtin_amdgcn_ds_swizzle(s, 0x041f);
  s += __builtin_amdgcn_ds_swizzle(s, 0x081f);
  s += __builtin_amdgcn_permlanex16(s, s, 0x76543210, 0xfedcba98, false, false);
  int m = __builtin_amdgcn_mov_dpp8(v, 0xfac688 & 0xffffff) * 3 + __builtin_amdgcn_update_dpp(v, v, 0x150 + 5, 0xf, 0xf, false);
  int x5 = __builtin_amdgcn_update_dpp(v, v, 0x160 + 5, 0xf, 0xf, false);
  o[4 * gid()] = d;
  o[4 * gid() + 1] = p;
  o[4 * gid() + 2] = s;
  o[4 * gid() + 3] = x5 + __builtin_amdgcn_readlane(v, 7) + __builtin_amdgcn_readfirstlane(v) + m * 0;
})"));
  std::vector<int> x(64);
  for (int i = 0; i < 64; ++i)
    x[i] = i * i - 7;
  Buffer in(x), out(64 * 16);
  ASSERT_EQ(run(module.function("lanes"), {1}, {64}, out, in), Success) << lastMessage();
  auto r = out.read<int>();
  for (int i = 0; i < 64; ++i) {
    int wave = i & ~31, row = i & ~15, prefix = 0, all = 0;
    for (int j = row; j <= i; ++j)
      prefix += x[j];
    for (int j = 0; j < 32; ++j)
      all += x[wave + j];
    int swizzled = 0;
    for (int a : {0, 1})
      for (int b : {0, 2})
        for (int c : {0, 16})
          swizzled += x[wave + ((i ^ a ^ b ^ c) & 31)];
    EXPECT_EQ(r[4 * i], prefix) << i;
    EXPECT_EQ(r[4 * i + 1], all) << i;
    EXPECT_EQ(r[4 * i + 2], swizzled) << i;
    EXPECT_EQ(r[4 * i + 3], x[row + ((i ^ 5) & 15)] + x[wave + 7] + x[wave]) << i;
  }
}

TEST(Cooperation, Atomics) {
  Module module(compile(std::string(Prelude) + R"(
__kernel void count(__global int *g, __global float *f, __global long *l, __global const int *x) {
  __local int s[8];
  uint t = tid();
  if (t < 8) s[t] = 0;
  barrier_lds();
  __opencl_atomic_fetch_add((__local atomic_int *)&s[x[gid()] & 7], 1, memory_order_relaxed, memory_scope_work_group);
  barrier_lds();
  if (t < 8) __opencl_atomic_fetch_add((__global atomic_int *)&g[t], s[t], memory_order_relaxed, memory_scope_device);
  __opencl_atomic_fetch_max((__global atomic_int *)&g[8], x[gid()], memory_order_relaxed, memory_scope_device);
  __opencl_atomic_fetch_add((__global atomic_float *)f, 1.0f, memory_order_relaxed, memory_scope_device);
  __opencl_atomic_fetch_add((__global atomic_long *)l, (long)x[gid()] << 20, memory_order_relaxed, memory_scope_device);
})",
                        "cl", "-munsafe-fp-atomics"));
  std::vector<int> x(512), want(9);
  int64_t sum = 0;
  Noise noise(3);
  for (int &v : x) {
    v = int(noise.next() % 1000);
    ++want[v & 7];
    want[8] = std::max(want[8], v);
    sum += int64_t(v) << 20;
  }
  Buffer g(std::vector<int>(9)), f(std::vector<float>(1)), l(std::vector<int64_t>(1)), in(x);
  ASSERT_EQ(run(module.function("count"), {4}, {128}, g, f, l, in), Success) << lastMessage();
  EXPECT_EQ(g.read<int>(), want);
  EXPECT_EQ(f.read<float>()[0], 512);
  EXPECT_EQ(l.read<int64_t>()[0], sum);
}

/// A product of 64x64x64 tiles: one wave a 16x16 tile of the result, operands staged through LDS.
TEST(Cooperation, MatrixProductOnWmma) {
  Module module(compile(std::string(Prelude) + R"(
__kernel void matmul(__global float *o, __global const half *a, __global const half *b, int n, int k) {
  __local half sa[64 * 16], sb[16 * 64];
  uint t = tid(), wave = t / 32, lane = t % 32, row = bid() * 64;
  f8 c[4] = {0, 0, 0, 0};
  for (int k0 = 0; k0 < k; k0 += 16) {
    for (uint i = t; i < 64 * 16; i += 128) {
      sa[i] = a[(row + i / 16) * k + k0 + i % 16];
      sb[i] = b[(k0 + i / 64) * n + i % 64];
    }
    barrier_lds();
    h16 x;
    for (int i = 0; i < 16; ++i) x[i] = sa[(wave * 16 + lane % 16) * 16 + i];
    for (int j = 0; j < 4; ++j) {
      h16 y;
      for (int i = 0; i < 16; ++i) y[i] = sb[i * 64 + j * 16 + lane % 16];
      c[j] = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(x, y, c[j]);
    }
    barrier_lds();
  }
  for (int j = 0; j < 4; ++j)
    for (int i = 0; i < 8; ++i) o[(row + wave * 16 + 2 * i + lane / 16) * n + j * 16 + lane % 16] = c[j][i];
})"));
  int m = 128, n = 64, k = 64;
  Noise noise(5);
  std::vector<_Float16> a(m * k), b(k * n);
  for (auto &v : a)
    v = _Float16(noise.real(-1, 1));
  for (auto &v : b)
    v = _Float16(noise.real(-1, 1));
  Buffer da(a), db(b), out(m * n * 4);
  ASSERT_EQ(run(module.function("matmul"), {2}, {128}, out, da, db, n, k), Success) << lastMessage();
  auto r = out.read<float>();
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      double sum = 0;
      for (int l = 0; l < k; ++l)
        sum += double(a[i * k + l]) * double(b[l * n + j]);
      ASSERT_NEAR(r[i * n + j], sum, 1e-5);
    }
}

TEST(Cooperation, DivergenceCallsAndPrivateArrays) {
  Module module(compile(std::string(Prelude) + R"(
__attribute__((noinline)) static int collatz(uint n) {
  int steps = 0;
  while (n != 1) { n = n & 1 ? 3 * n + 1 : n / 2; ++steps; }
  return steps;
}
__kernel void k(__global int *o, __global const int *x) {
  uint i = gid();
  int t[16];
  for (int j = 0; j < 16; ++j) t[j] = x[(i + j) & 63];
  int best = 0;
  for (int j = 0; j < (x[i] & 15); ++j) { t[(x[i] + j * 3) & 15] ^= t[j]; best += t[x[j] & 15]; }
  switch (x[i] & 3) {
  case 0: best += collatz(x[i] + 1); break;
  case 1: best -= collatz(x[i] + 7) * 2; break;
  case 2: return;
  default: best = -best;
  }
  o[i] = best;
})"));
  std::vector<int> x(64), want(64, -5);
  Noise noise(6);
  for (int &v : x)
    v = int(noise.next() % 1000);
  auto collatz = [](unsigned n) {
    int steps = 0;
    while (n != 1)
      n = n & 1 ? 3 * n + 1 : n / 2, ++steps;
    return steps;
  };
  for (int i = 0; i < 64; ++i) {
    int t[16], best = 0;
    for (int j = 0; j < 16; ++j)
      t[j] = x[(i + j) & 63];
    for (int j = 0; j < (x[i] & 15); ++j)
      t[(x[i] + j * 3) & 15] ^= t[j], best += t[x[j] & 15];
    if ((x[i] & 3) == 2)
      continue;
    want[i] = (x[i] & 3) == 0 ? best + collatz(x[i] + 1) : (x[i] & 3) == 1 ? best - collatz(x[i] + 7) * 2 : -best;
  }
  Buffer in(x), out(std::vector<int>(64, -5));
  ASSERT_EQ(run(module.function("k"), {2}, {32}, out, in), Success) << lastMessage();
  EXPECT_EQ(out.read<int>(), want);
}

TEST(Cooperation, GenericPointersReachEveryMemory) {
  Module module(compile(std::string(Prelude) + R"(
__attribute__((noinline)) static void add(int *p, int v) { *p += v; }
__kernel void k(__global int *o) {
  __local int s[32];
  int p[2] = {1, 2};
  uint t = tid();
  s[t] = t;
  o[t] = 100;
  add(&s[t], 5);
  add((int *)&o[t], s[t]);
  add(&p[t & 1], 7);
  o[t] += p[0] + p[1] * 2;
})"));
  Buffer out(128);
  ASSERT_EQ(run(module.function("k"), {1}, {32}, out), Success) << lastMessage();
  auto r = out.read<int>();
  for (int t = 0; t < 32; ++t)
    EXPECT_EQ(r[t], 100 + t + 5 + (t & 1 ? 1 + 18 : 8 + 4));
}

TEST(Cooperation, ThreeDimensions) {
  Module module(compile(std::string(Prelude) + R"(
__kernel void k(__global uint *o) {
  uint x = __builtin_amdgcn_workitem_id_x() + 2 * __builtin_amdgcn_workgroup_id_x();
  uint y = __builtin_amdgcn_workitem_id_y() + 4 * __builtin_amdgcn_workgroup_id_y();
  uint z = __builtin_amdgcn_workitem_id_z() + 3 * __builtin_amdgcn_workgroup_id_z();
  o[x + 6 * (y + 8 * z)] = x | y << 8 | z << 16 | __builtin_amdgcn_workgroup_size_y() << 24;
})"));
  Buffer out(6 * 8 * 6 * 4);
  ASSERT_EQ(run(module.function("k"), {3, 2, 2}, {2, 4, 3}, out), Success) << lastMessage();
  auto r = out.read<unsigned>();
  for (unsigned z = 0; z < 6; ++z)
    for (unsigned y = 0; y < 8; ++y)
      for (unsigned x = 0; x < 6; ++x)
        EXPECT_EQ(r[x + 6 * (y + 8 * z)], x | y << 8 | z << 16 | 4u << 24);
}

TEST(Cooperation, OlderCodeObjectsAndDynamicLds) {
  // Dynamic LDS is an external array, as HIP has it: in C, since OpenCL C has no such thing.
  const std::string c = R"(
extern __attribute__((address_space(3))) int s[];
__attribute__((amdgpu_kernel, visibility("protected"))) void k(__attribute__((address_space(1))) int *o) {
  unsigned t = __builtin_amdgcn_workitem_id_x();
  s[t] = t * 3;
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
  o[t] = s[63 - t] + __builtin_amdgcn_workgroup_size_x();
}
)";
  for (const char *flags : {"-mcode-object-version=5", "-mcode-object-version=6"}) {
    Module module(compile(c, "c", flags));
    Buffer out(256);
    void *o = &out.address;
    ASSERT_EQ(launch(module.function("k"), {1}, {64}, {o}, 256), Success) << lastMessage();
    auto r = out.read<int>();
    for (int t = 0; t < 64; ++t)
      ASSERT_EQ(r[t], (63 - t) * 3 + 64);
    EXPECT_EQ(launch(module.function("k"), {1}, {64}, {o}, 252), IllegalAddress) << lastMessage();
  }
}

TEST(Cooperation, DotProductsOfBytes) {
  Module module(compile(std::string(Prelude) + R"(
__kernel void k(__global int *o, __global const int *a, __global const int *b) {
  uint i = gid();
  o[3 * i] = __builtin_amdgcn_sudot4(true, a[i], true, b[i], 5, false);
  o[3 * i + 1] = __builtin_amdgcn_sudot4(true, a[i], false, b[i], 5, false);
  o[3 * i + 2] = __builtin_amdgcn_udot4(a[i], b[i], 7, false);
})"));
  Noise noise(8);
  std::vector<int> a(64), b(64);
  for (int i = 0; i < 64; ++i)
    a[i] = int(noise.next()), b[i] = int(noise.next());
  Buffer da{a}, db{b}, out(64 * 12);
  ASSERT_EQ(run(module.function("k"), {1}, {64}, out, da, db), Success) << lastMessage();
  auto r = out.read<int>();
  for (int i = 0; i < 64; ++i) {
    int ss = 5, su = 5, uu = 7;
    for (int n = 0; n < 32; n += 8) {
      ss += int8_t(a[i] >> n) * int8_t(b[i] >> n);
      su += int8_t(a[i] >> n) * uint8_t(b[i] >> n);
      uu += uint8_t(a[i] >> n) * uint8_t(b[i] >> n);
    }
    ASSERT_EQ(r[3 * i], ss);
    ASSERT_EQ(r[3 * i + 1], su);
    ASSERT_EQ(r[3 * i + 2], uu);
  }
}
