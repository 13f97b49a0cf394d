// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plug-ins: shared libraries that add dialects, and passes at the pipeline's insertion points. A plug-in includes this
// header and defines
//
//   extern "C" TINYC_PLUGIN_EXPORT const tinyc::PluginInfo *tinycGetPlugin() {
//     static const tinyc::PluginInfo info = {sizeof(info), LLVM_VERSION_STRING, tinyc::kPluginAbi, "my-plugin",
//         [](tinyc::PluginRegistry &registry) {
//           registry.addPassAt("after-fuse", [](mlir::OpPassManager &pm) { pm.addPass(createMyPass()); });
//         }};
//     return &info;
//   }
//
// The size and the two versions are compared before anything else of the plug-in is used.

#ifndef TINYC_LIB_PLUGINS_PASSPLUGIN_H
#define TINYC_LIB_PLUGINS_PASSPLUGIN_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include <cstdint>
#include <functional>
#include <string>

#define TINYC_PLUGIN_EXPORT __attribute__((visibility("default")))

namespace tinyc {

/// Changes whenever something changes that plug-ins see: the dialect's ops, this header, the insertion points.
constexpr const char *kPluginAbi = "tinyc-0.1-1";

/// What a plug-in may add. Valid only during the call of registerAll.
class PluginRegistry {
public:
  explicit PluginRegistry(mlir::DialectRegistry &dialects) : dialects(dialects) {}
  virtual ~PluginRegistry() = default;

  /// Runs what `add` puts into the pass manager (of a module) at "after-import", "after-fuse", "after-schedule" or
  /// "before-emit".
  virtual void addPassAt(llvm::StringRef insertionPoint, std::function<void(mlir::OpPassManager &)> add) = 0;

  mlir::DialectRegistry &dialects;
};

struct PluginInfo {
  uint32_t size;
  const char *llvmVersion;
  const char *abi;
  const char *name;
  void (*registerAll)(PluginRegistry &);
};

/// Loads the plug-in at `path`, which stays loaded. False, with a sentence that names the file in `error`, if it cannot
/// be opened, has no entry, was built for another LLVM or tinyc, or names an insertion point that does not exist.
bool loadPassPlugin(const std::string &path, mlir::DialectRegistry &dialects, std::string &error);

} // namespace tinyc

#endif // TINYC_LIB_PLUGINS_PASSPLUGIN_H
