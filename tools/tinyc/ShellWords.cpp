// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quoting for a POSIX shell.

#include "tools/tinyc/ShellWords.h"

std::string tinyc::shellQuoted(llvm::StringRef text) {
  std::string quoted = "'";
  for (char c : text)
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  return quoted + "'";
}

std::string tinyc::shellWord(llvm::StringRef word) {
  bool plain = !word.empty() && word.find_first_of(" \t\n'\"\\$`*?[]{}()<>|&;#~!") == llvm::StringRef::npos;
  return plain ? word.str() : shellQuoted(word);
}
