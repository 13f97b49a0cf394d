// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What this CPU reaches: multiply-adds, and reading memory.

#ifndef TINYC_TOOLS_TINYC_MEASURECPU_H
#define TINYC_TOOLS_TINYC_MEASURECPU_H

#include "runtime/tensorio/DeviceLimits.h"

#include "llvm/ADT/StringRef.h"

namespace tinyc {

/// Measures for about half a second; the best of several short tries, so that a busy machine spoils little.
tensorio::CpuLimits measureCpu();

/// Limits of the device "cpu", "cuda:0" that runs `threads` threads (0: all usable) and has the chip "cpu",
/// "nvidia:sm_80". Those of the CPU are measured now if they are not in the cache, and kept there; those of other chips
/// are the vendor's, out of the chip's row. Not known for the reference.
tensorio::DeviceLimits limitsOfDevice(llvm::StringRef device, llvm::StringRef chip, unsigned threads);

} // namespace tinyc

#endif // TINYC_TOOLS_TINYC_MEASURECPU_H
