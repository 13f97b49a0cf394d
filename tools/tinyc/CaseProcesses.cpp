// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Processes, the pipes that bring their results, and the files that take their diagnostics. Each process leads a group
// of its own, with the programs it starts (an assembler): the group ends as a whole, in time, and with this process.

#include "tools/tinyc/CaseProcesses.h"

#include "tools/tinyc/CommandLine.h"
#include "tools/tinyc/CrashReport.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace tinyc;
using Clock = std::chrono::steady_clock;

/// A process's reproducer has a run of the compiler in it, of at most a minute.
constexpr std::chrono::seconds kReportTime{90};

namespace {
struct Process {
  pid_t pid = -1;
  int pipe = -1;               // read end; does not block
  std::FILE *errors = nullptr; // its stderr, a file without a name; null if none could be made
  std::optional<Clock::time_point> deadline;
  bool works = true; // no crash, and no result yet
  bool ended = false;
  CaseProcess result; // complete when it has ended
};
} // namespace

static void endGroup(int) { kill(0, SIGKILL); }

// In the child: makes it the leader of a group that ends when `parent` does. The signal is one that nobody else sends.
static void startGroup(pid_t parent) {
  setpgid(0, 0);
  std::signal(SIGRTMIN, endGroup);
  prctl(PR_SET_PDEATHSIG, SIGRTMIN);
  if (getppid() != parent) // it ended before it was asked to say so
    _exit(1);
}

// The child: its result goes into the pipe, and then a zero: what follows is not its work but the report of a bug. If
// it crashes there is only the zero, and the signal ends it.
[[noreturn]] static void runChild(size_t index, int pipe, std::FILE *errors,
                                  llvm::function_ref<std::string(size_t)> work) {
  if (errors)
    dup2(fileno(errors), STDERR_FILENO);
  std::string text;
  auto send = [&] {
    for (size_t written = 0; written <= text.size();) { // its end is a zero
      ssize_t count = write(pipe, text.c_str() + written, text.size() + 1 - written);
      if (count <= 0)
        _exit(1);
      written += count;
    }
  };
  int code = runForkedReportingCrashes([&] { text = work(index); }, send);
  std::fflush(nullptr);
  _exit(code);
}

static Process start(size_t index, unsigned timeout, llvm::function_ref<std::string(size_t)> work) {
  Process process;
  process.ended = true;
  process.result.end = "no process could be started for it";
  int ends[2];
  std::fflush(nullptr);
  if (pipe2(ends, O_CLOEXEC)) // what a case starts must not hold the pipe
    return process;
  process.errors = std::tmpfile();
  pid_t parent = getpid();
  process.pid = fork();
  if (process.pid == 0) {
    close(ends[0]);
    startGroup(parent);
    runChild(index, ends[1], process.errors, work);
  }
  close(ends[1]);
  if (process.pid < 0) {
    close(ends[0]);
    if (process.errors)
      std::fclose(process.errors);
    return process;
  }
  setpgid(process.pid, process.pid); // as it does itself: the group exists from here on
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  process.pipe = ends[0];
  if (timeout)
    process.deadline = Clock::now() + std::chrono::seconds(timeout);
  process.ended = false;
  process.result.end.clear();
  return process;
}

// Once a process has ended or was killed: how, and what it said. What it started and left ends with it.
static void finish(Process &process) {
  CaseProcess &result = process.result;
  siginfo_t info; // waits, but leaves the process's number taken: no other group can have it
  while (waitid(P_PID, process.pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
    ;
  kill(-process.pid, SIGKILL);
  int status = 0;
  bool lost = waitpid(process.pid, &status, 0) != process.pid;
  close(process.pipe);
  process.ended = true;
  if (result.end.empty() && lost)
    result.end = "its process was lost";
  else if (result.end.empty() && WIFSIGNALED(status))
    result.end = std::string("its process died: ") + strsignal(WTERMSIG(status));
  else if (result.end.empty() &&
           (result.text.empty() || (WEXITSTATUS(status) != kDone && WEXITSTATUS(status) != kOurBug)))
    result.end = "its process ended with exit code " + std::to_string(WEXITSTATUS(status));
  if (!lost)
    result.bug |= WIFSIGNALED(status) ? isCrash(WTERMSIG(status)) : WEXITSTATUS(status) == kOurBug;
  if (!result.end.empty())
    result.text.clear();
  if (!process.errors)
    return;
  char buffer[4096];
  std::rewind(process.errors);
  while (size_t count = std::fread(buffer, 1, sizeof(buffer), process.errors))
    result.diagnostics.append(buffer, count);
  std::fclose(process.errors);
}

// Takes what is in the pipe; true at its end.
static bool readAll(Process &process) {
  char buffer[4096];
  while (true) {
    ssize_t count = read(process.pipe, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return count == 0 || errno != EAGAIN;
    llvm::StringRef text(buffer, count);
    process.result.text += text.take_until([](char c) { return c == 0; });
    if (process.works && text.contains('\0')) {
      process.works = false;
      process.deadline = Clock::now() + kReportTime;
    }
  }
}

// Ends a process whose time is over, if it has not ended by itself.
static void endLate(Process &process, unsigned timeout) {
  kill(-process.pid, SIGKILL);
  process.result.timedOut = process.works;
  process.result.bug = !process.works;
  process.result.end = process.works ? "took over " + std::to_string(timeout) + " s"
                                     : "the report of a bug took over " + std::to_string(kReportTime.count()) + " s";
  finish(process);
}

// Waits until at least one process says something, ends or runs out of time.
static void waitForSome(std::deque<Process> &processes, unsigned timeout) {
  std::vector<pollfd> pipes;
  std::optional<Clock::time_point> first;
  for (const Process &process : processes) {
    if (process.ended)
      continue;
    pipes.push_back({process.pipe, POLLIN, 0});
    if (process.deadline && (!first || *process.deadline < *first))
      first = process.deadline;
  }
  int milliseconds = -1;
  if (first)
    milliseconds = std::max<int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(*first - Clock::now()).count());
  poll(pipes.data(), pipes.size(), milliseconds);
  // What they say counts before the time: this process may have been stopped for longer than theirs.
  Clock::time_point now = Clock::now();
  for (Process &process : processes) {
    if (process.ended)
      continue;
    if (readAll(process))
      finish(process);
    else if (process.deadline && *process.deadline <= now)
      endLate(process, timeout);
  }
}

void tinyc::runCaseProcesses(size_t count, unsigned jobs, unsigned timeout,
                             llvm::function_ref<std::string(size_t)> work,
                             llvm::function_ref<void(size_t, const CaseProcess &)> done) {
  std::deque<Process> processes; // those that `done` was not told of yet
  for (size_t next = 0, oldest = 0; oldest < count;) {
    auto running = [&] { return llvm::count_if(processes, [](const Process &process) { return !process.ended; }); };
    while (next < count && running() < jobs)
      processes.push_back(start(next++, timeout, work));
    if (!processes.front().ended) {
      waitForSome(processes, timeout);
      continue;
    }
    llvm::errs() << processes.front().result.diagnostics;
    done(oldest++, processes.front().result);
    processes.pop_front();
  }
}
