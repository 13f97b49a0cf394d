// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Along which dimensions a tile is the same: an index that does not differ along a row is one address for all of it.

#ifndef TINYC_PASSES_4_TILE_TILEVARIATION_H
#define TINYC_PASSES_4_TILE_TILEVARIATION_H

#include "mlir/IR/Value.h"

namespace tinyc {

/// Whether elements of `tile` that differ only in their coordinate `dim` may differ; true if that cannot be told.
bool variesAlong(mlir::Value tile, unsigned dim);

} // namespace tinyc

#endif // TINYC_PASSES_4_TILE_TILEVARIATION_H
