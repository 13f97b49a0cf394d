// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files and standard output, written so that a full disk is an error and not a file cut short.

#ifndef TINYC_TOOLS_OUTPUT_OUTPUTFILE_H
#define TINYC_TOOLS_OUTPUT_OUTPUTFILE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace tinyc {

/// Writes what `print` prints. A regular file is replaced as a whole or not at all; '-' and an empty path are standard
/// output. False, after a sentence that begins with the tool's name and names the path was printed to stderr.
bool writeFile(const std::string &path, llvm::function_ref<void(llvm::raw_ostream &)> print,
               llvm::StringRef tool = "tinyc");

/// Flushes standard output, written by printf or llvm::outs(). False, after an error was printed, if any of it is lost.
bool finishStandardOutput(llvm::StringRef tool = "tinyc");

} // namespace tinyc

#endif // TINYC_TOOLS_OUTPUT_OUTPUTFILE_H
