// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Comparisons: v_cmp writes a mask, v_cmpx makes it EXEC. The names come in regular families.

#include "FloatMath.h"
#include "VectorEval.h"
#include <deque>

using namespace tinyc::emulator::amd;

namespace {

const char *keep(std::string name) {
  static std::deque<std::string> names;
  names.push_back(std::move(name));
  return names.back().c_str();
}

template <auto Fn> void addBoth(std::vector<VectorOp> &t, const std::string &test, const std::string &type) {
  t.push_back(op<Fn>(keep("v_cmp_" + test + "_" + type)));
  t.push_back(op<Fn>(keep("v_cmpx_" + test + "_" + type)));
}

template <typename T> void addIntegers(std::vector<VectorOp> &t, const char *type) {
  addBoth<[](T a, T b) { return a < b; }>(t, "lt", type);
  addBoth<[](T a, T b) { return a == b; }>(t, "eq", type);
  addBoth<[](T a, T b) { return a <= b; }>(t, "le", type);
  addBoth<[](T a, T b) { return a > b; }>(t, "gt", type);
  addBoth<[](T a, T b) { return a != b; }>(t, "ne", type);
  addBoth<[](T a, T b) { return a >= b; }>(t, "ge", type);
}

/// The bits of v_cmp_class: signalling NaN, quiet NaN, -inf, -normal, -denormal, -0, +0, +denormal, +normal, +inf.
template <typename T> bool isOfClass(T x, uint32_t mask) {
  using F = FloatFacts<T>;
  uint64_t bits = bitsOf(x), fraction = bits & ((uint64_t(1) << F::mantissaBits) - 1);
  unsigned exponent = unsigned(bits >> F::mantissaBits) & (2 * F::bias + 1);
  unsigned place;
  if (exponent == 2 * F::bias + 1 && fraction)
    place = fraction >> (F::mantissaBits - 1) & 1 ? 1 : 0;
  else {
    unsigned kind = exponent == 2 * F::bias + 1 ? 3 : exponent ? 2 : fraction ? 1 : 0;
    place = signOf(x) ? 5 - kind : 6 + kind;
  }
  return mask >> place & 1;
}

template <typename T> void addFloats(std::vector<VectorOp> &t, const char *type) {
  addBoth<[](T a, T b) { return a < b; }>(t, "lt", type);
  addBoth<[](T a, T b) { return a == b; }>(t, "eq", type);
  addBoth<[](T a, T b) { return a <= b; }>(t, "le", type);
  addBoth<[](T a, T b) { return a > b; }>(t, "gt", type);
  addBoth<[](T a, T b) { return a < b || a > b; }>(t, "lg", type);
  addBoth<[](T a, T b) { return a >= b; }>(t, "ge", type);
  addBoth<[](T a, T b) { return a == a && b == b; }>(t, "o", type);
  addBoth<[](T a, T b) { return a != a || b != b; }>(t, "u", type);
  addBoth<[](T a, T b) { return !(a >= b); }>(t, "nge", type);
  addBoth<[](T a, T b) { return !(a < b || a > b); }>(t, "nlg", type);
  addBoth<[](T a, T b) { return !(a > b); }>(t, "ngt", type);
  addBoth<[](T a, T b) { return !(a <= b); }>(t, "nle", type);
  addBoth<[](T a, T b) { return !(a == b); }>(t, "neq", type);
  addBoth<[](T a, T b) { return !(a < b); }>(t, "nlt", type);
}

} // namespace

void tinyc::emulator::amd::addCompareOps(std::vector<VectorOp> &t) {
  addIntegers<uint16_t>(t, "u16");
  addIntegers<int16_t>(t, "i16");
  addIntegers<uint32_t>(t, "u32");
  addIntegers<int32_t>(t, "i32");
  addIntegers<uint64_t>(t, "u64");
  addIntegers<int64_t>(t, "i64");
  addFloats<_Float16>(t, "f16");
  addFloats<float>(t, "f32");
  addFloats<double>(t, "f64");
  addBoth<[](_Float16 a, uint16_t m) { return isOfClass(a, m); }>(t, "class", "f16");
  addBoth<[](float a, uint32_t m) { return isOfClass(a, m); }>(t, "class", "f32");
  addBoth<[](double a, uint32_t m) { return isOfClass(a, m); }>(t, "class", "f64");
}
