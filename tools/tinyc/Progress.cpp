// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread that draws the line, so that one long step shows too. It exists only where there is a terminal.

#include "tools/tinyc/Progress.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <pthread.h>
#include <string>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>

using namespace tinyc;
using Clock = std::chrono::steady_clock;

namespace {
struct State {
  std::mutex mutex;
  std::condition_variable changed;
  std::thread drawer;
  std::string step; // empty: nothing to show
  Clock::time_point start;
  bool ending = false, drawn = false;
};
} // namespace

// Never destroyed: a thread that outlives main may still name a step.
static State &state() {
  static State &value = *new State;
  return value;
}

static void write(const std::string &text) { (void)!::write(STDERR_FILENO, text.data(), text.size()); }

// With the lock held.
static void erase(State &s) {
  if (s.drawn)
    write("\r\x1b[K");
  s.drawn = false;
}

static void draw(State &s, double seconds) {
  winsize window = {};
  size_t width = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col ? window.ws_col : 80;
  std::string line = "tinyc: " + s.step, time = " (" + std::to_string(static_cast<int>(seconds)) + " s)";
  for (char &c : line) // a path may hold anything
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f)
      c = '?';
  if (line.size() + time.size() >= width && width > time.size() + 4)
    line = line.substr(0, width - time.size() - 4) + "...";
  write("\r\x1b[K" + line + time);
  s.drawn = true;
}

// A process that is forked has no drawer, and must not inherit a lock that the drawer held.
static void guardForks() {
  static const int once = ::pthread_atfork([] { state().mutex.lock(); }, [] { state().mutex.unlock(); },
                                           [] {
                                             state().drawn = false;
                                             state().mutex.unlock();
                                           });
  (void)once;
}

ProgressLine::ProgressLine() {
  const char *terminal = std::getenv("TERM");
  if (!::isatty(STDERR_FILENO) || (terminal && std::string(terminal) == "dumb"))
    return;
  guardForks();
  State &s = state();
  s.start = Clock::now();
  s.ending = false;
  s.drawer = std::thread([&s] {
    std::unique_lock lock(s.mutex);
    while (!s.ending) {
      double seconds = std::chrono::duration<double>(Clock::now() - s.start).count();
      if (seconds >= 1 && !s.step.empty())
        draw(s, seconds);
      s.changed.wait_for(lock, std::chrono::milliseconds(200));
    }
    erase(s);
  });
}

ProgressLine::~ProgressLine() {
  State &s = state();
  if (!s.drawer.joinable())
    return;
  {
    std::lock_guard lock(s.mutex);
    s.ending = true;
  }
  s.changed.notify_all();
  s.drawer.join();
}

void tinyc::showStep(llvm::StringRef step) {
  State &s = state();
  std::lock_guard lock(s.mutex);
  s.step = step.str();
}

void tinyc::hideProgress() {
  State &s = state();
  std::lock_guard lock(s.mutex);
  erase(s);
  s.step.clear();
}
