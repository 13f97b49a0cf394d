// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Atomic operations on global memory and LDS. The lanes of one instruction act one after the other.

#include "FloatMath.h"
#include "Launch.h"
#include "VectorEval.h"
#include "test/emulators/machine/Traffic.h"
#include <bit>
#include <cstring>
#include <deque>

using namespace tinyc::emulator::amd;
using namespace tinyc::emulator;

namespace {

enum AtomicOp : uint8_t {
  Add,
  Sub,
  MinI,
  MaxI,
  MinU,
  MaxU,
  And,
  Or,
  Xor,
  Inc,
  Dec,
  Swap,
  CompareSwap,
  AddF,
  MinF,
  MaxF
};

template <typename U> U combine(AtomicOp op, U old, U value, U compare) {
  using S = std::make_signed_t<U>;
  using F = std::conditional_t<sizeof(U) == 4, float, double>;
  auto real = [](U x) { return std::bit_cast<F>(x); };
  switch (op) {
  case Add:
    return old + value;
  case Sub:
    return old - value;
  case MinI:
    return S(old) < S(value) ? old : value;
  case MaxI:
    return S(old) > S(value) ? old : value;
  case MinU:
    return old < value ? old : value;
  case MaxU:
    return old > value ? old : value;
  case And:
    return old & value;
  case Or:
    return old | value;
  case Xor:
    return old ^ value;
  case Inc:
    return old >= value ? 0 : old + 1;
  case Dec:
    return old == 0 || old > value ? value : old - 1;
  case Swap:
    return value;
  case CompareSwap:
    return old == compare ? value : old;
  case AddF:
    return std::bit_cast<U>(real(old) + real(value));
  case MinF:
    return std::bit_cast<U>(minimumNumber(real(old), real(value)));
  case MaxF:
    return std::bit_cast<U>(maximumNumber(real(old), real(value)));
  }
  return old;
}

uint64_t wordsOf(Wave &wave, unsigned reg, unsigned words, unsigned lane) {
  uint64_t value = wave.v(reg)[lane];
  return words > 1 ? value | uint64_t(wave.v(reg + 1)[lane]) << 32 : value;
}

/// One lane on the bytes at `place`; returns the old value.
uint64_t apply(Wave &wave, const Instruction &instruction, uint8_t *place, uint64_t value, uint64_t compare) {
  auto op = AtomicOp(instruction.element & 31);
  if (instruction.bytes == 8) {
    uint64_t old;
    std::memcpy(&old, place, 8);
    uint64_t now = combine<uint64_t>(op, old, value, compare);
    std::memcpy(place, &now, 8);
    return old;
  }
  uint32_t old;
  std::memcpy(&old, place, 4);
  uint32_t now = combine<uint32_t>(op, old, uint32_t(value), uint32_t(compare));
  std::memcpy(place, &now, 4);
  return old;
}

void requireDefinedMemory(const uint8_t *states, unsigned bytes, int lane) {
  for (unsigned b = 0; b < bytes; ++b)
    if (states[b])
      fault(lane, "expected defined memory for an atomic operation, found bytes that nothing has written");
}

void writeOld(Wave &wave, const Instruction &instruction, const uint32_t (*old)[kLanes], uint32_t lanes,
              Counter &counter, Outstanding::Unit unit) {
  unsigned words = instruction.bytes / 4, reg = instruction.d[0].reg;
  for (unsigned word = 0; word < words; ++word)
    writeVector(wave, reg + word, old[word], lanes);
  markPending(wave, unit, ScalarCount + reg, words);
  Outstanding &entry = issue(wave, counter, unit);
  entry.firstRegister = uint16_t(ScalarCount + reg);
  entry.registers = uint8_t(words);
}

void runGlobalAtomic(Wave &wave, const Instruction &instruction) {
  const Operand &address = instruction.s[0], &data = instruction.s[1], &base = instruction.s[2];
  const unsigned words = instruction.bytes / 4;
  const bool compares = (instruction.element & 31) == CompareSwap;
  uint32_t lanes = wave.exec();
  bool based = base.kind == OperandKind::Scalar && base.reg != NullRegister;
  requireDefined(wave, address.reg, lanes, "an address");
  if (!based)
    requireDefined(wave, address.reg + 1, lanes, "an address");
  for (unsigned word = 0; word < words * (compares ? 2 : 1); ++word)
    requireDefined(wave, data.reg + word, lanes, "an atomic operation");
  uint64_t start = (based ? readScalarDefined(wave, base, "an address") : 0) + uint64_t(int64_t(instruction.offset));
  alignas(64) uint32_t old[2][kLanes] = {};
  uint64_t addresses[kLanes] = {};
  for (uint32_t left = lanes; left; left &= left - 1) {
    unsigned lane = unsigned(std::countr_zero(left));
    uint64_t at = start + (based ? wave.v(address.reg)[lane] : wordsOf(wave, address.reg, 2, lane));
    addresses[lane] = at;
    if (at % instruction.bytes)
      fault(int(lane), "an atomic operation on an address that is not a multiple of its size", Fault::IllegalAddress);
    Allocation &allocation = resolve(wave, at, instruction.bytes, int(lane));
    if (allocation.ReadOnly)
      fault(int(lane), "an atomic operation on read-only memory: " + allocation.Name, Fault::IllegalAddress);
    requireDefinedMemory(allocation.States.get() + (at - allocation.Base), instruction.bytes, int(lane));
    globalRead(wave, allocation, at, instruction.bytes, int(lane), true);
    globalWrite(wave, allocation, at, instruction.bytes, int(lane), nullptr, true);
    uint64_t was =
        apply(wave, instruction, allocation.Bytes.get() + (at - allocation.Base), wordsOf(wave, data.reg, words, lane),
              compares ? wordsOf(wave, data.reg + words, words, lane) : 0);
    old[0][lane] = uint32_t(was);
    old[1][lane] = uint32_t(was >> 32);
  }
  LaunchReport &report = wave.launch->report;
  SectorCount sectors = countSectors(addresses, kLanes, lanes, instruction.bytes);
  ++report.GlobalRequests;
  report.GlobalSectors += sectors.Sectors;
  report.SectorBytes += sectors.UsefulBytes;
  report.GlobalStoreBytes += uint64_t(std::popcount(lanes)) * instruction.bytes;
  if (instruction.destinations)
    writeOld(wave, instruction, old, lanes, wave.vm, Outstanding::VectorLoad);
  else
    issue(wave, wave.vs, Outstanding::VectorStore);
}

void runLdsAtomic(Wave &wave, const Instruction &instruction) {
  const Operand &address = instruction.s[0], &data = instruction.s[1], &compare = instruction.s[2];
  const unsigned words = instruction.bytes / 4;
  const bool compares = (instruction.element & 31) == CompareSwap;
  uint32_t lanes = wave.exec();
  SharedMemory &lds = wave.group->lds;
  requireDefined(wave, address.reg, lanes, "an address");
  for (unsigned word = 0; word < words; ++word) {
    requireDefined(wave, data.reg + word, lanes, "an atomic operation");
    if (compares)
      requireDefined(wave, compare.reg + word, lanes, "an atomic operation");
  }
  alignas(64) uint32_t old[2][kLanes] = {};
  uint32_t offsets[kLanes] = {};
  for (uint32_t left = lanes; left; left &= left - 1) {
    unsigned lane = unsigned(std::countr_zero(left));
    uint32_t at = wave.v(address.reg)[lane] + uint32_t(instruction.offset);
    offsets[lane] = at;
    if (at % instruction.bytes || uint64_t(at) + instruction.bytes > lds.size())
      fault(int(lane),
            "expected a multiple of " + std::to_string(instruction.bytes) + " inside the " +
                std::to_string(lds.size()) + " bytes of LDS, found offset " + std::to_string(at),
            Fault::IllegalAddress);
    requireDefinedMemory(lds.states() + at, instruction.bytes, int(lane));
    ldsRead(wave, at, instruction.bytes, int(lane), true);
    ldsWrite(wave, at, instruction.bytes, int(lane), nullptr, true);
    uint64_t was = apply(wave, instruction, lds.bytes() + at, wordsOf(wave, data.reg, words, lane),
                         compares ? wordsOf(wave, compare.reg, words, lane) : 0);
    old[0][lane] = uint32_t(was);
    old[1][lane] = uint32_t(was >> 32);
  }
  ++wave.launch->report.SharedRequests;
  if (instruction.destinations) {
    writeOld(wave, instruction, old, lanes, wave.lgkm, Outstanding::Lds);
    return;
  }
  Outstanding &entry = issue(wave, wave.lgkm, Outstanding::Lds);
  entry.write = true;
  entry.atomic = true;
  entry.bytes = instruction.bytes;
  entry.lanes = lanes;
  for (unsigned lane = 0; lane < kLanes; ++lane)
    entry.address[lane] = offsets[lane];
}

const char *keep(std::string name) {
  static std::deque<std::string> names;
  names.push_back(std::move(name));
  return names.back().c_str();
}

} // namespace

void tinyc::emulator::amd::addAtomicOps(std::vector<SpecialOp> &table) {
  struct Name {
    const char *global, *lds, *type32, *type64; // type64 null: there is none
    AtomicOp op;
  };
  static const Name names[] = {
      {"add", "add", "u32", "u64", Add},
      {"sub", "sub", "u32", "u64", Sub},
      {"min", "min", "i32", "i64", MinI},
      {"max", "max", "i32", "i64", MaxI},
      {"min", "min", "u32", "u64", MinU},
      {"max", "max", "u32", "u64", MaxU},
      {"and", "and", "b32", "b64", And},
      {"or", "or", "b32", "b64", Or},
      {"xor", "xor", "b32", "b64", Xor},
      {"inc", "inc", "u32", "u64", Inc},
      {"dec", "dec", "u32", "u64", Dec},
      {"swap", "storexchg", "b32", "b64", Swap},
      {"cmpswap", "cmpstore", "b32", "b64", CompareSwap},
      {"add", "add", "f32", nullptr, AddF},
      {"min", "min", "f32", "f64", MinF},
      {"max", "max", "f32", "f64", MaxF},
  };
  for (const Name &name : names)
    for (unsigned bytes : {4u, 8u}) {
      const char *type = bytes == 4 ? name.type32 : name.type64;
      if (!type)
        continue;
      std::string suffix = std::string("_") + type;
      bool compares = name.op == CompareSwap;
      uint8_t element = name.op;
      table.push_back({keep(std::string("global_atomic_") + name.global + suffix), runGlobalAtomic, Class::Global,
                       "Asss", uint8_t(bytes), element});
      table.push_back({keep(std::string("flat_atomic_") + name.global + suffix), runGlobalAtomic, Class::Global, "Ass",
                       uint8_t(bytes), element});
      if (name.op != Swap)
        table.push_back({keep(std::string("ds_") + name.lds + suffix), runLdsAtomic, Class::Lds,
                         compares ? "sss" : "ss", uint8_t(bytes), element});
      table.push_back({keep(std::string("ds_") + name.lds + "_rtn" + suffix), runLdsAtomic, Class::Lds,
                       compares ? "Dsss" : "Dss", uint8_t(bytes), element});
    }
}
