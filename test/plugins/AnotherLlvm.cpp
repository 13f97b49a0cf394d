// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stands for a library of another LLVM, and for a plug-in that it was linked into: its initialiser would end the
// process.

#include <cstdlib>

#ifndef ENTRY_ONLY
namespace llvm::cl {
__attribute__((visibility("default"))) void AddLiteralOption() { std::abort(); }
static const int registered = (AddLiteralOption(), 0);
} // namespace llvm::cl
#else
namespace llvm::cl {
void AddLiteralOption();
}
#endif

extern "C" __attribute__((visibility("default"))) const void *tinycGetPlugin() {
  llvm::cl::AddLiteralOption();
  return nullptr;
}
