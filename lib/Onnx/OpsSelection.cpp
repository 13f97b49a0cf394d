// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that choose or count: one-hot vectors, unit matrices, compression by a known condition, n-grams; and the
// reinterpretation of bits.

#include "lib/Builders/Reduction.h"
#include "lib/Onnx/NodeImport.h"
#include "lib/Onnx/Tensors.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

static Value importBitCast(NodeImport &n) {
  int64_t to = n.integer("to", 0);
  Type element = onnx::elementType(to, n.b.getContext());
  if (!element)
    return n.fail("elements of " + dataTypeName(to) + " are not supported");
  // Truth values are stored as bytes 0 and 1.
  auto bytes = [](Type type) { return (type.getIntOrFloatBitWidth() + 7) / 8; };
  if (bytes(element) != bytes(n.element(0)))
    return n.fail("expected a type of as many bits as the operand's, found " + dataTypeName(to));
  auto byte = IntegerType::get(n.b.getContext(), 8, IntegerType::Unsigned);
  Value x = n.element(0).isInteger(1) ? cast(n.b, n[0], byte) : n[0];
  if (element.isInteger(1))
    return cast(n.b, tiny::elementType(x.getType()) == byte ? x : Value(tiny::BitcastOp::create(n.b, x, byte)),
                element);
  return tiny::elementType(x.getType()) == element ? x : Value(tiny::BitcastOp::create(n.b, x, element));
}

// The size of a result; from an operand that has to be known.
static FailureOr<int64_t> knownSize(NodeImport &n, size_t input, StringRef what) {
  FailureOr<DenseElementsAttr> given = n.required(input, what);
  if (failed(given))
    return failure();
  DenseElementsAttr known = *given;
  if (known.getNumElements() != 1)
    return n.error() << what << ": expected one number, found " << known.getNumElements();
  double value = isa<FloatType>(known.getElementType()) ? (*known.getValues<APFloat>().begin()).convertToDouble()
                                                        : static_cast<double>(toIntegers(known).front());
  constexpr double limit = 1e12;
  if (!(value >= 0 && value <= limit))
    return n.error() << what << ": expected a size, found " << value;
  return static_cast<int64_t>(value);
}

static Value importOneHot(NodeImport &n) {
  FailureOr<int64_t> depth = knownSize(n, 1, "depth"), axis = n.axis(n.integer("axis", -1), n.rank(0) + 1);
  if (failed(depth) || failed(axis))
    return {};
  if (n.shape(2) != ArrayRef<int64_t>({2}))
    return n.fail("expected two values, found " + Twine(elementCount(n.shape(2)).value_or(0)));
  SmallVector<int64_t> shape(n.shape(0));
  shape.insert(shape.begin() + *axis, *depth);
  Value at = cast(n.b, n[0], n.b.getI64Type()), size = splatInteger(n.b, at, *depth);
  // Negative indices count from the end; what is out of range is nowhere.
  at = where(n.b, less(n.b, at, splat(n.b, at, 0)), add(n.b, at, size), at);
  Value hit = equal(n.b, coordinate(n.b, shape, n.b.getI64Type(), *axis), broadcastOver(n.b, at, shape, {*axis}));
  auto value = [&](int64_t i) { return broadcast(n.b, reshape(n.b, slice(n.b, n[2], 0, i, 1), {}), shape); };
  return where(n.b, hit, value(1), value(0));
}

static Value importEyeLike(NodeImport &n) {
  int64_t dataType = n.integer("dtype", 0), k = n.integer("k", 0);
  Type element = dataType ? onnx::elementType(dataType, n.b.getContext()) : n.element(0);
  if (n.rank(0) != 2 || !element)
    return n.fail("expected a matrix, and elements of a supported type");
  constexpr int64_t limit = int64_t(1) << 40;
  AffineExpr off = n.b.getAffineDimExpr(1) - n.b.getAffineDimExpr(0) - std::clamp(k, -limit, limit);
  Value distance =
      tiny::IotaOp::create(n.b, RankedTensorType::get(n.shape(0), n.b.getI64Type()), AffineMap::get(2, 0, off));
  return cast(n.b, equal(n.b, distance, splat(n.b, distance, 0)), element);
}

// Rows of `x` along `axis` by known numbers: runs of neighbours are slices.
static Value knownRows(NodeImport &n, Value x, int64_t axis, ArrayRef<int64_t> rows) {
  SmallVector<Value> parts;
  for (size_t i = 0; i < rows.size();) {
    size_t end = i + 1;
    while (end < rows.size() && rows[end] == rows[end - 1] + 1)
      ++end;
    parts.push_back(slice(n.b, x, axis, rows[i], end - i));
    i = end;
  }
  return parts.empty() ? slice(n.b, x, axis, 0, 0) : concat(n.b, parts, axis);
}

static Value importCompress(NodeImport &n) {
  // The condition gives the result's shape.
  FailureOr<DenseElementsAttr> given = n.required(1, "condition");
  if (failed(given))
    return {};
  DenseElementsAttr condition = *given;
  if (!condition.getElementType().isInteger(1))
    return n.fail("condition: expected truth values");
  Value x = n[0];
  int64_t axis = 0;
  if (n.attribute("axis")) {
    FailureOr<int64_t> given = n.axis(n.integer("axis", 0), n.rank(0));
    if (failed(given))
      return {};
    axis = *given;
  } else {
    x = reshape(n.b, x, {elementCount(n.shape(0)).value_or(0)});
  }
  SmallVector<int64_t> rows;
  for (auto [i, taken] : llvm::enumerate(toIntegers(condition)))
    if (taken && static_cast<int64_t>(i) < shapeOf(x)[axis])
      rows.push_back(i);
  return knownRows(n, x, axis, rows);
}

static Value importNonZero(NodeImport &n) {
  // The operand gives the result's shape.
  FailureOr<DenseElementsAttr> given = n.required(0, "operand");
  if (failed(given))
    return {};
  DenseElementsAttr known = *given;
  SmallVector<int64_t> numbers;
  if (isa<FloatType>(known.getElementType())) {
    for (auto [i, value] : llvm::enumerate(known.getValues<APFloat>()))
      if (!value.isZero())
        numbers.push_back(i);
  } else {
    for (auto [i, value] : llvm::enumerate(toIntegers(known)))
      if (value)
        numbers.push_back(i);
  }
  // A row of coordinates for each dimension.
  SmallVector<int64_t> coordinates;
  int64_t stride = elementCount(n.shape(0)).value_or(0);
  for (int64_t size : n.shape(0)) {
    stride /= std::max<int64_t>(size, 1);
    for (int64_t number : numbers)
      coordinates.push_back(number / stride % size);
  }
  return n.constantIntegers(coordinates, {n.rank(0), static_cast<int64_t>(numbers.size())});
}

// How often each n-gram of one length occurs in rows [N, L], with up to `skips` elements left out between its elements
// each time: [N, G].
static Value countGrams(NodeImport &n, Value rows, ArrayRef<int64_t> grams, int64_t length, int64_t skips) {
  int64_t count = grams.size() / length, batch = shapeOf(rows)[0], size = shapeOf(rows)[1];
  Value pool = n.constantIntegers(grams, {count, length}), total;
  for (int64_t skip = 0; skip <= (length == 1 ? 0 : skips); ++skip) {
    int64_t places = size - (length - 1) * (skip + 1);
    if (places <= 0)
      break;
    int64_t domain[] = {batch, count, places, length};
    AffineExpr row = n.b.getAffineDimExpr(0), gram = n.b.getAffineDimExpr(1), at = n.b.getAffineDimExpr(2),
               element = n.b.getAffineDimExpr(3);
    auto map = [&](ArrayRef<AffineExpr> exprs) { return AffineMap::get(4, 0, exprs, n.b.getContext()); };
    Value seen = view(n.b, rows, domain, map({row, at + element * (skip + 1)}));
    Value hit = equal(n.b, seen, view(n.b, pool, domain, map({gram, element})));
    Value whole = reduce(n.b, tiny::ReduceKind::Prod, hit, {3});
    Value sum = reduce(n.b, tiny::ReduceKind::Sum, cast(n.b, whole, n.b.getF32Type()), {2});
    total = total ? add(n.b, total, sum) : sum;
  }
  return total ? total : splat(n.b, RankedTensorType::get({batch, count}, n.b.getF32Type()), 0);
}

static Value importTfIdfVectorizer(NodeImport &n) {
  std::string mode = n.text("mode", "");
  int64_t shortest = n.integer("min_gram_length", 0), longest = n.integer("max_gram_length", 0);
  int64_t skips = n.integer("max_skip_count", 0);
  auto starts = n.integerList("ngram_counts"), indexes = n.integerList("ngram_indexes"),
       pool = n.integerList("pool_int64s");
  auto weights = n.numberList("weights");
  if (!pool || !isa<IntegerType>(n.element(0)))
    return n.fail("expected a pool of integers; strings are not supported");
  if (n.rank(0) < 1 || n.rank(0) > 2 || !starts || !indexes || indexes->empty() || shortest < 1 || longest < shortest ||
      skips < 0 || skips > 1024 || (mode != "TF" && mode != "IDF" && mode != "TFIDF") ||
      (weights && weights->size() != indexes->size()))
    return n.fail("expected a vector or matrix, lengths of n-grams from 1 on, their starts in the pool, an index (and "
                  "weight) for each, and a mode TF, IDF or TFIDF");
  bool isVector = n.rank(0) == 1;
  Value rows = cast(n.b, n[0], n.b.getI64Type());
  if (isVector)
    rows = reshape(n.b, rows, {1, n.shape(0)[0]});
  // The pool holds the n-grams of length 1, then those of length 2, ..; ngram_counts says where each length begins.
  SmallVector<Value> parts;
  size_t grams = 0;
  for (size_t k = 0; k < starts->size(); ++k) {
    int64_t begin = (*starts)[k], end = k + 1 < starts->size() ? (*starts)[k + 1] : static_cast<int64_t>(pool->size());
    int64_t length = k + 1;
    if (begin < 0 || end < begin || end > static_cast<int64_t>(pool->size()) || (end - begin) % length != 0)
      return n.fail("attribute 'ngram_counts': the n-grams of length " + Twine(length) + " do not fit the pool");
    if (begin == end)
      continue;
    int64_t count = (end - begin) / length;
    grams += count;
    bool counted = length >= shortest && length <= longest;
    parts.push_back(counted ? countGrams(n, rows, ArrayRef(*pool).slice(begin, end - begin), length, skips)
                            : splat(n.b, RankedTensorType::get({shapeOf(rows)[0], count}, n.b.getF32Type()), 0));
  }
  auto [least, most] = std::minmax_element(indexes->begin(), indexes->end());
  if (grams != indexes->size() || *least < 0 || *most >= int64_t(1) << 31)
    return n.fail("expected an index for each n-gram of the pool");
  Value counts = concat(n.b, parts, 1);
  if (!counts)
    return {};
  if (mode != "TF") {
    Value found = less(n.b, splat(n.b, counts, 0), counts);
    if (mode == "IDF")
      counts = cast(n.b, found, n.b.getF32Type());
    if (weights) {
      SmallVector<float> factors(weights->begin(), weights->end());
      auto type = RankedTensorType::get({static_cast<int64_t>(factors.size())}, n.b.getF32Type());
      Value factor = tiny::ConstOp::create(n.b, DenseElementsAttr::get(type, ArrayRef<float>(factors)));
      counts = mul(n.b, counts, broadcast(n.b, factor, shapeOf(counts)));
    }
  }
  // Each count goes to its index.
  SmallVector<int64_t> shape{shapeOf(counts)[0], *most + 1};
  Value empty = splat(n.b, RankedTensorType::get(shape, n.b.getF32Type()), 0);
  if (!empty)
    return {};
  Value to = n.constantIntegers(*indexes, {static_cast<int64_t>(indexes->size())});
  bool inOrder = llvm::equal(*indexes, llvm::seq<int64_t>(0, indexes->size()));
  Value result =
      inOrder ? counts
              : Value(tiny::ScatterOp::create(n.b, empty.getType(), tiny::ScatterKind::Sum, empty, to, counts, 1));
  return isVector ? reshape(n.b, result, {shape[1]}) : result;
}

ArrayRef<Operator> onnx::selectionOperators() {
  static const Operator rows[] = {
      {"BitCast", 26, 1, 1, Narrow::Keep, importBitCast},
      {"Compress", 9, 2, 2, Narrow::Keep, importCompress},
      {"EyeLike", 9, 1, 1, Narrow::Keep, importEyeLike},
      {"NonZero", 9, 1, 1, Narrow::Keep, importNonZero},
      {"OneHot", 9, 3, 3, Narrow::Keep, importOneHot},
      {"TfIdfVectorizer", 9, 1, 1, Narrow::Keep, importTfIdfVectorizer},
  };
  return rows;
}
