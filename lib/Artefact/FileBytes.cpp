// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mapping.

#include "lib/Artefact/FileBytes.h"

#include <sys/mman.h>

using namespace tinyc::artefact;

FileBytes::~FileBytes() {
  if (mapped)
    munmap(const_cast<uint8_t *>(mapped), mappedSize);
}

bool FileBytes::map(int descriptor, size_t size, FileBytes &bytes) {
  void *address = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (address == MAP_FAILED)
    return false;
  FileBytes made;
  made.mapped = static_cast<const uint8_t *>(address);
  made.mappedSize = size;
  bytes = std::move(made);
  return true;
}
