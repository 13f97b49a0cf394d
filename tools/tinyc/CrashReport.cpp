// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Crash recovery around a command. The command runs on a thread of its own with a large stack, and its signals are
// handled on an alternate stack: passes recurse over what the user wrote, and a stack that is full is a crash too.

#include "tools/tinyc/CrashReport.h"

#include "lib/Targets/ThreadStack.h"
#include "runtime/tensorio/ProgramStart.h"
#include "tools/output/OutputFile.h"
#include "tools/tinyc/CommandLine.h"
#include "tools/tinyc/Progress.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <new>
#include <unistd.h>

using namespace tinyc;

/// Pages of it are taken only when they are used.
constexpr unsigned kStackBytes = 256u << 20;
/// Set for the run of tinyc that prints the IR for a reproducer: it leaves none of its own.
constexpr const char *kNested = "TINYC_PRINTS_REPRODUCER";

namespace {
struct Noted {
  std::string step = "reading the command line";
  std::vector<std::string> printInput;
  std::string model;
  std::string fatal;
  bool bug = false; ///< found by a check
  int argc = 0;
  char **argv = nullptr;
};
} // namespace

static Noted &noted() {
  static Noted value;
  return value;
}

void tinyc::noteStep(std::string step, std::string model, std::vector<std::string> printInput) {
  showStep(step);
  noted().step = std::move(step);
  noted().model = std::move(model);
  noted().printInput = std::move(printInput);
}

void tinyc::noteBug() { noted().bug = true; }

// LLVM would exit after this handler returns; raising lets the recovery context take over.
static void onFatalError(void *, const char *reason, bool) {
  noted().fatal = reason;
  std::raise(SIGABRT);
}

// Not a bug: the model is larger than the machine.
static void onOutOfMemory() {
  llvm::errs() << "tinyc: out of memory, while " << noted().step << "\n";
  std::_Exit(kInputWrong);
}

// Words with blanks or quotes in the quotes of a shell.
static void printQuoted(llvm::raw_ostream &os, llvm::StringRef word) {
  if (!word.empty() && word.find_first_of(" \t\n'\"\\$`*?[]{}()<>|&;#~!") == llvm::StringRef::npos) {
    os << word;
    return;
  }
  os << '\'';
  for (char c : word)
    if (c == '\'')
      os << "'\\''";
    else
      os << c;
  os << '\'';
}

// In the folder for temporary files ($TMPDIR), or here if it takes none.
static std::error_code makeFolder(llvm::SmallVectorImpl<char> &folder) {
  std::error_code error = llvm::sys::fs::createUniqueDirectory("tinyc-crash", folder);
  for (int attempt = 0; error && attempt < 16; ++attempt) {
    llvm::sys::fs::createUniquePath("tinyc-crash-%%%%%%", folder, /*MakeAbsolute=*/false);
    if (std::error_code here = llvm::sys::fs::create_directory(folder, /*IgnoreExisting=*/false); !here)
      return here;
  }
  return error;
}

// The IR from a run of our own as far as the stage before, or, where there is no stage before, the model itself.
static void writeInput(llvm::StringRef folder) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, "input");
  if (noted().printInput.empty()) {
    if (!noted().model.empty())
      (void)llvm::sys::fs::copy_file(noted().model, path + llvm::sys::path::extension(noted().model));
    return;
  }
  path += ".mlir";
  std::string self = llvm::sys::fs::getMainExecutable(noted().argv[0], reinterpret_cast<void *>(&writeInput));
  std::vector<llvm::StringRef> words{self};
  words.insert(words.end(), noted().printInput.begin(), noted().printInput.end());
  words.insert(words.end(), {"-o", path});
  ::setenv(kNested, "1", 1);
  llvm::sys::ExecuteAndWait(self, words, std::nullopt, {std::nullopt, "", ""}, /*SecondsToWait=*/60);
}

static void writeReproducer() {
  llvm::SmallString<128> folder;
  if (std::error_code error = makeFolder(folder)) {
    llvm::errs() << "no reproducer could be written: " << error.message() << "\n";
    return;
  }
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, "command.txt");
  bool written = writeFile(path.str().str(), [&](llvm::raw_ostream &os) {
    for (int i = 0; i < noted().argc; ++i) {
      os << (i ? " " : "");
      printQuoted(os, noted().argv[i]);
    }
    os << "\nwhile: " << noted().step << "\n";
    if (!noted().fatal.empty())
      os << "fatal: " << noted().fatal << "\n";
  });
  if (!written) {
    llvm::sys::fs::remove(folder);
    return;
  }
  writeInput(folder);
  llvm::errs() << "a reproducer is in " << folder << "\n";
}

[[noreturn]] static void reportAndExit() {
  // What crashed may hold locks and broken heaps: a crash of the report itself ends the program, and so does waiting.
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP})
    std::signal(signal, SIG_DFL);
  llvm::errs() << "tinyc: this is a bug in tinyc, while " << noted().step;
  if (!noted().fatal.empty())
    llvm::errs() << ": " << noted().fatal;
  llvm::errs() << "\n";
  if (!std::getenv(kNested))
    writeReproducer();
  llvm::errs().flush();
  std::_Exit(kOurBug); // without destructors
}

// A crash on a thread that no recovery context covers, e.g. a kernel's on a worker of the runtime.
static void onStraySignal(int) {
  static std::atomic_flag reporting = ATOMIC_FLAG_INIT;
  if (reporting.test_and_set())
    ::pause(); // another thread reports, and ends us
  reportAndExit();
}

// Signals of this thread, the only one that calls this, are handled on a stack of their own from here on.
static void useAlternateStack() {
  static char space[1 << 16];
  stack_t stack = {};
  stack.ss_sp = space;
  stack.ss_size = sizeof(space);
  ::sigaltstack(&stack, nullptr);
}

int tinyc::runReportingCrashes(int argc, char **argv, llvm::function_ref<int()> work) {
  noted().argc = argc;
  noted().argv = argv;
  constexpr int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
  for (int signal : signals)
    std::signal(signal, onStraySignal);
  llvm::CrashRecoveryContext::Enable();
  for (int signal : signals) {
    struct sigaction action;
    if (::sigaction(signal, nullptr, &action) == 0) {
      action.sa_flags |= SA_ONSTACK;
      ::sigaction(signal, &action, nullptr);
    }
  }
  tensorio::reportLostMappings("tinyc");
  llvm::install_fatal_error_handler(onFatalError);
  std::set_new_handler(onOutOfMemory);
  llvm::CrashRecoveryContext context;
  int code = kOurBug;
  auto onThread = [&] {
    useAlternateStack();
    code = work();
  };
  if (!context.RunSafelyOnThread(onThread, stackBytes(kStackBytes)))
    reportAndExit();
  if (!noted().bug)
    return code;
  if (!std::getenv(kNested))
    writeReproducer();
  return kOurBug;
}
