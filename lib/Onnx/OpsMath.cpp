// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic, elementary functions and activations.

#include "lib/Builders/Elementary.h"
#include "lib/Onnx/BroadcastOperands.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

Value onnx::legacyBroadcast(NodeImport &n) {
  n.ignore({"consumed_inputs"});
  Value y = n[1];
  int64_t rank = n.rank(0);
  if (n.integer("broadcast", 0)) {
    // The second operand's dimensions stand from `axis` on; without one, at the end.
    FailureOr<int64_t> axis = n.axis(n.integer("axis", rank - n.rank(1)), rank + 1);
    if (failed(axis))
      return {};
    SmallVector<int64_t> shape(n.shape(1));
    for (int64_t d = *axis + n.rank(1); d < rank; ++d)
      shape.push_back(1);
    y = reshape(n.b, y, shape);
  }
  return broadcast(n.b, y, n.shape(0));
}

static Value number(NodeImport &n, double value) { return splat(n.b, n[0], value); }

static Value importMod(NodeImport &n) { return n.integer("fmod", 0) ? binary<truncMod>(n) : binary<floorMod>(n); }

// The exponent may have another type than the base, which gives the result's.
static Value importPow(NodeImport &n) {
  Type result = n.element(0);
  // A fractional exponent of an integer base is computed in floats.
  bool mixed = isa<IntegerType>(result) && isa<FloatType>(n.element(1));
  Type common = mixed ? n.b.getF64Type() : result;
  Value v[] = {cast(n.b, n[0], common), cast(n.b, n[1], common)};
  if (!broadcastTogether(n.b, v))
    return {};
  Value power = pow(n.b, v[0], v[1]);
  if (!mixed || !power)
    return cast(n.b, power, result);
  // A whole exponent gives a whole number, which a power computed by logarithms only comes near.
  Value whole = equal(n.b, v[1], round(n.b, tiny::RoundMode::Trunc, v[1]));
  return cast(n.b, where(n.b, whole, round(n.b, tiny::RoundMode::Even, power), power), result);
}

static Value importMean(NodeImport &n) {
  Value sum = variadic<compose::add>(n);
  return sum ? div(n.b, sum, splat(n.b, sum, n.inputs.size())) : sum;
}

static Value importClip(NodeImport &n) {
  n.ignore({"consumed_inputs"});
  Value low, high;
  if (n.version < 11) {
    if (n.attribute("min"))
      low = number(n, n.number("min", 0));
    if (n.attribute("max"))
      high = number(n, n.number("max", 0));
  } else {
    if (n.has(1) && !(low = broadcast(n.b, n[1], n.shape(0))))
      return {};
    if (n.has(2) && !(high = broadcast(n.b, n[2], n.shape(0))))
      return {};
  }
  Value x = n[0];
  if (low)
    x = max(n.b, x, low);
  // Not min: NaN passes through the comparison, and it is one op less.
  return high ? where(n.b, less(n.b, high, x), high, x) : x;
}

static Value relu(compose::Builder &b, Value x) { return max(b, x, splat(b, x, 0.0)); }

static Value whereNegative(NodeImport &n, Value negative, Value otherwise) {
  return where(n.b, less(n.b, n[0], number(n, 0)), negative, otherwise);
}

static Value importLeakyRelu(NodeImport &n) {
  n.ignore({"consumed_inputs"});
  return whereNegative(n, mul(n.b, n[0], number(n, n.number("alpha", 0.01))), n[0]);
}

static Value importPRelu(NodeImport &n) {
  n.ignore({"consumed_inputs"});
  Value slope = n[1];
  // Before broadcasting was one-directional, a vector went along the channels.
  if (n.version < 7 && n.rank(1) == 1 && n.rank(0) > 1)
    slope = broadcastAlong(n.b, slope, n.shape(0), 1);
  slope = broadcast(n.b, slope, n.shape(0));
  return slope ? whereNegative(n, mul(n.b, n[0], slope), n[0]) : slope;
}

// scale * (alpha * (e^(x * rate) - 1) where x < 0, else x)
static Value exponentialUnit(NodeImport &n, double alpha, double rate, double scale) {
  n.ignore({"consumed_inputs"});
  Value power = exp(n.b, rate == 1.0 ? n[0] : mul(n.b, n[0], number(n, rate)));
  Value negative = mul(n.b, sub(n.b, power, number(n, 1)), number(n, alpha));
  Value result = whereNegative(n, negative, n[0]);
  return scale == 1.0 ? result : mul(n.b, result, number(n, scale));
}

static Value importElu(NodeImport &n) { return exponentialUnit(n, n.number("alpha", 1), 1, 1); }

static Value importCelu(NodeImport &n) {
  double alpha = n.number("alpha", 1);
  return exponentialUnit(n, alpha, 1 / alpha, 1);
}

static Value importSelu(NodeImport &n) {
  // Version 1 rounded the constants to four digits.
  bool rounded = n.version < 6;
  return exponentialUnit(n, n.number("alpha", rounded ? 1.6732 : 1.67326319217681884765625), 1,
                         n.number("gamma", rounded ? 1.0507 : 1.05070102214813232421875));
}

static Value importThresholdedRelu(NodeImport &n) {
  Value alpha = number(n, n.number("alpha", 1));
  return where(n.b, less(n.b, alpha, n[0]), n[0], number(n, 0));
}

static Value clampedLine(NodeImport &n, double slope, double offset) {
  Value line = add(n.b, mul(n.b, n[0], number(n, slope)), number(n, offset));
  Value bounded = max(n.b, line, number(n, 0));
  Value one = number(n, 1);
  return where(n.b, less(n.b, one, bounded), one, bounded);
}

static Value importHardSigmoid(NodeImport &n) {
  n.ignore({"consumed_inputs"});
  return clampedLine(n, n.number("alpha", 0.2), n.number("beta", 0.5));
}

static Value importHardSwish(NodeImport &n) { return mul(n.b, n[0], clampedLine(n, 1.0 / 6.0, 0.5)); }

// log(1 + e^x), without overflow.
static Value softplus(compose::Builder &b, Value x) {
  Value power = exp(b, neg(b, abs(b, x)));
  return power ? add(b, relu(b, x), log(b, add(b, power, splat(b, x, 1.0)))) : power;
}

static Value importSoftsign(NodeImport &n) { return div(n.b, n[0], add(n.b, abs(n.b, n[0]), number(n, 1))); }

static Value importShrink(NodeImport &n) {
  double bias = n.number("bias", 0), lambda = n.number("lambd", 0.5);
  // Integers are moved by a float, and truncated.
  Value x = isa<FloatType>(n.element(0)) ? n[0] : cast(n.b, n[0], n.b.getF64Type());
  auto number = [&](double value) { return splat(n.b, x, value); };
  Value low = where(n.b, less(n.b, x, number(-lambda)), add(n.b, x, number(bias)), number(0));
  return cast(n.b, where(n.b, less(n.b, number(lambda), x), sub(n.b, x, number(bias)), low), n.element(0));
}

static Value importGelu(NodeImport &n) {
  std::string approximate = n.text("approximate", "none");
  Value x = n[0], inner;
  if (approximate == "tanh") {
    // sqrt(2 / pi) * (x + 0.044715 x^3)
    Value cubic = mul(n.b, mul(n.b, mul(n.b, x, x), x), number(n, 0.044715));
    inner = compose::tanh(n.b, mul(n.b, add(n.b, x, cubic), number(n, 0.7978845608028654)));
  } else if (approximate == "none") {
    inner = compose::erf(n.b, mul(n.b, x, number(n, 0.7071067811865476)));
  } else {
    return n.fail("attribute 'approximate': expected none or tanh, found '" + approximate + "'");
  }
  return inner ? mul(n.b, mul(n.b, x, number(n, 0.5)), add(n.b, inner, number(n, 1))) : inner;
}

static Value importSwish(NodeImport &n) {
  double alpha = n.number("alpha", 1);
  Value scaled = alpha == 1 ? n[0] : mul(n.b, n[0], number(n, alpha));
  return mul(n.b, n[0], sigmoid(n.b, scaled));
}

static Value importMish(NodeImport &n) { return mul(n.b, n[0], compose::tanh(n.b, softplus(n.b, n[0]))); }

static Value tangent(compose::Builder &b, Value x) { return div(b, compose::sin(b, x), compose::cos(b, x)); }

template <tiny::RoundMode mode> static Value rounded(compose::Builder &b, Value x) { return round(b, mode, x); }

ArrayRef<Operator> onnx::mathOperators() {
  static const Operator rows[] = {
      {"Abs", 1, 1, 1, Narrow::Widen, unary<compose::abs>},
      {"Acos", 7, 1, 1, Narrow::Widen, unary<compose::acos>},
      {"Acosh", 9, 1, 1, Narrow::Widen, unary<compose::acosh>},
      {"Add", 1, 2, 2, Narrow::Widen, legacyBinary<compose::add>},
      {"Add", 7, 2, 2, Narrow::Widen, binary<compose::add>},
      {"Asin", 7, 1, 1, Narrow::Widen, unary<compose::asin>},
      {"Asinh", 9, 1, 1, Narrow::Widen, unary<compose::asinh>},
      {"Atan", 7, 1, 1, Narrow::Widen, unary<compose::atan>},
      {"Atanh", 9, 1, 1, Narrow::Widen, unary<compose::atanh>},
      {"Ceil", 1, 1, 1, Narrow::Widen, unary<rounded<tiny::RoundMode::Ceil>>},
      {"Celu", 12, 1, 1, Narrow::Widen, importCelu},
      {"Clip", 1, 1, 3, Narrow::Widen, importClip},
      {"Cos", 7, 1, 1, Narrow::Widen, unary<compose::cos>},
      {"Cosh", 9, 1, 1, Narrow::Widen, unary<compose::cosh>},
      {"Div", 1, 2, 2, Narrow::Widen, legacyBinary<compose::div>},
      {"Div", 7, 2, 2, Narrow::Widen, binary<compose::div>},
      {"Elu", 1, 1, 1, Narrow::Widen, importElu},
      {"Erf", 9, 1, 1, Narrow::Widen, unary<compose::erf>},
      {"Exp", 1, 1, 1, Narrow::Widen, unary<compose::exp>},
      {"Floor", 1, 1, 1, Narrow::Widen, unary<rounded<tiny::RoundMode::Floor>>},
      {"Gelu", 20, 1, 1, Narrow::Widen, importGelu},
      {"HardSigmoid", 1, 1, 1, Narrow::Widen, importHardSigmoid},
      {"HardSwish", 14, 1, 1, Narrow::Widen, importHardSwish},
      {"LeakyRelu", 1, 1, 1, Narrow::Widen, importLeakyRelu},
      {"Log", 1, 1, 1, Narrow::Widen, unary<compose::log>},
      {"Max", 1, 1, -1, Narrow::Widen, variadic<compose::max>},
      {"Mean", 1, 1, -1, Narrow::Widen, importMean},
      {"Min", 1, 1, -1, Narrow::Widen, variadic<compose::min>},
      {"Mish", 18, 1, 1, Narrow::Widen, importMish},
      {"Mod", 10, 2, 2, Narrow::Widen, importMod},
      {"Mul", 1, 2, 2, Narrow::Widen, legacyBinary<compose::mul>},
      {"Mul", 7, 2, 2, Narrow::Widen, binary<compose::mul>},
      {"Neg", 1, 1, 1, Narrow::Widen, unary<compose::neg>},
      {"PRelu", 1, 2, 2, Narrow::Widen, importPRelu},
      {"Pow", 1, 2, 2, Narrow::Widen, legacyBinary<compose::pow>},
      {"Pow", 7, 2, 2, Narrow::Widen, importPow},
      {"Reciprocal", 1, 1, 1, Narrow::Widen, unary<compose::reciprocal>},
      {"Relu", 1, 1, 1, Narrow::Widen, unary<relu>},
      {"Round", 11, 1, 1, Narrow::Widen, unary<rounded<tiny::RoundMode::Even>>},
      {"Selu", 1, 1, 1, Narrow::Widen, importSelu},
      {"Shrink", 9, 1, 1, Narrow::Widen, importShrink},
      {"Sigmoid", 1, 1, 1, Narrow::Widen, unary<compose::sigmoid>},
      {"Sign", 9, 1, 1, Narrow::Widen, unary<compose::sign>},
      {"Sin", 7, 1, 1, Narrow::Widen, unary<compose::sin>},
      {"Sinh", 9, 1, 1, Narrow::Widen, unary<compose::sinh>},
      {"Softplus", 1, 1, 1, Narrow::Widen, unary<softplus>},
      {"Softsign", 1, 1, 1, Narrow::Widen, importSoftsign},
      {"Sqrt", 1, 1, 1, Narrow::Widen, unary<compose::sqrt>},
      {"Sub", 1, 2, 2, Narrow::Widen, legacyBinary<compose::sub>},
      {"Sub", 7, 2, 2, Narrow::Widen, binary<compose::sub>},
      {"Sum", 1, 1, -1, Narrow::Widen, variadic<compose::add>},
      {"Swish", 24, 1, 1, Narrow::Widen, importSwish},
      {"Tan", 7, 1, 1, Narrow::Widen, unary<tangent>},
      {"Tanh", 1, 1, 1, Narrow::Widen, unary<compose::tanh>},
      {"ThresholdedRelu", 10, 1, 1, Narrow::Widen, importThresholdedRelu},
  };
  return rows;
}
