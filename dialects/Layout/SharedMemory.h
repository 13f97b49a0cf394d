// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What linear layouts say about shared memory: how wide one lane's access can be, how often lanes of one access meet
// in a bank, whether a matrix load (ldmatrix) gives the wanted registers, and which placement of a tile lets all of
// its writers and readers go without conflicts.
//
// A placement is a layout from the tile's coordinates (dim0, dim1, ..) to one dimension, the offset in elements.

#ifndef TINYC_DIALECTS_LAYOUT_SHAREDMEMORY_H
#define TINYC_DIALECTS_LAYOUT_SHAREDMEMORY_H

#include "dialects/Layout/LinearLayout.h"

namespace tinyc {

/// Register bits that step through consecutive offsets: 1, 2, 4, .. elements. One access moves 2^size of them.
using VectorBits = llvm::SmallVector<unsigned, 4>;

/// The longest run of register bits of `offsets` (a layout to one dimension) with bases 1, 2, 4, .., at most `most`
/// elements. All other bases must keep the alignment, or the run ends.
VectorBits vectorBits(const LinearLayout &offsets, int64_t most);

/// How many times the 32 banks of four bytes are visited by one access of one warp: distinct words of one bank are
/// visited one after the other. Accesses of 8 and 16 bytes a lane go by half and quarter warps. `ideal` gets the number
/// of visits if no bank had to wait.
int64_t bankVisits(const LinearLayout &offsets, const VectorBits &vector, int64_t elementBytes,
                   int64_t *ideal = nullptr);

/// Visits over the ideal: 0 means free of conflicts.
int64_t bankConflicts(const LinearLayout &offsets, const VectorBits &vector, int64_t elementBytes);

/// A matrix load reads 8x8 matrices of 16-bit elements, each row 16 consecutive bytes at an address that one lane
/// gives. Lane l of the result holds elements 2*(l%4), 2*(l%4)+1 of row l/4, or with `transpose` of the columns.
struct MatrixLoad {
  bool transpose;
  unsigned pairBit;                            ///< register bit of the two elements of a register
  llvm::SmallVector<unsigned, 2> matrixBits;   ///< register bits that choose among the 1, 2 or 4 matrices
  llvm::SmallVector<int64_t, 5> addressOfLane; ///< offset that each bit of the lane adds to the address it gives
};

/// The matrix load that fills registers laid out as `offsets` says; none if the layout does not fit.
std::optional<MatrixLoad> matrixLoad(const LinearLayout &offsets, int64_t elementBytes);

/// Row-major in `order` (fastest dimension first), with chunks of `chunk` elements exchanged by bits of the row number:
/// the bits [firstRow, firstRow + rows) move the chunk within its line of the banks, and so do those from `secondRow`
/// on (if given), where writers and readers differ in the rows that they touch at once. Bijective for all arguments.
LinearLayout swizzledPlacement(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> order, int64_t chunk,
                               unsigned firstRow, unsigned rows, std::optional<unsigned> secondRow = std::nullopt);

/// One way in which a tile in shared memory is written or read.
struct SharedAccess {
  LinearLayout layout;      ///< register, lane, warp -> the tile's coordinates
  bool matrixLoads = false; ///< the chip has matrix loads, and this is a read
  int64_t width = 1;        ///< elements that must stay together (an asynchronous copy's)
  int64_t fastest = -1;     ///< the dimension along which they stay together
};

/// Cost of one access by all registers: visits of banks plus instructions issued.
int64_t sharedCost(const SharedAccess &access, const LinearLayout &placement, int64_t elementBytes);

/// The cheapest placement for all the accesses, first of equals. It is proven bijective. `cost` gets their sum.
LinearLayout choosePlacement(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<SharedAccess> accesses, int64_t elementBytes,
                             int64_t *cost = nullptr);

} // namespace tinyc

#endif // TINYC_DIALECTS_LAYOUT_SHAREDMEMORY_H
