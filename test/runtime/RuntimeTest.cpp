// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runtime on the CPU beyond what all drivers share: inputs are checked before anything starts, threads do not
// change results, a run allocates nothing, failures name the kernel, missing CPU features are named.

#include "runtime/src/CpuFeatures.h"
#include "test/runtime/ConformanceKernels.h"
#include "test/runtime/RuntimeFixture.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <unistd.h>

static std::atomic<size_t> allocations{0};

// Counts what the runtime allocates; the sanitizers bring their own operators.
#if !__has_feature(address_sanitizer)
void *operator new(size_t size) {
  ++allocations;
  if (void *p = std::malloc(size ? size : 1))
    return p;
  throw std::bad_alloc();
}
void operator delete(void *p) noexcept { std::free(p); }
void operator delete(void *p, size_t) noexcept { std::free(p); }
#endif

namespace tinyc::test {
namespace {

using namespace artefact;

/// y = (x * 2 + 1) + x through the arena, in a chain and two independent branches.
Artefact sample() {
  Artefact a;
  a.entryPoints.push_back({"main", {vector("x"), vector("b")}, {vector("y"), vector("z")}, {}});
  Target &t = a.targets.emplace_back(conformanceTarget("cpu"));
  Plan &p = t.plans.emplace_back();
  p.arenaSize = 2 * vectorBytes;
  p.buffers = {buffer(BufferKind::Input, 0),
               buffer(BufferKind::Input, 1),
               buffer(BufferKind::Output, 0),
               buffer(BufferKind::Output, 1),
               arena(0),
               arena(vectorBytes)};
  p.commands = {launch(Scale, {{0}, {4}}, {2, 1}), launch(Scale, {{1}, {5}}, {3, 0}), launch(Add, {{4}, {0}, {2}}),
                launch(Add, {{5}, {1}, {3}})};
  addDependencies(t, p, p.commands);
  return a;
}

TEST(Runtime, DependenciesAreTheHazardsAndNoMore) {
  Artefact a = sample();
  auto &commands = a.targets[0].plans[0].commands;
  EXPECT_TRUE(commands[0].dependencies.empty());
  EXPECT_TRUE(commands[1].dependencies.empty());
  ASSERT_EQ(commands[2].dependencies.size(), 1u);
  EXPECT_EQ(commands[2].dependencies[0].command, 0u);
  ASSERT_EQ(commands[3].dependencies.size(), 1u);
  EXPECT_EQ(commands[3].dependencies[0].command, 1u);
  // The arena of the first two is written again: write after read, which implies the write before.
  commands.push_back(launch(Scale, {{0}, {4}}, {5, 5}));
  addDependencies(a.targets[0], a.targets[0].plans[0], commands);
  ASSERT_EQ(commands[4].dependencies.size(), 1u);
  EXPECT_EQ(commands[4].dependencies[0].command, 2u);
  EXPECT_EQ(commands[4].dependencies[0].kind, DependencyKind::WriteAfterRead);
}

TEST(Runtime, InputsAreCheckedBeforeAnythingStarts) {
  Loaded loaded;
  ASSERT_EQ(loaded.open(sample(), "cpu", 1), "");
  FloatVector x("x", 1), b("b", 2), y("y", 0), z("z", 0), wrong("q", 1), shape("x", 1, {1023}), rank("x", 1, {1, 1024});
  const std::string listing = "; the inputs are: x f32[1024], b f32[1024]";
  EXPECT_EQ(loaded.run("main", {&x}, {&y}), "input 'b' is not given" + listing);
  EXPECT_EQ(loaded.run("main", {&x, &b, &wrong}, {&y}), "there is no input 'q'" + listing);
  EXPECT_EQ(loaded.run("main", {&x, &x, &b}, {&y}), "input 'x' is given twice");
  EXPECT_EQ(loaded.run("main", {&shape, &b}, {&y}), "input 'x': expected f32[1024], found f32[1023]");
  EXPECT_EQ(loaded.run("main", {&rank, &b}, {&y}), "input 'x': expected f32[1024], found f32[1x1024]");
  EXPECT_EQ(loaded.run("other", {&x, &b}, {&y}), "target 'cpu' has no entry point 'other'");
  tinyc_tensor typed[] = {x.view(), b.view()};
  typed[0].dtype = TINYC_DTYPE_F16;
  EXPECT_EQ(take(tinyc_context_run(loaded.context, "main", typed, 2, nullptr, 0)),
            "input 'x': expected f32[1024], found f16[1024]");
  typed[0].dtype = static_cast<tinyc_dtype>(1000);
  EXPECT_EQ(take(tinyc_context_run(loaded.context, "main", typed, 2, nullptr, 0)),
            "input 'x': expected f32[1024], found invalid[1024]");
  typed[0] = x.view();
  typed[1].data = nullptr;
  EXPECT_EQ(take(tinyc_context_run(loaded.context, "main", typed, 2, nullptr, 0)), "input 'b' has no data");
  for (float value : y)
    EXPECT_EQ(value, 0) << "nothing may have run";
  EXPECT_EQ(loaded.run("main", {&b, &x}, {&z}), "") << "any order; outputs may be left out";
  EXPECT_EQ(z[3], b[3] * 3 + b[3]);
}

TEST(Runtime, OutputsMayNotShareMemoryButMayReuseAnInput) {
  Loaded loaded;
  ASSERT_EQ(loaded.open(sample(), "cpu", 2), "");
  FloatVector x("x", 1), b("b", 2), before("x", 1), y("y", 0);
  tinyc_tensor inputs[] = {x.view(), b.view()}, outputs[] = {y.view(), y.view()};
  outputs[1].name = "z";
  EXPECT_EQ(take(tinyc_context_run(loaded.context, "main", inputs, 2, outputs, 2)), "outputs 'y' and 'z' share memory");
  outputs[1].data = x.data();
  ASSERT_EQ(take(tinyc_context_run(loaded.context, "main", inputs, 2, outputs, 2)), "");
  for (int64_t i = 0; i < vectorSize; ++i) {
    ASSERT_EQ(y[i], (before[i] * 2 + 1) + before[i]);
    ASSERT_EQ(x[i], b[i] * 3 + b[i]);
  }
}

TEST(Runtime, UnalignedTensorsAreCopied) {
  Loaded loaded;
  ASSERT_EQ(loaded.open(sample(), "cpu", 2), "");
  FloatVector x("x", 1, {1040}), b("b", 2), y("y", 0, {1040});
  int64_t shape[] = {1024};
  tinyc_tensor inputs[] = {{"x", TINYC_DTYPE_F32, 1, shape, &x[1]}, b.view()};
  tinyc_tensor output = {"y", TINYC_DTYPE_F32, 1, shape, &y[3]};
  ASSERT_EQ(take(tinyc_context_run(loaded.context, "main", inputs, 2, &output, 1)), "");
  for (int64_t i = 0; i < vectorSize; ++i)
    ASSERT_EQ(y[i + 3], (x[i + 1] * 2 + 1) + x[i + 1]);
  EXPECT_EQ(y[2], 0);
  EXPECT_EQ(y[1027], 0);
}

TEST(Runtime, ThreadsDoNotChangeResults) {
  FloatVector x("x", 1), b("b", 2), y1("y", 0), z1("z", 0);
  for (size_t threads : {1, 2, 3, 8}) {
    Loaded loaded;
    ASSERT_EQ(loaded.open(sample(), "cpu", threads), "");
    for (int round = 0; round < 300; ++round) {
      FloatVector y("y", 0), z("z", 0);
      ASSERT_EQ(loaded.run("main", {&x, &b}, {&y, &z}), "");
      if (threads == 1 && round == 0)
        std::copy(y.begin(), y.end(), y1.begin()), std::copy(z.begin(), z.end(), z1.begin());
      ASSERT_EQ(std::memcmp(y.data(), y1.data(), vectorBytes), 0);
      ASSERT_EQ(std::memcmp(z.data(), z1.data(), vectorBytes), 0);
    }
  }
}

TEST(Runtime, ARunAllocatesNothing) {
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "allocations are not counted under AddressSanitizer";
#endif
  Loaded loaded;
  ASSERT_EQ(loaded.open(sample(), "cpu", 2), "");
  FloatVector x("x", 1), b("b", 2), y("y", 0), z("z", 0);
  tinyc_tensor inputs[] = {x.view(), b.view()}, outputs[] = {y.view(), z.view()};
  for (int round = 0; round < 3; ++round) {
    size_t before = allocations;
    tinyc_status *status = tinyc_context_run(loaded.context, "main", inputs, 2, outputs, 2);
    size_t after = allocations;
    ASSERT_EQ(take(status), "");
    EXPECT_EQ(after - before, 0u);
  }
}

TEST(Runtime, AFailingKernelIsNamedAndTheContextLivesOn) {
  Artefact a = sample();
  a.entryPoints.push_back({"broken", {}, {}, {}});
  Plan &p = a.targets[0].plans.emplace_back();
  p.entryPoint = 1;
  p.commands = {loop(5, {launch(Fail, {}, {0}), launch(Fail, {}, {42})}), launch(Fail, {}, {0})};
  p.commands[0].body[1].dependencies = {{0}};
  p.commands[1].dependencies = {{0}};
  Loaded loaded;
  ASSERT_EQ(loaded.open(a, "cpu", 2), "");
  FloatVector x("x", 1), b("b", 2), y("y", 0);
  for (int round = 0; round < 20; ++round) {
    tinyc_status *status = tinyc_context_run(loaded.context, "broken", nullptr, 0, nullptr, 0);
    EXPECT_EQ(tinyc_status_code(status), TINYC_DEVICE_FAILED);
    EXPECT_EQ(take(status), "kernel 'fail_4' failed with code 42");
    y[7] = 0;
    ASSERT_EQ(loaded.run("main", {&x, &b}, {&y}), "");
    EXPECT_EQ(y[7], (x[7] * 2 + 1) + x[7]);
  }
}

TEST(Runtime, MissingCpuFeaturesAreNamed) {
  Artefact a = sample();
  std::string absent;
  for (const CpuFeature &feature : cpuFeatures())
    if (!feature.present && absent.empty())
      absent = feature.name;
  ASSERT_NE(absent, "") << "a CPU with every feature there is";
  a.targets[0].features = {absent};
  Loaded lacking;
  std::string message = lacking.open(a, "cpu", 1);
  EXPECT_NE(message.find("lacks " + absent), std::string::npos) << message;
  a.targets[0].features = {"warp-drive"};
  Loaded unknown;
  message = unknown.open(a, "cpu", 1);
  EXPECT_NE(message.find("cannot test for: warp-drive"), std::string::npos) << message;
}

TEST(Runtime, TheTargetWithMostFeaturesIsTaken) {
  Artefact a = sample();
  a.targets.push_back(a.targets[0]);
  a.targets.push_back(a.targets[0]);
  a.targets[1].name = "cpu:better";
  for (const CpuFeature &feature : cpuFeatures())
    if (feature.present && a.targets[1].features.empty())
      a.targets[1].features = {feature.name};
  a.targets[2].name = "cpu:other";
  Loaded loaded;
  ASSERT_EQ(loaded.open(a, "cpu", 1), "");
  EXPECT_STREQ(tinyc_model_target(loaded.model), "cpu:better");
  tinyc_model *named = nullptr;
  ASSERT_EQ(take(tinyc_model_create(loaded.artefact, loaded.device, "cpu:other", &named)), "");
  EXPECT_STREQ(tinyc_model_target(named), "cpu:other");
  tinyc_model_free(named);
  EXPECT_EQ(take(tinyc_model_create(loaded.artefact, loaded.device, "cpu:none", &named)),
            "the artefact has no target 'cpu:none'");
}

TEST(Runtime, BrokenCodeIsRefused) {
  Artefact a = sample();
  a.targets[0].modules[0].forms[0].bytes = {'E', 'L', 'F'};
  Loaded loaded;
  std::string message = loaded.open(a, "cpu", 1);
  EXPECT_NE(message.find("the dynamic linker refuses the code"), std::string::npos) << message;
}

TEST(Runtime, UnknownDevicesAreNamed) {
  tinyc_device *device = nullptr;
  EXPECT_EQ(take(tinyc_device_open("tpu", &device)),
            "unknown device 'tpu'; a device is one of cpu, cuda, hip, null, with :N for the N-th");
  EXPECT_NE(take(tinyc_device_open("cpu:7", &device)).find("device 'cpu:7' does not exist"), std::string::npos);
  EXPECT_NE(take(tinyc_device_open("cpu:x", &device)).find("unknown device"), std::string::npos);
  EXPECT_EQ(device, nullptr);
}

TEST(Runtime, NullPointersAreRefused) {
  tinyc_artefact *artefact = nullptr;
  EXPECT_EQ(take(tinyc_artefact_open_file(nullptr, &artefact)), "a null pointer is given");
  EXPECT_EQ(take(tinyc_artefact_open_memory(nullptr, 5, &artefact)), "a null pointer is given");
  EXPECT_EQ(take(tinyc_device_open("cpu", nullptr)), "a null pointer is given");
  EXPECT_EQ(take(tinyc_model_create(nullptr, nullptr, nullptr, nullptr)), "a null pointer is given");
  EXPECT_EQ(take(tinyc_context_run(nullptr, "main", nullptr, 0, nullptr, 0)), "a null pointer is given");
  EXPECT_EQ(tinyc_artefact_target_name(nullptr, 0), nullptr);
  EXPECT_EQ(tinyc_artefact_input_count(nullptr, "main"), 0u);
  tinyc_status_free(nullptr);
  tinyc_context_free(nullptr);
}

TEST(Runtime, ObjectsKeepAliveWhatTheyCameFrom) {
  std::vector<uint8_t> file;
  std::string error;
  ASSERT_TRUE(serialize(sample(), file, error)) << error;
  tinyc_artefact *artefact = nullptr;
  tinyc_device *device = nullptr;
  tinyc_model *model = nullptr;
  tinyc_context *context = nullptr;
  ASSERT_EQ(take(tinyc_artefact_open_memory(file.data(), file.size(), &artefact)), "");
  ASSERT_EQ(take(tinyc_device_open("cpu", &device)), "");
  ASSERT_EQ(take(tinyc_model_create(artefact, device, nullptr, &model)), "");
  ASSERT_EQ(take(tinyc_context_create(model, nullptr, &context)), "");
  tinyc_artefact_close(artefact);
  tinyc_device_close(device);
  tinyc_model_free(model);
  FloatVector x("x", 1), b("b", 2), y("y", 0);
  tinyc_tensor inputs[] = {x.view(), b.view()}, output = y.view();
  EXPECT_EQ(take(tinyc_context_run(context, "main", inputs, 2, &output, 1)), "");
  EXPECT_EQ(y[9], (x[9] * 2 + 1) + x[9]);
  tinyc_context_free(context);
}

class UsableCpus : public testing::Test {
protected:
  void SetUp() override {
    root = testing::TempDir() + "/cgroup-" + std::to_string(getpid());
    std::filesystem::create_directories(root + "/a/b");
    std::filesystem::create_directories(root + "/cpu/c");
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  void put(const std::string &path, const std::string &text) { std::ofstream(root + path) << text; }
  size_t count() { return usableCpus(root + "/self", root); }
  std::string root;
};

TEST_F(UsableCpus, RespectsQuotasOfBothVersions) {
  size_t all = count(); // no such file: affinity alone
  EXPECT_GE(all, 1u);
  put("/self", "0::/a/b\n");
  EXPECT_EQ(count(), all);
  put("/a/cpu.max", "100000 100000\n");
  put("/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(count(), 1u) << "the quota of a group above counts";
  put("/a/cpu.max", "150000 100000\n");
  EXPECT_EQ(count(), std::min<size_t>(all, 2)) << "rounded up";
  put("/self", "5:memory:/m\n4:cpu,cpuacct:/c\n");
  put("/cpu/c/cpu.cfs_quota_us", "50000\n");
  put("/cpu/c/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(count(), 1u) << "at least one";
  put("/cpu/c/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(count(), all) << "-1 is no limit";
}

} // namespace
} // namespace tinyc::test
