// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The distance of a float from an exact value, in units in the last place.

#ifndef TINYC_TEST_ULP_ULP_H
#define TINYC_TEST_ULP_ULP_H

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

/// The distance of `found` from `exact` in units of the last place that f32 has at `exact` (2^-149 among denormals).
/// Two NaNs, or two equal infinities, are 0 apart; an infinity stands for the number after the largest.
inline double ulpDistance(float found, double exact) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (std::isnan(found) || std::isnan(exact))
    return std::isnan(found) && std::isnan(exact) ? 0 : infinity;
  double value = std::isinf(found) ? std::copysign(0x1p128, found) : found;
  // What rounds to infinity is infinity.
  if (std::fabs(exact) >= 0x1.ffffffp127)
    exact = std::copysign(0x1p128, exact);
  int exponent = static_cast<int>(std::bit_cast<uint64_t>(exact) >> 52 & 0x7ff) - 1023;
  int unit = std::clamp(exponent, -126, 127) - 23;
  return std::fabs(value - exact) * std::bit_cast<double>(static_cast<uint64_t>(1023 - unit) << 52);
}

#endif // TINYC_TEST_ULP_ULP_H
