// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NVIDIA GPUs through the CUDA driver API: the device's primary context, a stream for each executor, cubins where they
// fit the chip and PTX otherwise. Only libcuda.so.1 is needed.

#include "runtime/drivers/CudaApi.h"
#include "runtime/drivers/DriverLibrary.h"
#include "runtime/src/HeaderChecks.h"
#include "runtime/src/QueueExecutor.h"

#include <algorithm>
#include <cstdlib>

namespace tinyc {
namespace {

using namespace cuda;

Api api;

Status openApi() {
  static const LibrarySymbol symbols[] = {
#define TINYC_ROW(NAME, PARAMETERS) {#NAME, reinterpret_cast<void **>(&api.NAME)},
      TINYC_CUDA_FUNCTIONS(TINYC_ROW)
#undef TINYC_ROW
  };
  static const char *const names[] = {"libcuda.so.1"};
  return openDriverLibrary(names, symbols);
}

Status failure(Result result, const char *call) {
  const char *name = nullptr, *text = nullptr;
  api.cuGetErrorName(result, &name);
  api.cuGetErrorString(result, &text);
  std::string message = std::string(call) + " failed: " + (name ? name : std::to_string(result).c_str());
  return Status(result == outOfMemory ? TINYC_OUT_OF_MEMORY : TINYC_DEVICE_FAILED,
                text ? message + " (" + text + ")" : message);
}

#define CUDA_TRY(function, ...)                                                                                        \
  do {                                                                                                                 \
    if (Result tryResult = api.function(__VA_ARGS__); tryResult != success)                                            \
      return failure(tryResult, #function);                                                                            \
  } while (false)

Address toAddress(const void *pointer) { return static_cast<Address>(reinterpret_cast<uintptr_t>(pointer)); }
void *toPointer(Address address) { return reinterpret_cast<void *>(static_cast<uintptr_t>(address)); }

/// Makes a context the calling thread's current one, and leaves the thread as it was: the program may have a context of
/// its own.
class Current {
public:
  explicit Current(Handle context) : result(api.cuCtxPushCurrent_v2(context)) {}
  Current(const Current &) = delete;
  ~Current() {
    Handle popped = nullptr;
    if (result == success)
      api.cuCtxPopCurrent_v2(&popped);
  }
  Status status() const { return result == success ? Status() : failure(result, "cuCtxPushCurrent"); }
  explicit operator bool() const { return result == success; }

private:
  Result result;
};

#define CUDA_ENTER(context)                                                                                            \
  Current current(context);                                                                                            \
  TINYC_TRY(current.status())

/// sm_90a: 90, only on exactly this chip.
struct Chip {
  int number = 0;
  bool exact = false;
};

bool parseChip(const std::string &name, Chip &chip) {
  size_t at = name.rfind("sm_");
  if (at == std::string::npos)
    return false;
  char *end = nullptr;
  chip.number = static_cast<int>(std::strtol(name.c_str() + at + 3, &end, 10));
  chip.exact = *end == 'a';
  return chip.number > 0 && (*end == 0 || (chip.exact && end[1] == 0));
}

class CudaProgram final : public Program {
public:
  explicit CudaProgram(Handle context) : context(context) {}
  ~CudaProgram() override {
    if (Current current(context); current)
      for (Handle module : modules)
        api.cuModuleUnload(module);
  }
  struct Function {
    Handle handle;
    const format::Kernel *kernel;
  };
  Handle context;
  std::vector<Handle> modules;
  std::vector<Function> functions;
};

class CudaExecutor final : public QueueExecutor {
public:
  CudaExecutor(Handle context, CudaProgram &program, std::span<const ExecutionPlan> plans)
      : QueueExecutor(plans), context(context), program(program) {}
  ~CudaExecutor() override {
    Current current(context);
    if (!current)
      return;
    for (Handle event : events)
      api.cuEventDestroy_v2(event);
    if (stream)
      api.cuStreamDestroy_v2(stream);
  }
  Status create() {
    CUDA_ENTER(context);
    CUDA_TRY(cuStreamCreate, &stream, nonBlockingStream);
    return {};
  }

  Status upload(void *device, const void *host, uint64_t size) override {
    CUDA_ENTER(context);
    CUDA_TRY(cuMemcpyHtoDAsync_v2, toAddress(device), host, size, stream);
    return {};
  }
  Status download(void *host, const void *device, uint64_t size) override {
    CUDA_ENTER(context);
    CUDA_TRY(cuMemcpyDtoHAsync_v2, host, toAddress(device), size, stream);
    return {};
  }
  Status finish() override {
    CUDA_ENTER(context);
    CUDA_TRY(cuStreamSynchronize, stream);
    return {};
  }

  Status run(const ExecutionPlan &plan, void *const *bases, LaunchTime *times) override {
    CUDA_ENTER(context); // once for all commands
    return QueueExecutor::run(plan, bases, times);
  }

protected:
  Status launch(const Step &step, void **values) override {
    const auto &[function, kernel] = program.functions[step.kernel];
    const format::Dim3 &grid = *kernel->grid(), &block = *kernel->block();
    Result result = api.cuLaunchKernel(function, grid.x(), grid.y(), grid.z(), block.x(), block.y(), block.z(),
                                       kernel->dynamic_shared_bytes(), stream, values, nullptr);
    return result == success
               ? Status()
               : failure(result, "cuLaunchKernel").within("kernel " + quoted(text(kernel->name())) + ": ");
  }
  Status copy(void *to, const void *from, uint64_t size) override {
    CUDA_TRY(cuMemcpyDtoDAsync_v2, toAddress(to), toAddress(from), size, stream);
    return {};
  }
  Status fill(void *to, uint8_t pattern, uint64_t size) override {
    CUDA_TRY(cuMemsetD8Async, toAddress(to), pattern, size, stream);
    return {};
  }
  Status mark(size_t n) override {
    while (events.size() <= n) {
      Handle event = nullptr;
      CUDA_TRY(cuEventCreate, &event, 0);
      events.push_back(event);
    }
    CUDA_TRY(cuEventRecord, events[n], stream);
    return {};
  }
  Status elapsed(size_t from, size_t to, uint64_t &nanoseconds) override {
    float milliseconds = 0;
    CUDA_TRY(cuEventElapsedTime, &milliseconds, events[from], events[to]);
    nanoseconds = static_cast<uint64_t>(static_cast<double>(milliseconds) * 1e6);
    return {};
  }

private:
  Handle context;
  CudaProgram &program;
  Handle stream = nullptr;
  std::vector<Handle> events;
};

class CudaDevice final : public Device {
public:
  ~CudaDevice() override {
    if (context)
      api.cuDevicePrimaryCtxRelease_v2(device);
  }

  Status create(int ordinal) {
    CUDA_TRY(cuDeviceGet, &device, ordinal);
    char text[256] = {};
    CUDA_TRY(cuDeviceGetName, text, sizeof(text) - 1, device);
    description = text;
    int major = 0, minor = 0;
    CUDA_TRY(cuDeviceGetAttribute, &major, computeCapabilityMajor, device);
    CUDA_TRY(cuDeviceGetAttribute, &minor, computeCapabilityMinor, device);
    number = 10 * major + minor;
    chip = "sm_" + std::to_string(number);
    CUDA_TRY(cuDevicePrimaryCtxRetain, &context, device);
    return {};
  }

  Status accepts(const format::Target &target, int &rank) override {
    rank = 0;
    Chip wanted;
    if (target.kind() != format::TargetKind::cuda)
      return unsupported("it is not code for an NVIDIA GPU");
    if (!parseChip(text(target.name()), wanted))
      return corrupt("its name does not end in a chip such as sm_80");
    if (wanted.exact ? wanted.number != number : wanted.number > number)
      return unsupported("it needs an " + text(target.name()).substr(text(target.name()).rfind("sm_")) +
                         ", this device is an " + chip);
    rank = 2 * wanted.number + wanted.exact;
    return {};
  }

  Status load(const ArtefactFile &artefact, const format::Target &target, std::unique_ptr<Program> &program) override {
    CUDA_ENTER(context);
    auto loaded = std::make_unique<CudaProgram>(context);
    for (unsigned i = 0; i < sizeOf(target.modules()); ++i)
      TINYC_TRY(loadModule(artefact, *target.modules()->Get(i), *loaded).within("module " + std::to_string(i) + ": "));
    for (unsigned i = 0; i < sizeOf(target.kernels()); ++i) {
      const format::Kernel &kernel = *target.kernels()->Get(i);
      Handle function = nullptr;
      Result result = api.cuModuleGetFunction(&function, loaded->modules[kernel.module_()], kernel.symbol()->c_str());
      if (result != success)
        return failure(result, "cuModuleGetFunction")
            .within("kernel " + quoted(text(kernel.name())) + ", symbol " + quoted(text(kernel.symbol())) + ": ");
      // More than the 48 KB that every chip grants must be asked for.
      if (kernel.dynamic_shared_bytes() > 48 * 1024)
        CUDA_TRY(cuFuncSetAttribute, function, maxDynamicSharedBytes, static_cast<int>(kernel.dynamic_shared_bytes()));
      loaded->functions.push_back({function, &kernel});
    }
    program = std::move(loaded);
    return {};
  }

  Status allocate(uint64_t size, void *&address) override {
    CUDA_ENTER(context);
    Address allocated = 0;
    CUDA_TRY(cuMemAlloc_v2, &allocated, size);
    address = toPointer(allocated);
    return {};
  }
  void release(void *address, uint64_t) override {
    if (Current current(context); current)
      api.cuMemFree_v2(toAddress(address));
  }

  Status createExecutor(Program &program, std::span<const ExecutionPlan> plans, size_t,
                        std::unique_ptr<Executor> &executor) override {
    auto made = std::make_unique<CudaExecutor>(context, static_cast<CudaProgram &>(program), plans);
    TINYC_TRY(made->create());
    executor = std::move(made);
    return {};
  }

private:
  /// A cubin runs on its chip and later ones of the same generation; PTX runs on its chip and all later ones.
  Status loadModule(const ArtefactFile &artefact, const format::Module &module, CudaProgram &program) {
    const format::Code *ptx = nullptr, *cubin = nullptr;
    for (unsigned i = 0; i < sizeOf(module.forms()); ++i) {
      const format::Code &form = *module.forms()->Get(i);
      Chip made;
      bool known = parseChip(text(form.chip()), made);
      bool fits = !known || (made.exact ? made.number == number : made.number <= number);
      if (form.kind() == format::CodeKind::ptx && fits)
        ptx = &form;
      if (form.kind() == format::CodeKind::cubin && known && fits && made.number / 10 == number / 10)
        cubin = &form;
    }
    if (!ptx && !cubin)
      return unsupported("it holds neither a cubin nor PTX for " + chip);
    Handle handle = nullptr;
    if (cubin) {
      Result result = api.cuModuleLoadDataEx(&handle, artefact.code(*cubin).data(), 0, nullptr, nullptr);
      if (result == success) {
        program.modules.push_back(handle);
        return {};
      }
      if (!ptx)
        return failure(result, "cuModuleLoadDataEx").within("cubin: ");
    }
    std::span<const uint8_t> bytes = artefact.code(*ptx);
    std::string source(bytes.begin(), bytes.end()); // the driver wants a terminating zero
    std::string log(16384, '\0');
    int options[] = {jitErrorLog, jitErrorLogSize};
    void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
    Result result = api.cuModuleLoadDataEx(&handle, source.c_str(), 2, options, values);
    log.resize(log.find('\0') == std::string::npos ? log.size() : log.find('\0'));
    while (!log.empty() && (log.back() == '\n' || log.back() == ' '))
      log.pop_back();
    if (result != success) {
      int version = 0;
      api.cuDriverGetVersion(&version);
      Status status = failure(result, "cuModuleLoadDataEx");
      std::string before = "PTX: ";
      if (result == unsupportedPtxVersion)
        before = "the PTX is newer than this driver (CUDA " + std::to_string(version / 1000) + "." +
                 std::to_string(version % 1000 / 10) + ") reads: ";
      return Status(result == unsupportedPtxVersion ? TINYC_UNSUPPORTED : status.code(),
                    before + status.message() + (log.empty() ? "" : ": " + log));
    }
    program.modules.push_back(handle);
    return {};
  }

  DeviceId device = 0;
  int number = 0;
  Handle context = nullptr;
};

Status initialise() {
  static const Status status = [] {
    TINYC_TRY(openApi());
    Result result = api.cuInit(0);
    if (result != success && result != noDevice)
      return Status(TINYC_UNAVAILABLE, failure(result, "cuInit").message());
    return Status();
  }();
  return status.failed() ? Status(status.code(), status.message()) : Status();
}

Status deviceCount(size_t &count) {
  TINYC_TRY(initialise());
  int devices = 0;
  Result result = api.cuDeviceGetCount(&devices);
  // Without a device cuInit fails, and then every call does.
  if (result != success && api.cuInit(0) != noDevice)
    return failure(result, "cuDeviceGetCount");
  count = result == success ? static_cast<size_t>(std::max(devices, 0)) : 0;
  return {};
}

Status open(size_t ordinal, std::unique_ptr<Device> &device) {
  auto made = std::make_unique<CudaDevice>();
  TINYC_TRY(made->create(static_cast<int>(ordinal)));
  device = std::move(made);
  return {};
}

} // namespace

extern const Driver cudaDriver;
const Driver cudaDriver{"cuda", deviceCount, open};

} // namespace tinyc
