// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of matrix instructions. A row says what one instruction multiplies and which lane and register holds each
// element of its operands: A is m x k, B is k x n, C and D are m x n. A schedule names a row; the passes read the row.

#ifndef TINYC_DIALECTS_LAYOUT_TENSORCOREROWS_H
#define TINYC_DIALECTS_LAYOUT_TENSORCOREROWS_H

#include "dialects/Layout/LinearLayout.h"

namespace tinyc {

struct TensorCoreRow {
  std::string name;    ///< as in a schedule and in a chip's row of facts
  int64_t m, n, k;     ///< of one instruction, for all lanes of a warp
  std::string operand; ///< element type of A and B: "f16", "bf16", "f32"; empty for any float
  std::string result;  ///< element type of C and D
  LinearLayout a, b, c;
  std::string document; ///< the vendor's page that gives these layouts
};

/// The row called `name`, null if there is none.
const TensorCoreRow *findTensorCoreRow(llvm::StringRef name);
llvm::ArrayRef<TensorCoreRow> tensorCoreRows();

/// The layouts of a block's tile when warps form a grid of warpsM x warpsN: each warp holds a compact part of C, made
/// of instruction tiles, columns first. Null optional if the sizes are no multiples.
struct ContractionLayouts {
  LinearLayout a, b, c;
};
std::optional<ContractionLayouts> contractionLayouts(const TensorCoreRow &row, int64_t m, int64_t n, int64_t k,
                                                     int64_t warpsM, int64_t warpsN);

} // namespace tinyc

#endif // TINYC_DIALECTS_LAYOUT_TENSORCOREROWS_H
