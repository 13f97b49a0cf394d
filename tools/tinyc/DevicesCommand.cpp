// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tinyc devices: what each driver sees, or in one sentence why it sees nothing.

#include "tools/tinyc/CommandLine.h"
#include "tools/tinyc/Commands.h"

#include "runtime/include/tinyc/runtime.h"

#include "llvm/Support/raw_ostream.h"

using namespace tinyc;

static void printDevice(const std::string &name) {
  tinyc_device *device = nullptr;
  if (tinyc_status *status = tinyc_device_open(name.c_str(), &device)) {
    std::printf("%-8s -  %s\n", name.c_str(), tinyc_status_message(status));
    tinyc_status_free(status);
    return;
  }
  std::printf("%-8s %s (%s)\n", name.c_str(), tinyc_device_description(device), tinyc_device_chip(device));
  tinyc_device_close(device);
}

int tinyc::runDevices(const Arguments &arguments) {
  if (arguments.measure) {
    llvm::errs() << "tinyc: --measure is not supported yet\n";
    return kInputWrong;
  }
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
  }
  return kDone;
}
