// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles kernels from text and calls them: schedule, tile, lower, link, dlopen.

#ifndef TINYC_TEST_TARGETS_CPUKERNELS_H
#define TINYC_TEST_TARGETS_CPUKERNELS_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tinyc {

struct CompiledKernel {
  std::string symbol;
  uint32_t units = 0;
  double milliseconds = 0; ///< from text to shared object
  std::vector<uint8_t> scratch;
  int (*call)(void *const *, const int64_t *, uint32_t, uint32_t, void *) = nullptr;

  /// Runs the units [begin, end); by default all.
  int run(std::vector<void *> buffers, uint32_t begin = 0, uint32_t end = ~0u);
};

/// The first kernel of the module in `text`, compiled for `target`; no call and a message on stderr if that fails.
/// Lives as long as the process.
CompiledKernel compileKernel(const std::string &text, const std::string &target = "cpu");

/// The forms of code, "elf" or "asm", that a module in the LLVM dialect becomes, in one call of the back end; none
/// after a message on stderr.
std::vector<std::string> emitCode(const std::string &text, const std::string &target,
                                  const std::vector<std::string> &forms);

/// Memory aligned as the runtime aligns buffers, with guard bytes before and after that `intact` checks.
template <typename T> class Buffer {
public:
  explicit Buffer(size_t count, T value = T()) : count(count), bytes(count * sizeof(T) + 3 * 64, kGuard) {
    for (size_t i = 0; i < count; ++i)
      (*this)[i] = value;
  }
  T *data() { return reinterpret_cast<T *>(start()); }
  T &operator[](size_t i) { return data()[i]; }
  size_t size() const { return count; }
  bool intact() {
    for (uint8_t *p = bytes.data(); p < start(); ++p)
      if (*p != kGuard)
        return false;
    for (uint8_t *p = start() + count * sizeof(T); p < bytes.data() + bytes.size(); ++p)
      if (*p != kGuard)
        return false;
    return true;
  }

private:
  static constexpr uint8_t kGuard = 0xA5;
  uint8_t *start() {
    uintptr_t at = reinterpret_cast<uintptr_t>(bytes.data()) + 64;
    return reinterpret_cast<uint8_t *>((at + 63) / 64 * 64);
  }
  size_t count;
  std::vector<uint8_t> bytes;
};

} // namespace tinyc

#endif // TINYC_TEST_TARGETS_CPUKERNELS_H
