// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Building and isolating bodies, and attempts whose errors may be dropped.

#include "lib/Onnx/Regions.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;

FailureOr<SmallVector<Value>>
onnx::buildBody(compose::Builder &b, Region &region, ArrayRef<Type> types,
                function_ref<FailureOr<SmallVector<Value>>(ArrayRef<Value> arguments)> build) {
  OpBuilder::InsertionGuard guard(b);
  Location loc = b.getLoc();
  Block &block = region.emplaceBlock();
  block.addArguments(types, SmallVector<Location>(types.size(), loc));
  b.setInsertionPointToEnd(&block);
  FailureOr<SmallVector<Value>> values = build(llvm::to_vector_of<Value>(block.getArguments()));
  b.setLoc(loc);
  return values;
}

void onnx::endBody(compose::Builder &b, Region &region, ArrayRef<Value> values) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(&region.front());
  tiny::YieldOp::create(b, values);
}

// Whether a region is `outer` or lies in it. Region::isAncestor takes none that are not part of an op yet.
static bool lies(Region *region, Region *outer) {
  while (region && region != outer) {
    Operation *op = region->getParentOp();
    region = op ? op->getParentRegion() : nullptr;
  }
  return region;
}

SmallVector<Value> onnx::isolate(compose::Builder &b, ArrayRef<Region *> regions) {
  llvm::SetVector<Value> captured;
  for (Region *region : regions) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&region->front());
    llvm::DenseMap<Value, Value> copies;
    region->walk([&](Operation *op) {
      for (OpOperand &operand : op->getOpOperands()) {
        Value value = operand.get();
        if (lies(value.getParentRegion(), region))
          continue;
        auto constant = value.getDefiningOp<tiny::ConstOp>();
        if (!constant) {
          captured.insert(value);
          continue;
        }
        Value &copy = copies[value];
        if (!copy)
          copy = b.clone(*constant)->getResult(0);
        operand.set(copy);
      }
    });
  }
  for (Region *region : regions)
    for (Value value : captured) {
      Value argument = region->front().addArgument(value.getType(), value.getLoc());
      value.replaceUsesWithIf(argument,
                              [&](OpOperand &use) { return lies(use.getOwner()->getParentRegion(), region); });
    }
  return captured.takeVector();
}

Attempt::Attempt(NodeImport &n) : n(n) {
  handler.emplace(n.b.getContext(), [this](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      this->n.surroundings.nameNode(diagnostic);
    held.push_back(std::move(diagnostic));
    return success();
  });
}

void Attempt::give() {
  handler.reset();
  for (Diagnostic &diagnostic : held)
    n.b.getContext()->getDiagEngine().emit(std::move(diagnostic));
  held.clear();
}
