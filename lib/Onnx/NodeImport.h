// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an operator's import function sees of its node: operands, attributes, known integers; and the row of the table
// of operators that names the function.

#ifndef TINYC_LIB_ONNX_NODEIMPORT_H
#define TINYC_LIB_ONNX_NODEIMPORT_H

#include "lib/Builders/Movement.h"
#include "lib/Weights/WeightStore.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace tinyc::onnx {

// Of ONNX's messages, in lib/Onnx/onnx.pb.h. Import functions ask for attributes by the accessors below, so that those
// of plug-ins need no protobuf.
class AttributeProto;
class GraphProto;
class NodeProto;

/// What a value was dequantised from: integers of 8 bits, one scale and zero point or one for each along `axis`. Null
/// for a value that was not; no zero point is 0.
struct Dequantized {
  mlir::Value values, scale, zero;
  int64_t axis = 0;
};

/// What an import function asks of the importer around its node.
class Surroundings {
public:
  Surroundings(llvm::StringRef folder, WeightStore &weights) : folder(folder), weights(weights) {}
  virtual ~Surroundings() = default;

  /// Imports the nodes of a node's graph where the builder stands, with `arguments` for its inputs; they see the names
  /// of the graph around it. Gives the graph's outputs.
  virtual llvm::FailureOr<llvm::SmallVector<mlir::Value>> importGraph(const GraphProto &graph,
                                                                      llvm::ArrayRef<mlir::Value> arguments) = 0;

  /// Where the model lies: external data are read from there.
  std::string folder;
  WeightStore &weights;
  /// Arguments of @main of which a node has to know the value, and does not.
  llvm::SetVector<mlir::BlockArgument> wanted;
  /// Whether a node had to know a value that changes from trip to trip of a loop.
  bool wantsTrip = false;
  /// The node that is being imported, as messages call it; empty between nodes.
  std::string current;

  /// Adds a note that names the current node, unless a note says where the error is.
  void nameNode(mlir::Diagnostic &diagnostic) const {
    if (!current.empty() && diagnostic.getNotes().empty())
      diagnostic.attachNote() << "in " << current;
  }
};

/// One node while it is imported. Accessors of attributes report an attribute of the wrong kind and then give the
/// default; the caller of the import function looks for errors at the end.
class NodeImport {
public:
  compose::Builder &b;
  const NodeProto &node;
  /// Version of the operator set that the node is taken from.
  int64_t version;
  /// Null where an optional operand is left out.
  llvm::SmallVector<mlir::Value> inputs;
  /// TensorProto.DataType of each operand of less than 8 bits, which is kept in 8; 0 for others.
  llvm::SmallVector<int32_t> packedTypes;
  /// That of the results. Operands that are moved hand on theirs.
  int32_t packedResult = 0;
  /// What operands were dequantised from, and what the first result is.
  llvm::SmallVector<Dequantized> dequantized;
  Dequantized dequantizedResult;
  /// Results after the first; the first is what the import function returns.
  llvm::SmallVector<mlir::Value> moreResults;
  /// Whether those have types of their own, which `Narrow::Widen` leaves alone.
  bool moreAreTyped = false;

  NodeImport(compose::Builder &b, const NodeProto &node, int64_t version, Surroundings &surroundings);

  bool has(size_t input) const { return input < inputs.size() && inputs[input]; }
  /// An operand; null where it is left out.
  mlir::Value operator[](size_t input) const { return has(input) ? inputs[input] : mlir::Value(); }
  llvm::ArrayRef<int64_t> shape(size_t input) const { return compose::shapeOf((*this)[input]); }
  int64_t rank(size_t input) const { return shape(input).size(); }
  mlir::Type element(size_t input) const { return tiny::elementType(inputs[input].getType()); }
  /// Whether the model uses this output.
  bool wants(int output) const;
  /// How many outputs the node lists.
  int outputs() const;

  /// The elements of an operand that is known at compile time; null without an error where it is not.
  mlir::DenseElementsAttr known(size_t input);
  /// The elements of an operand that has to be known; an error where it is not, that names the inputs of the model on
  /// which it depends. `what` begins the error: the operand's name.
  llvm::FailureOr<mlir::DenseElementsAttr> required(size_t input, llvm::StringRef what);
  /// The integers of an operand that has to be known.
  llvm::FailureOr<llvm::SmallVector<int64_t>> integers(size_t input, llvm::StringRef what);
  /// The floats of an operand that has to be known.
  llvm::FailureOr<llvm::SmallVector<double>> numbers(size_t input, llvm::StringRef what);

  const AttributeProto *attribute(llvm::StringRef name);
  int64_t integer(llvm::StringRef name, int64_t otherwise);
  double number(llvm::StringRef name, double otherwise);
  std::string text(llvm::StringRef name, llvm::StringRef otherwise);
  std::optional<llvm::SmallVector<int64_t>> integerList(llvm::StringRef name);
  std::optional<llvm::SmallVector<double>> numberList(llvm::StringRef name);
  /// A list of words; empty where it is left out.
  llvm::SmallVector<std::string> textList(llvm::StringRef name);
  /// A graph attribute; an error where it is left out.
  const GraphProto *graph(llvm::StringRef name);
  /// A tensor attribute as a constant; null where it is left out or wrong.
  mlir::DenseElementsAttr tensor(llvm::StringRef name);
  /// Names attributes that change nothing in inference.
  void ignore(std::initializer_list<llvm::StringRef> names);
  /// Attributes that no accessor was asked for.
  llvm::SmallVector<llvm::StringRef> unread() const;

  mlir::InFlightDiagnostic error() { return mlir::emitError(b.getLoc()); }
  /// Reports an error and gives null.
  mlir::Value fail(const llvm::Twine &message);
  /// An axis that may count from the end, as 0 <= axis < rank; an error otherwise.
  llvm::FailureOr<int64_t> axis(int64_t axis, int64_t rank);
  llvm::FailureOr<llvm::SmallVector<int64_t>> axes(llvm::ArrayRef<int64_t> axes, int64_t rank);

  /// A tensor of numbers, rounded to the element type, as a constant.
  mlir::Value constantNumbers(llvm::ArrayRef<double> values, llvm::ArrayRef<int64_t> shape, mlir::FloatType element);
  /// A tensor of integers as a constant.
  mlir::Value constantIntegers(llvm::ArrayRef<int64_t> values, llvm::ArrayRef<int64_t> shape);

  Surroundings &surroundings;

private:
  const AttributeProto *attributeOf(llvm::StringRef name, int type, llvm::StringRef kind);

  llvm::StringMap<const AttributeProto *> attributes;
  llvm::StringSet<> read;
};

/// How an operator treats floats of less than 32 bits.
enum class Narrow {
  Keep,  ///< as they are: it moves them or says itself
  Widen, ///< computes in f32: operands are cast, and f32 results cast back to the type of the first operand
};

/// One row of the table of operators.
struct Operator {
  llvm::StringRef name;
  /// The version of the operator set from which on this row holds, up to the next row of the same name.
  int64_t since;
  /// How many operands it takes; -1: any number from minInputs on. The first minInputs are never left out, nor is any
  /// of any number, unless minInputs is 0.
  int minInputs, maxInputs;
  Narrow narrow;
  /// Gives the first result; null after an error.
  mlir::Value (*import)(NodeImport &);
  llvm::StringRef domain = "";
};

/// The row for an operator at a version; null if there is none.
const Operator *findOperator(llvm::StringRef domain, llvm::StringRef name, int64_t version);

/// All rows of tinyc's own, part by part.
llvm::SmallVector<const Operator *> operators();

/// Adds a row, e.g. from a plug-in. False if there is one of this domain, name and version. Not safe beside other
/// calls.
bool registerOperator(const Operator &row);

/// Parts of the table, one for each file of import functions.
llvm::ArrayRef<Operator> attentionOperators();
llvm::ArrayRef<Operator> controlOperators();
llvm::ArrayRef<Operator> indexOperators();
llvm::ArrayRef<Operator> logicOperators();
llvm::ArrayRef<Operator> lossOperators();
llvm::ArrayRef<Operator> mathOperators();
llvm::ArrayRef<Operator> matrixOperators();
llvm::ArrayRef<Operator> microsoftOperators();
llvm::ArrayRef<Operator> microsoftAttentionOperators();
llvm::ArrayRef<Operator> microsoftQuantizedOperators();
llvm::ArrayRef<Operator> movementOperators();
llvm::ArrayRef<Operator> orderOperators();
llvm::ArrayRef<Operator> overlapOperators();
llvm::ArrayRef<Operator> quantizedOperators();
llvm::ArrayRef<Operator> recurrentOperators();
llvm::ArrayRef<Operator> reductionOperators();
llvm::ArrayRef<Operator> resizeOperators();
llvm::ArrayRef<Operator> samplingOperators();
llvm::ArrayRef<Operator> selectionOperators();
llvm::ArrayRef<Operator> shapeOperators();
llvm::ArrayRef<Operator> signalOperators();
llvm::ArrayRef<Operator> windowOperators();

} // namespace tinyc::onnx

#endif // TINYC_LIB_ONNX_NODEIMPORT_H
