// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The commands of tinyc, each in the file of its name. Each returns an exit code and writes diagnostics to stderr.

#ifndef TINYC_TOOLS_TINYC_COMMANDS_H
#define TINYC_TOOLS_TINYC_COMMANDS_H

namespace tinyc {

struct Arguments;

int runCompile(const Arguments &);
int runRun(const Arguments &);
int runCheck(const Arguments &);
int runDiff(const Arguments &);
int runBench(const Arguments &);
int runInspect(const Arguments &);
int runGraph(const Arguments &);
int runImport(const Arguments &);
int runDevices(const Arguments &);
int runCompletion(const Arguments &);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_COMMANDS_H
