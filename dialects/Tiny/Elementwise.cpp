// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The reference semantics of the elementwise ops and reductions: one line of arithmetic for each case.

#include "dialects/Tiny/Elementwise.h"

#include "llvm/ADT/TypeSwitch.h"

#include <bit>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace tinyc::tiny;

std::optional<Element> tinyc::tiny::elementOf(Type type) {
  type = elementType(type);
  if (auto integer = dyn_cast<IntegerType>(type)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return integer.isSignless() ? std::optional(Element::I1) : std::nullopt;
    case 8:
      return isUnsigned ? Element::U8 : Element::I8;
    case 16:
      return isUnsigned ? Element::U16 : Element::I16;
    case 32:
      return isUnsigned ? Element::U32 : Element::I32;
    case 64:
      return isUnsigned ? Element::U64 : Element::I64;
    default:
      return std::nullopt;
    }
  }
  return llvm::TypeSwitch<Type, std::optional<Element>>(type)
      .Case<Float16Type>([](auto) { return Element::F16; })
      .Case<BFloat16Type>([](auto) { return Element::BF16; })
      .Case<Float32Type>([](auto) { return Element::F32; })
      .Case<Float64Type>([](auto) { return Element::F64; })
      .Case<Float8E4M3FNType>([](auto) { return Element::F8E4M3FN; })
      .Case<Float8E5M2Type>([](auto) { return Element::F8E5M2; })
      .Case<Float8E4M3FNUZType>([](auto) { return Element::F8E4M3FNUZ; })
      .Case<Float8E5M2FNUZType>([](auto) { return Element::F8E5M2FNUZ; })
      .Default([](Type) { return std::nullopt; });
}

Type tinyc::tiny::typeOf(Element element, MLIRContext *context) {
  switch (element) {
  case Element::F16:
    return Float16Type::get(context);
  case Element::BF16:
    return BFloat16Type::get(context);
  case Element::F32:
    return Float32Type::get(context);
  case Element::F64:
    return Float64Type::get(context);
  case Element::F8E4M3FN:
    return Float8E4M3FNType::get(context);
  case Element::F8E5M2:
    return Float8E5M2Type::get(context);
  case Element::F8E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case Element::F8E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  default:
    bool hasSign = !isUnsigned(element) || element == Element::I1;
    return IntegerType::get(context, bitWidth(element), hasSign ? IntegerType::Signless : IntegerType::Unsigned);
  }
}

static Function roundFunction(RoundMode mode) {
  switch (mode) {
  case RoundMode::Even:
    return Function::RoundEven;
  case RoundMode::Floor:
    return Function::RoundFloor;
  case RoundMode::Ceil:
    return Function::RoundCeil;
  case RoundMode::Trunc:
    break;
  }
  return Function::RoundTrunc;
}

std::optional<Elementwise> tinyc::tiny::elementwiseOf(Operation *op) {
  using Maybe = std::optional<Function>;
  Maybe function = llvm::TypeSwitch<Operation *, Maybe>(op)
                       .Case<SqrtOp>([](auto) { return Function::Sqrt; })
                       .Case<ExpOp>([](ExpOp e) { return e.getBase() == LogBase::E ? Function::Exp : Function::Exp2; })
                       .Case<LogOp>([](LogOp e) { return e.getBase() == LogBase::E ? Function::Log : Function::Log2; })
                       .Case<SinOp>([](auto) { return Function::Sin; })
                       .Case<RoundOp>([](RoundOp r) { return roundFunction(r.getMode()); })
                       .Case<CastOp>([](auto) { return Function::Cast; })
                       .Case<BitcastOp>([](auto) { return Function::Bitcast; })
                       .Case<AddOp>([](auto) { return Function::Add; })
                       .Case<MulOp>([](auto) { return Function::Mul; })
                       .Case<DivOp>([](auto) { return Function::Div; })
                       .Case<ModOp>([](auto) { return Function::Mod; })
                       .Case<MaxOp>([](auto) { return Function::Max; })
                       .Case<CmpLtOp>([](auto) { return Function::CmpLt; })
                       .Case<CmpEqOp>([](auto) { return Function::CmpEq; })
                       .Case<AndOp>([](auto) { return Function::And; })
                       .Case<OrOp>([](auto) { return Function::Or; })
                       .Case<XorOp>([](auto) { return Function::Xor; })
                       .Case<ShlOp>([](auto) { return Function::Shl; })
                       .Case<ShrOp>([](auto) { return Function::Shr; })
                       .Case<WhereOp>([](auto) { return Function::Where; })
                       .Default([](Operation *) { return Maybe(); });
  if (!function)
    return std::nullopt;
  std::optional<Element> from = elementOf(op->getOperands().back().getType()),
                         to = elementOf(op->getResult(0).getType());
  if (!from || !to)
    return std::nullopt;
  return Elementwise{*function, *from, *to};
}

//===- Arithmetic ------------------------------------------------------------------------------------------------===//

static double larger(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<double>::quiet_NaN();
  if (a == b) // of two zeros the positive one
    return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

static int64_t saturate(Element to, double x) {
  if (std::isnan(x))
    return 0;
  bool unsignedType = isUnsigned(to);
  int bits = static_cast<int>(bitWidth(to)) - (unsignedType ? 0 : 1);
  double limit = std::ldexp(1.0, bits); // the first value that is too large
  if (x >= limit)
    return static_cast<int64_t>(~uint64_t(0) >> (64 - bits));
  if (unsignedType)
    return x <= 0 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(x));
  return x < -limit ? static_cast<int64_t>(~uint64_t(0) << bits) : static_cast<int64_t>(x);
}

// A double from which rounding to a float of at most 24 bits gives what rounding the integer itself would: bits that
// do not fit leave a trace in the last one (rounding to odd).
static double toOdd(uint64_t magnitude) {
  int excess = 64 - std::countl_zero(magnitude | 1) - 53;
  if (excess <= 0)
    return static_cast<double>(magnitude);
  uint64_t lost = magnitude & ((uint64_t(1) << excess) - 1);
  return std::ldexp(static_cast<double>((magnitude >> excess) | (lost != 0)), excess);
}

static double integerToFloat(Element from, Element to, int64_t i) {
  bool negative = !isUnsigned(from) && i < 0;
  if (to == Element::F64)
    return isUnsigned(from) ? static_cast<double>(static_cast<uint64_t>(i)) : static_cast<double>(i);
  double magnitude = toOdd(negative ? -static_cast<uint64_t>(i) : static_cast<uint64_t>(i));
  return negative ? -magnitude : magnitude;
}

static int64_t divide(Element e, int64_t a, int64_t b) {
  if (b == 0)
    return 0;
  if (isUnsigned(e))
    return static_cast<int64_t>(static_cast<uint64_t>(a) / static_cast<uint64_t>(b));
  return b == -1 ? static_cast<int64_t>(-static_cast<uint64_t>(a)) : a / b;
}

static int64_t remainder(Element e, int64_t a, int64_t b) {
  if (b == 0)
    return 0;
  if (isUnsigned(e))
    return static_cast<int64_t>(static_cast<uint64_t>(a) % static_cast<uint64_t>(b));
  return b == -1 ? 0 : a % b;
}

static bool isLess(Element e, int64_t a, int64_t b) {
  return isUnsigned(e) ? static_cast<uint64_t>(a) < static_cast<uint64_t>(b) : a < b;
}

template <typename F> static void floats(const Lane *const *x, size_t count, Lane *result, F f) {
  for (size_t k = 0; k < count; ++k)
    result[k].f = f(x[0][k].f);
}
template <typename F> static void floatPairs(const Lane *const *x, size_t count, Lane *result, F f) {
  for (size_t k = 0; k < count; ++k)
    result[k].f = f(x[0][k].f, x[1][k].f);
}
template <typename F> static void integerPairs(const Lane *const *x, size_t count, Lane *result, F f) {
  for (size_t k = 0; k < count; ++k)
    result[k].i = static_cast<int64_t>(f(x[0][k].i, x[1][k].i));
}
template <typename F> static void floatTests(const Lane *const *x, size_t count, Lane *result, F f) {
  for (size_t k = 0; k < count; ++k)
    result[k].i = f(x[0][k].f, x[1][k].f);
}

// An elementary function: double for the narrower floats, long double for f64.
template <typename F> static void elementary(Element e, const Lane *const *x, size_t count, Lane *result, F f) {
  if (e == Element::F64)
    floats(x, count, result, [&](double a) { return static_cast<double>(f(static_cast<long double>(a))); });
  else
    floats(x, count, result, [&](double a) { return f(a); });
}

static void applyToFloats(Elementwise op, const Lane *const *x, size_t n, Lane *out) {
  switch (op.function) {
  case Function::Sqrt:
    floats(x, n, out, [](double a) { return std::sqrt(a); });
    break;
  case Function::Exp:
    elementary(op.to, x, n, out, [](auto a) { return std::exp(a); });
    break;
  case Function::Exp2:
    elementary(op.to, x, n, out, [](auto a) { return std::exp2(a); });
    break;
  case Function::Log:
    elementary(op.to, x, n, out, [](auto a) { return std::log(a); });
    break;
  case Function::Log2:
    elementary(op.to, x, n, out, [](auto a) { return std::log2(a); });
    break;
  case Function::Sin:
    elementary(op.to, x, n, out, [](auto a) { return std::sin(a); });
    break;
  case Function::RoundEven:
    floats(x, n, out, [](double a) { return std::nearbyint(a); });
    break;
  case Function::RoundFloor:
    floats(x, n, out, [](double a) { return std::floor(a); });
    break;
  case Function::RoundCeil:
    floats(x, n, out, [](double a) { return std::ceil(a); });
    break;
  case Function::RoundTrunc:
    floats(x, n, out, [](double a) { return std::trunc(a); });
    break;
  case Function::Add:
    floatPairs(x, n, out, [](double a, double b) { return a + b; });
    break;
  case Function::Mul:
    floatPairs(x, n, out, [](double a, double b) { return a * b; });
    break;
  case Function::Div:
    floatPairs(x, n, out, [](double a, double b) { return a / b; });
    break;
  case Function::Mod:
    floatPairs(x, n, out, [](double a, double b) { return std::fmod(a, b); });
    break;
  default:
    return floatPairs(x, n, out, larger);
  }
  toNearest(op.to, out, n);
}

static void applyToIntegers(Elementwise op, const Lane *const *x, size_t n, Lane *out) {
  Element e = op.from;
  uint64_t width = bitWidth(e);
  switch (op.function) {
  case Function::Add:
    integerPairs(x, n, out, [](uint64_t a, uint64_t b) { return a + b; });
    break;
  case Function::Mul:
    integerPairs(x, n, out, [](uint64_t a, uint64_t b) { return a * b; });
    break;
  case Function::Div:
    integerPairs(x, n, out, [e](int64_t a, int64_t b) { return divide(e, a, b); });
    break;
  case Function::Mod:
    integerPairs(x, n, out, [e](int64_t a, int64_t b) { return remainder(e, a, b); });
    break;
  case Function::Max:
    return integerPairs(x, n, out, [e](int64_t a, int64_t b) { return isLess(e, a, b) ? b : a; });
  case Function::CmpLt:
    return integerPairs(x, n, out, [e](int64_t a, int64_t b) { return isLess(e, a, b); });
  case Function::CmpEq:
    return integerPairs(x, n, out, [](int64_t a, int64_t b) { return a == b; });
  case Function::And:
    return integerPairs(x, n, out, [](int64_t a, int64_t b) { return a & b; });
  case Function::Or:
    return integerPairs(x, n, out, [](int64_t a, int64_t b) { return a | b; });
  case Function::Xor:
    return integerPairs(x, n, out, [](int64_t a, int64_t b) { return a ^ b; });
  case Function::Shl:
    integerPairs(x, n, out, [=](uint64_t a, uint64_t b) { return b < width ? a << b : 0; });
    break;
  default: // Shr
    if (isUnsigned(e))
      return integerPairs(x, n, out, [=](uint64_t a, uint64_t b) { return b < width ? a >> b : 0; });
    return integerPairs(x, n, out, [=](int64_t a, int64_t b) { return static_cast<uint64_t>(b) < width ? a >> b : 0; });
  }
  wrap(op.to, out, n);
}

static void cast(Element from, Element to, const Lane *x, size_t n, Lane *out) {
  for (size_t k = 0; k < n; ++k) {
    if (isFloat(from) && isFloat(to))
      out[k].f = x[k].f;
    else if (isFloat(from))
      out[k].i = to == Element::I1 ? !(x[k].f == 0) : saturate(to, x[k].f);
    else if (isFloat(to))
      out[k].f = integerToFloat(from, to, x[k].i);
    else
      out[k].i = to == Element::I1 ? x[k].i != 0 : x[k].i;
  }
  isFloat(to) ? toNearest(to, out, n) : wrap(to, out, n);
}

void tinyc::tiny::apply(Elementwise op, const Lane *const *x, size_t n, Lane *out) {
  switch (op.function) {
  case Function::Cast:
    return cast(op.from, op.to, x[0], n, out);
  case Function::Bitcast:
    for (size_t k = 0; k < n; ++k) {
      std::byte bytes[8];
      encode(op.from, x[0] + k, 1, bytes);
      decode(op.to, bytes, 1, out + k);
    }
    return;
  case Function::Where:
    for (size_t k = 0; k < n; ++k)
      out[k] = x[0][k].i ? x[1][k] : x[2][k];
    return;
  default:
    break;
  }
  if (!isFloat(op.from))
    return applyToIntegers(op, x, n, out);
  if (op.function == Function::CmpLt)
    return floatTests(x, n, out, [](double a, double b) { return a < b; });
  if (op.function == Function::CmpEq)
    return floatTests(x, n, out, [](double a, double b) { return a == b; });
  applyToFloats(op, x, n, out);
}

//===- Reductions ------------------------------------------------------------------------------------------------===//

// -inf, or the smallest finite value of a format that has no infinity.
static double smallestOf(Element element) {
  switch (element) {
  case Element::F8E4M3FN:
    return -448.0;
  case Element::F8E4M3FNUZ:
    return -240.0;
  case Element::F8E5M2FNUZ:
    return -57344.0;
  default:
    return -std::numeric_limits<double>::infinity();
  }
}

Lane tinyc::tiny::identity(ReduceKind kind, Element element) {
  Lane lane;
  if (isFloat(element)) {
    lane.f = kind == ReduceKind::Sum ? 0.0 : kind == ReduceKind::Prod ? 1.0 : smallestOf(element);
    return lane;
  }
  int64_t smallest = isUnsigned(element) ? 0 : static_cast<int64_t>(~uint64_t(0) << (bitWidth(element) - 1));
  lane.i = kind == ReduceKind::Sum ? 0 : kind == ReduceKind::Prod ? 1 : smallest;
  return lane;
}

Lane tinyc::tiny::combine(ReduceKind kind, Element element, Lane accumulated, const Lane *values, size_t count) {
  Lane lane = accumulated;
  auto floats = [&](auto f) {
    for (size_t k = 0; k < count; ++k)
      lane.f = f(lane.f, values[k].f);
  };
  auto integers = [&](auto f) {
    for (size_t k = 0; k < count; ++k)
      lane.i = static_cast<int64_t>(f(static_cast<uint64_t>(lane.i), static_cast<uint64_t>(values[k].i)));
  };
  bool real = isFloat(element);
  switch (kind) {
  case ReduceKind::None:
    break;
  case ReduceKind::Sum:
    real ? floats([](double a, double b) { return a + b; }) : integers([](uint64_t a, uint64_t b) { return a + b; });
    break;
  case ReduceKind::Prod:
    real ? floats([](double a, double b) { return a * b; }) : integers([](uint64_t a, uint64_t b) { return a * b; });
    break;
  case ReduceKind::Max:
    real ? floats(larger) : integers([&](uint64_t a, uint64_t b) { return isLess(element, a, b) ? b : a; });
    break;
  }
  return lane;
}

Lane tinyc::tiny::finish(Element element, Lane accumulated) {
  isFloat(element) ? toNearest(element, &accumulated, 1) : wrap(element, &accumulated, 1);
  return accumulated;
}

//===- Constants -------------------------------------------------------------------------------------------------===//

static Lane laneOf(Element element, const APInt &bits) {
  Lane lane;
  lane.i = isUnsigned(element) ? static_cast<int64_t>(bits.getZExtValue()) : bits.getSExtValue();
  return lane;
}

static Lane laneOf(APFloat value) {
  bool lost;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
  Lane lane;
  lane.f = value.convertToDouble();
  return lane;
}

std::optional<SmallVector<Lane>> tinyc::tiny::lanesOf(Attribute value) {
  auto typed = dyn_cast_or_null<TypedAttr>(value);
  std::optional<Element> element = typed ? elementOf(typed.getType()) : std::nullopt;
  if (!element)
    return std::nullopt;
  if (auto scalar = dyn_cast<FloatAttr>(value))
    return SmallVector<Lane>{laneOf(scalar.getValue())};
  if (auto scalar = dyn_cast<IntegerAttr>(value))
    return SmallVector<Lane>{laneOf(*element, scalar.getValue())};
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    return std::nullopt;
  SmallVector<Lane> lanes;
  if (isFloat(*element)) {
    if (dense.isSplat())
      return SmallVector<Lane>{laneOf(dense.getSplatValue<APFloat>())};
    for (const APFloat &x : dense.getValues<APFloat>())
      lanes.push_back(laneOf(x));
  } else {
    if (dense.isSplat())
      return SmallVector<Lane>{laneOf(*element, dense.getSplatValue<APInt>())};
    for (const APInt &x : dense.getValues<APInt>())
      lanes.push_back(laneOf(*element, x));
  }
  return lanes;
}

TypedAttr tinyc::tiny::attributeOf(Type type, ArrayRef<Lane> lanes) {
  Element element = *elementOf(type);
  auto number = [&](Lane lane) -> Attribute {
    Type scalar = elementType(type);
    if (!isFloat(element))
      return IntegerAttr::get(scalar, APInt(bitWidth(element), static_cast<uint64_t>(lane.i), false, true));
    APFloat value(lane.f);
    bool lost;
    value.convert(cast<FloatType>(scalar).getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    return FloatAttr::get(scalar, value);
  };
  if (auto shaped = dyn_cast<ShapedType>(type))
    return DenseElementsAttr::get(shaped, llvm::map_to_vector(lanes, number));
  return cast<TypedAttr>(number(lanes.front()));
}
