// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Applies vector operations to waves: sources are fetched with their modifiers and lane permutation, the pure operation
// is called, and the active lanes are written.
//
// Undefined bits are followed without a second definition of each operation: when a source has some, the operation is
// evaluated with those bits filled in several ways, and bits of the result that come out different are undefined too.
// Filling with ones makes floats NaN, so arithmetic on undefined values shows; a mask or a select that discards them
// does not.

#include "VectorEval.h"
#include "Wave.h"
#include <cstring>

using namespace tinyc::emulator::amd;

namespace {

struct Sources {
  alignas(64) uint32_t temporary[3][2 * kLanes];
  const uint32_t *values[3] = {};
};

/// Lanes that DPP lets be written; `valid` those whose source lane exists (and is active).
uint32_t dppWritable(const Dpp &dpp, uint32_t exec, uint32_t &valid) {
  uint32_t writable = 0;
  valid = 0;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    bool enabled = dpp.eight || ((dpp.rowMask >> (lane / 16) & 1) && (dpp.bankMask >> (lane / 4 % 4) & 1));
    int from = dpp.source[lane];
    bool ok = from >= 0 && (dpp.fetchInactive || (exec >> from & 1));
    valid |= uint32_t(ok) << lane;
    if (enabled && (ok || dpp.boundControl))
      writable |= 1u << lane;
  }
  return writable;
}

void permute(const Dpp &dpp, uint32_t valid, const uint32_t *from, uint32_t *to, unsigned words) {
  for (unsigned word = 0; word < words; ++word)
    for (unsigned lane = 0; lane < kLanes; ++lane)
      to[word * kLanes + lane] = valid >> lane & 1 ? from[word * kLanes + dpp.source[lane]] : 0;
}

void flush(uint32_t *values, Type type) {
  for (unsigned lane = 0; lane < kLanes; ++lane)
    if (type == Type::F32) {
      if (!(values[lane] & 0x7f800000))
        values[lane] &= 0x80000000;
    } else if (type == Type::F16) {
      if (!(values[lane] & 0x7c00))
        values[lane] &= 0x8000;
    } else if (!(values[lane + kLanes] & 0x7ff00000)) {
      values[lane] = 0;
      values[lane + kLanes] &= 0x80000000;
    }
}

bool flushes(const Context &context, Type type) {
  return type == Type::F32 ? context.flush32 : (type == Type::F16 || type == Type::F64) && context.flush16;
}

unsigned wordsOf(Type type) { return type == Type::B64 || type == Type::F64 ? 2 : 1; }

float clampUnit(float x) { return !(x > 0) ? 0.0f : x > 1 ? 1.0f : x; }

/// Output modifiers of floats: a power of two, then clamping to [0, 1] (NaN becomes 0: DX10_CLAMP).
void modifyResult(uint32_t *d, const Instruction &instruction, Type type) {
  float scale = float(1 << (instruction.outputScale & 3)) * (instruction.outputScale < 0 ? 0.125f : 1.0f);
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if (type == Type::F32) {
      float x = loadLane<float>(d, lane) * scale;
      storeLane<float>(d, lane, instruction.clamp ? clampUnit(x) : x);
    } else if (type == Type::F16) {
      float x = float(loadLane<_Float16>(d, lane)) * scale;
      storeLane<_Float16>(d, lane, _Float16(instruction.clamp ? clampUnit(x) : x));
    } else if (type == Type::F64) {
      double x = loadLane<double>(d, lane) * scale;
      storeLane<double>(d, lane, !instruction.clamp ? x : !(x > 0) ? 0.0 : x > 1 ? 1.0 : x);
    } else if (type == Type::PackedFloat) {
      uint32_t low = d[lane] & 0xffff, high = d[lane] >> 16;
      auto unit = [](uint16_t h) {
        return uint32_t(std::bit_cast<uint16_t>(_Float16(clampUnit(float(std::bit_cast<_Float16>(h))))));
      };
      d[lane] = unit(low) | unit(high) << 16;
    }
  }
}

struct Evaluated {
  alignas(64) uint32_t d[2 * kLanes];
  alignas(64) uint32_t shadow[2 * kLanes];
  uint32_t mask = 0, maskShadow = 0;
  uint32_t lanes = 0; // to be written
  bool undefined = false;
};

void call(const Instruction &instruction, const uint32_t *const values[3], Context &context, uint32_t *d) {
  const uint32_t *in[3] = {values[0], values[1], values[2]};
  alignas(64) uint32_t flushed[3][2 * kLanes];
  if (context.flush32 || context.flush16)
    for (unsigned i = 0; i < instruction.sources; ++i)
      if (flushes(context, instruction.s[i].type)) {
        std::memcpy(flushed[i], in[i], sizeof(uint32_t) * kLanes * wordsOf(instruction.s[i].type));
        flush(flushed[i], instruction.s[i].type);
        in[i] = flushed[i];
      }
  instruction.vector(d, in[0], in[1], in[2], context);
  if (flushes(context, instruction.d[0].type))
    flush(d, instruction.d[0].type);
  if (instruction.clamp || instruction.outputScale)
    modifyResult(d, instruction, instruction.d[0].type);
}

/// The slow path: some source bit is undefined.
void evaluateUndefined(const Instruction &instruction, const uint32_t *const values[3],
                       const uint32_t shadows[3][2 * kLanes], Context &context, uint32_t maskShadow,
                       Evaluated &result) {
  std::memset(result.shadow, 0, sizeof result.shadow);
  result.maskShadow = 0;
  const uint32_t maskIn = context.maskIn;
  for (unsigned fill = 0; fill < 4; ++fill) {
    alignas(64) uint32_t filled[3][2 * kLanes], d[2 * kLanes];
    const uint32_t *in[3] = {};
    uint32_t noise = 0x9e3779b9;
    for (unsigned i = 0; i < instruction.sources; ++i) {
      unsigned count = kLanes * wordsOf(instruction.s[i].type);
      for (unsigned j = 0; j < count; ++j) {
        noise = noise * 1664525 + 1013904223;
        uint32_t pattern = fill == 0 ? 0 : fill == 1 ? ~0u : fill == 2 ? noise ^ noise >> 16 : ~(noise ^ noise >> 16);
        filled[i][j] = (values[i][j] & ~shadows[i][j]) | (pattern & shadows[i][j]);
      }
      in[i] = filled[i];
    }
    context.maskIn = (maskIn & ~maskShadow) | ((fill & 1 ? ~0u : 0u) & maskShadow);
    if (fill == 0) {
      call(instruction, in, context, result.d);
      result.mask = context.maskOut;
      continue;
    }
    call(instruction, in, context, d);
    result.maskShadow |= context.maskOut ^ result.mask;
    if (instruction.d[0].type != Type::None)
      for (unsigned j = 0; j < kLanes * wordsOf(instruction.d[0].type); ++j)
        result.shadow[j] |= d[j] ^ result.d[j];
  }
  result.undefined = true;
}

void evaluate(Wave &wave, const Instruction &instruction, Evaluated &result) {
  Sources sources;
  Context context;
  context.exec = wave.exec();
  context.flush32 = (wave.mode >> 4 & 3) != 3;
  context.flush16 = (wave.mode >> 6 & 3) != 3;
  result.lanes = context.exec;
  uint32_t valid = ~0u;
  for (unsigned i = 0; i < instruction.sources; ++i)
    sources.values[i] = fetch(wave, instruction.s[i], sources.temporary[i]);
  if (instruction.dpp) {
    result.lanes &= dppWritable(*instruction.dpp, context.exec, valid);
    alignas(64) uint32_t moved[2 * kLanes];
    unsigned words = wordsOf(instruction.s[0].type);
    permute(*instruction.dpp, valid, sources.values[0], moved, words);
    std::memcpy(sources.temporary[0], moved, words * kLanes * 4);
    sources.values[0] = sources.temporary[0];
  }
  uint64_t maskShadow = 0;
  if (instruction.s[3].kind != OperandKind::None)
    context.maskIn = uint32_t(readScalar(wave, instruction.s[3], maskShadow));

  bool undefined = maskShadow & context.exec;
  for (unsigned i = 0; i < instruction.sources && !undefined; ++i) {
    const Operand &operand = instruction.s[i];
    if (operand.kind == OperandKind::Vector)
      undefined = (wave.poison[operand.reg] | (operand.words > 1 ? wave.poison[operand.reg + 1] : 0)) &
                  (instruction.dpp ? ~0u : context.exec);
    else if (operand.kind == OperandKind::Scalar)
      undefined = wave.scalarShadow[operand.reg] | (operand.words > 1 ? wave.scalarShadow[operand.reg + 1] : 0);
  }
  if (!undefined) {
    call(instruction, sources.values, context, result.d);
    result.mask = context.maskOut;
    return;
  }
  alignas(64) uint32_t shadows[3][2 * kLanes];
  for (unsigned i = 0; i < instruction.sources; ++i) {
    bool some = fetchShadow(wave, instruction.s[i], instruction.dpp && i == 0 ? ~0u : context.exec, shadows[i]);
    if (some && instruction.dpp && i == 0) {
      alignas(64) uint32_t moved[2 * kLanes];
      unsigned words = wordsOf(instruction.s[0].type);
      permute(*instruction.dpp, valid, shadows[0], moved, words);
      std::memcpy(shadows[0], moved, words * kLanes * 4);
    }
  }
  evaluateUndefined(instruction, sources.values, shadows, context, uint32_t(maskShadow), result);
}

/// Writes half a register: the other half keeps its value.
void writeHalf(Wave &wave, const Operand &operand, const Evaluated &result) {
  uint32_t *v = wave.v(operand.reg), *shadow = wave.shadow(operand.reg);
  unsigned shift = operand.high ? 16 : 0;
  uint32_t keep = operand.high ? 0xffff : 0xffff0000;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if (!(result.lanes >> lane & 1))
      continue;
    uint32_t bit = 1u << lane;
    uint32_t old = wave.poison[operand.reg] & bit ? shadow[lane] : 0;
    v[lane] = (v[lane] & keep) | (result.d[lane] & 0xffff) << shift;
    uint32_t undefined = (old & keep) | (result.undefined ? (result.shadow[lane] & 0xffff) << shift : 0);
    shadow[lane] = undefined;
    wave.poison[operand.reg] = undefined ? wave.poison[operand.reg] | bit : wave.poison[operand.reg] & ~bit;
  }
}

void commit(Wave &wave, const Instruction &instruction, const Evaluated &result) {
  const Operand &d = instruction.d[0];
  if (d.kind == OperandKind::Vector) {
    if (d.type == Type::B16 || d.type == Type::F16) {
      writeHalf(wave, d, result);
    } else
      for (unsigned word = 0; word < d.words; ++word)
        if (result.undefined)
          writeVector(wave, d.reg + word, result.d + word * kLanes, result.shadow + word * kLanes, result.lanes);
        else
          writeVector(wave, d.reg + word, result.d + word * kLanes, result.lanes);
  }
  const Operand &m = instruction.d[1];
  if (m.kind == OperandKind::Scalar)
    writeScalar(wave, m.reg, 1, result.mask & result.lanes, result.undefined ? result.maskShadow & result.lanes : 0);
}

} // namespace

void tinyc::emulator::amd::runVector(Wave &wave, const Instruction &instruction) {
  Evaluated result;
  evaluate(wave, instruction, result);
  commit(wave, instruction, result);
}

/// v_cmpx: the comparison's result becomes EXEC.
void tinyc::emulator::amd::runVectorCompareExec(Wave &wave, const Instruction &instruction) {
  Evaluated result;
  evaluate(wave, instruction, result);
  if (result.undefined && (result.maskShadow & result.lanes))
    fault(std::countr_zero(result.maskShadow & result.lanes), "an undefined value decides which lanes go on");
  writeScalar(wave, EXEC, 1, result.mask & result.lanes, 0);
}

/// Both halves of v_dual read their sources before either writes.
void tinyc::emulator::amd::runDual(Wave &wave, const Instruction &instruction) {
  Evaluated x, y;
  evaluate(wave, instruction, x);
  evaluate(wave, *instruction.dual, y);
  commit(wave, instruction, x);
  commit(wave, *instruction.dual, y);
}
