// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the dynamic section and symbols of an ELF file.
//
// Two LLVMs in one process end it ("Option registered more than once") from an initialiser, before a plug-in could be
// asked anything; so what it would bring along is read from the file.

#include "lib/Plugins/SharedObject.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/TargetParser/Host.h"

using namespace tinyc;
using namespace llvm::object;
using llvm::StringRef;

using Elf = ELFObjectFile<ELF64LE>;

// The names of the libraries that the file needs. Nothing after an entry that is out of bounds.
static std::vector<std::string> neededLibraries(const Elf &object) {
  std::vector<std::string> names;
  auto entries = object.getELFFile().dynamicEntries();
  if (!entries)
    return llvm::consumeError(entries.takeError()), names;
  for (const auto &entry : *entries)
    if (entry.d_tag == llvm::ELF::DT_STRTAB) {
      auto strings = object.getELFFile().toMappedAddr(entry.d_un.d_ptr);
      if (!strings)
        return llvm::consumeError(strings.takeError()), names;
      StringRef rest = object.getData().substr(reinterpret_cast<const char *>(*strings) - object.getData().data());
      for (const auto &needed : *entries)
        if (needed.d_tag == llvm::ELF::DT_NEEDED && needed.d_un.d_val < rest.size())
          names.push_back(rest.substr(needed.d_un.d_val).split('\0').first.str());
    }
  return names;
}

// The sentence about a library of which another version is loaded already; empty if this is not one.
static std::string otherVersion(StringRef library) {
  const std::string llvmVersion = std::to_string(LLVM_VERSION_MAJOR) + "." + std::to_string(LLVM_VERSION_MINOR);
  const struct {
    StringRef stem, what;
    std::string wanted;
  } known[] = {{"libLLVM", "LLVM", "libLLVM.so." + llvmVersion},
               {"libMLIR", "LLVM", "libMLIR.so." + llvmVersion},
               {"libtinyc_compiler", "tinyc", TINYC_COMPILER_SONAME}};
  for (const auto &row : known)
    if (library.starts_with(row.stem) && library.substr(row.stem.size()).starts_with_insensitive(".so") &&
        library != row.wanted)
      return ("was built for another " + row.what + ": it needs " + library + ", this tinyc has " + row.wanted).str();
  // As Debian called it up to 19: libLLVM-15.so.1.
  if (library.starts_with("libLLVM-") || library.starts_with("libMLIR-"))
    return ("was built for another LLVM: it needs " + library + ", this tinyc has " + known[0].wanted).str();
  return "";
}

std::string tinyc::whyNoPlugin(llvm::MemoryBufferRef bytes, StringRef entry) {
  const std::string noObject =
      "is no shared object for this machine (" + llvm::Triple(llvm::sys::getProcessTriple()).getArchName().str() + ")";
  auto file = ObjectFile::createELFObjectFile(bytes);
  if (!file)
    return llvm::consumeError(file.takeError()), noObject;
  auto *object = llvm::dyn_cast<Elf>(file->get());
  if (!object || object->getELFFile().getHeader().e_type != llvm::ELF::ET_DYN ||
      object->getArch() != llvm::Triple(llvm::sys::getProcessTriple()).getArch())
    return noObject;
  for (const std::string &library : neededLibraries(*object))
    if (std::string why = otherVersion(library); !why.empty())
      return why;
  bool hasEntry = false;
  for (ELFSymbolRef symbol : object->getDynamicSymbolIterators()) {
    auto name = symbol.getName();
    auto flags = symbol.getFlags();
    if (!name || !flags) {
      llvm::consumeError(name.takeError());
      llvm::consumeError(flags.takeError());
      return noObject;
    }
    if (*flags & SymbolRef::SF_Undefined)
      continue;
    hasEntry |= *name == entry;
    // Weak ones are instances of templates, which every user of the headers has.
    if (name->starts_with("_ZN4llvm2cl") && symbol.getBinding() == llvm::ELF::STB_GLOBAL)
      return "holds an LLVM of its own: link libLLVM.so, which tinyc has loaded, and no component of LLVM";
  }
  if (!hasEntry)
    return ("has no function " + entry + ": it is no tinyc plug-in").str();
  return "";
}
