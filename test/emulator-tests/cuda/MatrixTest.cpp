// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor cores: fragment layouts as the PTX ISA manual tables them, the WMMA API, and a whole matmul.
#include "test/emulator-tests/cuda/Device.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

using namespace tinyc::emulator_tests;

#define COMPILE(Ptx, ...)                                                                                              \
  std::string Ptx = compileCuda(__VA_ARGS__);                                                                          \
  if (Ptx.empty())                                                                                                     \
  GTEST_SKIP() << "nvcc is not installed"

/// Small integers as f16: exact, and so are their sums.
static uint16_t half(int V) {
  uint16_t Sign = V < 0 ? 0x8000 : 0;
  unsigned M = unsigned(std::abs(V));
  if (!M)
    return Sign;
  int E = 31 - __builtin_clz(M);
  return uint16_t(Sign | (E + 15) << 10 | ((M << (10 - E)) & 0x3ff));
}
static uint16_t bfloat(int V) {
  float F = float(V);
  uint32_t Bits;
  std::memcpy(&Bits, &F, 4);
  return uint16_t(Bits >> 16);
}
static int value(int Row, int Column, int Salt) { return (Row * 7 + Column * 3 + Salt) % 11 - 5; }

TEST(TensorCore, FragmentsOfM16N8K16) {
  COMPILE(Ptx, "Matmul.cu");
  Device D;
  ASSERT_EQ(D.load(Ptx), Success) << D.Log;
  std::vector<uint32_t> A(128), B(64);
  std::vector<float> C(128);
  // PTX ISA, figures of mma.m16n8k16 with .f16: groupID = lane >> 2, threadID_in_group = lane % 4.
  for (int L = 0; L < 32; ++L) {
    int Group = L >> 2, Thread = L % 4;
    for (int I = 0; I < 8; ++I) { // a0..a7
      int Row = (I < 2 || (I >= 4 && I < 6)) ? Group : Group + 8;
      int Column = Thread * 2 + (I & 1) + (I >= 4 ? 8 : 0);
      A[L * 4 + I / 2] |= uint32_t(half(value(Row, Column, 1))) << (16 * (I & 1));
    }
    for (int I = 0; I < 4; ++I) { // b0..b3
      int Row = Thread * 2 + (I & 1) + (I >= 2 ? 8 : 0);
      B[L * 2 + I / 2] |= uint32_t(half(value(Row, Group, 2))) << (16 * (I & 1));
    }
    for (int I = 0; I < 4; ++I) // c0..c3
      C[L * 4 + I] = float(value(I < 2 ? Group : Group + 8, Thread * 2 + (I & 1), 3));
  }
  uint64_t PA = D.upload(A), PB = D.upload(B), PC = D.upload(C), PD = D.allocate(512);
  ASSERT_EQ(D.launch("mmaFragments", {1}, {32}, 0, PA, PB, PC, PD), Success) << D.Said;
  auto Out = D.download<float>(PD, 128);
  for (int L = 0; L < 32; ++L)
    for (int I = 0; I < 4; ++I) {
      int Row = I < 2 ? L >> 2 : (L >> 2) + 8, Column = L % 4 * 2 + (I & 1), Want = value(Row, Column, 3);
      for (int K = 0; K < 16; ++K)
        Want += value(Row, K, 1) * value(K, Column, 2);
      EXPECT_EQ(Out[L * 4 + I], float(Want)) << "lane " << L << " element " << I;
    }
  EXPECT_EQ(D.reported("mma"), 1);
}

/// A single mma on fragments given by the manual's formulas, for any element width, through PTX made here.
static std::string mmaPtx(const std::string &Shape, const std::string &Types, int CountA, int CountB, int CountC) {
  std::string P =
      ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 a, .param .u64 b, .param "
      ".u64 c, .param .u64 d)\n{\n.reg .b32 %r<64>;\n.reg .b64 %rd<16>;\nld.param.u64 %rd1, [a];\nld.param.u64 "
      "%rd2, [b];\nld.param.u64 %rd3, [c];\nld.param.u64 %rd4, [d];\nmov.u32 %r0, %tid.x;\n";
  auto Load = [&](int Base, int Count, int First, int To) {
    std::string Address = "%rd" + std::to_string(To);
    P += "mul.wide.u32 " + Address + ", %r0, " + std::to_string(4 * Count) + ";\nadd.s64 " + Address + ", " + Address +
         ", %rd" + std::to_string(Base) + ";\n";
    for (int I = 0; I < Count; ++I)
      P += "ld.global.b32 %r" + std::to_string(First + I) + ", [" + Address + "+" + std::to_string(4 * I) + "];\n";
  };
  auto List = [](int First, int Count) {
    std::string S = "{";
    for (int I = 0; I < Count; ++I)
      S += (I ? ", %r" : "%r") + std::to_string(First + I);
    return S + "}";
  };
  Load(1, CountA, 1, 5);
  Load(2, CountB, 10, 6);
  Load(3, CountC, 20, 7);
  P += "mma.sync.aligned." + Shape + ".row.col." + Types + " " + List(30, CountC) + ", " + List(1, CountA) + ", " +
       List(10, CountB) + ", " + List(20, CountC) + ";\nmul.wide.u32 %rd8, %r0, " + std::to_string(4 * CountC) +
       ";\nadd.s64 %rd8, %rd8, %rd4;\n";
  for (int I = 0; I < CountC; ++I)
    P += "st.global.b32 [%rd8+" + std::to_string(4 * I) + "], %r" + std::to_string(30 + I) + ";\n";
  return P + "ret;\n}\n";
}

struct MmaCase {
  const char *Shape, *Types;
  int K, Bits, BitsC;
  uint32_t (*Encode)(int);
};

static uint32_t singleBits(int V) {
  float F = float(V);
  uint32_t B;
  std::memcpy(&B, &F, 4);
  return B;
}

TEST(TensorCore, FragmentsOfAllShapes) {
  const MmaCase Cases[] = {
      {"m16n8k8", "f32.f16.f16.f32", 8, 16, 32, [](int V) { return uint32_t(half(V)); }},
      {"m16n8k16", "f16.f16.f16.f16", 16, 16, 16, [](int V) { return uint32_t(half(V)); }},
      {"m16n8k16", "f32.bf16.bf16.f32", 16, 16, 32, [](int V) { return uint32_t(bfloat(V)); }},
      {"m16n8k8", "f32.bf16.bf16.f32", 8, 16, 32, [](int V) { return uint32_t(bfloat(V)); }},
      {"m16n8k8", "f32.tf32.tf32.f32", 8, 32, 32, singleBits},
      {"m16n8k4", "f32.tf32.tf32.f32", 4, 32, 32, singleBits},
      {"m16n8k32", "s32.s8.s8.s32", 32, 8, 32, [](int V) { return uint32_t(V) & 255; }},
      {"m16n8k16", "s32.s8.s8.s32", 16, 8, 32, [](int V) { return uint32_t(V) & 255; }},
      {"m16n8k64", "s32.s4.s4.s32", 64, 4, 32, [](int V) { return uint32_t(V) & 15; }},
  };
  for (const MmaCase &C : Cases) {
    const int Per = 32 / C.Bits, CountA = 16 * C.K / 32 / Per, CountB = 8 * C.K / 32 / Per,
              CountC = C.BitsC == 16 ? 2 : 4;
    Device D;
    ASSERT_EQ(D.load(mmaPtx(C.Shape, C.Types, CountA, CountB, CountC)), Success) << D.Log;
    std::vector<uint32_t> A(32 * CountA), B(32 * CountB), In(32 * CountC);
    const bool Float = C.Types[0] == 'f';
    auto EncodeC = [&](int V) { return C.BitsC == 16 ? uint32_t(half(V)) : Float ? singleBits(V) : uint32_t(V); };
    for (int L = 0; L < 32; ++L) {
      int Group = L >> 2, Thread = L % 4;
      for (int I = 0; I < CountA * Per; ++I) {
        // The tables' common form: registers alternate between the upper and lower 8 rows, then move right.
        int R = I / Per, Row = R % 2 ? Group + 8 : Group, Column = Thread * Per + I % Per + (R >= 2 ? C.K / 2 : 0);
        A[L * CountA + R] |= C.Encode(value(Row, Column, 1)) << (C.Bits * (I % Per)) % 32;
      }
      for (int I = 0; I < CountB * Per; ++I) {
        int R = I / Per, Row = Thread * Per + I % Per + (R ? C.K / 2 : 0);
        B[L * CountB + R] |= C.Encode(value(Row, Group, 2)) << (C.Bits * (I % Per)) % 32;
      }
      for (int I = 0; I < 4; ++I) {
        int V = value(I < 2 ? Group : Group + 8, Thread * 2 + (I & 1), 3);
        In[L * CountC + (CountC == 2 ? I / 2 : I)] |= EncodeC(V) << (CountC == 2 ? 16 * (I & 1) : 0);
      }
    }
    uint64_t PA = D.upload(A), PB = D.upload(B), PC = D.upload(In), PD = D.allocate(128 * CountC);
    ASSERT_EQ(D.launch("k", {1}, {32}, 0, PA, PB, PC, PD), Success) << D.Said;
    auto Out = D.download<uint32_t>(PD, 32 * CountC);
    for (int L = 0; L < 32; ++L)
      for (int I = 0; I < 4; ++I) {
        int Row = I < 2 ? L >> 2 : (L >> 2) + 8, Column = L % 4 * 2 + (I & 1), Want = value(Row, Column, 3);
        for (int K = 0; K < C.K; ++K)
          Want += value(Row, K, 1) * value(K, Column, 2);
        uint32_t Got = CountC == 2 ? Out[L * 2 + I / 2] >> (16 * (I & 1)) & 0xffff : Out[L * 4 + I];
        EXPECT_EQ(Got, EncodeC(Want)) << C.Shape << " " << C.Types << " lane " << L << " element " << I;
      }
  }
}

TEST(TensorCore, TruncatesToSingle) {
  // 1 + 2^-24 * 8 products: each group's exact sum is truncated, so 2^-24 alone vanishes, and 3 * 2^-24 leaves 2^-23.
  Device D;
  ASSERT_EQ(D.load(mmaPtx("m16n8k8", "f32.f16.f16.f32", 2, 1, 4)), Success) << D.Log;
  std::vector<uint32_t> A(64), B(32, 0x0c000c00), C(128, 0x3f800000); // B: 2^-12
  for (int L = 0; L < 32; L += 4) // column 0 and 1 of A: 2^-12 and 2^-11, 3 * 2^-24 together
    A[L * 2] = A[L * 2 + 1] = 0x10000c00;
  uint64_t PA = D.upload(A), PB = D.upload(B), PC = D.upload(C), PD = D.allocate(512);
  ASSERT_EQ(D.launch("k", {1}, {32}, 0, PA, PB, PC, PD), Success) << D.Said;
  for (uint32_t V : D.download<uint32_t>(PD, 128))
    EXPECT_EQ(V, 0x3f800001u);
}

TEST(TensorCore, LoadsMatrices) {
  COMPILE(Ptx, "Matmul.cu");
  Device D;
  ASSERT_EQ(D.load(Ptx), Success) << D.Log;
  std::vector<uint16_t> In(256);
  for (int I = 0; I < 256; ++I)
    In[I] = uint16_t(I);
  uint64_t PI = D.upload(In), PP = D.allocate(512), PT = D.allocate(512);
  ASSERT_EQ(D.launch("loadMatrices", {1}, {32}, 0, PI, PP, PT), Success) << D.Said;
  auto Plain = D.download<uint32_t>(PP, 128), Transposed = D.download<uint32_t>(PT, 128);
  for (int K = 0; K < 4; ++K)
    for (int L = 0; L < 32; ++L) {
      uint32_t Row = uint32_t(L / 4), Column = uint32_t(L % 4) * 2, Base = uint32_t(K) * 64;
      EXPECT_EQ(Plain[K * 32 + L], (Base + Row * 8 + Column) | (Base + Row * 8 + Column + 1) << 16);
      EXPECT_EQ(Transposed[K * 32 + L], (Base + Column * 8 + Row) | (Base + (Column + 1) * 8 + Row) << 16);
    }
}

template <typename T, typename C>
static void checkWmma(const std::string &Ptx, const char *Kernel, int M, int N, bool BRow, T (*Encode)(int)) {
  Device D;
  ASSERT_EQ(D.load(Ptx), Success) << D.Log;
  std::vector<T> A(M * 16), B(N * 16);
  for (int I = 0; I < M; ++I)
    for (int K = 0; K < 16; ++K)
      A[I * 16 + K] = Encode(value(I, K, 4));
  for (int J = 0; J < N; ++J)
    for (int K = 0; K < 16; ++K)
      B[BRow ? K * 16 + J : J * 16 + K] = Encode(value(K, J, 5));
  uint64_t PA = D.upload(A), PB = D.upload(B), PC = D.allocate(size_t(M) * N * 4);
  ASSERT_EQ(D.launch(Kernel, {1}, {32}, 0, PA, PB, PC), Success) << D.Said;
  auto Out = D.download<C>(PC, size_t(M) * N);
  for (int I = 0; I < M; ++I)
    for (int J = 0; J < N; ++J) {
      int Want = 1;
      for (int K = 0; K < 16; ++K)
        Want += value(I, K, 4) * value(K, J, 5);
      EXPECT_EQ(Out[I * N + J], C(2 * Want)) << Kernel << " " << I << " " << J;
    }
}

TEST(TensorCore, RunsTheWmmaApi) {
  COMPILE(Ptx, "Matmul.cu");
  checkWmma<uint16_t, float>(Ptx, "wmma16", 16, 16, false, half);
  checkWmma<uint16_t, float>(Ptx, "wmma16rr", 16, 16, true, half);
  checkWmma<uint16_t, float>(Ptx, "wmma8x32", 8, 32, false, half);
  checkWmma<uint16_t, float>(Ptx, "wmma32x8", 32, 8, false, bfloat);
  checkWmma<int8_t, int32_t>(Ptx, "wmmaInt", 16, 16, false, [](int V) { return int8_t(V); });
}

static int matmul(Device &D, const std::string &Ptx, int M, int N, int K) {
  EXPECT_EQ(D.load(Ptx), Success) << D.Log;
  std::vector<uint16_t> A(size_t(M) * K), B(size_t(N) * K);
  for (int I = 0; I < M; ++I)
    for (int L = 0; L < K; ++L)
      A[size_t(I) * K + L] = half(value(I, L, 6));
  for (int J = 0; J < N; ++J)
    for (int L = 0; L < K; ++L)
      B[size_t(J) * K + L] = half(value(L, J, 7));
  uint64_t PA = D.upload(A), PB = D.upload(B), PC = D.allocate(size_t(M) * N * 4);
  int Result =
      D.launch("matmul", {unsigned(N) / 64, unsigned(M) / 64}, {128}, 3 * 2 * 64 * 32 * 2, PA, PB, PC, M, N, K);
  EXPECT_EQ(Result, Success) << D.Said;
  if (Result)
    return Result;
  auto Out = D.download<float>(PC, size_t(M) * N);
  for (int I = 0; I < M; ++I)
    for (int J = 0; J < N; ++J) {
      int Want = 0;
      for (int L = 0; L < K; ++L)
        Want += value(I, L, 6) * value(L, J, 7);
      if (Out[size_t(I) * N + J] != float(Want)) {
        ADD_FAILURE() << I << " " << J << ": " << Out[size_t(I) * N + J] << " expected " << Want;
        return 1;
      }
    }
  return 0;
}

TEST(TensorCore, RunsAMatmulInStages) {
  COMPILE(Ptx, "Matmul.cu");
  for (const char *Seed : {"0", "1", "9"}) {
    Setting S("TINYC_EMULATED_SEED", Seed);
    for (auto [M, N, K] : {std::array{64, 64, 32}, std::array{128, 64, 64}, std::array{64, 128, 256}}) {
      Device D;
      ASSERT_EQ(matmul(D, Ptx, M, N, K), 0);
      EXPECT_EQ(D.reported("mma"), M / 16.0 * N / 8 * K / 16);
      EXPECT_EQ(D.reported("bank_conflicts"), 0);
      EXPECT_EQ(D.reported("sector_efficiency"), 1);
      EXPECT_EQ(D.reported("global_load_bytes"), (M / 64) * (N / 64) * K * 128.0 * 2);
    }
  }
}

TEST(TensorCore, CountsBankConflicts) {
  COMPILE(Ptx, "Matmul.cu", "-DNO_SWIZZLE");
  Device D;
  ASSERT_EQ(matmul(D, Ptx, 64, 64, 64), 0);
  // Rows of 64 bytes without a swizzle: the 8 rows of a matrix fall on 2 sets of banks, 4 deep: 3 extra cycles for each
  // matrix of each ldmatrix.x4, 16 of them a warp and K of 32.
  EXPECT_EQ(D.reported("bank_conflicts"), 4 * 2 * 8 * 4 * 3);
}
