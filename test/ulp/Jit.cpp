// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From tiny ops on vectors to code in memory.

#include "test/ulp/Jit.h"

#include "dialects/Tiny/TinyOps.h"
#include "passes/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/TargetSelect.h"

using namespace mlir;
using namespace tinyc;

std::unique_ptr<MLIRContext> tinyc::makeJitContext() {
  auto context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
  context->loadDialect<tiny::TinyDialect, arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                       memref::MemRefDialect, scf::SCFDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(*context);
  registerLLVMDialectTranslation(*context);
  return context;
}

Jit::Jit(ModuleOp module, const std::string &cpu) {
  ScopedDiagnosticHandler handler(module.getContext(),
                                  [&](Diagnostic &diagnostic) { problem += diagnostic.str() + "\n"; });
  PassManager pm(module.getContext());
  pm.addPass(createExpandElementary());
  pm.addPass(createLowerArith());
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions options;
  options.useBarePtrCallConv = true;
  pm.addPass(createConvertFuncToLLVMPass(options));
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> code;
  if (failed(pm.run(module)) || !(code = translateModuleToLLVMIR(module, *context))) {
    problem += "no LLVM IR\n";
    return;
  }
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto check = [&](llvm::Error error) { problem += llvm::toString(std::move(error)); };
  auto machine = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!machine) {
    check(machine.takeError());
    return;
  }
  if (!cpu.empty()) {
    machine->setCPU(cpu);
    machine->getFeatures() = llvm::SubtargetFeatures();
  }
  machine->setCodeGenOptLevel(llvm::CodeGenOptLevel::Default);
  auto created = llvm::orc::LLJITBuilder()
                     .setJITTargetMachineBuilder(std::move(*machine))
                     .setLinkProcessSymbolsByDefault(false)
                     .setPlatformSetUp(llvm::orc::setUpInactivePlatform)
                     .create();
  if (!created) {
    check(created.takeError());
    return;
  }
  jit = std::move(*created);
  code->setDataLayout(jit->getDataLayout());
  code->setTargetTriple(jit->getTargetTriple());
  check(jit->addIRModule(llvm::orc::ThreadSafeModule(std::move(code), std::move(context))));
}

Jit::~Jit() = default;

void *Jit::find(const std::string &name) {
  if (!jit)
    return nullptr;
  auto address = jit->lookup(name);
  if (!address) {
    problem += llvm::toString(address.takeError());
    return nullptr;
  }
  return address->toPtr<void *>();
}
