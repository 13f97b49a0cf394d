// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How many warp instructions the emulator executes in a second. Says so, asserts nothing about it:
//   build/tests/emulated-cuda-test --gtest_also_run_disabled_tests --gtest_filter='Speed*'
#include "test/emulator-tests/cuda/Device.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>

using namespace tinyc::emulator_tests;

/// The sum of the report's instruction counts.
static double instructions(const std::string &Report) {
  size_t At = Report.find("\"instructions\":{"), End = Report.find('}', At);
  double Sum = 0;
  for (At = Report.find(':', At + 15); At < End; At = Report.find(':', At + 1))
    Sum += std::strtod(Report.c_str() + At + 1, nullptr);
  return Sum;
}

template <typename F> static void measure(const char *Name, Device &D, F Launch) {
  auto Begin = std::clock();
  ASSERT_EQ(Launch(), Success) << D.Said;
  double Seconds =
      double(std::clock() - Begin) / CLOCKS_PER_SEC; // of this thread: other work on the machine does not count
  double Count = instructions(D.Report);
  std::printf("%-12s %10.0f warp instructions, %6.3f s, %6.2f million a second\n%s", Name, Count, Seconds,
              Count / Seconds * 1e-6, D.Report.c_str());
}

TEST(Speed, DISABLED_WarpInstructionsPerSecond) {
  std::string Ptx = compileCuda("Matmul.cu");
  if (Ptx.empty())
    GTEST_SKIP() << "nvcc is not installed";
  {
    Device D;
    ASSERT_EQ(D.load(Ptx), Success) << D.Log;
    const int N = 256;
    std::vector<float> X(N * N, 1.0f);
    uint64_t A = D.upload(X), B = D.upload(X), C = D.allocate(N * N * 4);
    measure("float", D, [&] { return D.launch("floatMatmul", {N / 64, N / 64}, {256}, 0, A, B, C, N); });
  }
  {
    Device D;
    ASSERT_EQ(D.load(Ptx), Success) << D.Log;
    const int N = 512;
    std::vector<uint16_t> X(N * N, 0x3c00);
    uint64_t A = D.upload(X), B = D.upload(X), C = D.allocate(N * N * 4);
    measure("tensor core", D,
            [&] { return D.launch("matmul", {N / 64, N / 64}, {128}, 3 * 2 * 64 * 32 * 2, A, B, C, N, N, N); });
  }
}
