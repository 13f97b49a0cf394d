// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Access to a node's operands and attributes, and the look-up of operators.

#include "lib/Onnx/NodeImport.h"

#include "lib/Onnx/Folding.h"
#include "lib/Onnx/Tensors.h"
#include "lib/Onnx/onnx.pb.h"
#include "lib/Reference/Reference.h"

#include <deque>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;

NodeImport::NodeImport(compose::Builder &b, const NodeProto &node, int64_t version, Surroundings &surroundings)
    : b(b), node(node), version(version), surroundings(surroundings) {
  for (const AttributeProto &attribute : node.attribute())
    if (!attributes.try_emplace(attribute.name(), &attribute).second)
      error() << "has the attribute '" << attribute.name() << "' twice";
}

bool NodeImport::wants(int output) const { return output < node.output_size() && !node.output(output).empty(); }

int NodeImport::outputs() const { return node.output_size(); }

DenseElementsAttr NodeImport::known(size_t input) {
  if (!has(input))
    return {};
  Operation *op = inputs[input].getDefiningOp();
  if (auto constant = dyn_cast_or_null<tiny::ConstOp>(op))
    return dyn_cast<DenseElementsAttr>(constant.getValue());
  if (auto param = dyn_cast_or_null<tiny::ParamOp>(op))
    if (auto bytes = surroundings.weights.find(param.getHash().str()))
      return toElements(TensorData(cast<RankedTensorType>(param.getType()), {bytes->data(), bytes->size()}, nullptr));
  return {};
}

// Whether bodies in an op make little work: few trips, of all loops together, and values as small as those outside.
static bool isQuick(Operation &op) {
  constexpr uint64_t mostTrips = 4096;
  uint64_t trips = 1;
  bool small = true;
  op.walk([&](Operation *inner) {
    if (auto loop = dyn_cast<tiny::LoopOp>(inner))
      trips = llvm::SaturatingMultiply<uint64_t>(trips, std::max<uint64_t>(loop.getTrips(), 1));
    for (Value result : inner->getResults())
      small &= compose::elementCount(compose::shapeOf(result)).value_or(kMaxFoldedElements + 1) <= kMaxFoldedElements;
  });
  return small && trips <= mostTrips;
}

// What a value is made of: arguments of blocks, and whether everything else are ops small enough to compute at import.
static llvm::SetVector<BlockArgument> argumentsBehind(Value value, bool &computable) {
  llvm::SetVector<BlockArgument> arguments;
  llvm::SetVector<Value> behind;
  behind.insert(value);
  computable = true;
  for (size_t i = 0; i < behind.size(); ++i) {
    std::optional<int64_t> count = compose::elementCount(compose::shapeOf(behind[i]));
    Operation *op = behind[i].getDefiningOp();
    if (!op) {
      arguments.insert(cast<BlockArgument>(behind[i]));
      continue;
    }
    computable &= count && *count <= kMaxFoldedElements;
    behind.insert_range(op->getOperands());
    computable &= isQuick(*op);
  }
  return arguments;
}

FailureOr<DenseElementsAttr> NodeImport::required(size_t input, StringRef what) {
  if (DenseElementsAttr elements = known(input))
    return elements;
  if (!has(input))
    return error() << what << ": expected a value, found none";
  bool computable;
  llvm::SetVector<BlockArgument> arguments = argumentsBehind(inputs[input], computable);
  if (arguments.empty() && computable) {
    TensorRef value = weightedReference(surroundings.weights).evaluate(inputs[input]);
    if (!value)
      return failure();
    return cast<DenseElementsAttr>(constantOf(*value, cast<ShapedType>(inputs[input].getType())));
  }
  std::string names, flags;
  for (BlockArgument argument : arguments) {
    // The body of a loop is part of no op while it is imported.
    auto function = dyn_cast_if_present<func::FuncOp>(argument.getOwner()->getParentOp());
    auto name = function ? function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), tiny::kNameAttr) : nullptr;
    surroundings.wantsTrip |= !name;
    if (!name)
      return error() << what << ": expected a value known at compile time, found one that changes from trip to trip "
                     << "of a loop";
    names += (names.empty() ? "'" : "', '") + name.str();
    flags += " --input " + name.str() + "=@FILE";
    surroundings.wanted.insert(argument);
  }
  InFlightDiagnostic diagnostic = error() << what << ": expected a value known at compile time, found one that ";
  if (names.empty())
    return diagnostic << "is too large to compute at import";
  return diagnostic << "depends on the input" << (arguments.size() > 1 ? "s " : " ") << names
                    << "'; give what it will hold by" << flags;
}

FailureOr<SmallVector<int64_t>> NodeImport::integers(size_t input, StringRef what) {
  FailureOr<DenseElementsAttr> elements = required(input, what);
  if (failed(elements))
    return failure();
  if (!isa<IntegerType>(elements->getElementType()))
    return error() << what << ": expected integers, found " << elements->getType();
  return toIntegers(*elements);
}

FailureOr<SmallVector<double>> NodeImport::numbers(size_t input, StringRef what) {
  FailureOr<DenseElementsAttr> elements = required(input, what);
  if (failed(elements))
    return failure();
  if (!isa<FloatType>(elements->getElementType()))
    return error() << what << ": expected floats, found " << elements->getType();
  return llvm::map_to_vector(elements->getValues<APFloat>(), [](APFloat value) {
    bool lost;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    return value.convertToDouble();
  });
}

const AttributeProto *NodeImport::attribute(StringRef name) {
  read.insert(name);
  return attributes.lookup(name);
}

const AttributeProto *NodeImport::attributeOf(StringRef name, int type, StringRef kind) {
  const AttributeProto *found = attribute(name);
  // Files of the first IR versions leave the type out.
  if (!found || found->type() == type || found->type() == AttributeProto::UNDEFINED)
    return found;
  error() << "attribute '" << name << "': expected " << kind << ", found another type ("
          << static_cast<int>(found->type()) << ")";
  return nullptr;
}

int64_t NodeImport::integer(StringRef name, int64_t otherwise) {
  const AttributeProto *found = attributeOf(name, AttributeProto::INT, "an integer");
  return found ? found->i() : otherwise;
}

double NodeImport::number(StringRef name, double otherwise) {
  const AttributeProto *found = attributeOf(name, AttributeProto::FLOAT, "a float");
  return found ? found->f() : otherwise;
}

std::string NodeImport::text(StringRef name, StringRef otherwise) {
  const AttributeProto *found = attributeOf(name, AttributeProto::STRING, "a string");
  return found ? found->s() : otherwise.str();
}

std::optional<SmallVector<int64_t>> NodeImport::integerList(StringRef name) {
  const AttributeProto *found = attributeOf(name, AttributeProto::INTS, "a list of integers");
  if (!found)
    return std::nullopt;
  return SmallVector<int64_t>(found->ints().begin(), found->ints().end());
}

std::optional<SmallVector<double>> NodeImport::numberList(StringRef name) {
  const AttributeProto *found = attributeOf(name, AttributeProto::FLOATS, "a list of floats");
  if (!found)
    return std::nullopt;
  return SmallVector<double>(found->floats().begin(), found->floats().end());
}

SmallVector<std::string> NodeImport::textList(StringRef name) {
  const AttributeProto *found = attributeOf(name, AttributeProto::STRINGS, "a list of strings");
  return found ? SmallVector<std::string>(found->strings().begin(), found->strings().end())
               : SmallVector<std::string>();
}

const GraphProto *NodeImport::graph(StringRef name) {
  const AttributeProto *found = attributeOf(name, AttributeProto::GRAPH, "a graph");
  if (found && found->has_g())
    return &found->g();
  error() << "expected a graph as attribute '" << name << "'";
  return nullptr;
}

DenseElementsAttr NodeImport::tensor(StringRef name) {
  const AttributeProto *found = attributeOf(name, AttributeProto::TENSOR, "a tensor");
  if (!found)
    return {};
  FailureOr<TensorData> data =
      readTensor(found->t(), surroundings.folder, "attribute '" + name.str() + "'", b.getLoc());
  return succeeded(data) ? toElements(*data) : DenseElementsAttr();
}

void NodeImport::ignore(std::initializer_list<StringRef> names) {
  for (StringRef name : names)
    read.insert(name);
}

SmallVector<StringRef> NodeImport::unread() const {
  SmallVector<StringRef> names;
  for (const AttributeProto &attribute : node.attribute())
    if (!read.contains(attribute.name()))
      names.push_back(attribute.name());
  return names;
}

Value NodeImport::fail(const Twine &message) {
  error() << message;
  return {};
}

FailureOr<int64_t> NodeImport::axis(int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank)
    return axis < 0 ? axis + rank : axis;
  return error() << "expected an axis from " << -rank << " to " << rank - 1 << ", found " << axis;
}

FailureOr<SmallVector<int64_t>> NodeImport::axes(ArrayRef<int64_t> list, int64_t rank) {
  SmallVector<int64_t> result;
  for (int64_t each : list) {
    FailureOr<int64_t> one = axis(each, rank);
    if (failed(one))
      return failure();
    if (llvm::is_contained(result, *one))
      return error() << "expected different axes, found " << *one << " twice";
    result.push_back(*one);
  }
  return result;
}

Value NodeImport::constantNumbers(ArrayRef<double> values, ArrayRef<int64_t> shape, FloatType element) {
  auto type = RankedTensorType::get(shape, element);
  SmallVector<APFloat> rounded;
  for (double value : values) {
    bool lost;
    rounded.emplace_back(value);
    rounded.back().convert(element.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
  }
  return tiny::ConstOp::create(b, DenseElementsAttr::get(type, rounded));
}

Value NodeImport::constantIntegers(ArrayRef<int64_t> values, ArrayRef<int64_t> shape) {
  return tiny::ConstOp::create(b, DenseElementsAttr::get(RankedTensorType::get(shape, b.getI64Type()), values));
}

SmallVector<const Operator *> onnx::operators() {
  SmallVector<const Operator *> rows;
  for (ArrayRef<Operator> part : {attentionOperators(),
                                  controlOperators(),
                                  indexOperators(),
                                  logicOperators(),
                                  lossOperators(),
                                  mathOperators(),
                                  matrixOperators(),
                                  microsoftOperators(),
                                  microsoftAttentionOperators(),
                                  microsoftQuantizedOperators(),
                                  movementOperators(),
                                  orderOperators(),
                                  overlapOperators(),
                                  quantizedOperators(),
                                  recurrentOperators(),
                                  reductionOperators(),
                                  resizeOperators(),
                                  samplingOperators(),
                                  selectionOperators(),
                                  shapeOperators(),
                                  signalOperators(),
                                  windowOperators()})
    for (const Operator &row : part)
      rows.push_back(&row);
  return rows;
}

// Several rows of a name, e.g. one for each version that changed it.
static llvm::StringMap<SmallVector<const Operator *>> &operatorRows() {
  static auto rows = [] {
    llvm::StringMap<SmallVector<const Operator *>> map;
    for (const Operator *row : operators())
      map[row->name].push_back(row);
    return map;
  }();
  return rows;
}

const Operator *onnx::findOperator(StringRef domain, StringRef name, int64_t version) {
  auto found = operatorRows().find(name);
  // The one that was introduced last before or at `version`.
  const Operator *best = nullptr;
  if (found != operatorRows().end())
    for (const Operator *row : found->second)
      if (row->domain == domain && row->since <= version && (!best || best->since < row->since))
        best = row;
  return best;
}

bool onnx::registerOperator(const Operator &row) {
  SmallVector<const Operator *> &rows = operatorRows()[row.name];
  for (const Operator *other : rows)
    if (other->domain == row.domain && other->since == row.since)
      return false;
  static std::deque<Operator> added;
  rows.push_back(&added.emplace_back(row));
  return true;
}
