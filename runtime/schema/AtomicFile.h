// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file that is replaced as a whole or not at all: what is written goes to a temporary file beside it, which is then
// renamed. Nobody sees half of it, and an error or the end of the process leaves what was there before.
//
//   AtomicFile file("model.tinyc");
//   file.write(bytes, size);
//   if (!file.commit())
//     print(file.error());                             // "cannot write 'model.tinyc': No space left on device"

#ifndef TINYC_RUNTIME_SCHEMA_ATOMICFILE_H
#define TINYC_RUNTIME_SCHEMA_ATOMICFILE_H

#include <cstddef>
#include <string>
#include <string_view>

namespace tinyc {

class AtomicFile {
public:
  /// Opens `path` for writing; `mode`, less the umask, is for a new file, one that is there keeps its permissions. A
  /// link is followed, whether or not there is a file at its end. A device or a pipe is written in place: it has no
  /// content that could be lost. /dev/stdout, /dev/fd/N and the like are written as the caller opened them, at their
  /// place in the file. A name that isTemporary() is refused.
  explicit AtomicFile(std::string path, unsigned mode = 0666);
  /// Removes what was not committed.
  ~AtomicFile();
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;

  /// After an error nothing more is written, and commit() says what it was.
  void write(const void *bytes, size_t size);
  /// Waits for the disk, so that the name cannot reach it before the bytes do.
  void sync();
  /// Puts the file in its place. False, with a sentence in error(), if any of it could not be written.
  bool commit();

  /// What failed first; empty if nothing did.
  std::string error() const;
  /// Its errno; 0 if nothing failed.
  int errorCode() const { return code; }

  /// Where the bytes are until commit(), for who removes it when a signal ends the process; empty for a device and an
  /// open descriptor.
  const std::string &temporaryPath() const { return temporary; }
  /// Removes what writers left in `folder` that were killed. So does the first write of a process into a folder.
  static void removeAbandoned(const std::string &folder);
  /// Whether a file of that name, NAME.XXXXXXXX.tinyc-tmp, is some writer's temporary one.
  static bool isTemporary(std::string_view path);

private:
  void openTemporary(unsigned mode);

  std::string path, target, temporary, reason; // the last for an error that has no errno of its own
  int descriptor = -1, code = 0;
};

} // namespace tinyc

#endif // TINYC_RUNTIME_SCHEMA_ATOMICFILE_H
