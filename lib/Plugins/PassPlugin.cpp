// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opening plug-ins and checking what they were built for.

#include "lib/Plugins/PassPlugin.h"

#include "lib/Pipeline/Stages.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/DynamicLibrary.h"
#include <dlfcn.h>

using namespace tinyc;

namespace {
struct Registry : PluginRegistry {
  using PluginRegistry::PluginRegistry;

  void addPassAt(llvm::StringRef insertionPoint, std::function<void(mlir::OpPassManager &)> add) override {
    if (!tinyc::addPassAt(insertionPoint, std::move(add)))
      unknown = insertionPoint.str();
  }

  std::string unknown;
};
} // namespace

bool tinyc::loadPassPlugin(const std::string &path, mlir::DialectRegistry &dialects, std::string &error) {
  auto refuse = [&](const std::string &why) {
    error = "plug-in '" + path + "' " + why;
    return false;
  };
  std::string reason;
  // All symbols now: one that is missing would end the program in the middle of a pass.
  if (!::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL))
    return refuse(std::string("cannot be loaded: ") + ::dlerror());
  auto library = llvm::sys::DynamicLibrary::getPermanentLibrary(path.c_str(), &reason);
  if (!library.isValid())
    return refuse("cannot be loaded: " + reason);
  auto *entry = reinterpret_cast<const PluginInfo *(*)()>(library.getAddressOfSymbol("tinycGetPlugin"));
  if (!entry)
    return refuse("has no function tinycGetPlugin: it is no tinyc plug-in");
  const PluginInfo &info = *entry();
  if (info.size != sizeof(PluginInfo))
    return refuse("was built for another tinyc: its entry has " + std::to_string(info.size) + " bytes, expected " +
                  std::to_string(sizeof(PluginInfo)));
  if (llvm::StringRef(info.llvmVersion) != LLVM_VERSION_STRING)
    return refuse(std::string("was built for LLVM ") + info.llvmVersion + ", this tinyc has " LLVM_VERSION_STRING);
  if (llvm::StringRef(info.abi) != kPluginAbi)
    return refuse(std::string("was built for plug-in interface ") + info.abi + ", this tinyc has " + kPluginAbi);
  Registry registry(dialects);
  info.registerAll(registry);
  if (!registry.unknown.empty())
    return refuse("adds a pass at '" + registry.unknown +
                  "': expected after-import, after-fuse, after-schedule or before-emit");
  return true;
}
