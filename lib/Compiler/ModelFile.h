// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading an .mlir file that anyone may have written, and what must hold of every model before a stage sees it.

#ifndef TINYC_LIB_COMPILER_MODELFILE_H
#define TINYC_LIB_COMPILER_MODELFILE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>
#include <vector>

namespace tinyc {

/// Parses a text file into a module, not verified yet. Null after an error at the place in the file: text only (MLIR's
/// bytecode is refused), and nothing beyond the limits of TextLimits.h.
mlir::OwningOpRef<mlir::ModuleOp> parseModelFile(llvm::StringRef path, mlir::MLIRContext &context);

/// Verifies the module, and of its entry function: a body of one block, inputs and outputs that are tensors of known
/// size and of the dialect's types, names that are strings and differ, no tensor of 2^62 elements or more. A module
/// that says which stage it has been through must be what that stage leaves.
mlir::LogicalResult verifyModel(mlir::ModuleOp module);

/// The hashes of the weights that a model names, each once, in the order of their first use.
std::vector<std::string> weightsOf(mlir::ModuleOp module);

} // namespace tinyc

#endif // TINYC_LIB_COMPILER_MODELFILE_H
