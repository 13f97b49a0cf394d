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
#include <memory>
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
  /// The same of bytes that `owner` keeps: those of a mapped file are not copied.
  std::string add(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner);

  /// The bytes with that hash: from memory, else mapped from the weight folder (checked against the hash). Nothing if
  /// they are in neither. Valid as long as the store lives. May be called by several threads.
  std::optional<std::span<const uint8_t>> find(std::string_view hash) const;

  /// Adds a folder in which find() looks for HASH.bin before it looks into the weight folder of the cache.
  void addFolder(std::string folder);

  /// Writes the bytes with these hashes as HASH.bin into `folder`, which is made if there are any. False, with a
  /// sentence in `error`, on failure.
  bool writeTo(const std::string &folder, const std::vector<std::string> &hashes, std::string &error) const;

  /// Writes the bytes that are only in memory to the weight folder, so that printed IR can be compiled by a later
  /// process; so a file of the folder that is damaged is replaced. Each is written beside its place and renamed. False,
  /// with a sentence in `error`, on failure.
  bool save(std::string &error) const;

private:
  mutable std::mutex mutex;
  struct Entry {
    std::shared_ptr<const void> owner;
    std::span<const uint8_t> bytes;
  };
  mutable std::map<std::string, Entry, std::less<>> entries;
  std::vector<std::string> folders;
};

/// Where `tinyc import` puts the weights of the .mlir file at `path`, and where they are looked for when the file is
/// read: "m.weights" beside "m.mlir".
std::string weightFolderBeside(std::string_view path);

} // namespace tinyc

#endif // TINYC_LIB_WEIGHTS_WEIGHTSTORE_H
