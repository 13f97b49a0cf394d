// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Import of ONNX models: a file becomes a module of tiny ops on tensors with one function, @main.
//
//   tinyc::WeightStore weights;
//   tinyc::OnnxOptions options;
//   options.shapes["input"] = {1, 3, 224, 224};
//   mlir::OwningOpRef<mlir::ModuleOp> module = tinyc::importOnnx("model.onnx", options, weights, &context);
//   if (!module) ... // the reasons went to the context's diagnostic engine

#ifndef TINYC_LIB_ONNX_IMPORT_H
#define TINYC_LIB_ONNX_IMPORT_H

#include "lib/Reference/DenseTensor.h"
#include "lib/Weights/WeightStore.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <string>
#include <vector>

namespace tinyc {

/// Name of the module attribute that records what the model's symbolic sizes were bound to: {batch = 1 : i64, ..}.
constexpr llvm::StringLiteral kSymbolsAttr = "tiny.symbols";
/// Name of the argument attribute (elements) of an input that has to hold this value: the model is specialised for it.
constexpr llvm::StringLiteral kValueAttr = "tiny.value";

/// What an input will hold.
struct GivenInput {
  /// Of the input; a name that is no input's stands for the input at this place of the list.
  std::string name;
  TensorRef tensor;
};

struct OnnxOptions {
  /// Shapes of inputs by name. They bind the symbols of the declared shapes; a symbol bound by no input is 1.
  std::map<std::string, std::vector<int64_t>> shapes;
  /// What inputs will hold, as far as it is known. Their shapes bind symbols as `shapes` do. Their values are used only
  /// where a node cannot be imported without: shapes, axes and counts that a model takes at run time. The module is
  /// then specialised: the input stays an argument of @main, is not read, and has its value in the attribute
  /// kValueAttr, for which alone the module is right.
  std::vector<GivenInput> inputs;
  /// Nodes on floats of less than 32 bits compute in f32 and round their results. A result that is only read element by
  /// element or by reductions stays in f32 unless this is set. All devices see the same model, the reference too.
  bool roundEveryNode = false;
};

/// Reads the model at `path`. The bytes of its weights go to `weights`. Null after an error; errors, and remarks about
/// symbols that were bound to 1, go to the diagnostic engine of `context`, which needs no dialects loaded. The file is
/// untrusted: whatever it holds ends in a module or in an error.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(llvm::StringRef path, const OnnxOptions &options, WeightStore &weights,
                                             mlir::MLIRContext *context);

} // namespace tinyc

#endif // TINYC_LIB_ONNX_IMPORT_H
