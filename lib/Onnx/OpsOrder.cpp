// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that order elements.

#include "lib/Onnx/NodeImport.h"

#include "lib/Builders/Order.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

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
  if (size > int64_t(1) << 30)
    return n.fail("expected at most 2^30 elements along the axis");
  if (n.element(0).isInteger(1))
    return n.fail("expected numbers, found truth values");
  Ordered found = topK(n.b, n[0], *axis, count, largest);
  n.moreResults.push_back(cast(n.b, found.positions, n.b.getI64Type()));
  return found.values;
}

ArrayRef<Operator> onnx::orderOperators() {
  static const Operator rows[] = {
      {"TopK", 1, 1, 1, Narrow::Widen, importTopK},
      {"TopK", 10, 2, 2, Narrow::Widen, importTopK},
  };
  return rows;
}
