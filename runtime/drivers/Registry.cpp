// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All drivers, one line each.

#include "runtime/drivers/Driver.h"
#include "runtime/drivers/PluginDriver.h"

#include <cstring>
#include <map>
#include <sys/mman.h>
#include <vector>

namespace tinyc {

extern const Driver cpuDriver;
extern const Driver cudaDriver;
extern const Driver hipDriver;
extern const Driver nullDriver;

static std::vector<const Driver *> &table() {
  static std::vector<const Driver *> drivers = {
      &cpuDriver,
      &cudaDriver,
      &hipDriver,
      &nullDriver,
  };
  return drivers;
}

std::span<const Driver *const> allDrivers() { return table(); }

Status loadDriver(const std::string &path) {
  // They stay to the end of the process, as the code that they are does.
  static std::map<std::string, std::unique_ptr<Driver>> loaded;
  if (loaded.contains(path))
    return {};
  std::unique_ptr<Driver> driver;
  TINYC_TRY(openPluginDriver(path, driver));
  for (const Driver *other : table())
    if (std::strcmp(other->name, driver->name) == 0)
      return Status(TINYC_UNAVAILABLE,
                    "driver plug-in " + quoted(path) + " is called " + driver->name + ", as another driver is already");
  table().push_back(driver.get());
  loaded.emplace(path, std::move(driver));
  return {};
}

Status openDevice(const std::string &name, std::shared_ptr<Device> &device) {
  size_t colon = name.find(':');
  std::string driverName = name.substr(0, colon), number = colon == std::string::npos ? "0" : name.substr(colon + 1);
  size_t ordinal = 0;
  bool valid = !number.empty() && number.size() <= 4;
  for (char c : number) {
    valid = valid && c >= '0' && c <= '9';
    ordinal = ordinal * 10 + static_cast<size_t>(c - '0');
  }
  std::string known;
  for (const Driver *driver : table()) {
    known += (known.empty() ? "" : ", ") + std::string(driver->name);
    if (driverName != driver->name || !valid)
      continue;
    size_t count = 0;
    TINYC_TRY(driver->deviceCount(count));
    if (ordinal >= count)
      return Status(TINYC_UNAVAILABLE, "device " + quoted(name) + " does not exist: driver " + driver->name + " has " +
                                           std::to_string(count) + " device(s)");
    std::unique_ptr<Device> opened;
    TINYC_TRY(driver->open(ordinal, opened).within("device " + quoted(name) + ": "));
    bool numbered = colon != std::string::npos || driverName == "cuda" || driverName == "hip";
    opened->name = numbered ? driverName + ":" + std::to_string(ordinal) : driverName;
    device = std::move(opened);
    return {};
  }
  return invalidArgument("unknown device " + quoted(name) + "; a device is one of " + known + ", with :N for the N-th");
}

Status allocateHostMemory(uint64_t size, void *&address) {
  address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    address = nullptr;
    return Status(TINYC_OUT_OF_MEMORY, "cannot allocate " + std::to_string(size) + " bytes of host memory");
  }
  // Fewer TLB misses for arenas and packed weights; a hint, so its failure does not matter.
  if (size >= (4 << 20))
    madvise(address, size, MADV_HUGEPAGE);
  return {};
}

void releaseHostMemory(void *address, uint64_t size) {
  if (address)
    munmap(address, size);
}

} // namespace tinyc
