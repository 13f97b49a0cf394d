// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading and writing registers: operand modifiers, shadows of undefined bits, registers with a load outstanding.

#include "VectorEval.h"
#include "Wave.h"
#include <bit>
#include <cstring>

using namespace tinyc::emulator::amd;

void tinyc::emulator::amd::fault(int lane, std::string message, Fault::Kind kind) {
  throw Fault{kind, lane, std::move(message)};
}

static std::string registerName(unsigned number) {
  if (number >= ScalarCount)
    return "v" + std::to_string(number - ScalarCount);
  switch (number) {
  case VCC:
    return "vcc_lo";
  case M0:
    return "m0";
  case EXEC:
    return "exec_lo";
  default:
    return "s" + std::to_string(number);
  }
}

uint64_t tinyc::emulator::amd::readScalar(Wave &wave, const Operand &operand, uint64_t &shadow) {
  shadow = 0;
  switch (operand.kind) {
  case OperandKind::Constant:
    return operand.value;
  case OperandKind::Scc:
    shadow = wave.sccPoison;
    return wave.scc;
  case OperandKind::Vccz:
    shadow = wave.scalarShadow[VCC] != 0;
    return wave.s[VCC] == 0;
  case OperandKind::Execz:
    return wave.s[EXEC] == 0;
  case OperandKind::Scalar: {
    uint64_t value = wave.s[operand.reg];
    shadow = wave.scalarShadow[operand.reg];
    if (operand.words > 1 && operand.reg != NullRegister) {
      value |= uint64_t(wave.s[operand.reg + 1]) << 32;
      shadow |= uint64_t(wave.scalarShadow[operand.reg + 1]) << 32;
    }
    return value;
  }
  default:
    fault(-1, "a vector register stands where a scalar one is expected");
  }
}

uint64_t tinyc::emulator::amd::readScalarDefined(Wave &wave, const Operand &operand, const char *use) {
  uint64_t shadow;
  uint64_t value = readScalar(wave, operand, shadow);
  if (shadow)
    fault(-1, "expected a defined value in " + registerName(operand.reg) + " for " + use +
                  ", found bits that nothing has written");
  return value;
}

void tinyc::emulator::amd::writeScalar(Wave &wave, unsigned reg, unsigned words, uint64_t value, uint64_t shadow) {
  for (unsigned i = 0; i < words; ++i, value >>= 32, shadow >>= 32) {
    if (reg == NullRegister)
      return;
    if (reg + i == EXEC && uint32_t(shadow))
      fault(std::countr_zero(uint32_t(shadow)), "expected a defined value for exec, which decides which lanes go on, "
                                                "found bits that nothing has written");
    if (reg + i == EXEC + 1) // the upper half of EXEC does not exist in waves of 32
      continue;
    wave.s[reg + i] = uint32_t(value);
    wave.scalarShadow[reg + i] = uint32_t(shadow);
  }
}

static void selectPacked(const Operand &operand, const uint32_t *from, uint32_t *to) {
  unsigned lowShift = operand.high ? 16 : 0, highShift = operand.selectHigh ? 16 : 0;
  uint32_t flip = (operand.negate ? 0x8000u : 0) | (operand.negateHigh ? 0x80000000u : 0);
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    uint32_t x = from[lane];
    to[lane] = (((x >> lowShift) & 0xffff) | (x >> highShift) << 16) ^ flip;
  }
}

static bool packedAsIs(const Operand &operand) {
  return !operand.high && operand.selectHigh && !operand.negate && !operand.negateHigh;
}

const uint32_t *tinyc::emulator::amd::fetch(Wave &wave, const Operand &operand, uint32_t *temporary) {
  const uint32_t *base = temporary;
  if (operand.kind == OperandKind::Vector) {
    base = wave.v(operand.reg);
  } else if (operand.kind == OperandKind::Constant) {
    base = operand.spread;
  } else {
    uint64_t shadow, value = readScalar(wave, operand, shadow);
    for (unsigned lane = 0; lane < kLanes; ++lane)
      temporary[lane] = uint32_t(value);
    if (operand.words > 1)
      for (unsigned lane = 0; lane < kLanes; ++lane)
        temporary[lane + kLanes] = uint32_t(value >> 32);
  }
  auto sign = [&](const uint32_t *from, uint32_t *to, uint32_t bit) {
    uint32_t clear = operand.absolute ? bit : 0, flip = operand.negate ? bit : 0;
    for (unsigned lane = 0; lane < kLanes; ++lane)
      to[lane] = (from[lane] & ~clear) ^ flip;
  };
  switch (operand.type) {
  case Type::Packed:
  case Type::PackedFloat:
    if (packedAsIs(operand))
      return base;
    selectPacked(operand, base, temporary);
    return temporary;
  case Type::Mix:
    if (!operand.selectHigh) { // a float
      if (!operand.negate && !operand.absolute)
        return base;
      sign(base, temporary, 0x80000000);
      return temporary;
    }
    for (unsigned lane = 0; lane < kLanes; ++lane)
      temporary[lane] = std::bit_cast<uint32_t>(
          float(std::bit_cast<_Float16>(uint16_t(operand.high ? base[lane] >> 16 : base[lane]))));
    sign(temporary, temporary, 0x80000000);
    return temporary;
  case Type::B16:
  case Type::F16:
    if (operand.plain())
      return base;
    if (operand.high) {
      for (unsigned lane = 0; lane < kLanes; ++lane)
        temporary[lane] = base[lane] >> 16;
      base = temporary;
    }
    sign(base, temporary, 0x8000);
    return temporary;
  case Type::B64:
  case Type::F64:
    if (operand.plain())
      return base;
    std::memmove(temporary, base, kLanes * 4);
    sign(base + kLanes, temporary + kLanes, 0x80000000);
    return temporary;
  default:
    if (operand.plain())
      return base;
    sign(base, temporary, 0x80000000);
    return temporary;
  }
}

bool tinyc::emulator::amd::fetchShadow(Wave &wave, const Operand &operand, uint32_t lanes, uint32_t *shadow) {
  uint32_t any = 0;
  unsigned words = operand.type == Type::B64 || operand.type == Type::F64 ? 2 : 1;
  for (unsigned word = 0; word < words; ++word)
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      uint32_t bits = 0;
      if (operand.kind == OperandKind::Vector && (wave.poison[operand.reg + word] & lanes & (1u << lane)))
        bits = wave.shadow(operand.reg + word)[lane];
      else if (operand.kind == OperandKind::Scalar && operand.reg != NullRegister)
        bits = wave.scalarShadow[operand.reg + word];
      if (operand.type == Type::Packed || operand.type == Type::PackedFloat)
        bits = ((bits >> (operand.high ? 16 : 0)) & 0xffff) | (bits >> (operand.selectHigh ? 16 : 0)) << 16;
      else if (operand.type == Type::Mix && operand.selectHigh)
        bits = (operand.high ? bits >> 16 : bits & 0xffff) ? ~0u : 0;
      else if (operand.high)
        bits >>= 16;
      shadow[word * kLanes + lane] = bits;
      any |= bits;
    }
  return any;
}

void tinyc::emulator::amd::writeVector(Wave &wave, unsigned reg, const uint32_t *values, uint32_t mask) {
  uint32_t *v = wave.v(reg);
  wave.poison[reg] &= ~mask;
  if (mask == ~0u) {
    std::memcpy(v, values, kLanes * 4);
    return;
  }
  for (unsigned lane = 0; lane < kLanes; ++lane)
    v[lane] = (mask >> lane) & 1 ? values[lane] : v[lane];
}

void tinyc::emulator::amd::writeVector(Wave &wave, unsigned reg, const uint32_t *values, const uint32_t *shadow,
                                       uint32_t mask) {
  writeVector(wave, reg, values, mask);
  uint32_t *to = wave.shadow(reg);
  for (unsigned lane = 0; lane < kLanes; ++lane)
    if ((mask >> lane & 1) && shadow[lane]) {
      to[lane] = shadow[lane];
      wave.poison[reg] |= 1u << lane;
    }
}

void tinyc::emulator::amd::requireDefined(Wave &wave, unsigned reg, uint32_t lanes, const char *use) {
  if (uint32_t bad = wave.poison[reg] & lanes)
    fault(std::countr_zero(bad), "expected a defined value in v" + std::to_string(reg) + " for " + use +
                                     ", found bits that nothing has written");
}

void tinyc::emulator::amd::checkPending(Wave &wave, const Instruction &instruction) {
  for (unsigned i = 0; i < instruction.rangeCount; ++i) {
    const RegisterRange &range = instruction.ranges[i];
    for (unsigned j = 0; j < range.count; ++j)
      if (((range.halves & 1) && wave.pending[0][range.first + j]) ||
          ((range.halves & 2) && wave.pending[1][range.first + j]))
        fault(-1, "expected a s_waitcnt before " + registerName(range.first + j) +
                      " is used, found a load into it still outstanding");
  }
}
