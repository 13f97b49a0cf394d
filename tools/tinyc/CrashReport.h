// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A crash or a fatal error of LLVM is our bug: say so, leave a reproducer, exit 70.

#ifndef TINYC_TOOLS_TINYC_CRASHREPORT_H
#define TINYC_TOOLS_TINYC_CRASHREPORT_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include <string>
#include <vector>

namespace tinyc {

/// Runs `work` and returns its result. If it runs out of memory, says so and exits with 1. If it crashes or LLVM calls
/// report_fatal_error, writes a folder with the command line and the IR that was last noted, prints its path, and
/// returns 70.
int runReportingCrashes(int argc, char **argv, llvm::function_ref<int()> work);

/// Calls `work` in a process that was forked in the `work` of runReportingCrashes(), and then `ended`. Returns the
/// process's exit code: 0, or 70 after a reproducer was written because noteBug() was called. If `work` crashes,
/// `ended` is called at once, it is reported with a reproducer, and the process dies of the signal it got, for its
/// parent to see.
int runForkedReportingCrashes(llvm::function_ref<void()> work, llvm::function_ref<void()> ended);

/// Whether a process that died of `signal` crashed, as opposed to being ended from outside.
bool isCrash(int signal);

/// For a bug that a check found before anything crashed: the command reports the error and ends as for a wrong input,
/// but a reproducer is written, and runReportingCrashes() returns 70.
void noteBug();

/// Says what begins now, in words, with the model's path, and the arguments with which tinyc itself prints the IR that
/// this starts from ("compile", MODEL, "--stop-after", ..): a reproducer gets the IR from a run of its own, because
/// after a crash nothing in memory can be trusted. Without arguments it gets a copy of the model.
void noteStep(std::string step, std::string model = "", std::vector<std::string> printInput = {});

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_CRASHREPORT_H
