// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An entry point's signature, a target's plan and code.

#include "lib/Compiler/BuildArtefact.h"

#include "dialects/Tiny/TinyOps.h"
#include "lib/Compiler/PlanBuilder.h"
#include "lib/Onnx/Import.h"

#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;
using namespace tinyc;

artefact::DType tinyc::dtypeOf(Type element) {
  using artefact::DType;
  if (auto integer = dyn_cast<IntegerType>(element)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return DType::Bool;
    case 8:
      return isUnsigned ? DType::U8 : DType::I8;
    case 16:
      return isUnsigned ? DType::U16 : DType::I16;
    case 32:
      return isUnsigned ? DType::U32 : DType::I32;
    case 64:
      return isUnsigned ? DType::U64 : DType::I64;
    }
    return DType::Invalid;
  }
  if (element.isF16())
    return DType::F16;
  if (element.isBF16())
    return DType::BF16;
  if (element.isF32())
    return DType::F32;
  if (element.isF64())
    return DType::F64;
  if (isa<Float8E4M3FNType>(element))
    return DType::F8E4M3FN;
  if (isa<Float8E5M2Type>(element))
    return DType::F8E5M2;
  if (isa<Float8E4M3FNUZType>(element))
    return DType::F8E4M3FNUZ;
  if (isa<Float8E5M2FNUZType>(element))
    return DType::F8E5M2FNUZ;
  return DType::Invalid;
}

func::FuncOp tinyc::findMain(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    module.emitError("expected a function @main, the model's entry point");
  return main;
}

artefact::Tensor tinyc::tensorOf(StringRef name, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return {name.str(), dtypeOf(tensor.getElementType()), std::vector<int64_t>(tensor.getShape())};
}

artefact::EntryPoint tinyc::entryPointOf(func::FuncOp main) {
  artefact::EntryPoint entry;
  entry.name = "main";
  auto name = [](DictionaryAttr attributes, StringRef otherwise, unsigned i) {
    auto given = attributes ? attributes.getAs<StringAttr>(tiny::kNameAttr) : StringAttr();
    return given ? given.str() : (otherwise + Twine(i)).str();
  };
  for (auto [i, type] : llvm::enumerate(main.getArgumentTypes())) {
    entry.inputs.push_back(tensorOf(name(main.getArgAttrDict(i), "input", i), type));
    if (auto value = main.getArgAttrOfType<TypedAttr>(i, kValueAttr)) {
      TensorRef tensor = tinyc::tensorOf(value);
      const auto *bytes = reinterpret_cast<const uint8_t *>(tensor->bytes.data());
      entry.inputs.back().value.assign(bytes, bytes + tensor->bytes.size());
    }
  }
  for (auto [i, type] : llvm::enumerate(main.getResultTypes()))
    entry.outputs.push_back(tensorOf(name(main.getResultAttrDict(i), "output", i), type));
  return entry;
}

LogicalResult ArtefactAssembler::addEntry(func::FuncOp main) {
  artefact::EntryPoint entry = entryPointOf(main);
  if (result.entryPoints.empty()) {
    result.entryPoints.push_back(std::move(entry));
    return success();
  }
  auto same = [](const std::vector<artefact::Tensor> &a, const std::vector<artefact::Tensor> &b) {
    return llvm::equal(a, b, [](const artefact::Tensor &x, const artefact::Tensor &y) {
      return x.name == y.name && x.dtype == y.dtype && x.shape == y.shape;
    });
  };
  if (!same(entry.inputs, result.entryPoints[0].inputs) || !same(entry.outputs, result.entryPoints[0].outputs))
    return main.emitError("targets of one artefact must agree on inputs and outputs");
  return success();
}

static artefact::CodeKind codeKind(CodeForm form) {
  switch (form) {
  case CodeForm::Ptx:
    return artefact::CodeKind::Ptx;
  case CodeForm::Cubin:
    return artefact::CodeKind::Cubin;
  case CodeForm::Hsaco:
    return artefact::CodeKind::Hsaco;
  case CodeForm::Plugin:
    return artefact::CodeKind::Plugin;
  default:
    return artefact::CodeKind::ElfSharedObject;
  }
}

static artefact::TargetKind targetKind(ChipKind kind) {
  switch (kind) {
  case ChipKind::Cpu:
    return artefact::TargetKind::Cpu;
  case ChipKind::Nvidia:
    return artefact::TargetKind::Cuda;
  case ChipKind::Amd:
    return artefact::TargetKind::Hip;
  case ChipKind::Other:
    return artefact::TargetKind::Plugin;
  }
  llvm_unreachable("all kinds are above");
}

LogicalResult ArtefactAssembler::addTarget(ModuleOp module, const Chip &chip, TargetCode code) {
  func::FuncOp main = findMain(module);
  if (!main || failed(addEntry(main)))
    return failure();
  artefact::Target target;
  target.name = chip.name;
  target.kind = targetKind(chip.kind);
  target.features = code.features;
  PlanBuilder builder(result, target, weights, constants);
  if (failed(builder.build(main, code)))
    return failure();
  artefact::Module &forms = target.modules.emplace_back();
  for (CodeBlob &blob : code.blobs) {
    if (blob.form == CodeForm::Assembly || blob.form == CodeForm::Object)
      continue; // for people, not for drivers
    bool anyChip = blob.form == CodeForm::Elf || blob.form == CodeForm::Ptx;
    forms.forms.push_back({codeKind(blob.form), anyChip ? "" : chip.cpu, std::move(blob.bytes)});
  }
  result.producer = "tinyc " TINYC_VERSION;
  result.targets.push_back(std::move(target));
  return success();
}
