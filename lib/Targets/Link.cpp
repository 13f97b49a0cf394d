// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Links through files in memory, since lld reads and writes files only, and under one lock, since lld keeps its state
// in globals. Several objects go in one archive: one file to write.

#include "lib/Targets/Link.h"

#include "lib/Targets/MemoryFile.h"

#include "lld/Common/Driver.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cerrno>
#include <cstring>
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
  MemoryFile input("kernels");
  MemoryPipe output;
  if (!input.write((*archive)->getBuffer())) {
    error = std::string("cannot give the objects to lld: ") + std::strerror(errno);
    return false;
  }
  // Threads would cost more than they gain on so little.
  std::vector<const char *> args = {"ld.lld", "--threads=1"};
  for (const std::string &argument : arguments)
    args.push_back(argument.c_str());
  args.insert(args.end(), {"-o", output.path().c_str(), "--whole-archive", input.path().c_str()});
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
  result = output.finish();
  return true;
}
