// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights in memory, beside .mlir files, and in the cache's folder `weights`; one file a hash.

#include "lib/Weights/WeightStore.h"

#include "lib/Cache/ContentCache.h"
#include "runtime/schema/AtomicFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

using namespace tinyc;

static std::string hashOf(llvm::ArrayRef<uint8_t> bytes) {
  return llvm::toHex(llvm::SHA256::hash(bytes), /*LowerCase=*/true);
}

static std::string weightFile(std::string_view hash) {
  llvm::SmallString<256> path(cacheFolder());
  llvm::sys::path::append(path, "weights", llvm::StringRef(hash));
  return path.str().str();
}

std::string WeightStore::add(std::vector<uint8_t> bytes) {
  auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  return add(*owner, owner);
}

std::string WeightStore::add(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner) {
  std::string hash = hashOf({bytes.data(), bytes.size()});
  std::lock_guard lock(mutex);
  entries.try_emplace(hash, Entry{std::move(owner), bytes});
  return hash;
}

// The bytes of the file, mapped, if they have that hash.
static std::unique_ptr<llvm::MemoryBuffer> readWeight(const std::string &path, std::string_view hash) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file || hashOf(llvm::arrayRefFromStringRef((*file)->getBuffer())) != hash)
    return nullptr;
  return std::move(*file);
}

static std::string inFolder(llvm::StringRef folder, std::string_view hash) {
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, llvm::StringRef(hash) + ".bin");
  return path.str().str();
}

std::string tinyc::weightFolderBeside(std::string_view path) {
  llvm::SmallString<256> folder{llvm::StringRef(path)};
  llvm::sys::path::replace_extension(folder, ".weights");
  return folder.str().str();
}

void WeightStore::addFolder(std::string folder) {
  std::lock_guard lock(mutex);
  folders.push_back(std::move(folder));
}

std::optional<std::span<const uint8_t>> WeightStore::find(std::string_view hash) const {
  std::lock_guard lock(mutex);
  auto entry = entries.find(hash);
  if (entry == entries.end()) {
    std::shared_ptr<llvm::MemoryBuffer> file;
    for (size_t i = 0; i < folders.size() && !file; ++i)
      file = readWeight(inFolder(folders[i], hash), hash);
    if (!file && !(file = readWeight(weightFile(hash), hash)))
      return std::nullopt;
    llvm::ArrayRef<uint8_t> bytes = llvm::arrayRefFromStringRef(file->getBuffer());
    entry = entries.try_emplace(std::string(hash), Entry{file, {bytes.data(), bytes.size()}}).first;
  }
  return entry->second.bytes;
}

// Whole or not at all. Without waiting for the disk, as gigabytes would: what a crash of the system damages is known by
// its hash where it is read, and replaced where it is saved again.
static bool writeWeight(const std::string &path, llvm::ArrayRef<uint8_t> bytes, std::string &error) {
  if (std::error_code code = llvm::sys::fs::create_directories(llvm::sys::path::parent_path(path))) {
    error = "cannot make the folder of weights for '" + path + "': " + code.message();
    return false;
  }
  AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  if (!file.commit())
    error = file.error();
  return error.empty();
}

bool WeightStore::writeTo(const std::string &folder, const std::vector<std::string> &hashes, std::string &error) const {
  for (const std::string &hash : hashes) {
    std::optional<std::span<const uint8_t>> bytes = find(hash);
    if (!bytes) {
      error = "the bytes of the weight with the hash " + hash + " are not at hand";
      return false;
    }
    if (!writeWeight(inFolder(folder, hash), {bytes->data(), bytes->size()}, error))
      return false;
  }
  return true;
}

// Whether the file holds these bytes. They are compared and not hashed: that goes at the speed of memory, for a model
// of gigabytes a small part of the time that its import took to hash the same bytes. Their size alone would not do:
// after a crash of the system a file may have its size, and zeros in it.
static bool holds(const std::string &path, llvm::ArrayRef<uint8_t> bytes) {
  uint64_t size = 0;
  if (llvm::sys::fs::file_size(path, size) || size != bytes.size())
    return false;
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  return file && llvm::arrayRefFromStringRef((*file)->getBuffer()) == bytes;
}

bool WeightStore::save(std::string &error) const {
  std::lock_guard lock(mutex);
  for (const auto &[hash, entry] : entries) {
    std::string path = weightFile(hash);
    llvm::ArrayRef<uint8_t> bytes(entry.bytes.data(), entry.bytes.size());
    if (!holds(path, bytes) && !writeWeight(path, bytes, error))
      return false;
  }
  return true;
}
