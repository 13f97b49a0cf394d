// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state behind the HIP functions: the one emulated device, its memory, modules, functions, streams and events.
// Everything is synchronous; one lock covers it.

#ifndef TINYC_TEST_EMULATORS_HIP_DRIVER_H
#define TINYC_TEST_EMULATORS_HIP_DRIVER_H

#include "Launch.h"
#include <chrono>
#include <mutex>
#include <set>
#include <unordered_map>

namespace tinyc::emulator::amd {

/// hipError_t values that this driver returns.
enum HipError : int {
  hipSuccess = 0,
  hipErrorInvalidValue = 1,
  hipErrorOutOfMemory = 2,
  hipErrorNotInitialized = 3,
  hipErrorInvalidMemcpyDirection = 21,
  hipErrorNoDevice = 100,
  hipErrorInvalidDevice = 101,
  hipErrorInvalidImage = 200,
  hipErrorNoBinaryForGpu = 209,
  hipErrorInvalidHandle = 400,
  hipErrorNotFound = 500,
  hipErrorNotReady = 600,
  hipErrorIllegalAddress = 700,
  hipErrorLaunchOutOfResources = 701,
  hipErrorLaunchFailure = 719,
  hipErrorNotSupported = 801,
  hipErrorUnknown = 999,
};

struct Module;
struct Function {
  Module *module = nullptr;
  const KernelInfo *kernel = nullptr;
  int dynamicLdsLimit = 0;
};
struct Module {
  CodeObject object;
  Program program;
  Allocation *image = nullptr;
  std::unordered_map<std::string, std::unique_ptr<Function>> functions;
};
struct Event {
  bool recorded = false;
  std::chrono::steady_clock::time_point time;
};
struct Stream {};

class Driver {
public:
  static Driver &instance();

  std::recursive_mutex lock;
  const ChipFacts *chip = nullptr; // null: TINYC_EMULATED_CHIP names none; said on stderr
  Controls controls;
  DeviceMemory memory;
  GlobalOrder order;
  std::set<Module *> modules;
  std::set<Stream *> streams;
  std::set<Event *> events;
  std::unordered_map<void *, size_t> hostAllocations;
  int lastError = hipSuccess;
  int launchError = hipSuccess; // of the last launch, told by the next synchronisation

  int load(const void *data, size_t size, Module *&module);
  void unload(Module *module);
  int launch(Function &function, const LaunchSize &size, void **parameters, void **extra);

  /// Prints a sentence to stderr and returns the code.
  int complain(int error, const std::string &message);

private:
  Driver();
  bool fillArguments(Function &function, const LaunchSize &size, void **parameters, void **extra,
                     std::vector<uint8_t> &segment, std::string &error);
};

} // namespace tinyc::emulator::amd

#endif
