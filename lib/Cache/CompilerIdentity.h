// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which build of the compiler this is.

#ifndef TINYC_LIB_CACHE_COMPILERIDENTITY_H
#define TINYC_LIB_CACHE_COMPILERIDENTITY_H

#include <string>

namespace tinyc {

/// The build IDs of the program and of the libraries it has loaded so far, LLVM's and MLIR's among them: another build
/// of any has another identity. A program without one is known by its file's size and time of change.
std::string compilerIdentity();

} // namespace tinyc

#endif // TINYC_LIB_CACHE_COMPILERIDENTITY_H
