// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SHA-256 (FIPS 180-4), the one hash of artefacts: chunks of the file, content of weights, keys of derived tensors.
// Uses the SHA instructions of x86 where the CPU has them (about 2 GB/s a core; 0.4 without).

#ifndef TINYC_RUNTIME_SCHEMA_SHA256_H
#define TINYC_RUNTIME_SCHEMA_SHA256_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tinyc {

using Sha256Digest = std::array<uint8_t, 32>;

class Sha256 {
public:
  Sha256();
  Sha256 &update(const void *data, size_t size);
  /// The object is spent afterwards.
  Sha256Digest finish();

  static Sha256Digest of(const void *data, size_t size) { return Sha256().update(data, size).finish(); }

private:
  uint32_t state[8];
  uint64_t length = 0;
  size_t pending = 0;
  uint8_t block[64];
};

/// 64 lower-case hexadecimal digits.
std::string toHex(const Sha256Digest &digest);

namespace detail {
/// One implementation of the compression function over `count` blocks of 64 bytes.
using Sha256Blocks = void (*)(uint32_t state[8], const uint8_t *blocks, size_t count);
void sha256Portable(uint32_t state[8], const uint8_t *blocks, size_t count);
/// Null where this CPU has no SHA instructions.
Sha256Blocks sha256Accelerated();
} // namespace detail

} // namespace tinyc

#endif // TINYC_RUNTIME_SCHEMA_SHA256_H
