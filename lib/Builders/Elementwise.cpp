// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise compositions.

#include "lib/Builders/Movement.h"

using namespace mlir;
using namespace tinyc;

static bool isFloat(Type type) { return isa<FloatType>(tiny::elementType(type)); }

static bool isUnsigned(Type type) {
  auto integer = dyn_cast<IntegerType>(tiny::elementType(type));
  return integer && (integer.isUnsigned() || integer.getWidth() == 1);
}

// A scalar attribute as a constant of `type`.
static Value constant(compose::Builder &b, Type type, TypedAttr scalar) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped)
    return tiny::ConstOp::create(b, scalar);
  if (!compose::isCountable(b, shaped.getShape()))
    return {};
  return tiny::ConstOp::create(b, DenseElementsAttr::get(shaped, Attribute(scalar)));
}

// Two operands of one type, or an error; false also for null operands.
static bool match(compose::Builder &b, Value x, Value y) {
  if (!x || !y)
    return false;
  if (x.getType() == y.getType())
    return true;
  emitError(b.getLoc(), "expected operands of one type, found ") << x.getType() << " and " << y.getType();
  return false;
}

static bool expectFloat(compose::Builder &b, StringRef what, Value x) {
  if (!x)
    return false;
  if (isFloat(x.getType()))
    return true;
  emitError(b.getLoc()) << what << ": expected a float operand, found " << x.getType();
  return false;
}

static bool expectNumber(compose::Builder &b, StringRef what, Value x) {
  if (!x)
    return false;
  if (!tiny::elementType(x.getType()).isInteger(1))
    return true;
  emitError(b.getLoc()) << what << ": expected a numeric operand, found " << x.getType();
  return false;
}

Value compose::splat(Builder &b, Type like, double value) {
  Type element = tiny::elementType(like);
  if (auto type = dyn_cast<FloatType>(element)) {
    APFloat number(value);
    bool lost;
    number.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    return constant(b, like, FloatAttr::get(type, number));
  }
  auto type = cast<IntegerType>(element);
  APSInt number(type.getWidth(), isUnsigned(type));
  bool exact;
  APFloat(value).convertToInteger(number, APFloat::rmTowardZero, &exact);
  return constant(b, like, IntegerAttr::get(type, number));
}

Value compose::splatInteger(Builder &b, Type like, int64_t value) {
  auto type = dyn_cast<IntegerType>(tiny::elementType(like));
  if (!type)
    return splat(b, like, static_cast<double>(value));
  return constant(b, like, IntegerAttr::get(type, APInt(64, value, /*isSigned=*/true).sextOrTrunc(type.getWidth())));
}

Value compose::add(Builder &b, Value x, Value y) {
  return match(b, x, y) && expectNumber(b, "add", x) ? Value(tiny::AddOp::create(b, x, y)) : Value();
}

Value compose::sub(Builder &b, Value x, Value y) { return match(b, x, y) ? add(b, x, neg(b, y)) : Value(); }

Value compose::mul(Builder &b, Value x, Value y) {
  return match(b, x, y) && expectNumber(b, "mul", x) ? Value(tiny::MulOp::create(b, x, y)) : Value();
}

Value compose::div(Builder &b, Value x, Value y) {
  return match(b, x, y) && expectNumber(b, "div", x) ? Value(tiny::DivOp::create(b, x, y)) : Value();
}

Value compose::truncMod(Builder &b, Value x, Value y) {
  return match(b, x, y) && expectNumber(b, "mod", x) ? Value(tiny::ModOp::create(b, x, y)) : Value();
}

Value compose::floorMod(Builder &b, Value x, Value y) {
  Value r = truncMod(b, x, y);
  if (!r || isUnsigned(r.getType()))
    return r;
  // The remainder has the dividend's sign; where that differs from the divisor's, one divisor more is right.
  Value zero = splat(b, r, 0.0);
  Value differs = bitXor(b, less(b, r, zero), less(b, y, zero));
  Value correct = bitAnd(b, differs, invert(b, equal(b, r, zero)));
  return where(b, correct, add(b, r, y), r);
}

Value compose::max(Builder &b, Value x, Value y) {
  return match(b, x, y) && expectNumber(b, "max", x) ? Value(tiny::MaxOp::create(b, x, y)) : Value();
}

Value compose::min(Builder &b, Value x, Value y) {
  if (!match(b, x, y))
    return {};
  if (isFloat(x.getType()))
    return neg(b, max(b, neg(b, x), neg(b, y)));
  return invert(b, max(b, invert(b, x), invert(b, y)));
}

Value compose::neg(Builder &b, Value x) {
  return expectNumber(b, "negation", x) ? mul(b, x, splatInteger(b, x, -1)) : Value();
}

Value compose::abs(Builder &b, Value x) { return x && isUnsigned(x.getType()) ? x : max(b, x, neg(b, x)); }

Value compose::sign(Builder &b, Value x) {
  if (!expectNumber(b, "sign", x))
    return {};
  Type type = x.getType();
  Value zero = splat(b, type, 0.0);
  Value positive = where(b, less(b, zero, x), splat(b, type, 1.0), x);
  return isUnsigned(type) ? positive : where(b, less(b, x, zero), splat(b, type, -1.0), positive);
}

Value compose::reciprocal(Builder &b, Value x) { return x ? div(b, splat(b, x, 1.0), x) : x; }

Value compose::sqrt(Builder &b, Value x) {
  return expectFloat(b, "sqrt", x) ? Value(tiny::SqrtOp::create(b, x)) : Value();
}

Value compose::sin(Builder &b, Value x) {
  return expectFloat(b, "sin", x) ? Value(tiny::SinOp::create(b, x)) : Value();
}

Value compose::exp(Builder &b, Value x) {
  return expectFloat(b, "exp", x) ? Value(tiny::ExpOp::create(b, tiny::LogBase::E, x)) : Value();
}

Value compose::log(Builder &b, Value x) {
  return expectFloat(b, "log", x) ? Value(tiny::LogOp::create(b, tiny::LogBase::E, x)) : Value();
}

Value compose::round(Builder &b, tiny::RoundMode mode, Value x) {
  return x && isFloat(x.getType()) ? Value(tiny::RoundOp::create(b, mode, x)) : x;
}

Value compose::cast(Builder &b, Value x, Type element) {
  return !x || tiny::elementType(x.getType()) == element ? x : Value(tiny::CastOp::create(b, x, element));
}

Value compose::less(Builder &b, Value x, Value y) {
  return match(b, x, y) && expectNumber(b, "comparison", x) ? Value(tiny::CmpLtOp::create(b, x, y)) : Value();
}

// Not the complement of y < x: with a NaN both are false.
Value compose::lessEqual(Builder &b, Value x, Value y) { return bitOr(b, less(b, x, y), equal(b, x, y)); }

Value compose::equal(Builder &b, Value x, Value y) {
  return match(b, x, y) ? Value(tiny::CmpEqOp::create(b, x, y)) : Value();
}

static Value bitwise(compose::Builder &b, StringRef what, Value x, Value y, function_ref<Value()> build) {
  if (!match(b, x, y))
    return {};
  if (!isFloat(x.getType()))
    return build();
  emitError(b.getLoc()) << what << ": expected truth values or integers, found " << x.getType();
  return {};
}

Value compose::invert(Builder &b, Value x) { return x ? bitXor(b, x, splatInteger(b, x, -1)) : Value(); }

Value compose::bitAnd(Builder &b, Value x, Value y) {
  return bitwise(b, "and", x, y, [&] { return tiny::AndOp::create(b, x, y); });
}

Value compose::bitOr(Builder &b, Value x, Value y) {
  return bitwise(b, "or", x, y, [&] { return tiny::OrOp::create(b, x, y); });
}

Value compose::bitXor(Builder &b, Value x, Value y) {
  return bitwise(b, "xor", x, y, [&] { return tiny::XorOp::create(b, x, y); });
}

Value compose::where(Builder &b, Value condition, Value onTrue, Value onFalse) {
  if (!condition || !match(b, onTrue, onFalse))
    return {};
  if (condition.getType() == tiny::withElementType(onTrue.getType(), b.getI1Type()))
    return tiny::WhereOp::create(b, condition, onTrue, onFalse);
  emitError(b.getLoc(), "where: expected a condition of i1 in the shape of ")
      << onTrue.getType() << ", found " << condition.getType();
  return {};
}

// Binary exponentiation, unrolled over the bits of the exponent. Exponents of 64 and more matter only for the bases 0,
// 1, -1 and in wrapping arithmetic, and are taken as they are.
static Value integerPow(compose::Builder &b, Value x, Value y) {
  using namespace compose;
  Type type = x.getType();
  unsigned bits = tiny::elementType(type).getIntOrFloatBitWidth() - (isUnsigned(type) ? 0 : 1);
  Value one = splat(b, type, 1.0), zero = splat(b, type, 0.0), power = one, square = x;
  Value exponent = abs(b, y);
  for (unsigned bit = 0; bit < bits; ++bit) {
    Value taken = equal(b, bitAnd(b, exponent, splatInteger(b, type, int64_t(1) << bit)), zero);
    power = where(b, taken, power, mul(b, power, square));
    square = mul(b, square, square);
  }
  return isUnsigned(type) ? power : where(b, less(b, y, zero), div(b, one, power), power);
}

// Whether the sign bit of floats is set, also that of a zero.
static Value signBit(compose::Builder &b, Value x) {
  Type type = x.getType();
  auto bits = IntegerType::get(b.getContext(), tiny::elementType(type).getIntOrFloatBitWidth());
  Value number = tiny::BitcastOp::create(b, tiny::withElementType(type, bits), x);
  return compose::less(b, number, compose::splat(b, number, 0));
}

Value compose::pow(Builder &b, Value x, Value y) {
  if (!match(b, x, y))
    return {};
  Type type = x.getType();
  if (!isFloat(type))
    return integerPow(b, x, y);
  Attribute known;
  if (auto constant = y.getDefiningOp<tiny::ConstOp>())
    known = constant.getValue();
  std::optional<double> exponent;
  if (auto elements = dyn_cast_or_null<SplatElementsAttr>(known))
    exponent = elements.getSplatValue<APFloat>().convertToDouble();
  else if (auto scalar = dyn_cast_or_null<FloatAttr>(known))
    exponent = scalar.getValueAsDouble();
  if (exponent == 1.0)
    return x;
  if (exponent == 2.0)
    return mul(b, x, x);
  if (exponent == 3.0)
    return mul(b, mul(b, x, x), x);
  if (exponent == -1.0)
    return reciprocal(b, x);
  // 2^(y log2 |x|), with the sign of an odd power, and NaN where a negative base has a fractional exponent.
  Value one = splat(b, type, 1.0), zero = splat(b, type, 0.0);
  Value log = tiny::LogOp::create(b, tiny::LogBase::Two, abs(b, x));
  Value size = tiny::ExpOp::create(b, tiny::LogBase::Two, mul(b, y, log));
  Value integral = equal(b, round(b, tiny::RoundMode::Trunc, y), y);
  Value half = mul(b, y, splat(b, type, 0.5));
  Value odd = bitAnd(b, integral, invert(b, equal(b, round(b, tiny::RoundMode::Trunc, half), half)));
  Value negative = signBit(b, x);
  Value notANumber = splat(b, type, std::numeric_limits<double>::quiet_NaN());
  Value infinity = splat(b, type, std::numeric_limits<double>::infinity());
  Value infinite = equal(b, abs(b, x), infinity);
  Value defined = where(b, bitOr(b, bitOr(b, integral, infinite), equal(b, x, zero)), size, notANumber);
  Value ofNegative = where(b, odd, neg(b, size), defined);
  Value power = where(b, negative, ofNegative, size);
  // Whatever the base, also 0, infinite or NaN; whatever the exponent, of 1; and all infinite ones of -1.
  Value isOne = bitOr(b, equal(b, y, zero), equal(b, x, one));
  isOne = bitOr(b, isOne, bitAnd(b, equal(b, abs(b, y), infinity), equal(b, x, neg(b, one))));
  return where(b, isOne, one, power);
}
