// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads and stores of global memory, through global and flat (generic) addresses.

#include "Launch.h"
#include "MemoryForms.h"
#include "VectorEval.h"
#include "test/emulators/machine/Traffic.h"
#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>

using namespace tinyc::emulator::amd;
using namespace tinyc::emulator;

Allocation &tinyc::emulator::amd::resolve(Wave &wave, uint64_t address, uint32_t bytes, int lane) {
  Launch &launch = *wave.launch;
  for (Allocation *recent : launch.recent)
    if (recent && recent->contains(address, bytes))
      return *recent;
  Allocation *found = launch.memory->find(address, bytes);
  if (!found)
    fault(lane, launch.memory->explain(address, bytes), Fault::IllegalAddress);
  launch.recent[1] = launch.recent[0];
  launch.recent[0] = found;
  return *found;
}

/// The lane that a message names: what the whole wave does goes by its first.
static unsigned laneOf(int lane) { return unsigned(std::max(lane, 0)); }

void tinyc::emulator::amd::globalRead(Wave &wave, Allocation &allocation, uint64_t address, uint32_t bytes, int lane,
                                      bool strong) {
  if (auto conflict =
          wave.launch->order->read(allocation, address, bytes, wave.group->globalClocks, wave.id, laneOf(lane), strong))
    fault(lane, conflict->describe(kLanes));
}

void tinyc::emulator::amd::globalWrite(Wave &wave, Allocation &allocation, uint64_t address, uint32_t bytes, int lane,
                                       const void *data, bool strong) {
  if (auto conflict = wave.launch->order->write(allocation, address, bytes, wave.group->clocks, wave.id, laneOf(lane),
                                                data, strong))
    fault(lane, conflict->describe(kLanes));
}

/// Addresses of the active lanes: a 64-bit vector address, or a scalar base with a 32-bit vector offset.
static void addressesOf(Wave &wave, const Instruction &instruction, const Operand &vector, const Operand &base,
                        uint64_t *addresses) {
  uint32_t lanes = wave.exec();
  int64_t offset = instruction.offset;
  requireDefined(wave, vector.reg, lanes, "an address");
  const uint32_t *low = wave.v(vector.reg);
  if (base.kind == OperandKind::None || base.reg == NullRegister) {
    requireDefined(wave, vector.reg + 1, lanes, "an address");
    const uint32_t *high = wave.v(vector.reg + 1);
    for (unsigned lane = 0; lane < kLanes; ++lane)
      addresses[lane] = (uint64_t(low[lane]) | uint64_t(high[lane]) << 32) + uint64_t(offset);
    return;
  }
  uint64_t start = readScalarDefined(wave, base, "an address") + uint64_t(offset);
  for (unsigned lane = 0; lane < kLanes; ++lane)
    addresses[lane] = start + low[lane];
}

static void countRequest(Wave &wave, const uint64_t *addresses, uint32_t lanes, uint32_t bytes, bool store) {
  LaunchReport &report = wave.launch->report;
  SectorCount sectors = countSectors(addresses, kLanes, lanes, bytes);
  ++report.GlobalRequests;
  report.GlobalSectors += sectors.Sectors;
  report.SectorBytes += sectors.UsefulBytes;
  (store ? report.GlobalStoreBytes : report.GlobalLoadBytes) += uint64_t(std::popcount(lanes)) * bytes;
}

/// 0: global memory, else the aperture the generic address lies in.
static uint32_t apertureOf(const Instruction &instruction, uint64_t address) {
  uint32_t high = uint32_t(address >> 32);
  return (instruction.element & FlatAddress) && (high == kSharedAperture || high == kPrivateAperture) ? high : 0;
}

static void runLoad(Wave &wave, const Instruction &instruction) {
  alignas(64) uint64_t addresses[kLanes];
  const Operand &d = instruction.d[0];
  const uint32_t lanes = wave.exec(), bytes = instruction.bytes;
  const LoadForm form = LoadForm(instruction.element & 15);
  bool flat = instruction.element & FlatAddress;
  if (!lanes) {
    issue(wave, wave.vm, Outstanding::VectorLoad);
    return;
  }
  addressesOf(wave, instruction, instruction.s[0], instruction.s[1], addresses);
  LoadedLanes loaded(wave, d.reg, form, bytes);
  uint32_t global = 0;
  for (uint32_t left = lanes; left; left &= left - 1) {
    unsigned lane = unsigned(std::countr_zero(left));
    uint64_t address = addresses[lane];
    uint8_t data[16], states[16];
    if (uint32_t aperture = apertureOf(instruction, address)) {
      if (aperture == kSharedAperture)
        ldsLoadLane(wave, uint32_t(address), bytes, int(lane), data, states);
      else
        scratchLoadLane(wave, uint32_t(address), bytes, int(lane), data, states);
      loaded.set(lane, data, states);
      continue;
    }
    Allocation &allocation = resolve(wave, address, bytes, int(lane));
    globalRead(wave, allocation, address, bytes, int(lane), false);
    loaded.set(lane, allocation.Bytes.get() + (address - allocation.Base),
               allocation.States.get() + (address - allocation.Base));
    global |= 1u << lane;
  }
  if (global)
    countRequest(wave, addresses, global, bytes, false);
  loaded.commit(lanes);
  Outstanding::Unit unit = flat ? Outstanding::Flat : Outstanding::VectorLoad;
  unsigned registers = (bytes + 3) / 4;
  markPending(wave, unit, ScalarCount + d.reg, registers, halvesOf(form));
  Outstanding &entry = issue(wave, wave.vm, unit);
  entry.firstRegister = uint16_t(ScalarCount + d.reg);
  entry.registers = uint8_t(registers);
  entry.halves = uint8_t(halvesOf(form));
  entry.bytes = uint8_t(bytes);
  entry.lanes = global;
  std::memcpy(entry.address, addresses, sizeof addresses);
  if (flat) { // may be served by LDS: counted there too, and in no order with either
    markPending(wave, unit, ScalarCount + d.reg, 0);
    issue(wave, wave.lgkm, unit);
  }
}

static void runStore(Wave &wave, const Instruction &instruction) {
  alignas(64) uint64_t addresses[kLanes];
  const uint32_t lanes = wave.exec(), bytes = instruction.bytes;
  const bool high = instruction.element & StoreHigh, flat = instruction.element & FlatAddress;
  if (!lanes) {
    issue(wave, wave.vs, Outstanding::VectorStore);
    return;
  }
  addressesOf(wave, instruction, instruction.s[0], instruction.s[2], addresses);
  const Operand &value = instruction.s[1];
  for (unsigned word = 0; word < (bytes + 3) / 4; ++word)
    if (wave.poison[value.reg + word] & lanes) {
      uint32_t used = bytes >= 4 ? ~0u : ((1u << bytes * 8) - 1) << (high ? 16 : 0);
      for (uint32_t left = wave.poison[value.reg + word] & lanes; left; left &= left - 1)
        if (wave.shadow(value.reg + word)[std::countr_zero(left)] & used)
          fault(std::countr_zero(left), "expected a defined value in v" + std::to_string(value.reg + word) +
                                            " to be stored, found bits that nothing has written");
    }
  uint32_t global = 0, data[kLanes][4];
  const uint8_t *stored[kLanes]; // null: scratch, which is each lane's own
  for (uint32_t left = lanes; left; left &= left - 1) {
    unsigned lane = unsigned(std::countr_zero(left));
    uint64_t address = addresses[lane];
    uint32_t *words = data[lane];
    for (unsigned word = 0; word < (bytes + 3) / 4; ++word)
      words[word] = wave.v(value.reg + word)[lane];
    if (high)
      words[0] >>= 16;
    const auto *from = reinterpret_cast<const uint8_t *>(words);
    if (uint32_t aperture = apertureOf(instruction, address)) {
      if (aperture == kSharedAperture)
        ldsStoreLane(wave, uint32_t(address), bytes, int(lane), from);
      else
        scratchStoreLane(wave, uint32_t(address), bytes, int(lane), from);
      stored[lane] = aperture == kSharedAperture ? wave.group->lds.bytes() + uint32_t(address) : nullptr;
      continue;
    }
    Allocation &allocation = resolve(wave, address, bytes, int(lane));
    if (allocation.ReadOnly)
      fault(int(lane), "a store into read-only memory: " + allocation.Name, Fault::IllegalAddress);
    globalWrite(wave, allocation, address, bytes, int(lane), from, false);
    uint8_t *to = allocation.Bytes.get() + (address - allocation.Base);
    std::memcpy(to, from, bytes);
    stored[lane] = to;
    std::memset(allocation.States.get() + (address - allocation.Base), Defined, bytes);
    global |= 1u << lane;
  }
  // Which of two lanes of one store wins is not defined.
  for (uint32_t left = lanes; left; left &= left - 1) {
    unsigned lane = unsigned(std::countr_zero(left));
    if (stored[lane] && std::memcmp(stored[lane], data[lane], bytes) != 0) {
      char where[20];
      snprintf(where, sizeof where, "0x%llx", static_cast<unsigned long long>(addresses[lane]));
      fault(int(lane), std::string("two lanes of this store write different values to address ") + where);
    }
  }
  if (global)
    countRequest(wave, addresses, global, bytes, true);
  Outstanding &entry = issue(wave, wave.vs, Outstanding::VectorStore);
  entry.write = true;
  entry.bytes = uint8_t(bytes);
  entry.lanes = global;
  std::memcpy(entry.address, addresses, sizeof addresses);
  if (flat)
    issue(wave, wave.lgkm, Outstanding::Flat);
}

void tinyc::emulator::amd::addGlobalOps(std::vector<SpecialOp> &table) {
  for (const LoadName &load : kLoadNames) {
    table.push_back({load.global, runLoad, Class::Global, "Dss", load.bytes, uint8_t(load.form)});
    table.push_back({load.flat, runLoad, Class::Global, "Ds", load.bytes, uint8_t(uint8_t(load.form) | FlatAddress)});
  }
  for (const StoreName &store : kStoreNames) {
    uint8_t high = store.high ? StoreHigh : 0;
    table.push_back({store.global, runStore, Class::Global, "sss", store.bytes, high});
    table.push_back({store.flat, runStore, Class::Global, "ss", store.bytes, uint8_t(high | FlatAddress)});
  }
}
