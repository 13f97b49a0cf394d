// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command line of tinyc: one list of options, and for each command which of them it takes.

#ifndef TINYC_TOOLS_TINYC_COMMANDLINE_H
#define TINYC_TOOLS_TINYC_COMMANDLINE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <functional>
#include <map>
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
  std::vector<std::string> passPlugins, dialectPlugins, targetPlugins, driverPlugins;
  std::string outputDir, json;
  double rtol = 1e-3, atol = 1e-4;
  unsigned jobs = 1, timeout = 0;
  std::string against = "reference"; ///< diff: whose results are right
  std::string tune;                  ///< --tune=SECONDS
  bool hash = false, profile = false, remarks = false, verifyEachStage = false, roundEveryNode = false, measure = false;
};

/// An option, as the table in CommandLine.cpp lists it.
struct Option {
  const char *name;
  const char *value; ///< name of its value in the help; null for a flag
  std::string help;
  /// What a shell completes the value with: words separated by spaces, kFiles, kFolders, or nothing.
  std::string choices;
  /// Stores the value; false if it cannot be read.
  std::function<bool(Arguments &, llvm::StringRef)> store;
};
constexpr const char *kFiles = "<files>", *kFolders = "<folders>";

struct Command {
  const char *name;
  const char *operands; ///< "MODEL", "MODEL|FILE", "CASE_DIR..", "bash|zsh" (one of these words), "" for none
  const char *summary;
  const char *options; ///< names of the options it takes, separated by spaces
  int (*run)(const Arguments &);
};

/// Commands in the order of the help; Main.cpp has the table.
llvm::ArrayRef<Command> commands();
/// All options of all commands.
llvm::ArrayRef<Option> options();
/// Whether the command takes the option of this name.
bool takes(const Command &command, llvm::StringRef option);

/// Parses what follows the command's name. On a mistake prints a sentence and the command's usage to stderr and returns
/// nothing; the caller exits with kUsage.
std::optional<Arguments> parseArguments(const Command &command, llvm::ArrayRef<const char *> words);

/// What --shape says, by input: "x=1x3x224x224" as name and sizes. Nothing if a text is not of that form, or if two
/// name the same input.
std::optional<std::map<std::string, std::vector<int64_t>>> parseShapes(llvm::ArrayRef<std::string> texts);

/// Prints all commands, or one with its options.
void printHelp();
void printHelp(const Command &command);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_COMMANDLINE_H
