// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counts the errors of a context and holds the last; an error that calls itself a bug ends the process.

#ifndef TINYC_TEST_FUZZ_DIAGNOSTICS_H
#define TINYC_TEST_FUZZ_DIAGNOSTICS_H

#include "test/fuzz/Fuzz.h"

#include "mlir/IR/Diagnostics.h"

namespace tinyc::fuzz {

class Diagnostics {
public:
  explicit Diagnostics(mlir::MLIRContext &context)
      : handler(&context, [this](mlir::Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
            return mlir::success();
          ++count;
          text = diagnostic.str();
          require(!text.empty(), "an error says nothing");
          require(text.find("bug in tinyc") == std::string::npos, text);
          return mlir::success();
        }) {}

  unsigned errors() const { return count; }
  const std::string &last() const { return text; }

private:
  unsigned count = 0;
  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace tinyc::fuzz

#endif // TINYC_TEST_FUZZ_DIAGNOSTICS_H
