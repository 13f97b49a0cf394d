// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every pass of tinyc, in the order of the stages. The file of a pass stands in its stage's folder and is named after it.

#ifndef TINYC_PASSES_PASSES
#define TINYC_PASSES_PASSES

include "mlir/Pass/PassBase.td"

//===- 1-simplify ------------------------------------------------------------------------------------------------===//

def Simplify : Pass<"simplify", "::mlir::func::FuncOp"> {
  let summary = "Folds constants and identities and composes views";
  let dependentDialects = ["::tinyc::tiny::TinyDialect"];
}

//===- 2-fuse ----------------------------------------------------------------------------------------------------===//

def Fuse : Pass<"fuse", "::mlir::func::FuncOp"> {
  let summary = "Turns the ops on tensors into kernels";
  let description = [{
    Elementwise ops and views become bodies and maps of stages; stages that stay inside one work unit become one kernel.
    The cost model in passes/2-fuse/CostModel.h decides. After it a function holds weights, constants, kernels and its
    return.
  }];
  let dependentDialects = ["::tinyc::tiny::TinyDialect"];
  let options = [Option<"remarks", "remarks", "bool", "false", "A remark for each decision, at the op it is about">];
}

def FuseAttention : Pass<"fuse-attention", "::mlir::func::FuncOp"> {
  let summary = "Joins the kernels of an attention into one";
  let description = [{
    Scores, softmax and weighted values become the stages of one kernel, which the tilers walk tile of keys by tile of
    keys (passes/2-fuse/Attention.h).
  }];
  let dependentDialects = ["::tinyc::tiny::TinyDialect"];
  let options = [Option<"remarks", "remarks", "bool", "false", "A remark for each attention that is joined">];
}

//===- 3-schedule ------------------------------------------------------------------------------------------------===//

def FuseWindows : Pass<"fuse-windows", "::mlir::ModuleOp"> {
  let summary = "Joins what reads a convolution through windows, a pooling for example, with it";
  let description = [{
    For targets whose units can keep the lines that such windows cover; the joined kernel shares images and channels, and
    the schedule cuts it further along the lines.
  }];
  let dependentDialects = ["::tinyc::tiny::TinyDialect"];
  let options = [Option<"remarks", "remarks", "bool", "false", "A remark for each pair of kernels that could be joined">];
}

def Schedule : Pass<"schedule", "::mlir::ModuleOp"> {
  let summary = "Chooses how each kernel runs on the module's chip, and verifies what was chosen by hand";
}

def PackWeights : Pass<"pack-weights", "::mlir::ModuleOp"> {
  let summary = "Brings weights of products into the form that register tiles of a CPU read, once, at load";
  let description = [{
    A product whose factor is a weight reads a packed tensor, which a kernel of its own makes; `mark-init` finds that this
    kernel runs once. The tilers read a factor in place that has the form already (passes/3-schedule/PackedForm.h).
  }];
}

def MarkInit : Pass<"mark-init", "::mlir::ModuleOp"> {
  let summary = "Finds the kernels that depend on weights and constants only: they run once, when the model is loaded";
  let description = [{
    Each gets the attribute `tiny.init`, the hash of what its results follow from. They become the entry point `init` of
    the artefact; their results are derived tensors, which all contexts share.
  }];
}

def InPlace : Pass<"in-place", "::mlir::ModuleOp"> {
  let summary = "Finds results that can take over the memory of an input that is not used again";
}

//===- 4-tile ----------------------------------------------------------------------------------------------------===//

def Tile : Pass<"tile", "::mlir::ModuleOp"> {
  let summary = "Turns each distinct kernel into a function of tiles over one work unit, and kernels into launches";
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::gpu::GPUDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect", "::tinyc::tiny::TinyDialect"];
}

def ProveBounds : Pass<"prove-bounds", "::mlir::ModuleOp"> {
  let summary = "Proves that no access of a kernel or of a tiled function leaves its buffer";
  let description = [{
    For every read of a stage and every tiny.load and tiny.store: the map stays in the buffer at all points of the
    domain and mask. Offsets may come from loops, affine and arith on index, and from the unit's number, whose bound is
    that of the launches. An access of which that is not so, or cannot be told, is an error that names a point.
  }];
  let statistics = [Statistic<"numPrograms", "programs", "Coordinates that intervals and masks alone did not decide">];
}

//===- 5-lanes ---------------------------------------------------------------------------------------------------===//

def PipelineLoads : Pass<"pipeline-loads", "::mlir::ModuleOp"> {
  let summary = "Stages a contraction's operand tiles in shared memory, ahead of their use";
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::nvgpu::NVGPUDialect", "::mlir::scf::SCFDialect",
                           "::tinyc::lane::LaneDialect"];
}

def Lanes : Pass<"lanes", "::mlir::ModuleOp"> {
  let summary = "Gives tiles of GPU kernels linear layouts and rewrites them to the code of one lane";
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::nvgpu::NVGPUDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect", "::tinyc::tiny::TinyDialect",
                           "::tinyc::lane::LaneDialect"];
}

def TensorCore : Pass<"tensor-core", "::mlir::func::FuncOp"> {
  let summary = "Turns products of fragments into matrix instructions or multiply-adds";
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect", "::mlir::ROCDL::ROCDLDialect",
                           "::mlir::math::MathDialect", "::mlir::vector::VectorDialect", "::tinyc::tiny::TinyDialect"];
}

def InsertBarriers : Pass<"insert-barriers", "::mlir::func::FuncOp"> {
  let summary = "Inserts waits from tokens, and barriers where lanes meet in shared memory";
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::nvgpu::NVGPUDialect"];
}

def VerifyBarriers : Pass<"verify-barriers", "::mlir::func::FuncOp"> {
  let summary = "Proves that lanes meet in shared memory only across barriers";
}

//===- 6-lower ---------------------------------------------------------------------------------------------------===//

def OutlineKernels : Pass<"outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Moves tiled kernels to a module of their own, @kernels";
}

def LowerTiles : Pass<"lower-tiles", "::mlir::ModuleOp"> {
  let summary = "Tiles become vector registers, buffers pointers: loads, stores and reductions of a CPU";
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect", "::tinyc::tiny::TinyDialect"];
}

def CpuAbi : Pass<"cpu-abi", "::mlir::ModuleOp"> {
  let summary = "Wraps each kernel in the function that the CPU driver calls";
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ExpandElementary : Pass<"expand-elementary"> {
  let summary = "Writes exp, log, sin and float mod out as polynomials and integer arithmetic";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def LowerArith : Pass<"lower-arith"> {
  let summary = "Elementwise tiny ops on scalars and vectors become arith, unsigned types signless";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let options = [Option<"bf16AsBits", "bf16-as-bits", "bool", "false",
                        "bf16 becomes i16, for a target without registers of it">];
}

def ToGpu : Pass<"to-gpu", "::mlir::ModuleOp"> {
  let summary = "Moves kernels of one lane's code into a module of the device";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect", "::mlir::memref::MemRefDialect"];
}

def LowerNvidia : Pass<"lower-nvidia", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Lowers a module of the device to LLVM and NVVM";
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"];
}

def LowerAmd : Pass<"lower-amd", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Lowers a module of the device to LLVM and ROCDL";
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::ROCDL::ROCDLDialect"];
}

#endif
