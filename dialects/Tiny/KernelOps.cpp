// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel level's text, accessors and verifiers: kernel, stage, launch; and the tile level's load and store.

#include "dialects/Tiny/TinyOps.h"

#include "dialects/Index/AffineRanges.h"
#include "dialects/Tiny/MapVerifiers.h"

using namespace mlir;
using namespace tinyc::tiny;

//===- tiny.kernel -----------------------------------------------------------------------------------------------===//

YieldOp KernelOp::getYield() { return cast<YieldOp>(getBody().front().getTerminator()); }

ScatterOp KernelOp::getScatter() { return dyn_cast<ScatterOp>(getBody().front().front()); }

AffineMap KernelOp::getWrite(unsigned result) {
  if (std::optional<ArrayAttr> writes = getWrites())
    return cast<AffineMapAttr>((*writes)[result]).getValue();
  return AffineMap::getMultiDimIdentityMap(cast<RankedTensorType>(getResult(result).getType()).getRank(), getContext());
}

// The entry of `in_place` for a result, where there is one.
static std::optional<unsigned> inPlaceInput(std::optional<ArrayRef<int64_t>> inPlace, unsigned result) {
  if (!inPlace || (*inPlace)[result] < 0)
    return std::nullopt;
  return (*inPlace)[result];
}

std::optional<unsigned> KernelOp::getInPlaceInput(unsigned result) { return inPlaceInput(getInPlace(), result); }

bool KernelOp::canComputeInPlace(unsigned result, unsigned input) {
  Value value = getYield().getValues()[result];
  auto stage = value.getDefiningOp<StageOp>();
  // A stage that reads another result of this one may compute it again, from what was overwritten by then.
  if (!stage || !value.hasOneUse() || !stage.getReduce().empty() ||
      llvm::any_of(stage->getUsers(), llvm::IsaPred<StageOp>))
    return false;
  return llvm::all_of(getBody().getArgument(input).getUses(), [&](OpOperand &use) {
    return use.getOwner() == stage && stage.getMap(use.getOperandNumber()) == getWrite(result);
  });
}

// One number a result: of an input of its type that no other result takes, or -1.
static LogicalResult verifyInPlace(Operation *op, std::optional<ArrayRef<int64_t>> inPlace) {
  if (!inPlace)
    return success();
  if (inPlace->size() != op->getNumResults())
    return op->emitOpError("in_place: expected a number for each of ")
           << op->getNumResults() << " results, found " << inPlace->size();
  llvm::SmallDenseSet<int64_t> taken;
  for (auto [result, input] : llvm::enumerate(*inPlace)) {
    if (input == -1)
      continue;
    if (input < 0 || input >= op->getNumOperands())
      return op->emitOpError("in_place: expected -1 or the number of an input below ")
             << op->getNumOperands() << ", found " << input;
    if (op->getOperand(input).getType() != op->getResult(result).getType())
      return op->emitOpError("in_place: expected input ")
             << input << " of the type of result " << result << ", " << op->getResult(result).getType() << ", found "
             << op->getOperand(input).getType();
    if (!taken.insert(input).second || llvm::count(op->getOperands(), op->getOperand(input)) != 1)
      return op->emitOpError("in_place: input ") << input << " is needed more than once";
  }
  return success();
}

LogicalResult KernelOp::verify() {
  if (static_cast<int64_t>(getShared()) < 0)
    return emitOpError("expected at least 0 shared dimensions, found ") << static_cast<int64_t>(getShared());
  return verifyInPlace(*this, getInPlace());
}

// Whether a read of an earlier stage's result stays at the unit's own position: its map begins with d0, d1, ...
static bool staysInUnit(AffineMap map, int64_t shared) {
  for (int64_t i = 0; i < shared; ++i)
    if (i >= map.getNumResults() || map.getResult(i) != getAffineDimExpr(i, map.getContext()))
      return false;
  return true;
}

// What is yielded becomes the results: as it is, or rearranged one to one.
static LogicalResult verifyWrites(KernelOp op) {
  TypeRange yielded = op.getYield().getOperandTypes();
  if (!op.getWrites()) {
    if (yielded == op.getResultTypes())
      return success();
    return op.emitOpError("expected the body to yield (") << op.getResultTypes() << "), found (" << yielded << ")";
  }
  if (op.getWrites()->size() != op.getNumResults() || yielded.size() != op.getNumResults())
    return op.emitOpError("expected ") << op.getNumResults() << " values and writes (one a result), found "
                                       << yielded.size() << " and " << op.getWrites()->size();
  for (auto [i, from, to] : llvm::enumerate(yielded, op.getResultTypes())) {
    AffineMap map = op.getWrite(i);
    if (failed(verifyDivisors(op, map)))
      return failure();
    auto source = cast<RankedTensorType>(from), result = cast<RankedTensorType>(to);
    if (source.getElementType() != result.getElementType() || map.getNumSymbols() != 0 ||
        map.getNumDims() != source.getRank() || map.getNumResults() != result.getRank() ||
        !tinyc::isBijection(map, source.getShape(), result.getShape()))
      return op.emitOpError("write ") << i << ": expected a map that takes " << source << " one to one to " << result
                                      << ", found " << AffineMapAttr::get(map);
  }
  return success();
}

LogicalResult KernelOp::verifyRegions() {
  Block &block = getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("expected body arguments (")
           << getInputs().getTypes() << "), found (" << block.getArgumentTypes() << ")";
  if (failed(verifyWrites(*this)))
    return failure();
  for (Value value : getYield().getValues())
    if (!value.getDefiningOp() || !isa<StageOp, ScatterOp>(value.getDefiningOp()))
      return emitOpError("yields a value that no stage computes: ") << value;
  for (unsigned result = 0; result < getNumResults(); ++result)
    if (std::optional<unsigned> input = getInPlaceInput(result); input && !canComputeInPlace(result, *input))
      return emitOpError("in_place: expected input ")
             << *input << " to be read only by the stage that computes result " << result
             << ", at the point it writes, and no other stage to read that one";
  int64_t shared = getShared();
  StageOp first;
  if (ScatterOp scatter = getScatter()) {
    int64_t own = cast<RankedTensorType>(scatter.getType()).getRank() - 1;
    if (llvm::any_of(scatter->getOperands(), [](Value value) { return !isa<BlockArgument>(value); }) ||
        !llvm::hasSingleElement(block.without_terminator()))
      return emitOpError("expected a scatter of the kernel's arguments and nothing beside it");
    if (shared != own)
      return emitOpError("expected ") << own << " shared dimensions, all but the one that the indices stand for, found "
                                      << shared;
    return success();
  }
  for (Operation &op : block.without_terminator()) {
    auto stage = dyn_cast<StageOp>(op);
    if (!stage)
      return emitOpError("expected stages only in the body, found ") << op.getName();
    ArrayRef<int64_t> parallel = stage.getParallel();
    first = first ? first : stage;
    if (static_cast<int64_t>(parallel.size()) < shared ||
        parallel.take_front(shared) != first.getParallel().take_front(shared)) {
      InFlightDiagnostic error = emitOpError("expected every stage to begin with the same ")
                                 << shared << " parallel dimensions, found [" << parallel << "]";
      error.attachNote(stage.getLoc()) << "stage here";
      return error;
    }
    for (auto [i, operand] : llvm::enumerate(stage.getOperands()))
      if (operand.getDefiningOp<StageOp>() && !staysInUnit(stage.getMap(i), shared))
        return stage.emitOpError("read ")
               << i << " of an earlier stage leaves the work unit: expected a map that "
               << "begins with the " << shared << " shared dimensions, found " << stage.getMaps()[i];
  }
  return success();
}

//===- tiny.stage ------------------------------------------------------------------------------------------------===//

SmallVector<int64_t> StageOp::getDomain() {
  SmallVector<int64_t> domain(getParallel());
  llvm::append_range(domain, getReduce());
  return domain;
}

IntegerSet StageOp::getMask(unsigned read) {
  auto mask = dyn_cast<IntegerSetAttr>(getMasks()[read]);
  return mask ? mask.getValue() : IntegerSet();
}

TypedAttr StageOp::getFill(unsigned read) {
  return isa<UnitAttr>(getFills()[read]) ? TypedAttr() : cast<TypedAttr>(getFills()[read]);
}

ReduceKind StageOp::getKind(unsigned result) { return cast<ReduceKindAttr>(getKinds()[result]).getValue(); }

YieldOp StageOp::getYield() { return cast<YieldOp>(getBody().front().getTerminator()); }

void StageOp::build(OpBuilder &b, OperationState &state, ArrayRef<int64_t> parallel, ArrayRef<int64_t> reduce,
                    ValueRange operands, ArrayRef<AffineMap> maps, ArrayRef<IntegerSet> masks,
                    ArrayRef<TypedAttr> fills, ArrayRef<ReduceKind> kinds, ArrayRef<Type> elementTypes) {
  SmallVector<Attribute> maskAttrs, fillAttrs, kindAttrs;
  for (IntegerSet mask : masks)
    maskAttrs.push_back(mask ? Attribute(IntegerSetAttr::get(mask)) : b.getUnitAttr());
  for (TypedAttr fill : fills)
    fillAttrs.push_back(fill ? Attribute(fill) : b.getUnitAttr());
  SmallVector<int64_t> all(parallel);
  llvm::append_range(all, reduce);
  SmallVector<Type> types;
  for (auto [kind, element] : llvm::zip_equal(kinds, elementTypes)) {
    kindAttrs.push_back(ReduceKindAttr::get(b.getContext(), kind));
    types.push_back(RankedTensorType::get(kind == ReduceKind::None ? ArrayRef<int64_t>(all) : parallel, element));
  }
  build(b, state, types, b.getDenseI64ArrayAttr(parallel), b.getDenseI64ArrayAttr(reduce), operands,
        b.getAffineMapArrayAttr(maps), b.getArrayAttr(maskAttrs), b.getArrayAttr(fillAttrs), b.getArrayAttr(kindAttrs));
}

ParseResult StageOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &b = parser.getBuilder();
  auto sizes = [&](StringRef name) -> ParseResult {
    auto value = dyn_cast_or_null<DenseI64ArrayAttr>(DenseI64ArrayAttr::parse(parser, Type()));
    if (!value)
      return failure();
    state.addAttribute(name, value);
    return success();
  };
  state.addAttribute("reduce", b.getDenseI64ArrayAttr({}));
  if (parser.parseKeyword("parallel") || sizes("parallel"))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("reduce"))) {
    auto value = dyn_cast_or_null<DenseI64ArrayAttr>(DenseI64ArrayAttr::parse(parser, Type()));
    if (!value)
      return failure();
    state.attributes.set("reduce", value);
  }
  SmallVector<Attribute> maps, masks, fills, kinds;
  auto read = [&]() -> ParseResult {
    OpAsmParser::UnresolvedOperand operand;
    AffineMapAttr map;
    IntegerSetAttr mask;
    TypedAttr fill;
    Type type;
    if (parser.parseOperand(operand) || parser.parseKeyword("by") || parser.parseAttribute(map))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("mask")) && parser.parseAttribute(mask))
      return failure();
    if (succeeded(parser.parseOptionalKeyword("fill")) && parser.parseAttribute(fill))
      return failure();
    maps.push_back(map);
    masks.push_back(mask ? Attribute(mask) : b.getUnitAttr());
    fills.push_back(fill ? Attribute(fill) : b.getUnitAttr());
    return failure(parser.parseColonType(type) || parser.resolveOperand(operand, type, state.operands));
  };
  auto result = [&]() -> ParseResult {
    StringRef keyword;
    Type type;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return failure();
    std::optional<ReduceKind> kind = symbolizeReduceKind(keyword);
    if (!kind)
      return parser.emitError(loc, "expected none, sum, prod or max before a result's type, found '") << keyword << "'";
    kinds.push_back(ReduceKindAttr::get(parser.getContext(), *kind));
    if (parser.parseType(type))
      return failure();
    state.addTypes(type);
    return success();
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, read) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes) || parser.parseArrow() ||
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, result))
    return failure();
  state.addAttribute("maps", b.getArrayAttr(maps));
  state.addAttribute("masks", b.getArrayAttr(masks));
  state.addAttribute("fills", b.getArrayAttr(fills));
  state.addAttribute("kinds", b.getArrayAttr(kinds));
  return parser.parseRegion(*state.addRegion());
}

void StageOp::print(OpAsmPrinter &printer) {
  auto sizes = [&](StringRef name, ArrayRef<int64_t> values) {
    printer << " " << name << " [";
    llvm::interleaveComma(values, printer);
    printer << "]";
  };
  sizes("parallel", getParallel());
  if (!getReduce().empty())
    sizes("reduce", getReduce());
  printer << " (";
  llvm::interleaveComma(llvm::seq<unsigned>(0, getOperands().size()), printer, [&](unsigned i) {
    printer << getOperands()[i] << " by " << getMaps()[i];
    if (getMask(i))
      printer << " mask " << getMasks()[i];
    if (getFill(i))
      printer << " fill " << getFills()[i];
    printer << " : " << getOperands()[i].getType();
  });
  printer << ")";
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"parallel", "reduce", "maps", "masks", "fills", "kinds"});
  printer << " -> (";
  llvm::interleaveComma(llvm::seq<unsigned>(0, getNumResults()), printer, [&](unsigned i) {
    printer << stringifyReduceKind(getKind(i)) << " " << getResult(i).getType();
  });
  printer << ") ";
  printer.printRegion(getBody());
}

LogicalResult StageOp::verify() {
  size_t reads = getOperands().size(), rank = getDomain().size();
  if (getMaps().size() != reads || getMasks().size() != reads || getFills().size() != reads)
    return emitOpError("expected ") << reads << " maps, masks and fills (one a read), found " << getMaps().size()
                                    << ", " << getMasks().size() << " and " << getFills().size();
  if (getKinds().size() != getNumResults())
    return emitOpError("expected ") << getNumResults() << " kinds (one a result), found " << getKinds().size();
  for (Attribute mask : getMasks())
    if (!isa<IntegerSetAttr, UnitAttr>(mask))
      return emitOpError("expected integer sets as masks, or unit, found ") << mask;
  for (Attribute fill : getFills())
    if (!isa<TypedAttr, UnitAttr>(fill))
      return emitOpError("expected numbers as fills, or unit, found ") << fill;
  for (Attribute kind : getKinds())
    if (!isa<ReduceKindAttr>(kind))
      return emitOpError("expected kinds of reduction, found ") << kind;
  for (unsigned i = 0; i < reads; ++i) {
    auto type = cast<RankedTensorType>(getOperands()[i].getType());
    AffineMap map = getMap(i);
    if (map.getNumDims() != rank || map.getNumSymbols() != 0 || map.getNumResults() != type.getRank())
      return emitOpError("read ") << i << ": expected a map from " << rank << " dimensions (the domain's) to "
                                  << type.getRank() << " (the operand's), found " << getMaps()[i];
    IntegerSet mask = getMask(i);
    if (mask && (mask.getNumDims() != rank || mask.getNumSymbols() != 0))
      return emitOpError("read ") << i << ": expected a mask over " << rank << " dimensions, found " << getMasks()[i];
    if (failed(verifyDivisors(*this, map, mask)))
      return failure();
    if (static_cast<bool>(mask) != static_cast<bool>(getFill(i)))
      return emitOpError("read ") << i << (mask ? " has a mask and no fill" : " has a fill and no mask");
    if (mask && getFill(i).getType() != type.getElementType())
      return emitOpError("read ") << i << ": expected a fill of type " << type.getElementType() << ", found "
                                  << getFill(i).getType();
  }
  SmallVector<int64_t> domain = getDomain();
  for (unsigned i = 0; i < getNumResults(); ++i) {
    auto type = cast<RankedTensorType>(getResult(i).getType());
    ArrayRef<int64_t> shape = getKind(i) == ReduceKind::None ? ArrayRef<int64_t>(domain) : getParallel();
    if (type.getShape() != shape)
      return emitOpError("result ") << i << ": expected " << type.clone(shape) << ", found " << type;
    if (getKind(i) != ReduceKind::None && type.getElementType().isInteger(1))
      return emitOpError("result ") << i << ": i1 is not reduced: cast it to an integer first";
  }
  return success();
}

LogicalResult StageOp::verifyRegions() {
  Block &block = getBody().front();
  auto elements = [](TypeRange types) { return llvm::map_to_vector(types, [](Type t) { return elementType(t); }); };
  if (elements(getOperands().getTypes()) != SmallVector<Type>(block.getArgumentTypes()))
    return emitOpError("expected scalar body arguments (")
           << elements(getOperands().getTypes()) << "), found (" << block.getArgumentTypes() << ")";
  if (elements(getResultTypes()) != SmallVector<Type>(getYield().getOperandTypes()))
    return emitOpError("expected the body to yield (")
           << elements(getResultTypes()) << "), found (" << getYield().getOperandTypes() << ")";
  for (Operation &op : block.without_terminator())
    for (Type type : op.getResultTypes())
      if (isa<ShapedType>(type))
        return op.emitOpError("expected scalars only in the body of a stage, found ") << type;
  return success();
}

//===- tiny.lookup -----------------------------------------------------------------------------------------------===//

// What lookups and loads have in common: a symbol and a limit for each index.
static LogicalResult verifyIndices(Operation *op, size_t indices, ArrayRef<int64_t> below, AffineMap map) {
  if (map.getNumSymbols() != indices || below.size() != indices)
    return op->emitOpError("expected a symbol of the map and a limit for each of the ")
           << indices << " indices, found " << map.getNumSymbols() << " and " << below.size();
  for (int64_t limit : below)
    if (limit < 0)
      return op->emitOpError("expected limits of at least 0, found ") << limit;
  return success();
}

LogicalResult LookupOp::verify() {
  auto table = cast<RankedTensorType>(getTable().getType());
  auto stage = cast<StageOp>((*this)->getParentOp());
  size_t rank = stage.getDomain().size();
  auto argument = dyn_cast<BlockArgument>(getTable());
  if (!argument || !isa<KernelOp>(argument.getOwner()->getParentOp()))
    return emitOpError("expected a table that is an argument of the kernel, found ") << getTable();
  if (getMap().getNumDims() != rank || getMap().getNumResults() != table.getRank())
    return emitOpError("expected a map from ")
           << rank << " dimensions (the domain's) to " << table.getRank() << " (the table's), found " << getMapAttr();
  if (getMask() && (getMask()->getNumDims() != rank || getMask()->getNumSymbols() != 0))
    return emitOpError("expected a mask over ") << rank << " dimensions, found " << getMaskAttr();
  if (failed(verifyDivisors(*this, getMap(), getMask().value_or(IntegerSet()))))
    return failure();
  if (getType() != table.getElementType() || getFill().getType() != table.getElementType())
    return emitOpError("expected a result and a fill of type ")
           << table.getElementType() << ", found " << getType() << " and " << getFill().getType();
  return verifyIndices(*this, getIndices().size(), getBelow(), getMap());
}

//===- tiny.launch -----------------------------------------------------------------------------------------------===//

// lower-arith makes a kernel's unsigned types signless while the launch keeps the user's.
static Type signless(Type type) {
  auto integer = dyn_cast<IntegerType>(elementType(type));
  return integer ? withElementType(type, IntegerType::get(type.getContext(), integer.getWidth())) : type;
}

LogicalResult LaunchOp::verify() { return verifyInPlace(*this, getInPlace()); }

std::optional<unsigned> LaunchOp::getInPlaceInput(unsigned result) { return inPlaceInput(getInPlace(), result); }

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, getKernelAttr());
  if (!function) {
    // After to-gpu the kernels stand in a nested module of the device.
    Operation *table = SymbolTable::getNearestSymbolTable(*this);
    for (Operation &nested : table->getRegion(0).front())
      if (nested.hasTrait<OpTrait::SymbolTable>() && symbols.lookupSymbolIn(&nested, getKernelAttr()))
        return success();
    return emitOpError("no kernel @") << getKernel() << " in this module";
  }
  if (function.getArgumentTypes().empty() || !isa<IndexType>(function.getArgumentTypes().back()))
    return success(); // already lowered to the ABI of its target
  SmallVector<Type> expected, buffers(getOperandTypes());
  for (auto [i, type] : llvm::enumerate(getResultTypes()))
    if (!getInPlaceInput(i))
      buffers.push_back(type);
  for (Type type : buffers)
    expected.push_back(
        MemRefType::get(cast<RankedTensorType>(type).getShape(), cast<RankedTensorType>(type).getElementType()));
  expected.push_back(IndexType::get(getContext()));
  if (llvm::map_to_vector(function.getArgumentTypes(), signless) == llvm::map_to_vector(expected, signless))
    return success();
  InFlightDiagnostic error = emitOpError("expected a kernel that takes (") << expected << ")";
  error.attachNote(function.getLoc()) << "found (" << function.getArgumentTypes() << ")";
  return error;
}

//===- tiny.load, tiny.store -------------------------------------------------------------------------------------===//

static LogicalResult verifyIndices(Operation *op, ValueRange indices, VectorType tile, ArrayRef<int64_t> below,
                                   AffineMap map) {
  for (Type type : indices.getTypes())
    if (cast<VectorType>(type).getShape() != tile.getShape())
      return op->emitOpError("expected indices of the shape of the tile ") << tile << ", found " << type;
  return verifyIndices(op, indices.size(), below, map);
}

LogicalResult LoadOp::verify() {
  if (getFill() && getFill()->getType() != elementType(getType()))
    return emitOpError("expected a fill of type ") << elementType(getType()) << ", found " << getFill()->getType();
  auto tile = cast<VectorType>(getType());
  if (failed(verifyIndices(*this, getIndices(), tile, getLimits(), getMap())))
    return failure();
  return verifyAccess(*this, cast<MemRefType>(getBuffer().getType()), tile, getOffsets().size(), getMap(), getMask());
}

void LoadOp::build(OpBuilder &b, OperationState &state, Type type, Value buffer, ValueRange offsets, AffineMapAttr map,
                   IntegerSetAttr mask, TypedAttr fill) {
  build(b, state, type, buffer, offsets, map, ValueRange(), DenseI64ArrayAttr(), mask, fill);
}

void StoreOp::build(OpBuilder &b, OperationState &state, Value value, Value buffer, ValueRange offsets,
                    AffineMapAttr map, IntegerSetAttr mask) {
  build(b, state, value, buffer, offsets, map, ValueRange(), DenseI64ArrayAttr(), mask);
}

AffineMap tinyc::tiny::symbolsAsDims(AffineMap map) {
  SmallVector<AffineExpr> dims;
  for (unsigned i = 0; i < map.getNumSymbols(); ++i)
    dims.push_back(getAffineDimExpr(map.getNumDims() + i, map.getContext()));
  return map.replaceDimsAndSymbols({}, dims, map.getNumDims() + dims.size(), 0);
}

LogicalResult StoreOp::verify() {
  auto tile = cast<VectorType>(getValue().getType());
  if (failed(verifyIndices(*this, getIndices(), tile, getLimits(), getMap())))
    return failure();
  return verifyAccess(*this, cast<MemRefType>(getBuffer().getType()), tile, getOffsets().size(), getMap(), getMask());
}
