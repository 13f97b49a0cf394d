// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the fuzz targets share: an invariant that ends the process, a file of an input's bytes, and choices that a
// mutation makes. libFuzzer's interface is a handful of functions with fixed names; each target defines
//
//   int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                         // one input, must not die
//   size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);  // in place; new size
//   size_t LLVMFuzzerCustomCrossOver(first, size, second, size, out, most, seed);            // of two, one

#ifndef TINYC_TEST_FUZZ_FUZZ_H
#define TINYC_TEST_FUZZ_FUZZ_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

/// libFuzzer's own mutation of bytes in place: flips, insertions, words that comparisons have seen.
extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

namespace tinyc::fuzz {

/// Ends the process, as a crash does, with `what` unless `holds`.
void require(bool holds, const std::string &what);

/// A file of this process's own, removed at its end.
class InputFile {
public:
  /// `name` is the file's own, in a folder made for it.
  explicit InputFile(const std::string &name);
  ~InputFile();
  InputFile(const InputFile &) = delete;
  void write(const uint8_t *data, size_t size) const;
  const std::string &path() const { return file; }

private:
  std::string folder, file;
};

/// The choices of one mutation, all of its seed.
class Choice {
public:
  explicit Choice(unsigned seed) : random(seed) {}

  /// 0 to count - 1; count is not 0.
  size_t below(size_t count) { return random() % count; }
  bool oneIn(size_t count) { return below(count) == 0; }
  template <typename List> auto &among(List &list) { return list[below(std::size(list))]; }
  /// An integer that programs get wrong: around 0, powers of two and the ends of types, or near `old`.
  int64_t number(int64_t old = 0);

private:
  std::mt19937_64 random;
};

/// libFuzzer's mutation of a string of bytes.
std::string mutatedBytes(const std::string &bytes, size_t most);

} // namespace tinyc::fuzz

#endif // TINYC_TEST_FUZZ_FUZZ_H
