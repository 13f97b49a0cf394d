// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens .tinyc files: magic, version, sizes, hash tree, FlatBuffers' verifier, then our own checks; and finds weights,
// in the file or beside it.

#include "runtime/src/ArtefactFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tinyc {

MappedFile::~MappedFile() {
  if (address)
    munmap(const_cast<uint8_t *>(address), size);
}

Status MappedFile::checkSize() const {
  struct stat info;
  // By its path: a descriptor for each external weight would be too many. One that was replaced is still there for us.
  if (stat(path.c_str(), &info) != 0 || info.st_dev != device || info.st_ino != inode ||
      static_cast<size_t>(info.st_size) >= size)
    return {};
  return corrupt("it was cut short while it was open: it has " + std::to_string(info.st_size) + " bytes, had " +
                 std::to_string(size));
}

Status MappedFile::map(const std::string &file) {
  path = file;
  auto failure = [&](const char *what) {
    return Status(TINYC_IO, std::string("cannot ") + what + " " + quoted(path) + ": " + std::strerror(errno));
  };
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return failure("open");
  struct stat info;
  if (fstat(fd, &info) != 0) {
    Status status = failure("read");
    close(fd);
    return status;
  }
  if (!S_ISREG(info.st_mode)) {
    close(fd);
    return Status(TINYC_IO, quoted(path) + " is not a regular file");
  }
  size = static_cast<size_t>(info.st_size);
  device = info.st_dev;
  inode = info.st_ino;
  if (size != 0) {
    void *mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED) {
      Status status = failure("map");
      close(fd);
      return status;
    }
    address = static_cast<const uint8_t *>(mapped);
  }
  close(fd);
  return {};
}

Status ArtefactFile::openFile(const std::string &path, std::shared_ptr<ArtefactFile> &artefact) {
  auto opened = std::make_shared<ArtefactFile>();
  opened->name = path;
  size_t slash = path.rfind('/');
  opened->weightFolders.push_back(slash == std::string::npos ? "." : path.substr(0, slash + 1));
  TINYC_TRY(opened->mapping.map(path));
  opened->file = opened->mapping.bytes();
  TINYC_TRY(opened->open().within(quoted(path) + ": "));
  artefact = std::move(opened);
  return {};
}

Status ArtefactFile::openMemory(std::span<const uint8_t> bytes, std::shared_ptr<ArtefactFile> &artefact) {
  auto opened = std::make_shared<ArtefactFile>();
  opened->name = "artefact in memory";
  opened->file = bytes;
  TINYC_TRY(opened->open().within(opened->name + ": "));
  artefact = std::move(opened);
  return {};
}

Status ArtefactFile::open() {
  auto number = [](uint64_t value) { return std::to_string(value); };
  if (file.size() < sizeof(prefix))
    return corrupt("truncated: " + number(file.size()) + " bytes, an artefact has at least 128");
  std::memcpy(&prefix, file.data(), sizeof(prefix));
  if (std::memcmp(prefix.magic, container::magic, sizeof(prefix.magic)) != 0)
    return corrupt("wrong magic: this is not a .tinyc file");
  if (prefix.major != container::majorVersion)
    return unsupported("format version " + number(prefix.major) + "." + number(prefix.minor) +
                       ", this runtime reads version " + number(container::majorVersion));
  if (prefix.fileSize != file.size())
    return corrupt(
        (prefix.fileSize > file.size() ? "truncated: the file has " : "bytes follow the end: the file has ") +
        number(file.size()) + " bytes, expected " + number(prefix.fileSize));
  // Each sum below stays under 2^63 because its terms are compared with the file's size first.
  uint64_t size = file.size(), data = prefix.dataOffset, weights = prefix.weightsOffset;
  if (data % container::pageSize || weights % container::pageSize || data < sizeof(prefix) || weights < data ||
      weights > container::alignUp(size, container::pageSize) || data > size)
    return corrupt("offsets out of range: data at " + number(data) + ", weights at " + number(weights) + " of " +
                   number(size) + " bytes");
  weights = std::min(weights, size);
  if (prefix.headerSize > weights - data)
    return corrupt("offsets out of range: a header of " + number(prefix.headerSize) + " bytes in " +
                   number(weights - data));
  uint64_t chunks = (size - data + container::chunkSize - 1) / container::chunkSize;
  if (prefix.chunkCount != chunks || chunks * sizeof(Sha256Digest) > data - sizeof(prefix))
    return corrupt("hash tree of " + number(prefix.chunkCount) + " chunks, expected " + number(chunks));

  head = std::make_unique<uint8_t[]>(weights);
  std::memcpy(head.get(), file.data(), weights);
  // From here on the private copy counts, not the file, which others may change.
  if (std::memcmp(&prefix, head.get(), sizeof(prefix)) != 0)
    return corrupt("the file changed while it was read");
  Sha256Digest root = container::rootHash(head.get(), data);
  if (std::memcmp(root.data(), prefix.root, root.size()) != 0)
    return corrupt("hash mismatch in the prefix or the hash tree");
  chunkChecked = std::make_unique<std::atomic<bool>[]>(chunks);
  for (uint64_t i = 0; i * container::chunkSize < weights - data; ++i) {
    // The chunk that header and code share with weights comes from both.
    uint64_t begin = data + i * container::chunkSize, end = std::min(begin + container::chunkSize, size);
    if (end <= weights) {
      TINYC_TRY(checkChunk(i, head.get() + begin, end - begin));
      continue;
    }
    auto joined = std::make_unique<uint8_t[]>(end - begin);
    std::memcpy(joined.get(), head.get() + begin, weights - begin);
    std::memcpy(joined.get() + (weights - begin), file.data() + weights, end - weights);
    TINYC_TRY(checkChunk(i, joined.get(), end - begin));
  }

  flatbuffers::Verifier verifier(head.get() + data, prefix.headerSize, /*max_depth=*/32, /*max_tables=*/10'000'000);
  if (!format::VerifyArtefactBuffer(verifier))
    return corrupt("the header is not a valid FlatBuffer of artefact.fbs");
  header = format::GetArtefact(head.get() + data);
  TINYC_TRY(validateHeader(*header, data + prefix.headerSize, prefix.weightsOffset, size));
  external.resize(header->weights() ? header->weights()->size() : 0);
  return {};
}

Status ArtefactFile::checkChunk(uint64_t chunk, const uint8_t *bytes, uint64_t size) {
  Sha256Digest leaf = container::leafHash(bytes, size);
  if (std::memcmp(leaf.data(), head.get() + sizeof(prefix) + chunk * leaf.size(), leaf.size()) != 0) {
    uint64_t begin = prefix.dataOffset + chunk * container::chunkSize;
    return corrupt("hash mismatch in bytes " + std::to_string(begin) + " to " + std::to_string(begin + size) +
                   ": the file is damaged");
  }
  chunkChecked[chunk].store(true, std::memory_order_release);
  return {};
}

Status ArtefactFile::checkChunks(uint64_t begin, uint64_t end) {
  if (begin == end)
    return {};
  uint64_t first = (begin - prefix.dataOffset) / container::chunkSize;
  uint64_t last = (end - 1 - prefix.dataOffset) / container::chunkSize;
  TINYC_TRY(mapping.checkSize().within(quoted(name) + ": "));
  for (uint64_t i = first; i <= last; ++i) {
    if (chunkChecked[i].load(std::memory_order_acquire))
      continue;
    uint64_t chunkBegin = prefix.dataOffset + i * container::chunkSize;
    uint64_t size = std::min<uint64_t>(container::chunkSize, file.size() - chunkBegin);
    TINYC_TRY(checkChunk(i, file.data() + chunkBegin, size).within(quoted(name) + ": "));
  }
  return {};
}

int ArtefactFile::findEntry(std::string_view wanted) const {
  if (auto *entries = header->entry_points())
    for (unsigned i = 0; i < entries->size(); ++i)
      if (entries->Get(i)->name()->string_view() == wanted)
        return static_cast<int>(i);
  return -1;
}

std::span<const uint8_t> ArtefactFile::code(const format::Code &form) const {
  return {head.get() + form.data()->offset(), form.data()->size()};
}

Status ArtefactFile::weight(uint32_t index, std::span<const uint8_t> &bytes) {
  const format::Weight &weight = *header->weights()->Get(index);
  if (weight.external())
    return externalWeight(index, bytes);
  uint64_t begin = weight.data()->offset(), size = weight.data()->size();
  TINYC_TRY(checkChunks(begin, begin + size));
  bytes = file.subspan(begin, size);
  return {};
}

Status ArtefactFile::externalWeight(uint32_t index, std::span<const uint8_t> &bytes) {
  std::lock_guard lock(externalMutex);
  const format::Weight &weight = *header->weights()->Get(index);
  Sha256Digest expected;
  std::memcpy(expected.data(), weight.hash()->data(), expected.size());
  std::string weightName = weight.tensor()->name() ? weight.tensor()->name()->str() : "";
  if (!external[index]) {
    std::unique_ptr<MappedFile> found;
    for (const std::string &folder : weightFolders) {
      std::string path = folder + "/" + toHex(expected) + ".bin";
      if (access(path.c_str(), F_OK) != 0)
        continue;
      found = std::make_unique<MappedFile>();
      TINYC_TRY(found->map(path));
      uint64_t size = 0;
      tensorByteSize(*weight.tensor(), size);
      Sha256Digest actual = Sha256::of(found->bytes().data(), found->bytes().size());
      if (found->bytes().size() != size || actual != expected)
        return corrupt(quoted(path) + " does not hold weight " + quoted(weightName) + ": hash mismatch");
      break;
    }
    if (!found)
      return Status(TINYC_IO, "weight " + quoted(weightName) + " is kept outside of " + quoted(name) + "; no file " +
                                  toHex(expected) + ".bin in " + std::to_string(weightFolders.size()) + " folder(s)");
    external[index] = std::move(found);
  }
  bytes = external[index]->bytes();
  return {};
}

Status ArtefactFile::verifyAll() {
  TINYC_TRY(checkChunks(prefix.dataOffset, file.size()));
  std::span<const uint8_t> bytes;
  for (uint32_t i = 0; i < external.size(); ++i) {
    TINYC_TRY(weight(i, bytes));
    Sha256Digest actual = Sha256::of(bytes.data(), bytes.size());
    const format::Weight &weight = *header->weights()->Get(i);
    if (std::memcmp(actual.data(), weight.hash()->data(), actual.size()) != 0)
      return corrupt(quoted(name) + ": hash mismatch of weight " + std::to_string(i));
  }
  return {};
}

} // namespace tinyc
