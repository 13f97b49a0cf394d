// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prints the compiler's diagnostics so that a user of a model file finds the place: the file, and the node's name.

#ifndef TINYC_TOOLS_TINYC_DIAGNOSTICS_H
#define TINYC_TOOLS_TINYC_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"

namespace tinyc {

/// While it lives, diagnostics of its context go to stderr as "FILE: node 'NAME': error: ...", or with line and column
/// where the file is text. Remarks are dropped unless asked for. Not const: one a context.
class DiagnosticPrinter {
public:
  DiagnosticPrinter(mlir::MLIRContext *context, bool remarks);

  /// Whether anything was printed so far.
  bool printed() const { return any; }

private:
  bool any = false;
  mlir::ScopedDiagnosticHandler handler;
};

/// "model.onnx: node 'conv1'", "m.mlir:3:5", or "" for an unknown location.
std::string locationText(mlir::Location loc);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_DIAGNOSTICS_H
