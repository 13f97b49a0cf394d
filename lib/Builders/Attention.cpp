// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention as two contractions and a softmax; rotary embeddings as one elementwise expression.

#include "lib/Builders/Attention.h"

#include "lib/Builders/Contraction.h"
#include "lib/Builders/Elementary.h"
#include "lib/Builders/Reduction.h"

using namespace mlir;
using namespace tinyc;

Value compose::splitHeads(Builder &b, Value x, int64_t heads) {
  ArrayRef<int64_t> shape = shapeOf(x);
  if (!x)
    return {};
  if (shape.size() != 3 || heads < 1 || shape[2] % heads != 0) {
    emitError(b.getLoc(), "expected an operand [batch, sequence, heads * size] for ")
        << heads << " heads, found " << x.getType();
    return {};
  }
  return permute(b, reshape(b, x, {shape[0], shape[1], heads, shape[2] / heads}), {0, 2, 1, 3});
}

Value compose::joinHeads(Builder &b, Value x) {
  ArrayRef<int64_t> shape = shapeOf(x);
  return reshape(b, permute(b, x, {0, 2, 1, 3}), {shape[0], shape[2], shape[1] * shape[3]});
}

Value compose::maskedSoftmax(Builder &b, Value x) {
  ArrayRef<int64_t> shape = shapeOf(x);
  int64_t last = static_cast<int64_t>(shape.size()) - 1;
  Value largest = reduce(b, tiny::ReduceKind::Max, x, {last});
  if (!largest)
    return {};
  // A row of nothing but -inf: relative to 0 its exponentials are 0, and their sum is taken as 1.
  Type type = largest.getType();
  Value infinity = splat(b, type, -std::numeric_limits<double>::infinity()), zero = splat(b, type, 0);
  Value base = where(b, equal(b, largest, infinity), zero, largest);
  Value power = exp(b, sub(b, x, broadcastOver(b, base, shape, {last})));
  Value sum = reduce(b, tiny::ReduceKind::Sum, power, {last});
  if (!sum)
    return {};
  sum = where(b, equal(b, sum, zero), splat(b, type, 1), sum);
  return div(b, power, broadcastOver(b, sum, shape, {last}));
}

// Heads of keys or values, each repeated for the heads of queries that share it.
static Value repeatHeads(compose::Builder &b, Value x, int64_t heads) {
  ArrayRef<int64_t> from = compose::shapeOf(x);
  if (from[1] == heads)
    return x;
  SmallVector<int64_t> shape(from);
  shape[1] = heads;
  SmallVector<AffineExpr> exprs;
  for (unsigned d = 0; d < 4; ++d)
    exprs.push_back(b.getAffineDimExpr(d));
  exprs[1] = exprs[1].floorDiv(heads / from[1]);
  return compose::view(b, x, shape, AffineMap::get(4, 0, exprs, b.getContext()));
}

compose::Attention compose::attention(Builder &b, Value q, Value k, Value v, const ScoreOptions &options) {
  Attention result;
  if (!q || !k || !v)
    return result;
  SmallVector<int64_t> qs(shapeOf(q)), ks(shapeOf(k)), vs(shapeOf(v));
  bool fits = qs.size() == 4 && ks.size() == 4 && vs.size() == 4 && qs[0] == ks[0] && qs[0] == vs[0] &&
              ks[1] == vs[1] && ks[1] > 0 && qs[1] % ks[1] == 0 && qs[3] == ks[3] && ks[2] == vs[2];
  if (!fits) {
    emitError(b.getLoc(),
              "attention: expected queries [B, H, S, D], keys [B, G, T, D] and values [B, G, T, E] with H a "
              "multiple of G, found ")
        << q.getType() << ", " << k.getType() << " and " << v.getType();
    return result;
  }
  Value products = matmul(b, q, permute(b, repeatHeads(b, k, qs[1]), {0, 1, 3, 2}));
  if (!products)
    return result;
  Type type = products.getType();
  if (options.scale != 1)
    products = mul(b, products, splat(b, type, options.scale));
  result.products = result.capped = products;
  if (options.softcap > 0) {
    Value cap = splat(b, type, options.softcap);
    result.capped = mul(b, tanh(b, div(b, products, cap)), cap);
  }
  result.masked = result.capped;
  if (options.bias)
    result.masked = add(b, result.masked, broadcast(b, options.bias, shapeOf(products)));
  if (options.allowed)
    result.masked = where(b, options.allowed, result.masked, splat(b, type, -std::numeric_limits<double>::infinity()));
  bool mayBeEmpty = options.bias || options.allowed;
  result.probabilities = mayBeEmpty ? maskedSoftmax(b, result.masked) : softmax(b, result.masked, {3});
  result.result = matmul(b, result.probabilities, repeatHeads(b, v, qs[1]));
  return result;
}

Value compose::rotaryEmbedding(Builder &b, Value x, Value cosines, Value sines, int64_t rotated, bool interleaved) {
  if (!x || !cosines || !sines)
    return {};
  SmallVector<int64_t> shape(shapeOf(x));
  if (shape.size() != 4 || rotated < 2 || rotated % 2 != 0 || rotated > shape[3] ||
      shapeOf(cosines) != ArrayRef<int64_t>({shape[0], shape[2], rotated / 2}) ||
      cosines.getType() != sines.getType()) {
    emitError(b.getLoc(), "rotary embedding: expected cosines and sines [batch, sequence, ")
        << rotated / 2 << "] for " << x.getType() << ", found " << cosines.getType() << " and " << sines.getType();
    return {};
  }
  int64_t half = rotated / 2;
  AffineExpr batch = b.getAffineDimExpr(0), head = b.getAffineDimExpr(1), at = b.getAffineDimExpr(2),
             d = b.getAffineDimExpr(3);
  SmallVector<int64_t> turned(shape);
  turned[3] = rotated;
  // The other one of an element's pair, and the pair's number. The first of a pair becomes x cos - y sin, the second
  // y cos + x sin.
  AffineExpr other = interleaved ? d - d % 2 * 2 + 1 : (d + half) % rotated;
  AffineExpr pair = interleaved ? d.floorDiv(2) : d % half;
  AffineExpr isSecond = interleaved ? d % 2 : d.floorDiv(half);
  auto map = [&](ArrayRef<AffineExpr> exprs) { return AffineMap::get(4, 0, exprs, b.getContext()); };
  Value part = slice(b, x, 3, 0, rotated);
  Value partner = view(b, part, turned, map({batch, head, at, other}));
  Value c = view(b, cosines, turned, map({batch, at, pair})), s = view(b, sines, turned, map({batch, at, pair}));
  Value second = tiny::IotaOp::create(b, RankedTensorType::get(turned, b.getI64Type()), map({isSecond}));
  Value cross = mul(b, partner, s);
  Value isFirst = equal(b, second, splatInteger(b, second, 0));
  Value result = add(b, mul(b, part, c), where(b, isFirst, neg(b, cross), cross));
  if (rotated == shape[3])
    return result;
  return concat(b, {result, slice(b, x, 3, rotated, shape[3] - rotated)}, 3);
}
