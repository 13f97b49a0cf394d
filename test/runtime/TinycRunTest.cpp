// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tool tinyc-run as users see it: small, free of LLVM, the same output for any number of threads, and for wrong
// input one line that says what is wrong and exit code 1 (2 for usage).

#include "test/runtime/ConformanceKernels.h"

#include <cstring>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace tinyc::test {
namespace {

using namespace artefact;

const std::string tool = TINYC_BUILD_DIR "/bin/tinyc-run";

struct Result {
  int code;
  std::string text; // standard output and error
};

Result shell(const std::string &command) {
  std::FILE *pipe = popen((command + " 2>&1").c_str(), "r");
  Result result{-1, ""};
  std::array<char, 4096> block;
  while (size_t count = std::fread(block.data(), 1, block.size(), pipe))
    result.text.append(block.data(), count);
  int status = pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return result;
}

class TinycRun : public testing::Test {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "/tinyc-run-" + std::to_string(getpid());
    std::filesystem::create_directories(folder);
    file = folder + "/m.tinyc";
    Artefact a;
    a.entryPoints.push_back({"main", {vector("a"), vector("b")}, {vector("sum")}, {}});
    Target &t = a.targets.emplace_back(conformanceTarget("cpu"));
    Plan &p = t.plans.emplace_back();
    p.buffers = {buffer(BufferKind::Input, 0), buffer(BufferKind::Input, 1), buffer(BufferKind::Output, 0)};
    p.commands = {launch(Add, {{0}, {1}, {2}})};
    std::string error;
    std::vector<uint8_t> bytes;
    ASSERT_TRUE(serialize(a, bytes, error)) << error;
    std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  Result run(const std::string &flags) { return shell(tool + " " + flags); }

  std::string folder, file;
};

TEST_F(TinycRun, PrintsOutputsHashesAndProfile) {
  Result one = run(file + " --input random:1 --threads 1 --hash");
  EXPECT_EQ(one.code, 0) << one.text;
  EXPECT_EQ(one.text.find("sum f32[1024] "), 0u) << one.text;
  size_t hash = one.text.find("... (1024 values)\n") + std::strlen("... (1024 values)\n");
  EXPECT_EQ(one.text.find(" sum\n", hash), hash + 64) << one.text;
  EXPECT_EQ(run(file + " --input random:1 --threads 2 --hash").text, one.text);
  EXPECT_NE(run(file + " --input random:2 --threads 2 --hash").text, one.text);
  Result profile = run(file + " --input random:1 --profile");
  EXPECT_NE(profile.text.find("add_0"), std::string::npos) << profile.text;
  EXPECT_NE(profile.text.find("GFLOP/s"), std::string::npos);
  EXPECT_NE(profile.text.find("total: 1 launches"), std::string::npos);
  EXPECT_NE(profile.text.find("node/add_0"), std::string::npos);
}

TEST_F(TinycRun, OutputFilesAreInputsAgain) {
  Result first = run(file + " --input random:1 --output-dir " + folder + "/out");
  ASSERT_EQ(first.code, 0) << first.text;
  Result second = run(file + " --input a=@" + folder + "/out/sum.npy --input b=@" + folder + "/out/sum.npy");
  EXPECT_EQ(second.code, 0) << second.text;
}

TEST_F(TinycRun, WrongInputExitsWithOne) {
  auto check = [&](const std::string &flags, int code, const std::string &reason) {
    Result result = run(flags);
    EXPECT_EQ(result.code, code) << flags << "\n" << result.text;
    EXPECT_NE(result.text.find(reason), std::string::npos) << flags << "\n" << result.text;
  };
  check(file, 1, "input 'a' is not given; the inputs are: a f32[1024], b f32[1024]");
  check(file + " --input random:1 --device null", 1, "no target of the artefact runs on null");
  check(file + " --input random:1 --entry other", 1, "no entry point 'other'; it has: main");
  check(file + " --input a=@/no/such.npy", 1, "cannot open '/no/such.npy'");
  check("/no/such.tinyc", 1, "cannot open '/no/such.tinyc'");
  std::ofstream(folder + "/text.tinyc") << std::string(500, 'x');
  check(folder + "/text.tinyc", 1, "wrong magic");
  check("", 2, "no file is given");
  check(file + " --wrong", 2, "unknown flag --wrong");
  check(file + " --threads 0", 2, "expected a number from 1 to 1024");
  check(file + " --input x", 2, "expected NAME=@FILE");
  // With the exit codes that tinyc run has for the same.
  check(file + " --device tpu", 2,
        "--device tpu: expected a driver, with :N for its N-th device; the drivers are: cpu");
  check(file + " --device cuda:x", 2, "--device cuda:x: expected a driver");
  check(file + " --output-dir ''", 2, "--output-dir needs a value, found ''");
  check(file + " --hash=1", 2, "--hash takes no value");
  check("-- --no-file", 1, "cannot open '--no-file'");
  check("-- " + file + " --hash", 2, "more than one file is given");
}

TEST_F(TinycRun, SaysWhatItIs) {
  Result version = run("--version");
  EXPECT_EQ(version.code, 0);
  EXPECT_EQ(version.text, "tinyc-run " TINYC_VERSION "\ndrivers: cpu cuda hip null\n");
  Result help = run("--help");
  EXPECT_EQ(help.code, 0);
  EXPECT_EQ(help.text.find("usage: tinyc-run FILE.tinyc"), 0u) << help.text;
}

TEST_F(TinycRun, MissingVendorLibrariesAreNamed) {
  Result cuda = shell("LD_LIBRARY_PATH= " + tool + " " + file + " --input random:1 --device cuda:0");
  if (cuda.text.find("libcuda.so.1 cannot be loaded") == std::string::npos)
    EXPECT_NE(cuda.text.find("device"), std::string::npos) << cuda.text; // a machine with the vendor's driver
  EXPECT_EQ(cuda.code, 1);
}

TEST_F(TinycRun, IsSmallAndNeedsOnlyLibc) {
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "sanitizers add code and libraries";
#endif
  EXPECT_LT(std::filesystem::file_size(tool), 1000000u);
  std::string needed = shell("ldd " + tool).text;
  for (const char *library : {"LLVM", "MLIR", "stdc++", "protobuf", "cuda", "flatbuffers"})
    EXPECT_EQ(needed.find(library), std::string::npos) << needed;
  EXPECT_NE(needed.find("libc.so"), std::string::npos) << needed;
}

TEST_F(TinycRun, TheSharedLibraryExportsTheCApiOnly) {
  Result names = shell("nm -D --defined-only " TINYC_BUILD_DIR "/lib/libtinyc_runtime.so | awk '{print $3}'");
  ASSERT_EQ(names.code, 0) << names.text;
  size_t begin = 0, count = 0;
  for (size_t end; (end = names.text.find('\n', begin)) != std::string::npos; begin = end + 1, ++count)
    EXPECT_EQ(names.text.compare(begin, 6, "tinyc_"), 0) << names.text.substr(begin, end - begin);
  EXPECT_GT(count, 30u);
}

} // namespace
} // namespace tinyc::test
