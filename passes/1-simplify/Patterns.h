// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rewrites of `simplify`, by subject.

#ifndef TINYC_PASSES_1_SIMPLIFY_PATTERNS_H
#define TINYC_PASSES_1_SIMPLIFY_PATTERNS_H

namespace mlir {
class RewritePatternSet;
}

namespace tinyc {

/// Views become one view with a simple map and mask, or vanish into constants and coordinates.
void addViewPatterns(mlir::RewritePatternSet &patterns);

/// Tensors without elements, and what is computed from them.
void addEmptyPatterns(mlir::RewritePatternSet &patterns);

/// Reductions of reductions, and of one element.
void addReducePatterns(mlir::RewritePatternSet &patterns);

/// Loops and choices of which it is known what they do; values that they carry for nothing.
void addControlPatterns(mlir::RewritePatternSet &patterns);

} // namespace tinyc

#endif // TINYC_PASSES_1_SIMPLIFY_PATTERNS_H
