// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that order elements: TopK by ranks.

#include "lib/Onnx/NodeImport.h"

#include "lib/Builders/Reduction.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

// The rank of an element is the number of those that come before it: larger ones, and equal ones of a smaller position.
// Result r is the element of rank r, found by a second comparison. Both are reductions over views that fuse, and cost
// size * (size + k) comparisons a row: less than a sort's passes over memory up to some thousand elements.
static Value importTopK(NodeImport &n) {
  FailureOr<int64_t> axis = n.axis(n.integer("axis", -1), n.rank(0));
  // Version 1 has k as an attribute, and only the largest.
  int64_t count = n.version < 10 ? n.integer("k", 0) : 0;
  bool largest = n.integer("largest", 1);
  n.ignore({"sorted"});
  if (failed(axis))
    return {};
  int64_t size = n.shape(0)[*axis];
  if (n.version >= 10) {
    FailureOr<SmallVector<int64_t>> given = n.integers(1, "k");
    if (failed(given))
      return {};
    count = given->size() == 1 ? given->front() : -1;
  }
  if (count < 0 || count > size)
    return n.fail("k: expected one number from 0 to " + Twine(size));
  if (size > std::numeric_limits<int32_t>::max())
    return n.fail("expected less than 2^31 elements along the axis");
  Value x = n[0];
  SmallVector<int64_t> domain(n.shape(0)), shape(n.shape(0));
  int64_t rank = domain.size();
  domain.push_back(size);
  shape[*axis] = count;
  // Row: the element; column, last: the others.
  AffineMap own = AffineMap::getMultiDimIdentityMap(rank + 1, n.b.getContext()).getMajorSubMap(rank);
  SmallVector<AffineExpr> exprs(own.getResults());
  exprs[*axis] = n.b.getAffineDimExpr(rank);
  AffineMap other = AffineMap::get(rank + 1, 0, exprs, n.b.getContext());
  Value mine = view(n.b, x, domain, own), theirs = view(n.b, x, domain, other);
  if (!mine || !theirs)
    return {};
  Value before = largest ? less(n.b, mine, theirs) : less(n.b, theirs, mine);
  Value same = equal(n.b, mine, theirs);
  if (isa<FloatType>(tiny::elementType(x.getType()))) {
    // NaN counts as the largest.
    Value mineNan = invert(n.b, equal(n.b, mine, mine)), theirsNan = invert(n.b, equal(n.b, theirs, theirs));
    Value nanFirst =
        largest ? bitAnd(n.b, theirsNan, invert(n.b, mineNan)) : bitAnd(n.b, mineNan, invert(n.b, theirsNan));
    before = bitOr(n.b, before, nanFirst);
    same = bitOr(n.b, same, bitAnd(n.b, mineNan, theirsNan));
  }
  Type i32 = n.b.getI32Type();
  auto positions = RankedTensorType::get(domain, i32);
  Value ownAt = tiny::IotaOp::create(n.b, positions, AffineMap::get(rank + 1, 0, n.b.getAffineDimExpr(*axis)));
  Value otherAt = tiny::IotaOp::create(n.b, positions, AffineMap::get(rank + 1, 0, n.b.getAffineDimExpr(rank)));
  Value counted = bitOr(n.b, before, bitAnd(n.b, same, less(n.b, otherAt, ownAt)));
  Value ranks = reduce(n.b, tiny::ReduceKind::Sum, cast(n.b, counted, i32), {rank});
  // For each place r: the position whose rank is r.
  domain[*axis] = count;
  AffineMap place = AffineMap::get(rank + 1, 0, n.b.getAffineDimExpr(*axis));
  Value found =
      equal(n.b, view(n.b, ranks, domain, other), tiny::IotaOp::create(n.b, RankedTensorType::get(domain, i32), place));
  otherAt = tiny::IotaOp::create(n.b, RankedTensorType::get(domain, i32),
                                 AffineMap::get(rank + 1, 0, n.b.getAffineDimExpr(rank)));
  if (!found)
    return {};
  Value at = reduce(n.b, tiny::ReduceKind::Max, where(n.b, found, otherAt, splat(n.b, otherAt.getType(), 0)), {rank});
  // The value itself: the largest of what stands at the place found, all else the identity.
  Value theirsHere = view(n.b, x, domain, other);
  Type element = tiny::elementType(x.getType());
  auto least = cast<TypedAttr>(tiny::reductionIdentity(tiny::ReduceKind::Max, element));
  Value smallest =
      tiny::ConstOp::create(n.b, DenseElementsAttr::get(cast<ShapedType>(theirsHere.getType()), Attribute(least)));
  Value values = reduce(n.b, tiny::ReduceKind::Max, where(n.b, found, theirsHere, smallest), {rank});
  n.moreResults.push_back(cast(n.b, at, n.b.getI64Type()));
  return values;
}

ArrayRef<Operator> onnx::orderOperators() {
  static const Operator rows[] = {
      {"TopK", 1, 1, 1, Narrow::Widen, importTopK},
      {"TopK", 10, 2, 2, Narrow::Widen, importTopK},
  };
  return rows;
}
