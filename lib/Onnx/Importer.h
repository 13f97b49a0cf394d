// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The importer itself, one object for one attempt at one model. Import.cpp walks the graph, Inputs.cpp binds its
// inputs, Subgraphs.cpp enters functions and graphs of nodes.

#ifndef TINYC_LIB_ONNX_IMPORTER_H
#define TINYC_LIB_ONNX_IMPORTER_H

#include "lib/Onnx/Import.h"
#include "lib/Onnx/Model.h"
#include "lib/Onnx/NodeImport.h"
#include "lib/Onnx/Rounding.h"
#include "lib/Onnx/Tensors.h"

#include <set>

namespace tinyc::onnx {

/// The names that nodes see: those of the graph, of one call of a function, or of a node's graph.
struct Scope {
  OpsetVersions versions;
  llvm::StringMap<mlir::Value> values;
  /// Put before the names of nodes: the calls that led here. Empty for the graph itself.
  std::string prefix;
  /// Read when the first node wants them.
  llvm::StringMap<const TensorProto *> initialisers;
  /// Outputs of nodes that could not be imported.
  llvm::StringSet<> missing;
  /// The graph around a node's graph, whose names it sees too; null for others.
  Scope *outer = nullptr;
  /// TensorProto.DataType of values of less than 8 bits.
  llvm::StringMap<int32_t> packedTypes = {};
  /// What results of DequantizeLinear were made of.
  llvm::StringMap<Dequantized> dequantized = {};

  int32_t packedTypeOf(llvm::StringRef name) const {
    return values.count(name) || !outer ? packedTypes.lookup(name) : outer->packedTypeOf(name);
  }
  Dequantized dequantizedFrom(llvm::StringRef name) const {
    return values.count(name) || !outer ? dequantized.lookup(name) : outer->dequantizedFrom(name);
  }
};

class Importer : public Surroundings {
public:
  /// `fixed` names the inputs whose given value is taken.
  Importer(llvm::StringRef path, const ModelProto &model, const Functions &functions, const OnnxOptions &options,
           const std::set<std::string> &fixed, WeightStore &weights, mlir::MLIRContext *context);

  mlir::OwningOpRef<mlir::ModuleOp> import();
  llvm::FailureOr<llvm::SmallVector<mlir::Value>> importGraph(const GraphProto &graph,
                                                              llvm::ArrayRef<mlir::Value> arguments) override;
  /// Names of inputs whose values would have been needed, and are given: another attempt with them may come further.
  std::set<std::string> wantedInputs();

private:
  mlir::LogicalResult addInputs(Scope &scope);
  llvm::FailureOr<mlir::RankedTensorType> inputType(const ValueInfoProto &input, const GivenInput *given);
  mlir::LogicalResult bindShape(const ValueInfoProto &input, llvm::ArrayRef<int64_t> shape);
  const GivenInput *findGiven(llvm::ArrayRef<const ValueInfoProto *> inputs, size_t index) const;
  llvm::FailureOr<mlir::Value> valueOf(const std::string &name, Scope &scope);
  mlir::Value source(const TensorData &data, llvm::StringRef name);
  mlir::LogicalResult importNodes(llvm::ArrayRef<const NodeProto *> ordered,
                                  const google::protobuf::RepeatedPtrField<NodeProto> &nodes, Scope &scope);
  mlir::LogicalResult importNode(const NodeProto &node, const std::string &name, Scope &scope);
  mlir::LogicalResult call(const FunctionProto &function, const NodeProto &node, const std::string &name,
                           Scope &caller);
  mlir::LogicalResult compose(NodeImport &n, const Operator &row, llvm::SmallVectorImpl<mlir::Value> &results);
  mlir::LogicalResult addOutputs(Scope &scope);
  mlir::Location named(llvm::StringRef name) { return mlir::NameLoc::get(b.getStringAttr(name), file); }

  const ModelProto &model;
  const Functions &functions;
  const OnnxOptions &options;
  const std::set<std::string> &fixed;
  mlir::Location file;
  compose::Builder b;
  /// Those in @main's own block.
  NarrowCasts casts;
  /// What is known of inputs, by their names.
  std::map<std::string, const GivenInput *> given;
  /// Which of them nobody has bound, for a message: "'h' (dimension 2 of 'x')".
  std::string unbound;
  /// What symbols are bound to.
  std::map<std::string, int64_t> symbols;
  /// Here as long as the importer: what a failed import wanted is asked afterwards.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  /// The last parameter or constant at the head of the function; null before the first.
  mlir::Operation *lastSource = nullptr;
  /// So far.
  unsigned errors = 0;
  unsigned depth = 0;
  /// Nodes imported so far.
  uint64_t imported = 0;
  /// The names that the node being imported sees.
  Scope *scope = nullptr;
};

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_IMPORTER_H
