// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pooling: reductions over sliding windows.

#ifndef TINYC_LIB_BUILDERS_POOLING_H
#define TINYC_LIB_BUILDERS_POOLING_H

#include "lib/Builders/Contraction.h"

namespace tinyc::compose {

/// Maximum over windows of the last dimensions; the padding takes no part.
mlir::Value maxPool(Builder &b, mlir::Value x, llvm::ArrayRef<Window> windows, bool ceil);
/// Sum over windows of the last dimensions.
mlir::Value sumPool(Builder &b, mlir::Value x, llvm::ArrayRef<Window> windows, bool ceil);
/// Mean over windows; the padding counts as zeros if `countPadding`, else it takes no part.
mlir::Value averagePool(Builder &b, mlir::Value x, llvm::ArrayRef<Window> windows, bool ceil, bool countPadding);

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_POOLING_H
