// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A plug-in that is wrong in the way that a macro says; each is refused with one sentence that names the file.

#include "lib/Plugins/Plugin.h"

using namespace tinyc;

#ifdef UNDEFINED_SYMBOL
void functionThatNobodyDefines();
#endif

static void registerAll(PluginRegistry &registry) {
#if defined(UNKNOWN_POINT)
  registry.addPassAt("after-lunch", [](mlir::OpPassManager &) {});
#elif defined(TAKEN_CHIP)
  registry.addChip(*findChip("cpu"));
#elif defined(CHIP_WITHOUT_BACKEND)
  Chip chip{};
  chip.name = "orphan:v1";
  chip.kind = ChipKind::Other;
  registry.addChip(chip);
#elif defined(TAKEN_OPERATOR)
  registry.addOnnxOperator({"Relu", 1, 1, 1, onnx::Narrow::Keep, [](onnx::NodeImport &n) { return n[0]; }});
#elif defined(UNDEFINED_SYMBOL)
  functionThatNobodyDefines();
#endif
}

#ifndef NO_ENTRY
extern "C" TINYC_PLUGIN_EXPORT const PluginInfo *tinycGetPlugin() {
#ifdef NULL_ENTRY
  return nullptr;
#endif
  static PluginInfo info = {sizeof(info), LLVM_VERSION_STRING, TINYC_ABI_HASH, "broken", registerAll};
#if defined(OTHER_LLVM)
  info.llvmVersion = "21.1.8";
#elif defined(OTHER_ABI)
  info.abi = "0123456789abcdef";
#elif defined(OTHER_SIZE)
  info.size = 8;
#endif
  return &info;
}
#else
void useTheFunction() { (void)registerAll; }
#endif
