// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a driver provides: devices that hold memory, load a target's code, and execute plans. A new driver is one file
// that defines a `Driver` (copy Null.cpp) and one line in Registry.cpp; the conformance suite then runs on it.

#ifndef TINYC_RUNTIME_DRIVERS_DRIVER_H
#define TINYC_RUNTIME_DRIVERS_DRIVER_H

#include "runtime/src/ExecutionPlan.h"

#include <functional>
#include <memory>
#include <span>
#include <string>

namespace tinyc {

/// The loaded code of one target. Freed after every executor made with it, before its device.
class Program {
public:
  virtual ~Program() = default;
};

/// Runs plans for one context: owns its queue or threads, and scratch. Used by one thread at a time. Destroyed before
/// the memory that its commands use.
class Executor {
public:
  virtual ~Executor() = default;
  /// Executes the whole plan, obeying its dependencies and nothing else; `bases` has the device address of each
  /// buffer. Allocates nothing, unless `times` (one a launch, zeroed) is given. May return before the work is done,
  /// if finish() waits for it.
  virtual Status run(const ExecutionPlan &plan, void *const *bases, LaunchTime *times) = 0;
  /// Copies between host and device, ordered with run.
  virtual Status upload(void *device, const void *host, uint64_t size) = 0;
  virtual Status download(void *host, const void *device, uint64_t size) = 0;
  /// Returns when all is done; reports failures of what was not waited for. Also after a failure nothing may be left
  /// that uses the host's memory.
  virtual Status finish() = 0;

  /// Calls `issue`, which returns a Status, and waits for what it issued, all of it or the part before a failure:
  /// copies of before a failure are under way, in memory that the caller may free. The first failure is returned.
  template <typename Issue> Status complete(Issue issue) {
    Status issued;
    try {
      issued = issue();
    } catch (...) {
      (void)finish();
      throw;
    }
    Status finished = finish();
    return issued.failed() ? std::move(issued) : std::move(finished);
  }
};

class Device {
public:
  virtual ~Device() = default;

  std::string name;        // cuda:0
  std::string description; // the vendor's name
  std::string chip;        // sm_80

  /// Whether code for `target` runs here; if not, one sentence saying what is missing. Of several targets the one with
  /// the highest rank is taken.
  virtual Status accepts(const format::Target &target, int &rank) = 0;
  /// Loads all modules and finds all kernels of a target that was accepted.
  virtual Status load(const ArtefactFile &artefact, const format::Target &target, std::unique_ptr<Program> &) = 0;
  /// Memory aligned to 64 bytes, zeroed or not; `size` is not 0. Safe from several threads, as are the others.
  virtual Status allocate(uint64_t size, void *&address) = 0;
  virtual void release(void *address, uint64_t size) = 0;
  /// True if device addresses are host addresses; tensors and weights are then used in place.
  virtual bool usesHostMemory() const { return false; }
  /// An executor for any of `plans`, which outlive it.
  virtual Status createExecutor(Program &program, std::span<const ExecutionPlan> plans, size_t threads,
                                std::unique_ptr<Executor> &executor) = 0;
};

struct Driver {
  const char *name;
  /// Loads what the driver needs; TINYC_UNAVAILABLE names what is missing.
  std::function<Status(size_t &count)> deviceCount;
  std::function<Status(size_t ordinal, std::unique_ptr<Device> &device)> open;
};

/// Those of this build, then those of plug-ins. Valid until the next call of loadDriver.
std::span<const Driver *const> allDrivers();

/// Adds the driver that the shared object at `path` defines; nothing happens for a path that was loaded before. Not
/// safe beside other calls.
Status loadDriver(const std::string &path);

/// Opens "cpu", "cuda:1".
Status openDevice(const std::string &name, std::shared_ptr<Device> &device);

/// Host memory for drivers that need it: aligned to 64 bytes, zeroed by the system.
Status allocateHostMemory(uint64_t size, void *&address);
void releaseHostMemory(void *address, uint64_t size);

} // namespace tinyc

#endif // TINYC_RUNTIME_DRIVERS_DRIVER_H
