// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command line of tinyc: one list of options, and for each command which of them it takes.

#ifndef TINYC_TOOLS_TINYC_COMMANDLINE_H
#define TINYC_TOOLS_TINYC_COMMANDLINE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tinyc {

/// Exit codes; fixed.
enum ExitCode { kDone = 0, kInputWrong = 1, kUsage = 2, kCheckFailed = 3, kOurBug = 70 };

/// What a command was given. Fields that a command does not take keep their defaults.
struct Arguments {
  std::vector<std::string> files; ///< MODEL, FILE or CASE_DIR
  std::string output;             ///< -o
  std::string target;             ///< --target
  std::string emit, stopAfter;
  std::string device = "cpu";
  unsigned threads = 0; ///< 0: all usable processors
  std::vector<std::string> inputs;
  std::vector<std::string> shapes;
  std::vector<std::string> passPlugins, dialectPlugins, targetPlugins;
  std::string outputDir, json;
  double rtol = 1e-3, atol = 1e-4;
  unsigned jobs = 1;
  bool hash = false, profile = false, remarks = false, verifyEachStage = false, measure = false;
};

struct Command {
  const char *name;
  const char *operands; ///< "MODEL", "MODEL|FILE", "CASE_DIR..", "" for none
  const char *summary;
  const char *options; ///< names of the options it takes, separated by spaces
  int (*run)(const Arguments &);
};

llvm::ArrayRef<Command> commands();

/// Parses what follows the command's name. On a mistake prints a sentence and the command's usage to stderr and returns
/// nothing; the caller exits with kUsage.
std::optional<Arguments> parseArguments(const Command &command, llvm::ArrayRef<const char *> words);

/// Prints all commands, or one with its options.
void printHelp();
void printHelp(const Command &command);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_COMMANDLINE_H
