// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// lower-amd: a module of the device becomes LLVM and ROCDL.
//
// Needs: gpu.module (to-gpu) with arith, vector, memref, scf and gpu ops; no math that is a library call. The module
// around it names the chip. Leaves: llvm.func kernels that take bare pointers. Refuses: ops that have no lowering.
//
//   gpu.func @k(%x: memref<64xf32, #gpu.address_space<global>>) kernel { %t = gpu.thread_id x
// becomes
//   llvm.func @k(%x: !llvm.ptr<1>) attributes {rocdl.kernel} { %t = rocdl.workitem.id.x : i32

#include "dialects/Target/Chip.h"
#include "dialects/Tiny/KernelMarks.h"
#include "dialects/Tiny/TinyOps.h"
#include "passes/6-lower/ToGpuConversion.h"
#include "passes/Passes.h"

#include "mlir/Conversion/AMDGPUToROCDL/AMDGPUToROCDL.h"
#include "mlir/Conversion/GPUCommon/GPUCommonPass.h"
#include "mlir/Conversion/GPUToROCDL/GPUToROCDLPass.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/AMDGPU/Utils/Chipset.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"

namespace tinyc {
#define GEN_PASS_DEF_LOWERAMD
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;

namespace {

// Most lanes meet in shared memory only, so their barrier need not wait for global memory: loads stay under way across
// it.
struct LowerBarrier : ConvertOpToLLVMPattern<gpu::BarrierOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult matchAndRewrite(gpu::BarrierOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    auto local = LLVM::MMRATagAttr::get(b.getContext(), "amdgpu-synchronize-as", "local");
    auto fence = [&](LLVM::AtomicOrdering ordering) {
      auto made = LLVM::FenceOp::create(b, op.getLoc(), ordering, "workgroup");
      if (!op->hasAttr(tiny::kInPlaceAttr))
        made->setDiscardableAttr(LLVM::LLVMDialect::getMmraAttrName(), local);
    };
    fence(LLVM::AtomicOrdering::release);
    ROCDL::SBarrierOp::create(b, op.getLoc());
    fence(LLVM::AtomicOrdering::acquire);
    b.eraseOp(op);
    return success();
  }
};

struct LowerAmd : tinyc::impl::LowerAmdBase<LowerAmd> {
  void runOnOperation() override {
    gpu::GPUModuleOp device = getOperation();
    auto name = device->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(tiny::kTargetAttr);
    const Chip *chip = name ? findChip(name.getValue()) : nullptr;
    FailureOr<amdgpu::Chipset> chipset = failure();
    if (chip)
      chipset = amdgpu::Chipset::parse(chip->cpu);
    if (failed(chipset)) {
      device.emitError("expected a module attribute ") << tiny::kTargetAttr << " that names an AMD chip";
      return signalPassFailure();
    }
    LLVMTypeConverter converter(&getContext(), loweringOptions(device));
    populateGpuMemorySpaceAttributeConversions(converter, [](gpu::AddressSpace space) -> unsigned {
      constexpr unsigned kGlobal = 1, kShared = 3, kPrivate = 5;
      switch (space) {
      case gpu::AddressSpace::Workgroup:
        return kShared;
      case gpu::AddressSpace::Private:
        return kPrivate;
      default:
        return kGlobal;
      }
    });
    RewritePatternSet patterns(&getContext());
    populateGpuToROCDLConversionPatterns(converter, patterns, gpu::amd::Runtime::HIP, *chipset);
    patterns.add<LowerBarrier>(converter, PatternBenefit(2));
    ConversionTarget target(getContext());
    configureGpuToROCDLConversionLegality(target);
    target.addLegalDialect<ROCDL::ROCDLDialect>();
    if (failed(lowerDevice(device, converter, patterns, target)))
      signalPassFailure();
  }
};
} // namespace
