// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// lower-nvidia: a module of the device becomes LLVM and NVVM.
//
// Needs: gpu.module (to-gpu) with arith, vector, memref, scf, gpu and nvgpu ops; no math that is a library call.
// Leaves: llvm.func kernels that take bare pointers. Refuses: ops that have no lowering, by name.
//
//   gpu.func @k(%x: memref<64xf32, #gpu.address_space<global>>) kernel { %t = gpu.thread_id x
// becomes
//   llvm.func @k(%x: !llvm.ptr<1>) attributes {nvvm.kernel} { %t = nvvm.read.ptx.sreg.tid.x : i32

#include "passes/6-lower/ToGpuConversion.h"
#include "passes/Passes.h"

#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/NVGPUToNVVM/NVGPUToNVVM.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

namespace tinyc {
#define GEN_PASS_DEF_LOWERNVIDIA
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;

namespace {

// The pattern upstream narrows the count from 64 bits, which an index of 32 bits is not.
struct LowerAsyncCopy : ConvertOpToLLVMPattern<nvgpu::DeviceAsyncCopyOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(nvgpu::DeviceAsyncCopyOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto to = cast<MemRefType>(op.getDst().getType()), from = cast<MemRefType>(op.getSrc().getType());
    Value target = getStridedElementPtr(b, loc, to, adaptor.getDst(), adaptor.getDstIndices());
    Value source = getStridedElementPtr(b, loc, from, adaptor.getSrc(), adaptor.getSrcIndices());
    int64_t element = to.getElementTypeBitWidth() / 8, bytes = adaptor.getDstElements().getZExtValue() * element;
    Value count;
    if (Value elements = adaptor.getSrcElements()) {
      Type i32 = b.getI32Type();
      if (elements.getType() != i32)
        elements = LLVM::TruncOp::create(b, loc, i32, elements);
      count =
          LLVM::MulOp::create(b, loc, elements, LLVM::ConstantOp::create(b, loc, i32, b.getI32IntegerAttr(element)));
    }
    auto modifier = bytes == 16 ? NVVM::LoadCacheModifierKind::CG : NVVM::LoadCacheModifierKind::CA;
    NVVM::CpAsyncOp::create(b, loc, target, source, b.getI32IntegerAttr(bytes),
                            NVVM::LoadCacheModifierKindAttr::get(b.getContext(), modifier), count);
    // A token has no value of its own: copies are counted in the order in which they start.
    b.replaceOpWithNewOp<LLVM::ConstantOp>(op, b.getI32Type(), b.getI32IntegerAttr(0));
    return success();
  }
};

struct LowerNvidia : tinyc::impl::LowerNvidiaBase<LowerNvidia> {
  void runOnOperation() override {
    gpu::GPUModuleOp device = getOperation();
    LLVMTypeConverter converter(&getContext(), loweringOptions(device));
    configureGpuToNVVMTypeConverter(converter);
    converter.addConversion([&](nvgpu::DeviceAsyncTokenType) -> Type { return IntegerType::get(&getContext(), 32); });
    RewritePatternSet patterns(&getContext());
    populateGpuToNVVMConversionPatterns(converter, patterns);
    populateNVGPUToNVVMConversionPatterns(converter, patterns);
    patterns.add<LowerAsyncCopy>(converter, PatternBenefit(2));
    ConversionTarget target(getContext());
    configureGpuToNVVMConversionLegality(target);
    target.addLegalDialect<NVVM::NVVMDialect>();
    target.addIllegalDialect<nvgpu::NVGPUDialect>();
    if (failed(lowerDevice(device, converter, patterns, target)))
      signalPassFailure();
  }
};
} // namespace
