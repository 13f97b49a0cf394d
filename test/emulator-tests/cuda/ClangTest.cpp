// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that clang compiled for NVPTX: the back end that tinyc itself uses. And the parser on damaged text.
#include "test/emulator-tests/cuda/Device.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

using namespace tinyc::emulator_tests;

static std::string compileC(const char *Level) {
  std::string Out =
      (std::filesystem::temp_directory_path() / ("tinyc-clang-" + std::to_string(getpid()) + ".ptx")).string();
  std::string Command =
      std::string("clang-22 -x c -target nvptx64-nvidia-cuda -march=sm_80 -Xclang -target-feature -Xclang "
                  "+ptx80 -nogpulib -ffp-contract=off -w -S ") +
      Level + " -o " + Out + " test/emulator-tests/cuda/Kernels.c";
  EXPECT_EQ(std::system(Command.c_str()), 0) << Command;
  std::ifstream In(Out);
  std::stringstream Text;
  Text << In.rdbuf();
  std::filesystem::remove(Out);
  return Text.str();
}

static int64_t choose(uint8_t C, int64_t L) {
  const int64_t Ways[] = {L + 5, L * 5, L - 7, L ^ 5, -L, L | 5, L % 10, L & 0xff, L & 0xff};
  return Ways[C % 9];
}

TEST(ClangKernels, RunsMixedCode) {
  for (const char *Level : {"-O0", "-O2"})
    for (const char *Seed : {"0", "5"}) {
      Setting S("TINYC_EMULATED_SEED", Seed);
      Device D;
      ASSERT_EQ(D.load(compileC(Level)), Success) << D.Log;
      const int N = 96;
      std::vector<float> V(4 * N);
      std::vector<uint16_t> H(8 * N, 0x3e00); // 1.5
      std::vector<uint8_t> C(N);
      std::vector<int64_t> L(N);
      for (int I = 0; I < N; ++I) {
        C[I] = uint8_t(I * 5 + 1);
        L[I] = int64_t(I) * 1000003 * (I % 2 ? 1 : -1);
        for (int K = 0; K < 4; ++K)
          V[4 * I + K] = float(I) * 1.5f + float(K);
      }
      uint64_t PV = D.upload(V), PO = D.allocate(16 * N), PH = D.upload(H), PP = D.allocate(16 * N), PC = D.upload(C),
               PL = D.upload(L);
      ASSERT_EQ(D.launch("mixed", {1}, {N}, 0, PV, PO, PH, PP, PC, PL), Success) << Level << D.Said;
      auto Out = D.download<float>(PO, 4 * N);
      auto HOut = D.download<uint16_t>(PP, 8 * N);
      auto LOut = D.download<int64_t>(PL, N);
      for (int I = 0; I < 4 * N; ++I)
        EXPECT_EQ(Out[I], V[I] * V[I] + 1.0f);
      for (uint16_t X : HOut)
        EXPECT_EQ(X, 0x4380); // 3.75
      for (int I = 0; I < N; ++I) {
        int64_t A[4] = {1, 2, 3, 4};
        A[C[I] & 3] += L[I];
        int64_t Want = choose(C[I], L[I]) + int64_t(C[I]) * 12345678901 / (C[I] + 1) + int64_t(V[4 * I]) +
                       (L[I] >> (C[I] & 63)) + A[I & 3];
        EXPECT_EQ(LOut[I], Want) << Level << " " << I;
      }
    }
}

TEST(ClangKernels, ReducesRowsAndFindsEachDroppedBarrier) {
  std::string Ptx = compileC("-O2");
  const int Rows = 2, Columns = 300;
  std::vector<float> In(Rows * Columns);
  for (size_t I = 0; I < In.size(); ++I)
    In[I] = float((I * 37) % 101);
  int Count = 0;
  for (int Drop = 0; Drop <= Count; ++Drop) {
    Setting S("TINYC_EMULATED_DROP", std::to_string(Drop));
    Device D;
    ASSERT_EQ(D.load(Ptx), Success) << D.Log;
    uint64_t PI = D.upload(In), PO = D.allocate(Rows * Columns * 4);
    int Result = D.launch("rowMax", {Rows}, {256}, 0, PI, PO, Columns);
    if (Drop) {
      EXPECT_EQ(Result, LaunchFailed) << "without barrier " << Drop << " of " << Count;
      continue;
    }
    ASSERT_EQ(Result, Success) << D.Said;
    Count = int(D.reported("sync_instructions"));
    EXPECT_GT(Count, 1);
    auto Out = D.download<float>(PO, Rows * Columns);
    for (int R = 0; R < Rows; ++R) {
      float Most = 0;
      for (int C = 0; C < Columns; ++C)
        Most = std::max(Most, In[R * Columns + C]);
      for (int C = 0; C < Columns; ++C)
        EXPECT_EQ(Out[R * Columns + C], (In[R * Columns + C] - Most) / 3.0f);
    }
  }
}

// Truncated and altered modules are refused or accepted; they never crash.
TEST(Parser, SurvivesDamage) {
  std::string Ptx = compileC("-O2");
  Device D;
  uint64_t State = 12345;
  testing::internal::CaptureStderr();
  for (int I = 0; I < 400; ++I) {
    State = State * 6364136223846793005ull + 1442695040888963407ull;
    std::string Damaged = Ptx;
    size_t At = (State >> 20) % Ptx.size();
    if (I % 2)
      Damaged.resize(At);
    else
      Damaged[At] = ";,{}[]()%.$@!x9-\"\n"[(State >> 50) % 18];
    D.load(Damaged);
  }
  testing::internal::GetCapturedStderr();
}
