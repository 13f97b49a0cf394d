// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The widths and extensions that vector loads and stores come in, the same for global, flat and scratch addresses.

#ifndef TINYC_TEST_EMULATORS_HIP_MEMORYFORMS_H
#define TINYC_TEST_EMULATORS_HIP_MEMORYFORMS_H

#include "Wave.h"
#include <cstring>

namespace tinyc::emulator::amd {

enum LoadForm : uint8_t { Words, U8, I8, U16, I16, LowB16, HighB16, LowU8, LowI8, HighU8, HighI8 };
enum MemoryFlag : uint8_t { FlatAddress = 16, StoreHigh = 32 };

/// Which halves of its register a load writes.
constexpr unsigned halvesOf(LoadForm form) {
  return form == LowB16 || form == LowU8 || form == LowI8      ? 1
         : form == HighB16 || form == HighU8 || form == HighI8 ? 2
                                                               : 3;
}

struct LoadName {
  const char *global, *flat, *scratch;
  uint8_t bytes;
  LoadForm form;
};
inline constexpr LoadName kLoadNames[] = {
    {"global_load_u8", "flat_load_u8", "scratch_load_u8", 1, U8},
    {"global_load_i8", "flat_load_i8", "scratch_load_i8", 1, I8},
    {"global_load_u16", "flat_load_u16", "scratch_load_u16", 2, U16},
    {"global_load_i16", "flat_load_i16", "scratch_load_i16", 2, I16},
    {"global_load_b32", "flat_load_b32", "scratch_load_b32", 4, Words},
    {"global_load_b64", "flat_load_b64", "scratch_load_b64", 8, Words},
    {"global_load_b96", "flat_load_b96", "scratch_load_b96", 12, Words},
    {"global_load_b128", "flat_load_b128", "scratch_load_b128", 16, Words},
    {"global_load_d16_b16", "flat_load_d16_b16", "scratch_load_d16_b16", 2, LowB16},
    {"global_load_d16_hi_b16", "flat_load_d16_hi_b16", "scratch_load_d16_hi_b16", 2, HighB16},
    {"global_load_d16_u8", "flat_load_d16_u8", "scratch_load_d16_u8", 1, LowU8},
    {"global_load_d16_i8", "flat_load_d16_i8", "scratch_load_d16_i8", 1, LowI8},
    {"global_load_d16_hi_u8", "flat_load_d16_hi_u8", "scratch_load_d16_hi_u8", 1, HighU8},
    {"global_load_d16_hi_i8", "flat_load_d16_hi_i8", "scratch_load_d16_hi_i8", 1, HighI8},
};

struct StoreName {
  const char *global, *flat, *scratch;
  uint8_t bytes;
  bool high;
};
inline constexpr StoreName kStoreNames[] = {
    {"global_store_b8", "flat_store_b8", "scratch_store_b8", 1, false},
    {"global_store_b16", "flat_store_b16", "scratch_store_b16", 2, false},
    {"global_store_b32", "flat_store_b32", "scratch_store_b32", 4, false},
    {"global_store_b64", "flat_store_b64", "scratch_store_b64", 8, false},
    {"global_store_b96", "flat_store_b96", "scratch_store_b96", 12, false},
    {"global_store_b128", "flat_store_b128", "scratch_store_b128", 16, false},
    {"global_store_d16_hi_b8", "flat_store_d16_hi_b8", "scratch_store_d16_hi_b8", 1, true},
    {"global_store_d16_hi_b16", "flat_store_d16_hi_b16", "scratch_store_d16_hi_b16", 2, true},
};

void scratchLoadLane(Wave &wave, uint32_t offset, uint32_t bytes, int lane, uint8_t *data, uint8_t *states);
void scratchStoreLane(Wave &wave, uint32_t offset, uint32_t bytes, int lane, const uint8_t *data);

/// Collects what the lanes of one load get, then writes it to the registers.
class LoadedLanes {
public:
  LoadedLanes(Wave &wave, unsigned reg, LoadForm form, uint32_t bytes)
      : wave(wave), reg(reg), form(form), words((bytes + 3) / 4), bytes(bytes) {}

  /// `states` has a byte for each byte of `data`: not 0 where it is undefined.
  void set(unsigned lane, const uint8_t *data, const uint8_t *states) {
    uint64_t undefined = 0;
    if (form == Words) {
      uint32_t w[4];
      for (unsigned i = 0; i < words; ++i) // not one memcpy: its size is not known, and it would be a call
        std::memcpy(&w[i], data + 4 * i, 4);
      for (unsigned i = 0; i < words; ++i) {
        values[i][lane] = w[i];
        uint32_t state;
        std::memcpy(&state, states + 4 * i, 4);
        if (state) {
          uint32_t bits = 0;
          for (unsigned b = 0; b < 4; ++b)
            bits |= states[4 * i + b] ? 0xffu << 8 * b : 0;
          setShadow(i, lane, bits);
        }
      }
      return;
    }
    uint32_t raw = bytes == 1 ? data[0] : uint32_t(data[0] | data[1] << 8);
    for (unsigned b = 0; b < bytes; ++b)
      undefined |= states[b];
    switch (form) {
    case I8:
    case LowI8:
    case HighI8:
      raw = uint32_t(int32_t(int8_t(raw)));
      break;
    case I16:
      raw = uint32_t(int32_t(int16_t(raw)));
      break;
    default:
      break;
    }
    bool low = form == LowB16 || form == LowU8 || form == LowI8;
    bool high = form == HighB16 || form == HighU8 || form == HighI8;
    uint32_t keep = low ? 0xffff0000 : high ? 0xffff : 0;
    if (high)
      raw <<= 16;
    uint32_t old = wave.v(reg)[lane];
    values[0][lane] = (old & keep) | (raw & ~keep);
    uint32_t bits = wave.poison[reg] >> lane & 1 ? wave.shadow(reg)[lane] & keep : 0;
    if (undefined)
      bits |= ~keep;
    if (bits)
      setShadow(0, lane, bits);
  }

  void commit(uint32_t lanes) {
    for (unsigned i = 0; i < words; ++i)
      if (anyUndefined)
        writeVector(wave, reg + i, values[i], shadows[i], lanes);
      else
        writeVector(wave, reg + i, values[i], lanes);
  }

private:
  void setShadow(unsigned word, unsigned lane, uint32_t bits) {
    if (!anyUndefined)
      std::memset(shadows, 0, sizeof shadows);
    anyUndefined = true;
    shadows[word][lane] = bits;
  }

  Wave &wave;
  unsigned reg;
  LoadForm form;
  unsigned words;
  uint32_t bytes;
  bool anyUndefined = false;
  alignas(64) uint32_t values[4][kLanes];
  alignas(64) uint32_t shadows[4][kLanes];
};

} // namespace tinyc::emulator::amd

#endif
