// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Build IDs from the notes of what the dynamic linker has loaded.

#include "lib/Cache/CompilerIdentity.h"

#include "lib/Cache/ContentCache.h"

#include <cstring>
#include <elf.h>
#include <link.h>
#include <sys/stat.h>

using namespace tinyc;

static size_t aligned(size_t size) { return (size + 3) & ~size_t(3); }

// Appends the build ID among the notes of one object; false if it has none.
static bool appendBuildId(const dl_phdr_info &object, std::string &identity) {
  for (size_t i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr) &segment = object.dlpi_phdr[i];
    if (segment.p_type != PT_NOTE)
      continue;
    const char *note = reinterpret_cast<const char *>(object.dlpi_addr + segment.p_vaddr),
               *end = note + segment.p_memsz;
    while (note + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) header;
      std::memcpy(&header, note, sizeof(header));
      const char *name = note + sizeof(header), *id = name + aligned(header.n_namesz);
      if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0)
        return identity.append(id, header.n_descsz), true;
      note = id + aligned(header.n_descsz);
    }
  }
  return false;
}

// The name, and the build ID or what stands for it, of each object that is loaded.
static std::vector<std::pair<std::string, std::string>> loadedObjects() {
  std::vector<std::pair<std::string, std::string>> objects;
  auto visit = [](dl_phdr_info *object, size_t, void *data) {
    std::string id, name = object->dlpi_name;
    // The program itself comes first, with an empty name.
    struct stat info;
    if (!appendBuildId(*object, id) && ::stat(name.empty() ? "/proc/self/exe" : name.c_str(), &info) == 0)
      id = std::to_string(info.st_size) + ":" + std::to_string(info.st_mtim.tv_sec) + "." +
           std::to_string(info.st_mtim.tv_nsec);
    static_cast<decltype(objects) *>(data)->emplace_back(std::move(name), std::move(id));
    return 0;
  };
  dl_iterate_phdr(visit, &objects);
  return objects;
}

static std::string &identity() {
  static std::string text = [] {
    std::string own;
    for (const auto &[name, id] : loadedObjects())
      own += id;
    return own;
  }();
  return text;
}

std::string tinyc::compilerIdentity() { return identity(); }

void tinyc::loadIntoIdentity(llvm::StringRef path, llvm::StringRef bytes, llvm::function_ref<void()> load) {
  std::string &text = identity();
  text += ContentCache::key({bytes});
  auto before = loadedObjects();
  load();
  for (const auto &object : loadedObjects())
    if (object.first != path && !llvm::is_contained(before, object))
      text += object.second;
}
