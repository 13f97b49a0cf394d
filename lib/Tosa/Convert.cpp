// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The conversion of a module: what cannot be converted is listed first; then the entry function, op by op.

#include "lib/Tosa/Convert.h"

#include "lib/Tosa/OpConversion.h"
#include "lib/Weights/WeightStore.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tosatotiny;

/// Constants of up to so many elements stay in the IR; larger ones are weights.
constexpr int64_t kMaxConstElements = 256;

bool tinyc::usesTosa(ModuleOp module) {
  return module
      .walk([](Operation *op) {
        return isa_and_present<mlir::tosa::TosaDialect>(op->getDialect()) ? WalkResult::interrupt()
                                                                          : WalkResult::advance();
      })
      .wasInterrupted();
}

static bool isShapeOp(Operation *op) {
  return op->getNumResults() == 1 && isa<mlir::tosa::shapeType>(op->getResult(0).getType());
}

static bool hasConversion(Operation *op) {
  return isa<func::FuncOp, func::ReturnOp, ModuleOp, mlir::tosa::ConstOp, mlir::tosa::YieldOp, mlir::tosa::IfOp,
             mlir::tosa::WhileOp>(op) ||
         isShapeOp(op) ||
         (op->getNumResults() == 1 && op->getName().getDialectNamespace() == "tosa" &&
          findRow(op->getName().stripDialect()));
}

// One error for all kinds of ops that have no conversion, with the place of the first of each.
static LogicalResult listUnsupported(func::FuncOp function) {
  llvm::MapVector<StringRef, SmallVector<Operation *>> kinds;
  function.walk([&](Operation *op) {
    if (!hasConversion(op))
      kinds[op->getName().getStringRef()].push_back(op);
  });
  if (kinds.empty())
    return success();
  InFlightDiagnostic diagnostic = function.emitError("there is no conversion for");
  for (auto [i, kind] : llvm::enumerate(kinds))
    diagnostic << (i ? ", " : " ") << kind.first << " (" << kind.second.size() << ")";
  for (auto &[name, ops] : kinds)
    diagnostic.attachNote(ops.front()->getLoc()) << "first " << name << " here";
  return diagnostic;
}

// The function called "main", or the only one that others may call.
static func::FuncOp findEntry(ModuleOp module) {
  SmallVector<func::FuncOp> candidates;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.getSymName() == "main")
      return function;
    if (!function.isPrivate() && !function.isDeclaration())
      candidates.push_back(function);
  }
  if (candidates.size() == 1)
    return candidates.front();
  InFlightDiagnostic diagnostic = module.emitError("expected a function @main or one public function, found ")
                                  << candidates.size();
  for (func::FuncOp function : candidates)
    diagnostic.attachNote(function.getLoc()) << "@" << function.getSymName();
  return {};
}

// The elements as a tensor's bytes: truth values as bytes, 48-bit integers in 64.
static std::vector<uint8_t> bytesOf(DenseElementsAttr elements) {
  std::vector<uint8_t> bytes;
  auto append = [&](const APInt &value, unsigned width) {
    for (unsigned i = 0; i < width; ++i)
      bytes.push_back(value.extractBitsAsZExtValue(8, 8 * i));
  };
  Type element = elements.getElementType();
  if (isa<FloatType>(element)) {
    for (const APFloat &value : elements.getValues<APFloat>())
      append(value.bitcastToAPInt(), element.getIntOrFloatBitWidth() / 8);
    return bytes;
  }
  unsigned bits = std::max(8u, tosatotiny::elementType(element).getIntOrFloatBitWidth());
  for (const APInt &value : elements.getValues<APInt>())
    append(element.isInteger(1) ? value.zext(8) : value.sextOrTrunc(bits), bits / 8);
  return bytes;
}

static Value convertConst(compose::Builder &b, mlir::tosa::ConstOp op, WeightStore &weights) {
  RankedTensorType type = tensorType(op.getType());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValues())) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    size_t expected = type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    if (!blob || blob->getData().size() != expected || type.getElementType() != op.getType().getElementType()) {
      op.emitError("the resource of this constant: expected ")
          << expected << " bytes for " << op.getType() << ", found " << (blob ? blob->getData().size() : 0);
      return {};
    }
    auto *data = reinterpret_cast<const uint8_t *>(blob->getData().data());
    std::vector<uint8_t> bytes(data, data + expected);
    if (type.getElementType().isInteger(1)) // kernels read one bit of a truth value's byte
      llvm::for_each(bytes, [](uint8_t &byte) { byte = byte != 0; });
    return tiny::ParamOp::create(b, type, "constant", weights.add(std::move(bytes)));
  }
  auto elements = dyn_cast<DenseElementsAttr>(op.getValues());
  if (!elements) {
    op.emitError("expected dense elements in a constant, found ") << op.getValues();
    return {};
  }
  if (!elements.isSplat() && elements.getNumElements() > kMaxConstElements)
    return tiny::ParamOp::create(b, type, "constant", weights.add(bytesOf(elements)));
  if (auto integer = dyn_cast<IntegerType>(type.getElementType()); integer && elements.getElementType() != integer)
    elements = cast<DenseElementsAttr>(
        elements.mapValues(integer, [&](const APInt &value) { return value.sextOrTrunc(integer.getWidth()); }));
  return tiny::ConstOp::create(b, elements);
}

// Casts floats of less than 32 bits to f32.
static Value widen(compose::Builder &b, Value value) {
  auto type = value ? dyn_cast<FloatType>(tiny::elementType(value.getType())) : FloatType();
  return type && type.getWidth() < 32 ? compose::cast(b, value, b.getF32Type()) : value;
}

static LogicalResult convertOp(compose::Builder &b, Operation &op, Values &values, WeightStore &weights) {
  b.setLoc(op.getLoc());
  if (isShapeOp(&op)) {
    auto shape = evaluateShape(&op, values);
    if (!shape)
      return failure();
    values.shapes[op.getResult(0)] = *shape;
    return success();
  }
  if (auto branch = dyn_cast<mlir::tosa::IfOp>(op))
    return convertIf(b, branch, values, weights);
  if (auto loop = dyn_cast<mlir::tosa::WhileOp>(op))
    return convertWhile(b, loop, values, weights);
  RankedTensorType type = tensorType(op.getResult(0).getType());
  Value result;
  if (auto constant = dyn_cast<mlir::tosa::ConstOp>(op)) {
    result = convertConst(b, constant, weights);
  } else {
    const Row *row = findRow(op.getName().stripDialect());
    OpConversion conversion(b, &op, values, weights);
    for (Value operand : op.getOperands()) {
      Value tensor = values.tensors.lookup(operand);
      conversion.tensors.push_back(row->narrow == Narrow::Widen ? widen(b, tensor) : tensor);
    }
    result = row->convert(conversion);
    if (result && row->narrow == Narrow::Widen && isa<FloatType>(type.getElementType()) &&
        isa<FloatType>(tiny::elementType(result.getType())))
      result = compose::cast(b, result, type.getElementType());
  }
  if (!result)
    return failure();
  if (result.getType() != type)
    return op.emitError("expected a result of ")
           << type << " from the operands and attributes, but they give " << result.getType();
  values.tensors[op.getResult(0)] = result;
  return success();
}

LogicalResult tosatotiny::convertBlock(compose::Builder &b, Block &block, Values &values, WeightStore &weights) {
  for (Operation &op : block.without_terminator())
    if (failed(convertOp(b, op, values, weights)))
      return failure();
  return success();
}

// Every tensor of a known shape and of elements that tiny has; shapes only where ops compute them, at compile time.
static LogicalResult checkTypes(func::FuncOp function) {
  auto check = [](Location loc, Type type) -> LogicalResult {
    if (tensorType(type))
      return success();
    return emitError(loc, "expected a tensor of known shape with elements of 8 to 64 bits or i1, found ") << type;
  };
  for (Type type : function.getResultTypes())
    if (failed(check(function.getLoc(), type)))
      return failure();
  return failure(function
                     .walk([&](Operation *op) {
                       for (Region &region : op->getRegions())
                         for (BlockArgument argument : region.getArguments())
                           if (failed(check(argument.getLoc(), argument.getType())))
                             return WalkResult::interrupt();
                       if (!isShapeOp(op))
                         for (Type type : op->getResultTypes())
                           if (failed(check(op->getLoc(), type)))
                             return WalkResult::interrupt();
                       return WalkResult::advance();
                     })
                     .wasInterrupted());
}

// The name by which converters know an argument or result: tiny's own attribute, or TensorFlow's.
static void setName(DictionaryAttr given, function_ref<void(StringAttr)> set) {
  if (!given)
    return;
  if (auto name = given.getAs<StringAttr>(tiny::kNameAttr))
    return set(name);
  if (auto path = given.getAs<ArrayAttr>("tf_saved_model.index_path"); path && path.size() == 1)
    if (auto name = dyn_cast<StringAttr>(path[0]))
      set(name);
}

LogicalResult tinyc::convertTosa(ModuleOp module, WeightStore &weights) {
  // What follows computes with what the ops' verifiers promise.
  if (failed(verify(module)))
    return failure();
  func::FuncOp old = findEntry(module);
  if (!old)
    return failure();
  if (old.isDeclaration() || !old.getBody().hasOneBlock())
    return old.emitError("expected a body of one block");
  if (failed(listUnsupported(old)) || failed(checkTypes(old)))
    return failure();

  compose::Builder b(old.getLoc(), module.getContext());
  module.getContext()->loadDialect<tiny::TinyDialect, func::FuncDialect>();
  b.setInsertionPoint(old);
  SmallVector<Type> inputs, outputs;
  for (Type type : old.getArgumentTypes())
    inputs.push_back(tensorType(type));
  for (Type type : old.getResultTypes())
    outputs.push_back(tensorType(type));
  auto main = func::FuncOp::create(b, old.getLoc(), "main", b.getFunctionType(inputs, outputs));
  Block *entry = main.addEntryBlock();
  b.setInsertionPointToStart(entry);
  Values values;
  for (unsigned i = 0; i < inputs.size(); ++i) {
    values.tensors[old.getArgument(i)] = entry->getArgument(i);
    setName(old.getArgAttrDict(i), [&](StringAttr name) { main.setArgAttr(i, tiny::kNameAttr, name); });
  }
  for (unsigned i = 0; i < outputs.size(); ++i)
    setName(old.getResultAttrDict(i), [&](StringAttr name) { main.setResultAttr(i, tiny::kNameAttr, name); });
  if (failed(convertBlock(b, old.getBody().front(), values, weights)))
    return failure();
  SmallVector<Value> results;
  for (Value value : old.getBody().front().getTerminator()->getOperands())
    results.push_back(values.tensors.lookup(value));
  b.setLoc(old.getBody().front().getTerminator()->getLoc());
  func::ReturnOp::create(b, results);
  for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (function != main)
      function.erase();
  return success();
}
