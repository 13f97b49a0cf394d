// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Flags of plug-ins.

#include "lib/Plugins/PluginFlags.h"

#include "lib/Plugins/Plugin.h"

#include "llvm/Support/raw_ostream.h"

using namespace tinyc;

bool tinyc::loadPlugins(std::vector<char *> &words, mlir::DialectRegistry &dialects, llvm::StringRef tool) {
  const std::pair<llvm::StringRef, PluginKind> flags[] = {{"load-pass-plugin", PluginKind::Pass},
                                                          {"load-dialect-plugin", PluginKind::Dialect},
                                                          {"load-target-plugin", PluginKind::Target}};
  std::vector<char *> rest;
  for (size_t i = 0; i < words.size(); ++i) {
    auto [name, value] = llvm::StringRef(words[i]).split('=');
    auto *flag =
        llvm::find_if(flags, [&](auto &f) { return name == ("-" + f.first).str() || name == ("--" + f.first).str(); });
    if (flag == std::end(flags)) {
      rest.push_back(words[i]);
      continue;
    }
    if (value.empty() && i + 1 < words.size())
      value = words[++i];
    std::string error;
    if (!loadPlugin(value.str(), flag->second, dialects, error))
      return llvm::errs() << tool << ": " << error << "\n", false;
  }
  words = rest;
  return true;
}
