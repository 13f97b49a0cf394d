// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading images at positions that are data.

#ifndef TINYC_LIB_BUILDERS_SAMPLING_H
#define TINYC_LIB_BUILDERS_SAMPLING_H

#include "lib/Builders/Movement.h"

namespace tinyc::compose {

/// What a position outside of the image reads.
enum class Outside { Zero, Edge, Mirror };

/// Elements of an image [N, C, spatial..] for N lists of positions: `positions` holds for each spatial dimension a
/// tensor [N, P] of floats that are whole numbers. Result [N, C, P]. With Outside::Mirror an image is reflected at its
/// first and last elements (`atCenters`), or half an element beyond them.
mlir::Value pick(Builder &b, mlir::Value image, llvm::ArrayRef<mlir::Value> positions, Outside outside, bool atCenters);

/// The same at any positions: linear between the 2^rank elements around, or cubic between 4^rank with coefficient `a`.
mlir::Value sampleLinear(Builder &b, mlir::Value image, llvm::ArrayRef<mlir::Value> positions, Outside outside,
                         bool atCenters);
mlir::Value sampleCubic(Builder &b, mlir::Value image, llvm::ArrayRef<mlir::Value> positions, Outside outside,
                        bool atCenters, double a);

/// Positions mirrored into [low, high] as often as it takes.
mlir::Value reflect(Builder &b, mlir::Value x, double low, double high);

} // namespace tinyc::compose

#endif // TINYC_LIB_BUILDERS_SAMPLING_H
