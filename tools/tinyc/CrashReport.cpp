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
#include "tools/tinyc/ShellWords.h"

#include "llvm/ADT/STLExtras.h"
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
#include <optional>
#include <pthread.h>
#include <unistd.h>

using namespace tinyc;

/// Pages of it are taken only when they are used.
constexpr unsigned kStackBytes = 256u << 20;
/// Set for the run of tinyc that prints the IR for a reproducer: it leaves none of its own.
constexpr const char *kNested = "TINYC_PRINTS_REPRODUCER";

/// Signals of a crash.
constexpr int kCrashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};

namespace {
struct Step {
  std::string words = "reading the command line";
  std::string model;
  std::vector<std::string> printInput;
};
struct Noted {
  Step step;
  std::optional<Step> bug; ///< where a check first found one
  std::string fatal;
  bool forked = false;
  llvm::function_ref<void()> ended; ///< of a forked process
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
  noted().step = {std::move(step), std::move(model), std::move(printInput)};
}

void tinyc::noteBug() {
  if (!noted().bug)
    noted().bug = noted().step;
}

bool tinyc::isCrash(int signal) { return llvm::is_contained(kCrashes, signal); }

// LLVM would exit after this handler returns; raising lets the recovery context take over.
static void onFatalError(void *, const char *reason, bool) {
  noted().fatal = reason;
  std::raise(SIGABRT);
}

// Not a bug: the model is larger than the machine.
static void onOutOfMemory() {
  llvm::errs() << "tinyc: out of memory, while " << noted().step.words << "\n";
  std::_Exit(kInputWrong);
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
static void writeInput(llvm::StringRef folder, const Step &step) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, "input");
  if (step.printInput.empty()) {
    if (!step.model.empty())
      (void)llvm::sys::fs::copy_file(step.model, path + llvm::sys::path::extension(step.model));
    return;
  }
  path += ".mlir";
  std::string self = llvm::sys::fs::getMainExecutable(noted().argv[0], reinterpret_cast<void *>(&writeInput));
  std::vector<llvm::StringRef> words{self};
  words.insert(words.end(), step.printInput.begin(), step.printInput.end());
  words.insert(words.end(), {"-o", path});
  ::setenv(kNested, "1", 1);
  llvm::sys::ExecuteAndWait(self, words, std::nullopt, {std::nullopt, "", ""}, /*SecondsToWait=*/60);
}

static void writeReproducer(const Step &step) {
  if (std::getenv(kNested))
    return;
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
      os << shellWord(noted().argv[i]);
    }
    os << "\nwhile: " << step.words << "\n";
    if (!noted().fatal.empty())
      os << "fatal: " << noted().fatal << "\n";
  });
  if (!written) {
    llvm::sys::fs::remove(folder);
    return;
  }
  writeInput(folder, step);
  llvm::errs() << "a reproducer is in " << folder << "\n";
}

static bool reportNotedBug() {
  if (noted().bug)
    writeReproducer(*noted().bug);
  return noted().bug.has_value();
}

// Ends this process as if nothing had handled the signal.
static void dieOf(int signal) {
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr); // it is blocked while it is handled
  std::raise(signal);
}

[[noreturn]] static void reportAndExit(int signal) {
  // What crashed may hold locks and broken heaps: a crash of the report itself ends the program, and so does waiting.
  for (int crash : kCrashes)
    std::signal(crash, SIG_DFL);
  if (noted().forked)
    noted().ended();
  llvm::errs() << "tinyc: this is a bug in tinyc, while " << noted().step.words;
  if (!noted().fatal.empty())
    llvm::errs() << ": " << noted().fatal;
  llvm::errs() << "\n";
  writeReproducer(noted().step);
  llvm::errs().flush();
  if (noted().forked)
    dieOf(signal);
  std::_Exit(kOurBug); // without destructors
}

// A crash on a thread that no recovery context covers, e.g. a kernel's on a worker of the runtime.
static void onStraySignal(int signal) {
  static std::atomic_flag reporting = ATOMIC_FLAG_INIT;
  if (reporting.test_and_set())
    ::pause(); // another thread reports, and ends us
  reportAndExit(signal);
}

// The signal that a recovery context stopped at: it counts as a shell does.
static int signalOf(const llvm::CrashRecoveryContext &context) { return context.RetCode - 128; }

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
  for (int signal : kCrashes)
    std::signal(signal, onStraySignal);
  llvm::CrashRecoveryContext::Enable();
  for (int signal : kCrashes) {
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
    reportAndExit(signalOf(context));
  return reportNotedBug() ? int(kOurBug) : code;
}

int tinyc::runForkedReportingCrashes(llvm::function_ref<void()> work, llvm::function_ref<void()> ended) {
  noted().forked = true;
  noted().ended = ended;
  llvm::CrashRecoveryContext context; // on the thread that forked, the only one here, and its stack
  if (!context.RunSafely(work))
    reportAndExit(signalOf(context));
  ended();
  return reportNotedBug() ? kOurBug : kDone;
}
