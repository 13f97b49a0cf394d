// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A folder of results under the hash of all they follow from, shared by any number of processes and bounded in size.
// A process that is killed leaves at most a temporary file; an entry is there as a whole or not at all, and one that is
// damaged counts as absent. Nothing that goes wrong with the folder is an error: the result is computed again.
//
//   std::shared_ptr<ContentCache> cache = ContentCache::open();
//   std::string key = ContentCache::key({"kernel", chip, bitcode});
//   if (!cache->find("kernels", key, object)) { object = ..; cache->store("kernels", key, object); }

#ifndef TINYC_LIB_CACHE_CONTENTCACHE_H
#define TINYC_LIB_CACHE_CONTENTCACHE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace tinyc {

/// $TINYC_CACHE, else $XDG_CACHE_HOME/tinyc, else ~/.cache/tinyc, else a folder of the user's in /var/tmp. Not created.
std::string cacheFolder();

class ContentCache {
public:
  /// The cache of cacheFolder(), of at most $TINYC_CACHE_SIZE bytes (with K, M or G: 500M; default 2G). Null where that
  /// is 0, which switches caching off; a size that cannot be read is a warning, and the default. Null, with a warning,
  /// where the folder is not the user's (or root's), or everyone may write to it: what lies in it is run.
  static std::shared_ptr<ContentCache> open();

  ContentCache(std::string folder, uint64_t mostBytes) : folder(std::move(folder)), mostBytes(mostBytes) {}

  /// A hash of the parts and of where one ends, 64 hexadecimal digits.
  static std::string key(llvm::ArrayRef<llvm::StringRef> parts);

  /// The bytes that were stored. False if there are none, or if they are damaged: such an entry is removed.
  bool find(llvm::StringRef kind, llvm::StringRef key, std::vector<char> &bytes);
  void store(llvm::StringRef kind, llvm::StringRef key, llvm::ArrayRef<char> bytes);

  /// Entries that check themselves and that readers map, as artefacts: the file of exactly the bytes stored. Empty if
  /// there is none. It may be removed at any time, which does not harm who has it open.
  std::string findFile(llvm::StringRef kind, llvm::StringRef key);
  void storeFile(llvm::StringRef kind, llvm::StringRef key, llvm::ArrayRef<llvm::ArrayRef<char>> pieces);
  /// Removes an entry that turned out to be damaged.
  void discard(llvm::StringRef kind, llvm::StringRef key);

  /// Removes what was used longest ago until the cache holds at most its size. Called by the owner when all is stored;
  /// does nothing, at the cost of reading one file, while little was stored.
  void trim();

  /// What went wrong first when something was stored, as one sentence; empty if nothing did.
  std::string warning() const;

private:
  std::string pathOf(llvm::StringRef kind, llvm::StringRef key) const;
  void write(const std::string &path, llvm::ArrayRef<llvm::ArrayRef<char>> pieces, bool sync);
  void note(std::string problem);
  uint64_t removeOldest() const;

  const std::string folder;
  const uint64_t mostBytes;
  mutable std::mutex mutex; // what follows
  uint64_t stored = 0;      // bytes since the last trim
  std::string problem;
};

} // namespace tinyc

#endif // TINYC_LIB_CACHE_CONTENTCACHE_H
