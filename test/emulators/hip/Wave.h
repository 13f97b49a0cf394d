// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state of a wave and of its work-group. Registers carry a shadow: a bit set there is a bit whose value the program
// has never defined. Shadows of vector registers are only kept where `poison` has the lane's bit set.

#ifndef TINYC_TEST_EMULATORS_HIP_WAVE_H
#define TINYC_TEST_EMULATORS_HIP_WAVE_H

#include "Instruction.h"
#include <memory>
#include <string>
#include <vector>

namespace tinyc::emulator::amd {

struct Launch;
struct Group;

/// Raised by an instruction that cannot go on; the launch adds where it happened.
struct Fault {
  enum Kind { Failure, IllegalAddress } kind;
  int lane; // -1: the whole wave
  std::string message;
};
[[noreturn]] void fault(int lane, std::string message, Fault::Kind kind = Fault::Failure);

/// An access to memory that has been issued and not yet waited for.
struct Outstanding {
  enum Unit : uint8_t { VectorLoad, VectorStore, Lds, ScalarLoad, Flat } unit;
  bool write = false, atomic = false;
  uint16_t firstRegister = 0; // numbered as in RegisterRange
  uint8_t registers = 0;
  uint8_t halves = 3; // as in RegisterRange
  uint8_t bytes = 0;
  uint32_t lanes = 0;
  uint64_t address[kLanes];           // LDS offsets or device addresses
  std::unique_ptr<uint32_t[]> second; // the other LDS offsets of an instruction with two
};

/// Issued and unfinished accesses of one counter, oldest first.
struct Counter {
  std::vector<Outstanding> queue;
  size_t head = 0;
  size_t size() const { return queue.size() - head; }
};

struct Wave {
  enum State : uint8_t { Ready, AtBarrier, Ended } state = Ready;
  Group *group = nullptr;
  Launch *launch = nullptr;
  const Program *program = nullptr;
  uint32_t pc = 0; // index of the instruction being executed, then of the next one
  uint32_t current = 0;
  uint32_t id = 0; // in the work-group
  uint32_t vectorCount = 0;
  std::vector<uint32_t> vectorStorage, shadowStorage;
  uint32_t poison[256]; // lanes with undefined bits, a register
  uint32_t s[ScalarCount];
  uint32_t scalarShadow[ScalarCount];
  bool scc = false, sccPoison = true;
  uint32_t mode = 0;                          // denormal and rounding bits of HW_REG_MODE
  uint8_t pending[2][ScalarCount + 256] = {}; // outstanding loads into the lower and upper half of a register
  uint32_t pendingTotal = 0;
  Counter vm, lgkm, vs;
  uint32_t epoch = 0;           // barriers passed
  uint32_t lastMatrix = ~0u;    // index of the last matrix instruction
  std::vector<uint8_t> scratch; // private memory, lane after lane
  std::vector<uint8_t> scratchDefined;
  uint32_t scratchBytes = 0; // a lane

  uint32_t *v(unsigned reg) { return vectorStorage.data() + reg * kLanes; }
  uint32_t *shadow(unsigned reg) { return shadowStorage.data() + reg * kLanes; }
  uint32_t exec() const { return s[EXEC]; }
};

/// Reads 1 or 2 words; shadow bits are 1 where undefined.
uint64_t readScalar(Wave &wave, const Operand &operand, uint64_t &shadow);
/// As above where an undefined value is an error; `use` says what for ("an address").
uint64_t readScalarDefined(Wave &wave, const Operand &operand, const char *use);
void writeScalar(Wave &wave, unsigned reg, unsigned words, uint64_t value, uint64_t shadow);

/// Lane array(s) of a vector source; `temporary` has room for two words a lane. Modifiers are applied.
const uint32_t *fetch(Wave &wave, const Operand &operand, uint32_t *temporary);
/// Shadow of the same operand; returns false if all of it is defined in the lanes of `lanes`.
bool fetchShadow(Wave &wave, const Operand &operand, uint32_t lanes, uint32_t *shadow);

/// Writes the lanes of `mask` of a vector register; all of their bits become defined.
void writeVector(Wave &wave, unsigned reg, const uint32_t *values, uint32_t mask);
/// The same with a shadow.
void writeVector(Wave &wave, unsigned reg, const uint32_t *values, const uint32_t *shadow, uint32_t mask);
/// Faults if a lane of `lanes` of the register has an undefined bit.
void requireDefined(Wave &wave, unsigned reg, uint32_t lanes, const char *use);

void checkPending(Wave &wave, const Instruction &instruction);

} // namespace tinyc::emulator::amd

#endif
