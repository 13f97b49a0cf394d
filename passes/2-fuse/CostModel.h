// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What fusion believes about cost. All assumptions stand here:
//
// - A launch costs as much as `kLaunchWork` simple scalar operations, so a kernel of its own for less is not worth it.
// - Global memory is the scarce thing: a value that stays in a kernel saves one write and one read a consumer.
// - A simple operation (add, mul, max, compare, select) is 1 unit of work, division and square root 5, exp, log and
//   sin 10; conversions are free, they ride on the access.
// - Computing something again is allowed where it adds at most `kRecomputedShare` to the work around it.
// - The parts of a concat are computed at all of its points and chosen from; that is worth it below `kWorkPerByte`
// units
//   of such work for each byte that then is neither written nor read.
// - A kernel that keeps whole rows in its work units has only as many units as rows. Below `kFewUnits` units a large
//   pointwise loop is not drawn into it unless that saves traffic of its own size.
// - A walk over the updates of a scatter does one after the other, which takes as long as `kWalkStep` units of work
//   elsewhere each; comparing rows with updates takes part in everything that runs at once.
// - Both sides of a choice are computed where that is less than a launch.
// - A sum over the rows of a kernel leaves it fewer units, mostly one. It is drawn in where the whole kernel is no
// large
//   loop and at most `kMostKeptRows` values of rows have to be kept on chip for it.
// - A body that reads more than `kMostReads` tensors no longer fits registers and address units: it is cut.
// - The time that a back end takes for a kernel grows faster than the kernel: one of more than `kMostOps` ops is cut,
// and
//   so is one of more than `kMostBuffers` tensors, which a launch has to hand over.
// - What kernels lie more than `kFarKernels` apart on the way from one to the other is not looked into: a model is
// long,
//   and joining distant kernels saves no more than the one read.

#ifndef TINYC_PASSES_2_FUSE_COSTMODEL_H
#define TINYC_PASSES_2_FUSE_COSTMODEL_H

#include "dialects/Tiny/TinyOps.h"

namespace tinyc::fusion {

constexpr double kLaunchWork = 50000;
constexpr double kRecomputedShare = 0.1;
constexpr double kWorkPerByte = 4;
constexpr int64_t kFewUnits = 64;
constexpr int64_t kLargeLoop = 1 << 16;
constexpr int64_t kWalkStep = 64;
constexpr int64_t kMostKeptRows = 1024;
constexpr unsigned kMostReads = 24;
constexpr unsigned kDeepestBody = 256;
constexpr unsigned kMostOps = 512;
constexpr unsigned kMostBuffers = 128;
constexpr unsigned kFarKernels = 128;

/// Whether `op` computes each element of its result from the elements of its operands at the same place.
bool isElementwise(mlir::Operation *op);

/// Units of work of an elementwise op at one point.
double workOf(mlir::Operation *op);

int64_t elementCount(mlir::Type type);
int64_t byteCount(mlir::Type type);

/// Whether to compute `work` units again at each of `extra` points inside a loop nest that does `around` units,
/// rather than keep the value. `ofWeights`: it depends on weights only, so that keeping it costs a launch.
bool isRecomputedCheaply(double work, double extra, double around, bool ofWeights);

/// Whether to compute `work` units at each of `points` of a concat rather than write and read a part of `bytes`.
bool isChosenCheaply(double work, double points, double bytes);

/// Whether to compare each of `rows` with each of `updates` of a scatter, `width` elements a row, at `each` units of
/// work a comparison, rather than walk the updates in order with `width` positions at once.
bool isComparedCheaply(int64_t rows, int64_t updates, int64_t width, int64_t each);

/// Whether a loop over `points` may join a kernel of `units` work units when that saves `saved` bytes of the `own`
/// bytes that it moves.
bool isWorthItsUnits(int64_t units, int64_t points, int64_t saved, int64_t own);

/// Whether a kernel of at most `points` points a stage, now cut along `rows` rows, may be cut into `units` units so
/// that a reduction over its rows joins it.
bool isWorthFewerUnits(int64_t units, int64_t points, int64_t rows);

} // namespace tinyc::fusion

#endif // TINYC_PASSES_2_FUSE_COSTMODEL_H
