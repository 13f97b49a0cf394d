// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bodies of tiny.loop and tiny.cond while they are imported: nodes read values of the blocks around freely, and at the
// end what they read is made into operands, or copied where it is a constant.

#ifndef TINYC_LIB_ONNX_REGIONS_H
#define TINYC_LIB_ONNX_REGIONS_H

#include "lib/Onnx/NodeImport.h"

namespace tinyc::onnx {

/// Builds the one block of `region` with arguments of the types given: `build` is called where it stands and gives the
/// values that the block will yield, once `endBody` is called.
llvm::FailureOr<llvm::SmallVector<mlir::Value>> buildBody(
    compose::Builder &b, mlir::Region &region, llvm::ArrayRef<mlir::Type> types,
    llvm::function_ref<llvm::FailureOr<llvm::SmallVector<mlir::Value>>(llvm::ArrayRef<mlir::Value> arguments)> build);

/// Ends the block with a yield of `values`.
void endBody(compose::Builder &b, mlir::Region &region, llvm::ArrayRef<mlir::Value> values);

/// Makes the regions read nothing from outside: constants are copied into them, everything else becomes an argument
/// that each region has last. Gives the values that those arguments stand for.
llvm::SmallVector<mlir::Value> isolate(compose::Builder &b, llvm::ArrayRef<mlir::Region *> regions);

/// While it lives, diagnostics are held back. Without `give` they are lost with it.
class Attempt {
public:
  explicit Attempt(NodeImport &n);
  /// Emits what was held.
  void give();

private:
  NodeImport &n;
  std::vector<mlir::Diagnostic> held;
  std::optional<mlir::ScopedDiagnosticHandler> handler;
};

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_REGIONS_H
