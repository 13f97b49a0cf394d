// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Wrong kernels are reported, in every order of warps; their right versions, above and here, are not.
#include "test/emulator-tests/cuda/Device.h"

#include <gtest/gtest.h>

using namespace tinyc::emulator_tests;

#define COMPILE(Ptx, ...)                                                                                              \
  std::string Ptx = compileCuda(__VA_ARGS__);                                                                          \
  if (Ptx.empty())                                                                                                     \
  GTEST_SKIP() << "nvcc is not installed"

static const char *Seeds[] = {"0", "1", "2", "3", "4", "5", "6", "7"};

struct Case {
  const char *Kernel;
  Dimensions Grid, Block;
  unsigned Shared;
  int Result;
  const char *Says;
};

/// Runs a kernel whose only parameter is an array of 256 integers, all of Value.
static void expectReport(const std::string &Ptx, const Case &C, int Value = 0) {
  for (const char *Seed : Seeds) {
    Setting S("TINYC_EMULATED_SEED", Seed);
    Device D;
    ASSERT_EQ(D.load(Ptx), Success) << D.Log;
    std::vector<int32_t> Data(256);
    for (int I = 0; I < 256; ++I)
      Data[I] = Value ? Value : I + 100;
    uint64_t P = D.upload(Data);
    EXPECT_EQ(D.launch(C.Kernel, C.Grid, C.Block, C.Shared, P), C.Result) << C.Kernel << " seed " << Seed << D.Said;
    if (C.Says) {
      EXPECT_NE(D.Said.find(C.Says), std::string::npos) << C.Kernel << " said: " << D.Said;
      EXPECT_EQ(D.Report.find("\"reports\":[]"), std::string::npos);
    } else {
      EXPECT_NE(D.Report.find("\"reports\":[]"), std::string::npos);
    }
  }
}

TEST(Adversary, FindsMissingBarriers) {
  COMPILE(Right, "Kernels.cu");
  COMPILE(Wrong, "Kernels.cu", "-DNO_BARRIER");
  Case Reverse{"reverse", {1}, {128}, 512, Success, nullptr};
  expectReport(Right, Reverse);
  Reverse.Result = LaunchFailed;
  // Whoever reads first finds poison, whoever reads later races with the writer: both are reports.
  Reverse.Says = "kernel reverse, block (0,0,0), thread";
  expectReport(Wrong, Reverse);
}

TEST(Adversary, FindsMissingWarpBarriers) {
  COMPILE(Right, "Kernels.cu");
  COMPILE(Wrong, "Kernels.cu", "-DNO_BARRIER");
  Case Exchange{"exchange", {1}, {32}, 0, Success, nullptr};
  expectReport(Right, Exchange);
  Exchange.Result = LaunchFailed;
  Exchange.Says = "race";
  expectReport(Wrong, Exchange);
}

TEST(Adversary, FindsMissingBarrierInReduction) {
  COMPILE(Wrong, "Kernels.cu", "-DNO_BARRIER");
  for (const char *Seed : Seeds) {
    Setting S("TINYC_EMULATED_SEED", Seed);
    Device D;
    ASSERT_EQ(D.load(Wrong), Success) << D.Log;
    std::vector<float> In(1000, 1.0f);
    uint64_t PI = D.upload(In), PO = D.allocate(4);
    EXPECT_EQ(D.launch("reduceRows", {1}, {128}, 0, PI, PO, 1000), LaunchFailed);
  }
}

TEST(Adversary, FindsUninitialisedSharedMemory) {
  COMPILE(Ptx, "Kernels.cu");
  expectReport(Ptx, {"uninitialised", {1}, {32}, 0, LaunchFailed, "never computed from defined values"});
}

TEST(Adversary, FindsSharedOutOfBounds) {
  COMPILE(Ptx, "Kernels.cu");
  expectReport(Ptx, {"sharedOutOfBounds", {1}, {32}, 0, IllegalAddress, "inside a variable of shared memory"}, 1);
}

TEST(Adversary, FindsRacesBetweenBlocks) {
  COMPILE(Ptx, "Kernels.cu");
  expectReport(Ptx, {"neighbours", {2}, {64}, 0, LaunchFailed, "race"});
  expectReport(Ptx, {"neighbours", {1}, {64}, 0, LaunchFailed, "no barrier orders the two"});
}

TEST(Adversary, FindsMissingFence) {
  COMPILE(Ptx, "Kernels.cu", "-DNO_FENCE");
  for (const char *Seed : Seeds) {
    Setting S("TINYC_EMULATED_SEED", Seed);
    Device D;
    ASSERT_EQ(D.load(Ptx), Success) << D.Log;
    std::vector<int32_t> X(64 * 8, 2);
    std::vector<uint32_t> Zero(1);
    uint64_t PX = D.upload(X), PP = D.allocate(32), PC = D.upload(Zero), PO = D.allocate(4);
    EXPECT_EQ(D.launch("lastBlock", {8}, {64}, 0, PX, PP, PC, PO), LaunchFailed);
    EXPECT_NE(D.Said.find("no fence or atomic"), std::string::npos) << D.Said;
  }
}

TEST(Adversary, FindsBarriersThatNotAllReach) {
  COMPILE(Ptx, "Kernels.cu");
  expectReport(Ptx, {"barrierInBranch", {1}, {32}, 0, LaunchFailed, "divergent code"});
  expectReport(Ptx, {"barrierAfterExit", {1}, {64}, 0, LaunchFailed, "waits for ever at barrier 0"});
}

/// `x` is the array of 256 integers, %r1 the thread, %rd2 the address of its integer.
static std::string kernel(const std::string &Body) {
  return R"(
.version 8.0
.target sm_80
.address_size 64
.visible .entry k(.param .u64 x)
{
  .reg .pred %p<4>;
  .reg .b16 %rs<4>;
  .reg .b32 %r<8>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [x];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %ctaid.x;
  mul.wide.u32 %rd3, %r1, 4;
  add.s64 %rd2, %rd1, %rd3;
  setp.ge.u32 %p1, %r1, 32;
)" + Body +
         "\n  ret;\n}\n";
}

// Warp 0 reads what warp 1 updates in place: its own read does not hide the other's.
TEST(Adversary, FindsReadsOfWhatIsUpdatedInPlace) {
  const std::string Update = "ld.global.u32 %r4, [%rd2]; add.s32 %r4, %r4, 1000; st.global.u32 [%rd2], %r4; ret;\n",
                    Read = "ld.global.u32 %r3, [%rd2+128]; st.global.u32 [%rd2+512], %r3;\n";
  Case Racing{"k", {1}, {64}, 0, LaunchFailed, "no barrier orders the two"};
  expectReport(kernel("@!%p1 bra LOW; " + Update + "LOW: " + Read), Racing);
  Case Right{"k", {1}, {64}, 0, Success, nullptr};
  expectReport(kernel("@%p1 bra HIGH; " + Read + "HIGH: bar.sync 0; @!%p1 ret; " + Update), Right);
}

// Blocks 0 and 1 write neighbours of one word, block 2 reads one of them.
TEST(Adversary, FindsRacesOnPartsOfAWord) {
  const std::string Blocks = "setp.eq.u32 %p2, %r2, 0; setp.eq.u32 %p3, %r2, 1; mov.u16 %rs1, 7;\n";
  for (std::string Type : {"u8", "u16"}) {
    const std::string Step = Type == "u8" ? "1" : "2";
    auto Kernel = [&](const std::string &From) {
      return kernel(Blocks + "@%p2 st.global." + Type + " [%rd1], %rs1; @%p2 ret; @%p3 st.global." + Type + " [%rd1+" +
                    Step + "], %rs1; @%p3 ret;\nld.global." + Type + " %rs2, [%rd1+" + From + "]; st.global." + Type +
                    " [%rd1+64], %rs2;");
    };
    expectReport(Kernel("0"), {"k", {3}, {1}, 0, LaunchFailed, "no fence or atomic makes that ordered"});
    expectReport(Kernel(Step), {"k", {3}, {1}, 0, LaunchFailed, "no fence or atomic makes that ordered"});
    expectReport(Kernel("32"), {"k", {3}, {1}, 0, Success, nullptr});
  }
}

// Each synchronising instruction of a module, dropped in turn.
TEST(Adversary, FindsEveryDroppedBarrierOfTheMatmul) {
  COMPILE(Ptx, "Matmul.cu");
  const int M = 64, N = 128, K = 160;
  std::vector<uint16_t> A(M * K, 0x3c00), B(N * K, 0x3c00);
  auto Run = [&](Device &D) {
    uint64_t PA = D.upload(A), PB = D.upload(B), PC = D.allocate(M * N * 4);
    return D.launch("matmul", {N / 64, M / 64}, {128}, 3 * 2 * 64 * 32 * 2, PA, PB, PC, M, N, K);
  };
  // The instructions of the kernel itself, by line order in the module.
  std::vector<int> Mine;
  bool Inside = false;
  int Number = 0;
  for (size_t At = 0; At < Ptx.size();) {
    size_t End = std::min(Ptx.find('\n', At), Ptx.size());
    std::string Line = Ptx.substr(At, End - At);
    At = End + 1;
    if (Line.find(".entry") != Line.npos)
      Inside = Line.find(" matmul(") != Line.npos;
    if (Line.find("bar.sync") != Line.npos || Line.find("cp.async.wait") != Line.npos) {
      ++Number;
      if (Inside)
        Mine.push_back(Number);
    }
  }
  ASSERT_FALSE(Mine.empty());
  {
    Device D;
    ASSERT_EQ(D.load(Ptx), Success) << D.Log;
    ASSERT_EQ(Run(D), Success) << D.Said;
    EXPECT_EQ(D.reported("sync_instructions"), Number);
  }
  for (int Drop : Mine)
    for (const char *Seed : {"0", "1", "2"}) {
      Setting S("TINYC_EMULATED_SEED", Seed), T("TINYC_EMULATED_DROP", std::to_string(Drop));
      Device D;
      ASSERT_EQ(D.load(Ptx), Success) << D.Log;
      EXPECT_EQ(Run(D), LaunchFailed) << "without instruction " << Drop << " seed " << Seed;
    }
}
