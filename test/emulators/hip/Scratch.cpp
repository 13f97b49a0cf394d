// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private memory: each lane has its own bytes, which start undefined.

#include "Launch.h"
#include "MemoryForms.h"
#include "VectorEval.h"
#include <bit>

using namespace tinyc::emulator::amd;
using namespace tinyc::emulator;

static size_t placeOf(Wave &wave, uint32_t offset, uint32_t bytes, int lane) {
  if (uint64_t(offset) + bytes > wave.scratchBytes)
    fault(lane,
          "expected an offset inside the " + std::to_string(wave.scratchBytes) +
              " bytes of private memory of a lane, found " + std::to_string(offset) + " for " + std::to_string(bytes) +
              " bytes",
          Fault::IllegalAddress);
  return size_t(lane) * wave.scratchBytes + offset;
}

void tinyc::emulator::amd::scratchLoadLane(Wave &wave, uint32_t offset, uint32_t bytes, int lane, uint8_t *data,
                                           uint8_t *states) {
  size_t place = placeOf(wave, offset, bytes, lane);
  std::memcpy(data, wave.scratch.data() + place, bytes);
  std::memcpy(states, wave.scratchDefined.data() + place, bytes);
}

void tinyc::emulator::amd::scratchStoreLane(Wave &wave, uint32_t offset, uint32_t bytes, int lane,
                                            const uint8_t *data) {
  size_t place = placeOf(wave, offset, bytes, lane);
  std::memcpy(wave.scratch.data() + place, data, bytes);
  std::memset(wave.scratchDefined.data() + place, Defined, bytes);
}

/// Offset of each active lane: an optional vector register, an optional scalar one, and the immediate.
static void offsetsOf(Wave &wave, const Instruction &instruction, const Operand &vector, const Operand &scalar,
                      uint32_t *offsets) {
  uint32_t base = uint32_t(instruction.offset);
  if (scalar.kind == OperandKind::Scalar)
    base += uint32_t(readScalarDefined(wave, scalar, "an address"));
  if (vector.kind == OperandKind::Vector)
    requireDefined(wave, vector.reg, wave.exec(), "an address");
  for (unsigned lane = 0; lane < kLanes; ++lane)
    offsets[lane] = base + (vector.kind == OperandKind::Vector ? wave.v(vector.reg)[lane] : 0);
}

static void runScratchLoad(Wave &wave, const Instruction &instruction) {
  uint32_t offsets[kLanes];
  const Operand &d = instruction.d[0];
  offsetsOf(wave, instruction, instruction.s[0], instruction.s[1], offsets);
  LoadedLanes loaded(wave, d.reg, LoadForm(instruction.element), instruction.bytes);
  for (uint32_t left = wave.exec(); left; left &= left - 1) {
    unsigned lane = unsigned(std::countr_zero(left));
    uint8_t data[16], states[16];
    scratchLoadLane(wave, offsets[lane], instruction.bytes, int(lane), data, states);
    loaded.set(lane, data, states);
  }
  loaded.commit(wave.exec());
  unsigned registers = (instruction.bytes + 3) / 4;
  unsigned halves = halvesOf(LoadForm(instruction.element));
  markPending(wave, Outstanding::VectorLoad, ScalarCount + d.reg, registers, halves);
  Outstanding &entry = issue(wave, wave.vm, Outstanding::VectorLoad);
  entry.firstRegister = uint16_t(ScalarCount + d.reg);
  entry.registers = uint8_t(registers);
  entry.halves = uint8_t(halves);
}

/// Undefined bytes may be spilled: they stay undefined.
static void runScratchStore(Wave &wave, const Instruction &instruction) {
  uint32_t offsets[kLanes];
  offsetsOf(wave, instruction, instruction.s[0], instruction.s[2], offsets);
  const Operand &value = instruction.s[1];
  const bool high = instruction.element & StoreHigh;
  for (uint32_t left = wave.exec(); left; left &= left - 1) {
    unsigned lane = unsigned(std::countr_zero(left));
    uint32_t words[4], shadows[4];
    for (unsigned word = 0; word < (instruction.bytes + 3u) / 4; ++word) {
      words[word] = wave.v(value.reg + word)[lane] >> (high ? 16 : 0);
      shadows[word] =
          wave.poison[value.reg + word] >> lane & 1 ? wave.shadow(value.reg + word)[lane] >> (high ? 16 : 0) : 0;
    }
    scratchStoreLane(wave, offsets[lane], instruction.bytes, int(lane), reinterpret_cast<const uint8_t *>(words));
    size_t place = placeOf(wave, offsets[lane], instruction.bytes, int(lane));
    for (unsigned b = 0; b < instruction.bytes; ++b)
      if (shadows[b / 4] >> 8 * (b % 4) & 0xff)
        wave.scratchDefined[place + b] = Poisoned;
  }
  issue(wave, wave.vs, Outstanding::VectorStore);
}

void tinyc::emulator::amd::addScratchOps(std::vector<SpecialOp> &table) {
  for (const LoadName &load : kLoadNames)
    table.push_back({load.scratch, runScratchLoad, Class::Scratch, "Dss", load.bytes, uint8_t(load.form)});
  for (const StoreName &store : kStoreNames)
    table.push_back(
        {store.scratch, runScratchStore, Class::Scratch, "sss", store.bytes, uint8_t(store.high ? StoreHigh : 0)});
}
