// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a shared object says of itself, read from the file: before it is loaded, and its initialisers run.

#ifndef TINYC_LIB_PLUGINS_SHAREDOBJECT_H
#define TINYC_LIB_PLUGINS_SHAREDOBJECT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <string>

namespace tinyc {

/// Nothing, if these bytes of a file are a shared object for this machine that defines `entry`, needs no other version
/// of LLVM, MLIR or tinyc than those loaded, and holds no LLVM of its own; else why not, to follow the words "plug-in
/// 'path'".
std::string whyNoPlugin(llvm::MemoryBufferRef bytes, llvm::StringRef entry);

} // namespace tinyc

#endif // TINYC_LIB_PLUGINS_SHAREDOBJECT_H
