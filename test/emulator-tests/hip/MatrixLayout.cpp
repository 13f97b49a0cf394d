// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// WMMA register layouts as data, from AMD's "RDNA3 Instruction Set Architecture" (section 7.9, wave matrix multiply)
// and its drawings for waves of 32: which element of A, B and C each lane's registers hold. The kernels only load,
// multiply and store registers; which element is which is decided here.
#include "HipTest.h"
#include "Kernels.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace hiptest;

namespace {

/// A: row of lane, column (K) of the slot-th 16-bit element in the lane's eight registers; B alike with its column.
int rowOfA(int lane) { return lane % 16; }
int columnOfB(int lane) { return lane % 16; }
int kOfSlot(int slot) { return slot; }
/// C and D: element of register `reg` of a lane.
int rowOfC(int lane, int reg) { return 2 * reg + lane / 16; }
int columnOfC(int lane) { return lane % 16; }

const std::string Source = std::string(Prelude) + R"(
__kernel void f16(__global f8 *d, __global const h16 *a, __global const h16 *b, __global const f8 *c) {
  uint t = tid();
  d[t] = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(a[t], b[t], c[t]);
}
__kernel void bf16(__global f8 *d, __global const s16 *a, __global const s16 *b, __global const f8 *c) {
  uint t = tid();
  d[t] = __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(a[t], b[t], c[t]);
}
__kernel void iu8(__global i8v *d, __global const i4v *a, __global const i4v *b, __global const i8v *c) {
  uint t = tid();
  d[t] = __builtin_amdgcn_wmma_i32_16x16x16_iu8_w32(true, a[t], false, b[t], c[t], false);
}
__kernel void halves(__global h16 *d, __global const h16 *a, __global const h16 *b, __global const h16 *c) {
  uint t = tid();
  d[t] = __builtin_amdgcn_wmma_f16_16x16x16_f16_w32(a[t], b[t], c[t], false);
}
)";

uint16_t half(float x) {
  _Float16 h = _Float16(x);
  uint16_t bits;
  std::memcpy(&bits, &h, 2);
  return bits;
}
uint16_t brain(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return uint16_t(bits >> 16);
}

/// Small integers, so that sums are exact in every format and any mistake of place shows.
struct Matrices {
  float a[16][16], b[16][16], c[16][16], d[16][16];
  explicit Matrices(uint64_t seed) {
    Noise noise(seed);
    auto number = [&] { return float(int(noise.next() % 9) - 4); };
    for (int i = 0; i < 16; ++i)
      for (int j = 0; j < 16; ++j)
        a[i][j] = number(), b[i][j] = number(), c[i][j] = number();
    for (int i = 0; i < 16; ++i)
      for (int j = 0; j < 16; ++j) {
        d[i][j] = c[i][j];
        for (int k = 0; k < 16; ++k)
          d[i][j] += a[i][k] * b[k][j];
      }
  }
};

template <typename Encode> std::vector<uint16_t> registersOfA(const Matrices &m, Encode encode) {
  std::vector<uint16_t> r(32 * 16);
  for (int lane = 0; lane < 32; ++lane)
    for (int slot = 0; slot < 16; ++slot)
      r[lane * 16 + slot] = encode(m.a[rowOfA(lane)][kOfSlot(slot)]);
  return r;
}
template <typename Encode> std::vector<uint16_t> registersOfB(const Matrices &m, Encode encode) {
  std::vector<uint16_t> r(32 * 16);
  for (int lane = 0; lane < 32; ++lane)
    for (int slot = 0; slot < 16; ++slot)
      r[lane * 16 + slot] = encode(m.b[kOfSlot(slot)][columnOfB(lane)]);
  return r;
}
template <typename T> std::vector<T> registersOfC(const float (&m)[16][16]) {
  std::vector<T> r(32 * 8);
  for (int lane = 0; lane < 32; ++lane)
    for (int reg = 0; reg < 8; ++reg)
      r[lane * 8 + reg] = T(m[rowOfC(lane, reg)][columnOfC(lane)]);
  return r;
}

} // namespace

TEST(MatrixLayout, HalfToFloat) {
  Matrices m(1);
  Module module(compile(Source));
  Buffer a(registersOfA(m, half)), b(registersOfB(m, half)), c(registersOfC<float>(m.c)), d(1024);
  ASSERT_EQ(run(module.function("f16"), {1}, {32}, d, a, b, c), Success) << lastMessage();
  EXPECT_EQ(d.read<float>(), registersOfC<float>(m.d));
}

TEST(MatrixLayout, BrainToFloat) {
  Matrices m(2);
  Module module(compile(Source));
  Buffer a(registersOfA(m, brain)), b(registersOfB(m, brain)), c(registersOfC<float>(m.c)), d(1024);
  ASSERT_EQ(run(module.function("bf16"), {1}, {32}, d, a, b, c), Success) << lastMessage();
  EXPECT_EQ(d.read<float>(), registersOfC<float>(m.d));
}

TEST(MatrixLayout, HalfToHalf) {
  Matrices m(3);
  Module module(compile(Source));
  // C and D are in the low halves of eight registers.
  auto spread = [](const float (&x)[16][16]) {
    std::vector<uint16_t> r(32 * 16, 0);
    for (int lane = 0; lane < 32; ++lane)
      for (int reg = 0; reg < 8; ++reg)
        r[lane * 16 + 2 * reg] = half(x[rowOfC(lane, reg)][columnOfC(lane)]);
    return r;
  };
  Buffer a(registersOfA(m, half)), b(registersOfB(m, half)), c(spread(m.c)), d(1024);
  ASSERT_EQ(run(module.function("halves"), {1}, {32}, d, a, b, c), Success) << lastMessage();
  std::vector<uint16_t> result = d.read<uint16_t>(), want = spread(m.d);
  for (size_t i = 0; i < want.size(); i += 2)
    EXPECT_EQ(result[i], want[i]) << i;
}

TEST(MatrixLayout, BytesToInt) {
  Noise noise(4);
  int8_t a[16][16];
  uint8_t b[16][16];
  std::vector<int32_t> c(256), want(256);
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 16; ++j)
      a[i][j] = int8_t(noise.next()), b[i][j] = uint8_t(noise.next());
  std::vector<uint8_t> ra(32 * 16), rb(32 * 16);
  for (int lane = 0; lane < 32; ++lane)
    for (int slot = 0; slot < 16; ++slot) {
      ra[lane * 16 + slot] = uint8_t(a[rowOfA(lane)][kOfSlot(slot)]);
      rb[lane * 16 + slot] = b[kOfSlot(slot)][columnOfB(lane)];
    }
  for (int lane = 0; lane < 32; ++lane)
    for (int reg = 0; reg < 8; ++reg) {
      int32_t sum = c[lane * 8 + reg] = int32_t(noise.next() % 1000);
      for (int k = 0; k < 16; ++k)
        sum += a[rowOfC(lane, reg)][k] * b[k][columnOfC(lane)];
      want[lane * 8 + reg] = sum;
    }
  Module module(compile(Source));
  Buffer da(ra), db(rb), dc(c), d(1024);
  ASSERT_EQ(run(module.function("iu8"), {1}, {32}, d, da, db, dc), Success) << lastMessage();
  EXPECT_EQ(d.read<int32_t>(), want);
}

TEST(MatrixLayout, HalvesOfTheWaveMustAgree) {
  Matrices m(5);
  Module module(compile(Source));
  std::vector<uint16_t> broken = registersOfA(m, half);
  broken[17 * 16 + 3] ^= 1;
  Buffer a(broken), b(registersOfB(m, half)), c(registersOfC<float>(m.c)), d(1024);
  EXPECT_EQ(run(module.function("f16"), {1}, {32}, d, a, b, c), LaunchFailure);
  EXPECT_NE(lastMessage().find("lanes 1 and 17"), std::string::npos) << lastMessage();
}

TEST(MatrixLayout, InactiveLanesAreReported) {
  Matrices m(6);
  Module module(compile(Source));
  Buffer a(registersOfA(m, half)), b(registersOfB(m, half)), c(registersOfC<float>(m.c)), d(1024);
  EXPECT_EQ(run(module.function("f16"), {1}, {16}, d, a, b, c), LaunchFailure);
  EXPECT_NE(lastMessage().find("all lanes active"), std::string::npos) << lastMessage();
}
