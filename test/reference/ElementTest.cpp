// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The narrow floats against LLVM's APFloat: every code as a number, and rounding of numbers of all sizes.

#include "dialects/Tiny/Element.h"

#include "llvm/ADT/APFloat.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace tinyc::tiny;
using llvm::APFloat;

static const std::pair<Element, const llvm::fltSemantics *> kFormats[] = {
    {Element::F16, &APFloat::IEEEhalf()},
    {Element::BF16, &APFloat::BFloat()},
    {Element::F8E4M3FN, &APFloat::Float8E4M3FN()},
    {Element::F8E5M2, &APFloat::Float8E5M2()},
    {Element::F8E4M3FNUZ, &APFloat::Float8E4M3FNUZ()},
    {Element::F8E5M2FNUZ, &APFloat::Float8E5M2FNUZ()},
};

static void expectSame(double expected, double found, Element e, uint64_t what) {
  if (std::isnan(expected) && std::isnan(found))
    return;
  EXPECT_EQ(std::bit_cast<uint64_t>(expected), std::bit_cast<uint64_t>(found))
      << name(e) << " of " << std::hex << what << ": expected " << expected << ", found " << found;
}

TEST(Element, EveryCodeOfTheNarrowFloats) {
  for (auto [e, semantics] : kFormats)
    for (uint32_t code = 0; code < 1u << bitWidth(e); ++code) {
      APFloat value(*semantics, llvm::APInt(bitWidth(e), code));
      bool lost;
      value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
      std::byte bytes[2] = {std::byte(code), std::byte(code >> 8)};
      Lane lane;
      decode(e, bytes, 1, &lane);
      expectSame(value.convertToDouble(), lane.f, e, code);
      // And back, unless it is one of several NaNs.
      std::byte again[2] = {};
      encode(e, &lane, 1, again);
      if (!std::isnan(lane.f))
        EXPECT_EQ(code, uint32_t(again[0]) | uint32_t(again[1]) << 8) << name(e);
    }
}

TEST(Element, RoundingIsToNearestEven) {
  std::mt19937_64 random(1);
  for (auto [e, semantics] : kFormats)
    for (int k = 0; k < 100000; ++k) {
      // Exponents from far below to far above the formats', few bits so that ties are common.
      double x = std::ldexp(static_cast<double>(static_cast<int64_t>(random()) >> (46 + k % 14)),
                            static_cast<int>(random() % 64) - 40 - (e == Element::BF16 ? 100 * (k % 2) : 0));
      APFloat value(x);
      bool lost;
      value.convert(*semantics, APFloat::rmNearestTiesToEven, &lost);
      value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
      Lane lane{.f = x};
      toNearest(e, &lane, 1);
      expectSame(value.convertToDouble(), lane.f, e, std::bit_cast<uint64_t>(x));
    }
}
