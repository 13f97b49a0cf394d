// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One suite for all drivers: it goes through the registry, so a new driver is tested as soon as it has a row in
// conformanceTarget. A driver without a device is reported as skipped. GPU drivers find the emulated libraries of this
// build, unless TINYC_TEST_REAL_DEVICES is set.

#include "runtime/include/tinyc/runtime.h"
#include "test/runtime/ConformanceKernels.h"
#include "test/runtime/RuntimeFixture.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <dlfcn.h>
#include <functional>
#include <thread>
#include <unistd.h>

namespace tinyc::test {
namespace {

using namespace artefact;

class Conformance : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    size_t count = 0;
    std::string why = take(tinyc_driver_device_count(GetParam().c_str(), &count));
    if (count == 0)
      GTEST_SKIP() << GetParam() << ": " << (why.empty() ? "no device" : why);
    computes = GetParam() != "null";
    model.targets.push_back(conformanceTarget(GetParam()));
    ASSERT_FALSE(model.targets[0].name.empty()) << "add a row for driver " << GetParam() << " to conformanceTarget";
  }

  Plan &plan() { return model.targets[0].plans.emplace_back(); }
  void finish(Plan &p) { addDependencies(model.targets[0], p, p.commands); }
  std::string open(Loaded &loaded, size_t threads = 2) { return loaded.open(model, GetParam().c_str(), threads); }

  Artefact model;
  bool computes = true; // the null driver's kernels do nothing
};

TEST_P(Conformance, AddsTwoInputs) {
  model.entryPoints.push_back({"main", {vector("a"), vector("b")}, {vector("sum")}, {}});
  Plan &p = plan();
  p.buffers = {buffer(BufferKind::Input, 0), buffer(BufferKind::Input, 1), buffer(BufferKind::Output, 0)};
  p.commands = {launch(Add, {{0}, {1}, {2}})};
  finish(p);
  Loaded loaded;
  ASSERT_EQ(open(loaded), "");
  FloatVector a("a", 1), b("b", 2), sum("sum", 0);
  ASSERT_EQ(loaded.run("main", {&a, &b}, {&sum}), "");
  for (int64_t i = 0; i < vectorSize && computes; ++i)
    ASSERT_EQ(sum[i], a[i] + b[i]) << i;
}

// The second kernel reuses the arena bytes of the first: a hazard that only the dependency list resolves.
TEST_P(Conformance, ArenaReuseIsOrdered) {
  model.entryPoints.push_back({"main", {vector("x")}, {vector("y"), vector("z")}, {}});
  Plan &p = plan();
  p.arenaSize = vectorBytes;
  p.buffers = {buffer(BufferKind::Input, 0), buffer(BufferKind::Output, 0), buffer(BufferKind::Output, 1), arena(0),
               arena(0)};
  p.commands = {launch(Scale, {{0}, {3}}, {2, 0}), launch(Add, {{3}, {0}, {1}}), launch(Scale, {{0}, {4}}, {5, 1}),
                launch(Add, {{4}, {0}, {2}})};
  finish(p);
  Loaded loaded;
  ASSERT_EQ(open(loaded), "");
  FloatVector x("x", 3), y("y", 0), z("z", 0);
  for (int round = 0; round < 200; ++round) {
    ASSERT_EQ(loaded.run("main", {&x}, {&y, &z}), "");
    for (int64_t i = 0; i < vectorSize && computes; ++i) {
      ASSERT_EQ(y[i], x[i] * 2 + x[i]) << i;
      ASSERT_EQ(z[i], (x[i] * 5 + 1) + x[i]) << i;
    }
  }
}

TEST_P(Conformance, CopiesAndFillsAtOffsets) {
  model.entryPoints.push_back({"main", {vector("x")}, {vector("y")}, {}});
  Plan &p = plan();
  p.arenaSize = vectorBytes;
  p.buffers = {buffer(BufferKind::Input, 0), buffer(BufferKind::Output, 0), arena(0)};
  p.commands = {fill({2}, 0, vectorBytes), copy({2, 400}, {0, 12}, 100), copy({1}, {2}, vectorBytes),
                fill({1, 4}, 0xFF, 3)};
  finish(p);
  Loaded loaded;
  ASSERT_EQ(open(loaded), "");
  FloatVector x("x", 4), y("y", 0);
  ASSERT_EQ(loaded.run("main", {&x}, {&y}), "");
  EXPECT_EQ(y[0], 0);
  uint32_t bits;
  std::memcpy(&bits, &y[1], 4);
  EXPECT_EQ(bits, 0x00FFFFFFu);
  for (int64_t i = 2; i < vectorSize; ++i)
    EXPECT_EQ(y[i], i >= 100 && i < 125 ? x[i - 100 + 3] : 0) << i;
}

TEST_P(Conformance, LoopsMoveStridesAndPassTheirIndex) {
  constexpr int64_t rows = 5;
  Tensor matrix{"x", DType::F32, {rows, vectorSize}};
  Tensor result = matrix;
  result.name = "y";
  model.entryPoints.push_back({"main", {matrix}, {result}, {}});
  Plan &p = plan();
  p.arenaSize = vectorBytes;
  p.buffers = {buffer(BufferKind::Input, 0, rows * vectorBytes), buffer(BufferKind::Output, 0, rows * vectorBytes),
               arena(0)};
  Command scale = launch(Scale, {{0, 0, vectorBytes}, {2}}, {3, 0});
  scale.loopIndexSymbol = 1;
  // Rows are written backwards.
  Command store = copy({1, (rows - 1) * vectorBytes, -int64_t(vectorBytes)}, {2}, vectorBytes);
  p.commands = {loop(rows, {scale, store})};
  finish(p);
  Loaded loaded;
  ASSERT_EQ(open(loaded), "");
  FloatVector x("x", 5, {rows, vectorSize}), y("y", 0, {rows, vectorSize});
  ASSERT_EQ(loaded.run("main", {&x}, {&y}), "");
  for (int64_t r = 0; r < rows && computes; ++r)
    for (int64_t i = 0; i < vectorSize; ++i)
      ASSERT_EQ(y[(rows - 1 - r) * vectorSize + i], x[r * vectorSize + i] * 3 + float(r)) << r << " " << i;
}

TEST_P(Conformance, TripCountIsClampedToTheBound) {
  Tensor count{"count", DType::I64, {}};
  model.entryPoints.push_back({"main", {vector("x"), count}, {vector("y")}, {}});
  Plan &p = plan();
  p.buffers = {buffer(BufferKind::Input, 0), buffer(BufferKind::Input, 1, 8), buffer(BufferKind::Output, 0)};
  Command loopCommand = loop(7, {launch(Accumulate, {{0}, {2}})});
  loopCommand.tripCount = {{1}};
  p.commands = {fill({2}, 0, vectorBytes), loopCommand};
  finish(p);
  Loaded loaded;
  ASSERT_EQ(open(loaded), "");
  for (int64_t trips : {int64_t(0), int64_t(3), int64_t(7), int64_t(1000), int64_t(-4)}) {
    FloatVector x("x", 6), y("y", 0);
    std::fill(x.begin(), x.end(), 1.0f);
    tinyc_tensor inputs[] = {x.view(), {"count", TINYC_DTYPE_I64, 0, nullptr, &trips}}, output = y.view();
    ASSERT_EQ(take(tinyc_context_run(loaded.context, "main", inputs, 2, &output, 1)), "");
    float expected = trips < 0 ? 0 : trips > 7 ? 7 : float(trips);
    for (int64_t i = 0; i < vectorSize && computes; ++i)
      ASSERT_EQ(y[i], expected) << trips << " " << i;
  }
}

TEST_P(Conformance, ExitFlagEndsALoopWithinALoop) {
  model.entryPoints.push_back({"main", {vector("x")}, {vector("y")}, {}});
  Plan &p = plan();
  p.arenaSize = 64 + vectorBytes;
  p.buffers = {buffer(BufferKind::Input, 0), buffer(BufferKind::Output, 0), arena(0, 64), arena(64)};
  // Three times: count up to 4 in at most 100 steps, then add the count to y.
  Command inner = loop(100, {launch(Accumulate, {{0}, {3}}), launch(Reached, {{3}, {2}}, {4})});
  inner.exitFlag = {{2}};
  p.commands = {fill({1}, 0, vectorBytes), loop(3, {fill({3}, 0, vectorBytes), inner, launch(Accumulate, {{3}, {1}})})};
  finish(p);
  Loaded loaded;
  ASSERT_EQ(open(loaded), "");
  FloatVector x("x", 7), y("y", 0);
  std::fill(x.begin(), x.end(), 1.0f);
  if (!computes)
    GTEST_SKIP() << "the null driver's kernels set no flag";
  for (int round = 0; round < 50; ++round) {
    ASSERT_EQ(loaded.run("main", {&x}, {&y}), "");
    for (int64_t i = 0; i < vectorSize; ++i)
      ASSERT_EQ(y[i], 12) << i;
  }
}

// What a choice between two bodies is: two loops of one trip, of which one is entered.
TEST_P(Conformance, EntryFlagsChooseOneOfTwoLoops) {
  Tensor flag{"flag", DType::Bool, {}};
  model.entryPoints.push_back({"main", {vector("x"), flag}, {vector("y")}, {}});
  Plan &p = plan();
  p.buffers = {buffer(BufferKind::Input, 0), buffer(BufferKind::Input, 1, 1), buffer(BufferKind::Output, 0)};
  Command ifSet = loop(1, {copy({2}, {0}, vectorBytes)}), ifClear = loop(1, {fill({2}, 0, vectorBytes)});
  ifSet.entryFlag = ifClear.entryFlag = {{1}};
  ifClear.enterOnZero = true;
  // Ends after the trip that finds the flag clear: the first one, or none of three.
  Command added = loop(3, {launch(Accumulate, {{0}, {2}})});
  added.exitFlag = {{1}};
  added.exitOnZero = true;
  p.commands = {ifSet, ifClear, added};
  finish(p);
  Loaded loaded;
  ASSERT_EQ(open(loaded), "");
  for (uint8_t set : {0, 1}) {
    FloatVector x("x", 6), y("y", 0);
    tinyc_tensor inputs[] = {x.view(), {"flag", TINYC_DTYPE_BOOL, 0, nullptr, &set}}, output = y.view();
    ASSERT_EQ(take(tinyc_context_run(loaded.context, "main", inputs, 2, &output, 1)), "");
    for (int64_t i = 0; i < vectorSize && computes; ++i)
      ASSERT_EQ(y[i], set ? ((x[i] + x[i]) + x[i]) + x[i] : x[i]) << int(set) << " " << i;
  }
}

TEST_P(Conformance, StatesLiveInTheContext) {
  std::vector<float> initial(vectorSize, 10);
  uint32_t weight = model.addWeight(vector("initial"), {reinterpret_cast<uint8_t *>(initial.data()), vectorBytes});
  model.states.push_back({vector("total"), int32_t(weight)});
  model.states.push_back({vector("zero"), -1});
  model.entryPoints.push_back({"main", {vector("x")}, {vector("y")}, {0, 1}});
  Plan &p = plan();
  p.buffers = {buffer(BufferKind::Input, 0), buffer(BufferKind::Output, 0), buffer(BufferKind::State, 0),
               buffer(BufferKind::State, 1)};
  p.commands = {launch(Accumulate, {{0}, {2}}), launch(Accumulate, {{0}, {3}}), launch(Add, {{2}, {3}, {1}})};
  finish(p);
  Loaded loaded;
  ASSERT_EQ(open(loaded), "");
  FloatVector x("x", 8), y("y", 0), state("total", 0);
  std::fill(x.begin(), x.end(), 2.0f);
  for (int round = 1; round <= 3; ++round) {
    ASSERT_EQ(loaded.run("main", {&x}, {&y}), "");
    if (computes)
      EXPECT_EQ(y[77], float(10 + 4 * round));
  }
  ASSERT_EQ(take(tinyc_context_read_state(loaded.context, "total", state.data(), vectorBytes)), "");
  EXPECT_EQ(state[5], computes ? 16 : 10);
  state[5] = 100;
  ASSERT_EQ(take(tinyc_context_write_state(loaded.context, "total", state.data(), vectorBytes)), "");
  ASSERT_EQ(loaded.run("main", {&x}, {&y}), "");
  if (computes)
    EXPECT_EQ(y[5], 102 + 8);
  ASSERT_EQ(take(tinyc_context_reset_states(loaded.context)), "");
  ASSERT_EQ(take(tinyc_context_read_state(loaded.context, "total", state.data(), vectorBytes)), "");
  EXPECT_EQ(state[5], 10);
}

TEST_P(Conformance, InitDerivesWeightsOnce) {
  std::vector<float> source(vectorSize);
  for (int64_t i = 0; i < vectorSize; ++i)
    source[i] = float(i);
  model.addWeight(vector("w"), {reinterpret_cast<uint8_t *>(source.data()), vectorBytes});
  model.entryPoints.push_back({"init", {}, {}, {}});
  model.entryPoints.push_back({"main", {vector("x")}, {vector("y")}, {}});
  model.targets[0].derived.push_back({"packed", Sha256::of("w scaled", 8), vectorBytes});
  Plan &init = plan();
  init.entryPoint = 0;
  init.buffers = {buffer(BufferKind::Weight, 0), buffer(BufferKind::Derived, 0)};
  init.commands = {launch(Scale, {{0}, {1}}, {2, 1})};
  Plan &p = plan();
  p.entryPoint = 1;
  p.buffers = {buffer(BufferKind::Input, 0), buffer(BufferKind::Output, 0), buffer(BufferKind::Derived, 0)};
  p.commands = {launch(Add, {{0}, {2}, {1}})};
  Loaded loaded;
  ASSERT_EQ(open(loaded), "");
  FloatVector x("x", 9), y("y", 0);
  ASSERT_EQ(loaded.run("main", {&x}, {&y}), "");
  for (int64_t i = 0; i < vectorSize && computes; ++i)
    ASSERT_EQ(y[i], x[i] + (2 * float(i) + 1)) << i;
  // Other contexts may be reading what it wrote.
  EXPECT_NE(loaded.run("init", {}, {}).find("has no entry point 'init'"), std::string::npos);
}

TEST_P(Conformance, ContextsOfOneModelRunAtTheSameTime) {
  model.entryPoints.push_back({"main", {vector("x")}, {vector("y")}, {}});
  Plan &p = plan();
  p.arenaSize = vectorBytes;
  p.buffers = {buffer(BufferKind::Input, 0), buffer(BufferKind::Output, 0), arena(0)};
  p.commands = {launch(Scale, {{0}, {2}}, {3, 1}), launch(Add, {{2}, {0}, {1}})};
  finish(p);
  Loaded loaded;
  ASSERT_EQ(open(loaded), "");
  std::string failures[3];
  std::vector<std::thread> callers;
  for (unsigned t = 0; t < 3; ++t)
    callers.emplace_back([&, t] {
      tinyc_context *own = nullptr;
      tinyc_context_options options{sizeof(options), 2};
      failures[t] = take(tinyc_context_create(loaded.model, &options, &own));
      FloatVector x("x", 20 + t), y("y", 0);
      for (int round = 0; round < 50 && failures[t].empty(); ++round) {
        tinyc_tensor input = x.view(), output = y.view();
        failures[t] = take(tinyc_context_run(own, "main", &input, 1, &output, 1));
        for (int64_t i = 0; i < vectorSize && computes; ++i)
          if (y[i] != (x[i] * 3 + 1) + x[i])
            failures[t] = "wrong value at " + std::to_string(i);
      }
      tinyc_context_free(own);
    });
  for (std::thread &caller : callers)
    caller.join();
  for (const std::string &failure : failures)
    EXPECT_EQ(failure, "");
}

TEST_P(Conformance, ProfilesEachLaunch) {
  model.entryPoints.push_back({"main", {vector("x")}, {vector("y")}, {}});
  Plan &p = plan();
  p.arenaSize = vectorBytes;
  p.buffers = {buffer(BufferKind::Input, 0), buffer(BufferKind::Output, 0), arena(0)};
  p.commands = {launch(Scale, {{0}, {2}}, {3, 1}), fill({1}, 0, vectorBytes),
                loop(4, {launch(Accumulate, {{2}, {1}})})};
  finish(p);
  Loaded loaded;
  ASSERT_EQ(open(loaded), "");
  std::vector<std::string> seen;
  auto note = [](void *user, const tinyc_launch_profile *l) {
    auto &list = *static_cast<std::vector<std::string> *>(user);
    list.push_back(std::string(l->kernel) + "/" + l->symbol + "/" + l->ops[0] + "/" + std::to_string(l->flops));
  };
  ASSERT_EQ(take(tinyc_context_set_profiler(loaded.context, note, &seen)), "");
  FloatVector x("x", 9), y("y", 0);
  ASSERT_EQ(loaded.run("main", {&x}, {&y}), "");
  EXPECT_EQ(seen, (std::vector<std::string>{"scale_1/scale/node/scale_1/1024",
                                            "accumulate_2/accumulate/node/accumulate_2/4096"}));
}

TEST_P(Conformance, RefusesCodeForOtherDevices) {
  std::string other = GetParam() == "cpu" ? "null" : "cpu";
  model.targets[0] = conformanceTarget(other);
  model.entryPoints.push_back({"main", {}, {}, {}});
  Loaded loaded;
  std::string message = open(loaded);
  EXPECT_NE(message.find("no target of the artefact runs on"), std::string::npos) << message;
}

TEST_P(Conformance, NamesAMissingSymbol) {
  if (GetParam() == "null")
    GTEST_SKIP() << "the null driver loads no code";
  model.targets[0].kernels[Fail].symbol = "no_such_symbol";
  model.entryPoints.push_back({"main", {}, {}, {}});
  Loaded loaded;
  std::string message = open(loaded);
  EXPECT_NE(message.find("no_such_symbol"), std::string::npos) << message;
}

/// From opening a device to closing it; `check` is told what was done last.
void useDevice(const std::string &driver, const std::string &device, const std::function<void(const char *)> &check) {
  Artefact model;
  model.targets.push_back(conformanceTarget(driver));
  model.entryPoints.push_back({"main", {vector("x")}, {vector("y")}, {}});
  Plan &p = model.targets[0].plans.emplace_back();
  p.buffers = {buffer(BufferKind::Input, 0), buffer(BufferKind::Output, 0)};
  p.commands = {launch(Scale, {{0}, {1}}, {2, 1})};
  {
    Loaded loaded;
    ASSERT_EQ(loaded.open(model, device.c_str(), 1), "");
    check("opening");
    FloatVector x("x", 1), y("y", 0);
    ASSERT_EQ(loaded.run("main", {&x}, {&y}), "");
    check("a run");
    EXPECT_EQ(y[3], x[3] * 2 + 1);
  }
  check("closing");
}

/// A function of a vendor's library, which the driver has opened.
template <typename... Parameters> auto vendorFunction(const char *library, const char *name) {
  void *handle = dlopen(library, RTLD_NOW);
  return reinterpret_cast<int (*)(Parameters...)>(handle ? dlsym(handle, name) : nullptr);
}

TEST(CurrentDevice, OfCudaIsLeftToTheProgram) {
  size_t count = 0;
  if (take(tinyc_driver_device_count("cuda", &count)); count == 0)
    GTEST_SKIP() << "no device";
  const char *library = "libcuda.so.1";
  auto *create = vendorFunction<void **, unsigned, int>(library, "cuCtxCreate_v2");
  auto *destroy = vendorFunction<void *>(library, "cuCtxDestroy_v2");
  auto *getCurrent = vendorFunction<void **>(library, "cuCtxGetCurrent");
  auto *setCurrent = vendorFunction<void *>(library, "cuCtxSetCurrent");
  ASSERT_TRUE(create && destroy && getCurrent && setCurrent);
  void *own = nullptr;
  ASSERT_EQ(create(&own, 0, 0), 0);
  for (void *expected : {own, static_cast<void *>(nullptr)}) {
    ASSERT_EQ(setCurrent(expected), 0);
    useDevice("cuda", "cuda:0", [&](const char *done) {
      void *current = nullptr;
      EXPECT_EQ(getCurrent(&current), 0);
      EXPECT_EQ(current, expected) << "after " << done;
    });
  }
  EXPECT_EQ(destroy(own), 0);
}

TEST(CurrentDevice, OfHipIsLeftToTheProgram) {
  size_t count = 0;
  if (take(tinyc_driver_device_count("hip", &count)); count < 2)
    GTEST_SKIP() << "no two devices";
  auto *get = vendorFunction<int *>("libamdhip64.so", "hipGetDevice");
  auto *set = vendorFunction<int>("libamdhip64.so", "hipSetDevice");
  ASSERT_TRUE(get && set);
  for (int expected : {0, 1}) {
    ASSERT_EQ(set(expected), 0);
    useDevice("hip", expected ? "hip:0" : "hip:1", [&](const char *done) {
      int current = -1;
      EXPECT_EQ(get(&current), 0);
      EXPECT_EQ(current, expected) << "after " << done;
    });
  }
  EXPECT_EQ(set(0), 0);
}

std::vector<std::string> driverNames() {
  std::vector<std::string> names;
  for (size_t i = 0; i < tinyc_driver_count(); ++i)
    names.push_back(tinyc_driver_name(i));
  return names;
}

INSTANTIATE_TEST_SUITE_P(Drivers, Conformance, testing::ValuesIn(driverNames()),
                         [](const auto &info) { return info.param; });

} // namespace
} // namespace tinyc::test

// --load-driver-plugin F --target T --code C: the suite on the driver of a plug-in alone. False after a message.
static bool takePlugin(int argc, char **argv) {
  using namespace tinyc::test;
  PluginCode &code = pluginCode();
  std::string plugin;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string flag = argv[i];
    std::string *to = flag == "--load-driver-plugin" ? &plugin
                      : flag == "--target"           ? &code.target
                      : flag == "--code"             ? &code.file
                                                     : nullptr;
    if (to)
      *to = argv[i + 1];
  }
  if (plugin.empty())
    return true;
  if (std::string why = take(tinyc_driver_load(plugin.c_str())); !why.empty())
    return std::fprintf(stderr, "%s\n", why.c_str()), false;
  code.driver = tinyc_driver_name(tinyc_driver_count() - 1);
  if (readBytes(code.file).empty())
    return std::fprintf(stderr, "--code %s: expected a file with the suite's kernels\n", code.file.c_str()), false;
  testing::GTEST_FLAG(filter) = "*/" + code.driver;
  return true;
}

int main(int argc, char **argv) {
  // The dynamic linker reads LD_LIBRARY_PATH when a process starts; so start once more with the emulated drivers.
  if (!std::getenv("TINYC_TEST_REAL_DEVICES") && !std::getenv("TINYC_TEST_EMULATORS")) {
    setenv("TINYC_TEST_EMULATORS", "1", 1);
    setenv("TINYC_EMULATED_DEVICES", "2", 1);
    setenv("LD_LIBRARY_PATH", TINYC_BUILD_DIR "/emulators", 1);
    execv("/proc/self/exe", argv);
  }
  if (!takePlugin(argc, argv))
    return 1;
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
