// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc devices: what each driver sees, or in one sentence why it sees nothing.

#include "tools/tinyc/CommandLine.h"
#include "tools/tinyc/Commands.h"
#include "tools/tinyc/MeasureCpu.h"
#include "tools/tinyc/Progress.h"

#include "runtime/include/tinyc/runtime.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace tinyc;

// A name, or a list of features long enough to fill a screen: lines of 120 columns.
static void printChip(llvm::StringRef chip) {
  std::string line = "        ";
  for (llvm::StringRef feature : llvm::split(chip, ',')) {
    if (line.size() + feature.size() + 1 > 120) {
      std::printf("%s\n", line.c_str());
      line = "        ";
    }
    line += (" " + feature).str();
  }
  std::printf("%s\n", line.c_str());
}

static void printDevice(const std::string &name) {
  tinyc_device *device = nullptr;
  if (tinyc_status *status = tinyc_device_open(name.c_str(), &device)) {
    std::printf("%-8s -  %s\n", name.c_str(), tinyc_status_message(status));
    tinyc_status_free(status);
    return;
  }
  std::printf("%-8s %s\n", name.c_str(), tinyc_device_description(device));
  printChip(tinyc_device_chip(device));
  tinyc_device_close(device);
}

static void printLimits(const std::optional<tensorio::CpuLimits> &limits) {
  if (!limits) {
    std::printf("         peak and bandwidth are not measured yet: tinyc devices --measure\n");
    return;
  }
  auto line = [](size_t threads, const tensorio::DeviceLimits &most) {
    std::printf(
        "         measured on %zu thread%s: %.0f GFLOP/s of f32; reads %.0f GB/s from its second-level cache%s, "
        "%.1f GB/s from memory\n",
        threads, threads == 1 ? "" : "s", most.gflops, most.cacheGbps, threads == 1 ? "" : "s", most.gbps);
  };
  line(1, limits->one);
  if (tinyc_usable_cpus() > 1)
    line(tinyc_usable_cpus(), limits->all);
}

int tinyc::runDevices(const Arguments &arguments) {
  std::optional<tensorio::CpuLimits> limits = tensorio::readCpuLimits();
  if (std::string error; arguments.measure && !tensorio::writeCpuLimits(*(limits = measureCpu()), error))
    llvm::errs() << "tinyc: " << error << "\n"; // said, and the figures are printed all the same
  hideProgress();
  for (size_t driver = 0; driver < tinyc_driver_count(); ++driver) {
    std::string name = tinyc_driver_name(driver);
    size_t count = 0;
    if (tinyc_status *status = tinyc_driver_device_count(name.c_str(), &count)) {
      std::printf("%-8s -  %s\n", name.c_str(), tinyc_status_message(status));
      tinyc_status_free(status);
      continue;
    }
    bool numbered = name == "cuda" || name == "hip";
    for (size_t i = 0; i < count; ++i)
      printDevice(numbered ? name + ":" + std::to_string(i) : name);
    if (name == "cpu")
      printLimits(limits);
  }
  return kDone;
}
