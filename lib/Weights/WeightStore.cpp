// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights in memory and in the cache's folder `weights`, one file a hash.

#include "lib/Weights/WeightStore.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace tinyc;

static std::string hashOf(llvm::ArrayRef<uint8_t> bytes) {
  return llvm::toHex(llvm::SHA256::hash(bytes), /*LowerCase=*/true);
}

static std::string weightFile(std::string_view hash) {
  llvm::SmallString<256> path(cacheFolder());
  llvm::sys::path::append(path, "weights", llvm::StringRef(hash));
  return path.str().str();
}

std::string tinyc::cacheFolder() {
  if (const char *own = std::getenv("TINYC_CACHE"); own && *own)
    return own;
  llvm::SmallString<256> path;
  if (const char *xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg)
    path = xdg;
  else if (!llvm::sys::path::cache_directory(path))
    path = "/var/tmp";
  llvm::sys::path::append(path, "tinyc");
  return path.str().str();
}

std::string WeightStore::add(std::vector<uint8_t> bytes) {
  std::string hash = hashOf(bytes);
  std::lock_guard lock(mutex);
  entries.try_emplace(hash, std::move(bytes));
  return hash;
}

std::optional<std::span<const uint8_t>> WeightStore::find(std::string_view hash) const {
  std::lock_guard lock(mutex);
  auto entry = entries.find(hash);
  if (entry == entries.end()) {
    auto file = llvm::MemoryBuffer::getFile(weightFile(hash), /*IsText=*/false, /*RequiresNullTerminator=*/false);
    if (!file)
      return std::nullopt;
    const auto *data = reinterpret_cast<const uint8_t *>((*file)->getBufferStart());
    std::vector<uint8_t> bytes(data, data + (*file)->getBufferSize());
    if (hashOf(bytes) != hash)
      return std::nullopt;
    entry = entries.try_emplace(std::string(hash), std::move(bytes)).first;
  }
  return std::span<const uint8_t>(entry->second);
}

bool WeightStore::save(std::string &error) const {
  std::lock_guard lock(mutex);
  for (const auto &[hash, bytes] : entries) {
    std::string path = weightFile(hash);
    if (llvm::sys::fs::exists(path))
      continue;
    if (std::error_code code = llvm::sys::fs::create_directories(llvm::sys::path::parent_path(path))) {
      error = "cannot make the folder of weights for '" + path + "': " + code.message();
      return false;
    }
    llvm::Error written = llvm::writeToOutput(path, [&](llvm::raw_ostream &os) {
      os.write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
      return llvm::Error::success();
    });
    if (written) {
      error = "cannot write '" + path + "': " + llvm::toString(std::move(written));
      return false;
    }
  }
  return true;
}
