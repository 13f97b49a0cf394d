// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// AMD GPUs through the HIP runtime: a stream for each executor, code objects loaded from memory. Only
// libamdhip64.so is needed.

#include "runtime/drivers/DriverLibrary.h"
#include "runtime/drivers/HipApi.h"
#include "runtime/src/HeaderChecks.h"
#include "runtime/src/QueueExecutor.h"

#include <algorithm>
#include <cstring>

namespace tinyc {
namespace {

using namespace hip;

Api api;

Status openApi() {
  static const LibrarySymbol symbols[] = {
#define TINYC_ROW(NAME, PARAMETERS) {#NAME, reinterpret_cast<void **>(&api.NAME)},
      TINYC_HIP_FUNCTIONS(TINYC_ROW)
#undef TINYC_ROW
          {"hipGetErrorName", reinterpret_cast<void **>(&api.hipGetErrorName)},
      {"hipGetErrorString", reinterpret_cast<void **>(&api.hipGetErrorString)},
  };
  // The name without a version comes with development packages only.
  static const char *const names[] = {"libamdhip64.so", "libamdhip64.so.7", "libamdhip64.so.6"};
  return openDriverLibrary(names, symbols);
}

Status failure(Result result, const char *call) {
  const char *name = api.hipGetErrorName(result), *text = api.hipGetErrorString(result);
  std::string message = std::string(call) + " failed: " + (name ? name : std::to_string(result).c_str());
  return Status(result == outOfMemory ? TINYC_OUT_OF_MEMORY : TINYC_DEVICE_FAILED,
                text ? message + " (" + text + ")" : message);
}

#define HIP_TRY(function, ...)                                                                                         \
  do {                                                                                                                 \
    if (Result tryResult = api.function(__VA_ARGS__); tryResult != success)                                            \
      return failure(tryResult, #function);                                                                            \
  } while (false)

/// Makes a device the calling thread's current one, and leaves the thread as it was: the program may use another.
class Current {
public:
  explicit Current(int device) {
    result = api.hipGetDevice(&before);
    if (result == success && before != device) {
      result = api.hipSetDevice(device);
      changed = result == success;
    }
  }
  Current(const Current &) = delete;
  ~Current() {
    if (changed)
      api.hipSetDevice(before);
  }
  Status status() const { return result == success ? Status() : failure(result, "choosing the device"); }
  explicit operator bool() const { return result == success; }

private:
  int before = 0;
  bool changed = false;
  Result result;
};

#define HIP_ENTER(device)                                                                                              \
  Current current(device);                                                                                             \
  TINYC_TRY(current.status())

class HipProgram final : public Program {
public:
  explicit HipProgram(int device) : device(device) {}
  ~HipProgram() override {
    if (Current current(device); current)
      for (Handle module : modules)
        api.hipModuleUnload(module);
  }
  struct Function {
    Handle handle;
    const format::Kernel *kernel;
  };
  int device;
  std::vector<Handle> modules;
  std::vector<Function> functions;
};

class HipExecutor final : public QueueExecutor {
public:
  HipExecutor(int device, HipProgram &program, std::span<const ExecutionPlan> plans)
      : QueueExecutor(plans), device(device), program(program) {}
  ~HipExecutor() override {
    Current current(device);
    if (!current)
      return;
    for (Handle event : events)
      api.hipEventDestroy(event);
    if (stream)
      api.hipStreamDestroy(stream);
  }
  Status create() {
    HIP_ENTER(device);
    HIP_TRY(hipStreamCreateWithFlags, &stream, nonBlockingStream);
    return {};
  }

  Status upload(void *to, const void *from, uint64_t size) override {
    HIP_ENTER(device);
    HIP_TRY(hipMemcpyHtoDAsync, to, from, size, stream);
    return {};
  }
  Status download(void *to, const void *from, uint64_t size) override {
    HIP_ENTER(device);
    HIP_TRY(hipMemcpyDtoHAsync, to, const_cast<void *>(from), size, stream);
    return {};
  }
  Status finish() override {
    HIP_ENTER(device);
    HIP_TRY(hipStreamSynchronize, stream);
    return {};
  }

  Status run(const ExecutionPlan &plan, void *const *bases, LaunchTime *times) override {
    HIP_ENTER(device); // once for all commands
    return QueueExecutor::run(plan, bases, times);
  }

protected:
  Status launch(const Step &step, void **values) override {
    const auto &[function, kernel] = program.functions[step.kernel];
    const format::Dim3 &grid = *kernel->grid(), &block = *kernel->block();
    Result result = api.hipModuleLaunchKernel(function, grid.x(), grid.y(), grid.z(), block.x(), block.y(), block.z(),
                                              kernel->dynamic_shared_bytes(), stream, values, nullptr);
    if (result == success)
      return {};
    return failure(result, "hipModuleLaunchKernel").within("kernel " + quoted(text(kernel->name())) + ": ");
  }
  Status copy(void *to, const void *from, uint64_t size) override {
    HIP_TRY(hipMemcpyDtoDAsync, to, const_cast<void *>(from), size, stream);
    return {};
  }
  Status fill(void *to, uint8_t pattern, uint64_t size) override {
    HIP_TRY(hipMemsetD8Async, to, pattern, size, stream);
    return {};
  }
  Status mark(size_t n) override {
    while (events.size() <= n) {
      Handle event = nullptr;
      HIP_TRY(hipEventCreateWithFlags, &event, 0);
      events.push_back(event);
    }
    HIP_TRY(hipEventRecord, events[n], stream);
    return {};
  }
  Status elapsed(size_t from, size_t to, uint64_t &nanoseconds) override {
    float milliseconds = 0;
    HIP_TRY(hipEventElapsedTime, &milliseconds, events[from], events[to]);
    nanoseconds = static_cast<uint64_t>(static_cast<double>(milliseconds) * 1e6);
    return {};
  }

private:
  int device;
  HipProgram &program;
  Handle stream = nullptr;
  std::vector<Handle> events;
};

class HipDevice final : public Device {
public:
  Status create(int number) {
    ordinal = number;
    HIP_ENTER(ordinal);
    Properties properties{};
    HIP_TRY(hipGetDevicePropertiesR0600, &properties, ordinal);
    description.assign(properties.name, strnlen(properties.name, sizeof(properties.name)));
    chip.assign(properties.gcnArchName, strnlen(properties.gcnArchName, sizeof(properties.gcnArchName)));
    chip = chip.substr(0, chip.find(':'));
    return {};
  }

  Status accepts(const format::Target &target, int &rank) override {
    rank = 0;
    if (target.kind() != format::TargetKind::hip)
      return unsupported("it is not code for an AMD GPU");
    std::string name = text(target.name());
    std::string wanted = name.substr(name.find(':') == std::string::npos ? 0 : name.find(':') + 1);
    if (wanted != chip)
      return unsupported("it needs a " + wanted + ", this device is a " + chip);
    return {};
  }

  Status load(const ArtefactFile &artefact, const format::Target &target, std::unique_ptr<Program> &program) override {
    HIP_ENTER(ordinal);
    auto loaded = std::make_unique<HipProgram>(ordinal);
    for (unsigned i = 0; i < sizeOf(target.modules()); ++i) {
      const format::Code *object = nullptr;
      auto *forms = target.modules()->Get(i)->forms();
      for (unsigned j = 0; j < sizeOf(forms); ++j)
        if (forms->Get(j)->kind() == format::CodeKind::hsaco &&
            (text(forms->Get(j)->chip()).empty() || text(forms->Get(j)->chip()) == chip))
          object = forms->Get(j);
      std::string where = "module " + std::to_string(i) + ": ";
      if (!object)
        return unsupported(where + "it holds no code object for " + chip);
      Handle handle = nullptr;
      if (Result result = api.hipModuleLoadData(&handle, artefact.code(*object).data()); result != success)
        return failure(result, "hipModuleLoadData").within(where);
      loaded->modules.push_back(handle);
    }
    for (unsigned i = 0; i < sizeOf(target.kernels()); ++i) {
      const format::Kernel &kernel = *target.kernels()->Get(i);
      Handle function = nullptr;
      Result result = api.hipModuleGetFunction(&function, loaded->modules[kernel.module_()], kernel.symbol()->c_str());
      if (result != success)
        return failure(result, "hipModuleGetFunction")
            .within("kernel " + quoted(text(kernel.name())) + ", symbol " + quoted(text(kernel.symbol())) + ": ");
      loaded->functions.push_back({function, &kernel});
    }
    program = std::move(loaded);
    return {};
  }

  Status allocate(uint64_t size, void *&address) override {
    HIP_ENTER(ordinal);
    HIP_TRY(hipMalloc, &address, size);
    return {};
  }
  void release(void *address, uint64_t) override {
    if (Current current(ordinal); current)
      api.hipFree(address);
  }

  Status createExecutor(Program &program, std::span<const ExecutionPlan> plans, size_t,
                        std::unique_ptr<Executor> &executor) override {
    auto made = std::make_unique<HipExecutor>(ordinal, static_cast<HipProgram &>(program), plans);
    TINYC_TRY(made->create());
    executor = std::move(made);
    return {};
  }

private:
  int ordinal = 0;
};

Status initialise() {
  static const Status status = [] {
    TINYC_TRY(openApi());
    Result result = api.hipInit(0);
    if (result != success && result != noDevice)
      return Status(TINYC_UNAVAILABLE, failure(result, "hipInit").message());
    return Status();
  }();
  return status.failed() ? Status(status.code(), status.message()) : Status();
}

Status deviceCount(size_t &count) {
  TINYC_TRY(initialise());
  int devices = 0;
  Result result = api.hipGetDeviceCount(&devices);
  if (result != success && result != noDevice)
    return failure(result, "hipGetDeviceCount");
  count = result == success ? static_cast<size_t>(std::max(devices, 0)) : 0;
  return {};
}

Status open(size_t ordinal, std::unique_ptr<Device> &device) {
  auto made = std::make_unique<HipDevice>();
  TINYC_TRY(made->create(static_cast<int>(ordinal)));
  device = std::move(made);
  return {};
}

} // namespace

extern const Driver hipDriver;
const Driver hipDriver{"hip", deviceCount, open};

} // namespace tinyc
