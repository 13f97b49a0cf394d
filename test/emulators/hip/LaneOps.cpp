// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vector operations that look at more than their own lane.

#include "VectorEval.h"
#include "Wave.h"
#include <bit>
#include <cstring>

using namespace tinyc::emulator::amd;

static uint32_t shadowOf(Wave &wave, unsigned reg, unsigned lane) {
  return wave.poison[reg] >> lane & 1 ? wave.shadow(reg)[lane] : 0;
}

static void runReadLane(Wave &wave, const Instruction &i) {
  unsigned lane = unsigned(readScalarDefined(wave, i.s[1], "a lane number")) % kLanes;
  writeScalar(wave, i.d[0].reg, 1, wave.v(i.s[0].reg)[lane], shadowOf(wave, i.s[0].reg, lane));
}

static void runReadFirstLane(Wave &wave, const Instruction &i) {
  unsigned lane = wave.exec() ? unsigned(std::countr_zero(wave.exec())) : 0;
  if (i.s[0].kind != OperandKind::Vector) {
    uint64_t shadow, value = readScalar(wave, i.s[0], shadow);
    writeScalar(wave, i.d[0].reg, 1, value, shadow);
    return;
  }
  writeScalar(wave, i.d[0].reg, 1, wave.v(i.s[0].reg)[lane], shadowOf(wave, i.s[0].reg, lane));
}

static void runWriteLane(Wave &wave, const Instruction &i) {
  unsigned lane = unsigned(readScalarDefined(wave, i.s[1], "a lane number")) % kLanes;
  uint64_t shadow, value = readScalar(wave, i.s[0], shadow);
  alignas(64) uint32_t values[kLanes], shadows[kLanes] = {};
  values[lane] = uint32_t(value);
  shadows[lane] = uint32_t(shadow);
  writeVector(wave, i.d[0].reg, values, shadows, 1u << lane);
}

/// v_permlane16: within each row of 16 a lane reads the lane that 4 bits of two scalars name; v_permlanex16 reads the
/// other row. op_sel: [0] fetch inactive lanes, [1] inactive lanes give 0 instead of leaving the result alone.
static void runPermLane(Wave &wave, const Instruction &i) {
  uint64_t select = uint32_t(readScalarDefined(wave, i.s[1], "a lane selection")) |
                    readScalarDefined(wave, i.s[2], "a lane selection") << 32;
  bool fetchInactive = i.s[0].high, boundControl = i.s[1].high;
  uint32_t exec = wave.exec(), writable = 0;
  alignas(64) uint32_t values[kLanes] = {}, shadows[kLanes] = {};
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    unsigned other = ((lane & 16) ^ (i.element ? 16 : 0)) | unsigned(select >> 4 * (lane & 15) & 15);
    bool ok = fetchInactive || (exec >> other & 1);
    if (ok) {
      values[lane] = wave.v(i.s[0].reg)[other];
      shadows[lane] = shadowOf(wave, i.s[0].reg, other);
    }
    if (ok || boundControl)
      writable |= 1u << lane;
  }
  writeVector(wave, i.d[0].reg, values, shadows, exec & writable);
}

/// Counts the bits of a mask below the lane; the upper half of a wave of 32 has none.
static void runBitsBelow(Wave &wave, const Instruction &i) {
  alignas(64) uint32_t temporary[2][2 * kLanes], values[kLanes], shadow[2][2 * kLanes], shadows[kLanes];
  const uint32_t *mask = fetch(wave, i.s[0], temporary[0]), *add = fetch(wave, i.s[1], temporary[1]);
  bool undefined = fetchShadow(wave, i.s[0], wave.exec(), shadow[0]);
  undefined |= fetchShadow(wave, i.s[1], wave.exec(), shadow[1]);
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    uint32_t below = i.element ? 0 : (1u << lane) - 1;
    values[lane] = uint32_t(std::popcount(mask[lane] & below)) + add[lane];
    shadows[lane] = undefined && ((shadow[0][lane] & below) || shadow[1][lane]) ? ~0u : 0;
  }
  writeVector(wave, i.d[0].reg, values, shadows, wave.exec());
}

/// v_swap_b16: two halves, possibly of one register.
static void runSwapHalves(Wave &wave, const Instruction &i) {
  for (uint32_t left = wave.exec(); left; left &= left - 1) {
    unsigned lane = unsigned(std::countr_zero(left));
    uint32_t part[2], shadow[2];
    for (unsigned side = 0; side < 2; ++side) {
      unsigned shift = i.d[side].high ? 16 : 0;
      part[side] = wave.v(i.d[side].reg)[lane] >> shift & 0xffff;
      shadow[side] = shadowOf(wave, i.d[side].reg, lane) >> shift & 0xffff;
    }
    for (unsigned side = 0; side < 2; ++side) {
      unsigned reg = i.d[side].reg, shift = i.d[side].high ? 16 : 0;
      uint32_t keep = ~(0xffffu << shift), undefined = (shadowOf(wave, reg, lane) & keep) | shadow[1 - side] << shift;
      wave.v(reg)[lane] = (wave.v(reg)[lane] & keep) | part[1 - side] << shift;
      wave.shadow(reg)[lane] = undefined;
      wave.poison[reg] = undefined ? wave.poison[reg] | 1u << lane : wave.poison[reg] & ~(1u << lane);
    }
  }
}

static void runSwap(Wave &wave, const Instruction &i) {
  alignas(64) uint32_t values[2][kLanes], shadows[2][kLanes];
  for (unsigned side = 0; side < 2; ++side) {
    unsigned reg = i.d[side].reg;
    std::memcpy(values[side], wave.v(reg), sizeof values[side]);
    for (unsigned lane = 0; lane < kLanes; ++lane)
      shadows[side][lane] = shadowOf(wave, reg, lane);
  }
  writeVector(wave, i.d[0].reg, values[1], shadows[1], wave.exec());
  writeVector(wave, i.d[1].reg, values[0], shadows[0], wave.exec());
}

/// v_movrels reads, v_movreld writes the register that M0 counts on from the one named.
static void runMoveRelative(Wave &wave, const Instruction &i) {
  Operand m0;
  m0.kind = OperandKind::Scalar;
  m0.reg = M0;
  uint32_t step = uint32_t(readScalarDefined(wave, m0, "a register number"));
  Operand from = i.s[0];
  uint32_t to = i.d[0].reg + (i.element ? step : 0);
  if (!i.element)
    from.reg = uint16_t(from.reg + step);
  if (to >= wave.vectorCount || (from.kind == OperandKind::Vector && from.reg >= wave.vectorCount))
    fault(-1, "expected m0 to count on to one of the " + std::to_string(wave.vectorCount) + " registers, found " +
                  std::to_string(step));
  auto outstanding = [&](unsigned reg) {
    return wave.pending[0][ScalarCount + reg] || wave.pending[1][ScalarCount + reg];
  };
  if (outstanding(to) || (from.kind == OperandKind::Vector && outstanding(from.reg)))
    fault(-1, "expected a s_waitcnt before a register named by m0 is used, found a load into it still outstanding");
  alignas(64) uint32_t temporary[2 * kLanes], shadow[2 * kLanes];
  fetchShadow(wave, from, wave.exec(), shadow);
  writeVector(wave, to, fetch(wave, from, temporary), shadow, wave.exec());
}

void tinyc::emulator::amd::addLaneOps(std::vector<SpecialOp> &table) {
  table.push_back({"v_readlane_b32", runReadLane, Class::Vector, "Dss"});
  table.push_back({"v_readfirstlane_b32", runReadFirstLane, Class::Vector, "Ds"});
  table.push_back({"v_writelane_b32", runWriteLane, Class::Vector, "Dss"});
  table.push_back({"v_permlane16_b32", runPermLane, Class::Vector, "Dsss", 0, 0});
  table.push_back({"v_permlanex16_b32", runPermLane, Class::Vector, "Dsss", 0, 1});
  table.push_back({"v_mbcnt_lo_u32_b32", runBitsBelow, Class::Vector, "Dss", 0, 0});
  table.push_back({"v_mbcnt_hi_u32_b32", runBitsBelow, Class::Vector, "Dss", 0, 1});
  table.push_back({"v_swap_b32", runSwap, Class::Vector, "DD"});
  table.push_back({"v_swap_b16", runSwapHalves, Class::Vector, "DD"});
  table.push_back({"v_movrels_b32", runMoveRelative, Class::Vector, "Ds", 0, 0});
  table.push_back({"v_movreld_b32", runMoveRelative, Class::Vector, "Ds", 0, 1});
  table.push_back({"v_nop", [](Wave &, const Instruction &) {}, Class::Vector, "-"});
}
