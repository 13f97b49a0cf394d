// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The common part of the lowerings to NVVM and ROCDL: one conversion, so that all patterns agree on the width of index.

#include "passes/6-lower/ToGpuConversion.h"

#include "dialects/Tiny/KernelMarks.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"

using namespace mlir;
using namespace tinyc;

unsigned tinyc::indexBits(gpu::GPUModuleOp device) {
  bool wide = false;
  device.walk([&](gpu::GPUFuncOp kernel) {
    wide |= kernel->hasAttr(tiny::kWideIndexAttr);
    for (Type type : kernel.getArgumentTypes())
      if (auto buffer = dyn_cast<MemRefType>(type))
        wide |= buffer.getNumElements() >= int64_t(1) << 31;
  });
  return wide ? 64 : 32;
}

LowerToLLVMOptions tinyc::loweringOptions(gpu::GPUModuleOp device) {
  LowerToLLVMOptions options(device.getContext());
  options.overrideIndexBitwidth(indexBits(device));
  options.useBarePtrCallConv = true;
  return options;
}

// affine.apply and loops become branches first: their patterns do not take part in a conversion of types. So do casts
// of a vector's shape, of what ldmatrix read to a lane's registers.
static LogicalResult lowerLoops(gpu::GPUModuleOp device) {
  MLIRContext *context = device.getContext();
  RewritePatternSet patterns(context);
  populateAffineToStdConversionPatterns(patterns);
  populateSCFToControlFlowConversionPatterns(patterns);
  vector::populateVectorShapeCastLoweringPatterns(patterns);
  vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
  ConversionTarget target(*context);
  target.addIllegalDialect<affine::AffineDialect, scf::SCFDialect>();
  target.addIllegalOp<vector::ShapeCastOp, vector::InsertStridedSliceOp, vector::ExtractStridedSliceOp>();
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  return applyPartialConversion(device, target, std::move(patterns));
}

LogicalResult tinyc::lowerDevice(gpu::GPUModuleOp device, LLVMTypeConverter &converter, RewritePatternSet &patterns,
                                 ConversionTarget &target) {
  if (failed(lowerLoops(device)))
    return failure();
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  // The vendor's patterns would call a library: intrinsics come first.
  populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1p=*/false, PatternBenefit(10));
  populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
  populateVectorToLLVMConversionPatterns(converter, patterns);
  ub::populateUBToLLVMConversionPatterns(converter, patterns);
  target.addLegalDialect<LLVM::LLVMDialect>();
  // One instruction each on every chip; upstream would have them call a library.
  target.addLegalOp<LLVM::SqrtOp, LLVM::FAbsOp, LLVM::FCeilOp, LLVM::FFloorOp, LLVM::FTruncOp, LLVM::RoundEvenOp,
                    LLVM::CopySignOp>();
  target.addIllegalDialect<arith::ArithDialect, cf::ControlFlowDialect>();
  if (failed(applyPartialConversion(device, target, std::move(patterns))))
    return failure();
  // The block's dynamic shared memory has size zero: with internal linkage LLVM would make a variable of one byte of
  // it.
  device.walk([](LLVM::GlobalOp global) {
    constexpr unsigned kShared = 3;
    auto type = dyn_cast<LLVM::LLVMArrayType>(global.getType());
    if (global.getAddrSpace() == kShared && type && type.getNumElements() == 0)
      global.setLinkage(LLVM::Linkage::External);
  });
  return success();
}
