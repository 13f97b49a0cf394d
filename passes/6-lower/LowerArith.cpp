// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// lower-arith: elementwise tiny ops on scalars and vectors become arith, and unsigned types signless.
//
// Needs: functions without tensors; no exp, log, sin or float mod (expand-elementary replaces them), no reduction of
// unsigned numbers. Leaves: arith, and math for what every target has as one instruction (sqrt, round): nothing that
// is poison, traps or becomes a call; uiN is iN everywhere, an 8-bit float i8, and with the option bf16-as-bits bf16 is
// i16. Functions on tensors (a module's @main) stay untouched. Refuses: what expand-elementary should have replaced.
//
//   %q = tiny.div %a, %b : i32
// becomes (x / 0 = 0, and the smallest integer by -1 itself)
//   %isZero = arith.cmpi eq, %b, %c0 : i32
//   %isMinus = arith.cmpi eq, %b, %c_1 : i32
//   %safe = arith.select (%isZero or %isMinus), %c1, %b : i32
//   %q0 = arith.divsi %a, %safe : i32
//   ...

#include "dialects/Tiny/Elementwise.h"
#include "passes/6-lower/ArithCasts.h"
#include "passes/Passes.h"

#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace tinyc {
#define GEN_PASS_DEF_LOWERARITH
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;
using tinyc::tiny::Function;
using FCmp = arith::CmpFPredicate;
using ICmp = arith::CmpIPredicate;

namespace {
// The number that all elements of a constant are, before or after its op has become arith.
std::optional<Lane> splatOf(Value x) {
  Attribute value;
  if (!x.getDefiningOp() || !matchPattern(x, m_Constant(&value)))
    return std::nullopt;
  auto lanes = lanesOf(value);
  return lanes && lanes->size() == 1 ? std::optional(lanes->front()) : std::nullopt;
}

std::optional<double> realOf(Value x) {
  std::optional<Lane> lane = isa<FloatType>(elementType(x.getType())) ? splatOf(x) : std::nullopt;
  return lane ? std::optional(lane->f) : std::nullopt;
}

Value lowerIntegerDivision(Formula &a, Function function, bool isUnsigned, Value x, Value y) {
  Type type = x.getType();
  Value zero = a.integer(type, 0), one = a.integer(type, 1);
  Value isZero = a.cmpi(ICmp::eq, y, zero);
  if (isUnsigned) {
    Value safe = a.select(isZero, one, y);
    if (function == Function::Mod) // by 1 in place of 0 leaves 0
      return arith::RemUIOp::create(a.b, x, safe);
    return a.select(isZero, zero, arith::DivUIOp::create(a.b, x, safe));
  }
  Value isMinus = a.cmpi(ICmp::eq, y, a.integer(type, ~uint64_t(0)));
  Value safe = a.select(a.ori(isZero, isMinus), one, y);
  if (function == Function::Mod)
    return arith::RemSIOp::create(a.b, x, safe);
  Value quotient = a.select(isMinus, a.subi(zero, x), arith::DivSIOp::create(a.b, x, safe));
  return a.select(isZero, zero, quotient);
}

Value lowerShift(Formula &a, Function function, bool isUnsigned, Value x, Value y) {
  Type type = x.getType();
  Value zero = a.integer(type, 0);
  Value fits = a.cmpi(ICmp::ult, y, a.integer(type, Formula::width(type)));
  // Cut, not selected: LLVM sees through a select by the same condition, and for NVIDIA then makes of both one shift
  // whose amount clamps, but only after it lost its upper 32 bits.
  Value amount = a.andi(y, Formula::width(type) - 1);
  Value shifted = function == Function::Shl ? a.shl(x, amount) : isUnsigned ? a.shru(x, amount) : a.shrs(x, amount);
  return a.select(fits, shifted, zero);
}

Value lowerInteger(Formula &a, Elementwise op, ValueRange x) {
  bool isUnsigned = tiny::isUnsigned(op.from);
  switch (op.function) {
  case Function::Add:
    return a.addi(x[0], x[1]);
  case Function::Mul:
    return a.muli(x[0], x[1]);
  case Function::Div:
  case Function::Mod:
    return lowerIntegerDivision(a, op.function, isUnsigned, x[0], x[1]);
  case Function::Max:
    return isUnsigned ? Value(arith::MaxUIOp::create(a.b, x[0], x[1])) : arith::MaxSIOp::create(a.b, x[0], x[1]);
  case Function::CmpLt:
    return a.cmpi(isUnsigned ? ICmp::ult : ICmp::slt, x[0], x[1]);
  case Function::CmpEq:
    return a.cmpi(ICmp::eq, x[0], x[1]);
  case Function::And:
    return a.andi(x[0], x[1]);
  case Function::Or:
    return a.ori(x[0], x[1]);
  case Function::Xor:
    return a.xori(x[0], x[1]);
  case Function::Shl:
  case Function::Shr:
    return lowerShift(a, op.function, isUnsigned, x[0], x[1]);
  default:
    return {};
  }
}

// Whether the value is another one negated: multiplied by -1, or negated already.
Value negated(Value x) {
  if (auto negation = x.getDefiningOp<arith::NegFOp>())
    return negation.getOperand();
  return {};
}

// The greater one, NaN if either is, +0 of two zeros.
Value lowerMax(Formula &a, Value x, Value y) {
  if (realOf(x))
    std::swap(x, y);
  if (negated(y) == x || negated(x) == y)
    return a.absf(x);
  // Against a constant c one comparison does: NaN is not below c and stays. Only +0 has to win over -0.
  if (std::optional<double> c = realOf(y); c && !std::isnan(*c))
    return a.select(a.cmpf(*c == 0 && !std::signbit(*c) ? FCmp::OGE : FCmp::OGT, y, x), y, x);
  return arith::MaximumFOp::create(a.b, x, y);
}

Value lowerFloat(Formula &a, Elementwise op, ValueRange x) {
  switch (op.function) {
  case Function::Sqrt:
    return math::SqrtOp::create(a.b, x[0]);
  case Function::RoundEven:
    return a.roundEven(x[0]);
  case Function::RoundFloor:
    return math::FloorOp::create(a.b, x[0]);
  case Function::RoundCeil:
    return math::CeilOp::create(a.b, x[0]);
  case Function::RoundTrunc:
    return a.truncate(x[0]);
  case Function::Add:
    if (Value y = negated(x[1]))
      return a.subf(x[0], y);
    if (Value y = negated(x[0]))
      return a.subf(x[1], y);
    return a.addf(x[0], x[1]);
  case Function::Mul:
    if (realOf(x[1]) == -1.0 || realOf(x[0]) == -1.0)
      return a.negf(realOf(x[1]) == -1.0 ? x[0] : x[1]);
    return a.mulf(x[0], x[1]);
  case Function::Div:
    return a.divf(x[0], x[1]);
  case Function::Max:
    return lowerMax(a, x[0], x[1]);
  case Function::CmpLt:
    return a.cmpf(FCmp::OLT, x[0], x[1]);
  case Function::CmpEq:
    return a.cmpf(FCmp::OEQ, x[0], x[1]);
  default:
    return {};
  }
}

// f16, bf16 and the 8-bit floats compute in f32 and round once, which is exact rounding for every op here.
Value lowerHalf(Formula &a, Elementwise op, ValueRange x) {
  auto wide = llvm::map_to_vector(x, [&](Value v) { return castElements(a, v, op.from, Element::F32); });
  Value result = lowerFloat(a, {op.function, Element::F32, Element::F32}, wide);
  return result && isFloat(op.to) ? castElements(a, result, Element::F32, op.to) : result;
}

Value lower(Formula &a, Elementwise op, ValueRange x, Type result) {
  switch (op.function) {
  case Function::Cast:
    return castElements(a, x[0], op.from, op.to);
  case Function::Bitcast:
    return a.bitcast(result, x[0]);
  case Function::Where:
    return a.select(x[0], x[1], x[2]);
  default:
    break;
  }
  if (!isFloat(op.from))
    return lowerInteger(a, op, x);
  return byteWidth(op.from) <= 2 ? lowerHalf(a, op, x) : lowerFloat(a, op, x);
}

struct LowerArith : tinyc::impl::LowerArithBase<LowerArith> {
  using LowerArithBase::LowerArithBase;

  void runOnOperation() override {
    SmallVector<Operation *> functions;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (!isa<FunctionOpInterface>(op))
        return WalkResult::advance();
      if (!usesTensors(op))
        functions.push_back(op);
      return WalkResult::skip();
    });
    for (Operation *function : functions)
      if (failed(lowerFunction(function)))
        return signalPassFailure();
  }

  static bool usesTensors(Operation *function) {
    auto isTensor = [](Type type) { return isa<TensorType>(type); };
    return function
        ->walk([&](Operation *op) {
          for (Region &region : op->getRegions())
            for (Block &block : region)
              if (llvm::any_of(block.getArgumentTypes(), isTensor))
                return WalkResult::interrupt();
          return llvm::any_of(op->getResultTypes(), isTensor) ? WalkResult::interrupt() : WalkResult::advance();
        })
        .wasInterrupted();
  }

  LogicalResult lowerFunction(Operation *function) {
    // What an op means hangs on the signs of its types: note it before they go.
    SmallVector<std::pair<Operation *, Elementwise>> ops;
    SmallVector<ConstOp> constants;
    WalkResult walk = function->walk([&](Operation *op) {
      if (auto reduction = dyn_cast<ReduceOp>(op);
          reduction && reduction.getKind() == ReduceKind::Max && isUnsigned(*elementOf(reduction.getType()))) {
        reduction.emitOpError("expected reductions of unsigned numbers to be lowered before their types lose the sign");
        return WalkResult::interrupt();
      }
      if (auto constant = dyn_cast<ConstOp>(op))
        constants.push_back(constant);
      else if (std::optional<Elementwise> elementwise = elementwiseOf(op))
        ops.emplace_back(op, *elementwise);
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return failure();
    makeSignless(function);
    for (ConstOp constant : constants) {
      OpBuilder b(constant);
      constant.replaceAllUsesWith(
          arith::ConstantOp::create(b, constant.getLoc(), cast<TypedAttr>(constant.getValueAttr())).getResult());
      constant.erase();
    }
    for (auto [op, elementwise] : ops) {
      Formula a(op);
      Value result = lower(a, elementwise, op->getOperands(), op->getResult(0).getType());
      if (!result)
        return refuse(op, elementwise);
      // bf16 is computed as its bits.
      op->replaceAllUsesWith(ValueRange(a.bitcast(op->getResult(0).getType(), result)));
      op->erase();
    }
    return success();
  }

  static LogicalResult refuse(Operation *op, Elementwise elementwise) {
    return op->emitOpError("expected expand-elementary to have replaced this op on ") << name(elementwise.from);
  }

  // uiN becomes iN in every type and constant of the function, and bf16 i16 where it is moved as its bits.
  void makeSignless(Operation *function) {
    AttrTypeReplacer replacer;
    replacer.addReplacement([](IntegerType type) -> std::optional<Type> {
      return type.isUnsigned() ? std::optional<Type>(IntegerType::get(type.getContext(), type.getWidth()))
                               : std::nullopt;
    });
    replacer.addReplacement([](IntegerAttr value) -> std::optional<Attribute> {
      auto type = dyn_cast<IntegerType>(value.getType());
      if (!type || !type.isUnsigned())
        return std::nullopt;
      return IntegerAttr::get(IntegerType::get(type.getContext(), type.getWidth()), value.getValue());
    });
    replacer.addReplacement([](DenseElementsAttr value) -> std::optional<Attribute> {
      auto type = dyn_cast<IntegerType>(value.getElementType());
      if (!type || !type.isUnsigned())
        return std::nullopt;
      return value.bitcast(IntegerType::get(type.getContext(), type.getWidth()));
    });
    replaceByBits(replacer, [&](FloatType type) { return type.getWidth() == 8 || (bf16AsBits && type.isBF16()); });
    replacer.recursivelyReplaceElementsIn(function, /*replaceAttrs=*/true, /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
  }

  static void replaceByBits(AttrTypeReplacer &replacer, std::function<bool(FloatType)> isReplaced) {
    auto bits = [](FloatType type) { return IntegerType::get(type.getContext(), type.getWidth()); };
    replacer.addReplacement([=](Type type) -> std::optional<Type> {
      auto number = dyn_cast<FloatType>(type);
      return number && isReplaced(number) ? std::optional<Type>(bits(number)) : std::nullopt;
    });
    replacer.addReplacement([=](FloatAttr value) -> std::optional<Attribute> {
      auto number = cast<FloatType>(value.getType());
      if (!isReplaced(number))
        return std::nullopt;
      return IntegerAttr::get(bits(number), value.getValue().bitcastToAPInt());
    });
    replacer.addReplacement([=](DenseElementsAttr value) -> std::optional<Attribute> {
      auto number = dyn_cast<FloatType>(value.getElementType());
      if (!number || !isReplaced(number))
        return std::nullopt;
      return value.bitcast(bits(number));
    });
  }
};
} // namespace
