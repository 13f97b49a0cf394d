// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A driver that hands everything on to a plug-in's functions.

#include "runtime/drivers/PluginDriver.h"

#include "runtime/include/tinyc/driver.h"
#include "runtime/src/HeaderChecks.h"
#include "runtime/src/QueueExecutor.h"

#include <chrono>
#include <cstring>
#include <dlfcn.h>

namespace tinyc {
namespace {

/// Calls a function of the plug-in, whose last parameter is the message.
template <typename Function, typename... Arguments> Status call(Function *function, Arguments... arguments) {
  char message[TINYC_DRIVER_MESSAGE] = "";
  tinyc_code code = function(arguments..., message);
  if (code == TINYC_OK)
    return {};
  message[sizeof(message) - 1] = 0;
  return Status(code, *message ? message : "the driver gives no reason");
}

class PluginProgram final : public Program {
public:
  PluginProgram(const tinyc_driver &api, void *device) : api(api), device(device) {}
  ~PluginProgram() override {
    for (void *module : modules)
      api.unload(device, module);
  }

  const tinyc_driver &api;
  void *device;
  std::vector<void *> modules;
  std::vector<std::pair<void *, std::string>> kernels; // handle, name for people
};

class PluginExecutor final : public QueueExecutor {
public:
  PluginExecutor(PluginProgram &program, std::span<const ExecutionPlan> plans)
      : QueueExecutor(plans), api(program.api), program(program) {}
  ~PluginExecutor() override {
    if (queue)
      api.destroy_queue(queue);
  }
  Status create() { return call(api.create_queue, program.device, &queue); }

  Status upload(void *to, const void *from, uint64_t size) override { return call(api.upload, queue, to, from, size); }
  Status download(void *to, const void *from, uint64_t size) override {
    return call(api.download, queue, to, from, size);
  }
  Status finish() override { return call(api.finish, queue); }

protected:
  Status launch(const Step &step, void **values) override {
    const auto &[kernel, name] = program.kernels[step.kernel];
    size_t arguments = step.arguments.size();
    addresses.clear();
    symbols.clear();
    for (size_t i = 0; i < arguments; ++i)
      addresses.push_back(*static_cast<void **>(values[i]));
    for (size_t i = 0; i < step.symbols.size(); ++i)
      symbols.push_back(*static_cast<int64_t *>(values[arguments + i]));
    tinyc_driver_launch launch = {addresses.data(), symbols.data()};
    return call(api.launch, queue, kernel, &launch).within("kernel " + quoted(name) + ": ");
  }
  Status copy(void *to, const void *from, uint64_t size) override { return call(api.copy, queue, to, from, size); }
  Status fill(void *to, uint8_t pattern, uint64_t size) override { return call(api.fill, queue, to, pattern, size); }
  // The host's clock, when all before it is done.
  Status mark(size_t n) override {
    TINYC_TRY(finish());
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
  const tinyc_driver &api;
  PluginProgram &program;
  void *queue = nullptr;
  std::vector<void *> addresses;
  std::vector<int64_t> symbols;
  std::vector<std::chrono::steady_clock::time_point> marks;
};

class PluginDevice final : public Device {
public:
  explicit PluginDevice(const tinyc_driver &api) : api(api) {}
  ~PluginDevice() override {
    if (handle)
      api.close(handle);
  }
  Status create(size_t ordinal) {
    const char *itsChip = nullptr, *itsDescription = nullptr;
    TINYC_TRY(call(api.open, ordinal, &handle, &itsChip, &itsDescription));
    chip = itsChip ? itsChip : "";
    description = itsDescription ? itsDescription : "";
    return {};
  }

  Status accepts(const format::Target &target, int &rank) override {
    rank = 0;
    std::string wanted = std::string(api.name) + ":" + chip;
    if (target.kind() != format::TargetKind::plugin || text(target.name()) != wanted)
      return unsupported("it is not code for " + wanted);
    return {};
  }

  Status load(const ArtefactFile &artefact, const format::Target &target, std::unique_ptr<Program> &program) override {
    auto loaded = std::make_unique<PluginProgram>(api, handle);
    for (unsigned i = 0; i < sizeOf(target.modules()); ++i) {
      std::string where = "module " + std::to_string(i) + ": ";
      auto *forms = target.modules()->Get(i)->forms();
      const format::Code *code = nullptr;
      for (unsigned j = 0; j < sizeOf(forms); ++j)
        if (forms->Get(j)->kind() == format::CodeKind::plugin)
          code = forms->Get(j);
      if (!code)
        return unsupported(where + "it holds no code of a plug-in");
      std::span<const uint8_t> bytes = artefact.code(*code);
      void *module = nullptr;
      TINYC_TRY(call(api.load, handle, static_cast<const void *>(bytes.data()), uint64_t(bytes.size()), &module)
                    .within(where));
      loaded->modules.push_back(module);
    }
    for (unsigned i = 0; i < sizeOf(target.kernels()); ++i) {
      const format::Kernel &kernel = *target.kernels()->Get(i);
      tinyc_driver_kernel facts = {kernel.symbol()->c_str(), kernel.units(), sizeOf(kernel.arguments()),
                                   kernel.symbol_count(), kernel.scratch_bytes()};
      void *found = nullptr;
      TINYC_TRY(call(api.find_kernel, loaded->modules[kernel.module_()], &facts, &found)
                    .within("kernel " + quoted(text(kernel.name())) + ": "));
      loaded->kernels.push_back({found, text(kernel.name())});
    }
    program = std::move(loaded);
    return {};
  }

  Status allocate(uint64_t size, void *&address) override { return call(api.allocate, handle, size, &address); }
  void release(void *address, uint64_t size) override { api.release(handle, address, size); }
  Status createExecutor(Program &program, std::span<const ExecutionPlan> plans, size_t,
                        std::unique_ptr<Executor> &executor) override {
    auto made = std::make_unique<PluginExecutor>(static_cast<PluginProgram &>(program), plans);
    TINYC_TRY(made->create());
    executor = std::move(made);
    return {};
  }

private:
  const tinyc_driver &api;
  void *handle = nullptr;
};

bool isComplete(const tinyc_driver &d) {
  return d.name && *d.name && d.device_count && d.open && d.close && d.allocate && d.release && d.load && d.unload &&
         d.find_kernel && d.create_queue && d.destroy_queue && d.launch && d.upload && d.download && d.copy && d.fill &&
         d.finish;
}

} // namespace

Status openPluginDriver(const std::string &path, std::unique_ptr<Driver> &driver) {
  auto refuse = [&](const std::string &why) {
    return Status(TINYC_UNAVAILABLE, "driver plug-in " + quoted(path) + " " + why);
  };
  // A path, not a name that is searched for.
  std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return refuse(std::string("cannot be loaded: ") + dlerror());
  auto *entry = reinterpret_cast<decltype(&tinyc_get_driver)>(dlsym(library, "tinyc_get_driver"));
  if (!entry)
    return refuse("has no function tinyc_get_driver: it is no driver");
  const tinyc_driver *api = entry();
  if (!api)
    return refuse("gives nothing: its function tinyc_get_driver returned null");
  if (api->struct_size != sizeof(tinyc_driver) || api->version != TINYC_DRIVER_VERSION)
    return refuse("was built for another tinyc: its interface is of version " + std::to_string(api->version) +
                  " and has " + std::to_string(api->struct_size) + " bytes, expected version " +
                  std::to_string(TINYC_DRIVER_VERSION) + " of " + std::to_string(sizeof(tinyc_driver)));
  if (!isComplete(*api))
    return refuse("leaves a function of its interface or its name out");
  driver = std::make_unique<Driver>(Driver{api->name, [api](size_t &count) { return call(api->device_count, &count); },
                                           [api](size_t ordinal, std::unique_ptr<Device> &device) -> Status {
                                             auto made = std::make_unique<PluginDevice>(*api);
                                             TINYC_TRY(made->create(ordinal));
                                             device = std::move(made);
                                             return {};
                                           }});
  return {};
}

} // namespace tinyc
