// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random functions of tiny ops on tensors, from a seed: elementwise ops, reductions, contractions, concats, gathers,
// scatters, loops, choices and views of all kinds over small shapes, with several uses and several results.

#ifndef TINYC_TEST_FUSION_RANDOMGRAPH_H
#define TINYC_TEST_FUSION_RANDOMGRAPH_H

#include "dialects/Tiny/TinyOps.h"

#include "mlir/IR/OwningOpRef.h"

namespace tinyc {

/// A module whose function @main takes and gives tensors of `element` (f32 or i32). Its shapes grow with `scale`; of a
/// seed's steps at most `mostSteps` are taken, so that a failing graph can be reported by its shortest beginning.
mlir::OwningOpRef<mlir::ModuleOp> makeRandomGraph(mlir::MLIRContext *context, unsigned seed, mlir::Type element,
                                                  int64_t scale = 1, int64_t mostSteps = 100);

} // namespace tinyc

#endif // TINYC_TEST_FUSION_RANDOMGRAPH_H
