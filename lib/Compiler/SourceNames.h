// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a location to the names of the nodes in the user's file.

#ifndef TINYC_LIB_COMPILER_SOURCENAMES_H
#define TINYC_LIB_COMPILER_SOURCENAMES_H

#include "mlir/IR/Location.h"
#include <string>
#include <vector>

namespace tinyc {

/// The names in `loc` (NameLoc inside fused and call-site locations), each once, in order of appearance.
std::vector<std::string> sourceNames(mlir::Location loc);

} // namespace tinyc

#endif // TINYC_LIB_COMPILER_SOURCENAMES_H
