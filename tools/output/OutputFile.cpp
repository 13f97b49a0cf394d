// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing with every error looked at. LLVM's streams abort the program when they are destroyed with an error that
// nobody has cleared.

#include "tools/output/OutputFile.h"

#include "runtime/schema/AtomicFile.h"

#include "llvm/Support/Signals.h"
#include <cerrno>
#include <cstdio>
#include <cstring>

using namespace tinyc;

namespace {
class AtomicFileStream : public llvm::raw_ostream {
public:
  explicit AtomicFileStream(AtomicFile &file) : file(file) {}
  ~AtomicFileStream() override { flush(); }

private:
  void write_impl(const char *bytes, size_t size) override {
    file.write(bytes, size);
    position += size;
  }
  uint64_t current_pos() const override { return position; }

  AtomicFile &file;
  uint64_t position = 0;
};
} // namespace

bool tinyc::writeFile(const std::string &path, llvm::function_ref<void(llvm::raw_ostream &)> print,
                      llvm::StringRef tool) {
  if (path.empty() || path == "-")
    return print(llvm::outs()), true;
  AtomicFile file(path);
  std::string temporary = file.temporaryPath();
  if (!temporary.empty()) {
    llvm::sys::RemoveFileOnSignal(temporary);
  } else { // /dev/stdout, it may be: what was printed before comes first
    (void)std::fflush(stdout);
    llvm::outs().flush();
  }
  AtomicFileStream os(file);
  if (!file.errorCode())
    print(os);
  os.flush();
  bool done = file.commit();
  if (!temporary.empty())
    llvm::sys::DontRemoveFileOnSignal(temporary);
  if (!done)
    llvm::errs() << tool << ": " << file.error() << "\n";
  return done;
}

bool tinyc::finishStandardOutput(llvm::StringRef tool) {
  errno = 0;
  bool lost = std::fflush(stdout) != 0 || std::ferror(stdout);
  std::string reason = errno ? std::strerror(errno) : "an earlier part could not be written";
  llvm::outs().flush();
  if (llvm::outs().has_error()) {
    lost = true;
    reason = llvm::outs().error().message();
    llvm::outs().clear_error();
  }
  if (lost)
    llvm::errs() << tool << ": cannot write to standard output: " << reason << "\n";
  // Diagnostics that nobody can read leave the exit code, which says the rest.
  llvm::errs().clear_error();
  return !lost;
}
