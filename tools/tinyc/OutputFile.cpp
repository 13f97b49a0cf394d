// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing with every error looked at. LLVM's streams abort the program when they are destroyed with an error that
// nobody has cleared.

#include "tools/tinyc/OutputFile.h"

#include "llvm/Support/FileSystem.h"
#include <cerrno>
#include <cstdio>
#include <cstring>

using namespace tinyc;

static bool fail(llvm::StringRef path, std::error_code code) {
  llvm::errs() << "tinyc: cannot write '" << path << "': " << code.message() << "\n";
  return false;
}

// Prints to an open file and closes it.
static std::error_code printTo(int descriptor, llvm::function_ref<void(llvm::raw_ostream &)> print) {
  llvm::raw_fd_ostream os(descriptor, /*shouldClose=*/true);
  print(os);
  os.close();
  std::error_code code = os.error();
  os.clear_error();
  return code;
}

bool tinyc::writeFile(const std::string &path, llvm::function_ref<void(llvm::raw_ostream &)> print) {
  if (path.empty() || path == "-")
    return print(llvm::outs()), true;
  llvm::sys::fs::file_status status;
  int descriptor;
  // Devices and pipes are written in place, and a folder is refused by the system.
  if (!llvm::sys::fs::status(path, status) && !llvm::sys::fs::is_regular_file(status)) {
    std::error_code code = llvm::sys::fs::openFileForWrite(path, descriptor, llvm::sys::fs::CD_OpenExisting);
    if (!code)
      code = printTo(descriptor, print);
    return !code || fail(path, code);
  }
  llvm::Expected<llvm::sys::fs::TempFile> file = llvm::sys::fs::TempFile::create(path + ".%%%%%%.tmp", 0666);
  if (!file)
    return fail(path, llvm::errorToErrorCode(file.takeError()));
  std::error_code code;
  {
    llvm::raw_fd_ostream os(file->FD, /*shouldClose=*/false);
    print(os);
    os.flush();
    code = os.error();
    os.clear_error();
  }
  if (code) {
    llvm::consumeError(file->discard());
    return fail(path, code);
  }
  llvm::Error kept = file->keep(path);
  return !kept || fail(path, llvm::errorToErrorCode(std::move(kept)));
}

bool tinyc::finishStandardOutput() {
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
    llvm::errs() << "tinyc: cannot write to standard output: " << reason << "\n";
  return !lost;
}
