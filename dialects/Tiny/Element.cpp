// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exact conversions between stored elements and lanes. The narrow floats share one description of a format.

#include "dialects/Tiny/Element.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

using namespace tinyc::tiny;

namespace {
// A float format narrower than f32. The exponent of the smallest normal number fixes the bias: 1 - smallest.
struct Format {
  int mantissa; // stored bits
  int smallest; // exponent of the smallest normal number
  double largest;
  bool infinity;
  bool fnuz; // no negative zero; its encoding is the only NaN
  uint32_t nan;
  uint32_t sign;
};
} // namespace

static const Format &formatOf(Element e) {
  static const Format f16{10, -14, 65504.0, true, false, 0x7e00, 0x8000};
  static const Format bf16{7, -126, 0x1.fep127, true, false, 0x7fc0, 0x8000};
  static const Format e4m3fn{3, -6, 448.0, false, false, 0x7f, 0x80};
  static const Format e5m2{2, -14, 57344.0, true, false, 0x7e, 0x80};
  static const Format e4m3fnuz{3, -7, 240.0, false, true, 0x80, 0x80};
  static const Format e5m2fnuz{2, -15, 57344.0, false, true, 0x80, 0x80};
  switch (e) {
  case Element::F16:
    return f16;
  case Element::BF16:
    return bf16;
  case Element::F8E4M3FN:
    return e4m3fn;
  case Element::F8E5M2:
    return e5m2;
  case Element::F8E4M3FNUZ:
    return e4m3fnuz;
  default:
    return e5m2fnuz;
  }
}

static double powerOfTwo(int exponent) { return std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52); }

// The exponent of |x|, at least that of the format's smallest normal number.
static int exponentOf(const Format &format, double x) {
  int exponent = static_cast<int>((std::bit_cast<uint64_t>(x) >> 52) & 0x7ff) - 1023;
  return exponent < format.smallest ? format.smallest : exponent;
}

static double roundTo(const Format &format, double x) {
  constexpr double shift = 0x1.8p52; // adding it leaves an integer, rounded to nearest even
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (std::isnan(x))
    return x;
  if (std::isinf(x))
    return format.infinity ? x : std::copysign(nan, x);
  double quantum = powerOfTwo(exponentOf(format, x) - format.mantissa);
  double magnitude = (std::fabs(x) / quantum + shift - shift) * quantum;
  if (magnitude > format.largest)
    magnitude = format.infinity ? std::numeric_limits<double>::infinity() : nan;
  return format.fnuz && magnitude == 0 ? 0.0 : std::copysign(magnitude, x);
}

static uint32_t pack(const Format &format, double x) {
  x = roundTo(format, x);
  uint32_t sign = std::signbit(x) ? format.sign : 0;
  if (std::isnan(x))
    return sign | format.nan;
  double magnitude = std::fabs(x);
  if (std::isinf(magnitude))
    return sign | (format.nan & ~(1u << (format.mantissa - 1)));
  int exponent = exponentOf(format, magnitude);
  uint32_t scaled = static_cast<uint32_t>(magnitude / powerOfTwo(exponent - format.mantissa));
  // A normal number's leading one adds one to the exponent field; a denormal has none, and field 0.
  return sign | ((static_cast<uint32_t>(exponent - format.smallest) << format.mantissa) + scaled);
}

static double unpack(const Format &format, uint32_t bits) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (format.fnuz && bits == format.nan)
    return nan;
  uint32_t magnitude = bits & (format.sign - 1);
  if (format.infinity && (magnitude | 1u << (format.mantissa - 1)) >= format.nan) {
    uint32_t infinity = format.nan & ~(1u << (format.mantissa - 1));
    if (magnitude >= infinity) {
      double value = magnitude == infinity ? std::numeric_limits<double>::infinity() : nan;
      return bits & format.sign ? -value : value;
    }
  } else if (!format.infinity && !format.fnuz && magnitude == format.nan) {
    return bits & format.sign ? -nan : nan;
  }
  uint32_t field = magnitude >> format.mantissa, fraction = magnitude & ((1u << format.mantissa) - 1);
  double value = field == 0 ? fraction * powerOfTwo(format.smallest - format.mantissa)
                            : (fraction + (1u << format.mantissa)) *
                                  powerOfTwo(format.smallest + static_cast<int>(field) - 1 - format.mantissa);
  return bits & format.sign ? -value : value;
}

unsigned tinyc::tiny::bitWidth(Element e) { return e == Element::I1 ? 1 : 8 * byteWidth(e); }

unsigned tinyc::tiny::byteWidth(Element e) {
  switch (e) {
  case Element::I16:
  case Element::U16:
  case Element::F16:
  case Element::BF16:
    return 2;
  case Element::I32:
  case Element::U32:
  case Element::F32:
    return 4;
  case Element::I64:
  case Element::U64:
  case Element::F64:
    return 8;
  default:
    return 1;
  }
}

const char *tinyc::tiny::name(Element e) {
  static const char *const names[] = {"i1",   "i8",       "i16",    "i32",        "i64",       "ui8",
                                      "ui16", "ui32",     "ui64",   "f16",        "bf16",      "f32",
                                      "f64",  "f8E4M3FN", "f8E5M2", "f8E4M3FNUZ", "f8E5M2FNUZ"};
  return names[static_cast<size_t>(e)];
}

template <typename T> static void decodeIntegers(const std::byte *bytes, size_t count, Lane *lanes) {
  for (size_t k = 0; k < count; ++k) {
    T value;
    std::memcpy(&value, bytes + k * sizeof(T), sizeof(T));
    lanes[k].i = static_cast<int64_t>(value);
  }
}

template <typename T> static void decodeFloats(const std::byte *bytes, size_t count, Lane *lanes) {
  for (size_t k = 0; k < count; ++k) {
    T value;
    std::memcpy(&value, bytes + k * sizeof(T), sizeof(T));
    lanes[k].f = value;
  }
}

template <typename T>
static void decodeNarrow(const Format &format, const std::byte *bytes, size_t count, Lane *lanes) {
  for (size_t k = 0; k < count; ++k) {
    T value;
    std::memcpy(&value, bytes + k * sizeof(T), sizeof(T));
    lanes[k].f = unpack(format, value);
  }
}

void tinyc::tiny::decode(Element e, const std::byte *bytes, size_t count, Lane *lanes) {
  switch (e) {
  case Element::I1:
  case Element::U8:
    return decodeIntegers<uint8_t>(bytes, count, lanes);
  case Element::I8:
    return decodeIntegers<int8_t>(bytes, count, lanes);
  case Element::I16:
    return decodeIntegers<int16_t>(bytes, count, lanes);
  case Element::I32:
    return decodeIntegers<int32_t>(bytes, count, lanes);
  case Element::I64:
  case Element::U64:
    return decodeIntegers<int64_t>(bytes, count, lanes);
  case Element::U16:
    return decodeIntegers<uint16_t>(bytes, count, lanes);
  case Element::U32:
    return decodeIntegers<uint32_t>(bytes, count, lanes);
  case Element::F32:
    return decodeFloats<float>(bytes, count, lanes);
  case Element::F64:
    return decodeFloats<double>(bytes, count, lanes);
  case Element::F16:
  case Element::BF16:
    return decodeNarrow<uint16_t>(formatOf(e), bytes, count, lanes);
  default:
    return decodeNarrow<uint8_t>(formatOf(e), bytes, count, lanes);
  }
}

template <typename T, typename Convert>
static void encodeAll(const Lane *lanes, size_t count, std::byte *bytes, Convert convert) {
  for (size_t k = 0; k < count; ++k) {
    T value = convert(lanes[k]);
    std::memcpy(bytes + k * sizeof(T), &value, sizeof(T));
  }
}

void tinyc::tiny::encode(Element e, const Lane *lanes, size_t count, std::byte *bytes) {
  auto integer = [](Lane lane) { return lane.i; };
  if (e == Element::I1)
    return encodeAll<uint8_t>(lanes, count, bytes, [](Lane lane) { return lane.i & 1; });
  if (e == Element::F32)
    return encodeAll<float>(lanes, count, bytes, [](Lane lane) { return static_cast<float>(lane.f); });
  if (e == Element::F64)
    return encodeAll<double>(lanes, count, bytes, [](Lane lane) { return lane.f; });
  if (isFloat(e)) {
    auto narrow = [&format = formatOf(e)](Lane lane) { return pack(format, lane.f); };
    return byteWidth(e) == 2 ? encodeAll<uint16_t>(lanes, count, bytes, narrow)
                             : encodeAll<uint8_t>(lanes, count, bytes, narrow);
  }
  switch (byteWidth(e)) {
  case 1:
    return encodeAll<uint8_t>(lanes, count, bytes, integer);
  case 2:
    return encodeAll<uint16_t>(lanes, count, bytes, integer);
  case 4:
    return encodeAll<uint32_t>(lanes, count, bytes, integer);
  default:
    return encodeAll<uint64_t>(lanes, count, bytes, integer);
  }
}

void tinyc::tiny::toNearest(Element e, Lane *lanes, size_t count) {
  if (e == Element::F64)
    return;
  if (e == Element::F32) {
    for (size_t k = 0; k < count; ++k)
      lanes[k].f = static_cast<float>(lanes[k].f);
    return;
  }
  const Format &format = formatOf(e);
  for (size_t k = 0; k < count; ++k)
    lanes[k].f = roundTo(format, lanes[k].f);
}

void tinyc::tiny::wrap(Element e, Lane *lanes, size_t count) {
  unsigned unused = 64 - bitWidth(e);
  if (isUnsigned(e))
    for (size_t k = 0; k < count; ++k)
      lanes[k].i = static_cast<int64_t>(static_cast<uint64_t>(lanes[k].i) << unused >> unused);
  else
    for (size_t k = 0; k < count; ++k)
      lanes[k].i = static_cast<int64_t>(static_cast<uint64_t>(lanes[k].i) << unused) >> unused;
}
