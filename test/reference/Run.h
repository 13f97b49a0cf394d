// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs text of the tiny dialect with the reference interpreter, for tests.

#ifndef TINYC_TEST_REFERENCE_RUN_H
#define TINYC_TEST_REFERENCE_RUN_H

#include "dialects/Tiny/TinyOps.h"
#include "lib/Reference/Reference.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <string>

/// One module of text, ready to run.
class Text {
public:
  explicit Text(const std::string &text) : context(makeContext()) {
    mlir::ScopedDiagnosticHandler handler(context.get(), [&](mlir::Diagnostic &d) { errors += d.str() + "\n"; });
    module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
  }

  /// The function named main.
  mlir::func::FuncOp main() { return module->lookupSymbol<mlir::func::FuncOp>("main"); }

  /// The results of @main; empty if there was an error, which `errors` then holds.
  std::vector<tinyc::TensorRef> run(std::vector<tinyc::TensorRef> inputs,
                                    tinyc::Reference reference = tinyc::Reference()) {
    if (!module)
      return {};
    mlir::ScopedDiagnosticHandler handler(context.get(), [&](mlir::Diagnostic &d) { errors += d.str() + "\n"; });
    auto results = reference.run(main(), inputs);
    return mlir::failed(results) ? std::vector<tinyc::TensorRef>() : *results;
  }

  std::string errors;

private:
  static std::unique_ptr<mlir::MLIRContext> makeContext() {
    auto context = std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED);
    context->loadDialect<tinyc::tiny::TinyDialect, mlir::func::FuncDialect>();
    return context;
  }

  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

template <typename T>
tinyc::TensorRef makeTensor(tinyc::tiny::Element element, std::vector<int64_t> shape, std::vector<T> values) {
  return std::make_shared<tinyc::DenseTensor>(
      tinyc::DenseTensor::of<T>(element, std::move(shape), std::span<const T>(values)));
}

inline tinyc::TensorRef makeFloats(std::vector<int64_t> shape, std::vector<float> values) {
  return makeTensor<float>(tinyc::tiny::Element::F32, std::move(shape), std::move(values));
}

template <typename T> std::vector<T> valuesOf(const tinyc::TensorRef &tensor) {
  std::span<const T> values = tensor->as<T>();
  return std::vector<T>(values.begin(), values.end());
}

#endif // TINYC_TEST_REFERENCE_RUN_H
