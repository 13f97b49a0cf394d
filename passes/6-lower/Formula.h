// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shorthand for building arithmetic on scalars and vectors alike, in which lower-arith and expand-elementary write
// their formulas. Integers are signless here: each function's name says how it takes them.

#ifndef TINYC_PASSES_6_LOWER_FORMULA_H
#define TINYC_PASSES_6_LOWER_FORMULA_H

#include "dialects/Tiny/TinyOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <concepts>

namespace tinyc {

class Formula {
public:
  using Value = mlir::Value;
  explicit Formula(mlir::Operation *before) : b(before->getLoc(), before) {}

  /// `type` with another element type.
  mlir::Type floats(mlir::Type type, unsigned width) {
    return tiny::withElementType(type, width == 64 ? mlir::Type(b.getF64Type()) : b.getF32Type());
  }
  mlir::Type integers(mlir::Type type, unsigned width) { return tiny::withElementType(type, b.getIntegerType(width)); }

  /// A scalar or splat.
  Value real(mlir::Type type, double value) {
    auto element = llvm::cast<mlir::FloatType>(tiny::elementType(type));
    mlir::APFloat number(value);
    bool lost;
    number.convert(element.getFloatSemantics(), mlir::APFloat::rmNearestTiesToEven, &lost);
    return splat(type, b.getFloatAttr(element, number));
  }
  Value integer(mlir::Type type, uint64_t value) {
    mlir::Type element = tiny::elementType(type);
    return splat(type, b.getIntegerAttr(element, mlir::APInt(element.getIntOrFloatBitWidth(), value, false, true)));
  }

  Value addf(Value x, Value y) { return make<mlir::arith::AddFOp>(x, y); }
  Value subf(Value x, Value y) { return make<mlir::arith::SubFOp>(x, y); }
  Value mulf(Value x, Value y) { return make<mlir::arith::MulFOp>(x, y); }
  Value divf(Value x, Value y) { return make<mlir::arith::DivFOp>(x, y); }
  Value negf(Value x) { return make<mlir::arith::NegFOp>(x); }
  /// x * y + z, rounded once.
  Value fma(Value x, Value y, Value z) { return make<mlir::math::FmaOp>(x, y, z); }
  Value truncate(Value x) { return make<mlir::math::TruncOp>(x); }
  Value roundEven(Value x) { return make<mlir::math::RoundEvenOp>(x); }

  Value addi(Value x, Value y) { return make<mlir::arith::AddIOp>(x, y); }
  Value subi(Value x, Value y) { return make<mlir::arith::SubIOp>(x, y); }
  Value muli(Value x, Value y) { return make<mlir::arith::MulIOp>(x, y); }
  Value andi(Value x, Value y) { return make<mlir::arith::AndIOp>(x, y); }
  Value ori(Value x, Value y) { return make<mlir::arith::OrIOp>(x, y); }
  Value xori(Value x, Value y) { return make<mlir::arith::XOrIOp>(x, y); }
  // Shift amounts below the width.
  Value shl(Value x, Value y) { return make<mlir::arith::ShLIOp>(x, y); }
  Value shrs(Value x, Value y) { return make<mlir::arith::ShRSIOp>(x, y); }
  Value shru(Value x, Value y) { return make<mlir::arith::ShRUIOp>(x, y); }
  // With a constant on the right.
  template <std::integral T> Value andi(Value x, T y) {
    return andi(x, integer(x.getType(), static_cast<uint64_t>(y)));
  }
  template <std::integral T> Value ori(Value x, T y) { return ori(x, integer(x.getType(), static_cast<uint64_t>(y))); }
  template <std::integral T> Value addi(Value x, T y) {
    return addi(x, integer(x.getType(), static_cast<uint64_t>(y)));
  }
  template <std::integral T> Value shl(Value x, T y) { return shl(x, integer(x.getType(), y)); }
  template <std::integral T> Value shrs(Value x, T y) { return shrs(x, integer(x.getType(), y)); }
  template <std::integral T> Value shru(Value x, T y) { return shru(x, integer(x.getType(), y)); }

  Value cmpf(mlir::arith::CmpFPredicate predicate, Value x, Value y) {
    return mlir::arith::CmpFOp::create(b, predicate, x, y);
  }
  Value cmpi(mlir::arith::CmpIPredicate predicate, Value x, Value y) {
    return mlir::arith::CmpIOp::create(b, predicate, x, y);
  }
  Value select(Value condition, Value x, Value y) { return make<mlir::arith::SelectOp>(condition, x, y); }

  /// Conversions; the types are those of the result.
  template <typename Op> Value convert(mlir::Type type, Value x) {
    return x.getType() == type ? x : Value(Op::create(b, type, x));
  }
  Value bitcast(mlir::Type type, Value x) { return convert<mlir::arith::BitcastOp>(type, x); }
  /// The bits of a float as an integer of its width.
  Value bits(Value x) {
    return bitcast(integers(x.getType(), tiny::elementType(x.getType()).getIntOrFloatBitWidth()), x);
  }
  /// Narrower or wider by zeros.
  Value resize(mlir::Type type, Value x) {
    return width(type) < width(x.getType()) ? convert<mlir::arith::TruncIOp>(type, x)
                                            : convert<mlir::arith::ExtUIOp>(type, x);
  }
  /// |x|, by clearing the sign; NaN stays NaN.
  Value absf(Value x) {
    Value word = bits(x);
    return bitcast(x.getType(), andi(word, ~(uint64_t(1) << (width(x.getType()) - 1))));
  }
  /// |x| with the sign of y.
  Value copySign(Value x, Value y) {
    uint64_t sign = uint64_t(1) << (width(x.getType()) - 1);
    return bitcast(x.getType(), ori(andi(bits(x), ~sign), andi(bits(y), sign)));
  }

  static unsigned width(mlir::Type type) { return tiny::elementType(type).getIntOrFloatBitWidth(); }

  mlir::ImplicitLocOpBuilder b;

private:
  template <typename Op, typename... Args> Value make(Args... args) { return Op::create(b, args...); }
  Value splat(mlir::Type type, mlir::TypedAttr value) {
    if (auto shaped = llvm::dyn_cast<mlir::ShapedType>(type))
      return mlir::arith::ConstantOp::create(b, mlir::DenseElementsAttr::get(shaped, mlir::Attribute(value)));
    return mlir::arith::ConstantOp::create(b, value);
  }
};

} // namespace tinyc

#endif // TINYC_PASSES_6_LOWER_FORMULA_H
