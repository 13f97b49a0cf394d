// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that nvcc compiled, against results computed here. What others' compiler makes of CUDA C++ proves more than
// PTX written by the emulator's own authors.
#include "test/emulator-tests/cuda/Device.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

using namespace tinyc::emulator_tests;

#define COMPILE(Ptx, ...)                                                                                              \
  std::string Ptx = compileCuda(__VA_ARGS__);                                                                          \
  if (Ptx.empty())                                                                                                     \
  GTEST_SKIP() << "nvcc is not installed"

/// A seed that runs blocks and warps in another order.
static const char *Seeds[] = {"0", "3", "11"};

TEST(NvccKernels, ReducesRows) {
  COMPILE(Ptx, "Kernels.cu");
  for (const char *Seed : Seeds) {
    Setting S("TINYC_EMULATED_SEED", Seed);
    Device D;
    ASSERT_EQ(D.load(Ptx), Success) << D.Log;
    const int Rows = 5, Columns = 1000;
    std::vector<float> In(Rows * Columns);
    for (size_t I = 0; I < In.size(); ++I)
      In[I] = float(I % 17);
    uint64_t PI = D.upload(In), PO = D.allocate(Rows * 4);
    ASSERT_EQ(D.launch("reduceRows", {Rows}, {128}, 0, PI, PO, Columns), Success) << D.Said;
    auto Out = D.download<float>(PO, Rows);
    for (int R = 0; R < Rows; ++R) {
      float Sum = 0;
      for (int C = 0; C < Columns; ++C)
        Sum += In[R * Columns + C];
      EXPECT_EQ(Out[R], Sum);
    }
    EXPECT_EQ(D.reported("bank_conflicts"), 0);
  }
}

TEST(NvccKernels, CallsFunctions) {
  COMPILE(Ptx, "Kernels.cu");
  Device D;
  ASSERT_EQ(D.load(Ptx), Success) << D.Log;
  std::vector<float> In(32);
  for (int I = 0; I < 32; ++I)
    In[I] = float(I) + 0.5f;
  uint64_t P = D.upload(In);
  ASSERT_EQ(D.launch("calls", {1}, {32}, 0, P), Success) << D.Said;
  auto Out = D.download<float>(P, 32);
  for (int I = 0; I < 32; ++I)
    EXPECT_EQ(Out[I], I > 3 ? In[I] * 2 : In[I] / 3);
}

TEST(NvccKernels, ComputesElementaryFunctions) {
  COMPILE(Ptx, "Kernels.cu");
  Device D;
  ASSERT_EQ(D.load(Ptx), Success) << D.Log;
  const int N = 1000;
  std::vector<float> X(N);
  for (int I = 0; I < N; ++I)
    X[I] = float(I - 500) * 0.037f + 0.01f;
  X[0] = 1e6f; // the slow path of sin and cos
  uint64_t PX = D.upload(X), PO = D.allocate(12 * N * 4);
  ASSERT_EQ(D.launch("functions", {8}, {128}, 0, PX, PO, N), Success) << D.Said;
  auto Out = D.download<float>(PO, 12 * N);
  auto Near = [&](int Row, int I, double Want, double Ulps) {
    float Got = Out[Row * N + I], Expected = float(Want);
    if (std::isinf(Expected) || std::isinf(Got)) {
      EXPECT_EQ(Got, Expected);
      return;
    }
    double Ulp = std::max(std::ldexp(1.0, std::ilogb(Expected == 0 ? 1e-30f : Expected) - 23), 0x1p-149);
    EXPECT_LE(std::fabs(Got - Want), Ulps * Ulp) << "row " << Row << " of " << X[I] << ": " << Got << " " << Want;
  };
  for (int I = 0; I < N; ++I) {
    double V = X[I];
    Near(0, I, std::exp(V), 3); // CUDA's documented bounds, plus one for the adversary
    Near(1, I, std::log(std::fabs(V)), 2);
    Near(2, I, std::sin(V), 3);
    Near(3, I, std::cos(V), 3);
    Near(4, I, std::tanh(V), 4);
    Near(5, I, std::sqrt(std::fabs(V)), 0.5);
    Near(6, I, 1 / V, 0.5);
    Near(7, I, std::erf(V), 4);
    Near(8, I, std::pow(std::fabs(V), 1.5), 8);
    Near(9, I, 1 / std::sqrt(std::fabs(V)), 3);
    EXPECT_EQ(Out[10 * N + I], std::fmod(X[I], 0.7f));
    Near(11, I, std::exp(V), 0.51);
  }
}

TEST(NvccKernels, ComputesIntegers) {
  COMPILE(Ptx, "Kernels.cu");
  Device D;
  ASSERT_EQ(D.load(Ptx), Success) << D.Log;
  const int N = 64;
  std::vector<int32_t> X(N), Y(N);
  uint64_t State = 88172645463325252ull;
  auto Next = [&] { return State ^= State << 13, State ^= State >> 7, State ^= State << 17, uint32_t(State >> 16); };
  for (int I = 0; I < N; ++I) {
    X[I] = int32_t(Next());
    Y[I] = int32_t(Next() >> (I % 32));
  }
  X[5] = INT32_MIN;
  uint64_t PX = D.upload(X), PY = D.upload(Y), PO = D.allocate(14 * N * 8);
  ASSERT_EQ(D.launch("integers", {1}, {N}, 0, PX, PY, PO, N), Success) << D.Said;
  auto Out = D.download<int64_t>(PO, 14 * N);
  for (int I = 0; I < N; ++I) {
    int32_t A = X[I], B = Y[I];
    uint32_t U = uint32_t(A), W = uint32_t(B);
    if (B == -1)
      continue;
    auto Row = [&](int R) { return Out[R * N + I]; };
    EXPECT_EQ(Row(0), A / (B ? B : 1));
    EXPECT_EQ(Row(1), A % (B ? B : 1));
    EXPECT_EQ(Row(2), int64_t(U / (W ? W : 1)));
    EXPECT_EQ(Row(3), int32_t((int64_t(A) * B) >> 32));
    EXPECT_EQ(Row(4), int64_t(A) * B);
    EXPECT_EQ(Row(5), std::popcount(U) + std::countl_zero(U) * 100 + (A ? std::countr_zero(U) + 1 : 0) * 10000);
    uint32_t Reversed = 0;
    for (int K = 0; K < 32; ++K)
      Reversed |= (U >> K & 1) << (31 - K);
    EXPECT_EQ(Row(6), int64_t(Reversed));
    uint32_t Permuted = (U & 255) | (W & 255) << 8 | (U >> 8 & 255) << 16 | (W >> 8 & 255) << 24;
    EXPECT_EQ(Row(7), int64_t(Permuted));
    EXPECT_EQ(Row(8), int64_t(uint32_t(((uint64_t(W) << 32 | U) << (I & 31)) >> 32)));
    EXPECT_EQ(Row(9), (int64_t(A) * (1 << 20)) / (B ? B : 7));
    int32_t Dot = 5;
    for (int K = 0; K < 4; ++K)
      Dot += int8_t(U >> (8 * K)) * int8_t(W >> (8 * K));
    EXPECT_EQ(Row(10), Dot);
    EXPECT_EQ(Row(11), int64_t(uint32_t(A >> (I & 31)) + (U >> (I & 31)) + uint32_t(int16_t(A) * int16_t(B))));
    EXPECT_EQ(Row(12), int64_t(uint32_t(std::min(A, B)) + std::max(U, W) + (A < 0 ? 0 - U : U)));
    unsigned __int128 Product = (unsigned __int128)(uint64_t(U) << 30) * (uint64_t(W) << 31);
    EXPECT_EQ(Row(13), int64_t(uint64_t(Product >> 64)));
  }
}

static float roundTo(float V, int Bits) { // to nearest even at Bits explicit mantissa bits, normal numbers only
  uint32_t U = std::bit_cast<uint32_t>(V), Drop = 23 - Bits;
  U += (1u << (Drop - 1)) - 1 + (U >> Drop & 1);
  return std::bit_cast<float>(U >> Drop << Drop);
}

TEST(NvccKernels, ComputesHalves) {
  COMPILE(Ptx, "Kernels.cu");
  Device D;
  ASSERT_EQ(D.load(Ptx), Success) << D.Log;
  const int N = 256;
  std::vector<float> X(N), Y(N);
  for (int I = 0; I < N; ++I) {
    X[I] = 1.0f + float(I) * 0.0123f;
    Y[I] = 3.0f - float(I) * 0.0077f;
  }
  uint64_t PX = D.upload(X), PY = D.upload(Y), PO = D.allocate(9 * N * 4);
  ASSERT_EQ(D.launch("halves", {1}, {N}, 0, PX, PY, PO, N), Success) << D.Said;
  auto Out = D.download<float>(PO, 9 * N);
  for (int I = 0; I < N; ++I) {
    float A = roundTo(X[I], 10), B = roundTo(Y[I], 10), C = roundTo(X[I], 7), E = roundTo(Y[I], 7);
    auto Row = [&](int R) { return Out[R * N + I]; };
    EXPECT_EQ(Row(0), roundTo(A + B, 10));
    if (std::fabs(A * B + A) > 1e-3) // sums of 22-bit products with an 11-bit number of like size are exact in double
      EXPECT_NEAR(Row(1), double(A) * B + A, std::ldexp(1.0, std::ilogb(A * B + A) - 11));
    EXPECT_EQ(Row(2), C);
    if (std::fabs(C * E + C) > 1e-2)
      EXPECT_NEAR(Row(3), double(C) * E + C, std::ldexp(1.0, std::ilogb(C * E + C) - 8));
    EXPECT_EQ(Row(4), roundTo(A * A, 10));
    EXPECT_EQ(Row(5), roundTo(B * B, 10));
    EXPECT_EQ(Row(6), std::bit_cast<float>(std::bit_cast<uint32_t>(X[I] * 1.0001f) & ~0x1fffu));
    EXPECT_EQ(Row(7), std::floor(X[I]) + std::nearbyint(Y[I]));
    EXPECT_LT(Row(8), 0);
  }
}

TEST(NvccKernels, CountsWithAtomics) {
  COMPILE(Ptx, "Kernels.cu");
  for (const char *Seed : Seeds) {
    Setting S("TINYC_EMULATED_SEED", Seed);
    Device D;
    ASSERT_EQ(D.load(Ptx), Success) << D.Log;
    const int N = 3000;
    std::vector<uint32_t> X(N), Bins(16), Want(16);
    for (int I = 0; I < N; ++I)
      ++Want[(X[I] = uint32_t(I * 7 / 3)) & 15];
    uint64_t PX = D.upload(X), PB = D.upload(Bins);
    ASSERT_EQ(D.launch("histogram", {4}, {128}, 0, PX, PB, N), Success) << D.Said;
    EXPECT_EQ(D.download<uint32_t>(PB, 16), Want);
  }
}

TEST(NvccKernels, DivergesAndMeets) {
  COMPILE(Ptx, "Kernels.cu");
  for (const char *Seed : Seeds) {
    Setting S("TINYC_EMULATED_SEED", Seed);
    Device D;
    ASSERT_EQ(D.load(Ptx), Success) << D.Log;
    uint64_t P = D.allocate(32 * 4);
    ASSERT_EQ(D.launch("divergence", {1}, {32}, 0, P), Success) << D.Said;
    auto Out = D.download<int32_t>(P, 32);
    int V[32], Over = 0;
    for (int T = 0; T < 32; ++T) {
      V[T] = 0;
      for (int I = 0; I < T % 7; ++I)
        V[T] += I & 1 ? I * 3 : I;
      V[T] = T % 5 == 0 ? V[T] + 10 : T % 5 == 1 ? V[T] * 2 : T % 5 == 2 ? V[T] - 5 : T % 5 == 3 ? V[T] ^ 9 : -V[T];
      Over += V[T] > 3;
    }
    for (int T = 0; T < 32; ++T)
      EXPECT_EQ(Out[T], V[T] + Over + 496);
  }
}

TEST(NvccKernels, ReadsVariablesAndLocalArrays) {
  COMPILE(Ptx, "Kernels.cu");
  Device D;
  ASSERT_EQ(D.load(Ptx), Success) << D.Log;
  uint64_t P = D.allocate(32 * 4);
  ASSERT_EQ(D.launch("variables", {1}, {32}, 0, P), Success) << D.Said;
  auto Out = D.download<int32_t>(P, 32);
  const int Table[] = {3, 1, 4, 1};
  for (int T = 0; T < 32; ++T)
    EXPECT_EQ(Out[T], Table[T & 3] + 41);
  std::vector<int32_t> In(32, 3);
  P = D.upload(In);
  ASSERT_EQ(D.launch("localArray", {1}, {32}, 0, P), Success) << D.Said;
  Out = D.download<int32_t>(P, 32);
  for (int T = 0; T < 32; ++T)
    EXPECT_EQ(Out[T], 120 * T);
}

TEST(NvccKernels, FencesOrderBlocks) {
  COMPILE(Ptx, "Kernels.cu");
  for (const char *Seed : Seeds) {
    Setting S("TINYC_EMULATED_SEED", Seed);
    Device D;
    ASSERT_EQ(D.load(Ptx), Success) << D.Log;
    std::vector<int32_t> X(64 * 8, 2);
    std::vector<uint32_t> Zero(1);
    uint64_t PX = D.upload(X), PP = D.allocate(32), PC = D.upload(Zero), PO = D.allocate(4);
    ASSERT_EQ(D.launch("lastBlock", {8}, {64}, 0, PX, PP, PC, PO), Success) << D.Said;
    EXPECT_EQ(D.download<int32_t>(PO, 1)[0], 1024);
  }
}
