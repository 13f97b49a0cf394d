// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Instructions whose result is documented as approximate. They return the worst that the document allows: of the two
// representable neighbours of the exact value, the farther one (an error of up to 1 ulp, never more); exact values
// stay exact. Errors are those of AMD's "RDNA3 Instruction Set Architecture", chapter 16: 1 ulp for f32, 0.51 ulp for
// f16, 2^29 ulp for f64. The reciprocal keeps one promise more (see below). No error is documented for sin and cos of
// f32: 2^-21 absolute is used.

#include "FloatMath.h"
#include "VectorEval.h"
#include <cmath>

using namespace tinyc::emulator::amd;

using Half = _Float16;

namespace {

constexpr uint8_t T = VectorOp::Transcendental;

/// The float next to the exact value on the side farther from it.
float worst(double exact) {
  float nearest = float(exact);
  if (double(nearest) == exact || isNan(exact) || std::isinf(nearest) || std::fabs(exact) < 0x1p-126)
    return nearest;
  float other = std::nextafter(nearest, double(nearest) < exact ? INFINITY : -INFINITY);
  return std::isinf(other) ? nearest : other;
}
/// f16 errs by 0.51 ulp: only values that lie within 0.01 ulp of the middle round the wrong way.
Half worstHalf(double exact) {
  Half nearest = Half(exact);
  if (double(nearest) == exact || isNan(exact) || std::isinf(float(nearest)) || std::fabs(exact) < 0x1p-14)
    return nearest;
  uint16_t bits = bitsOf(nearest);
  bool away = std::fabs(double(nearest)) < std::fabs(exact);
  Half other = std::bit_cast<Half>(uint16_t(away ? bits + 1 : bits - 1));
  double ulp = std::fabs(double(other) - double(nearest));
  return std::fabs(double(other) - exact) <= 0.51 * ulp && !std::isinf(float(other)) ? other : nearest;
}
/// 2^29 ulp of a double are 2^-23 of its value (the iteration that follows makes them good).
double worstDouble(double exact) {
  if (isNan(exact) || std::isinf(exact) || exact == 0 || mantissa(exact) == 0.5 || mantissa(exact) == -0.5)
    return exact;
  return exact * (1 + (bitsOf(exact) >> 20 & 1 ? 0x1p-24 : -0x1p-24));
}

/// Denormal inputs and results of f32 are flushed by these instructions whatever the mode says.
float flushed(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }

template <typename T> bool onesMantissa(T x) {
  using Bits = typename FloatFacts<T>::Bits;
  constexpr Bits ones = (Bits(1) << FloatFacts<T>::mantissaBits) - 1;
  return !isNan(x) && (bitsOf(x) & ones) == ones;
}
/// A reciprocal. Where the divisor's mantissa is all ones it is the nearest one, just above half of a power of two.
/// From that half, LLVM's division of a power of two ends in a tie that rounds to the half again. A gfx1100 is
/// published to return the nearest in f32. For f64 it is inferred: from any other start the same division would be
/// wrong, which OpenCL's conformance tests (among their operands are such divisors) would show.
float reciprocal(float x) {
  double exact = 1.0 / double(flushed(x));
  return flushed(onesMantissa(flushed(x)) ? float(exact) : worst(exact));
}
double reciprocal(double x) { return onesMantissa(x) ? 1.0 / x : worstDouble(1.0 / x); }

double sine(double turns) { return std::sin(6.283185307179586 * (turns - std::nearbyint(turns))); }
double cosine(double turns) { return std::cos(6.283185307179586 * (turns - std::nearbyint(turns))); }
float worstAbsolute(double exact, float x) {
  return std::isinf(x) || isNan(x) ? canonicalNan<float>()
         : exact == 0 || std::fabs(exact) == 1
             ? float(exact)
             : float(exact + (std::bit_cast<uint32_t>(float(exact)) & 1 ? 0x1p-21 : -0x1p-21));
}

} // namespace

void tinyc::emulator::amd::addApproximateOps(std::vector<VectorOp> &t) {
  t.push_back(op<[](float a) { return reciprocal(a); }>("v_rcp_f32", T));
  t.push_back(op<[](float a) { return reciprocal(a); }>("v_rcp_iflag_f32", T));
  t.push_back(op<[](float a) { return worst(1.0 / std::sqrt(double(flushed(a)))); }>("v_rsq_f32", T));
  t.push_back(op<[](float a) { return worst(std::sqrt(double(flushed(a)))); }>("v_sqrt_f32", T));
  t.push_back(op<[](float a) { return flushed(worst(std::exp2(double(flushed(a))))); }>("v_exp_f32", T));
  t.push_back(op<[](float a) { return worst(std::log2(double(flushed(a)))); }>("v_log_f32", T));
  t.push_back(op<[](float a) { return worstAbsolute(sine(a), a); }>("v_sin_f32", T));
  t.push_back(op<[](float a) { return worstAbsolute(cosine(a), a); }>("v_cos_f32", T));
  t.push_back(op<[](Half a) { return worstHalf(1.0 / double(a)); }>("v_rcp_f16", T));
  t.push_back(op<[](Half a) { return worstHalf(1.0 / std::sqrt(double(a))); }>("v_rsq_f16", T));
  t.push_back(op<[](Half a) { return worstHalf(std::sqrt(double(a))); }>("v_sqrt_f16", T));
  t.push_back(op<[](Half a) { return worstHalf(std::exp2(double(a))); }>("v_exp_f16", T));
  t.push_back(op<[](Half a) { return worstHalf(std::log2(double(a))); }>("v_log_f16", T));
  t.push_back(op<[](Half a) { return worstHalf(std::isinf(float(a)) ? NAN : sine(a)); }>("v_sin_f16", T));
  t.push_back(op<[](Half a) { return worstHalf(std::isinf(float(a)) ? NAN : cosine(a)); }>("v_cos_f16", T));
  t.push_back(op<[](double a) { return reciprocal(a); }>("v_rcp_f64", T));
  t.push_back(op<[](double a) { return worstDouble(1.0 / std::sqrt(a)); }>("v_rsq_f64", T));
  t.push_back(op<[](double a) { return worstDouble(std::sqrt(a)); }>("v_sqrt_f64", T));
}
