// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tiny.cast as arithmetic: conversions between element types that never give poison, trap, round twice or call a
// function of the compiler's run-time library.

#ifndef TINYC_PASSES_6_LOWER_ARITHCASTS_H
#define TINYC_PASSES_6_LOWER_ARITHCASTS_H

#include "dialects/Tiny/Elementwise.h"
#include "passes/6-lower/Formula.h"

namespace tinyc {

/// `x`, whose elements are `from`, as `to` by the rules of tiny.cast. Integers are signless values. bf16 is taken as
/// itself or as its bits (i16), and given as its bits. Null for a pair of types that has no lowering (the 8-bit
/// floats).
mlir::Value castElements(Formula &a, mlir::Value x, tiny::Element from, tiny::Element to);

} // namespace tinyc

#endif // TINYC_PASSES_6_LOWER_ARITHCASTS_H
