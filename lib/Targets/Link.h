// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// lld in this process.

#ifndef TINYC_LIB_TARGETS_LINK_H
#define TINYC_LIB_TARGETS_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace tinyc {

/// Links ELF objects in memory into one file, a shared object with "-shared" among the `arguments`, which go to ld.lld
/// beside input and output. False on failure, with lld's messages in `error`. Safe from several threads: lld itself is
/// not, so calls wait for each other.
bool linkObjects(llvm::ArrayRef<llvm::ArrayRef<char>> objects, llvm::ArrayRef<std::string> arguments,
                 std::vector<uint8_t> &result, std::string &error);

} // namespace tinyc

#endif // TINYC_LIB_TARGETS_LINK_H
