// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Notes in locations, and modules made of pieces of others.

#include "lib/Compiler/KernelBoundaries.h"

#include "dialects/Tiny/TinyOps.h"
#include "lib/Compiler/BuildArtefact.h"
#include "lib/Pipeline/Stages.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tinyc;

static Block &mainBlock(ModuleOp module) { return findMain(module).getBody().front(); }

void tinyc::tagOps(ModuleOp module) {
  Builder b(module.getContext());
  for (auto [place, op] : llvm::enumerate(mainBlock(module)))
    op.setLoc(FusedLoc::get(b.getContext(), {op.getLoc()}, b.getI64IntegerAttr(place)));
}

static std::optional<int64_t> tagOf(Location loc) {
  if (auto fused = dyn_cast<FusedLoc>(loc))
    if (auto place = dyn_cast_or_null<IntegerAttr>(fused.getMetadata()))
      return place.getInt();
  return std::nullopt;
}

static Location untagged(Location loc) {
  auto fused = dyn_cast<FusedLoc>(loc);
  if (!fused)
    return loc;
  SmallVector<Location> parts = llvm::map_to_vector(fused.getLocations(), untagged);
  Attribute metadata = tagOf(loc) ? Attribute() : fused.getMetadata();
  return FusedLoc::get(parts, metadata, loc->getContext());
}

void tinyc::untagOps(ModuleOp module) {
  module->walk([](Operation *op) {
    op->setLoc(untagged(op->getLoc()));
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          argument.setLoc(untagged(argument.getLoc()));
  });
}

bool tinyc::isKernelLike(Operation *op) {
  return !op->hasTrait<OpTrait::IsTerminator>() && !isa<tiny::ParamOp, tiny::ConstOp>(op);
}

std::string tinyc::kernelLabel(Operation *op) {
  if (auto kernel = dyn_cast<tiny::KernelOp>(op))
    return kernel.getName().str();
  int64_t place = std::distance(op->getBlock()->begin(), op->getIterator());
  return (op->getName().stripDialect() + "_" + Twine(place)).str();
}

// The note of the result `number` of a stage.
static std::optional<int64_t> stageTag(tiny::StageOp stage, unsigned number) {
  if (stage->getNumResults() == 1)
    return tagOf(stage.getLoc());
  auto fused = dyn_cast<FusedLoc>(stage.getLoc());
  if (!fused || fused.getLocations().size() != stage->getNumResults())
    return std::nullopt;
  return tagOf(fused.getLocations()[number]);
}

static Value originOf(OpResult result, ArrayRef<Operation *> ops) {
  std::optional<int64_t> place = tagOf(result.getOwner()->getLoc());
  unsigned number = result.getResultNumber();
  // A kernel that was there already is its own origin; one that fusion made has stages that say more.
  bool own = place && *place < static_cast<int64_t>(ops.size()) && isa<tiny::KernelOp>(ops[*place]);
  if (auto kernel = dyn_cast<tiny::KernelOp>(result.getOwner()); kernel && !own) {
    auto yielded = dyn_cast<OpResult>(kernel.getYield().getOperand(number));
    auto stage = yielded ? dyn_cast<tiny::StageOp>(yielded.getOwner()) : tiny::StageOp();
    if (!stage)
      return {};
    place = stageTag(stage, yielded.getResultNumber());
    number = 0;
  }
  if (!place || *place < 0 || *place >= static_cast<int64_t>(ops.size()) || number >= ops[*place]->getNumResults())
    return {};
  // Which of several results is not noted.
  if (!own && ops[*place]->getNumResults() != result.getOwner()->getNumResults() && ops[*place]->getNumResults() != 1)
    return {};
  Value origin = ops[*place]->getResult(number);
  return origin.getType() == result.getType() ? origin : Value();
}

std::vector<Boundary> tinyc::findBoundaries(ModuleOp fused, ModuleOp tagged) {
  SmallVector<Operation *> ops = llvm::map_to_vector(mainBlock(tagged), [](Operation &op) { return &op; });
  std::vector<Boundary> boundaries;
  for (Operation &op : mainBlock(fused))
    if (isKernelLike(&op))
      for (OpResult result : op.getResults())
        boundaries.push_back({result, originOf(result, ops)});
  return boundaries;
}

Value tinyc::operandOrigin(Value operand, ArrayRef<Boundary> boundaries, ModuleOp tagged) {
  if (auto argument = dyn_cast<BlockArgument>(operand))
    return mainBlock(tagged).getArgument(argument.getArgNumber());
  for (const Boundary &boundary : boundaries)
    if (boundary.result == operand)
      return boundary.origin;
  return {};
}

// Makes the terminator return `values`, all of them under plain names.
static void setResults(func::FuncOp main, ValueRange values) {
  main.getBody().front().getTerminator()->setOperands(values);
  Builder b(main.getContext());
  main.setResAttrsAttr(nullptr);
  main.setFunctionType(b.getFunctionType(main.getArgumentTypes(), values.getTypes()));
}

OwningOpRef<ModuleOp> tinyc::withResults(ModuleOp tagged, ArrayRef<Value> values) {
  IRMapping mapping;
  OwningOpRef<ModuleOp> copy(cast<ModuleOp>(tagged->clone(mapping)));
  func::FuncOp main = findMain(*copy);
  SmallVector<Value> results(main.getBody().front().getTerminator()->getOperands());
  for (Value value : values)
    results.push_back(mapping.lookup(value));
  setResults(main, results);
  return copy;
}

OwningOpRef<ModuleOp> tinyc::cutApart(ModuleOp fused, ArrayRef<Boundary> boundaries, std::vector<size_t> &arguments) {
  IRMapping mapping;
  OwningOpRef<ModuleOp> copy(cast<ModuleOp>(fused->clone(mapping)));
  func::FuncOp main = findMain(*copy);
  main.setArgAttrsAttr(nullptr);
  Block &block = main.getBody().front();
  Operation *end = block.getTerminator();
  end->setOperands(ValueRange());
  SmallVector<Value> results;
  for (auto [i, boundary] : llvm::enumerate(boundaries)) {
    Value result = mapping.lookup(Value(boundary.result));
    if (boundary.origin && !result.use_empty()) {
      result.replaceAllUsesWith(block.addArgument(result.getType(), result.getLoc()));
      arguments.push_back(i);
    }
    results.push_back(result);
  }
  main.setFunctionType(FunctionType::get(copy->getContext(), block.getArgumentTypes(), {}));
  setResults(main, results);
  return copy;
}

// A module with @main of these arguments and ops, which keep their order.
static Piece makePiece(ModuleOp from, ArrayRef<Value> arguments, ArrayRef<Operation *> ops, ArrayRef<Value> results,
                       StringAttr stage) {
  MLIRContext *context = from.getContext();
  Piece piece{ModuleOp::create(from.getLoc()), std::vector<Value>(arguments)};
  OpBuilder b = OpBuilder::atBlockEnd(piece.module->getBody());
  TypeRange inputs = ValueRange(arguments).getTypes(), outputs = ValueRange(results).getTypes();
  auto main = func::FuncOp::create(b, findMain(from).getLoc(), "main", FunctionType::get(context, inputs, outputs));
  IRMapping mapping;
  Block *block = main.addEntryBlock();
  for (auto [value, argument] : llvm::zip_equal(arguments, block->getArguments())) {
    argument.setLoc(value.getLoc());
    mapping.map(value, argument);
  }
  b.setInsertionPointToEnd(block);
  for (Operation *op : ops)
    b.clone(*op, mapping);
  SmallVector<Value> returned = llvm::map_to_vector(results, [&](Value v) { return mapping.lookup(v); });
  func::ReturnOp::create(b, main.getLoc(), returned);
  if (stage)
    (*piece.module)->setAttr(kStageAttr, stage);
  if (auto target = from->getAttr(tiny::kTargetAttr); stage && target)
    (*piece.module)->setAttr(tiny::kTargetAttr, target);
  untagOps(*piece.module);
  return piece;
}

Piece tinyc::extractOps(ModuleOp tagged, ArrayRef<Value> results, ArrayRef<Value> inputs) {
  llvm::SetVector<Value> arguments(inputs.begin(), inputs.end());
  llvm::DenseSet<Operation *> wanted;
  Block &block = mainBlock(tagged);
  SmallVector<Value> open(results);
  while (!open.empty()) {
    Value value = open.pop_back_val();
    // A result is computed even where another result is made of it.
    if (arguments.contains(value) && !llvm::is_contained(results, value))
      continue;
    Operation *op = value.getDefiningOp();
    if (!op) {
      arguments.insert(value);
      continue;
    }
    if (!wanted.insert(op).second)
      continue;
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (operand.getParentBlock() == &block)
          open.push_back(operand);
    });
  }
  SmallVector<Operation *> ops;
  for (Operation &op : block)
    if (wanted.contains(&op))
      ops.push_back(&op);
  SmallVector<Value> read; // arguments that something reads
  for (Value argument : arguments)
    if (llvm::any_of(argument.getUsers(),
                     [&](Operation *user) { return wanted.contains(block.findAncestorOpInBlock(*user)); }) &&
        !wanted.contains(argument.getDefiningOp()))
      read.push_back(argument);
  return makePiece(tagged, read, ops, results, /*stage=*/nullptr);
}

Piece tinyc::extractKernel(Operation *kernel) {
  auto from = kernel->getParentOfType<ModuleOp>();
  SmallVector<Value> arguments;
  SmallVector<Operation *> ops;
  for (Value operand : kernel->getOperands()) {
    Operation *op = operand.getDefiningOp();
    if (op && !isKernelLike(op)) {
      if (!llvm::is_contained(ops, op))
        ops.push_back(op);
    } else if (!llvm::is_contained(arguments, operand)) {
      arguments.push_back(operand);
    }
  }
  ops.push_back(kernel);
  SmallVector<Value> results(kernel->getResults());
  return makePiece(from, arguments, ops, results, from->getAttrOfType<StringAttr>(kStageAttr));
}
