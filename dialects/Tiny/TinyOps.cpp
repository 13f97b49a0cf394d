// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builders and verifiers of the thirty ops. Each verifier says what it expected and what it found.

#include "dialects/Tiny/TinyOps.h"

#include "dialects/Index/Bounds.h"
#include "dialects/Tiny/MapVerifiers.h"

#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace tinyc::tiny;

#define GET_OP_CLASSES
#include "dialects/Tiny/TinyOps.cpp.inc"

Type tinyc::tiny::withElementType(Type type, Type element) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(element);
  return element;
}

Type tinyc::tiny::elementType(Type type) { return getElementTypeOrSelf(type); }

TypedAttr tinyc::tiny::reductionIdentity(ReduceKind kind, Type element) {
  Builder b(element.getContext());
  auto integer = dyn_cast<IntegerType>(element);
  switch (kind) {
  case ReduceKind::None:
    return {};
  case ReduceKind::Sum:
    return b.getZeroAttr(element);
  case ReduceKind::Prod:
    return integer ? TypedAttr(b.getIntegerAttr(element, 1)) : TypedAttr(b.getFloatAttr(element, 1.0));
  case ReduceKind::Max:
    break;
  }
  if (integer) {
    bool isSigned = !integer.isUnsigned() && integer.getWidth() > 1;
    return IntegerAttr::get(element, isSigned ? APInt::getSignedMinValue(integer.getWidth())
                                              : APInt::getZero(integer.getWidth()));
  }
  const llvm::fltSemantics &semantics = cast<FloatType>(element).getFloatSemantics();
  return FloatAttr::get(element, APFloat::semanticsHasInf(semantics) ? APFloat::getInf(semantics, /*Negative=*/true)
                                                                     : APFloat::getLargest(semantics, true));
}

LogicalResult ConstOp::verify() {
  Type type = getValue().getType();
  if (isa<ShapedType>(type) && !isa<ElementsAttr>(getValueAttr()))
    return emitOpError("expected the elements of a ") << type << ", found " << getValueAttr();
  return success();
}

LogicalResult IotaOp::verify() {
  AffineMap map = getMap();
  if (failed(verifyDivisors(*this, map)))
    return failure();
  if (map.getNumResults() != 1 || map.getNumSymbols() != 0)
    return emitOpError("expected a map with one result and no symbols, found ") << getMapAttr();
  if (auto shaped = dyn_cast<ShapedType>(getType())) {
    if (map.getNumDims() != shaped.getRank())
      return emitOpError("expected a map of ")
             << shaped.getRank() << " dimensions (the result's), found " << map.getNumDims();
    if (!getOffsets().empty() && static_cast<int64_t>(getOffsets().size()) != shaped.getRank())
      return emitOpError("expected no offsets or ") << shaped.getRank() << ", found " << getOffsets().size();
    return success();
  }
  auto stage = (*this)->getParentOfType<StageOp>();
  if (!stage)
    return emitOpError("a scalar iota stands in the body of a tiny.stage, whose domain its map takes");
  if (map.getNumDims() != stage.getDomain().size())
    return emitOpError("expected a map of ")
           << stage.getDomain().size() << " dimensions (the stage's domain), found " << map.getNumDims();
  return success();
}

LogicalResult ParamOp::verify() {
  if (getHash().size() != 64 || !llvm::all_of(getHash(), llvm::isHexDigit))
    return emitOpError("expected a hash of 64 hexadecimal digits, found \"") << getHash() << "\"";
  return success();
}

void CastOp::build(OpBuilder &, OperationState &state, Value input, Type elementType) {
  state.addOperands(input);
  state.addTypes(withElementType(input.getType(), elementType));
}

// SameOperandsAndResultShape accepts a tensor beside a vector of the same shape, or a scalar beside rank 0.
static LogicalResult verifySameLevel(Operation *op) {
  Type input = op->getOperand(0).getType(), result = op->getResult(0).getType();
  if (withElementType(input, elementType(result)) != result)
    return op->emitOpError("expected the result ")
           << withElementType(input, elementType(result)) << ", found " << result;
  return success();
}

LogicalResult CastOp::verify() { return verifySameLevel(*this); }

void BitcastOp::build(OpBuilder &, OperationState &state, Value input, Type elementType) {
  state.addOperands(input);
  state.addTypes(withElementType(input.getType(), elementType));
}

LogicalResult BitcastOp::verify() {
  if (failed(verifySameLevel(*this)))
    return failure();
  unsigned from = elementType(getInput().getType()).getIntOrFloatBitWidth();
  unsigned to = elementType(getType()).getIntOrFloatBitWidth();
  if (from != to)
    return emitOpError("expected element types of one width, found ") << from << " and " << to << " bits";
  return success();
}

static SmallVector<int64_t> shapeWithout(ArrayRef<int64_t> shape, ArrayRef<int64_t> dims) {
  SmallVector<int64_t> rest;
  for (auto [i, size] : llvm::enumerate(shape))
    if (!llvm::is_contained(dims, static_cast<int64_t>(i)))
      rest.push_back(size);
  return rest;
}

// A vector type is built anew: its clone keeps which dimensions are scalable, one flag for each old dimension.
static Type reducedType(ShapedType type, ArrayRef<int64_t> dims) {
  SmallVector<int64_t> shape = shapeWithout(type.getShape(), dims);
  return isa<VectorType>(type) ? Type(VectorType::get(shape, type.getElementType())) : Type(type.clone(shape));
}

void ReduceOp::build(OpBuilder &b, OperationState &state, ReduceKind kind, Value input, ArrayRef<int64_t> dims) {
  build(b, state, reducedType(cast<ShapedType>(input.getType()), dims), kind, input, dims);
}

LogicalResult ReduceOp::verify() {
  auto input = cast<ShapedType>(getInput().getType());
  if (getKind() == ReduceKind::None)
    return emitOpError("expected sum, prod or max, found none");
  if (isa<IntegerType>(input.getElementType()) && input.getElementTypeBitWidth() == 1)
    return emitOpError("i1 is not reduced: cast it to an integer first");
  int64_t last = -1;
  for (int64_t dim : getDims()) {
    if (dim <= last || dim >= input.getRank())
      return emitOpError("expected increasing dimensions below ") << input.getRank() << ", found " << getDims();
    last = dim;
  }
  Type expected = reducedType(input, getDims());
  if (getType() != expected)
    return emitOpError("expected the result ") << expected << ", found " << getType();
  return success();
}

LogicalResult ViewOp::verify() {
  auto input = cast<ShapedType>(getInput().getType()), result = cast<ShapedType>(getType());
  AffineMap map = getMap();
  if (input.getElementType() != result.getElementType() || isa<VectorType>(input) != isa<VectorType>(result))
    return emitOpError("expected a ") << (isa<VectorType>(input) ? "vector" : "tensor") << " of "
                                      << input.getElementType() << ", found " << result;
  if (map.getNumDims() != result.getRank() || map.getNumResults() != input.getRank() || map.getNumSymbols() != 0)
    return emitOpError("expected a map from ") << result.getRank() << " dimensions (the result's) to "
                                               << input.getRank() << " (the input's), found " << getMapAttr();
  if (std::optional<IntegerSet> mask = getMask();
      mask && (mask->getNumDims() != result.getRank() || mask->getNumSymbols() != 0))
    return emitOpError("expected a mask over ")
           << result.getRank() << " dimensions (the result's), found " << getMaskAttr();
  if (getMask().has_value() != getFill().has_value())
    return emitOpError(getMask() ? "has a mask and no fill" : "has a fill and no mask");
  if (getFill() && getFill()->getType() != result.getElementType())
    return emitOpError("expected a fill of type ") << result.getElementType() << ", found " << getFill()->getType();
  if (failed(verifyDivisors(*this, map, getMask().value_or(IntegerSet()))))
    return failure();
  tinyc::BoundsProver prover;
  if (std::optional<std::string> why =
          prover.refute(map, getMask().value_or(IntegerSet()), tinyc::domainOf(result.getShape()), input.getShape()))
    return emitOpError("reads outside of its input ") << input << ": " << *why;
  return success();
}

void ConcatOp::build(OpBuilder &b, OperationState &state, ValueRange inputs, int64_t dim) {
  auto first = cast<RankedTensorType>(inputs.front().getType());
  SmallVector<int64_t> shape(first.getShape());
  for (Value input : inputs.drop_front())
    shape[dim] += cast<RankedTensorType>(input.getType()).getDimSize(dim);
  build(b, state, first.clone(shape), inputs, dim);
}

LogicalResult ConcatOp::verify() {
  if (getInputs().empty())
    return emitOpError("expected at least one input");
  auto first = cast<RankedTensorType>(getInputs().front().getType());
  int64_t dim = getDim();
  if (dim < 0 || dim >= first.getRank())
    return emitOpError("expected a dimension below ") << first.getRank() << ", found " << dim;
  SmallVector<int64_t> shape(first.getShape());
  shape[dim] = 0;
  for (auto [i, input] : llvm::enumerate(getInputs())) {
    auto type = cast<RankedTensorType>(input.getType());
    bool fits = type.getElementType() == first.getElementType() && type.getRank() == first.getRank();
    for (int64_t d = 0; fits && d < first.getRank(); ++d)
      fits = d == dim || type.getDimSize(d) == first.getDimSize(d);
    if (!fits)
      return emitOpError("expected input ")
             << i << " to differ from " << first << " in dimension " << dim << " only, found " << type;
    shape[dim] += type.getDimSize(dim);
  }
  if (getType() != first.clone(shape))
    return emitOpError("expected the result ") << first.clone(shape) << ", found " << getType();
  return success();
}

// The shape of what is addressed by `indices` along `dim` of a tensor with `shape`.
static FailureOr<SmallVector<int64_t>> addressedShape(Operation *op, RankedTensorType input, RankedTensorType indices,
                                                      int64_t dim) {
  if (!indices.getElementType().isIntOrIndex() || indices.getElementTypeBitWidth() == 1)
    return op->emitOpError("expected integer indices, found ") << indices;
  if (dim < 0 || dim >= input.getRank())
    return op->emitOpError("expected a dimension below ") << input.getRank() << ", found " << dim;
  SmallVector<int64_t> shape(input.getShape().take_front(dim));
  llvm::append_range(shape, indices.getShape());
  llvm::append_range(shape, input.getShape().drop_front(dim + 1));
  return shape;
}

LogicalResult GatherOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType());
  auto shape = addressedShape(*this, input, cast<RankedTensorType>(getIndices().getType()), getDim());
  if (failed(shape))
    return failure();
  if (getType() != input.clone(*shape))
    return emitOpError("expected the result ") << input.clone(*shape) << ", found " << getType();
  if (getOtherwise().getType() != input.getElementType())
    return emitOpError("expected 'otherwise' of type ")
           << input.getElementType() << ", found " << getOtherwise().getType();
  return success();
}

LogicalResult ScatterOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType());
  auto shape = addressedShape(*this, input, cast<RankedTensorType>(getIndices().getType()), getDim());
  if (failed(shape))
    return failure();
  if (getUpdates().getType() != input.clone(*shape))
    return emitOpError("expected updates ") << input.clone(*shape) << ", found " << getUpdates().getType();
  if (getKind() == ScatterKind::Sum && input.getElementType().isInteger(1))
    return emitOpError("i1 is not summed: cast it to an integer first, or take the maximum");
  return success();
}

ParseResult LoopOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::UnresolvedOperand> carried, invariant;
  IntegerAttr trips;
  FunctionType type;
  SMLoc loc;
  Builder &b = parser.getBuilder();
  if (parser.parseAttribute(trips, b.getI64Type(), "trips", state.attributes) || parser.parseKeyword("carry") ||
      parser.parseOperandList(carried, OpAsmParser::Delimiter::Paren))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("use")) &&
      parser.parseOperandList(invariant, OpAsmParser::Delimiter::Paren))
    return failure();
  if (parser.parseOptionalAttrDictWithKeyword(state.attributes) || parser.getCurrentLocation(&loc) ||
      parser.parseColonType(type))
    return failure();
  state.getOrAddProperties<Properties>().operandSegmentSizes = {static_cast<int32_t>(carried.size()),
                                                                static_cast<int32_t>(invariant.size())};
  carried.append(invariant);
  state.addTypes(type.getResults());
  return failure(parser.resolveOperands(carried, type.getInputs(), loc, state.operands) ||
                 parser.parseRegion(*state.addRegion()));
}

void LoopOp::print(OpAsmPrinter &printer) {
  printer << " " << getTrips() << " carry(" << getCarried() << ")";
  if (!getInvariant().empty())
    printer << " use(" << getInvariant() << ")";
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"trips", "operandSegmentSizes"});
  printer << " : ";
  printer.printFunctionalType(getOperandTypes(), getResultTypes());
  printer << " ";
  printer.printRegion(getBody());
}

LogicalResult LoopOp::verify() {
  if (static_cast<int64_t>(getTrips()) < 0)
    return emitOpError("expected at least 0 trips, found ") << static_cast<int64_t>(getTrips());
  if (getCarried().getTypes() != getResultTypes())
    return emitOpError("expected results of the carried values' types ")
           << getCarried().getTypes() << ", found " << getResultTypes();
  return success();
}

// The types of `found`, one by one, against `expected`.
static LogicalResult verifyTypes(Operation *op, StringRef what, TypeRange expected, TypeRange found, Location note) {
  if (expected == found)
    return success();
  InFlightDiagnostic error = op->emitOpError("expected ") << what << " (" << expected << "), found (" << found << ")";
  error.attachNote(note) << "here";
  return error;
}

LogicalResult LoopOp::verifyRegions() {
  auto scalar = [&](Type t) { return RankedTensorType::get({}, t); };
  SmallVector<Type> arguments{scalar(IntegerType::get(getContext(), 64))};
  llvm::append_range(arguments, getOperandTypes());
  Block &block = getBody().front();
  if (failed(verifyTypes(*this, "body arguments", arguments, block.getArgumentTypes(), block.front().getLoc())))
    return failure();
  SmallVector<Type> yielded{scalar(IntegerType::get(getContext(), 1))};
  llvm::append_range(yielded, getResultTypes());
  Operation *end = block.getTerminator();
  return verifyTypes(*this, "the body to yield", yielded, end->getOperandTypes(), end->getLoc());
}

LogicalResult CondOp::verifyRegions() {
  for (Region *region : {&getOnTrue(), &getOnFalse()}) {
    Block &block = region->front();
    Operation *end = block.getTerminator();
    if (failed(
            verifyTypes(*this, "region arguments", getInputs().getTypes(), block.getArgumentTypes(), end->getLoc())) ||
        failed(verifyTypes(*this, "both regions to yield", getResultTypes(), end->getOperandTypes(), end->getLoc())))
      return failure();
  }
  return success();
}
