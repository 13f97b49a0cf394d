// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// to-gpu: moves kernels into a gpu.module: the work unit becomes the block, buffers global memory, allocations places
// in the block's shared memory.
//
// Needs: code of one lane (lanes, insert-barriers). Leaves: gpu.module @kernels with gpu.funcs, the attributes
// tiny.threads and tiny.shared on each, and launches that name them. Refuses: more shared memory than the chip has, and
// functions that are no kernels of lanes: without tiny.threads, with results, or declared only.
//
//   func.func @k(%x: memref<64xf32>, %unit: index) attributes {tiny.kernel, tiny.threads = 32 : i64}
// becomes
//   gpu.module @kernels { gpu.func @k(%x: memref<64xf32, #gpu.address_space<global>>) kernel { %unit = gpu.block_id x

#include "dialects/Target/Chip.h"
#include "dialects/Tiny/KernelMarks.h"
#include "dialects/Tiny/TinyOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

namespace tinyc {
#define GEN_PASS_DEF_TOGPU
#include "passes/Passes.h.inc"
} // namespace tinyc

using namespace mlir;
using namespace tinyc;

namespace {

struct ToGpu : tinyc::impl::ToGpuBase<ToGpu> {
  void runOnOperation() override {
    auto target = getOperation()->getAttrOfType<StringAttr>(tiny::kTargetAttr);
    const Chip *chip = target ? findChip(target.getValue()) : nullptr;
    if (!chip || chip->lanes < 2) {
      getOperation().emitError("expected a module attribute ")
          << tiny::kTargetAttr << " that names a chip with lanes, found " << (target ? target.getValue() : "none");
      return signalPassFailure();
    }
    SmallVector<func::FuncOp> kernels;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr("tiny.kernel"))
        kernels.push_back(function);
    if (kernels.empty())
      return;
    OpBuilder b(kernels.front());
    auto device = gpu::GPUModuleOp::create(b, getOperation().getLoc(), "kernels");
    for (func::FuncOp kernel : kernels)
      if (failed(move(kernel, device, *chip)))
        return signalPassFailure();
  }

  // Allocations stand one after another in the block's dynamic shared memory.
  LogicalResult placeShared(func::FuncOp kernel, const Chip &chip) {
    SmallVector<memref::AllocaOp> buffers;
    kernel.walk([&](memref::AllocaOp op) { buffers.push_back(op); });
    OpBuilder b(kernel.getContext());
    b.setInsertionPointToStart(&kernel.getBody().front());
    auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
    Value all;
    int64_t used = 0;
    for (memref::AllocaOp buffer : buffers) {
      MemRefType type = buffer.getType();
      if (type.getMemorySpace() != space)
        return buffer.emitOpError("expected a buffer in workgroup memory, found ") << type;
      if (!all)
        all = gpu::DynamicSharedMemoryOp::create(
            b, kernel.getLoc(), MemRefType::get({ShapedType::kDynamic}, b.getI8Type(), AffineMap(), space));
      Value offset = arith::ConstantIndexOp::create(b, buffer.getLoc(), used);
      Value view = memref::ViewOp::create(b, buffer.getLoc(), type, all, offset, ValueRange());
      buffer.replaceAllUsesWith(view);
      used += llvm::alignTo(type.getNumElements() * std::max(1u, type.getElementTypeBitWidth() / 8), 128);
      buffer.erase();
    }
    if (used > chip.sharedBytes)
      return kernel.emitOpError("needs ")
             << used << " bytes of shared memory; a block of " << chip.name << " has " << chip.sharedBytes;
    kernel->setAttr("tiny.shared", b.getI64IntegerAttr(used));
    return success();
  }

  LogicalResult verifyKernel(func::FuncOp kernel, const Chip &chip) {
    if (kernel.isDeclaration())
      return kernel.emitOpError("expected a kernel with a body, found a declaration");
    if (kernel.getNumResults() != 0)
      return kernel.emitOpError("expected a kernel that returns nothing, found ") << kernel.getResultTypes();
    Attribute attribute = kernel->getAttr("tiny.threads");
    auto threads = dyn_cast_or_null<IntegerAttr>(attribute);
    if (threads && threads.getInt() >= 1 && threads.getInt() <= chip.maxThreads)
      return success();
    InFlightDiagnostic error = kernel.emitOpError("expected tiny.threads from 1 to ")
                               << chip.maxThreads << ", as lanes leaves it, found ";
    return attribute ? error << attribute : error << "none";
  }

  LogicalResult move(func::FuncOp kernel, gpu::GPUModuleOp device, const Chip &chip) {
    if (failed(verifyKernel(kernel, chip)) || failed(placeShared(kernel, chip)))
      return failure();
    MLIRContext *context = &getContext();
    Block &block = kernel.getBody().front();
    if (block.getNumArguments() == 0 || !isa<IndexType>(block.getArguments().back().getType()))
      return kernel.emitOpError("expected the work unit's number as last argument");
    auto global = gpu::AddressSpaceAttr::get(context, gpu::AddressSpace::Global);
    auto moved = [&](Type type) -> Type {
      auto buffer = dyn_cast<MemRefType>(type);
      return buffer && !buffer.getMemorySpace() ? MemRefType::Builder(buffer).setMemorySpace(global) : type;
    };
    SmallVector<Type> inputs;
    for (BlockArgument argument : block.getArguments().drop_back()) {
      argument.setType(moved(argument.getType()));
      inputs.push_back(argument.getType());
    }
    kernel.walk([&](Operation *op) {
      for (Value result : op->getResults())
        result.setType(moved(result.getType()));
    });
    OpBuilder b(context);
    b.setInsertionPointToEnd(device.getBody());
    auto function = gpu::GPUFuncOp::create(b, kernel.getLoc(), kernel.getName(), b.getFunctionType(inputs, {}));
    function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
    int64_t threads = cast<IntegerAttr>(kernel->getAttr("tiny.threads")).getInt();
    function.setKnownBlockSizeAttr(b.getDenseI32ArrayAttr({static_cast<int32_t>(threads), 1, 1}));
    for (StringRef name : {StringRef("tiny.threads"), StringRef("tiny.shared"), StringRef(tiny::kWideIndexAttr)})
      if (Attribute value = kernel->getAttr(name))
        function->setAttr(name, value);
    // Buffers of a launch do not overlap. Their alignment is not stated: LLVM would widen a load of three elements to
    // four, past the end of a buffer; wide accesses carry their own alignment.
    for (unsigned i = 0; i < inputs.size(); ++i)
      function.setArgAttr(i, "llvm.noalias", b.getUnitAttr());
    b.setInsertionPointToStart(&block);
    Value unit = gpu::BlockIdOp::create(b, kernel.getLoc(), gpu::Dimension::x);
    block.getArguments().back().replaceAllUsesWith(unit);
    block.eraseArgument(block.getNumArguments() - 1);
    function.getBody().takeBody(kernel.getBody());
    function.walk([](func::ReturnOp end) {
      OpBuilder at(end);
      gpu::ReturnOp::create(at, end.getLoc());
      end.erase();
    });
    kernel.erase();
    return success();
  }
};
} // namespace
