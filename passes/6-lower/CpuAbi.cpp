// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cpu-abi: gives each kernel the one signature that the CPU driver calls.
//
// Needs: kernels in the LLVM dialect, taking pointers, the unit's number and scratch memory. Leaves: under each
// kernel's name `i32 (ptr buffers, ptr symbols, i32 begin, i32 end, ptr scratch)`, which runs the units of [begin, end)
// and returns 0; the kernel itself is internal. Refuses: nothing.
//
//   llvm.func @relu_0(%in: !llvm.ptr, %out: !llvm.ptr, %unit: i64, %scratch: !llvm.ptr) attributes {tiny.kernel}
// becomes @relu_0.unit, called by
//   llvm.func @relu_0(%buffers: !llvm.ptr, %symbols: !llvm.ptr, %begin: i32, %end: i32, %scratch: !llvm.ptr) -> i32

#include "passes/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace tinyc {
#define GEN_PASS_DEF_CPUABI
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;

static void wrap(LLVM::LLVMFuncOp kernel) {
  std::string symbol = kernel.getSymName().str();
  Location loc = kernel.getLoc();
  OpBuilder b(kernel);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext()), i32 = b.getI32Type(), i64 = b.getI64Type();
  kernel.setSymName(symbol + ".unit");
  kernel.setLinkage(LLVM::Linkage::Internal);
  auto type = LLVM::LLVMFunctionType::get(i32, {pointer, pointer, i32, i32, pointer});
  auto wrapper = LLVM::LLVMFuncOp::create(b, loc, symbol, type);
  for (NamedAttribute attribute : kernel->getDiscardableAttrs())
    if (attribute.getName().strref().starts_with("tiny."))
      wrapper->setAttr(attribute.getName(), attribute.getValue());
  kernel->removeDiscardableAttr("tiny.kernel");

  Block *entry = wrapper.addEntryBlock(b);
  Block *head = b.createBlock(&wrapper.getBody(), wrapper.getBody().end(), {i32}, {loc});
  Block *body = b.createBlock(&wrapper.getBody(), wrapper.getBody().end());
  Block *done = b.createBlock(&wrapper.getBody(), wrapper.getBody().end());
  b.setInsertionPointToStart(entry);
  SmallVector<Value> operands;
  for (unsigned i = 0; i + 2 < kernel.getNumArguments(); ++i) {
    Value slot = LLVM::GEPOp::create(b, loc, pointer, pointer, entry->getArgument(0),
                                     ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
    operands.push_back(LLVM::LoadOp::create(b, loc, pointer, slot));
  }
  LLVM::BrOp::create(b, loc, ValueRange(entry->getArgument(2)), head);
  b.setInsertionPointToStart(head);
  Value more = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ult, head->getArgument(0), entry->getArgument(3));
  LLVM::CondBrOp::create(b, loc, more, body, done);
  b.setInsertionPointToStart(body);
  operands.push_back(LLVM::ZExtOp::create(b, loc, i64, head->getArgument(0)));
  operands.push_back(entry->getArgument(4));
  LLVM::CallOp::create(b, loc, kernel, operands);
  Value one = LLVM::ConstantOp::create(b, loc, i32, b.getI32IntegerAttr(1));
  Value next = LLVM::AddOp::create(b, loc, head->getArgument(0), one);
  LLVM::BrOp::create(b, loc, ValueRange(next), head);
  b.setInsertionPointToStart(done);
  LLVM::ReturnOp::create(b, loc, LLVM::ConstantOp::create(b, loc, i32, b.getI32IntegerAttr(0)).getResult());
}

namespace {
struct CpuAbi : tinyc::impl::CpuAbiBase<CpuAbi> {
  void runOnOperation() override {
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<LLVM::LLVMFuncOp>()))
      if (function->hasAttr("tiny.kernel"))
        wrap(function);
  }
};
} // namespace
