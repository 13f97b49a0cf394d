// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Models in MLIR's TOSA dialect, as torch-mlir and converters of TFLite produce them, become modules of tiny ops on
// tensors. The semantics are those of the TOSA 1.0 specification, https://www.mlplatform.org/tosa/tosa_spec.html.
//
//   if (usesTosa(*module) && failed(convertTosa(*module, weights))) ...   // reasons went to the diagnostics

#ifndef TINYC_LIB_TOSA_CONVERT_H
#define TINYC_LIB_TOSA_CONVERT_H

#include "mlir/IR/BuiltinOps.h"

namespace tinyc {

class WeightStore;

/// Whether any op of the module is of the TOSA dialect.
bool usesTosa(mlir::ModuleOp module);

/// Replaces the module's entry function by @main of tiny ops: the function called "main", or the only one that is not
/// private, whatever its name. The bytes of large constants go to `weights`. Ops that have no conversion are listed in
/// one error, with a note at the first of each kind. 48-bit integers are computed in 64 bits, floats of less than 32
/// bits in f32 and rounded once an op.
mlir::LogicalResult convertTosa(mlir::ModuleOp module, WeightStore &weights);

} // namespace tinyc

#endif // TINYC_LIB_TOSA_CONVERT_H
