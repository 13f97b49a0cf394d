// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An open .tinyc file. After open(), every index, range and dependency in the header is known to be sound, so the rest
// of the runtime follows them without looking again. Header and code are read into memory of our own, weights are
// mapped and hashed when first asked for.

#ifndef TINYC_RUNTIME_SRC_ARTEFACTFILE_H
#define TINYC_RUNTIME_SRC_ARTEFACTFILE_H

#include "runtime/schema/ArtefactEnums.h"
#include "runtime/schema/Container.h"
#include "runtime/schema/artefact_generated.h"
#include "runtime/src/Status.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace tinyc {

/// A file mapped for reading.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();
  Status map(const std::string &path);
  std::span<const uint8_t> bytes() const { return {address, size}; }
  /// An error if the file has become shorter: to read its end would end the process. Nothing stops it from becoming so
  /// right after.
  Status checkSize() const;

private:
  std::string path;
  const uint8_t *address = nullptr;
  size_t size = 0;
  dev_t device = 0;
  ino_t inode = 0;
};

class ArtefactFile {
public:
  static Status openFile(const std::string &path, std::shared_ptr<ArtefactFile> &artefact);
  static Status openMemory(std::span<const uint8_t> bytes, std::shared_ptr<ArtefactFile> &artefact);

  const format::Artefact &root() const { return *header; }
  /// Index of the entry point, or -1.
  int findEntry(std::string_view name) const;
  /// Bytes of a code form; checked when the file was opened.
  std::span<const uint8_t> code(const format::Code &form) const;
  /// Bytes of a weight, hashed now if not yet. Safe from several threads.
  Status weight(uint32_t index, std::span<const uint8_t> &bytes);
  Status verifyAll();
  void addWeightFolder(std::string folder) { weightFolders.push_back(std::move(folder)); }

private:
  Status open();
  Status checkChunks(uint64_t begin, uint64_t end);
  Status checkChunk(uint64_t chunk, const uint8_t *bytes, uint64_t size);
  Status externalWeight(uint32_t index, std::span<const uint8_t> &bytes);

  std::string name; // for messages: the path, or "artefact in memory"
  MappedFile mapping;
  std::span<const uint8_t> file;
  container::Prefix prefix{};
  std::unique_ptr<uint8_t[]> head; // the file up to weightsOffset
  const format::Artefact *header = nullptr;
  std::unique_ptr<std::atomic<bool>[]> chunkChecked;
  std::vector<std::string> weightFolders;
  std::mutex externalMutex;
  std::vector<std::unique_ptr<MappedFile>> external; // one a weight, null until asked for
};

/// Everything about the header that FlatBuffers' verifier does not know: `begin` and `end` bound the file's code,
/// weights lie between `end` and `fileSize`.
Status validateHeader(const format::Artefact &artefact, uint64_t codeBegin, uint64_t weightsBegin, uint64_t fileSize);

/// Bytes of a dense tensor, or false if type or shape are unsound.
bool tensorByteSize(const format::Tensor &tensor, uint64_t &size);

/// "f32[1x3x224x224]"
std::string describe(const format::Tensor &tensor);
std::string describe(tinyc_dtype dtype, const int64_t *shape, size_t rank);

} // namespace tinyc

#endif // TINYC_RUNTIME_SRC_ARTEFACTFILE_H
