// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The handler of SIGBUS calls nothing that a signal may have interrupted: it reads the list of mappings by itself.

#include "runtime/tensorio/ProgramStart.h"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <unistd.h>

namespace tinyc::tensorio {

static const char *programName = "";
static struct sigaction previous;

void prepareFiles() {
  for (int descriptor : {0, 1, 2})
    if (fcntl(descriptor, F_GETFD) == -1)
      (void)!open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
  std::signal(SIGXFSZ, SIG_IGN);
}

static uint64_t readHex(const char *&text) {
  uint64_t value = 0;
  for (;; ++text)
    if (*text >= '0' && *text <= '9')
      value = value * 16 + (*text - '0');
    else if (*text >= 'a' && *text <= 'f')
      value = value * 16 + (*text - 'a' + 10);
    else
      return value;
}

// The path in a line "BEGIN-END perms offset device inode   /path" if `address` lies in between; else null.
static const char *fileAt(const char *line, uint64_t address) {
  uint64_t begin = readHex(line);
  uint64_t end = *line == '-' ? readHex(++line) : 0;
  return begin <= address && address < end ? std::strchr(line, '/') : nullptr;
}

// The file that is mapped at `address`, in `line`; null if there is none.
static const char *mappedFileAt(uint64_t address, char *line, size_t most) {
  int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  const char *found = nullptr;
  size_t length = 0;
  for (char c; !found && maps >= 0 && read(maps, &c, 1) == 1;) {
    if (c != '\n' && length + 1 < most) {
      line[length++] = c;
    } else if (c == '\n') {
      line[length] = 0;
      length = 0;
      found = fileAt(line, address);
    }
  }
  if (maps >= 0)
    close(maps);
  return found;
}

static void say(const char *text) { (void)!write(STDERR_FILENO, text, std::strlen(text)); }

static void onBus(int signal, siginfo_t *info, void *) {
  // Threads that share a mapping lose it together: one of them speaks, and ends the process either way.
  static std::atomic_flag taken;
  if (taken.test_and_set())
    for (;;)
      pause();
  static char line[4400]; // of PATH_MAX and what stands before
  const char *file = info->si_code == BUS_ADRERR
                         ? mappedFileAt(reinterpret_cast<uint64_t>(info->si_addr), line, sizeof(line))
                         : nullptr;
  if (!file) {
    sigaction(signal, &previous, nullptr); // and the instruction is tried again
    return;
  }
  say(programName);
  say(": cannot read '");
  say(file);
  say("', which is mapped: it was cut short while it was in use, or its disk failed\n");
  _exit(1);
}

void reportLostMappings(const char *program) {
  programName = program;
  struct sigaction action = {};
  action.sa_sigaction = onBus;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGBUS, &action, &previous);
}

} // namespace tinyc::tensorio
