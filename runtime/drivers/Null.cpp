// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A device without a processor: memory, copies, fills and loops are real, kernels do nothing. It shows what a driver
// must provide and measures the runtime's own cost. A driver of your own starts as a copy of this file.

#include "runtime/src/QueueExecutor.h"

#include <chrono>
#include <cstring>

namespace tinyc {
namespace {

/// A queue that is always empty: each command is done when its call returns.
class NullExecutor final : public QueueExecutor {
public:
  using QueueExecutor::QueueExecutor;

  Status upload(void *device, const void *host, uint64_t size) override { return copy(device, host, size); }
  Status download(void *host, const void *device, uint64_t size) override { return copy(host, device, size); }
  Status finish() override { return {}; }

protected:
  Status launch(const Step &, void **) override { return {}; }
  Status copy(void *to, const void *from, uint64_t size) override {
    std::memcpy(to, from, size);
    return {};
  }
  Status fill(void *to, uint8_t pattern, uint64_t size) override {
    std::memset(to, pattern, size);
    return {};
  }
  Status mark(size_t n) override {
    if (marks.size() <= n)
      marks.resize(n + 1);
    marks[n] = std::chrono::steady_clock::now();
    return {};
  }
  Status elapsed(size_t from, size_t to, uint64_t &nanoseconds) override {
    nanoseconds = static_cast<uint64_t>((marks[to] - marks[from]).count());
    return {};
  }

private:
  std::vector<std::chrono::steady_clock::time_point> marks;
};

class NullDevice final : public Device {
public:
  NullDevice() {
    description = "no processor: kernels do nothing";
    chip = "null";
  }
  Status accepts(const format::Target &target, int &rank) override {
    rank = 0;
    if (target.kind() != format::TargetKind::null_device)
      return unsupported("it is not code for the null device");
    return {};
  }
  Status load(const ArtefactFile &, const format::Target &, std::unique_ptr<Program> &program) override {
    program = std::make_unique<Program>();
    return {};
  }
  Status allocate(uint64_t size, void *&address) override { return allocateHostMemory(size, address); }
  void release(void *address, uint64_t size) override { releaseHostMemory(address, size); }
  Status createExecutor(Program &, std::span<const ExecutionPlan> plans, size_t,
                        std::unique_ptr<Executor> &executor) override {
    executor = std::make_unique<NullExecutor>(plans);
    return {};
  }
};

Status deviceCount(size_t &count) {
  count = 1;
  return {};
}

Status open(size_t, std::unique_ptr<Device> &device) {
  device = std::make_unique<NullDevice>();
  return {};
}

} // namespace

extern const Driver nullDriver;
const Driver nullDriver{"null", deviceCount, open};

} // namespace tinyc
