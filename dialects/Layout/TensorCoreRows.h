// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of matrix instructions. A row says what one instruction multiplies and which lane and register holds each
// element of its operands: A is m x k, B is k x n, C and D are m x n. A schedule names a row; the passes read the row.
// On a CPU there is one lane, and a fragment's registers are its bytes in the order in which memory holds them: how
// operands are packed follows from that.

#ifndef TINYC_DIALECTS_LAYOUT_TENSORCOREROWS_H
#define TINYC_DIALECTS_LAYOUT_TENSORCOREROWS_H

#include "dialects/Layout/LinearLayout.h"

namespace tinyc {

struct TensorCoreRow {
  std::string name;        ///< as in a schedule and in a chip's row of facts
  int64_t m, n, k;         ///< of one instruction, for all lanes of a warp
  std::string left, right; ///< element types of A and of B: "f16", "ui8", ..; empty for any float
  std::string result;      ///< element type of C and D
  LinearLayout a, b, c;
  std::string document;  ///< the vendor's page that gives these layouts
  double cycles = 0;     ///< from one instruction to the next independent one; 0 if it is no CPU's
  int64_t registers = 0; ///< of the instruction's own, each for one fragment; 0 where fragments are in the chip's
};

/// The row called `name`, null if there is none.
const TensorCoreRow *findTensorCoreRow(llvm::StringRef name);
llvm::ArrayRef<TensorCoreRow> tensorCoreRows();

/// The consecutive k that B's registers hold side by side before the next column.
int64_t neighbouringK(const TensorCoreRow &row);

/// The layouts of a block's tile when warps form a grid of warpsM x warpsN: each warp holds a compact part of C, made
/// of instruction tiles, columns first. Null optional if the sizes are no multiples.
struct ContractionLayouts {
  LinearLayout a, b, c;
};
std::optional<ContractionLayouts> contractionLayouts(const TensorCoreRow &row, int64_t m, int64_t n, int64_t k,
                                                     int64_t warpsM, int64_t warpsN);

} // namespace tinyc

#endif // TINYC_DIALECTS_LAYOUT_TENSORCOREROWS_H
