// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The CPU: code is an ELF shared object in the artefact, put into an anonymous file and loaded by the dynamic linker,
// so that ahead-of-time and immediate runs take one path and no page is ever writable and executable.

#include "runtime/src/CpuFeatures.h"
#include "runtime/src/HeaderChecks.h"
#include "runtime/src/ThreadedExecutor.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

namespace tinyc {
namespace {

class CpuProgram final : public Program {
public:
  ~CpuProgram() override {
    for (const Library &library : libraries) {
      dlclose(library.handle);
      close(library.file);
    }
  }

  Status addLibrary(std::span<const uint8_t> bytes) {
    int fd = memfd_create("tinyc-kernels", MFD_CLOEXEC);
    if (fd < 0)
      return Status(TINYC_IO, std::string("cannot create an anonymous file for code: ") + std::strerror(errno));
    for (size_t done = 0; done < bytes.size();) {
      ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0) {
        close(fd);
        return Status(TINYC_IO, std::string("cannot write code to an anonymous file: ") + std::strerror(errno));
      }
      done += static_cast<size_t>(n);
    }
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      std::string reason = dlerror();
      close(fd);
      return corrupt("the dynamic linker refuses the code: " + reason);
    }
    libraries.push_back({library, fd});
    return {};
  }

  // The file stays open as long as the library is loaded: the dynamic linker takes a library of the same path for one
  // that it has, and the number in the path would be given to the next file.
  struct Library {
    void *handle;
    int file;
  };
  std::vector<Library> libraries; // one a module
  std::vector<CpuKernel> kernels;
  uint64_t scratchBytes = 0;
};

class CpuDevice final : public Device {
public:
  CpuDevice() {
    description = cpuBrand();
    for (const CpuFeature &feature : cpuFeatures())
      if (feature.present)
        chip += (chip.empty() ? "" : ",") + std::string(feature.name);
  }

  Status accepts(const format::Target &target, int &rank) override {
    rank = static_cast<int>(sizeOf(target.features()));
    if (target.kind() != format::TargetKind::cpu)
      return unsupported("it is not code for a CPU");
    bool isArm = text(target.name()).find("aarch64") != std::string::npos;
    if (isArm != (cpuArchitecture() == "aarch64"))
      return unsupported("it is code for another architecture than this " + cpuArchitecture() + " CPU");
    std::string missing, unknown;
    for (unsigned i = 0; i < sizeOf(target.features()); ++i) {
      std::string name = text(target.features()->Get(i));
      auto &all = cpuFeatures();
      auto found = std::find_if(all.begin(), all.end(), [&](const CpuFeature &f) { return name == f.name; });
      std::string &list = found == all.end() ? unknown : missing;
      if (found == all.end() || !found->present)
        list += (list.empty() ? "" : ", ") + name;
    }
    if (!unknown.empty())
      return unsupported("it needs CPU features that this runtime cannot test for: " + unknown);
    if (!missing.empty())
      return unsupported("this CPU (" + description + ") lacks " + missing);
    return {};
  }

  Status load(const ArtefactFile &artefact, const format::Target &target, std::unique_ptr<Program> &program) override {
    for (unsigned i = 0; i < sizeOf(target.features()); ++i)
      if (text(target.features()->Get(i)).starts_with("amx-")) {
        TINYC_TRY(requestTileRegisters());
        break;
      }
    auto loaded = std::make_unique<CpuProgram>();
    for (unsigned i = 0; i < sizeOf(target.modules()); ++i) {
      const format::Code *object = nullptr;
      auto *forms = target.modules()->Get(i)->forms();
      for (unsigned j = 0; j < sizeOf(forms); ++j)
        if (forms->Get(j)->kind() == format::CodeKind::elf_shared_object)
          object = forms->Get(j);
      if (!object)
        return corrupt("module " + std::to_string(i) + " holds no ELF shared object");
      TINYC_TRY(loaded->addLibrary(artefact.code(*object)).within("module " + std::to_string(i) + ": "));
    }
    for (unsigned i = 0; i < sizeOf(target.kernels()); ++i) {
      const format::Kernel &kernel = *target.kernels()->Get(i);
      void *address = dlsym(loaded->libraries[kernel.module_()].handle, kernel.symbol()->c_str());
      if (!address)
        return corrupt("symbol " + quoted(text(kernel.symbol())) + " of kernel " + quoted(text(kernel.name())) +
                       " is not in the code");
      loaded->kernels.push_back(reinterpret_cast<CpuKernel>(address));
      loaded->scratchBytes = std::max(loaded->scratchBytes, kernel.scratch_bytes());
    }
    program = std::move(loaded);
    return {};
  }

  Status allocate(uint64_t size, void *&address) override { return allocateHostMemory(size, address); }
  void release(void *address, uint64_t size) override { releaseHostMemory(address, size); }
  bool usesHostMemory() const override { return true; }

  Status createExecutor(Program &program, std::span<const ExecutionPlan> plans, size_t threads,
                        std::unique_ptr<Executor> &executor) override {
    auto &loaded = static_cast<CpuProgram &>(program);
    return ThreadedExecutor::create(loaded.kernels, loaded.scratchBytes, plans, threads ? threads : usableCpus(),
                                    executor);
  }
};

Status deviceCount(size_t &count) {
  count = 1;
  return {};
}

Status open(size_t, std::unique_ptr<Device> &device) {
  device = std::make_unique<CpuDevice>();
  return {};
}

} // namespace

extern const Driver cpuDriver;
const Driver cpuDriver{"cpu", deviceCount, open};

} // namespace tinyc
