// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Processes and the pipes that bring their results.

#include "tools/tinyc/CaseProcesses.h"

#include <cstdio>
#include <deque>
#include <sys/wait.h>
#include <unistd.h>

namespace {
struct Process {
  pid_t pid = -1;
  int pipe = -1; // read end; -1 if it could not be started
};
} // namespace

static Process start(size_t index, llvm::function_ref<std::string(size_t)> work) {
  int ends[2];
  std::fflush(nullptr);
  if (pipe(ends))
    return {};
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    std::string text = work(index);
    std::fflush(nullptr);
    for (size_t written = 0; written < text.size();) {
      ssize_t count = write(ends[1], text.data() + written, text.size() - written);
      if (count <= 0)
        _exit(1);
      written += count;
    }
    _exit(0);
  }
  close(ends[1]);
  if (pid > 0)
    return {pid, ends[0]};
  close(ends[0]);
  return {};
}

static std::string finish(const Process &process) {
  std::string text;
  char buffer[4096];
  for (ssize_t count; process.pipe >= 0 && (count = read(process.pipe, buffer, sizeof(buffer))) > 0;)
    text.append(buffer, count);
  int status = 0;
  if (process.pipe >= 0)
    close(process.pipe);
  if (process.pid > 0)
    waitpid(process.pid, &status, 0);
  return status == 0 ? text : "";
}

void tinyc::runCaseProcesses(size_t count, unsigned jobs, llvm::function_ref<std::string(size_t)> work,
                             llvm::function_ref<void(size_t, std::string)> done) {
  std::deque<Process> running;
  for (size_t next = 0, oldest = 0; oldest < count; ++oldest) {
    while (next < count && running.size() < jobs)
      running.push_back(start(next++, work));
    done(oldest, finish(running.front()));
    running.pop_front();
  }
}
