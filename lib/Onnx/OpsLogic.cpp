// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Comparisons, truth values, bits, choices and conversions.

#include "lib/Builders/Quantization.h"
#include "lib/Onnx/BroadcastOperands.h"
#include "lib/Onnx/Tensors.h"
#include "runtime/schema/PackedElements.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

static Value greater(compose::Builder &b, Value x, Value y) { return less(b, y, x); }
static Value greaterEqual(compose::Builder &b, Value x, Value y) { return lessEqual(b, y, x); }

static Value importWhere(NodeImport &n) {
  Value v[] = {n[0], n[1], n[2]};
  return broadcastTogether(n.b, v) ? where(n.b, v[0], v[1], v[2]) : Value();
}

static Value importNot(NodeImport &n) {
  return n.element(0).isInteger(1) ? invert(n.b, n[0]) : n.fail("expected truth values");
}

static Value importBitShift(NodeImport &n) {
  std::string direction = n.text("direction", "");
  Value v[] = {n[0], n[1]};
  if (!broadcastTogether(n.b, v))
    return {};
  auto type = dyn_cast<IntegerType>(n.element(0));
  if (v[0].getType() != v[1].getType() || !type || type.getWidth() < 8)
    return n.fail("expected two integer operands of one type");
  if (direction == "LEFT")
    return tiny::ShlOp::create(n.b, v[0], v[1]);
  if (direction == "RIGHT")
    return tiny::ShrOp::create(n.b, v[0], v[1]);
  return n.fail("attribute 'direction': expected LEFT or RIGHT, found '" + direction + "'");
}

// A cast to `element`, which keeps `dataType` where that has less than 8 bits.
static Value castTo(NodeImport &n, Type element, int32_t dataType) {
  bool isFloat8 = isa<FloatType>(element) && element.getIntOrFloatBitWidth() == 8;
  bool saturate = n.integer("saturate", 1);
  unsigned bits = packed::bitsOf(dataType);
  if (bits)
    n.packedResult = dataType;
  if (dataType == packed::Float4E2M1)
    return castToFloat4(n.b, n[0], element);
  if (bits)
    return castToBits(n.b, n[0], element, bits);
  return isFloat8 ? castToFloat8(n.b, n[0], element, saturate) : cast(n.b, n[0], element);
}

static Value importCast(NodeImport &n) {
  int64_t to = 0;
  n.ignore({"round_mode"}); // of casts to f8E8M0 alone
  // The first version spells the type.
  if (n.version >= 6) {
    to = n.integer("to", 0);
  } else {
    std::string type = n.text("to", "");
    for (to = 26; to > 0 && !StringRef(dataTypeName(to)).equals_insensitive(type);)
      --to;
  }
  Type element = to >= 0 && to < 64 ? onnx::elementType(to, n.b.getContext()) : Type();
  if (!element)
    return n.fail("a cast to " + dataTypeName(to) + " is not supported");
  return castTo(n, element, to);
}

static Value importCastLike(NodeImport &n) {
  n.ignore({"round_mode"});
  return castTo(n, n.element(1), n.packedTypes[1]);
}

static Value importIsNaN(NodeImport &n) { return invert(n.b, equal(n.b, n[0], n[0])); }

static Value importIsInf(NodeImport &n) {
  bool negative = n.integer("detect_negative", 1), positive = n.integer("detect_positive", 1);
  if (!isa<FloatType>(n.element(0)))
    return n.fail("expected floats");
  Value infinity = splat(n.b, n[0], std::numeric_limits<double>::infinity());
  Value isNegative = equal(n.b, n[0], neg(n.b, infinity)), isPositive = equal(n.b, n[0], infinity);
  if (!negative && !positive)
    return splat(n.b, isNegative, 0.0);
  return negative && positive ? bitOr(n.b, isNegative, isPositive) : negative ? isNegative : isPositive;
}

ArrayRef<Operator> onnx::logicOperators() {
  static const Operator rows[] = {
      {"And", 1, 2, 2, Narrow::Keep, legacyBinary<compose::bitAnd>},
      {"And", 7, 2, 2, Narrow::Keep, binary<compose::bitAnd>},
      {"BitShift", 11, 2, 2, Narrow::Keep, importBitShift},
      {"BitwiseAnd", 18, 2, 2, Narrow::Keep, binary<compose::bitAnd>},
      {"BitwiseNot", 18, 1, 1, Narrow::Keep, [](NodeImport &n) { return invert(n.b, n[0]); }},
      {"BitwiseOr", 18, 2, 2, Narrow::Keep, binary<compose::bitOr>},
      {"BitwiseXor", 18, 2, 2, Narrow::Keep, binary<compose::bitXor>},
      {"Cast", 1, 1, 1, Narrow::Keep, importCast},
      {"CastLike", 15, 2, 2, Narrow::Keep, importCastLike},
      {"Equal", 1, 2, 2, Narrow::Keep, legacyBinary<compose::equal>},
      {"Equal", 7, 2, 2, Narrow::Keep, binary<compose::equal>},
      {"Greater", 1, 2, 2, Narrow::Widen, legacyBinary<greater>},
      {"Greater", 7, 2, 2, Narrow::Widen, binary<greater>},
      {"GreaterOrEqual", 12, 2, 2, Narrow::Widen, binary<greaterEqual>},
      {"IsInf", 10, 1, 1, Narrow::Widen, importIsInf},
      {"IsNaN", 9, 1, 1, Narrow::Widen, importIsNaN},
      {"Less", 1, 2, 2, Narrow::Widen, legacyBinary<compose::less>},
      {"Less", 7, 2, 2, Narrow::Widen, binary<compose::less>},
      {"LessOrEqual", 12, 2, 2, Narrow::Widen, binary<lessEqual>},
      {"Not", 1, 1, 1, Narrow::Keep, importNot},
      {"Or", 1, 2, 2, Narrow::Keep, legacyBinary<compose::bitOr>},
      {"Or", 7, 2, 2, Narrow::Keep, binary<compose::bitOr>},
      {"Where", 9, 3, 3, Narrow::Keep, importWhere},
      {"Xor", 1, 2, 2, Narrow::Keep, legacyBinary<compose::bitXor>},
      {"Xor", 7, 2, 2, Narrow::Keep, binary<compose::bitXor>},
  };
  return rows;
}
