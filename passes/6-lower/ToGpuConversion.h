// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What lowering a module of the device to the LLVM dialect has in common for all GPUs.

#ifndef TINYC_PASSES_LOWER_TOGPUCONVERSION_H
#define TINYC_PASSES_LOWER_TOGPUCONVERSION_H

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Transforms/DialectConversion.h"

namespace tinyc {

/// Bits of an index in this module: 32 where every buffer's elements and every coordinate can be counted so.
unsigned indexBits(mlir::gpu::GPUModuleOp device);

/// Kernels take bare pointers.
mlir::LowerToLLVMOptions loweringOptions(mlir::gpu::GPUModuleOp device);

/// Lowers branches, arithmetic, vectors and buffers; `patterns` holds those of the vendor.
mlir::LogicalResult lowerDevice(mlir::gpu::GPUModuleOp device, mlir::LLVMTypeConverter &converter,
                                mlir::RewritePatternSet &patterns, mlir::ConversionTarget &target);

} // namespace tinyc

#endif // TINYC_PASSES_LOWER_TOGPUCONVERSION_H
