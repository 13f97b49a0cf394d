// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Wave matrix multiply-accumulate of gfx11, waves of 32. Layouts: AMD's "RDNA3 Instruction Set Architecture", section
// 7.9, and the layouts drawn in AMD's matrix instruction calculator:
//   A: lane l holds row l % 16, elements 2i and 2i + 1 of K in register i (four of 8 bits for iu8);
//   B: lane l holds column l % 16, in the same order of K; both are repeated in lanes 16-31;
//   C, D: register i of lane l holds row 2i + l / 16, column l % 16.
// All lanes must be active. A matrix instruction whose A or B is the result of the matrix instruction just before it
// needs another vector instruction in between.

#include "VectorEval.h"
#include "Wave.h"
#include <bit>
#include <cmath>
#include <cstring>

using namespace tinyc::emulator::amd;

namespace {

constexpr unsigned kTile = 16;
enum MatrixKind : uint8_t { FloatFromHalf, FloatFromBrain, HalfFromHalf, BrainFromBrain, IntFromBytes, IntFromNibbles };

unsigned sourceRegisters(MatrixKind kind) { return kind == IntFromBytes ? 4 : kind == IntFromNibbles ? 2 : 8; }

bool overlaps(const Operand &d, const Operand &s, unsigned registers) {
  return s.kind == OperandKind::Vector && s.reg < d.reg + 8u && d.reg < s.reg + registers;
}

void checkHazard(Wave &wave, const Instruction &instruction, unsigned registers) {
  uint32_t last = wave.lastMatrix;
  wave.lastMatrix = wave.current;
  if (last == ~0u || last >= wave.current || wave.current - last > 8)
    return;
  const auto &all = wave.program->instructions;
  for (uint32_t at = last + 1; at < wave.current; ++at)
    if (all[at].cls == Class::Vector || all[at].cls == Class::Transcendental || all[at].cls == Class::Branch)
      return;
  const Operand &d = all[last].d[0];
  if (overlaps(d, instruction.s[0], registers) || overlaps(d, instruction.s[1], registers))
    fault(-1, "expected a vector instruction between this and the matrix instruction whose result is its A or B, found "
              "none");
}

/// Checks that both halves of the wave hold the same; returns the lanes (of 16) with undefined bits.
uint32_t checkReplicated(Wave &wave, const Operand &operand, unsigned registers, const char *name) {
  uint32_t undefined = 0;
  for (unsigned i = 0; i < registers; ++i) {
    unsigned reg = operand.reg + i;
    uint32_t poison = wave.poison[reg];
    undefined |= (poison | poison >> 16) & 0xffff;
    const uint32_t *v = wave.v(reg);
    for (unsigned lane = 0; lane < kTile; ++lane)
      if (v[lane] != v[lane + kTile] && !((poison >> lane | poison >> (lane + kTile)) & 1))
        fault(int(lane + kTile), std::string("expected lanes ") + std::to_string(lane) + " and " +
                                     std::to_string(lane + kTile) + " to hold the same part of " + name + ", found v" +
                                     std::to_string(reg) + " different");
  }
  return undefined;
}

float widen(uint16_t bits, bool brain) {
  return brain ? std::bit_cast<float>(uint32_t(bits) << 16) : float(std::bit_cast<_Float16>(bits));
}
uint16_t narrowBrain(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  if (x != x)
    return uint16_t(bits >> 16 | 0x40);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// elements[k][lane]: transposed, so that the inner loop runs over lanes.
void readFloats(Wave &wave, const Operand &operand, bool brain, float elements[kTile][kTile]) {
  uint16_t flipLow = operand.negate ? 0x8000 : 0, flipHigh = operand.negateHigh ? 0x8000 : 0;
  for (unsigned i = 0; i < 8; ++i) {
    const uint32_t *v = wave.v(operand.reg + i);
    for (unsigned lane = 0; lane < kTile; ++lane) {
      elements[2 * i][lane] = widen(uint16_t(v[lane]) ^ flipLow, brain);
      elements[2 * i + 1][lane] = widen(uint16_t(v[lane] >> 16) ^ flipHigh, brain);
    }
  }
}

void multiplyFloats(const float a[kTile][kTile], const float b[kTile][kTile], MatrixKind kind, float d[kTile][kTile]) {
  for (unsigned row = 0; row < kTile; ++row)
    for (unsigned k = 0; k < kTile; ++k) {
      float x = a[k][row];
      for (unsigned column = 0; column < kTile; ++column)
        d[row][column] = std::fma(x, b[k][column], d[row][column]);
      // Accumulators of 16 bits: the document leaves open where they round; after every pair is the worst.
      if (kind == HalfFromHalf && k % 2)
        for (unsigned column = 0; column < kTile; ++column)
          d[row][column] = float(_Float16(d[row][column]));
      if (kind == BrainFromBrain && k % 2)
        for (unsigned column = 0; column < kTile; ++column)
          d[row][column] = widen(narrowBrain(d[row][column]), true);
    }
}

int32_t elementOf(Wave &wave, const Operand &operand, MatrixKind kind, unsigned lane, unsigned k) {
  unsigned width = kind == IntFromBytes ? 8 : 4, perWord = 32 / width;
  uint32_t bits = wave.v(operand.reg + k / perWord)[lane] >> width * (k % perWord) & ((1u << width) - 1);
  return operand.negate ? int32_t(bits << (32 - width)) >> (32 - width) : int32_t(bits); // neg_lo: signed
}

void multiplyIntegers(Wave &wave, const Instruction &instruction, MatrixKind kind, const uint32_t c[8][kLanes],
                      uint32_t d[8][kLanes]) {
  int32_t a[kTile][kTile], b[kTile][kTile];
  for (unsigned lane = 0; lane < kTile; ++lane)
    for (unsigned k = 0; k < kTile; ++k) {
      a[lane][k] = elementOf(wave, instruction.s[0], kind, lane, k);
      b[lane][k] = elementOf(wave, instruction.s[1], kind, lane, k);
    }
  for (unsigned i = 0; i < 8; ++i)
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      int64_t sum = int32_t(c[i][lane]);
      for (unsigned k = 0; k < kTile; ++k)
        sum += a[2 * i + lane / kTile][k] * b[lane % kTile][k];
      if (instruction.clamp)
        sum = sum < INT32_MIN ? INT32_MIN : sum > INT32_MAX ? INT32_MAX : sum;
      d[i][lane] = uint32_t(sum);
    }
}

void runMatrix(Wave &wave, const Instruction &instruction) {
  const MatrixKind kind = MatrixKind(instruction.element);
  const Operand &a = instruction.s[0], &b = instruction.s[1], &c = instruction.s[2], &d = instruction.d[0];
  const unsigned registers = sourceRegisters(kind);
  if (wave.exec() != ~0u)
    fault(-1, "expected all lanes active for a matrix instruction, found some inactive");
  checkHazard(wave, instruction, registers);
  uint32_t undefinedRows = checkReplicated(wave, a, registers, "A");
  uint32_t undefinedColumns = checkReplicated(wave, b, registers, "B");

  bool half = kind == HalfFromHalf || kind == BrainFromBrain;
  alignas(64) uint32_t cWords[8][kLanes], dWords[8][kLanes], shadows[8][kLanes] = {};
  bool undefined = undefinedRows | undefinedColumns;
  for (unsigned i = 0; i < 8; ++i) {
    if (c.kind == OperandKind::Vector) {
      std::memcpy(cWords[i], wave.v(c.reg + i), sizeof cWords[i]);
      for (uint32_t left = wave.poison[c.reg + i]; left; left &= left - 1) {
        unsigned lane = unsigned(std::countr_zero(left));
        uint32_t used = half ? (c.high ? 0xffff0000 : 0xffff) : ~0u;
        if (wave.shadow(c.reg + i)[lane] & used)
          shadows[i][lane] = ~0u, undefined = true;
      }
    } else {
      if (half && c.value)
        fault(-1, "a constant other than 0 as C of a 16-bit matrix instruction is not implemented");
      std::memcpy(cWords[i], c.spread, sizeof cWords[i]);
    }
  }
  if (kind == IntFromBytes || kind == IntFromNibbles) {
    multiplyIntegers(wave, instruction, kind, cWords, dWords);
  } else {
    bool brain = kind == FloatFromBrain || kind == BrainFromBrain;
    alignas(64) float x[kTile][kTile], y[kTile][kTile], sum[kTile][kTile];
    readFloats(wave, a, brain, x);
    readFloats(wave, b, brain, y);
    for (unsigned i = 0; i < 8; ++i)
      for (unsigned lane = 0; lane < kLanes; ++lane) {
        uint32_t bits = cWords[i][lane];
        uint16_t part = uint16_t(c.high ? bits >> 16 : bits);
        float value = half ? widen(part, brain) : std::bit_cast<float>(bits);
        if (c.negateHigh) // neg_hi of C is its absolute value
          value = std::fabs(value);
        sum[2 * i + lane / kTile][lane % kTile] = c.negate ? -value : value;
      }
    multiplyFloats(x, y, kind, sum);
    for (unsigned i = 0; i < 8; ++i)
      for (unsigned lane = 0; lane < kLanes; ++lane) {
        float value = sum[2 * i + lane / kTile][lane % kTile];
        if (!half) {
          dWords[i][lane] = std::bit_cast<uint32_t>(value);
          continue;
        }
        uint32_t bits = brain ? narrowBrain(value) : std::bit_cast<uint16_t>(_Float16(value));
        uint32_t old = wave.v(d.reg + i)[lane]; // the other half of the register is kept
        dWords[i][lane] = c.high ? (old & 0xffff) | bits << 16 : (old & 0xffff0000) | bits;
      }
  }
  for (unsigned i = 0; i < 8; ++i) {
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      uint32_t used = half ? (c.high ? 0xffff0000 : 0xffff) : ~0u;
      if ((undefinedRows >> (2 * i + lane / kTile) | undefinedColumns >> (lane % kTile)) & 1)
        shadows[i][lane] = ~0u;
      shadows[i][lane] &= used;
      if (half && wave.poison[d.reg + i] >> lane & 1) {
        shadows[i][lane] |= wave.shadow(d.reg + i)[lane] & ~used;
        undefined |= shadows[i][lane] != 0;
      }
    }
    if (undefined)
      writeVector(wave, d.reg + i, dWords[i], shadows[i], ~0u);
    else
      writeVector(wave, d.reg + i, dWords[i], ~0u);
  }
}

} // namespace

void tinyc::emulator::amd::addMatrixOps(std::vector<SpecialOp> &table) {
  table.push_back({"v_wmma_f32_16x16x16_f16", runMatrix, Class::Matrix, "Dsss", 0, FloatFromHalf});
  table.push_back({"v_wmma_f32_16x16x16_bf16", runMatrix, Class::Matrix, "Dsss", 0, FloatFromBrain});
  table.push_back({"v_wmma_f16_16x16x16_f16", runMatrix, Class::Matrix, "Dsss", 0, HalfFromHalf});
  table.push_back({"v_wmma_bf16_16x16x16_bf16", runMatrix, Class::Matrix, "Dsss", 0, BrainFromBrain});
  table.push_back({"v_wmma_i32_16x16x16_iu8", runMatrix, Class::Matrix, "Dsss", 0, IntFromBytes});
  table.push_back({"v_wmma_i32_16x16x16_iu4", runMatrix, Class::Matrix, "Dsss", 0, IntFromNibbles});
}
