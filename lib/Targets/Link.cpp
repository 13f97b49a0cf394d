// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Links through temporary files, since lld reads and writes files only, and under one lock, since lld keeps its state
// in globals. Several objects go in one archive: one file to write.

#include "lib/Targets/Link.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace llvm;

bool tinyc::linkObjects(ArrayRef<ArrayRef<char>> objects, ArrayRef<std::string> arguments, std::vector<uint8_t> &result,
                        std::string &error) {
  std::vector<NewArchiveMember> members;
  for (ArrayRef<char> object : objects)
    members.emplace_back(MemoryBufferRef(StringRef(object.data(), object.size()), "kernel.o"));
  Expected<std::unique_ptr<MemoryBuffer>> archive = writeArchiveToBuffer(
      members, SymtabWritingMode::NoSymtab, object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false);
  if (!archive) {
    error = "packing the objects: " + toString(archive.takeError());
    return false;
  }
  int file = -1;
  SmallString<128> input, output;
  if (std::error_code code = sys::fs::createTemporaryFile("tinyc", "a", file, input)) {
    error = "no temporary file for the objects: " + code.message();
    return false;
  }
  scope_exit removeInput([&] { sys::fs::remove(input); });
  {
    raw_fd_ostream stream(file, /*shouldClose=*/true);
    stream << (*archive)->getBuffer();
    stream.flush();
    if (stream.has_error()) {
      error = "writing " + input.str().str() + ": " + stream.error().message();
      stream.clear_error();
      return false;
    }
  }
  if (std::error_code code = sys::fs::createTemporaryFile("tinyc", "so", output)) {
    error = "no temporary file for what is linked: " + code.message();
    return false;
  }
  scope_exit removeOutput([&] { sys::fs::remove(output); });
  std::vector<const char *> args = {"ld.lld"};
  for (const std::string &argument : arguments)
    args.push_back(argument.c_str());
  args.insert(args.end(), {"-o", output.c_str(), "--whole-archive", input.c_str()});
  std::string text;
  {
    static std::mutex lock;
    std::lock_guard<std::mutex> guard(lock);
    raw_string_ostream messages(text);
    lld::Result linked = lld::lldMain(args, messages, messages, {{lld::Gnu, &lld::elf::link}});
    if (linked.retCode != 0 || !linked.canRunAgain) {
      error = text.empty() ? "lld failed without a message" : text;
      return false;
    }
  }
  ErrorOr<std::unique_ptr<MemoryBuffer>> linked = MemoryBuffer::getFile(output, /*IsText=*/false, false);
  if (!linked) {
    error = "reading " + output.str().str() + ": " + linked.getError().message();
    return false;
  }
  result.assign((*linked)->getBufferStart(), (*linked)->getBufferEnd());
  return true;
}
