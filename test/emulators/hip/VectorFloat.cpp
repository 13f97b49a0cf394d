// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic on f32 and f64 that is correctly rounded, and the steps that LLVM's division expands to.

#include "FloatMath.h"
#include "VectorEval.h"
#include <algorithm>

using namespace tinyc::emulator::amd;

using u32 = uint32_t;

namespace {

void addSingle(std::vector<VectorOp> &t) {
  t.push_back(op<[](float a, float b) { return a + b; }>("v_add_f32"));
  t.push_back(op<[](float a, float b) { return a - b; }>("v_sub_f32"));
  t.push_back(op<[](float a, float b) { return b - a; }>("v_subrev_f32"));
  t.push_back(op<[](float a, float b) { return a * b; }>("v_mul_f32"));
  t.push_back(op<[](float a, float b) { return a == 0 || b == 0 ? 0.0f : a * b; }>("v_mul_dx9_zero_f32"));
  t.push_back(op<[](float a, float b, float c) { return std::fma(a, b, c); }>("v_fma_f32"));
  t.push_back(op<[](float a, float b, float c) { return std::fma(a, b, c); }>("v_fmac_f32", VectorOp::Tied));
  t.push_back(op<[](float a, float b, float c) { return std::fma(a, b, c); }>("v_fmaak_f32"));
  t.push_back(op<[](float a, float k, float b) { return std::fma(a, k, b); }>("v_fmamk_f32"));
  t.push_back(op<[](float a, float b) { return minimumNumber(a, b); }>("v_min_f32"));
  t.push_back(op<[](float a, float b) { return maximumNumber(a, b); }>("v_max_f32"));
  t.push_back(op<[](float a, float b, float c) { return minimumNumber(minimumNumber(a, b), c); }>("v_min3_f32"));
  t.push_back(op<[](float a, float b, float c) { return maximumNumber(maximumNumber(a, b), c); }>("v_max3_f32"));
  t.push_back(op<[](float a, float b, float c) { return minimumNumber(maximumNumber(a, b), c); }>("v_maxmin_f32"));
  t.push_back(op<[](float a, float b, float c) { return maximumNumber(minimumNumber(a, b), c); }>("v_minmax_f32"));
  t.push_back(op<[](float a, float b, float c) { return median(a, b, c); }>("v_med3_f32"));
  t.push_back(op<[](float a) { return std::trunc(a); }>("v_trunc_f32"));
  t.push_back(op<[](float a) { return std::ceil(a); }>("v_ceil_f32"));
  t.push_back(op<[](float a) { return std::floor(a); }>("v_floor_f32"));
  t.push_back(op<[](float a) { return std::nearbyint(a); }>("v_rndne_f32"));
  t.push_back(op<[](float a) { return fraction(a); }>("v_fract_f32"));
  t.push_back(op<[](float a, int32_t n) { return scale(a, n); }>("v_ldexp_f32"));
  t.push_back(op<[](float a) { return mantissa(a); }>("v_frexp_mant_f32"));
  t.push_back(op<[](float a) { return exponent(a); }>("v_frexp_exp_i32_f32"));
  t.push_back(op<[](float a, float b, float c) { return divisionScale(a, b, c); }>("v_div_scale_f32"));
  t.push_back(op<[](float a, float b, float c, bool scaled) {
    return scaled ? divisionScaledBack<double>(a, b, c) : std::fma(a, b, c);
  }>("v_div_fmas_f32"));
  t.push_back(op<[](float q, float d, float n) { return divisionFixup(q, d, n); }>("v_div_fixup_f32"));
}

void addDouble(std::vector<VectorOp> &t) {
  t.push_back(op<[](double a, double b) { return a + b; }>("v_add_f64"));
  t.push_back(op<[](double a, double b) { return a * b; }>("v_mul_f64"));
  t.push_back(op<[](double a, double b, double c) { return std::fma(a, b, c); }>("v_fma_f64"));
  t.push_back(op<[](double a, double b) { return minimumNumber(a, b); }>("v_min_f64"));
  t.push_back(op<[](double a, double b) { return maximumNumber(a, b); }>("v_max_f64"));
  t.push_back(op<[](double a) { return std::trunc(a); }>("v_trunc_f64"));
  t.push_back(op<[](double a) { return std::ceil(a); }>("v_ceil_f64"));
  t.push_back(op<[](double a) { return std::floor(a); }>("v_floor_f64"));
  t.push_back(op<[](double a) { return std::nearbyint(a); }>("v_rndne_f64"));
  t.push_back(op<[](double a) { return fraction(a); }>("v_fract_f64"));
  t.push_back(op<[](double a, int32_t n) { return scale(a, n); }>("v_ldexp_f64"));
  t.push_back(op<[](double a) { return mantissa(a); }>("v_frexp_mant_f64"));
  t.push_back(op<[](double a) { return exponent(a); }>("v_frexp_exp_i32_f64"));
  t.push_back(op<[](double a, double b, double c) { return divisionScale(a, b, c); }>("v_div_scale_f64"));
  t.push_back(op<[](double a, double b, double c, bool scaled) {
    return scaled ? divisionScaledBack<long double>(a, b, c) : std::fma(a, b, c);
  }>("v_div_fmas_f64"));
  t.push_back(op<[](double q, double d, double n) { return divisionFixup(q, d, n); }>("v_div_fixup_f64"));
}

} // namespace

void tinyc::emulator::amd::addFloatOps(std::vector<VectorOp> &table) {
  addSingle(table);
  addDouble(table);
}
