// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The flags that name plug-ins, for tools whose command line is MLIR's.

#ifndef TINYC_LIB_PLUGINS_PLUGINFLAGS_H
#define TINYC_LIB_PLUGINS_PLUGINFLAGS_H

#include "mlir/IR/DialectRegistry.h"
#include <vector>

namespace tinyc {

/// Loads what --load-pass-plugin, --load-dialect-plugin and --load-target-plugin name ("=F" or "F" behind them) and
/// takes the flags out of `words`, argv with the program's name: before MLIR reads them, so that passes of plug-ins
/// have flags like all others. Their dialects go into `dialects`. False after an error was printed, behind the tool's
/// name.
bool loadPlugins(std::vector<char *> &words, mlir::DialectRegistry &dialects, llvm::StringRef tool);

} // namespace tinyc

#endif // TINYC_LIB_PLUGINS_PLUGINFLAGS_H
