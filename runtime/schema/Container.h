// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The frame of a .tinyc file, all numbers little-endian:
//
//   0               Prefix
//   128             leaves: SHA-256 of each chunk, `chunkCount` times 32 bytes
//   dataOffset      (multiple of 4096) the FlatBuffers header (artefact.fbs), then code, each at a multiple of 64
//   weightsOffset   (multiple of 4096) weights, each at a multiple of 64, up to the end of the file
//
// The hash tree has two levels. Chunk i is the i-th MiB of the file counted from dataOffset (the last may be shorter);
// its leaf is SHA-256 of the byte 0 and the chunk. The root, in the prefix, is SHA-256 of the byte 1 and the file's
// first dataOffset bytes with the root itself as zeros. So no byte, padding included, can change unseen.

#ifndef TINYC_RUNTIME_SCHEMA_CONTAINER_H
#define TINYC_RUNTIME_SCHEMA_CONTAINER_H

#include "runtime/schema/Sha256.h"

#include <cstring>

namespace tinyc::container {

inline constexpr char magic[8] = {'\x93', 't', 'i', 'n', 'y', 'c', '\r', '\n'};
/// A reader refuses another major version and reads any minor one.
inline constexpr uint32_t majorVersion = 1, minorVersion = 2;
inline constexpr uint64_t chunkSize = 1 << 20, pageSize = 4096, blobAlignment = 64;

struct Prefix {
  char magic[8];
  uint32_t major, minor;
  uint64_t fileSize;
  uint64_t dataOffset;
  uint64_t headerSize;
  uint64_t weightsOffset;
  uint64_t chunkCount;
  uint8_t reserved[40]; // zeros
  uint8_t root[32];
};
static_assert(sizeof(Prefix) == 128 && offsetof(Prefix, root) == 96);

constexpr uint64_t alignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

/// The hash of a chunk whose bytes are still to come.
inline Sha256 leafHasher() {
  uint8_t tag = 0;
  return Sha256().update(&tag, 1);
}

inline Sha256Digest leafHash(const void *chunk, size_t size) { return leafHasher().update(chunk, size).finish(); }

/// `head` holds the first `dataOffset` bytes of the file.
inline Sha256Digest rootHash(const uint8_t *head, size_t dataOffset) {
  uint8_t tag = 1, zeros[sizeof(Prefix::root)] = {};
  return Sha256()
      .update(&tag, 1)
      .update(head, offsetof(Prefix, root))
      .update(zeros, sizeof(zeros))
      .update(head + sizeof(Prefix), dataOffset - sizeof(Prefix))
      .finish();
}

} // namespace tinyc::container

#endif // TINYC_RUNTIME_SCHEMA_CONTAINER_H
