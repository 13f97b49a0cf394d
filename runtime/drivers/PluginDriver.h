// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Drivers out of shared objects, by the C interface of runtime/include/tinyc/driver.h.

#ifndef TINYC_RUNTIME_DRIVERS_PLUGINDRIVER_H
#define TINYC_RUNTIME_DRIVERS_PLUGINDRIVER_H

#include "runtime/drivers/Driver.h"

namespace tinyc {

/// Opens the shared object at `path`, which stays loaded, and makes a driver of what it defines. A failure names the
/// file.
Status openPluginDriver(const std::string &path, std::unique_ptr<Driver> &driver);

} // namespace tinyc

#endif // TINYC_RUNTIME_DRIVERS_PLUGINDRIVER_H
