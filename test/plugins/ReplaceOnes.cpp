// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A plug-in that writes NUMBER in place of every constant that is 1: built for several numbers, it is one that changes.

#include "dialects/Tiny/TinyOps.h"
#include "lib/Plugins/Plugin.h"

using namespace mlir;
using namespace tinyc;

namespace {
struct ReplaceOnes : PassWrapper<ReplaceOnes, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ReplaceOnes)

  StringRef getArgument() const override { return "replace-ones"; }
  StringRef getDescription() const override { return "Writes a number in place of ones"; }

  void runOnOperation() override {
    getOperation().walk([](tiny::ConstOp constant) {
      auto value = dyn_cast<SplatElementsAttr>(constant.getValue());
      if (value && value.getElementType().isF32() && value.getSplatValue<APFloat>().isExactlyValue(1.0))
        constant.setValueAttr(DenseElementsAttr::get(value.getType(), APFloat(static_cast<float>(NUMBER))));
    });
  }
};
} // namespace

TINYC_PLUGIN("replace-ones", [](PluginRegistry &registry) {
  registry.addPassAt("after-import", [](OpPassManager &pm) { pm.addPass(std::make_unique<ReplaceOnes>()); });
})
