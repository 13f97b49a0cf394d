// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles functions of tiny ops on vectors for this machine through the real passes, and loads them. A call of any
// function that the passes leave behind (a libm function, a conversion of the compiler's library) fails to link.

#ifndef TINYC_TEST_ULP_JIT_H
#define TINYC_TEST_ULP_JIT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>
#include <string>

namespace llvm::orc {
class LLJIT;
}

namespace tinyc {

/// A context with the dialects that the functions may use, and the translation to LLVM IR.
std::unique_ptr<mlir::MLIRContext> makeJitContext();

/// Compiled code; functions live as long as it.
class Jit {
public:
  /// Compiles `module`, whose functions take memrefs of static shape (bare pointers in the compiled code). `cpu` is
  /// LLVM's name of a processor, empty for this machine's features. On failure `error()` says why.
  Jit(mlir::ModuleOp module, const std::string &cpu = "");
  ~Jit();

  const std::string &error() const { return problem; }
  /// The address of a function, null if there is none.
  void *find(const std::string &name);

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::string problem;
};

} // namespace tinyc

#endif // TINYC_TEST_ULP_JIT_H
