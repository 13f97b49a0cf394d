// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element by element.

#include "tools/tinyc/Compare.h"

#include <algorithm>
#include <cmath>

using namespace tinyc;
using tensorio::HostTensor;

Difference tinyc::compareTensors(const HostTensor &expected, const HostTensor &found, double rtol, double atol) {
  Difference result;
  result.otherType = expected.dtype != found.dtype || expected.shape != found.shape;
  if (result.otherType)
    return result;
  double farthest = 0;
  for (size_t i = 0, count = expected.elementCount(); i < count; ++i) {
    double e = tensorio::elementAt(expected, i), f = tensorio::elementAt(found, i);
    if (e == f || (std::isnan(e) && std::isnan(f)))
      continue;
    double distance = std::abs(e - f), tolerance = atol + rtol * std::abs(e);
    bool numbers = std::isfinite(e) && std::isfinite(f);
    if (numbers && distance <= tolerance)
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
