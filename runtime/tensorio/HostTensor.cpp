// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Allocation of host tensors, and conversion of their elements; the small float types share one description of their
// bits.

#include "runtime/tensorio/HostTensor.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>

namespace tinyc::tensorio {
namespace {

/// A float of at most 16 bits.
struct SmallFloat {
  int exponentBits, mantissaBits, bias;
  /// Ieee: the last exponent is infinity and NaN. Finite: only all ones is NaN. Unsigned zero: only minus zero is NaN.
  enum { Ieee, Finite, UnsignedZero } specials;

  int bits() const { return 1 + exponentBits + mantissaBits; }
};

bool smallFloat(tinyc_dtype dtype, SmallFloat &f) {
  switch (dtype) {
  case TINYC_DTYPE_F16:
    f = {5, 10, 15, SmallFloat::Ieee};
    return true;
  case TINYC_DTYPE_BF16:
    f = {8, 7, 127, SmallFloat::Ieee};
    return true;
  case TINYC_DTYPE_F8E5M2:
    f = {5, 2, 15, SmallFloat::Ieee};
    return true;
  case TINYC_DTYPE_F8E4M3FN:
    f = {4, 3, 7, SmallFloat::Finite};
    return true;
  case TINYC_DTYPE_F8E4M3FNUZ:
    f = {4, 3, 8, SmallFloat::UnsignedZero};
    return true;
  case TINYC_DTYPE_F8E5M2FNUZ:
    f = {5, 2, 16, SmallFloat::UnsignedZero};
    return true;
  default:
    return false;
  }
}

double decode(const SmallFloat &f, unsigned bits) {
  unsigned sign = bits >> (f.bits() - 1), mantissa = bits & ((1u << f.mantissaBits) - 1);
  unsigned lastExponent = (1u << f.exponentBits) - 1;
  unsigned exponent = bits >> f.mantissaBits & lastExponent;
  if (f.specials == SmallFloat::UnsignedZero && sign && !exponent && !mantissa)
    return std::numeric_limits<double>::quiet_NaN();
  if (f.specials == SmallFloat::Finite && exponent == lastExponent && mantissa == (1u << f.mantissaBits) - 1)
    return std::numeric_limits<double>::quiet_NaN();
  if (f.specials == SmallFloat::Ieee && exponent == lastExponent)
    return mantissa ? std::numeric_limits<double>::quiet_NaN() : (sign ? -HUGE_VAL : HUGE_VAL);
  double value =
      exponent ? std::ldexp((1u << f.mantissaBits) + mantissa, static_cast<int>(exponent) - f.bias - f.mantissaBits)
               : std::ldexp(mantissa, 1 - f.bias - f.mantissaBits);
  return sign ? -value : value;
}

unsigned encode(const SmallFloat &f, double value) {
  unsigned signBit = 1u << (f.bits() - 1), mantissaMask = (1u << f.mantissaBits) - 1;
  unsigned lastExponent = (1u << f.exponentBits) - 1;
  unsigned nan = f.specials == SmallFloat::UnsignedZero ? signBit
                 : f.specials == SmallFloat::Finite     ? lastExponent << f.mantissaBits | mantissaMask
                                                        : lastExponent << f.mantissaBits | (1u << (f.mantissaBits - 1));
  if (std::isnan(value))
    return nan;
  unsigned sign = std::signbit(value) ? signBit : 0;
  double magnitude = std::fabs(value);
  if (magnitude == 0)
    return f.specials == SmallFloat::UnsignedZero ? 0 : sign;
  // The step between neighbours at this magnitude; nearbyint rounds to nearest even.
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  exponent = std::max(exponent - 1, 1 - f.bias);
  double steps = std::isinf(magnitude) ? HUGE_VAL : std::nearbyint(std::ldexp(magnitude, f.mantissaBits - exponent));
  // As an integer the magnitude's bits count steps, and a carry out of the mantissa lands in the exponent.
  double code = steps + std::ldexp(exponent + f.bias - 1, f.mantissaBits);
  double largest = f.specials == SmallFloat::Ieee     ? double(lastExponent << f.mantissaBits) - 1
                   : f.specials == SmallFloat::Finite ? double(lastExponent << f.mantissaBits | mantissaMask) - 1
                                                      : double(lastExponent << f.mantissaBits | mantissaMask);
  if (!(code <= largest))
    return f.specials == SmallFloat::Ieee     ? sign | lastExponent << f.mantissaBits
           : f.specials == SmallFloat::Finite ? sign | nan
                                              : nan;
  if (code == 0 && f.specials == SmallFloat::UnsignedZero)
    return 0;
  return sign | static_cast<unsigned>(code);
}

template <typename T> T load(const HostTensor &tensor, size_t index) {
  T value;
  std::memcpy(&value, tensor.data() + index * sizeof(T), sizeof(T));
  return value;
}
// Integers take what is below or above their range as its end, and NaN as 0.
template <typename T> T convert(double value) {
  if constexpr (std::is_integral_v<T>) {
    constexpr double least = static_cast<double>(std::numeric_limits<T>::min());
    constexpr double past = 2 * static_cast<double>(uint64_t(1) << (std::numeric_limits<T>::digits - 1));
    if (!(value >= least))
      return std::isnan(value) ? T(0) : std::numeric_limits<T>::min();
    if (value >= past)
      return std::numeric_limits<T>::max();
  }
  return static_cast<T>(value);
}
template <typename T> void store(HostTensor &tensor, size_t index, double value) {
  T converted = convert<T>(value);
  std::memcpy(tensor.data() + index * sizeof(T), &converted, sizeof(T));
}

} // namespace

void HostTensor::Free::operator()(uint8_t *p) const { std::free(p); }

bool HostTensor::allocate(tinyc_dtype newType, std::vector<int64_t> newShape, std::string &error) {
  uint64_t bytesNeeded = tinyc_dtype_size(newType);
  bool sane = bytesNeeded != 0;
  for (int64_t dim : newShape)
    sane = sane && dim >= 0 && !__builtin_mul_overflow(bytesNeeded, static_cast<uint64_t>(dim), &bytesNeeded);
  if (!sane || bytesNeeded > (uint64_t(1) << 47)) {
    error = "tensor '" + name + "' has a shape or type out of range";
    return false;
  }
  // aligned_alloc takes multiples of the alignment; calloc would not align.
  size_t rounded = (bytesNeeded + 63) / 64 * 64;
  bytes.reset(static_cast<uint8_t *>(std::aligned_alloc(64, rounded ? rounded : 64)));
  if (!bytes) {
    error = "tensor '" + name + "' needs " + std::to_string(bytesNeeded) + " bytes, which are not available";
    return false;
  }
  std::memset(bytes.get(), 0, rounded ? rounded : 64);
  dtype = newType;
  shape = std::move(newShape);
  size = bytesNeeded;
  return true;
}

std::string HostTensor::type() const {
  std::string text = std::string(tinyc_dtype_name(dtype)) + "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? "x" : "") + std::to_string(shape[i]);
  return text + "]";
}

double elementAt(const HostTensor &tensor, size_t index) {
  switch (tensor.dtype) {
  case TINYC_DTYPE_BOOL:
  case TINYC_DTYPE_U8:
    return load<uint8_t>(tensor, index);
  case TINYC_DTYPE_I8:
    return load<int8_t>(tensor, index);
  case TINYC_DTYPE_I16:
    return load<int16_t>(tensor, index);
  case TINYC_DTYPE_I32:
    return load<int32_t>(tensor, index);
  case TINYC_DTYPE_I64:
    return static_cast<double>(load<int64_t>(tensor, index));
  case TINYC_DTYPE_U16:
    return load<uint16_t>(tensor, index);
  case TINYC_DTYPE_U32:
    return load<uint32_t>(tensor, index);
  case TINYC_DTYPE_U64:
    return static_cast<double>(load<uint64_t>(tensor, index));
  case TINYC_DTYPE_F32:
    return load<float>(tensor, index);
  case TINYC_DTYPE_F64:
    return load<double>(tensor, index);
  default:
    break;
  }
  SmallFloat f;
  if (!smallFloat(tensor.dtype, f))
    return 0;
  return decode(f, f.bits() == 16 ? load<uint16_t>(tensor, index) : load<uint8_t>(tensor, index));
}

void setElement(HostTensor &tensor, size_t index, double value) {
  switch (tensor.dtype) {
  case TINYC_DTYPE_BOOL:
    return store<uint8_t>(tensor, index, value != 0);
  case TINYC_DTYPE_U8:
    return store<uint8_t>(tensor, index, value);
  case TINYC_DTYPE_I8:
    return store<int8_t>(tensor, index, value);
  case TINYC_DTYPE_I16:
    return store<int16_t>(tensor, index, value);
  case TINYC_DTYPE_I32:
    return store<int32_t>(tensor, index, value);
  case TINYC_DTYPE_I64:
    return store<int64_t>(tensor, index, value);
  case TINYC_DTYPE_U16:
    return store<uint16_t>(tensor, index, value);
  case TINYC_DTYPE_U32:
    return store<uint32_t>(tensor, index, value);
  case TINYC_DTYPE_U64:
    return store<uint64_t>(tensor, index, value);
  case TINYC_DTYPE_F32:
    return store<float>(tensor, index, value);
  case TINYC_DTYPE_F64:
    return store<double>(tensor, index, value);
  default:
    break;
  }
  SmallFloat f;
  if (!smallFloat(tensor.dtype, f))
    return;
  if (f.bits() == 16)
    store<uint16_t>(tensor, index, encode(f, value));
  else
    store<uint8_t>(tensor, index, encode(f, value));
}

std::string elementText(const HostTensor &tensor, size_t index) {
  char text[64];
  SmallFloat f;
  if (tensor.dtype == TINYC_DTYPE_I64)
    std::snprintf(text, sizeof(text), "%lld", static_cast<long long>(load<int64_t>(tensor, index)));
  else if (tensor.dtype == TINYC_DTYPE_U64)
    std::snprintf(text, sizeof(text), "%llu", static_cast<unsigned long long>(load<uint64_t>(tensor, index)));
  else if (std::isnan(elementAt(tensor, index)))
    return "nan"; // devices make NaNs of either sign
  else if (tensor.dtype == TINYC_DTYPE_F64)
    std::snprintf(text, sizeof(text), "%.17g", elementAt(tensor, index));
  else if (smallFloat(tensor.dtype, f))
    std::snprintf(text, sizeof(text), "%.*g", f.mantissaBits >= 7 ? 5 : 3, elementAt(tensor, index));
  else
    std::snprintf(text, sizeof(text), "%.9g", elementAt(tensor, index));
  return text;
}

} // namespace tinyc::tensorio
