// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The four 8-bit floats as bytes. No target is asked to know them: a kernel holds an i8 and computes in f32.

#ifndef TINYC_PASSES_6_LOWER_NARROWFLOATS_H
#define TINYC_PASSES_6_LOWER_NARROWFLOATS_H

#include "dialects/Tiny/Element.h"
#include "passes/6-lower/Formula.h"

namespace tinyc {

inline bool isNarrowFloat(tiny::Element e) { return tiny::isFloat(e) && tiny::byteWidth(e) == 1; }

/// The f32 that the byte `x` is in the format `from`; exact.
mlir::Value widenNarrow(Formula &a, mlir::Value x, tiny::Element from);

/// The byte of the f32 `x` in the format `to`: rounded to nearest even, infinity (where the format has none, NaN) for
/// what is too large.
mlir::Value truncateToNarrow(Formula &a, mlir::Value x, tiny::Element to);

} // namespace tinyc

#endif // TINYC_PASSES_6_LOWER_NARROWFLOATS_H
