// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Several cases at a time, each in a process of its own, so that one that crashes or hangs takes no other with it.

#ifndef TINYC_TOOLS_TINYC_CASEPROCESSES_H
#define TINYC_TOOLS_TINYC_CASEPROCESSES_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstddef>
#include <string>

namespace tinyc {

/// How a process went.
struct CaseProcess {
  std::string text;        ///< what its work returned; empty if it died
  std::string diagnostics; ///< what it wrote to stderr
  std::string end;         ///< if it died: how, as a sentence without a full stop
  bool timedOut = false;
  bool bug = false; ///< it crashed or noted a bug, and reported it: runForkedReportingCrashes()
};

/// Calls `work(i)`, which gives text without zeros, for each i below `count` in a forked process, at most `jobs` at a
/// time, and hands how it went to `done(i, process)`, in order. A process that takes over `timeout` seconds (0: any
/// time) is ended, and all of them end when this one does, however; the programs that a process started end with it.
/// What a process writes to stderr goes on to ours in one piece. Must be called in the work of runReportingCrashes(),
/// before this process has started threads that hold locks.
void runCaseProcesses(size_t count, unsigned jobs, unsigned timeout, llvm::function_ref<std::string(size_t)> work,
                      llvm::function_ref<void(size_t, const CaseProcess &)> done);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_CASEPROCESSES_H
