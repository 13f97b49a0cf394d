// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise kernels in every type, as clang compiles them, against the same expression computed on the CPU.
#include "HipTest.h"
#include "Kernels.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace hiptest;

namespace {

template <typename T> std::vector<T> randomBits(size_t count, uint64_t seed) {
  Noise noise(seed);
  std::vector<T> values(count);
  for (T &value : values) {
    uint64_t bits = noise.next();
    if (noise.next() % 4 == 0) // small numbers, so that divisions and shifts see interesting operands
      bits = uint64_t(int64_t(bits % 17) - 8);
    std::memcpy(&value, &bits, sizeof value);
  }
  return values;
}

template <typename T> std::vector<T> randomReals(size_t count, uint64_t seed, float low, float high) {
  Noise noise(seed);
  std::vector<T> values(count);
  for (T &value : values)
    value = T(noise.real(low, high));
  return values;
}

/// o[i] = expression of x, y, z in type `name`, on 512 elements.
template <typename T, typename F>
void check(const char *name, const char *expression, const std::vector<T> &x, const std::vector<T> &y,
           const std::vector<T> &z, F expected, const std::string &flags = "") {
  std::string t = name;
  std::string source = std::string(Prelude) + "__kernel void k(__global " + t + " *o, __global const " + t +
                       " *a, __global const " + t + " *b, __global const " + t + " *c) { uint i = gid(); " + t +
                       " x = a[i], y = b[i], z = c[i]; o[i] = " + expression + "; }";
  Module module(compile(source, "cl", flags));
  Buffer a(x), b(y), c(z), o(x.size() * sizeof(T));
  ASSERT_EQ(run(module.function("k"), {unsigned(x.size() / 64)}, {64}, o, a, b, c), Success)
      << t << " " << expression << "\n"
      << lastMessage();
  std::vector<T> result = o.template read<T>();
  for (size_t i = 0; i < x.size(); ++i) {
    T want = T(expected(x[i], y[i], z[i]));
    bool bothNan = want != want && result[i] != result[i];
    ASSERT_TRUE(bothNan || std::memcmp(&result[i], &want, sizeof(T)) == 0)
        << t << " " << expression << " at " << i << ": x " << double(x[i]) << " y " << double(y[i]) << " z "
        << double(z[i]) << ": expected " << double(want) << ", found " << double(result[i]);
  }
}

template <typename T> void integers(const char *name) {
  using U = std::make_unsigned_t<T>;
  auto x = randomBits<T>(512, 1), y = randomBits<T>(512, 2), z = randomBits<T>(512, 3);
  for (T &v : y)
    if (v == 0 || v == T(-1))
      v = 3;
  constexpr unsigned bits = sizeof(T) * 8;
  check<T>(name, "x + y * z", x, y, z, [](T x, T y, T z) { return T(U(x) + U(y) * U(z)); });
  check<T>(name, "x - y", x, y, z, [](T x, T y, T) { return T(U(x) - U(y)); });
  check<T>(name, "x / y", x, y, z, [](T x, T y, T) { return T(x / y); });
  check<T>(name, "x % y", x, y, z, [](T x, T y, T) { return T(x % y); });
  check<T>(name, "(x & y) | (~x & z)", x, y, z, [](T x, T y, T z) { return T((x & y) | (~x & z)); });
  check<T>(name, "x ^ y ^ z", x, y, z, [](T x, T y, T z) { return T(x ^ y ^ z); });
  check<T>(name, "x < y ? x : z", x, y, z, [](T x, T y, T z) { return x < y ? x : z; });
  check<T>(name, "(x == y || x > z) ? y : x", x, y, z, [](T x, T y, T z) { return x == y || x > z ? y : x; });
  std::string shift = "x << (y & " + std::to_string(bits - 1) + ")";
  check<T>(name, shift.c_str(), x, y, z, [](T x, T y, T) { return T(U(x) << (y & T(bits - 1))); });
  shift = "x >> (y & " + std::to_string(bits - 1) + ")";
  check<T>(name, shift.c_str(), x, y, z, [](T x, T y, T) { return T(x >> (y & T(bits - 1))); });
  check<T>(name, "__builtin_elementwise_min(x, __builtin_elementwise_max(y, z))", x, y, z,
           [](T x, T y, T z) { return std::min(x, std::max(y, z)); });
  check<T>(name, "__builtin_elementwise_add_sat(x, y)", x, y, z, [](T x, T y, T) {
    T r;
    if (!__builtin_add_overflow(x, y, &r))
      return r;
    return std::is_unsigned_v<T> || y > 0 ? std::numeric_limits<T>::max() : std::numeric_limits<T>::min();
  });
  check<T>(name, "__builtin_elementwise_sub_sat(x, y)", x, y, z, [](T x, T y, T) {
    T r;
    if (!__builtin_sub_overflow(x, y, &r))
      return r;
    return std::is_unsigned_v<T> || y > 0 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
  });
  check<T>(name, "__builtin_elementwise_popcount(x)", x, y, z, [](T x, T, T) { return T(std::popcount(U(x))); });
  check<T>(name, "x ? __builtin_clzl((ulong)x) : 1", x, y, z,
           [](T x, T, T) { return T(x ? __builtin_clzl(uint64_t(x)) : 1); });
}

} // namespace

TEST(Elementwise, Int8) { integers<int8_t>("char"); }
TEST(Elementwise, UInt8) { integers<uint8_t>("uchar"); }
TEST(Elementwise, Int16) { integers<int16_t>("short"); }
TEST(Elementwise, UInt16) { integers<uint16_t>("ushort"); }
TEST(Elementwise, Int32) { integers<int32_t>("int"); }
TEST(Elementwise, UInt32) { integers<uint32_t>("uint"); }
TEST(Elementwise, Int64) { integers<int64_t>("long"); }
TEST(Elementwise, UInt64) { integers<uint64_t>("ulong"); }

TEST(Elementwise, Float32) {
  // Every bit pattern: NaN, infinities, denormals, and quotients that overflow and underflow.
  auto x = randomBits<float>(4096, 4), y = randomBits<float>(4096, 5), z = randomBits<float>(4096, 6);
  const char *t = "float", *exact = "-ffp-contract=off -cl-fp32-correctly-rounded-divide-sqrt";
  check<float>(t, "x + y", x, y, z, [](float x, float y, float) { return x + y; }, exact);
  check<float>(t, "x * y - z", x, y, z, [](float x, float y, float z) { return x * y - z; }, exact);
  check<float>(t, "__builtin_fmaf(x, y, z)", x, y, z, [](float x, float y, float z) { return std::fma(x, y, z); });
  check<float>(t, "x / y", x, y, z, [](float x, float y, float) { return x / y; }, exact);
  check<float>(t, "__builtin_sqrtf(x)", x, y, z, [](float x, float, float) { return std::sqrt(x); }, exact);
  check<float>(t, "__builtin_fabsf(x) < y ? -x : z", x, y, z,
               [](float x, float y, float z) { return std::fabs(x) < y ? -x : z; });
  check<float>(
      t, "__builtin_floorf(x) + __builtin_ceilf(y) + __builtin_truncf(z) + __builtin_rintf(x)", x, y, z,
      [](float x, float y, float z) { return std::floor(x) + std::ceil(y) + std::trunc(z) + std::rint(x); }, exact);
  check<float>(t, "__builtin_ldexpf(x, (int)(y > 0 ? 3 : -100))", x, y, z,
               [](float x, float y, float) { return std::ldexp(x, y > 0 ? 3 : -100); });
  auto u = randomReals<float>(4096, 7, -100, 100), v = randomReals<float>(4096, 8, -1, 1);
  check<float>(t, "x / y", u, v, v, [](float x, float y, float) { return x / y; }, exact);
  check<float>(
      t, "__builtin_fmaxf(x, y) + __builtin_fminf(x, z)", u, v, u,
      [](float x, float y, float z) { return std::fmax(x, y) + std::fmin(x, z); }, exact);
}

TEST(Elementwise, Float64) {
  auto x = randomBits<double>(4096, 9), y = randomBits<double>(4096, 10), z = randomBits<double>(4096, 11);
  const char *t = "double", *exact = "-ffp-contract=off";
  check<double>(t, "x + y * z", x, y, z, [](double x, double y, double z) { return x + y * z; }, exact);
  check<double>(t, "__builtin_fma(x, y, z)", x, y, z, [](double x, double y, double z) { return std::fma(x, y, z); });
  check<double>(t, "x / y", x, y, z, [](double x, double y, double) { return x / y; }, exact);
  check<double>(t, "__builtin_sqrt(x)", x, y, z, [](double x, double, double) { return std::sqrt(x); }, exact);
  check<double>(t, "x < y ? __builtin_floor(z) : __builtin_trunc(x)", x, y, z,
                [](double x, double y, double z) { return x < y ? std::floor(z) : std::trunc(x); });
}

TEST(Elementwise, Float16) {
  using H = _Float16;
  auto x = randomBits<H>(4096, 12), y = randomBits<H>(4096, 13), z = randomBits<H>(4096, 14);
  const char *t = "half", *exact = "-ffp-contract=off";
  check<H>(t, "x + y", x, y, z, [](H x, H y, H) { return H(float(x) + float(y)); }, exact);
  check<H>(t, "x * y", x, y, z, [](H x, H y, H) { return H(float(x) * float(y)); }, exact);
  check<H>(t, "x / y", x, y, z, [](H x, H y, H) { return H(float(x) / float(y)); }, exact);
  check<H>(t, "x < y ? -x : z", x, y, z, [](H x, H y, H z) { return x < y ? -x : z; });
  check<H>(
      t, "x * y + z", x, y, z, [](H x, H y, H z) { return H(double(x) * double(y) + double(z)); },
      "-ffp-contract=fast");
  check<H>(
      t, "(half)((float)x * (float)y + (float)z)", x, y, z,
      [](H x, H y, H z) { return H(std::fma(float(x), float(y), float(z))); }, "-ffp-contract=fast");
}

TEST(Elementwise, PackedHalf) {
  using H = _Float16;
  auto x = randomBits<H>(512, 15), y = randomBits<H>(512, 16);
  Module module(compile(std::string(Prelude) + R"(
__kernel void k(__global half2 *o, __global const half2 *a, __global const half2 *b) {
  uint i = gid();
  half2 x = a[i], y = b[i];
  o[i] = __builtin_elementwise_fma(x, y.yx, (half2)(1.5h, -2.0h)) - x.yx;
})",
                        "cl", "-ffp-contract=off"));
  Buffer a(x), b(y), o(1024);
  ASSERT_EQ(run(module.function("k"), {4}, {64}, o, a, b), Success) << lastMessage();
  std::vector<H> result = o.read<H>();
  for (int i = 0; i < 512; ++i) {
    double constant = i % 2 ? -2.0 : 1.5;
    H want = H(float(H(double(x[i]) * double(y[i ^ 1]) + constant)) - float(x[i ^ 1]));
    ASSERT_TRUE(result[i] == want || (result[i] != result[i] && want != want)) << i;
  }
}

/// Each conversion clang emits, against C's where C defines one and saturation elsewhere.
TEST(Elementwise, Conversions) {
  Module module(compile(std::string(Prelude) + R"(
__kernel void k(__global int *oi, __global uint *ou, __global half *oh, __global double *od, __global float *of,
                __global const float *a, __global const int *b) {
  uint i = gid();
  oi[i] = __builtin_elementwise_trunc(a[i]) < 2e9f && a[i] > -2e9f ? (int)a[i] : -1;
  ou[i] = a[i] >= 0 && a[i] < 4e9f ? (uint)a[i] : 1;
  oh[i] = (half)a[i];
  od[i] = (double)a[i] + (double)b[i] + (double)(uint)b[i] + (double)(long)b[i];
  of[i] = (float)b[i] + (float)(uint)b[i] + (float)(char)b[i] + (float)(uchar)(b[i] >> 8) + (float)(half)(short)(b[i] & 1023) + (float)((double)b[i] / 3.0);
})",
                        "cl", "-ffp-contract=off"));
  auto x = randomReals<float>(512, 17, -3e9f, 3e9f);
  for (int i = 0; i < 256; ++i)
    x[i] = x[i] * 1e-7f;
  auto y = randomBits<int>(512, 18);
  Buffer a(x), b(y), oi(2048), ou(2048), oh(1024), od(4096), of(2048);
  ASSERT_EQ(run(module.function("k"), {8}, {64}, oi, ou, oh, od, of, a, b), Success) << lastMessage();
  auto ri = oi.read<int>();
  auto ru = ou.read<unsigned>();
  auto rh = oh.read<_Float16>();
  auto rd = od.read<double>();
  auto rf = of.read<float>();
  for (int i = 0; i < 512; ++i) {
    ASSERT_EQ(ri[i], x[i] < 2e9f && x[i] > -2e9f ? int(x[i]) : -1) << x[i];
    ASSERT_EQ(ru[i], x[i] >= 0 && x[i] < 4e9f ? unsigned(x[i]) : 1) << x[i];
    ASSERT_EQ(float(rh[i]), float(_Float16(x[i]))) << x[i];
    ASSERT_EQ(rd[i], double(x[i]) + double(y[i]) + double(unsigned(y[i])) + double(y[i]));
    ASSERT_EQ(rf[i], float(y[i]) + float(unsigned(y[i])) + float(int8_t(y[i])) + float(uint8_t(y[i] >> 8)) +
                         float(y[i] & 1023) + float(double(y[i]) / 3.0));
  }
}

/// Approximate instructions err, but by no more than 1 ulp; sometimes they do err.
TEST(Elementwise, ApproximateWithinTheirBound) {
  Module module(compile(std::string(Prelude) + R"(
__kernel void k(__global float *o, __global const float *a, int n) {
  uint i = gid();
  o[i] = __builtin_amdgcn_rcpf(a[i]);
  o[i + n] = __builtin_amdgcn_rsqf(a[i]);
  o[i + 2 * n] = __builtin_amdgcn_sqrtf(a[i]);
  o[i + 3 * n] = __builtin_amdgcn_logf(a[i]);
  o[i + 4 * n] = __builtin_amdgcn_exp2f(a[i]);
})"));
  int n = 1024, wrong = 0;
  auto x = randomReals<float>(n, 19, 0.01f, 20);
  Buffer a(x), o(5 * n * 4);
  ASSERT_EQ(run(module.function("k"), {unsigned(n / 64)}, {64}, o, a, n), Success) << lastMessage();
  auto r = o.read<float>();
  for (int i = 0; i < 5 * n; ++i) {
    double v = x[i % n];
    double want[] = {1 / v, 1 / std::sqrt(v), std::sqrt(v), std::log2(v), std::exp2(v)};
    float nearest = float(want[i / n]), ulp = std::nextafter(std::fabs(nearest), INFINITY) - std::fabs(nearest);
    ASSERT_LE(std::fabs(r[i] - want[i / n]), ulp) << i / n << " of " << v;
    wrong += r[i] != nearest;
  }
  EXPECT_GT(wrong, n);
}

/// What LLVM expands exp, log and their bases to holds its accuracy on instructions that err as far as they may.
TEST(Elementwise, ElementaryFunctionsOfLlvm) {
  Module module(compile(std::string(Prelude) + R"(
__kernel void k(__global float *o, __global const float *a, int n) {
  uint i = gid();
  o[i] = __builtin_expf(a[i]);
  o[i + n] = __builtin_exp2f(a[i]);
  o[i + 2 * n] = __builtin_logf(__builtin_fabsf(a[i]));
  o[i + 3 * n] = __builtin_log2f(__builtin_fabsf(a[i]));
  o[i + 4 * n] = __builtin_log10f(__builtin_fabsf(a[i]));
})"));
  int n = 4096;
  auto x = randomReals<float>(n, 23, -80, 80);
  for (int i = 0; i < n / 2; ++i)
    x[i] *= 0.01f;
  Buffer a(x), o(5 * n * 4);
  ASSERT_EQ(run(module.function("k"), {unsigned(n / 64)}, {64}, o, a, n), Success) << lastMessage();
  auto r = o.read<float>();
  for (int i = 0; i < 5 * n; ++i) {
    double v = x[i % n], w = std::fabs(v);
    double want[] = {std::exp(v), std::exp2(v), std::log(w), std::log2(w), std::log10(w)};
    float nearest = float(want[i / n]), ulp = std::nextafter(std::fabs(nearest), INFINITY) - std::fabs(nearest);
    ASSERT_LE(std::fabs(r[i] - want[i / n]), 3 * ulp) << i / n << " of " << v;
  }
}

/// Denormals are flushed when the kernel's descriptor says so.
TEST(Elementwise, FlushesDenormalsOnDemand) {
  const std::string source =
      std::string(Prelude) +
      "__kernel void k(__global float *o, __global const float *a) { o[gid()] = a[gid()] * 0.5f; }";
  Buffer a{std::vector<float>(32, 0x1p-126f)}, o(128);
  Module kept(compile(source)), flushed(compile(source, "cl", "-cl-denorms-are-zero"));
  ASSERT_EQ(run(kept.function("k"), {1}, {32}, o, a), Success) << lastMessage();
  EXPECT_EQ(o.read<float>()[0], 0x1p-127f);
  ASSERT_EQ(run(flushed.function("k"), {1}, {32}, o, a), Success) << lastMessage();
  EXPECT_EQ(o.read<float>()[0], 0.0f);
}
