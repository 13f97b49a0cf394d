// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalar loads. A load may be wider than what it is used for: bytes that lie past the end of an allocation, but in the
// same naturally aligned piece of memory as its last byte, read as undefined. Anything further is a fault.

#include "Launch.h"
#include "VectorEval.h"
#include <bit>
#include <cstring>

using namespace tinyc::emulator::amd;
using namespace tinyc::emulator;

static void runScalarLoad(Wave &wave, const Instruction &instruction) {
  const Operand &d = instruction.d[0];
  uint64_t address = readScalarDefined(wave, instruction.s[0], "an address") & ~uint64_t(3);
  if (instruction.sources > 1)
    address += readScalarDefined(wave, instruction.s[1], "an address") & 0xffffffff;
  address += uint64_t(int64_t(instruction.offset));
  const uint32_t bytes = instruction.bytes;
  uint32_t inside = bytes;
  Allocation *allocation = wave.launch->memory->find(address, bytes);
  if (!allocation) {
    allocation = wave.launch->memory->find(address, 1);
    uint64_t piece = std::bit_ceil(bytes);
    if (!allocation || address % std::min<uint64_t>(piece, 64))
      fault(-1, wave.launch->memory->explain(address, bytes), Fault::IllegalAddress);
    inside = uint32_t(allocation->Base + allocation->Size - address);
  }
  globalRead(wave, *allocation, address, inside, -1, false);
  const Launch &launch = *wave.launch; // arguments and constants of the code object are not the kernel's data
  if (allocation->Base != launch.kernargBase && allocation->Base != launch.dispatchBase &&
      allocation->Base != launch.imageBase)
    wave.launch->report.GlobalLoadBytes += inside;
  for (uint32_t word = 0; word < bytes / 4; ++word) {
    uint32_t value = 0, shadow = ~0u;
    if (word * 4 < inside) {
      uint32_t count = std::min(4u, inside - word * 4);
      uint64_t at = address - allocation->Base + word * 4;
      std::memcpy(&value, allocation->Bytes.get() + at, count);
      shadow = 0;
      for (unsigned b = 0; b < 4; ++b)
        if (b >= count || allocation->States[at + b])
          shadow |= 0xffu << 8 * b;
    }
    writeScalar(wave, d.reg + word, 1, value, shadow);
  }
  unsigned reg = d.reg == NullRegister ? 0 : d.reg, registers = d.reg == NullRegister ? 0 : bytes / 4;
  markPending(wave, Outstanding::ScalarLoad, reg, registers);
  Outstanding &entry = issue(wave, wave.lgkm, Outstanding::ScalarLoad);
  entry.firstRegister = uint16_t(reg);
  entry.registers = uint8_t(registers);
}

void tinyc::emulator::amd::addScalarMemoryOps(std::vector<SpecialOp> &table) {
  table.push_back({"s_load_b32", runScalarLoad, Class::ScalarMemory, "Dss", 4});
  table.push_back({"s_load_b64", runScalarLoad, Class::ScalarMemory, "Dss", 8});
  table.push_back({"s_load_b128", runScalarLoad, Class::ScalarMemory, "Dss", 16});
  table.push_back({"s_load_b256", runScalarLoad, Class::ScalarMemory, "Dss", 32});
  table.push_back({"s_load_b512", runScalarLoad, Class::ScalarMemory, "Dss", 64});
}
