// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Crash recovery around a command.

#include "tools/tinyc/CrashReport.h"

#include "tools/tinyc/CommandLine.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>

using namespace tinyc;

namespace {
struct Noted {
  std::string step = "reading the command line";
  std::vector<std::string> printInput;
  std::string fatal;
};
} // namespace

static Noted &noted() {
  static Noted value;
  return value;
}

void tinyc::noteStep(std::string step, std::vector<std::string> printInput) {
  noted().step = std::move(step);
  noted().printInput = std::move(printInput);
}

// LLVM would exit after this handler returns; raising lets the recovery context take over.
static void onFatalError(void *, const char *reason, bool) {
  noted().fatal = reason;
  std::raise(SIGABRT);
}

static void writeReproducer(int argc, char **argv) {
  llvm::SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("tinyc-crash", folder)) {
    llvm::errs() << "no reproducer could be written: " << error.message() << "\n";
    return;
  }
  auto write = [&](llvm::StringRef name, llvm::function_ref<void(llvm::raw_ostream &)> print) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    std::error_code error;
    llvm::raw_fd_ostream os(path, error);
    if (!error)
      print(os);
  };
  write("command.txt", [&](llvm::raw_ostream &os) {
    for (int i = 0; i < argc; ++i)
      os << argv[i] << (i + 1 < argc ? " " : "\n");
    os << "while: " << noted().step << "\n";
    if (!noted().fatal.empty())
      os << "fatal: " << noted().fatal << "\n";
  });
  if (!noted().printInput.empty()) {
    std::string self = llvm::sys::fs::getMainExecutable(argv[0], reinterpret_cast<void *>(&writeReproducer));
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, "input.mlir");
    std::vector<llvm::StringRef> words{self};
    words.insert(words.end(), noted().printInput.begin(), noted().printInput.end());
    words.insert(words.end(), {"-o", path});
    llvm::sys::ExecuteAndWait(self, words, std::nullopt, {std::nullopt, "", ""}, /*SecondsToWait=*/60);
  }
  llvm::errs() << "a reproducer is in " << folder << "\n";
}

int tinyc::runReportingCrashes(int argc, char **argv, llvm::function_ref<int()> work) {
  llvm::CrashRecoveryContext::Enable();
  llvm::install_fatal_error_handler(onFatalError);
  llvm::CrashRecoveryContext context;
  int code = kOurBug;
  if (context.RunSafely([&] { code = work(); }))
    return code;
  llvm::errs() << "tinyc: this is a bug in tinyc, while " << noted().step;
  if (!noted().fatal.empty())
    llvm::errs() << ": " << noted().fatal;
  llvm::errs() << "\n";
  writeReproducer(argc, argv);
  llvm::errs().flush();
  // What crashed may hold locks and broken heaps: leave without running destructors.
  std::_Exit(kOurBug);
}
