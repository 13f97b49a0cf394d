// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads code objects with LLVM's ELF and MessagePack readers. The layout is the one of LLVM's "User Guide for AMDGPU
// Backend", sections Code Object and Kernel Descriptor: versions 5 and 6.

#include "CodeObject.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/BinaryFormat/MsgPackDocument.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/AMDHSAKernelDescriptor.h"
#include <cstring>

using namespace llvm;
using namespace tinyc::emulator::amd;
using Elf = object::ELF64LEFile;

/// No code object, and no image that one becomes, is longer.
static constexpr uint64_t kMaxBytes = uint64_t(1) << 32;

/// Whether `size` bytes at `offset` lie within the first `limit` bytes.
static bool isWithin(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

/// The end of the last thing the headers name: what a loader that is given a bare pointer may read. 0 if that cannot be
/// a code object's.
static uint64_t sizeFromHeaders(const uint8_t *data) {
  ELF::Elf64_Ehdr header;
  std::memcpy(&header, data, sizeof header);
  uint64_t end = sizeof header;
  auto covers = [&](uint64_t offset, uint64_t size) {
    end = std::max(end, offset + size);
    return isWithin(offset, size, kMaxBytes);
  };
  if ((header.e_shnum && header.e_shentsize != sizeof(ELF::Elf64_Shdr)) ||
      !covers(header.e_shoff, uint64_t(header.e_shnum) * header.e_shentsize) ||
      !covers(header.e_phoff, uint64_t(header.e_phnum) * header.e_phentsize))
    return 0;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    ELF::Elf64_Shdr section;
    std::memcpy(&section, data + header.e_shoff + i * sizeof section, sizeof section);
    if (section.sh_type != ELF::SHT_NOBITS && !covers(section.sh_offset, section.sh_size))
      return 0;
  }
  return end;
}

static std::string chipOf(unsigned flags) {
  switch (flags & ELF::EF_AMDGPU_MACH) {
  case ELF::EF_AMDGPU_MACH_AMDGCN_GFX90A:
    return "gfx90a";
  case ELF::EF_AMDGPU_MACH_AMDGCN_GFX942:
    return "gfx942";
  case ELF::EF_AMDGPU_MACH_AMDGCN_GFX950:
    return "gfx950";
  case ELF::EF_AMDGPU_MACH_AMDGCN_GFX1100:
    return "gfx1100";
  case ELF::EF_AMDGPU_MACH_AMDGCN_GFX1201:
    return "gfx1201";
  default:
    return "machine number " + std::to_string(flags & ELF::EF_AMDGPU_MACH);
  }
}

static uint64_t unsignedOf(msgpack::DocNode node, uint64_t otherwise = 0) {
  if (node.getKind() == msgpack::Type::UInt)
    return node.getUInt();
  if (node.getKind() == msgpack::Type::Int)
    return node.getInt();
  return otherwise;
}

static std::string stringOf(msgpack::DocNode node) { return node.isString() ? node.getString().str() : std::string(); }

static bool readMetadata(StringRef blob, std::vector<KernelInfo> &kernels, std::string &error) {
  msgpack::Document document;
  if (!document.readFromBlob(blob, /*Multi=*/false) || !document.getRoot().isMap()) {
    error = "the metadata note is not a MessagePack map";
    return false;
  }
  msgpack::MapDocNode &root = document.getRoot().getMap();
  msgpack::DocNode list = root["amdhsa.kernels"];
  if (!list.isArray())
    return true;
  for (msgpack::DocNode node : list.getArray()) {
    if (!node.isMap())
      continue;
    msgpack::MapDocNode &map = node.getMap();
    KernelInfo kernel;
    kernel.name = stringOf(map[".name"]);
    std::string symbol = stringOf(map[".symbol"]);
    if (symbol.size() > 3)
      kernel.name = symbol.substr(0, symbol.size() - 3); // "<name>.kd"
    kernel.ldsBytes = unsignedOf(map[".group_segment_fixed_size"]);
    kernel.privateBytes = unsignedOf(map[".private_segment_fixed_size"]);
    kernel.kernargBytes = unsignedOf(map[".kernarg_segment_size"]);
    kernel.maxThreads = unsignedOf(map[".max_flat_workgroup_size"], 1024);
    msgpack::DocNode dynamicStack = map[".uses_dynamic_stack"];
    kernel.dynamicStack = dynamicStack.getKind() == msgpack::Type::Boolean && dynamicStack.getBool();
    msgpack::DocNode arguments = map[".args"];
    if (arguments.isArray())
      for (msgpack::DocNode argument : arguments.getArray())
        if (argument.isMap()) {
          msgpack::MapDocNode &fields = argument.getMap();
          kernel.arguments.push_back({stringOf(fields[".value_kind"]), uint32_t(unsignedOf(fields[".offset"])),
                                      uint32_t(unsignedOf(fields[".size"]))});
        }
    kernels.push_back(std::move(kernel));
  }
  return true;
}

static Error readSegments(const Elf &elf, CodeObject &object, std::string &error) {
  auto headers = elf.program_headers();
  if (!headers)
    return headers.takeError();
  uint64_t end = 0;
  for (const auto &segment : *headers) {
    if (segment.p_type != ELF::PT_LOAD)
      continue;
    if (!isWithin(segment.p_vaddr, segment.p_memsz, kMaxBytes)) {
      error = "the loaded image would be larger than 4 GiB";
      return Error::success();
    }
    end = std::max<uint64_t>(end, segment.p_vaddr + segment.p_memsz);
  }
  object.image.assign(end, 0);
  for (const auto &segment : *headers) {
    if (segment.p_type != ELF::PT_LOAD)
      continue;
    if (segment.p_filesz > segment.p_memsz || !isWithin(segment.p_offset, segment.p_filesz, elf.getBufSize())) {
      error = "a segment lies outside the file";
      return Error::success();
    }
    std::memcpy(object.image.data() + segment.p_vaddr, elf.base() + segment.p_offset, segment.p_filesz);
    if ((segment.p_flags & ELF::PF_X) && object.textSize == 0)
      object.textBegin = segment.p_vaddr, object.textSize = segment.p_memsz;
  }
  for (const auto &segment : *headers) {
    if (segment.p_type != ELF::PT_NOTE)
      continue;
    Error noteError = Error::success();
    for (const auto &note : elf.notes(segment, noteError))
      if (note.getName() == "AMDGPU" && note.getType() == ELF::NT_AMDGPU_METADATA && object.kernels.empty())
        if (!readMetadata(note.getDescAsStringRef(segment.p_align), object.kernels, error))
          break;
    if (noteError)
      return noteError;
  }
  return Error::success();
}

static void readDescriptor(const CodeObject &object, uint64_t address, KernelInfo &kernel, std::string &error) {
  amdhsa::kernel_descriptor_t descriptor;
  if (!isWithin(address, sizeof descriptor, object.image.size())) {
    error = "the descriptor of kernel '" + kernel.name + "' lies outside the image";
    return;
  }
  std::memcpy(&descriptor, object.image.data() + address, sizeof descriptor);
  kernel.entry = address + descriptor.kernel_code_entry_byte_offset;
  kernel.ldsBytes = descriptor.group_segment_fixed_size;
  kernel.privateBytes = descriptor.private_segment_fixed_size;
  if (descriptor.kernarg_size)
    kernel.kernargBytes = descriptor.kernarg_size;
  kernel.rsrc1 = descriptor.compute_pgm_rsrc1;
  kernel.rsrc2 = descriptor.compute_pgm_rsrc2;
  kernel.rsrc3 = descriptor.compute_pgm_rsrc3;
  kernel.properties = descriptor.kernel_code_properties;
}

static Error readSymbols(const Elf &elf, CodeObject &object, std::string &error) {
  auto sections = elf.sections();
  if (!sections)
    return sections.takeError();
  for (const auto &section : *sections) {
    if (section.sh_type == ELF::SHT_DYNSYM) {
      auto symbols = elf.symbols(&section);
      auto strings = elf.getStringTableForSymtab(section);
      if (!symbols)
        return symbols.takeError();
      if (!strings)
        return strings.takeError();
      for (const auto &symbol : *symbols) {
        auto name = symbol.getName(*strings);
        if (!name)
          return name.takeError();
        if (symbol.getType() != ELF::STT_OBJECT || symbol.st_shndx == ELF::SHN_UNDEF)
          continue;
        if (name->ends_with(".kd")) {
          for (KernelInfo &kernel : object.kernels)
            if (name->drop_back(3) == kernel.name)
              readDescriptor(object, symbol.st_value, kernel, error);
        } else {
          object.globals.push_back({name->str(), symbol.st_value, symbol.st_size});
        }
      }
    }
    if (section.sh_type == ELF::SHT_RELA && (section.sh_flags & ELF::SHF_ALLOC)) {
      auto entries = elf.relas(section);
      if (!entries)
        return entries.takeError();
      auto symbolTable = elf.getSection(section.sh_link);
      if (!symbolTable)
        return symbolTable.takeError();
      for (const auto &entry : *entries) {
        uint32_t type = entry.getType(false);
        uint64_t value = entry.r_addend;
        if (type == ELF::R_AMDGPU_ABS64) {
          auto symbol = elf.getRelocationSymbol(entry, *symbolTable);
          if (!symbol)
            return symbol.takeError();
          value += *symbol ? (*symbol)->st_value : 0;
        } else if (type != ELF::R_AMDGPU_RELATIVE64) {
          error = "relocation type " + std::to_string(type) + " is not one the loader knows";
          return Error::success();
        }
        if (!isWithin(entry.r_offset, 8, object.image.size())) {
          error = "a relocation lies outside the image";
          return Error::success();
        }
        object.relocations.push_back({entry.r_offset, value});
      }
    }
  }
  return Error::success();
}

bool tinyc::emulator::amd::readCodeObject(const void *data, size_t size, CodeObject &object, std::string &error) {
  const auto *bytes = static_cast<const uint8_t *>(data);
  if (std::memcmp(bytes,
                  "\x7f"
                  "ELF",
                  4) != 0) {
    error = "not an ELF file";
    return false;
  }
  if (bytes[4] != ELF::ELFCLASS64 || bytes[5] != ELF::ELFDATA2LSB || bytes[18] != (ELF::EM_AMDGPU & 0xff)) {
    error = "not a 64-bit AMD GPU code object";
    return false;
  }
  unsigned abi = bytes[8];
  if (abi != ELF::ELFABIVERSION_AMDGPU_HSA_V5 && abi != ELF::ELFABIVERSION_AMDGPU_HSA_V6) {
    error = "code object ABI version byte is " + std::to_string(abi) + ", expected 3 (V5) or 4 (V6)";
    return false;
  }
  if (!size && !(size = sizeFromHeaders(bytes))) {
    error = "the headers name bytes where no code object has any";
    return false;
  }
  auto elf = Elf::create(StringRef(static_cast<const char *>(data), size));
  if (!elf) {
    error = toString(elf.takeError());
    return false;
  }
  object.chip = chipOf(elf->getHeader().e_flags);
  if (Error failed = readSegments(*elf, object, error)) {
    error = toString(std::move(failed));
    return false;
  }
  if (error.empty())
    if (Error failed = readSymbols(*elf, object, error)) {
      error = toString(std::move(failed));
      return false;
    }
  if (error.empty())
    for (const KernelInfo &kernel : object.kernels)
      if (!kernel.entry)
        error = "kernel '" + kernel.name + "' has metadata but no descriptor symbol";
  return error.empty();
}
