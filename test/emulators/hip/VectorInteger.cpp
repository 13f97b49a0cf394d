// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integer vector operations of 16, 32 and 64 bits, and those on packed pairs of 16 bits. Semantics: AMD's "RDNA3
// Instruction Set Architecture", chapter 16.

#include "VectorEval.h"
#include <algorithm>
#include <bit>
#include <limits>

using namespace tinyc::emulator::amd;

using u8 = uint8_t;
using u16 = uint16_t;
using i16 = int16_t;
using u32 = uint32_t;
using i32 = int32_t;
using u64 = uint64_t;
using i64 = int64_t;

namespace {

constexpr i32 signed24(u32 x) { return i32(x << 8) >> 8; }
constexpr u32 reverse(u32 x) {
  u32 r = 0;
  for (unsigned i = 0; i < 32; ++i)
    r |= (x >> i & 1) << (31 - i);
  return r;
}
template <typename T> constexpr T saturate(i64 x) {
  return T(std::clamp<i64>(x, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}
constexpr u32 median(u32 a, u32 b, u32 c) { return std::max(std::min(a, b), std::min(std::max(a, b), c)); }
constexpr i32 median(i32 a, i32 b, i32 c) { return std::max(std::min(a, b), std::min(std::max(a, b), c)); }

/// One byte of v_perm's result: 0-7 pick a byte of {a, b}, 8-11 a sign, 12 zero, above all ones.
constexpr u32 permuted(u32 a, u32 b, u32 select) {
  u64 data = u64(a) << 32 | b;
  if (select < 8)
    return u32(data >> 8 * select) & 0xff;
  if (select < 12)
    return data >> (16 * (select - 8) + 15) & 1 ? 0xff : 0;
  return select == 12 ? 0 : 0xff;
}
constexpr u32 absoluteBytes(u32 a, u32 b) {
  u32 sum = 0;
  for (unsigned i = 0; i < 32; i += 8) {
    i32 d = i32(a >> i & 0xff) - i32(b >> i & 0xff);
    sum += u32(d < 0 ? -d : d);
  }
  return sum;
}
template <bool SignA, bool SignB> constexpr i64 dot4(u32 a, u32 b) {
  i64 sum = 0;
  for (unsigned i = 0; i < 32; i += 8)
    sum += i64(SignA ? int8_t(a >> i) : i32(u8(a >> i))) * (SignB ? int8_t(b >> i) : i32(u8(b >> i)));
  return sum;
}

void addMoves(std::vector<VectorOp> &t) {
  t.push_back(op<[](u32 a) { return a; }>("v_mov_b32"));
  t.push_back(op<[](u16 a) { return a; }>("v_mov_b16"));
  t.push_back(op<[](u32 a) { return ~a; }>("v_not_b32"));
  t.push_back(op<[](u16 a) { return u16(~a); }>("v_not_b16"));
  t.push_back(op<[](u32 a) { return reverse(a); }>("v_bfrev_b32"));
  t.push_back(op<[](u32 a) { return u32(a ? std::countl_zero(a) : -1); }>("v_clz_i32_u32"));
  t.push_back(op<[](u32 a) { return u32(a ? std::countr_zero(a) : -1); }>("v_ctz_i32_b32"));
  t.push_back(op<[](i32 a) {
    u32 x = u32(a < 0 ? ~a : a);
    return u32(x ? std::countl_zero(x) : -1);
  }>("v_cls_i32"));
  t.push_back(op<[](u32 a, u32 b, bool m) { return m ? b : a; }>("v_cndmask_b32"));
  t.push_back(op<[](u16 a, u16 b, bool m) { return m ? b : a; }>("v_cndmask_b16"));
}

void addArithmetic(std::vector<VectorOp> &t) {
  t.push_back(op<[](u32 a, u32 b) { return a + b; }>("v_add_nc_u32"));
  t.push_back(op<[](u32 a, u32 b) { return a - b; }>("v_sub_nc_u32"));
  t.push_back(op<[](u32 a, u32 b) { return b - a; }>("v_subrev_nc_u32"));
  t.push_back(op<[](u32 a, u32 b) { return a + b; }>("v_add_nc_i32"));
  t.push_back(op<[](u32 a, u32 b) { return a - b; }>("v_sub_nc_i32"));
  t.push_back(op<[](u32 a, u32 b) { return u32(std::min<u64>(u64(a) + b, ~0u)); }>("v_add_nc_u32/clamp"));
  t.push_back(op<[](u32 a, u32 b) { return a < b ? 0 : a - b; }>("v_sub_nc_u32/clamp"));
  t.push_back(op<[](i32 a, i32 b) { return saturate<i32>(i64(a) + b); }>("v_add_nc_i32/clamp"));
  t.push_back(op<[](i32 a, i32 b) { return saturate<i32>(i64(a) - b); }>("v_sub_nc_i32/clamp"));
  t.push_back(op<[](u32 a, u32 b) { return WithMask<u32>{a + b, u64(a) + b > ~0u}; }>("v_add_co_u32"));
  t.push_back(op<[](u32 a, u32 b) { return WithMask<u32>{a - b, b > a}; }>("v_sub_co_u32"));
  t.push_back(op<[](u32 a, u32 b) { return WithMask<u32>{b - a, a > b}; }>("v_subrev_co_u32"));
  t.push_back(
      op<[](u32 a, u32 b, bool c) { return WithMask<u32>{a + b + c, u64(a) + b + c > ~0u}; }>("v_add_co_ci_u32"));
  t.push_back(op<[](u32 a, u32 b, bool c) { return WithMask<u32>{a - b - c, u64(b) + c > a}; }>("v_sub_co_ci_u32"));
  t.push_back(op<[](u32 a, u32 b, bool c) { return WithMask<u32>{b - a - c, u64(a) + c > b}; }>("v_subrev_co_ci_u32"));
  t.push_back(op<[](u32 a, u32 b) { return a * b; }>("v_mul_lo_u32"));
  t.push_back(op<[](u32 a, u32 b) { return u32(u64(a) * b >> 32); }>("v_mul_hi_u32"));
  t.push_back(op<[](i32 a, i32 b) { return u32(i64(a) * b >> 32); }>("v_mul_hi_i32"));
  t.push_back(op<[](u32 a, u32 b) { return (a & 0xffffff) * (b & 0xffffff); }>("v_mul_u32_u24"));
  t.push_back(op<[](u32 a, u32 b) { return u32(u64(a & 0xffffff) * (b & 0xffffff) >> 32); }>("v_mul_hi_u32_u24"));
  t.push_back(op<[](u32 a, u32 b) { return u32(signed24(a)) * u32(signed24(b)); }>("v_mul_i32_i24"));
  t.push_back(op<[](u32 a, u32 b) { return u32(i64(signed24(a)) * signed24(b) >> 32); }>("v_mul_hi_i32_i24"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return (a & 0xffffff) * (b & 0xffffff) + c; }>("v_mad_u32_u24"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return u32(signed24(a)) * u32(signed24(b)) + c; }>("v_mad_i32_i24"));
  t.push_back(op<[](u16 a, u16 b, u32 c) { return u32(a) * b + c; }>("v_mad_u32_u16"));
  t.push_back(op<[](i16 a, i16 b, u32 c) { return u32(i32(a) * b) + c; }>("v_mad_i32_i16"));
  t.push_back(op<[](u32 a, u32 b, u64 c) {
    u64 p = u64(a) * b;
    return WithMask<u64>{p + c, p + c < p};
  }>("v_mad_u64_u32"));
  t.push_back(op<[](i32 a, i32 b, i64 c) {
    i64 p = i64(a) * b, r;
    bool overflow = __builtin_add_overflow(p, c, &r);
    return WithMask<i64>{r, overflow};
  }>("v_mad_i64_i32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return a + b + c; }>("v_add3_u32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return (a << (b & 31)) + c; }>("v_lshl_add_u32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return (a + b) << (c & 31); }>("v_add_lshl_u32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return (a << (b & 31)) | c; }>("v_lshl_or_b32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return (a & b) | c; }>("v_and_or_b32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return a | b | c; }>("v_or3_b32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return (a ^ b) + c; }>("v_xad_u32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return a ^ b ^ c; }>("v_xor3_b32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return absoluteBytes(a, b) + c; }>("v_sad_u8"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return (a > b ? a - b : b - a) + c; }>("v_sad_u32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return u32(dot4<true, true>(a, b)) + c; }>("v_dot4_i32_iu8/ii"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return u32(dot4<true, false>(a, b)) + c; }>("v_dot4_i32_iu8/iu"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return u32(dot4<false, true>(a, b)) + c; }>("v_dot4_i32_iu8/ui"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return u32(dot4<false, false>(a, b)) + c; }>("v_dot4_i32_iu8/uu"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return u32(dot4<false, false>(a, b)) + c; }>("v_dot4_u32_u8"));
}

void addLogic(std::vector<VectorOp> &t) {
  t.push_back(op<[](u32 a, u32 b) { return a & b; }>("v_and_b32"));
  t.push_back(op<[](u32 a, u32 b) { return a | b; }>("v_or_b32"));
  t.push_back(op<[](u32 a, u32 b) { return a ^ b; }>("v_xor_b32"));
  t.push_back(op<[](u32 a, u32 b) { return ~(a ^ b); }>("v_xnor_b32"));
  t.push_back(op<[](u32 n, u32 a) { return a << (n & 31); }>("v_lshlrev_b32"));
  t.push_back(op<[](u32 n, u32 a) { return a >> (n & 31); }>("v_lshrrev_b32"));
  t.push_back(op<[](u32 n, i32 a) { return a >> (n & 31); }>("v_ashrrev_i32"));
  t.push_back(op<[](u32 n, u64 a) { return a << (n & 63); }>("v_lshlrev_b64"));
  t.push_back(op<[](u32 n, u64 a) { return a >> (n & 63); }>("v_lshrrev_b64"));
  t.push_back(op<[](u32 n, i64 a) { return a >> (n & 63); }>("v_ashrrev_i64"));
  t.push_back(op<[](u32 a, u32 s, u32 w) { return (a >> (s & 31)) & ((1u << (w & 31)) - 1); }>("v_bfe_u32"));
  t.push_back(op<[](i32 a, u32 s, u32 w) {
    u32 width = w & 31, field = u32(a >> (s & 31)) & ((1u << width) - 1);
    return width && (field >> (width - 1) & 1) ? field | ~((1u << width) - 1) : field;
  }>("v_bfe_i32"));
  t.push_back(op<[](u32 m, u32 a, u32 b) { return (m & a) | (~m & b); }>("v_bfi_b32"));
  t.push_back(op<[](u32 w, u32 s) { return ((1u << (w & 31)) - 1) << (s & 31); }>("v_bfm_b32"));
  t.push_back(op<[](u32 a, u32 b, u32 n) { return u32((u64(a) << 32 | b) >> (n & 31)); }>("v_alignbit_b32"));
  t.push_back(op<[](u32 a, u32 b, u32 n) { return u32((u64(a) << 32 | b) >> 8 * (n & 3)); }>("v_alignbyte_b32"));
  t.push_back(op<[](u32 a, u32 b, u32 s) {
    return permuted(a, b, s & 0xff) | permuted(a, b, s >> 8 & 0xff) << 8 | permuted(a, b, s >> 16 & 0xff) << 16 |
           permuted(a, b, s >> 24) << 24;
  }>("v_perm_b32"));
  t.push_back(op<[](u32 a, u32 b) { return u32(std::popcount(a)) + b; }>("v_bcnt_u32_b32"));
}

void addMinMax(std::vector<VectorOp> &t) {
  t.push_back(op<[](u32 a, u32 b) { return std::min(a, b); }>("v_min_u32"));
  t.push_back(op<[](u32 a, u32 b) { return std::max(a, b); }>("v_max_u32"));
  t.push_back(op<[](i32 a, i32 b) { return std::min(a, b); }>("v_min_i32"));
  t.push_back(op<[](i32 a, i32 b) { return std::max(a, b); }>("v_max_i32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return std::min({a, b, c}); }>("v_min3_u32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return std::max({a, b, c}); }>("v_max3_u32"));
  t.push_back(op<[](i32 a, i32 b, i32 c) { return std::min({a, b, c}); }>("v_min3_i32"));
  t.push_back(op<[](i32 a, i32 b, i32 c) { return std::max({a, b, c}); }>("v_max3_i32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return median(a, b, c); }>("v_med3_u32"));
  t.push_back(op<[](i32 a, i32 b, i32 c) { return median(a, b, c); }>("v_med3_i32"));
  t.push_back(op<[](i32 a, i32 b, i32 c) { return std::min(std::max(a, b), c); }>("v_maxmin_i32"));
  t.push_back(op<[](i32 a, i32 b, i32 c) { return std::max(std::min(a, b), c); }>("v_minmax_i32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return std::min(std::max(a, b), c); }>("v_maxmin_u32"));
  t.push_back(op<[](u32 a, u32 b, u32 c) { return std::max(std::min(a, b), c); }>("v_minmax_u32"));
}

void addShort(std::vector<VectorOp> &t) {
  t.push_back(op<[](u16 a, u16 b) { return u16(a + b); }>("v_add_nc_u16"));
  t.push_back(op<[](u16 a, u16 b) { return u16(a - b); }>("v_sub_nc_u16"));
  t.push_back(op<[](u16 a, u16 b) { return u16(a + b); }>("v_add_nc_i16"));
  t.push_back(op<[](u16 a, u16 b) { return u16(a - b); }>("v_sub_nc_i16"));
  t.push_back(op<[](u16 a, u16 b) { return saturate<u16>(i64(a) + b); }>("v_add_nc_u16/clamp"));
  t.push_back(op<[](u16 a, u16 b) { return saturate<u16>(i64(a) - b); }>("v_sub_nc_u16/clamp"));
  t.push_back(op<[](i16 a, i16 b) { return saturate<i16>(i64(a) + b); }>("v_add_nc_i16/clamp"));
  t.push_back(op<[](i16 a, i16 b) { return saturate<i16>(i64(a) - b); }>("v_sub_nc_i16/clamp"));
  t.push_back(op<[](u16 a, u16 b) { return u16(u32(a) * b); }>("v_mul_lo_u16"));
  t.push_back(op<[](u16 a, u16 b, u16 c) { return u16(u32(a) * b + c); }>("v_mad_u16"));
  t.push_back(op<[](u16 a, u16 b, u16 c) { return u16(u32(a) * b + c); }>("v_mad_i16"));
  t.push_back(op<[](u16 a, u16 b) { return u16(a & b); }>("v_and_b16"));
  t.push_back(op<[](u16 a, u16 b) { return u16(a | b); }>("v_or_b16"));
  t.push_back(op<[](u16 a, u16 b) { return u16(a ^ b); }>("v_xor_b16"));
  t.push_back(op<[](u16 n, u16 a) { return u16(a << (n & 15)); }>("v_lshlrev_b16"));
  t.push_back(op<[](u16 n, u16 a) { return u16(a >> (n & 15)); }>("v_lshrrev_b16"));
  t.push_back(op<[](u16 n, i16 a) { return i16(a >> (n & 15)); }>("v_ashrrev_i16"));
  t.push_back(op<[](u16 a, u16 b) { return std::min(a, b); }>("v_min_u16"));
  t.push_back(op<[](u16 a, u16 b) { return std::max(a, b); }>("v_max_u16"));
  t.push_back(op<[](i16 a, i16 b) { return std::min(a, b); }>("v_min_i16"));
  t.push_back(op<[](i16 a, i16 b) { return std::max(a, b); }>("v_max_i16"));
  t.push_back(op<[](u16 a, u16 b, u16 c) { return std::min({a, b, c}); }>("v_min3_u16"));
  t.push_back(op<[](u16 a, u16 b, u16 c) { return std::max({a, b, c}); }>("v_max3_u16"));
  t.push_back(op<[](i16 a, i16 b, i16 c) { return std::min({a, b, c}); }>("v_min3_i16"));
  t.push_back(op<[](i16 a, i16 b, i16 c) { return std::max({a, b, c}); }>("v_max3_i16"));
  t.push_back(op<[](u16 a, u16 b, u16 c) { return u16(median(u32(a), u32(b), u32(c))); }>("v_med3_u16"));
  t.push_back(op<[](i16 a, i16 b, i16 c) { return i16(median(i32(a), i32(b), i32(c))); }>("v_med3_i16"));
}

template <typename F> constexpr Pair each(Pair a, Pair b, F f) {
  return {u16(f(a.low, b.low)), u16(f(a.high, b.high))};
}

void addPacked(std::vector<VectorOp> &t) {
  t.push_back(op<[](Pair a, Pair b) { return each(a, b, [](u16 x, u16 y) { return x + y; }); }>("v_pk_add_u16"));
  t.push_back(op<[](Pair a, Pair b) { return each(a, b, [](u16 x, u16 y) { return x + y; }); }>("v_pk_add_i16"));
  t.push_back(op<[](Pair a, Pair b) { return each(a, b, [](u16 x, u16 y) { return x - y; }); }>("v_pk_sub_u16"));
  t.push_back(op<[](Pair a, Pair b) { return each(a, b, [](u16 x, u16 y) { return x - y; }); }>("v_pk_sub_i16"));
  t.push_back(op<[](Pair a, Pair b) { return each(a, b, [](u16 x, u16 y) { return saturate<u16>(i64(x) + y); }); }>(
      "v_pk_add_u16/clamp"));
  t.push_back(op<[](Pair a, Pair b) { return each(a, b, [](u16 x, u16 y) { return saturate<u16>(i64(x) - y); }); }>(
      "v_pk_sub_u16/clamp"));
  t.push_back(op<[](Pair a, Pair b) { return each(a, b, [](i16 x, i16 y) { return saturate<i16>(i64(x) + y); }); }>(
      "v_pk_add_i16/clamp"));
  t.push_back(op<[](Pair a, Pair b) { return each(a, b, [](i16 x, i16 y) { return saturate<i16>(i64(x) - y); }); }>(
      "v_pk_sub_i16/clamp"));
  t.push_back(
      op<[](Pair a, Pair b) { return each(a, b, [](u16 x, u16 y) { return u32(x) * y; }); }>("v_pk_mul_lo_u16"));
  t.push_back(
      op<[](Pair n, Pair a) { return each(n, a, [](u16 x, u16 y) { return y << (x & 15); }); }>("v_pk_lshlrev_b16"));
  t.push_back(
      op<[](Pair n, Pair a) { return each(n, a, [](u16 x, u16 y) { return y >> (x & 15); }); }>("v_pk_lshrrev_b16"));
  t.push_back(
      op<[](Pair n, Pair a) { return each(n, a, [](u16 x, i16 y) { return y >> (x & 15); }); }>("v_pk_ashrrev_i16"));
  t.push_back(
      op<[](Pair a, Pair b) { return each(a, b, [](u16 x, u16 y) { return std::min(x, y); }); }>("v_pk_min_u16"));
  t.push_back(
      op<[](Pair a, Pair b) { return each(a, b, [](u16 x, u16 y) { return std::max(x, y); }); }>("v_pk_max_u16"));
  t.push_back(
      op<[](Pair a, Pair b) { return each(a, b, [](i16 x, i16 y) { return std::min(x, y); }); }>("v_pk_min_i16"));
  t.push_back(
      op<[](Pair a, Pair b) { return each(a, b, [](i16 x, i16 y) { return std::max(x, y); }); }>("v_pk_max_i16"));
  t.push_back(op<[](Pair a, Pair b, Pair c) {
    return Pair{u16(u32(a.low) * b.low + c.low), u16(u32(a.high) * b.high + c.high)};
  }>("v_pk_mad_u16"));
  t.push_back(op<[](Pair a, Pair b, Pair c) {
    return Pair{u16(u32(a.low) * b.low + c.low), u16(u32(a.high) * b.high + c.high)};
  }>("v_pk_mad_i16"));
  t.push_back(op<[](u16 a, u16 b) { return u32(a) | u32(b) << 16; }>("v_pack_b32_b16"));
}

} // namespace

void tinyc::emulator::amd::addIntegerOps(std::vector<VectorOp> &table) {
  addMoves(table);
  addArithmetic(table);
  addLogic(table);
  addMinMax(table);
  addShort(table);
  addPacked(table);
}
