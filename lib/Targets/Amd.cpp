// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// AMD: LLVM's object, linked by lld in this process to a code object of version 5. No device libraries: all functions
// are ours.

#include "lib/Targets/GpuCode.h"
#include "lib/Targets/Link.h"
#include "passes/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;
using namespace tinyc;

// Older drivers read version 5; LLVM's default is 6.
static constexpr unsigned kCodeObjectVersion = 500;

namespace {
class AmdBackend : public Backend {
public:
  void addLanePasses(OpPassManager &pm, const Chip &chip) const override { addGpuLanePasses(pm, chip); }

  void addLowerPasses(OpPassManager &pm, const Chip &) const override {
    addGpuLowerPasses(pm);
    pm.addNestedPass<gpu::GPUModuleOp>(createLowerAmd());
  }

  FailureOr<TargetCode> emit(ModuleOp module, const Chip &chip, const EmitOptions &options) const override {
    TargetCode code;
    code.kernels = deviceKernels(module);
    if (isWanted(options, CodeForm::Assembly, false)) {
      FailureOr<std::string> text =
          compileDevice(module, chip, llvm::CodeGenFileType::AssemblyFile, kCodeObjectVersion);
      if (failed(text))
        return failure();
      code.blobs.push_back({CodeForm::Assembly, std::vector<uint8_t>(text->begin(), text->end())});
    }
    if (!isWanted(options, CodeForm::Hsaco, true) && !isWanted(options, CodeForm::Object, false))
      return code;
    FailureOr<std::string> object = compileDevice(module, chip, llvm::CodeGenFileType::ObjectFile, kCodeObjectVersion);
    if (failed(object))
      return failure();
    if (isWanted(options, CodeForm::Object, false))
      code.blobs.push_back({CodeForm::Object, std::vector<uint8_t>(object->begin(), object->end())});
    if (isWanted(options, CodeForm::Hsaco, true)) {
      CodeBlob hsaco{CodeForm::Hsaco, {}};
      std::string error;
      if (!linkObjects({ArrayRef<char>(object->data(), object->size())}, {"-shared"}, hsaco.bytes, error))
        return module.emitError("lld could not link the code for ") << chip.cpu << ": " << error;
      code.blobs.push_back(std::move(hsaco));
    }
    return code;
  }
};
} // namespace

const Backend &tinyc::amdBackend() {
  static AmdBackend backend;
  return backend;
}
