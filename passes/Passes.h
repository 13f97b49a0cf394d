// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations of all passes, generated from Passes.td: createX() for each, and registerTinycPasses().

#ifndef TINYC_PASSES_PASSES_H
#define TINYC_PASSES_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class ModuleOp;
namespace func {
class FuncOp;
}
} // namespace mlir

namespace tinyc {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace tinyc

#endif // TINYC_PASSES_PASSES_H
