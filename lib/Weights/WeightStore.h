// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The bytes of a model's weights, by the SHA-256 of their content. They stay outside the IR, which names them by
// tiny.param; so IR stays small, and IR that was printed can be compiled later.
//
//   WeightStore weights;
//   std::string hash = weights.add(std::move(bytes));           // row-major, little-endian
//   std::optional<std::span<const uint8_t>> found = weights.find(hash);

#ifndef TINYC_LIB_WEIGHTS_WEIGHTSTORE_H
#define TINYC_LIB_WEIGHTS_WEIGHTSTORE_H

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tinyc {

class WeightStore {
public:
  /// Takes the bytes and returns their hash, 64 hexadecimal digits. Equal bytes are kept once.
  std::string add(std::vector<uint8_t> bytes);

  /// The bytes with that hash: from memory, else from the weight folder (checked against the hash). Nothing if they
  /// are in neither. Valid as long as the store lives. May be called by several threads.
  std::optional<std::span<const uint8_t>> find(std::string_view hash) const;

  /// Writes the bytes that are only in memory to the weight folder, so that printed IR can be compiled by a later
  /// process. Each file is written beside its place and renamed. False, with a sentence in `error`, on failure.
  bool save(std::string &error) const;

private:
  mutable std::mutex mutex;
  mutable std::map<std::string, std::vector<uint8_t>, std::less<>> entries;
};

/// $TINYC_CACHE, else $XDG_CACHE_HOME/tinyc, else ~/.cache/tinyc. Not created.
std::string cacheFolder();

} // namespace tinyc

#endif // TINYC_LIB_WEIGHTS_WEIGHTSTORE_H
