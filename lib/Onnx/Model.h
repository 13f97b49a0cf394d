// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is checked of a model before any node is imported: that the file is one, that its graph is well formed, that
// every operator is known. And the order in which nodes are imported.

#ifndef TINYC_LIB_ONNX_MODEL_H
#define TINYC_LIB_ONNX_MODEL_H

#include "lib/Onnx/onnx.pb.h"

#include "mlir/IR/Location.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

namespace tinyc::onnx {

/// Version of each operator set that a model or function takes its operators from; "ai.onnx" is "".
using OpsetVersions = llvm::StringMap<int64_t>;

/// The domain of a node, with "ai.onnx" as "".
llvm::StringRef domainOf(const NodeProto &node);
/// What a node is called in messages and locations: its name, or the operator and its number.
std::string nameOf(const NodeProto &node, size_t index);

/// Reads and parses the file; an error at `loc` if it is none or no model.
mlir::LogicalResult readModel(llvm::StringRef path, ModelProto &model, mlir::Location loc);

OpsetVersions opsetVersions(const google::protobuf::RepeatedPtrField<OperatorSetIdProto> &imports);

/// The functions of a model.
class Functions {
public:
  explicit Functions(const ModelProto &model);
  /// The one that a node calls; null if it calls none.
  const FunctionProto *find(const NodeProto &node) const;

private:
  llvm::StringMap<const FunctionProto *> byName; ///< domain, name and overload
};

/// One error that lists every node for which the table has no operator and the model no function.
mlir::LogicalResult checkOperators(const ModelProto &model, const Functions &functions, mlir::Location loc);

/// Most nodes that a model may come to where calls of functions are written out and loops unrolled.
constexpr uint64_t kMaxNodes = 1 << 18;
/// How deep functions of a model may call each other, and graphs lie in nodes of graphs.
constexpr unsigned kMaxCallDepth = 32;

/// An error if a function calls itself, or the model comes to more than kMaxNodes, found without writing anything out.
/// Trips of loops are not known here: the importer counts again.
mlir::LogicalResult checkSize(const ModelProto &model, const Functions &functions, mlir::Location loc);

/// The nodes so that each follows those whose outputs it reads, otherwise in the order of the file. `given` are the
/// names known before: inputs and initialisers. Errors: a name given twice, a name that nobody gives, a cycle.
llvm::FailureOr<llvm::SmallVector<const NodeProto *>>
orderNodes(const google::protobuf::RepeatedPtrField<NodeProto> &nodes, llvm::ArrayRef<llvm::StringRef> given,
           mlir::Location loc);

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_MODEL_H
