// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An AMD GPU code object (the ELF file that hipModuleLoadData is handed), read into the form a launch needs: the
// loaded image, the kernels with their descriptors and argument layout, the global variables, the relocations.

#ifndef TINYC_TEST_EMULATORS_HIP_CODEOBJECT_H
#define TINYC_TEST_EMULATORS_HIP_CODEOBJECT_H

#include <cstdint>
#include <string>
#include <vector>

namespace tinyc::emulator::amd {

/// One entry of a kernel's `.args` list: user arguments and the hidden ones the driver has to fill.
struct KernelArgument {
  std::string kind; // by_value, global_buffer, hidden_block_count_x, ...
  uint32_t offset = 0;
  uint32_t size = 0;
  bool hidden() const { return kind.rfind("hidden_", 0) == 0; }
};

struct KernelInfo {
  std::string name;
  uint64_t entry = 0; // address of the first instruction, relative to the image
  uint32_t ldsBytes = 0;
  uint32_t privateBytes = 0;
  uint32_t kernargBytes = 0;
  uint32_t maxThreads = 1024;
  uint32_t rsrc1 = 0, rsrc2 = 0, rsrc3 = 0, properties = 0; // of the kernel descriptor
  bool dynamicStack = false;
  std::vector<KernelArgument> arguments;
};

struct GlobalSymbol {
  std::string name;
  uint64_t offset = 0, size = 0;
};

struct Relocation {
  uint64_t offset = 0;
  uint64_t value = 0; // to be added to the address the image is loaded at
};

struct CodeObject {
  std::string chip;           // from the ELF header's flags: gfx1100
  std::vector<uint8_t> image; // as loaded, relocations not yet applied
  uint64_t textBegin = 0, textSize = 0;
  std::vector<KernelInfo> kernels;
  std::vector<GlobalSymbol> globals;
  std::vector<Relocation> relocations;
};

/// Reads the code object at `data`, whose size is taken from its own headers (hipModuleLoadData passes no size) unless
/// `size` is given. Returns false and says why in `error` when the file is not one that this emulator can run.
bool readCodeObject(const void *data, size_t size, CodeObject &object, std::string &error);

} // namespace tinyc::emulator::amd

#endif
