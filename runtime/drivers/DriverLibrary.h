// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A vendor's library, opened when a device is asked for. Its functions are a table of (name, where to put the address).

#ifndef TINYC_RUNTIME_DRIVERS_DRIVERLIBRARY_H
#define TINYC_RUNTIME_DRIVERS_DRIVERLIBRARY_H

#include "runtime/src/Status.h"

#include <dlfcn.h>
#include <span>

namespace tinyc {

struct LibrarySymbol {
  const char *name;
  void **address;
};

/// Opens the first of `names` that there is and fills the table; TINYC_UNAVAILABLE names the library or the symbol that
/// is missing. The library stays open, because drivers do not survive being closed.
inline Status openDriverLibrary(std::span<const char *const> names, std::span<const LibrarySymbol> symbols) {
  void *handle = nullptr;
  std::string library, reason;
  for (const char *name : names) {
    if (!handle && (handle = dlopen(name, RTLD_NOW | RTLD_LOCAL)))
      library = name;
    if (!handle && reason.empty())
      reason = dlerror();
  }
  if (!handle)
    return Status(TINYC_UNAVAILABLE, std::string("library ") + names[0] + " cannot be loaded: " + reason);
  for (const LibrarySymbol &symbol : symbols) {
    *symbol.address = dlsym(handle, symbol.name);
    if (!*symbol.address)
      return Status(TINYC_UNAVAILABLE,
                    "library " + library + " lacks symbol " + symbol.name + "; a newer driver is needed");
  }
  return {};
}

} // namespace tinyc

#endif // TINYC_RUNTIME_DRIVERS_DRIVERLIBRARY_H
