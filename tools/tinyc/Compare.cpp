// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element by element; integers that a double does not hold, as integers.

#include "tools/tinyc/Compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

using namespace tinyc;
using tensorio::HostTensor;

template <typename T> static uint64_t distanceOf(const HostTensor &expected, const HostTensor &found, size_t i) {
  T e, f;
  std::memcpy(&e, expected.data() + i * sizeof(T), sizeof(T));
  std::memcpy(&f, found.data() + i * sizeof(T), sizeof(T));
  return e > f ? static_cast<uint64_t>(e) - static_cast<uint64_t>(f)
               : static_cast<uint64_t>(f) - static_cast<uint64_t>(e);
}

// How far apart elements are that doubles may round: of 64-bit integers, exactly.
static std::optional<uint64_t> integerDistance(const HostTensor &expected, const HostTensor &found, size_t i) {
  if (expected.dtype == TINYC_DTYPE_I64)
    return distanceOf<int64_t>(expected, found, i);
  if (expected.dtype == TINYC_DTYPE_U64)
    return distanceOf<uint64_t>(expected, found, i);
  return std::nullopt;
}

// The tolerance is cut to an integer, not the distance rounded to a double.
static bool isWithin(uint64_t distance, double tolerance) {
  return tolerance >= 0x1p64 || (tolerance >= 0 && distance <= static_cast<uint64_t>(tolerance));
}

Difference tinyc::compareTensors(const HostTensor &expected, const HostTensor &found, double rtol, double atol) {
  Difference result;
  result.otherType = expected.dtype != found.dtype || expected.shape != found.shape;
  if (result.otherType)
    return result;
  double farthest = 0;
  for (size_t i = 0, count = expected.elementCount(); i < count; ++i) {
    double e = tensorio::elementAt(expected, i), f = tensorio::elementAt(found, i);
    std::optional<uint64_t> apart = integerDistance(expected, found, i);
    if (apart ? *apart == 0 : e == f || (std::isnan(e) && std::isnan(f)))
      continue;
    double distance = apart ? static_cast<double>(*apart) : std::abs(e - f), tolerance = atol + rtol * std::abs(e);
    bool numbers = std::isfinite(e) && std::isfinite(f);
    if (numbers && (apart ? isWithin(*apart, tolerance) : distance <= tolerance))
      continue;
    if (!numbers)
      distance = INFINITY;
    double times = !numbers || tolerance == 0 ? INFINITY : distance / tolerance;
    if (!result.wrong++)
      result.first = result.worst = i;
    else if (times > farthest)
      result.worst = i;
    farthest = std::max(farthest, times);
    result.largest = std::max(result.largest, distance);
  }
  return result;
}

std::string tinyc::coordinates(const HostTensor &tensor, size_t element) {
  std::string text;
  for (size_t d = tensor.shape.size(); d-- > 0;) {
    text = std::to_string(element % tensor.shape[d]) + (text.empty() ? "" : ", " + text);
    element /= tensor.shape[d];
  }
  return "[" + text + "]";
}
