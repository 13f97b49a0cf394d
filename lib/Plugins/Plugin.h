// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plug-ins: shared libraries that add passes, dialects, importer operators and targets to the tools. A plug-in includes
// this header and says once
//
//   TINYC_PLUGIN("my-plugin", [](tinyc::PluginRegistry &registry) {
//     registry.addPassAt("after-fuse", [](mlir::OpPassManager &pm) { pm.addPass(createMyPass()); });
//   })
//
// which defines the C function tinycGetPlugin. What it returns is checked before anything else of the plug-in is used:
// its size, LLVM's version, and a hash over the headers and TableGen files that the plug-in was compiled with.

#ifndef TINYC_LIB_PLUGINS_PLUGIN_H
#define TINYC_LIB_PLUGINS_PLUGIN_H

#include "dialects/Target/Chip.h"
#include "lib/Onnx/NodeImport.h"
#include "lib/Plugins/AbiHash.h"
#include "lib/Targets/Backend.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Config/llvm-config.h"
#include <cstdint>
#include <functional>
#include <string>

#define TINYC_PLUGIN_EXPORT __attribute__((visibility("default")))

namespace tinyc {

/// What a plug-in may add. Valid only during the call of registerAll; what is added stays to the end of the process.
class PluginRegistry {
public:
  virtual ~PluginRegistry();

  /// Makes a pass known by its flag, to tinyc-opt and to textual pipelines.
  virtual void addPass(std::function<std::unique_ptr<mlir::Pass>()> create) = 0;
  /// Runs what `add` puts into the pass manager (of a module) at "after-import", "after-fuse", "after-schedule" or
  /// "before-emit" of every compilation.
  virtual void addPassAt(llvm::StringRef insertionPoint, std::function<void(mlir::OpPassManager &)> add) = 0;

  /// Models may hold ops of the dialect; a pass at after-import has to take them apart.
  template <typename Dialect> void addDialect() { dialects().insert<Dialect>(); }
  virtual mlir::DialectRegistry &dialects() = 0;

  /// A row of the ONNX importer's table. Its strings live as long as the plug-in.
  virtual void addOnnxOperator(const onnx::Operator &row) = 0;

  /// A chip of a family (the part of its name before ':') that has a back end: one of tinyc's, or of this plug-in.
  virtual void addChip(Chip chip) = 0;
  /// The back end of the chips of `family` whose kind is ChipKind::Other.
  virtual void addBackend(llvm::StringRef family, std::unique_ptr<Backend> backend) = 0;
};

/// The C entry's answer. `size` stays first, and `llvmVersion` and `abi` follow, in every version.
struct PluginInfo {
  uint32_t size;
  const char *llvmVersion;
  const char *abi;
  const char *name;
  void (*registerAll)(PluginRegistry &);
};

#define TINYC_PLUGIN(NAME, ...)                                                                                        \
  extern "C" TINYC_PLUGIN_EXPORT const tinyc::PluginInfo *tinycGetPlugin() {                                           \
    static const tinyc::PluginInfo info = {sizeof(tinyc::PluginInfo), LLVM_VERSION_STRING, TINYC_ABI_HASH, NAME,       \
                                           __VA_ARGS__};                                                               \
    return &info;                                                                                                      \
  }

/// What the flag that names a plug-in promises: a plug-in that adds nothing of the kind is refused.
enum class PluginKind { Pass, Dialect, Target };

/// Loads the plug-in at `path`, which stays loaded, and puts its dialects into `dialects`. A second call with the same
/// file, by whatever path, does only the latter. False, with a sentence that names the file in `error`, if it is
/// missing or no plug-in, if it was built for another LLVM or another tinyc, if it adds nothing of its `kind`, or if
/// what it adds cannot be added.
bool loadPlugin(const std::string &path, PluginKind kind, mlir::DialectRegistry &dialects, std::string &error);

} // namespace tinyc

#endif // TINYC_LIB_PLUGINS_PLUGIN_H
