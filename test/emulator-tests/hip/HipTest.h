// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tests of the emulated libamdhip64 share: the library opened as a client opens it, kernels compiled by clang
// while the test runs, device buffers, launches that expect success or a report.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace hiptest {

constexpr int Success = 0, IllegalAddress = 700, LaunchFailure = 719;

/// Functions of libamdhip64, by name. Aborts the test program with a message when the library is not there.
void *symbol(const char *name);
template <typename R = int, typename... A> R call(const char *name, A... arguments) {
  return reinterpret_cast<R (*)(A...)>(symbol(name))(arguments...);
}

/// Compiles OpenCL C (`extension` cl) or LLVM IR (ll) or assembly (s) for gfx1100; fails the test with the compiler's
/// output. Results are kept for the life of the program.
const std::vector<char> &compile(const std::string &source, const std::string &extension = "cl",
                                 const std::string &flags = "");

class Module {
public:
  explicit Module(const std::vector<char> &image);
  ~Module();
  void *function(const char *name);
  void *handle = nullptr;
};

class Buffer {
public:
  explicit Buffer(size_t bytes);
  template <typename T> explicit Buffer(const std::vector<T> &values) : Buffer(values.size() * sizeof(T)) {
    upload(values.data());
  }
  Buffer(const Buffer &) = delete;
  ~Buffer();
  void upload(const void *from);
  template <typename T> std::vector<T> read() const {
    std::vector<T> values(bytes / sizeof(T));
    download(values.data());
    return values;
  }
  void *address = nullptr;
  size_t bytes;

private:
  void download(void *to) const;
};

struct Size {
  unsigned x = 1, y = 1, z = 1;
};

/// Arguments are Buffers or values; returns the driver's code. What the driver prints to stderr is in lastMessage().
int launch(void *function, Size grid, Size block, std::vector<void *> parameters, unsigned sharedBytes = 0);
const std::string &lastMessage();

namespace detail {
inline void *pointerTo(Buffer &buffer) { return &buffer.address; }
template <typename T> void *pointerTo(T &value) { return const_cast<void *>(static_cast<const void *>(&value)); }
} // namespace detail

template <typename... A> int run(void *function, Size grid, Size block, A &&...arguments) {
  return launch(function, grid, block, {detail::pointerTo(arguments)...});
}

/// A small generator of test data.
struct Noise {
  uint64_t state;
  explicit Noise(uint64_t seed) : state(seed) {}
  uint64_t next();
  float real(float low, float high);
};

} // namespace hiptest
