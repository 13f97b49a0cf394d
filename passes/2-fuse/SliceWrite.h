// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one scatter that is no work: in a loop, into a carried tensor that nothing else reads, at the trip's number.
// Slice after slice is written where the tensor lies, by a copy whose place moves with the trips, or by the launch
// itself.

#ifndef TINYC_PASSES_2_FUSE_SLICEWRITE_H
#define TINYC_PASSES_2_FUSE_SLICEWRITE_H

#include "dialects/Tiny/TinyOps.h"

namespace tinyc {

/// The number of the loop's carried value of which each trip's slice is written; nothing for any other scatter.
std::optional<unsigned> sliceWriteOf(tiny::ScatterOp scatter);

} // namespace tinyc

#endif // TINYC_PASSES_2_FUSE_SLICEWRITE_H
