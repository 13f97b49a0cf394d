// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Failures while commands are queued. On a device that runs nothing before finish(), each call fails in turn: the
// caller gets the first error, and gets it when no command uses its memory any more.

#include "runtime/src/Model.h"
#include "runtime/src/QueueExecutor.h"
#include "test/runtime/ConformanceKernels.h"
#include "test/runtime/RuntimeFixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>

namespace tinyc::test {
namespace {

using namespace artefact;

/// What the device sees of the runtime, and which of its calls is to fail.
struct Scene {
  size_t calls = 0, failing = SIZE_MAX;
  bool failedFinishDrains = true;
  size_t queued = 0;        // commands that have not run
  std::string failedCall;   // the call that failed
  size_t wrongReleases = 0; // of memory, while commands were queued

  Status next(const char *call) {
    if (calls++ != failing)
      return {};
    failedCall = call;
    return Status(TINYC_DEVICE_FAILED, std::string(call) + " fails");
  }
};

class LateExecutor final : public QueueExecutor {
public:
  LateExecutor(Scene &scene, std::span<const ExecutionPlan> plans) : QueueExecutor(plans), scene(scene) {}
  ~LateExecutor() override { scene.queued -= commands.size(); }

  Status upload(void *to, const void *from, uint64_t size) override { return queueCopy("upload", to, from, size); }
  Status download(void *to, const void *from, uint64_t size) override { return queueCopy("download", to, from, size); }
  Status finish() override {
    Status status = scene.next("finish");
    if (status.failed() && !scene.failedFinishDrains)
      return status;
    for (const std::function<void()> &command : commands)
      command();
    scene.queued -= commands.size();
    commands.clear();
    return status;
  }

protected:
  Status launch(const Step &, void **) override {
    return queue("launch", [] {});
  }
  Status copy(void *to, const void *from, uint64_t size) override { return queueCopy("copy", to, from, size); }
  Status fill(void *to, uint8_t pattern, uint64_t size) override {
    return queue("fill", [=] { std::memset(to, pattern, size); });
  }
  Status mark(size_t) override { return {}; }
  Status elapsed(size_t, size_t, uint64_t &) override { return {}; }

private:
  Status queueCopy(const char *call, void *to, const void *from, uint64_t size) {
    return queue(call, [=] { std::memcpy(to, from, size); });
  }
  Status queue(const char *call, std::function<void()> command) {
    TINYC_TRY(scene.next(call));
    commands.push_back(std::move(command));
    ++scene.queued;
    return {};
  }

  Scene &scene;
  std::vector<std::function<void()>> commands;
};

class LateDevice final : public Device {
public:
  explicit LateDevice(Scene &scene) : scene(scene) { name = "late:0"; }
  Status accepts(const format::Target &, int &rank) override { return rank = 0, Status(); }
  Status load(const ArtefactFile &, const format::Target &, std::unique_ptr<Program> &program) override {
    program = std::make_unique<Program>();
    return {};
  }
  Status allocate(uint64_t size, void *&address) override {
    TINYC_TRY(scene.next("allocate"));
    return allocateHostMemory(size, address);
  }
  void release(void *address, uint64_t size) override {
    scene.wrongReleases += scene.queued != 0;
    releaseHostMemory(address, size);
  }
  Status createExecutor(Program &, std::span<const ExecutionPlan> plans, size_t,
                        std::unique_ptr<Executor> &executor) override {
    TINYC_TRY(scene.next("createExecutor"));
    executor = std::make_unique<LateExecutor>(scene, plans);
    return {};
  }

private:
  Scene &scene;
};

/// Weights that init and main use, two states, of which one begins as a weight, and a loop that reads its trip count.
Artefact sample() {
  Artefact a;
  static const std::vector<float> v(vectorSize, 1.5f), w(vectorSize, 2); // the artefact refers to them
  a.addWeight(vector("v"), {reinterpret_cast<const uint8_t *>(v.data()), vectorBytes});
  a.addWeight(vector("w"), {reinterpret_cast<const uint8_t *>(w.data()), vectorBytes});
  a.states.push_back({vector("s"), 0});
  a.states.push_back({vector("t"), -1});
  a.entryPoints.push_back({"init", {}, {}, {}});
  a.entryPoints.push_back({"main", {vector("x"), vector("y")}, {vector("p"), vector("q")}, {0, 1}});
  Target &t = a.targets.emplace_back(conformanceTarget("null"));
  t.derived.push_back({"packed", Sha256::of("packed", 6), vectorBytes});
  Plan &init = t.plans.emplace_back();
  init.entryPoint = 0;
  init.arenaSize = vectorBytes;
  init.buffers = {buffer(BufferKind::Weight, 0), buffer(BufferKind::Derived, 0), arena(0)};
  init.commands = {copy({2}, {0}, vectorBytes), launch(Scale, {{2}, {1}}, {2, 1})};
  addDependencies(t, init, init.commands);
  Plan &p = t.plans.emplace_back();
  p.entryPoint = 1;
  p.arenaSize = vectorBytes;
  p.buffers = {buffer(BufferKind::Input, 0),   buffer(BufferKind::Input, 1),
               buffer(BufferKind::Output, 0),  buffer(BufferKind::Output, 1),
               buffer(BufferKind::Derived, 0), buffer(BufferKind::State, 0),
               buffer(BufferKind::Weight, 1),  arena(0, 8)};
  Command counted = loop(3, {copy({5}, {6}, vectorBytes)});
  counted.tripCount = {{7}};
  p.commands = {fill({7}, 1, 8), launch(Add, {{0}, {1}, {2}}), counted, copy({3}, {5}, vectorBytes)};
  addDependencies(t, p, p.commands);
  return a;
}

class QueuedFailures : public testing::Test {
protected:
  void SetUp() override {
    std::string error;
    ASSERT_TRUE(serialize(sample(), bytes, error)) << error;
    ASSERT_FALSE(ArtefactFile::openMemory(bytes, file).failed());
  }

  /// Everything that queues commands; after each step its status, and nothing may be queued.
  Status work(Scene &scene) {
    auto returned = [&](const char *step, Status status) {
      if (scene.failedFinishDrains)
        EXPECT_EQ(scene.queued, 0u) << "after " << step << ", in which " << scene.failedCall << " failed";
      return status;
    };
    std::shared_ptr<Model> model;
    TINYC_TRY(returned("Model::create", Model::create(file, std::make_shared<LateDevice>(scene), nullptr, model)));
    std::unique_ptr<Context> context;
    TINYC_TRY(returned("Context::create", Context::create(model, 1, context)));
    FloatVector x("x", 1), y("y", 2), p("p", 0), q("q", 0);
    tinyc_tensor inputs[] = {x.view(), y.view()}, outputs[] = {p.view(), q.view()};
    TINYC_TRY(returned("run", context->run("main", inputs, outputs)));
    EXPECT_EQ(q[0], 2);
    TINYC_TRY(returned("writeState", context->writeState("s", x.data(), vectorBytes)));
    TINYC_TRY(returned("readState", context->readState("s", y.data(), vectorBytes)));
    EXPECT_EQ(y[1], x[1]);
    return returned("resetStates", context->resetStates());
  }

  std::vector<uint8_t> bytes;
  std::shared_ptr<ArtefactFile> file;
};

TEST_F(QueuedFailures, TheFirstErrorIsReturnedWhenNothingIsQueuedAnyMore) {
  for (bool drains : {true, false}) {
    std::vector<std::string> failed;
    for (size_t failing = 0;; ++failing) {
      Scene scene;
      scene.failing = failing;
      scene.failedFinishDrains = drains;
      Status status = work(scene);
      EXPECT_EQ(scene.queued, 0u);
      EXPECT_EQ(scene.wrongReleases, 0u) << "call " << failing << ", " << scene.failedCall << ", failed";
      if (!status.failed()) {
        EXPECT_EQ(scene.failedCall, "");
        break;
      }
      EXPECT_NE(status.message().find(scene.failedCall + " fails"), std::string::npos) << status.message();
      failed.push_back(scene.failedCall);
    }
    for (const char *call : {"allocate", "createExecutor", "upload", "launch", "copy", "fill", "download", "finish"})
      EXPECT_GE(std::count(failed.begin(), failed.end(), call), 1) << call;
  }
}

} // namespace
} // namespace tinyc::test
