// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Groups of opcodes without rows: their instructions are refused as unknown.
#include "test/emulators/cuda/Lanes.h"

namespace tinyc::emulator::ptx {

void bindApproximateDivision(Decoder &D, Modifiers &M, const Statement &S, Instruction &I, bool Full) {
  D.fail("unknown instruction: approximate division is not supported");
}
std::vector<BinderRow> approximateBinders() { return {}; }
std::vector<BinderRow> convertBinders() { return {}; }
std::vector<BinderRow> atomicBinders() { return {}; }
std::vector<BinderRow> asyncBinders() { return {}; }
std::vector<BinderRow> warpBinders() { return {}; }
std::vector<BinderRow> matrixBinders() { return {}; }
std::vector<BinderRow> wmmaBinders() { return {}; }

} // namespace tinyc::emulator::ptx
