// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tiny dialect: the thirty ops of a network, the kernel level and the tile level. docs/Dialect.md describes each
// op.

#ifndef TINYC_DIALECTS_TINY_TINYOPS_H
#define TINYC_DIALECTS_TINY_TINYOPS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/IntegerSet.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace tinyc::tiny {
enum class ReduceKind : uint32_t;

/// `type` (a scalar, tensor or vector type) with its element type replaced.
mlir::Type withElementType(mlir::Type type, mlir::Type element);

/// The element type of a tensor or vector type; a scalar type itself.
mlir::Type elementType(mlir::Type type);

/// What a reduction over no elements gives: 0, 1 or the smallest value, as an attribute of type `element`.
/// Null for ReduceKind::None.
mlir::TypedAttr reductionIdentity(ReduceKind kind, mlir::Type element);

/// `map` with a further dimension in the place of each symbol.
mlir::AffineMap symbolsAsDims(mlir::AffineMap map);

/// Name of the module attribute (a string) that says for which chip the module is compiled, e.g. "nvidia:sm_80".
constexpr llvm::StringLiteral kTargetAttr = "tiny.target";
/// Name of the argument and result attribute (a string) that holds the user's name of an input or output.
constexpr llvm::StringLiteral kNameAttr = "tiny.name";

} // namespace tinyc::tiny

// Plug-ins use these classes out of the tool that loads them.
#pragma GCC visibility push(default)

#include "dialects/Tiny/TinyEnums.h.inc"

#include "dialects/Tiny/TinyDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Tiny/TinyAttrs.h.inc"

#define GET_OP_CLASSES
#include "dialects/Tiny/TinyOps.h.inc"

#pragma GCC visibility pop

#endif // TINYC_DIALECTS_TINY_TINYOPS_H
