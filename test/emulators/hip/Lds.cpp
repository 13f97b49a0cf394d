// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads and stores of LDS, the memory of a work-group, with its race detector.

#include "Launch.h"
#include "MemoryForms.h"
#include "VectorEval.h"
#include "test/emulators/machine/Traffic.h"
#include <bit>
#include <cstring>

using namespace tinyc::emulator::amd;
using namespace tinyc::emulator;

void tinyc::emulator::amd::ldsRead(Wave &wave, uint32_t offset, uint32_t bytes, int lane, bool strong) {
  if (auto race = wave.group->lds.read(wave.group->clocks, offset, bytes, wave.id, unsigned(lane), strong))
    fault(lane, race->describe(wave.id, unsigned(lane), kLanes));
}

void tinyc::emulator::amd::ldsWrite(Wave &wave, uint32_t offset, uint32_t bytes, int lane, const void *data,
                                    bool strong) {
  if (auto race = wave.group->lds.write(wave.group->clocks, offset, bytes, wave.id, unsigned(lane), data, strong))
    fault(lane, race->describe(wave.id, unsigned(lane), kLanes));
}

static void checkBounds(Wave &wave, uint32_t offset, uint32_t bytes, int lane) {
  uint32_t size = wave.group->lds.size();
  if (uint64_t(offset) + bytes > size)
    fault(lane,
          "expected an offset inside the " + std::to_string(size) + " bytes of LDS of this work-group, found " +
              std::to_string(offset) + " for " + std::to_string(bytes) + " bytes",
          Fault::IllegalAddress);
}

void tinyc::emulator::amd::ldsLoadLane(Wave &wave, uint32_t offset, uint32_t bytes, int lane, uint8_t *data,
                                       uint8_t *undefined) {
  checkBounds(wave, offset, bytes, lane);
  ldsRead(wave, offset, bytes, lane, false);
  std::memcpy(data, wave.group->lds.bytes() + offset, bytes);
  std::memcpy(undefined, wave.group->lds.states() + offset, bytes);
}

void tinyc::emulator::amd::ldsStoreLane(Wave &wave, uint32_t offset, uint32_t bytes, int lane, const uint8_t *data) {
  checkBounds(wave, offset, bytes, lane);
  ldsWrite(wave, offset, bytes, lane, data, false);
  std::memcpy(wave.group->lds.bytes() + offset, data, bytes);
  std::memset(wave.group->lds.states() + offset, Defined, bytes);
}

/// LDS addresses wrap at 32 bits before they are checked.
static void offsetsOf(Wave &wave, const Operand &operand, uint32_t add, uint32_t *offsets) {
  if (operand.kind != OperandKind::Vector)
    fault(-1, "expected a vector register as LDS address");
  requireDefined(wave, operand.reg, wave.exec(), "an address");
  const uint32_t *v = wave.v(operand.reg);
  for (unsigned lane = 0; lane < kLanes; ++lane)
    offsets[lane] = v[lane] + add;
}

static void countRequest(Wave &wave, const Instruction &instruction, const uint32_t *offsets, uint32_t bytes) {
  LaunchReport &report = wave.launch->report;
  ++report.SharedRequests;
  uint32_t conflicts = countBankConflicts(offsets, kLanes, wave.exec(), bytes);
  if (!conflicts)
    return;
  report.BankConflicts += conflicts;
  report.BankConflictsByLine[instruction.address] += conflicts;
}

static Outstanding &noteOutstanding(Wave &wave, uint32_t bytes, const uint32_t *offsets, bool write) {
  Outstanding &entry = issue(wave, wave.lgkm, Outstanding::Lds);
  entry.write = write;
  entry.bytes = uint8_t(bytes);
  entry.lanes = wave.exec();
  for (unsigned lane = 0; lane < kLanes; ++lane)
    entry.address[lane] = offsets[lane];
  return entry;
}

static void runLdsLoad(Wave &wave, const Instruction &instruction) {
  uint32_t offsets[kLanes], bytes = instruction.bytes;
  unsigned reg = instruction.d[0].reg;
  offsetsOf(wave, instruction.s[0], uint32_t(instruction.offset), offsets);
  LoadedLanes loaded(wave, reg, LoadForm(instruction.element), bytes);
  SharedMemory &lds = wave.group->lds;
  for (uint32_t left = wave.exec(); left; left &= left - 1) {
    unsigned lane = unsigned(std::countr_zero(left));
    checkBounds(wave, offsets[lane], bytes, int(lane));
    ldsRead(wave, offsets[lane], bytes, int(lane), false);
    loaded.set(lane, lds.bytes() + offsets[lane], lds.states() + offsets[lane]);
  }
  loaded.commit(wave.exec());
  countRequest(wave, instruction, offsets, bytes);
  unsigned registers = (bytes + 3) / 4;
  unsigned halves = halvesOf(LoadForm(instruction.element));
  markPending(wave, Outstanding::Lds, ScalarCount + reg, registers, halves);
  Outstanding &entry = noteOutstanding(wave, bytes, offsets, false);
  entry.firstRegister = uint16_t(ScalarCount + reg);
  entry.registers = uint8_t(registers);
  entry.halves = uint8_t(halves);
}

/// Two loads in one instruction, which count once.
static void runLdsLoad2(Wave &wave, const Instruction &instruction) {
  uint32_t unit = instruction.bytes * (instruction.element ? 64 : 1);
  unsigned words = instruction.bytes / 4;
  Operand address = instruction.s[0];
  // The second half may overwrite the address register: both addresses are taken first.
  alignas(64) uint32_t saved[kLanes];
  requireDefined(wave, address.reg, wave.exec(), "an address");
  std::memcpy(saved, wave.v(address.reg), sizeof saved);
  SharedMemory &lds = wave.group->lds;
  uint32_t offsets[2][kLanes];
  for (unsigned half = 0; half < 2; ++half) {
    uint32_t add = uint32_t(half ? instruction.offset1 : instruction.offset) * unit;
    for (unsigned lane = 0; lane < kLanes; ++lane)
      offsets[half][lane] = saved[lane] + add;
    LoadedLanes loaded(wave, instruction.d[0].reg + half * words, Words, instruction.bytes);
    for (uint32_t left = wave.exec(); left; left &= left - 1) {
      unsigned lane = unsigned(std::countr_zero(left));
      checkBounds(wave, offsets[half][lane], instruction.bytes, int(lane));
      ldsRead(wave, offsets[half][lane], instruction.bytes, int(lane), false);
      loaded.set(lane, lds.bytes() + offsets[half][lane], lds.states() + offsets[half][lane]);
    }
    loaded.commit(wave.exec());
    countRequest(wave, instruction, offsets[half], instruction.bytes);
  }
  unsigned reg = ScalarCount + instruction.d[0].reg;
  markPending(wave, Outstanding::Lds, reg, 2 * words);
  Outstanding &entry = noteOutstanding(wave, instruction.bytes, offsets[0], false);
  entry.firstRegister = uint16_t(reg);
  entry.registers = uint8_t(2 * words);
  entry.second = std::make_unique<uint32_t[]>(kLanes);
  std::memcpy(entry.second.get(), offsets[1], sizeof offsets[1]);
}

/// Stores `bytes` of a register (run) a lane; undefined bytes make LDS undefined again.
static void storeFrom(Wave &wave, const Instruction &instruction, const Operand &value, const uint32_t *offsets,
                      uint32_t bytes, bool high) {
  SharedMemory &lds = wave.group->lds;
  unsigned words = (bytes + 3) / 4;
  uint32_t undefined = 0;
  for (unsigned word = 0; word < words; ++word)
    undefined |= wave.poison[value.reg + word];
  uint32_t data[kLanes][4];
  for (unsigned word = 0; word < words; ++word) {
    const uint32_t *v = wave.v(value.reg + word);
    for (unsigned lane = 0; lane < kLanes; ++lane)
      data[lane][word] = high ? v[lane] >> 16 : v[lane];
  }
  for (uint32_t left = wave.exec(); left; left &= left - 1) {
    unsigned lane = unsigned(std::countr_zero(left));
    uint32_t offset = offsets[lane];
    checkBounds(wave, offset, bytes, int(lane));
    ldsWrite(wave, offset, bytes, int(lane), data[lane], false);
    std::memcpy(lds.bytes() + offset, data[lane], bytes);
    std::memset(lds.states() + offset, Defined, bytes);
    if (undefined >> lane & 1)
      for (unsigned b = 0; b < bytes; ++b)
        if (wave.poison[value.reg + b / 4] >> lane & 1 &&
            wave.shadow(value.reg + b / 4)[lane] >> (8 * (b % 4) + (high ? 16 : 0)) & 0xff)
          lds.states()[offset + b] = Poisoned;
  }
  // Which of two lanes of one store wins is not defined.
  for (uint32_t left = wave.exec(); left; left &= left - 1) {
    unsigned lane = unsigned(std::countr_zero(left));
    if (std::memcmp(lds.bytes() + offsets[lane], data[lane], bytes) != 0)
      fault(int(lane), "two lanes of this store write different values to LDS offset " + std::to_string(offsets[lane]));
  }
  countRequest(wave, instruction, offsets, bytes);
}

static void runLdsStore(Wave &wave, const Instruction &instruction) {
  uint32_t offsets[kLanes];
  offsetsOf(wave, instruction.s[0], uint32_t(instruction.offset), offsets);
  storeFrom(wave, instruction, instruction.s[1], offsets, instruction.bytes, instruction.element & StoreHigh);
  noteOutstanding(wave, instruction.bytes, offsets, true);
}

static void runLdsStore2(Wave &wave, const Instruction &instruction) {
  uint32_t unit = instruction.bytes * (instruction.element ? 64 : 1), offsets[2][kLanes];
  offsetsOf(wave, instruction.s[0], uint32_t(instruction.offset) * unit, offsets[0]);
  offsetsOf(wave, instruction.s[0], uint32_t(instruction.offset1) * unit, offsets[1]);
  storeFrom(wave, instruction, instruction.s[1], offsets[0], instruction.bytes, false);
  storeFrom(wave, instruction, instruction.s[2], offsets[1], instruction.bytes, false);
  Outstanding &entry = noteOutstanding(wave, instruction.bytes, offsets[0], true);
  entry.second = std::make_unique<uint32_t[]>(kLanes);
  std::memcpy(entry.second.get(), offsets[1], sizeof offsets[1]);
}

/// ds_bpermute: every lane reads the register of the lane that its address names; inactive lanes give 0.
/// ds_permute: every lane writes to the lane its address names.
static void runPermute(Wave &wave, const Instruction &instruction) {
  const Operand &address = instruction.s[0], &value = instruction.s[1];
  bool forward = instruction.element;
  uint32_t exec = wave.exec();
  requireDefined(wave, address.reg, exec, "an address");
  alignas(64) uint32_t result[kLanes] = {}, shadow[kLanes] = {};
  const uint32_t *from = wave.v(value.reg), *where = wave.v(address.reg);
  auto shadowOf = [&](unsigned lane) { return wave.poison[value.reg] >> lane & 1 ? wave.shadow(value.reg)[lane] : 0; };
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if (!(exec >> lane & 1))
      continue;
    unsigned other = (where[lane] + uint32_t(instruction.offset)) / 4 % kLanes;
    if (forward) {
      result[other] = from[lane];
      shadow[other] = shadowOf(lane);
    } else if (exec >> other & 1) {
      result[lane] = from[other];
      shadow[lane] = shadowOf(other);
    }
  }
  unsigned reg = instruction.d[0].reg;
  writeVector(wave, reg, result, shadow, exec);
  markPending(wave, Outstanding::Lds, ScalarCount + reg, 1);
  Outstanding &entry = issue(wave, wave.lgkm, Outstanding::Lds);
  entry.firstRegister = uint16_t(ScalarCount + reg);
  entry.registers = 1;
}

static void runSwizzle(Wave &wave, const Instruction &instruction) {
  const Operand &value = instruction.s[0];
  uint32_t offset = instruction.immediate; // the pattern is the instruction's 16-bit offset
  uint32_t exec = wave.exec();
  alignas(64) uint32_t result[kLanes] = {}, shadow[kLanes] = {};
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    unsigned other = offset & 0x8000 ? (lane & ~3u) | (offset >> 2 * (lane & 3) & 3)
                                     : ((lane & (offset & 31)) | (offset >> 5 & 31)) ^ (offset >> 10 & 31);
    if (!(exec >> other & 1))
      continue;
    result[lane] = wave.v(value.reg)[other];
    shadow[lane] = wave.poison[value.reg] >> other & 1 ? wave.shadow(value.reg)[other] : 0;
  }
  unsigned reg = instruction.d[0].reg;
  writeVector(wave, reg, result, shadow, exec);
  markPending(wave, Outstanding::Lds, ScalarCount + reg, 1);
  Outstanding &entry = issue(wave, wave.lgkm, Outstanding::Lds);
  entry.firstRegister = uint16_t(ScalarCount + reg);
  entry.registers = 1;
}

void tinyc::emulator::amd::addLdsOps(std::vector<SpecialOp> &table) {
  struct Load {
    const char *name;
    uint8_t bytes;
    LoadForm form;
  };
  for (const Load &load :
       {Load{"ds_load_u8", 1, U8}, Load{"ds_load_i8", 1, I8}, Load{"ds_load_u16", 2, U16}, Load{"ds_load_i16", 2, I16},
        Load{"ds_load_b32", 4, Words}, Load{"ds_load_b64", 8, Words}, Load{"ds_load_b96", 12, Words},
        Load{"ds_load_b128", 16, Words}, Load{"ds_load_u8_d16", 1, LowU8}, Load{"ds_load_u8_d16_hi", 1, HighU8},
        Load{"ds_load_i8_d16", 1, LowI8}, Load{"ds_load_i8_d16_hi", 1, HighI8}, Load{"ds_load_u16_d16", 2, LowB16},
        Load{"ds_load_u16_d16_hi", 2, HighB16}})
    table.push_back({load.name, runLdsLoad, Class::Lds, "Ds", load.bytes, uint8_t(load.form)});
  for (const StoreName &store :
       {StoreName{"ds_store_b8", "", "", 1, false}, StoreName{"ds_store_b16", "", "", 2, false},
        StoreName{"ds_store_b32", "", "", 4, false}, StoreName{"ds_store_b64", "", "", 8, false},
        StoreName{"ds_store_b96", "", "", 12, false}, StoreName{"ds_store_b128", "", "", 16, false},
        StoreName{"ds_store_b8_d16_hi", "", "", 1, true}, StoreName{"ds_store_b16_d16_hi", "", "", 2, true}})
    table.push_back({store.global, runLdsStore, Class::Lds, "ss", store.bytes, uint8_t(store.high ? StoreHigh : 0)});
  table.push_back({"ds_load_2addr_b32", runLdsLoad2, Class::Lds, "Ds", 4, 0});
  table.push_back({"ds_load_2addr_b64", runLdsLoad2, Class::Lds, "Ds", 8, 0});
  table.push_back({"ds_load_2addr_stride64_b32", runLdsLoad2, Class::Lds, "Ds", 4, 1});
  table.push_back({"ds_load_2addr_stride64_b64", runLdsLoad2, Class::Lds, "Ds", 8, 1});
  table.push_back({"ds_store_2addr_b32", runLdsStore2, Class::Lds, "sss", 4, 0});
  table.push_back({"ds_store_2addr_b64", runLdsStore2, Class::Lds, "sss", 8, 0});
  table.push_back({"ds_store_2addr_stride64_b32", runLdsStore2, Class::Lds, "sss", 4, 1});
  table.push_back({"ds_store_2addr_stride64_b64", runLdsStore2, Class::Lds, "sss", 8, 1});
  table.push_back({"ds_bpermute_b32", runPermute, Class::Lds, "Dss", 4, 0});
  table.push_back({"ds_permute_b32", runPermute, Class::Lds, "Dss", 4, 1});
  table.push_back({"ds_swizzle_b32", runSwizzle, Class::Lds, "Ds", 4, 0});
}
