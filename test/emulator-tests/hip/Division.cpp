// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Division of f32 and f64 as LLVM expands it (v_div_scale, v_rcp, fused refinements, v_div_fmas, v_div_fixup) against
// the CPU's: correctly rounded for every pair of operands, whatever scaling they need.
#include "HipTest.h"
#include "Kernels.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace hiptest;

namespace {

template <typename T> struct Pairs {
  std::vector<T> numerators, denominators;
  void add(T n, T d) {
    numerators.push_back(n);
    denominators.push_back(d);
  }
};

template <typename T, typename Bits, int MantissaBits, int Bias> struct DivisionTest {
  static constexpr Bits ones = (Bits(1) << MantissaBits) - 1;
  static constexpr int greatest = 2 * Bias; // the exponent field of the greatest finite numbers

  static T number(bool negative, int exponent, Bits mantissa) {
    return std::bit_cast<T>(Bits(Bits(negative) << (sizeof(T) * 8 - 1) | Bits(exponent) << MantissaBits | mantissa));
  }

  /// Every pair of corner exponents, with corner mantissas: one divided by all ones lies next to a tie.
  static void addCorners(Pairs<T> &pairs, Noise &noise) {
    const int exponents[] = {0,    1,        2,         MantissaBits, MantissaBits + 1, Bias / 2, Bias - 1,
                             Bias, Bias + 7, Bias + 30, greatest - 2, greatest - 1,     greatest};
    for (int n : exponents)
      for (int d : exponents) {
        const Bits mantissas[] = {0, 1, ones - 1, ones, Bits(noise.next()) & ones};
        for (Bits a : mantissas)
          for (Bits b : mantissas)
            pairs.add(number(noise.next() & 1, n, a), number(noise.next() & 1, d, b));
      }
  }

  static void addRandom(Pairs<T> &pairs, Noise &noise, int count) {
    auto random = [&] {
      return number(noise.next() & 1, int(noise.next() % (greatest + 1)), Bits(noise.next()) & ones);
    };
    for (int i = 0; i < count; ++i)
      pairs.add(random(), random());
  }

  /// Quotients among the denormals as near to a tie as operands allow: rounding twice would get them wrong.
  static void addDenormalTies(Pairs<T> &pairs, Noise &noise, int count) {
    for (int i = 0; i < count; ++i) {
      int kept = 1 + int(noise.next() % MantissaBits); // the quotient's bits, the last of them below the last place
      Bits odd = (Bits(noise.next()) & ((Bits(1) << kept) - 1)) | 1;
      T d = number(false, Bias + 40 + int(noise.next() % 8), Bits(noise.next()) & ones);
      T n = T(std::ldexp(d * T(odd), -(Bias + MantissaBits)));
      pairs.add(n, d);
      pairs.add(std::nextafter(n, T(INFINITY)), d);
      pairs.add(std::nextafter(n, T(0)), d);
    }
  }

  /// A power of two divided by a mantissa of all ones, at every distance of exponents.
  static void addOnesDivisors(Pairs<T> &pairs, Noise &noise) {
    for (int e = 1; e <= greatest; ++e)
      pairs.add(number(noise.next() & 1, int(1 + noise.next() % greatest), 0), number(noise.next() & 1, e, ones));
  }

  static void run(const char *type) {
    Noise noise(41);
    Pairs<T> pairs;
    addCorners(pairs, noise);
    addRandom(pairs, noise, 8192);
    addDenormalTies(pairs, noise, 1024);
    addOnesDivisors(pairs, noise);
    while (pairs.numerators.size() % 64)
      pairs.add(T(1), T(3));

    std::string t = type;
    Module module(compile(std::string(Prelude) + "__kernel void k(__global " + t + " *o, __global const " + t +
                              " *a, __global const " + t + " *b) { uint i = gid(); o[i] = a[i] / b[i]; }",
                          "cl", "-ffp-contract=off -cl-fp32-correctly-rounded-divide-sqrt"));
    const size_t count = pairs.numerators.size();
    Buffer a(pairs.numerators), b(pairs.denominators), o(count * sizeof(T));
    ASSERT_EQ(hiptest::run(module.function("k"), {unsigned(count / 64)}, {64}, o, a, b), Success) << lastMessage();
    std::vector<T> found = o.template read<T>();
    int wrong = 0;
    for (size_t i = 0; i < count; ++i) {
      T n = pairs.numerators[i], d = pairs.denominators[i], want = n / d;
      if ((want != want && found[i] != found[i]) || std::memcmp(&found[i], &want, sizeof(T)) == 0)
        continue;
      if (++wrong <= 10)
        ADD_FAILURE() << std::hexfloat << n << " / " << d << ": expected " << want << ", found " << found[i];
    }
    EXPECT_EQ(wrong, 0) << "of " << count;
  }
};

} // namespace

TEST(Division, Float32) { DivisionTest<float, uint32_t, 23, 127>::run("float"); }
TEST(Division, Float64) { DivisionTest<double, uint64_t, 52, 1023>::run("double"); }
