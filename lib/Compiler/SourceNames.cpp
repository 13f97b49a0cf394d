// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names of a location.

#include "lib/Compiler/SourceNames.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

static void collect(Location loc, llvm::SetVector<StringRef> &names) {
  llvm::TypeSwitch<LocationAttr>(loc)
      .Case([&](NameLoc name) { names.insert(name.getName().getValue()); })
      .Case([&](FusedLoc fused) {
        for (Location part : fused.getLocations())
          collect(part, names);
      })
      .Case([&](CallSiteLoc call) { collect(call.getCallee(), names); });
}

std::vector<std::string> tinyc::sourceNames(Location loc) {
  llvm::SetVector<StringRef> names;
  collect(loc, names);
  return std::vector<std::string>(names.begin(), names.end());
}
