// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opening plug-ins, checking what they were built for, and taking what they add.

#include "lib/Plugins/Plugin.h"

#include "lib/Cache/CompilerIdentity.h"
#include "lib/Pipeline/Stages.h"
#include "lib/Plugins/SharedObject.h"

#include "mlir/IR/BuiltinDialect.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <dlfcn.h>
#include <map>

using namespace tinyc;

PluginRegistry::~PluginRegistry() = default;

namespace {
/// Adds at once; `problem` says what the first addition that was refused is. It follows the words "plug-in 'path'".
class Registry : public PluginRegistry {
public:
  explicit Registry(mlir::DialectRegistry &into) : into(into) {}

  void addPass(std::function<std::unique_ptr<mlir::Pass>()> create) override {
    hasPasses = true;
    mlir::registerPass(create);
  }
  void addPassAt(llvm::StringRef point, std::function<void(mlir::OpPassManager &)> add) override {
    hasPasses = true;
    if (!tinyc::addPassAt(point, std::move(add)))
      refuse("adds a pass at '" + point + "': expected after-import, after-fuse, after-schedule or before-emit");
  }
  mlir::DialectRegistry &dialects() override { return into; }
  void addOnnxOperator(const onnx::Operator &row) override {
    if (!onnx::registerOperator(row))
      refuse("adds the ONNX operator " + row.name + " of " + (row.domain.empty() ? "ai.onnx" : row.domain) +
             " from version " + llvm::Twine(row.since) + " on, which is there already");
  }
  void addChip(Chip chip) override {
    hasTargets = true;
    chips.push_back(chip.name);
    if (!registerChip(std::move(chip)))
      refuse("adds the chip " + chips.back() + ", which is there already");
  }
  void addBackend(llvm::StringRef family, std::unique_ptr<Backend> backend) override {
    hasTargets = true;
    if (!registerBackend(family, std::move(backend)))
      refuse("adds a back end for '" + family + "', which has one already");
  }

  void refuse(const llvm::Twine &why) {
    if (problem.empty())
      problem = why.str();
  }

  bool hasPasses = false, hasTargets = false;
  std::vector<std::string> chips;
  std::string problem;

private:
  mlir::DialectRegistry &into;
};
} // namespace

// What is wrong with the entry's answer; empty if nothing is.
static std::string whyNotOurs(const PluginInfo *info) {
  if (!info)
    return "gives nothing: its function tinycGetPlugin returned null";
  if (info->size != sizeof(PluginInfo))
    return "was built for another tinyc: its entry has " + std::to_string(info->size) + " bytes, expected " +
           std::to_string(sizeof(PluginInfo));
  if (llvm::StringRef(info->llvmVersion) != LLVM_VERSION_STRING)
    return std::string("was built for LLVM ") + info->llvmVersion + ", this tinyc has " LLVM_VERSION_STRING;
  if (llvm::StringRef(info->abi) != TINYC_ABI_HASH)
    return std::string("was built for another tinyc: its interface is ") + info->abi +
           ", this tinyc's is " TINYC_ABI_HASH;
  return "";
}

namespace {
/// What a plug-in that was loaded has added.
struct Loaded {
  mlir::DialectRegistry dialects;
  bool hasPasses = false, hasTargets = false;

  /// Why it is not what the flag promises; empty if it is.
  std::string whyNot(PluginKind kind) const {
    if (kind == PluginKind::Pass && !hasPasses)
      return "adds no pass, and was loaded as a plug-in with passes";
    // A registry has MLIR's builtin dialect from the start.
    if (kind == PluginKind::Dialect && llvm::all_of(dialects.getDialectNames(), [](llvm::StringRef name) {
          return name == mlir::BuiltinDialect::getDialectNamespace();
        }))
      return "adds no dialect, and was loaded as a plug-in with one";
    if (kind == PluginKind::Target && !hasTargets)
      return "adds no chip and no back end, and was loaded as a plug-in with a target";
    return "";
  }
};
} // namespace

static std::string load(const std::string &path, Loaded &loaded) {
  auto bytes = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!bytes)
    return "cannot be read: " + bytes.getError().message();
  if (std::string why = whyNoPlugin((*bytes)->getMemBufferRef(), "tinycGetPlugin"); !why.empty())
    return why;
  // All symbols now: one that is missing would end the program in the middle of a pass. A path, not a name that is
  // searched for.
  std::string file = llvm::StringRef(path).contains('/') ? path : "./" + path;
  void *library = nullptr;
  loadIntoIdentity(file, (*bytes)->getBuffer(), [&] { library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL); });
  if (!library)
    return std::string("cannot be loaded: ") + ::dlerror();
  auto *entry = reinterpret_cast<const PluginInfo *(*)()>(::dlsym(library, "tinycGetPlugin"));
  const PluginInfo *info = entry ? entry() : nullptr;
  if (std::string why = whyNotOurs(info); !why.empty())
    return why;
  Registry registry(loaded.dialects);
  info->registerAll(registry);
  for (const std::string &name : registry.chips)
    if (const Chip *chip = findChip(name); chip && !findBackend(*chip))
      registry.refuse("adds the chip " + name + " and no back end for '" + chip->family() + "'");
  loaded.hasPasses = registry.hasPasses;
  loaded.hasTargets = registry.hasTargets;
  return registry.problem;
}

bool tinyc::loadPlugin(const std::string &path, PluginKind kind, mlir::DialectRegistry &dialects, std::string &error) {
  // Once a file, by whatever path: a tool makes a context for each model, and passes must not join the pipeline twice.
  static std::map<llvm::sys::fs::UniqueID, Loaded> plugins;
  llvm::sys::fs::UniqueID id;
  std::string why;
  if (std::error_code code = llvm::sys::fs::getUniqueID(path, id)) {
    why = "cannot be read: " + code.message();
  } else {
    auto found = plugins.find(id);
    if (found == plugins.end()) {
      Loaded loaded;
      why = load(path, loaded);
      if (why.empty())
        found = plugins.emplace(id, std::move(loaded)).first;
    }
    if (why.empty())
      why = found->second.whyNot(kind);
    if (why.empty())
      return found->second.dialects.appendTo(dialects), true;
  }
  error = "plug-in '" + path + "' " + why;
  return false;
}
