// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model is an artefact's target on a device, with its code, weights and derived tensors. A context is what one
// caller needs to run it. Both are the C API's objects, with C++ inside.

#ifndef TINYC_RUNTIME_SRC_MODEL_H
#define TINYC_RUNTIME_SRC_MODEL_H

#include "runtime/drivers/Driver.h"

namespace tinyc {

/// Device memory with an owner. Never null: nothing is allocated for size 0, but the address is valid to pass on.
class DeviceMemory {
public:
  DeviceMemory() = default;
  DeviceMemory(DeviceMemory &&other) noexcept { *this = std::move(other); }
  DeviceMemory &operator=(DeviceMemory &&other) noexcept;
  ~DeviceMemory();
  static Status allocate(Device &device, uint64_t size, DeviceMemory &memory);
  void *address() const { return base; }

private:
  Device *device = nullptr;
  void *base = nullptr;
  uint64_t size = 0;
};

class Model {
public:
  static Status create(std::shared_ptr<ArtefactFile> artefact, std::shared_ptr<Device> device, const char *target,
                       std::shared_ptr<Model> &model);

  const format::Target &target() const { return *chosen; }
  const ArtefactFile &artefact() const { return *file; }
  Device &device() const { return *on; }

private:
  friend class Context;
  Status chooseTarget(const char *name);
  Status loadWeights();
  Status bringWeights(Executor &transfers);
  Status runInit();
  bool isInit(const ExecutionPlan &plan) const;
  /// Where an arena buffer, weight or derived tensor stands; null for what differs from run to run.
  void *sharedAddress(const format::Buffer &buffer, void *arena) const;

  std::shared_ptr<ArtefactFile> file;
  std::shared_ptr<Device> on;
  const format::Target *chosen = nullptr;
  std::unique_ptr<Program> program;
  std::vector<ExecutionPlan> plans;
  std::vector<DeviceMemory> weightMemory, derivedMemory;
  std::vector<const void *> weightAddress; // in place or in weightMemory; null if no plan uses it
};

class Context {
public:
  static Status create(std::shared_ptr<Model> model, size_t threads, std::unique_ptr<Context> &context);
  Status run(const char *entry, std::span<const tinyc_tensor> inputs, std::span<const tinyc_tensor> outputs);
  Status readState(const char *name, void *data, uint64_t size);
  Status writeState(const char *name, const void *data, uint64_t size);
  Status resetStates();
  void setProfiler(tinyc_profile_callback callback, void *user);

private:
  /// An input or output of an entry point: what the caller must give, and where its bytes are in a run.
  struct Port {
    const format::Tensor *tensor;
    uint64_t size, stagingOffset;
    const tinyc_tensor *given = nullptr;
    void *address = nullptr; // on the device
  };
  struct BufferOfPort {
    uint32_t buffer, port;
  };
  /// One entry point with all addresses; those of inputs and outputs are set by each run.
  struct Bound {
    const ExecutionPlan *plan = nullptr;
    std::string name;
    std::vector<void *> bases;
    std::vector<Port> inputs, outputs;
    std::vector<BufferOfPort> inputBuffers, outputBuffers;
  };
  uint64_t bind(const ExecutionPlan &plan, Bound &bound);
  Status match(std::vector<Port> &ports, std::span<const tinyc_tensor> given, const char *what, bool all);
  Status place(Bound &bound);
  Status issue(const Bound &bound, LaunchTime *launchTimes);
  Status findState(const char *name, uint64_t size, size_t &index);
  void report(const Bound &bound);

  std::shared_ptr<Model> model;
  DeviceMemory arena, staging;
  std::vector<DeviceMemory> states;
  std::vector<Bound> entries;
  tinyc_profile_callback profiler = nullptr;
  void *profilerUser = nullptr;
  std::vector<LaunchTime> times;
  std::unique_ptr<Executor> executor; // last: it goes before what its commands use
};

} // namespace tinyc

#endif // TINYC_RUNTIME_SRC_MODEL_H
