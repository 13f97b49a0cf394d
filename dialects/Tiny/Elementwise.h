// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The reference semantics of the elementwise ops and of reductions, on lanes. The folders and the reference
// interpreter both call these functions, so that a folded value is the computed one.

#ifndef TINYC_DIALECTS_TINY_ELEMENTWISE_H
#define TINYC_DIALECTS_TINY_ELEMENTWISE_H

#include "dialects/Tiny/Element.h"
#include "dialects/Tiny/TinyOps.h"

#include <optional>

namespace tinyc::tiny {

/// The element type that stands for `type` (or for the element type of a shaped one); nullopt if the dialect has none.
std::optional<Element> elementOf(mlir::Type type);
/// The MLIR type of an element.
mlir::Type typeOf(Element element, mlir::MLIRContext *context);

/// Which elementwise function, apart from its types.
enum class Function : uint8_t {
  Sqrt,
  Exp,
  Exp2,
  Log,
  Log2,
  Sin,
  RoundEven,
  RoundFloor,
  RoundCeil,
  RoundTrunc,
  Cast,
  Bitcast,
  Add,
  Mul,
  Div,
  Mod,
  Max,
  CmpLt,
  CmpEq,
  And,
  Or,
  Xor,
  Shl,
  Shr,
  Where
};

/// An elementwise op: its function, the element type of its last operand, and that of its result.
struct Elementwise {
  Function function;
  Element from;
  Element to;
};

/// What `op` computes on each element; nullopt if it is not an elementwise tiny op.
std::optional<Elementwise> elementwiseOf(mlir::Operation *op);

/// result[k] = function(operands[0][k], ..) for k below `count`. `result` may be one of the operands.
///
/// Floats narrower than f64 are computed in double and rounded once, which is exact rounding for + * / and sqrt
/// (53 bits are more than twice 24 and two), and for the elementary functions correct up to the rare case that lies
/// within the double function's own error of a tie. f64 elementary functions are those of long double, rounded.
void apply(Elementwise function, const Lane *const *operands, size_t count, Lane *result);

/// A reduction: start with the identity (what it gives over no elements), combine in runs of values, finish. Floats
/// accumulate in double, one after the other, and are rounded once by `finish`; integers wrap there.
Lane identity(ReduceKind kind, Element element);
Lane combine(ReduceKind kind, Element element, Lane accumulated, const Lane *values, size_t count);
Lane finish(Element element, Lane accumulated);

/// The lanes of a constant: one for a scalar or a splat, else one for each element. nullopt if `value` is no number of
/// an element type of the dialect.
std::optional<llvm::SmallVector<Lane>> lanesOf(mlir::Attribute value);
/// The constant of `type` (scalar or shaped) with these lanes; one lane for a shaped type is a splat.
mlir::TypedAttr attributeOf(mlir::Type type, llvm::ArrayRef<Lane> lanes);

} // namespace tinyc::tiny

#endif // TINYC_DIALECTS_TINY_ELEMENTWISE_H
