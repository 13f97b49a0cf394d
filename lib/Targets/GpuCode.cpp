// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM's optimiser and code generator for GPUs.

#include "lib/Targets/GpuCode.h"
#include "passes/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>

using namespace mlir;
using namespace tinyc;

void tinyc::addGpuLanePasses(OpPassManager &pm, const Chip &) {
  // Tiles are staged while they are still whole; which lane copies what follows from their layouts.
  pm.addPass(createPipelineLoads());
  pm.addPass(createLanes());
  OpPassManager &functions = pm.nest<func::FuncOp>();
  functions.addPass(createTensorCore());
  // Before barriers stand between them, equal loads of a block of code are merged.
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
  functions.addPass(createInsertBarriers());
  functions.addPass(createVerifyBarriers());
}

void tinyc::addGpuLowerPasses(OpPassManager &pm) {
  pm.addPass(createExpandElementary());
  pm.addPass(createLowerArith());
  // After lower-arith, which makes buffers of unsigned numbers signless in the functions it sees.
  pm.addPass(createToGpu());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

static gpu::GPUModuleOp deviceOf(ModuleOp module) {
  auto devices = module.getOps<gpu::GPUModuleOp>();
  return devices.empty() ? gpu::GPUModuleOp() : *devices.begin();
}

FailureOr<std::string> tinyc::compileDevice(ModuleOp module, const Chip &chip, llvm::CodeGenFileType type,
                                            unsigned abi) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmParsers();
    llvm::InitializeAllAsmPrinters();
  });
  gpu::GPUModuleOp device = deviceOf(module);
  if (!device)
    return module.emitError("expected a gpu.module with kernels");
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(device, context, "kernels");
  if (!code)
    return device.emitError("could not be translated to LLVM IR");

  std::string error;
  llvm::Triple triple(chip.triple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return device.emitError("LLVM has no code generator for ") << chip.triple << ": " << error;
  llvm::TargetOptions options;
  // A multiply-add is one only where it is written as one.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, chip.cpu, chip.features, options, std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return device.emitError("LLVM cannot generate code for ") << chip.cpu;
  code->setTargetTriple(triple);
  code->setDataLayout(machine->createDataLayout());
  if (abi)
    code->addModuleFlag(llvm::Module::Error, "amdhsa_code_object_version", abi);

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(*code, modules);

  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream os(bytes);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, os, nullptr, type))
    return device.emitError("LLVM cannot emit this form of code for ") << chip.cpu;
  passes.run(*code);
  return std::string(bytes);
}

std::vector<KernelFacts> tinyc::deviceKernels(ModuleOp module) {
  std::vector<KernelFacts> kernels;
  auto number = [](Operation *op, StringRef name) {
    auto attr = op->getAttrOfType<IntegerAttr>(name);
    return attr ? attr.getInt() : int64_t(0);
  };
  if (gpu::GPUModuleOp device = deviceOf(module))
    for (auto function : device.getOps<LLVM::LLVMFuncOp>())
      if (function->hasAttr("tiny.threads"))
        kernels.push_back(
            {function.getName().str(), number(function, "tiny.threads"), number(function, "tiny.shared")});
  return kernels;
}

bool tinyc::isWanted(const EmitOptions &options, CodeForm form, bool byDefault) {
  return options.forms.empty() ? byDefault : llvm::is_contained(options.forms, form);
}
