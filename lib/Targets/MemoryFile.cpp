// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Descriptors without a name, by the path that Linux gives each.

#include "lib/Targets/MemoryFile.h"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tinyc;

// With the number of the process: "self" would be the child that opens it.
static std::string pathOf(int descriptor) {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(descriptor);
}

MemoryFile::MemoryFile(const char *name) : descriptor(::memfd_create(name, MFD_CLOEXEC)), name(pathOf(descriptor)) {}

MemoryFile::~MemoryFile() {
  if (descriptor >= 0)
    ::close(descriptor);
}

bool MemoryFile::write(llvm::StringRef bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR)
      return false;
    bytes = bytes.drop_front(count > 0 ? count : 0);
  }
  return descriptor >= 0;
}

bool MemoryFile::read(std::vector<uint8_t> &bytes) const {
  struct stat info;
  if (::fstat(descriptor, &info) != 0)
    return false;
  bytes.resize(info.st_size);
  for (size_t at = 0; at < bytes.size();) {
    ssize_t count = ::pread(descriptor, bytes.data() + at, bytes.size() - at, at);
    if (count < 0 && errno != EINTR)
      return false;
    if (count == 0)
      bytes.resize(at);
    at += count > 0 ? count : 0;
  }
  return true;
}

MemoryPipe::MemoryPipe() {
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return;
  name = pathOf(ends[1]);
  reader = std::thread([this] { readAll(); });
}

// To the end. A writer that crashed may have left the path open, so that there is none: what is there must do.
void MemoryPipe::readAll() {
  for (uint8_t buffer[1 << 16];;) {
    pollfd wanted = {ends[0], POLLIN, 0};
    int ready = ::poll(&wanted, 1, /*milliseconds=*/100);
    if (ready == 0 && finished)
      return;
    ssize_t count = ready > 0 ? ::read(ends[0], buffer, sizeof(buffer)) : -1;
    if (count == 0)
      return;
    if (count > 0)
      bytes.insert(bytes.end(), buffer, buffer + count);
  }
}

MemoryPipe::~MemoryPipe() {
  finish();
  if (ends[0] >= 0)
    ::close(ends[0]);
}

const std::vector<uint8_t> &MemoryPipe::finish() {
  if (ends[1] >= 0)
    ::close(ends[1]);
  ends[1] = -1;
  finished = true;
  if (reader.joinable())
    reader.join();
  return bytes;
}
