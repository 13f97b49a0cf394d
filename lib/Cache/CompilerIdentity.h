// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which build of the compiler this is, and what plug-ins it has.

#ifndef TINYC_LIB_CACHE_COMPILERIDENTITY_H
#define TINYC_LIB_CACHE_COMPILERIDENTITY_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace tinyc {

/// The build IDs of the program and of the libraries that were loaded when this was called first, LLVM's and MLIR's
/// among them, and the plug-ins of loadIntoIdentity: another build of any has another identity. What has no build ID is
/// known by its file's size and time of change. A tool calls it before it opens a device, whose driver is no part of
/// the compiler.
std::string compilerIdentity();

/// Calls `load`, which loads the shared object at `path` with these bytes: they belong to the identity from then on,
/// and so does every library that comes with it. Not safe beside other calls.
void loadIntoIdentity(llvm::StringRef path, llvm::StringRef bytes, llvm::function_ref<void()> load);

} // namespace tinyc

#endif // TINYC_LIB_CACHE_COMPILERIDENTITY_H
