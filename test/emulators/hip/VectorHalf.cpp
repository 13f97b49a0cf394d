// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Half-precision arithmetic, packed pairs of halves, mixed precision (v_fma_mix) and dot products of pairs.

#include "FloatMath.h"
#include "VectorEval.h"

using namespace tinyc::emulator::amd;

using Half = _Float16;
using u32 = uint32_t;
using u16 = uint16_t;

namespace {

/// Rounded once: the product of two halves and its sum with a third fit a double.
constexpr Half fused(Half a, Half b, Half c) { return Half(double(a) * double(b) + double(c)); }

float brain(u16 x) { return std::bit_cast<float>(u32(x) << 16); }

void addScalarHalf(std::vector<VectorOp> &t) {
  t.push_back(op<[](Half a, Half b) { return Half(float(a) + float(b)); }>("v_add_f16"));
  t.push_back(op<[](Half a, Half b) { return Half(float(a) - float(b)); }>("v_sub_f16"));
  t.push_back(op<[](Half a, Half b) { return Half(float(b) - float(a)); }>("v_subrev_f16"));
  t.push_back(op<[](Half a, Half b) { return Half(float(a) * float(b)); }>("v_mul_f16"));
  t.push_back(op<[](Half a, Half b, Half c) { return fused(a, b, c); }>("v_fma_f16"));
  t.push_back(op<[](Half a, Half b, Half c) { return fused(a, b, c); }>("v_fmac_f16", VectorOp::Tied));
  t.push_back(op<[](Half a, Half b, Half c) { return fused(a, b, c); }>("v_fmaak_f16"));
  t.push_back(op<[](Half a, Half k, Half b) { return fused(a, k, b); }>("v_fmamk_f16"));
  t.push_back(op<[](Half a, Half b) { return minimumNumber(a, b); }>("v_min_f16"));
  t.push_back(op<[](Half a, Half b) { return maximumNumber(a, b); }>("v_max_f16"));
  t.push_back(op<[](Half a, Half b, Half c) { return minimumNumber(minimumNumber(a, b), c); }>("v_min3_f16"));
  t.push_back(op<[](Half a, Half b, Half c) { return maximumNumber(maximumNumber(a, b), c); }>("v_max3_f16"));
  t.push_back(op<[](Half a, Half b, Half c) { return minimumNumber(maximumNumber(a, b), c); }>("v_maxmin_f16"));
  t.push_back(op<[](Half a, Half b, Half c) { return maximumNumber(minimumNumber(a, b), c); }>("v_minmax_f16"));
  t.push_back(op<[](Half a, Half b, Half c) { return median(a, b, c); }>("v_med3_f16"));
  t.push_back(op<[](Half a) { return Half(std::trunc(float(a))); }>("v_trunc_f16"));
  t.push_back(op<[](Half a) { return Half(std::ceil(float(a))); }>("v_ceil_f16"));
  t.push_back(op<[](Half a) { return Half(std::floor(float(a))); }>("v_floor_f16"));
  t.push_back(op<[](Half a) { return Half(std::nearbyint(float(a))); }>("v_rndne_f16"));
  t.push_back(op<[](Half a) {
    float f = float(a) - std::floor(float(a)), below = 1.0f - 0x1p-11f;
    return Half(std::isinf(float(a)) ? NAN : f < below ? f : below);
  }>("v_fract_f16"));
  t.push_back(op<[](Half a, int16_t n) { return Half(std::ldexp(double(a), n)); }>("v_ldexp_f16"));
  t.push_back(op<[](Half a) { return Half(mantissa(float(a))); }>("v_frexp_mant_f16"));
  t.push_back(op<[](Half a) { return int16_t(exponent(float(a))); }>("v_frexp_exp_i16_f16"));
  t.push_back(op<[](Half q, Half d, Half n) { return divisionFixup(q, d, n); }>("v_div_fixup_f16"));
  t.push_back(op<[](Half a, Half b) { return u32(bitsOf(a)) | u32(bitsOf(b)) << 16; }>("v_pack_b32_f16"));
}

void addPackedHalf(std::vector<VectorOp> &t) {
  t.push_back(op<[](HalfPair a, HalfPair b) {
    return HalfPair{Half(float(a.low) + float(b.low)), Half(float(a.high) + float(b.high))};
  }>("v_pk_add_f16"));
  t.push_back(op<[](HalfPair a, HalfPair b) {
    return HalfPair{Half(float(a.low) * float(b.low)), Half(float(a.high) * float(b.high))};
  }>("v_pk_mul_f16"));
  t.push_back(op<[](HalfPair a, HalfPair b, HalfPair c) {
    return HalfPair{fused(a.low, b.low, c.low), fused(a.high, b.high, c.high)};
  }>("v_pk_fma_f16"));
  t.push_back(op<[](HalfPair a, HalfPair b, HalfPair c) {
    return HalfPair{fused(a.low, b.low, c.low), fused(a.high, b.high, c.high)};
  }>("v_pk_fmac_f16", VectorOp::Tied));
  t.push_back(
      op<[](HalfPair a, HalfPair b) { return HalfPair{minimumNumber(a.low, b.low), minimumNumber(a.high, b.high)}; }>(
          "v_pk_min_f16"));
  t.push_back(
      op<[](HalfPair a, HalfPair b) { return HalfPair{maximumNumber(a.low, b.low), maximumNumber(a.high, b.high)}; }>(
          "v_pk_max_f16"));
}

void addMixed(std::vector<VectorOp> &t) {
  t.push_back(op<[](Mixed a, Mixed b, Mixed c) { return std::fma(a.value, b.value, c.value); }>("v_fma_mix_f32"));
  t.push_back(
      op<[](Mixed a, Mixed b, Mixed c) { return Half(std::fma(a.value, b.value, c.value)); }>("v_fma_mixlo_f16"));
  t.push_back(op<[](Mixed a, Mixed b, Mixed c) { return Half(std::fma(a.value, b.value, c.value)); }>(
      "v_fma_mixhi_f16", VectorOp::HighResult));
}

void addDots(std::vector<VectorOp> &t) {
  // Two products, each added with one rounding, the second pair first: the order of the ISA document's formula.
  t.push_back(op<[](HalfPair a, HalfPair b, float c) {
    return std::fma(float(a.low), float(b.low), std::fma(float(a.high), float(b.high), c));
  }>("v_dot2_f32_f16"));
  t.push_back(op<[](HalfPair a, HalfPair b, float c) {
    return std::fma(float(a.low), float(b.low), std::fma(float(a.high), float(b.high), c));
  }>("v_dot2acc_f32_f16", VectorOp::Tied));
  t.push_back(op<[](HalfPair a, HalfPair b, float c) {
    return std::fma(float(a.low), float(b.low), std::fma(float(a.high), float(b.high), c));
  }>("v_dot2c_f32_f16", VectorOp::Tied));
  t.push_back(op<[](Pair a, Pair b, float c) {
    return std::fma(brain(a.low), brain(b.low), std::fma(brain(a.high), brain(b.high), c));
  }>("v_dot2_f32_bf16"));
  t.push_back(op<[](Pair a, Pair b, float c) {
    return std::fma(brain(a.low), brain(b.low), std::fma(brain(a.high), brain(b.high), c));
  }>("v_dot2acc_f32_bf16", VectorOp::Tied));
  t.push_back(op<[](HalfPair a, HalfPair b, Half c) {
    return Half(double(a.low) * double(b.low) + double(a.high) * double(b.high) + double(c));
  }>("v_dot2_f16_f16"));
}

} // namespace

void tinyc::emulator::amd::addHalfOps(std::vector<VectorOp> &table) {
  addScalarHalf(table);
  addPackedHalf(table);
  addMixed(table);
  addDots(table);
}
