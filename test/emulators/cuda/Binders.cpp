// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All opcodes in one map.
#include "test/emulators/cuda/Decoder.h"

namespace tinyc::emulator::ptx {

Binder binderOf(const std::string &Root) {
  static const std::map<std::string, Binder> All = [] {
    std::map<std::string, Binder> Map;
    for (auto Table : {integerBinders, bitBinders, floatBinders, halfBinders, approximateBinders, convertBinders,
                       compareBinders, moveBinders, memoryBinders, atomicBinders, asyncBinders, warpBinders,
                       controlBinders, matrixBinders, wmmaBinders})
      for (const BinderRow &Row : Table())
        Map[Row.Root] = Row.Bind;
    return Map;
  }();
  auto It = All.find(Root);
  return It == All.end() ? nullptr : It->second;
}

} // namespace tinyc::emulator::ptx
