// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files in memory, for programs and libraries that take paths only: there is no disk that could be full, and nothing to
// remove when the process is killed.
//
//   MemoryFile ptx("ptx"), cubin("cubin");
//   ptx.write(text) && run({ptxas, ptx.path(), "-o", cubin.path()}) && cubin.read(bytes)

#ifndef TINYC_LIB_TARGETS_MEMORYFILE_H
#define TINYC_LIB_TARGETS_MEMORYFILE_H

#include "llvm/ADT/StringRef.h"
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace tinyc {

class MemoryFile {
public:
  /// An empty file. `name` is for who lists the open files of the process.
  explicit MemoryFile(const char *name);
  ~MemoryFile();
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  /// Opens the file from this process and, as long as the object lives, from its children.
  const std::string &path() const { return name; }
  /// Appends. False if there is no memory, with the reason in errno.
  bool write(llvm::StringRef bytes);
  /// All that is in the file now. False, with errno, if it cannot be read.
  bool read(std::vector<uint8_t> &bytes) const;

private:
  int descriptor;
  std::string name;
};

/// The same for a writer in this process that would make a file of its own beside the path, were it a regular one: lld
/// does, and maps it, so that a full disk ends the process. Into a pipe it writes what it has in memory.
class MemoryPipe {
public:
  MemoryPipe();
  ~MemoryPipe();
  MemoryPipe(const MemoryPipe &) = delete;
  MemoryPipe &operator=(const MemoryPipe &) = delete;

  const std::string &path() const { return name; }
  /// What was written, once the writer has closed the path.
  const std::vector<uint8_t> &finish();

private:
  void readAll();

  int ends[2] = {-1, -1};
  std::string name;
  std::atomic<bool> finished = false;
  std::vector<uint8_t> bytes;
  std::thread reader;
};

} // namespace tinyc

#endif // TINYC_LIB_TARGETS_MEMORYFILE_H
