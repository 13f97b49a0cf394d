// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Import functions of operators that are one builder applied to operands of one, or broadcast to one, shape.

#ifndef TINYC_LIB_ONNX_BROADCASTOPERANDS_H
#define TINYC_LIB_ONNX_BROADCASTOPERANDS_H

#include "lib/Onnx/NodeImport.h"

namespace tinyc::onnx {

template <mlir::Value (*build)(compose::Builder &, mlir::Value)> mlir::Value unary(NodeImport &n) {
  n.ignore({"consumed_inputs"});
  return build(n.b, n[0]);
}

template <mlir::Value (*build)(compose::Builder &, mlir::Value, mlir::Value)> mlir::Value binary(NodeImport &n) {
  mlir::Value v[] = {n[0], n[1]};
  return compose::broadcastTogether(n.b, v) ? build(n.b, v[0], v[1]) : mlir::Value();
}

/// The second operand as versions before 7 broadcast it: by an attribute, from an axis on.
mlir::Value legacyBroadcast(NodeImport &n);

template <mlir::Value (*build)(compose::Builder &, mlir::Value, mlir::Value)> mlir::Value legacyBinary(NodeImport &n) {
  mlir::Value y = legacyBroadcast(n);
  return y ? build(n.b, n[0], y) : y;
}

/// Any number of operands, combined from the left.
template <mlir::Value (*build)(compose::Builder &, mlir::Value, mlir::Value)> mlir::Value variadic(NodeImport &n) {
  n.ignore({"consumed_inputs"});
  llvm::SmallVector<mlir::Value> v(n.inputs);
  if (!compose::broadcastTogether(n.b, v))
    return {};
  mlir::Value result = v.front();
  for (mlir::Value next : llvm::ArrayRef(v).drop_front())
    result = build(n.b, result, next);
  return result;
}

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_BROADCASTOPERANDS_H
