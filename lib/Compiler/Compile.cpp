// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading models, and running all stages for each target.

#include "lib/Compiler/Compile.h"

#include "dialects/Layout/LaneOps.h"
#include "dialects/Tiny/TinyOps.h"
#include "lib/Cache/ContentCache.h"
#include "lib/Compiler/BuildArtefact.h"
#include "lib/Compiler/ModelFile.h"
#include "lib/Onnx/Import.h"
#include "lib/Tosa/Convert.h"
#include "lib/Weights/WeightStore.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/InitAllExtensions.h"
#include "llvm/Support/FileSystem.h"
#include <chrono>

using namespace mlir;
using namespace tinyc;

const DialectRegistry &tinyc::compilerDialects() {
  static const DialectRegistry registry = [] {
    DialectRegistry r;
    r.insert<tiny::TinyDialect, affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect, DLTIDialect,
             func::FuncDialect, gpu::GPUDialect, lane::LaneDialect, LLVM::LLVMDialect, math::MathDialect,
             memref::MemRefDialect, nvgpu::NVGPUDialect, NVVM::NVVMDialect, ROCDL::ROCDLDialect, scf::SCFDialect,
             mlir::tosa::TosaDialect, ub::UBDialect, vector::VectorDialect>();
    // What conversions ask of the dialects they meet.
    registerAllExtensions(r);
    registerBackendTranslations(r);
    return r;
  }();
  return registry;
}

FailureOr<OwningOpRef<ModuleOp>> tinyc::loadModel(StringRef path, const LoadOptions &options, WeightStore &weights,
                                                  MLIRContext &context) {
  Location at = FileLineColLoc::get(&context, path, 0, 0);
  if (path.ends_with(".onnx")) {
    OnnxOptions importOptions;
    importOptions.shapes = options.shapes;
    importOptions.roundEveryNode = options.roundEveryNode;
    importOptions.inputs = options.inputs;
    OwningOpRef<ModuleOp> module = importOnnx(path, importOptions, weights, &context);
    if (!module || failed(verifyModel(*module)))
      return failure();
    return module;
  }
  if (path.ends_with(".tinyc"))
    return emitError(at,
                     "expected a model, .onnx or .mlir, found what is compiled already: tinyc run, bench, inspect and "
                     "graph take it"),
           failure();
  if (!path.ends_with(".mlir"))
    return emitError(at, "expected a model: .onnx or .mlir; tinyc run, bench, inspect and graph also take what is "
                         "compiled: .tinyc"),
           failure();
  if (!options.shapes.empty())
    return emitError(at, "--shape is for models that leave dimensions open; the shapes of an .mlir file are static"),
           failure();
  weights.addFolder(weightFolderBeside(path));
  OwningOpRef<ModuleOp> module = parseModelFile(path, context);
  if (!module || (usesTosa(*module) && failed(convertTosa(*module, weights))) || failed(verifyModel(*module)))
    return failure();
  return module;
}

// The first stage that asks for a chip.
static int firstTargetStage() {
  for (auto [i, stage] : llvm::enumerate(stages()))
    if (stage.perTarget)
      return i;
  return stages().size();
}

FailureOr<OwningOpRef<ModuleOp>> tinyc::lowerForChip(ModuleOp model, const Chip &chip, int last,
                                                     const StageOptions &options) {
  OwningOpRef<ModuleOp> module = model.clone();
  Attribute already = (*module)->getAttr(tiny::kTargetAttr), target = StringAttr::get(model.getContext(), chip.name);
  if (already && already != target)
    return model.emitError("the model is scheduled for ") << already << " and cannot be compiled for " << chip.name,
           failure();
  (*module)->setAttr(tiny::kTargetAttr, target);
  if (failed(runStages(*module, last, &chip, options)))
    return failure();
  return module;
}

FailureOr<artefact::FileBytes> tinyc::compileModel(ModuleOp model, llvm::ArrayRef<const Chip *> chips,
                                                   const WeightStore &weights, const StageOptions &options) {
  int stage = stageOf(model);
  if (stage < 0 || (stage < firstTargetStage() && failed(runStages(model, firstTargetStage() - 1, nullptr, options))))
    return failure();
  ArtefactAssembler assembler(weights);
  for (const Chip *chip : chips) {
    const Backend *backend = findBackend(*chip);
    if (!backend)
      return model.emitError("this build of tinyc has no back end for ") << chip->name, failure();
    auto module = lowerForChip(model, *chip, stages().size() - 1, options);
    if (failed(module))
      return failure();
    if (options.beforeStage)
      options.beforeStage("emit", chip);
    auto start = std::chrono::steady_clock::now();
    FailureOr<TargetCode> code = backend->emit(**module, *chip, options.emit);
    if (failed(code) || failed(assembler.addTarget(**module, *chip, std::move(*code))))
      return failure();
    if (options.times)
      options.times->push_back(
          {"emit", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()});
  }
  artefact::FileBytes file;
  std::string error;
  (void)llvm::sys::fs::create_directories(cacheFolder()); // else it stays in memory
  if (!artefact::serialize(assembler.artefact(), cacheFolder(), file, error))
    return model.emitError("the artefact cannot be written: ") << error, failure();
  return file;
}

std::vector<const Chip *> tinyc::parseTargets(StringRef list, std::string &error) {
  std::vector<const Chip *> chips;
  SmallVector<StringRef> names;
  list.split(names, ',');
  for (StringRef name : names) {
    const Chip *chip = findChip(name);
    if (!chip) {
      error = ("no target '" + name + "'; there are:").str();
      for (const std::string &known : chipNames())
        error += " " + known;
      return {};
    }
    if (llvm::is_contained(chips, chip)) {
      error = ("target '" + name + "' is named twice").str();
      return {};
    }
    chips.push_back(chip);
  }
  return chips;
}
