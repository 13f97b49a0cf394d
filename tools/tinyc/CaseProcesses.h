// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --jobs: several cases at a time, each in a process of its own, so that one that crashes takes no other with it.

#ifndef TINYC_TOOLS_TINYC_CASEPROCESSES_H
#define TINYC_TOOLS_TINYC_CASEPROCESSES_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstddef>
#include <string>

namespace tinyc {

/// Calls `work(i)` for each i below `count` in a forked process, at most `jobs` at a time, and hands what it returned
/// to `done(i, text)`, in order. The text of a process that died is empty. Diagnostics go where the caller's go. Must
/// be called before this process has started threads that hold locks.
void runCaseProcesses(size_t count, unsigned jobs, llvm::function_ref<std::string(size_t)> work,
                      llvm::function_ref<void(size_t, std::string)> done);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_CASEPROCESSES_H
