// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions. Floats to integers truncate, saturate, and make 0 of NaN.

#include "FloatMath.h"
#include "VectorEval.h"

using namespace tinyc::emulator::amd;

using Half = _Float16;
using u32 = uint32_t;
using i32 = int32_t;
using u16 = uint16_t;
using i16 = int16_t;
using u8 = uint8_t;

namespace {

template <typename I> constexpr I toInteger(double x) {
  if (x != x)
    return 0;
  constexpr double low = double(std::numeric_limits<I>::min()), high = double(std::numeric_limits<I>::max());
  return x <= low ? std::numeric_limits<I>::min() : x >= high ? std::numeric_limits<I>::max() : I(x);
}

/// Towards zero, as v_cvt_pk_rtz does.
u16 halfTowardsZero(float x) {
  Half h = Half(x);
  u16 bits = bitsOf(h);
  if (!isNan(x) && !std::isinf(x) && std::fabs(double(float(h))) > std::fabs(double(x)))
    --bits;
  return bits;
}

template <typename I> constexpr u16 normalised(float x, float limit, float least) {
  return u16(I(isNan(x) ? 0 : std::nearbyint((x < least ? least : x > 1 ? 1 : x) * limit)));
}

} // namespace

void tinyc::emulator::amd::addConversionOps(std::vector<VectorOp> &t) {
  t.push_back(op<[](i32 a) { return float(a); }>("v_cvt_f32_i32"));
  t.push_back(op<[](u32 a) { return float(a); }>("v_cvt_f32_u32"));
  t.push_back(op<[](float a) { return toInteger<i32>(a); }>("v_cvt_i32_f32"));
  t.push_back(op<[](float a) { return toInteger<u32>(a); }>("v_cvt_u32_f32"));
  t.push_back(op<[](float a) { return toInteger<i32>(std::floor(double(a) + 0.5)); }>("v_cvt_nearest_i32_f32"));
  t.push_back(op<[](float a) { return toInteger<i32>(std::floor(a)); }>("v_cvt_floor_i32_f32"));
  t.push_back(op<[](i32 a) { return double(a); }>("v_cvt_f64_i32"));
  t.push_back(op<[](u32 a) { return double(a); }>("v_cvt_f64_u32"));
  t.push_back(op<[](double a) { return toInteger<i32>(a); }>("v_cvt_i32_f64"));
  t.push_back(op<[](double a) { return toInteger<u32>(a); }>("v_cvt_u32_f64"));
  t.push_back(op<[](double a) { return float(a); }>("v_cvt_f32_f64"));
  t.push_back(op<[](float a) { return double(a); }>("v_cvt_f64_f32"));
  t.push_back(op<[](float a) { return Half(a); }>("v_cvt_f16_f32"));
  t.push_back(op<[](Half a) { return float(a); }>("v_cvt_f32_f16"));
  t.push_back(op<[](u16 a) { return Half(float(a)); }>("v_cvt_f16_u16"));
  t.push_back(op<[](i16 a) { return Half(float(a)); }>("v_cvt_f16_i16"));
  t.push_back(op<[](Half a) { return toInteger<u16>(double(a)); }>("v_cvt_u16_f16"));
  t.push_back(op<[](Half a) { return toInteger<i16>(double(a)); }>("v_cvt_i16_f16"));
  t.push_back(op<[](i16 a) { return u32(i32(a)); }>("v_cvt_i32_i16"));
  t.push_back(op<[](u16 a) { return u32(a); }>("v_cvt_u32_u16"));
  t.push_back(op<[](u32 a) { return float(u8(a)); }>("v_cvt_f32_ubyte0"));
  t.push_back(op<[](u32 a) { return float(u8(a >> 8)); }>("v_cvt_f32_ubyte1"));
  t.push_back(op<[](u32 a) { return float(u8(a >> 16)); }>("v_cvt_f32_ubyte2"));
  t.push_back(op<[](u32 a) { return float(u8(a >> 24)); }>("v_cvt_f32_ubyte3"));
  t.push_back(op<[](float a, float b) { return u32(halfTowardsZero(a)) | u32(halfTowardsZero(b)) << 16; }>(
      "v_cvt_pk_rtz_f16_f32"));
  t.push_back(op<[](float a, float b) { return u32(halfTowardsZero(a)) | u32(halfTowardsZero(b)) << 16; }>(
      "v_cvt_pkrtz_f16_f32"));
  t.push_back(
      op<[](u32 a, u32 b) { return (a > 0xffff ? 0xffff : a) | (b > 0xffff ? 0xffff : b) << 16; }>("v_cvt_pk_u16_u32"));
  t.push_back(op<[](i32 a, i32 b) {
    auto short16 = [](i32 x) { return u32(u16(x < -32768 ? -32768 : x > 32767 ? 32767 : x)); };
    return short16(a) | short16(b) << 16;
  }>("v_cvt_pk_i16_i32"));
  t.push_back(
      op<[](float a, float b) { return u32(toInteger<u16>(a)) | u32(toInteger<u16>(b)) << 16; }>("v_cvt_pk_u16_f32"));
  t.push_back(op<[](float a, float b) { return u32(u16(toInteger<i16>(a))) | u32(u16(toInteger<i16>(b))) << 16; }>(
      "v_cvt_pk_i16_f32"));
  t.push_back(op<[](float a, float b) {
    return u32(normalised<i16>(a, 32767, -1)) | u32(normalised<i16>(b, 32767, -1)) << 16;
  }>("v_cvt_pk_norm_i16_f32"));
  t.push_back(
      op<[](float a, float b) { return u32(normalised<u16>(a, 65535, 0)) | u32(normalised<u16>(b, 65535, 0)) << 16; }>(
          "v_cvt_pk_norm_u16_f32"));
  t.push_back(op<[](float a, u32 n, u32 c) {
    unsigned shift = 8 * (n & 3);
    return (c & ~(0xffu << shift)) | u32(toInteger<u8>(a)) << shift;
  }>("v_cvt_pk_u8_f32"));
}
