// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The bytes of an artefact that was just built: in memory, or, where they are many, in a file without a name that is
// mapped for reading, so that weights that were mapped do not end up in memory on their way.

#ifndef TINYC_LIB_ARTEFACT_FILEBYTES_H
#define TINYC_LIB_ARTEFACT_FILEBYTES_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace tinyc::artefact {

class FileBytes {
public:
  FileBytes() = default;
  FileBytes(std::vector<uint8_t> bytes) : owned(std::move(bytes)) {}
  FileBytes(FileBytes &&other) noexcept { *this = std::move(other); }
  FileBytes &operator=(FileBytes &&other) noexcept {
    std::swap(owned, other.owned);
    std::swap(mapped, other.mapped);
    std::swap(mappedSize, other.mappedSize);
    return *this;
  }
  ~FileBytes();

  /// Maps the first `size` bytes of an open file, which may be closed afterwards. False if the system does not.
  static bool map(int descriptor, size_t size, FileBytes &bytes);

  const uint8_t *data() const { return mapped ? mapped : owned.data(); }
  size_t size() const { return mapped ? mappedSize : owned.size(); }
  bool empty() const { return size() == 0; }
  operator std::span<const uint8_t>() const { return {data(), size()}; }

private:
  std::vector<uint8_t> owned;
  const uint8_t *mapped = nullptr;
  size_t mappedSize = 0;
};

} // namespace tinyc::artefact

#endif // TINYC_LIB_ARTEFACT_FILEBYTES_H
