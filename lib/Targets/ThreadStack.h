// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How much stack a thread gets that recurses over what it compiles.

#ifndef TINYC_LIB_TARGETS_THREADSTACK_H
#define TINYC_LIB_TARGETS_THREADSTACK_H

#include <algorithm>
#include <sys/resource.h>

namespace tinyc {

/// `wanted` bytes, of which pages are taken only when they are used. But a limit on private memory (RLIMIT_DATA) counts
/// all of a stack: then at most an eighth of that.
inline unsigned stackBytes(unsigned wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return wanted;
  constexpr rlim_t least = 1u << 20;
  return static_cast<unsigned>(std::clamp<rlim_t>(limit.rlim_cur / 8, least, wanted));
}

} // namespace tinyc

#endif // TINYC_LIB_TARGETS_THREADSTACK_H
