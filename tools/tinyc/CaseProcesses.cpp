// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Processes, the pipes that bring their results, and the files that take their diagnostics.

#include "tools/tinyc/CaseProcesses.h"

#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <sys/wait.h>
#include <unistd.h>

using namespace tinyc;

namespace {
struct Process {
  pid_t pid = -1;
  int pipe = -1;               // read end; -1 if it could not be started
  std::FILE *errors = nullptr; // its stderr, a file without a name; null if none could be made
};
} // namespace

// The child: its result goes into the pipe. A signal ends it, whatever handler its parent had: the parent sees which.
[[noreturn]] static void runChild(size_t index, unsigned timeout, int pipe, std::FILE *errors,
                                  llvm::function_ref<std::string(size_t)> work) {
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGALRM})
    std::signal(signal, SIG_DFL);
  if (errors)
    dup2(fileno(errors), STDERR_FILENO);
  alarm(timeout);
  std::string text = work(index);
  alarm(0);
  std::fflush(nullptr);
  for (size_t written = 0; written < text.size();) {
    ssize_t count = write(pipe, text.data() + written, text.size() - written);
    if (count <= 0)
      _exit(1);
    written += count;
  }
  _exit(0);
}

static Process start(size_t index, unsigned timeout, llvm::function_ref<std::string(size_t)> work) {
  int ends[2];
  std::fflush(nullptr);
  if (pipe(ends))
    return {};
  Process process{-1, ends[0], std::tmpfile()};
  process.pid = fork();
  if (process.pid == 0) {
    close(ends[0]);
    runChild(index, timeout, ends[1], process.errors, work);
  }
  close(ends[1]);
  return process;
}

static CaseProcess finish(const Process &process, unsigned timeout) {
  CaseProcess result;
  char buffer[4096];
  for (ssize_t count; process.pipe >= 0 && (count = read(process.pipe, buffer, sizeof(buffer))) > 0;)
    result.text.append(buffer, count);
  if (process.pipe >= 0)
    close(process.pipe);
  int status = 0;
  if (process.pid < 0)
    result.end = "no process could be started for it";
  else if (waitpid(process.pid, &status, 0) != process.pid)
    result.end = "its process was lost";
  else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM && timeout)
    result.end = "took over " + std::to_string(timeout) + " s";
  else if (WIFSIGNALED(status))
    result.end = std::string("its process died: ") + strsignal(WTERMSIG(status));
  else if (WEXITSTATUS(status) != 0 || result.text.empty())
    result.end = "its process ended with exit code " + std::to_string(WEXITSTATUS(status));
  result.timedOut = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
  if (!result.end.empty())
    result.text.clear();
  if (process.errors) {
    std::rewind(process.errors);
    while (size_t count = std::fread(buffer, 1, sizeof(buffer), process.errors))
      result.diagnostics.append(buffer, count);
    std::fclose(process.errors);
    llvm::errs() << result.diagnostics;
  }
  return result;
}

void tinyc::runCaseProcesses(size_t count, unsigned jobs, unsigned timeout,
                             llvm::function_ref<std::string(size_t)> work,
                             llvm::function_ref<void(size_t, const CaseProcess &)> done) {
  std::deque<Process> running;
  for (size_t next = 0, oldest = 0; oldest < count; ++oldest) {
    while (next < count && running.size() < jobs)
      running.push_back(start(next++, timeout, work));
    done(oldest, finish(running.front(), timeout));
    running.pop_front();
  }
}
