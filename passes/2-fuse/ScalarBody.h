// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Evaluates a value of the tensor level at one point of a stage's domain: walks up through elementwise ops, views and
// concats, composing maps and masks, to the reads of roots, arguments and weights. A gather evaluates its indices and
// becomes a lookup in its table.

#ifndef TINYC_PASSES_2_FUSE_SCALARBODY_H
#define TINYC_PASSES_2_FUSE_SCALARBODY_H

#include "passes/2-fuse/FusionPlan.h"

#include "mlir/IR/IntegerSet.h"

#include <functional>
#include <map>

namespace tinyc::fusion {

/// One access of a stage as it will stand in the IR.
struct BodyRead {
  mlir::Value value;
  mlir::AffineMap map;
  mlir::IntegerSet mask; ///< null: every point is read
  mlir::TypedAttr fill;  ///< null where there is no mask
  bool lookup = false;   ///< where data says: the map has a symbol for the index
};

/// What a gather from `input` reads: `input` itself seen through views without masks.
mlir::Value tableOf(mlir::Value input);

/// Whether `value` is a tensor that is there without a kernel: an argument, a weight, a constant of several numbers,
/// the result of a loop or choice.
bool isExternal(mlir::Value value);

class ScalarBody {
public:
  /// Without a builder only the reads are collected and all values are null.
  ScalarBody(const FusionPlan &plan, llvm::ArrayRef<int64_t> domain, mlir::OpBuilder *builder)
      : plan(plan), domain(domain), builder(builder) {}

  /// What the stage computes at a point for `root`: the value, or the reduction's input.
  mlir::Value define(const Root &root);

  /// The scalar of an access that does not become a read; asked before each read of a root.
  std::function<mlir::Value(mlir::Value root, mlir::AffineMap map)> local;
  /// The body's argument for a new read; for a lookup, the kernel's argument that is its table.
  std::function<mlir::Value(const BodyRead &)> argument;

  llvm::ArrayRef<BodyRead> getReads() const { return reads; }
  llvm::ArrayRef<mlir::Operation *> getOps() const { return ops.getArrayRef(); }

private:
  // The value at map(p) where mask(p) holds (everywhere if null); else `fill`, or anything if that is null.
  mlir::Value at(mlir::Value value, mlir::AffineMap map, mlir::IntegerSet mask, mlir::TypedAttr fill);
  mlir::Value compute(mlir::Operation *op, mlir::AffineMap map, mlir::IntegerSet mask, mlir::TypedAttr fill);
  mlir::Value view(tiny::ViewOp op, mlir::AffineMap map, mlir::IntegerSet mask, mlir::TypedAttr fill);
  mlir::Value gather(tiny::GatherOp op, mlir::AffineMap map, mlir::IntegerSet mask);
  mlir::Value concat(tiny::ConcatOp op, mlir::AffineMap map, mlir::IntegerSet mask);
  mlir::Value read(mlir::Value value, mlir::AffineMap map, mlir::IntegerSet mask, mlir::TypedAttr fill);
  mlir::Value select(mlir::IntegerSet mask, mlir::Value value, mlir::TypedAttr fill, mlir::Location loc);
  mlir::Value condition(mlir::IntegerSet mask, mlir::Location loc);
  mlir::Value compare(mlir::AffineExpr expr, bool equality, mlir::Location loc);
  mlir::Value constant(mlir::TypedAttr value, mlir::Location loc);

  const FusionPlan &plan;
  llvm::SmallVector<int64_t> domain;
  mlir::OpBuilder *builder;
  llvm::SmallVector<BodyRead> reads;
  llvm::SetVector<mlir::Operation *> ops; ///< of the tensor level, that were evaluated
  using Key = std::tuple<const void *, const void *, const void *, const void *>;
  std::map<Key, mlir::Value> known;
};

} // namespace tinyc::fusion

#endif // TINYC_PASSES_2_FUSE_SCALARBODY_H
