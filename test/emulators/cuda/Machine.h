// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state that instructions work on: launch, block, warp.
//
// Warps of one block take turns; each runs until it has to wait. Which one goes first, which side of a branch runs
// first and the order of blocks come from the seed. What is reported does not depend on that order: races are found by
// clocks, and data that is not there yet is poisoned.
#pragma once

#include "test/emulators/cuda/Chip.h"
#include "test/emulators/cuda/Program.h"
#include "test/emulators/machine/GlobalOrder.h"
#include "test/emulators/machine/Report.h"
#include "test/emulators/machine/SharedMemory.h"

#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <unordered_map>

namespace tinyc::emulator::ptx {

/// What is wrong with a kernel: thrown where it is found, ends the launch.
struct Fault {
  enum Code : uint8_t { IllegalAddress, Misaligned, LaunchFailed } Code;
  std::string Text; ///< what was expected and what was found
  int Lane = -1;
};

struct Launch {
  const ptx::Chip &Chip;
  const ptx::Program &Program;
  DeviceMemory &Memory;
  GlobalOrder &Order;
  std::vector<uint8_t> Parameters;
  uint32_t Grid[3], Block[3];
  uint32_t DynamicShared = 0;
  uint64_t Seed = 0;
  LaunchReport &Report;

  std::vector<uint64_t> Executed;  ///< by instruction
  std::vector<uint64_t> Conflicts; ///< bank conflicts by instruction
  uint64_t Clock = 0;
};

struct Fragment {
  enum State : uint8_t { Ready, AtConverge, AtBarrier } State = Ready;
  uint32_t Pc = 0, Mask = 0;
  int Join = -1;        ///< index into Warp::Joins: where these lanes meet their siblings again
  uint32_t Members = 0; ///< AtConverge: the lanes it waits for
  int Barrier = -1;
};

/// A point where the lanes of a diverged branch meet.
struct Join {
  uint32_t Pc, Expected, Arrived = 0;
  int Parent;
};

struct AsyncCopy {
  uint8_t Lane, Bytes;
  uint32_t Destination, Group;
  std::array<uint8_t, 16> Data, States;
};

/// The undefined bits of a row, by lane.
using UndefinedBits = std::array<uint64_t, 32>;

struct Block;

struct Warp {
  uint8_t *Base[2] = {}; ///< registers, constants
  uint32_t *Poison = nullptr;
  uint32_t Active = 0; ///< lanes of the instruction that is being executed
  uint32_t Alive = 0, Born = 0;
  unsigned Index = 0;
  ptx::Block *Block = nullptr;
  ptx::Launch *Launch = nullptr;
  const Instruction *Current = nullptr;
  const Instruction *PoisonSource = nullptr; ///< the last load of bytes that nobody wrote

  std::vector<uint8_t> Registers;
  std::vector<uint32_t> PoisonWords;
  // Compilers pack a pair of which only one half has a value, and use that half only. So where a poisoned lane has
  // some defined bits, PartialLanes has it too, and PartialBits says which of its bits are undefined.
  std::vector<uint32_t> PartialLanes;
  std::unordered_map<uint32_t, UndefinedBits> PartialBits; ///< by index of the poison word
  bool HasPartial = false;
  std::vector<uint8_t> Local, LocalStates; ///< [lane][Program.LocalBytes]
  std::vector<Fragment> Fragments;
  std::vector<Join> Joins;
  std::vector<AsyncCopy> Copies;
  uint32_t CopyGroups[32] = {}; ///< groups committed by each lane
  uint32_t Carry = 0;           ///< the condition code register: a bit a lane

  template <typename T> const T *in(const Operand &O) const {
    return reinterpret_cast<const T *>(Base[O.Constant] + O.Offset);
  }
  template <typename T> T *out(const Operand &O) { return reinterpret_cast<T *>(Base[0] + O.Offset); }
  uint32_t poisonOf(const Operand &O) const { return Poison[O.Poison]; }
  void setPoison(const Operand &O, uint32_t Bits) {
    Poison[O.Poison] = (Poison[O.Poison] & ~Active) | (Bits & Active);
    if (HasPartial) [[unlikely]]
      PartialLanes[O.Poison] &= ~Active;
  }
  /// Which bits of a lane of O are undefined.
  uint64_t undefinedBits(const Operand &O, unsigned Lane) const {
    if (!(Poison[O.Poison] >> Lane & 1))
      return 0;
    return PartialLanes[O.Poison] >> Lane & 1 ? PartialBits.at(O.Poison)[Lane] : allBits(O);
  }
  static uint64_t allBits(const Operand &O) { return ~0ull >> (64 - O.Bits); }
  void setUndefinedBits(const Operand &O, const UndefinedBits &Bits);
  uint32_t predicate(const Operand &O) const {
    uint32_t V;
    std::memcpy(&V, Base[O.Constant] + O.Offset, 4);
    return O.Negated ? ~V : V;
  }
  void setPredicate(const Operand &O, uint32_t Bits) {
    uint32_t *V = out<uint32_t>(O);
    *V = (*V & ~Active) | (Bits & Active);
  }
  /// A lane of a row of any width, zero-extended.
  uint64_t get(const Operand &O, unsigned Lane) const {
    const uint8_t *P = Base[O.Constant] + O.Offset;
    switch (O.Bits) {
    case 64:
      return reinterpret_cast<const uint64_t *>(P)[Lane];
    case 32:
      return reinterpret_cast<const uint32_t *>(P)[Lane];
    case 16:
      return reinterpret_cast<const uint16_t *>(P)[Lane];
    default:
      return predicate(O) >> Lane & 1;
    }
  }
  void set(const Operand &O, unsigned Lane, uint64_t Value) {
    uint8_t *P = Base[0] + O.Offset;
    switch (O.Bits) {
    case 64:
      reinterpret_cast<uint64_t *>(P)[Lane] = Value;
      break;
    case 32:
      reinterpret_cast<uint32_t *>(P)[Lane] = uint32_t(Value);
      break;
    case 16:
      reinterpret_cast<uint16_t *>(P)[Lane] = uint16_t(Value);
      break;
    default: {
      uint32_t *V = reinterpret_cast<uint32_t *>(P);
      *V = (*V & ~(1u << Lane)) | uint32_t(Value & 1) << Lane;
    }
    }
  }
  /// Faults when a lane that takes part has a poisoned value in O.
  void requireDefined(const Operand &O, uint32_t Lanes, const char *What) const {
    if (uint32_t Bad = poisonOf(O) & Lanes) [[unlikely]]
      poisoned(Bad, What);
  }
  [[noreturn]] void poisoned(uint32_t Lanes, const char *What) const;
  [[noreturn]] void fault(enum Fault::Code Code, std::string Text, int Lane = -1) const {
    throw Fault{Code, std::move(Text), Lane};
  }
};

struct Barrier {
  uint32_t Arrived = 0;  ///< threads
  uint32_t Expected = 0; ///< threads; 0 while nobody waits
  uint64_t Warps = 0;
  uint32_t Votes = 0, Ballots = 0; ///< bar.red: threads whose predicate held
};

struct Block {
  ptx::Launch &Launch;
  SharedMemory Shared;
  Clocks Time;
  std::vector<Warp> Warps;
  Barrier Barriers[16];
  uint32_t Index[3] = {};
  unsigned Threads = 0;
  Warp *Executing = nullptr; ///< for messages

  explicit Block(ptx::Launch &L);
  /// Makes this the block at the given place of the grid: all poisoned again.
  void begin(uint32_t X, uint32_t Y, uint32_t Z);
  void run(Random &Order);

private:
  void runFragment(Warp &W, size_t Index, Random &Order);
  bool step(Warp &W, Fragment &F, Random &Order);
  void branch(Warp &W, Fragment &F, uint32_t Taken, Random &Order);
  void table(Warp &W, Fragment &F, Random &Order);
  void diverge(Warp &W, Fragment &F, std::vector<std::pair<uint32_t, uint32_t>> Ways, Random &Order);
  void leave(Warp &W, uint32_t Lanes);
  bool arrive(Warp &W, Fragment &F);
  bool converge(Warp &W);
  bool barrier(Warp &W, Fragment &F, uint32_t Lanes);
  [[noreturn]] void stuck();
  friend struct BlockTest;
};

/// Runs all blocks. Throws nothing: a fault becomes a paragraph in Report.Reports, and its code is returned.
struct Outcome {
  bool Good = true;
  enum Fault::Code Code = Fault::LaunchFailed;
  std::string Message;
};
Outcome runLaunch(Launch &L);

} // namespace tinyc::emulator::ptx
