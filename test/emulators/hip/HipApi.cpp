// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The exported functions of libamdhip64 that a module-API client uses: modules, launches, memory, streams, events.
// Handles are the addresses of the driver's own objects and are checked before use.

#include "Driver.h"
#include <cstdlib>
#include <cstring>
#include <utility>

using namespace tinyc::emulator::amd;
using namespace tinyc::emulator;

#define HIP_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

/// Runs the body under the driver's lock and remembers an error for hipGetLastError.
template <typename Body> int enter(Body body) {
  Driver &driver = Driver::instance();
  std::lock_guard guard(driver.lock);
  int error = driver.chip ? body(driver) : int(hipErrorNoDevice);
  if (error)
    driver.lastError = error;
  return error;
}

uint64_t deviceAddress(const void *pointer) { return reinterpret_cast<uint64_t>(pointer); }

int check(Driver &driver, bool ok, const std::string &error) {
  return ok ? int(hipSuccess) : driver.complain(hipErrorInvalidValue, error);
}

int synchronise(Driver &driver) { return std::exchange(driver.launchError, int(hipSuccess)); }

enum CopyKind { HostToHost, HostToDevice, DeviceToHost, DeviceToDevice, Default };

int copy(Driver &driver, void *to, const void *from, size_t bytes, int kind) {
  if (!bytes)
    return hipSuccess;
  if (kind == Default)
    kind = (driver.memory.find(deviceAddress(to)) ? 1 : 0) << 1 | (driver.memory.find(deviceAddress(from)) ? 1 : 0);
  else if (kind == HostToDevice)
    kind = 2;
  else if (kind == DeviceToHost)
    kind = 1;
  std::string error;
  switch (kind) { // bit 1: to the device, bit 0: from the device
  case 0:
    std::memmove(to, from, bytes);
    return hipSuccess;
  case 1:
    return check(driver, driver.memory.read(to, deviceAddress(from), bytes, error), error);
  case 2:
    return check(driver, driver.memory.write(deviceAddress(to), from, bytes, error), error);
  case 3:
    return check(driver, driver.memory.copy(deviceAddress(to), deviceAddress(from), bytes, error), error);
  default:
    return hipErrorInvalidMemcpyDirection;
  }
}

int fill(void *to, uint32_t value, unsigned width, size_t count) {
  return enter([&](Driver &driver) {
    std::string error;
    return count ? check(driver, driver.memory.fill(deviceAddress(to), value, width, count, error), error)
                 : int(hipSuccess);
  });
}

} // namespace

// Memory.

HIP_EXPORT int hipMalloc(void **pointer, size_t bytes) {
  return enter([&](Driver &driver) -> int {
    if (!pointer)
      return hipErrorInvalidValue;
    *pointer = nullptr;
    if (!bytes)
      return hipSuccess;
    Allocation *allocation = driver.memory.allocate(bytes, "hipMalloc");
    if (!allocation)
      return hipErrorOutOfMemory;
    *pointer = reinterpret_cast<void *>(allocation->Base);
    return hipSuccess;
  });
}
HIP_EXPORT int hipFree(void *pointer) {
  return enter([&](Driver &driver) -> int {
    return !pointer || driver.memory.release(deviceAddress(pointer)) ? hipSuccess : hipErrorInvalidValue;
  });
}
/// Host memory is not visible to kernels here: they are to be given device memory.
HIP_EXPORT int hipHostMalloc(void **pointer, size_t bytes, unsigned) {
  return enter([&](Driver &driver) -> int {
    *pointer = std::malloc(bytes ? bytes : 1);
    if (!*pointer)
      return hipErrorOutOfMemory;
    driver.hostAllocations[*pointer] = bytes;
    return hipSuccess;
  });
}
HIP_EXPORT int hipHostFree(void *pointer) {
  return enter([&](Driver &driver) -> int {
    if (pointer && !driver.hostAllocations.erase(pointer))
      return hipErrorInvalidValue;
    std::free(pointer);
    return hipSuccess;
  });
}
HIP_EXPORT int hipMemGetInfo(size_t *free, size_t *total) {
  return enter([&](Driver &driver) -> int {
    *free = driver.memory.capacity() - driver.memory.used();
    *total = driver.memory.capacity();
    return hipSuccess;
  });
}
HIP_EXPORT int hipMemcpy(void *to, const void *from, size_t bytes, int kind) {
  return enter([&](Driver &driver) { return copy(driver, to, from, bytes, kind); });
}
HIP_EXPORT int hipMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *) {
  return hipMemcpy(to, from, bytes, kind);
}
HIP_EXPORT int hipMemcpyHtoD(void *to, void *from, size_t bytes) { return hipMemcpy(to, from, bytes, HostToDevice); }
HIP_EXPORT int hipMemcpyDtoH(void *to, void *from, size_t bytes) { return hipMemcpy(to, from, bytes, DeviceToHost); }
HIP_EXPORT int hipMemcpyDtoD(void *to, void *from, size_t bytes) { return hipMemcpy(to, from, bytes, DeviceToDevice); }
HIP_EXPORT int hipMemcpyHtoDAsync(void *to, void *from, size_t n, void *) { return hipMemcpyHtoD(to, from, n); }
HIP_EXPORT int hipMemcpyDtoHAsync(void *to, void *from, size_t n, void *) { return hipMemcpyDtoH(to, from, n); }
HIP_EXPORT int hipMemcpyDtoDAsync(void *to, void *from, size_t n, void *) { return hipMemcpyDtoD(to, from, n); }
HIP_EXPORT int hipMemset(void *to, int value, size_t bytes) { return fill(to, uint32_t(value) & 0xff, 1, bytes); }
HIP_EXPORT int hipMemsetAsync(void *to, int value, size_t bytes, void *) { return hipMemset(to, value, bytes); }
HIP_EXPORT int hipMemsetD8(void *to, unsigned char value, size_t count) { return fill(to, value, 1, count); }
HIP_EXPORT int hipMemsetD8Async(void *to, unsigned char value, size_t count, void *) {
  return fill(to, value, 1, count);
}
HIP_EXPORT int hipMemsetD16(void *to, unsigned short value, size_t count) { return fill(to, value, 2, count); }
HIP_EXPORT int hipMemsetD16Async(void *to, unsigned short value, size_t count, void *) {
  return fill(to, value, 2, count);
}
HIP_EXPORT int hipMemsetD32(void *to, int value, size_t count) { return fill(to, uint32_t(value), 4, count); }
HIP_EXPORT int hipMemsetD32Async(void *to, int value, size_t count, void *) { return hipMemsetD32(to, value, count); }

// Modules and launches.

HIP_EXPORT int hipModuleLoadData(void **module, const void *image) {
  return enter([&](Driver &driver) -> int {
    if (!module || !image)
      return hipErrorInvalidValue;
    Module *loaded = nullptr;
    int error = driver.load(image, 0, loaded);
    *module = loaded;
    return error;
  });
}
HIP_EXPORT int hipModuleLoadDataEx(void **module, const void *image, unsigned, int *, void **) {
  return hipModuleLoadData(module, image);
}
HIP_EXPORT int hipModuleUnload(void *module) {
  return enter([&](Driver &driver) -> int {
    auto *known = static_cast<Module *>(module);
    if (!driver.modules.count(known))
      return hipErrorInvalidHandle;
    driver.unload(known);
    return hipSuccess;
  });
}
HIP_EXPORT int hipModuleGetFunction(void **function, void *module, const char *name) {
  return enter([&](Driver &driver) -> int {
    auto *known = static_cast<Module *>(module);
    if (!function || !name || !driver.modules.count(known))
      return hipErrorInvalidValue;
    auto it = known->functions.find(name);
    if (it == known->functions.end())
      return hipErrorNotFound;
    *function = it->second.get();
    return hipSuccess;
  });
}
HIP_EXPORT int hipModuleGetGlobal(void **address, size_t *bytes, void *module, const char *name) {
  return enter([&](Driver &driver) -> int {
    auto *known = static_cast<Module *>(module);
    if (!name || !driver.modules.count(known))
      return hipErrorInvalidValue;
    for (const GlobalSymbol &global : known->object.globals)
      if (global.name == name) {
        if (address)
          *address = reinterpret_cast<void *>(known->image->Base + global.offset);
        if (bytes)
          *bytes = global.size;
        return hipSuccess;
      }
    return hipErrorNotFound;
  });
}

static Function *knownFunction(Driver &driver, void *handle) {
  for (Module *module : driver.modules)
    for (auto &[name, function] : module->functions)
      if (function.get() == handle)
        return function.get();
  return nullptr;
}

HIP_EXPORT int hipModuleLaunchKernel(void *function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                                     unsigned blockY, unsigned blockZ, unsigned sharedBytes, void *, void **parameters,
                                     void **extra) {
  return enter([&](Driver &driver) -> int {
    Function *known = knownFunction(driver, function);
    if (!known)
      return hipErrorInvalidHandle;
    LaunchSize size{{gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes};
    return driver.launch(*known, size, parameters, extra);
  });
}
/// HIP_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES is 8; others are hints.
HIP_EXPORT int hipFuncSetAttribute(const void *function, int attribute, int value) {
  return enter([&](Driver &driver) -> int {
    Function *known = knownFunction(driver, const_cast<void *>(function));
    if (!known || value < 0)
      return hipErrorInvalidValue;
    if (attribute == 8) {
      if (known->kernel->ldsBytes + uint32_t(value) > driver.chip->ldsBytes)
        return hipErrorInvalidValue;
      known->dynamicLdsLimit = value;
    }
    return hipSuccess;
  });
}
HIP_EXPORT int hipFuncGetAttribute(int *value, int attribute, void *function) {
  return enter([&](Driver &driver) -> int {
    Function *known = knownFunction(driver, function);
    if (!known || !value)
      return hipErrorInvalidValue;
    switch (attribute) {
    case 0:
      *value = int(known->kernel->maxThreads);
      return hipSuccess;
    case 1:
      *value = int(known->kernel->ldsBytes);
      return hipSuccess;
    case 3:
      *value = int(known->kernel->privateBytes);
      return hipSuccess;
    case 4:
      *value = int(((known->kernel->rsrc1 & 63) + 1) * 8);
      return hipSuccess;
    default:
      return hipErrorInvalidValue;
    }
  });
}

// Streams and events.

HIP_EXPORT int hipStreamCreateWithFlags(void **stream, unsigned) {
  return enter([&](Driver &driver) -> int {
    auto *made = new Stream;
    driver.streams.insert(made);
    *stream = made;
    return hipSuccess;
  });
}
HIP_EXPORT int hipStreamCreate(void **stream) { return hipStreamCreateWithFlags(stream, 0); }
HIP_EXPORT int hipStreamCreateWithPriority(void **stream, unsigned flags, int) {
  return hipStreamCreateWithFlags(stream, flags);
}
HIP_EXPORT int hipStreamDestroy(void *stream) {
  return enter([&](Driver &driver) -> int {
    auto *known = static_cast<Stream *>(stream);
    if (!driver.streams.erase(known))
      return hipErrorInvalidHandle;
    delete known;
    return hipSuccess;
  });
}
HIP_EXPORT int hipStreamSynchronize(void *) { return enter(synchronise); }
HIP_EXPORT int hipStreamQuery(void *) { return enter(synchronise); }
HIP_EXPORT int hipDeviceSynchronize() { return enter(synchronise); }
HIP_EXPORT int hipStreamWaitEvent(void *, void *, unsigned) { return hipSuccess; }

HIP_EXPORT int hipEventCreateWithFlags(void **event, unsigned) {
  return enter([&](Driver &driver) -> int {
    auto *made = new Event;
    driver.events.insert(made);
    *event = made;
    return hipSuccess;
  });
}
HIP_EXPORT int hipEventCreate(void **event) { return hipEventCreateWithFlags(event, 0); }
HIP_EXPORT int hipEventDestroy(void *event) {
  return enter([&](Driver &driver) -> int {
    auto *known = static_cast<Event *>(event);
    if (!driver.events.erase(known))
      return hipErrorInvalidHandle;
    delete known;
    return hipSuccess;
  });
}
HIP_EXPORT int hipEventRecord(void *event, void *) {
  return enter([&](Driver &driver) -> int {
    auto *known = static_cast<Event *>(event);
    if (!driver.events.count(known))
      return hipErrorInvalidHandle;
    known->recorded = true;
    known->time = std::chrono::steady_clock::now();
    return hipSuccess;
  });
}
HIP_EXPORT int hipEventSynchronize(void *) { return enter(synchronise); }
HIP_EXPORT int hipEventQuery(void *) { return enter(synchronise); }
/// The time the emulator took, which says nothing about a GPU.
HIP_EXPORT int hipEventElapsedTime(float *milliseconds, void *start, void *stop) {
  return enter([&](Driver &driver) -> int {
    auto *from = static_cast<Event *>(start), *to = static_cast<Event *>(stop);
    if (!driver.events.count(from) || !driver.events.count(to) || !from->recorded || !to->recorded)
      return hipErrorInvalidHandle;
    *milliseconds = std::chrono::duration<float, std::milli>(to->time - from->time).count();
    return hipSuccess;
  });
}
