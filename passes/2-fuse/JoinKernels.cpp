// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stages move as they are: what one kernel computed and another read is a value between them.

#include "passes/2-fuse/JoinKernels.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;

KernelOp tinyc::onlyProducer(Value input) {
  auto producer = input.getDefiningOp<KernelOp>();
  bool only = producer && producer.getNumResults() == 1 && input.hasOneUse() && !producer.getWrites();
  return only && producer->getBlock() == (*input.user_begin())->getBlock() ? producer : KernelOp();
}

StringRef tinyc::nameWithoutNumber(StringRef name) { return name.rtrim("0123456789").rtrim('_'); }

KernelOp tinyc::joinKernels(ArrayRef<KernelOp> kernels, int64_t shared, StringRef name) {
  KernelOp last = kernels.back();
  OpBuilder b(last);
  auto body = std::make_unique<Block>();
  llvm::SetVector<Value> inputs;
  IRMapping mapping;
  llvm::DenseMap<Value, Value> results; // of the kernels that are joined
  SmallVector<Value> yielded;
  SmallVector<Location> locations;
  OpBuilder inner(b.getContext());
  inner.setInsertionPointToStart(body.get());
  for (KernelOp kernel : kernels) {
    locations.push_back(kernel.getLoc());
    for (auto [argument, input] : llvm::zip_equal(kernel.getBody().getArguments(), kernel.getInputs())) {
      Value &known = results[input];
      if (!known) {
        inputs.insert(input);
        known = body->addArgument(input.getType(), argument.getLoc());
      }
      mapping.map(argument, known);
    }
    for (StageOp stage : kernel.getStages())
      inner.clone(*stage, mapping);
    yielded.clear();
    for (auto [value, result] : llvm::zip_equal(kernel.getYield().getValues(), kernel.getResults())) {
      yielded.push_back(mapping.lookup(value));
      results[result] = yielded.back();
    }
  }
  YieldOp::create(inner, last.getLoc(), yielded);
  StringRef number = last.getName().drop_front(nameWithoutNumber(last.getName()).size());
  auto joined = KernelOp::create(b, b.getFusedLoc(locations), last.getResultTypes(), b.getStringAttr(name + number),
                                 shared, inputs.getArrayRef(), last.getWritesAttr());
  joined.getBody().push_back(body.release());
  return joined;
}
