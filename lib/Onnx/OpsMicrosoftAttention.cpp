// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// com.microsoft: the attentions, each of them one or two projections of operands away from the same composition.

#include "lib/Builders/Attention.h"
#include "lib/Builders/Quantization.h"
#include "lib/Builders/Reduction.h"
#include "lib/Onnx/QuantizedOperands.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

static Value index(NodeImport &n, ArrayRef<int64_t> scores, int64_t dim) {
  return coordinate(n.b, scores, n.b.getI64Type(), dim);
}

static Value both(NodeImport &n, Value x, Value y) { return x && y ? bitAnd(n.b, x, y) : x ? x : y; }

static Value shifted(NodeImport &n, Value x, int64_t by) { return x ? add(n.b, x, splatInteger(n.b, x, by)) : x; }

// What a mask of integers allows: [B] how many keys are no padding; [B, T], [B, S, T] or [B, 1, S, T] where not 0.
static Value allowedByMask(NodeImport &n, size_t input, ArrayRef<int64_t> scores) {
  if (!n.has(input))
    return {};
  Value mask = n[input];
  SmallVector<int64_t> shape(shapeOf(mask));
  if (!isa<IntegerType>(n.element(input)))
    return n.fail("expected a mask of integers");
  if (shape.size() == 1 && shape[0] == scores[0]) {
    Value lengths = broadcastAlong(n.b, cast(n.b, mask, n.b.getI64Type()), scores, 0);
    return less(n.b, index(n, scores, 3), lengths);
  }
  if (shape.size() == 2)
    shape.insert(shape.begin() + 1, {1, 1});
  else if (shape.size() == 3)
    shape.insert(shape.begin() + 1, 1);
  if (shape.size() != 4 || shape[3] != scores[3])
    return n.fail("expected a mask [batch], [batch, keys] or [batch, queries, keys], found " +
                  Twine(shapeOf(mask).size()) + " dimensions");
  return broadcast(n.b, reshape(n.b, cast(n.b, mask, n.b.getI1Type()), shape), scores);
}

// Excluded keys count with this score: few as good as nothing, all of them as a plain mean.
static void exclude(NodeImport &n, ScoreOptions &options, Value allowed, ArrayRef<int64_t> scores, Type element) {
  double excluded = n.number("mask_filter_value", -10000);
  if (!allowed)
    return;
  auto type = RankedTensorType::get(scores, element);
  Value bias = where(n.b, allowed, splat(n.b, type, 0), splat(n.b, type, excluded));
  options.bias = options.bias ? add(n.b, broadcast(n.b, options.bias, scores), bias) : bias;
}

// Keys that come after the query are never seen.
static Value causal(NodeImport &n, ArrayRef<int64_t> scores) {
  return lessEqual(n.b, index(n, scores, 3), shifted(n, index(n, scores, 2), scores[3] - scores[2]));
}

// Attention of queries, keys and values that `project` makes: [B, S, size], of which the first is column `from` of the
// weights. Other operands stand at `mask` and `past`.
static Value attendToProjections(NodeImport &n, function_ref<Value(int64_t from, int64_t size)> project, size_t mask,
                                 size_t past, Value bias, Type element) {
  int64_t heads = n.integer("num_heads", 0), rotary = n.integer("do_rotary", 0);
  auto sizes = n.integerList("qkv_hidden_sizes");
  n.ignore({"past_present_share_buffer", "rotary_embedding_dim"});
  if (rotary)
    return n.fail("rotary embeddings are not supported here");
  if (n.rank(0) != 3 || n.rank(1) != 2 || n.shape(1)[0] != n.shape(0)[2] || heads < 1 || (sizes && sizes->size() != 3))
    return n.fail("expected an operand [batch, sequence, size] and weights [size, sizes of queries, keys and values]");
  int64_t third = n.shape(1)[1] / 3;
  SmallVector<int64_t> parts = sizes ? *sizes : SmallVector<int64_t>{third, third, third};
  if (llvm::any_of(parts, [&](int64_t p) { return p < 1 || p > n.shape(1)[1] || p % heads != 0; }) ||
      parts[0] + parts[1] + parts[2] != n.shape(1)[1])
    return n.fail("expected sizes of queries, keys and values that are multiples of the number of heads");
  if (n.has(2) && n.shape(2) != n.shape(1).drop_front()) {
    n.error() << "expected a bias [sizes of queries, keys and values], found " << n[2].getType();
    return {};
  }
  Value projected[3];
  for (int64_t i = 0, from = 0; i < 3; from += parts[i++]) {
    Value x = project(from, parts[i]);
    if (x && n.has(2))
      x = add(n.b, x, broadcast(n.b, slice(n.b, n[2], 0, from, parts[i]), shapeOf(x)));
    projected[i] = splitHeads(n.b, x, heads);
  }
  auto [q, k, v] = projected;
  if (!q || !k || !v)
    return {};
  // The past is keys and values in one tensor [2, B, H, P, D].
  Value present[2] = {k, v};
  if (n.has(past)) {
    if (n.rank(past) != 5 || n.shape(past)[0] != 2)
      return n.fail("expected a past [2, batch, heads, length, size]");
    for (int64_t i = 0; i < 2; ++i) {
      Value joined[] = {reshape(n.b, slice(n.b, n[past], 0, i, 1), n.shape(past).drop_front()), present[i]};
      present[i] = concat(n.b, joined, 2);
    }
  }
  if (!present[0] || !present[1])
    return {};
  int64_t scores[] = {n.shape(0)[0], heads, n.shape(0)[1], shapeOf(present[0])[2]};
  ScoreOptions options;
  options.scale = n.number("scale", 0);
  if (options.scale == 0)
    options.scale = 1 / std::sqrt(static_cast<double>(parts[0] / heads));
  options.bias = bias;
  exclude(n, options, allowedByMask(n, mask, scores), scores, element);
  if (n.integer("unidirectional", 0))
    options.allowed = causal(n, scores);
  if (n.wants(1)) {
    auto layer = [&](Value x) {
      SmallVector<int64_t> shape(shapeOf(x));
      shape.insert(shape.begin(), 1);
      return reshape(n.b, x, shape);
    };
    Value both[] = {layer(present[0]), layer(present[1])};
    n.moreResults.push_back(concat(n.b, both, 0));
  }
  Value result = attention(n.b, q, present[0], present[1], options).result;
  return result ? joinHeads(n.b, result) : result;
}

// [B, S, D] times a part of the weights plus a part of the bias.
static Value importAttention(NodeImport &n) {
  if (n.has(6))
    return n.fail("buffers shared with the past are not supported here");
  auto project = [&](int64_t from, int64_t size) { return matmul(n.b, n[0], slice(n.b, n[1], 1, from, size)); };
  return attendToProjections(n, project, 3, 4, n[5], n.element(0));
}

// The same of bytes: the projections are sums of integers, and the attention is of floats.
static Value importQAttention(NodeImport &n) {
  Type element = n.b.getF32Type();
  int64_t columns = n.rank(1) == 2 ? n.shape(1)[1] : 0;
  if (failed(expectBytes(n, 0)) || failed(expectOperand(n, 3, "a scale", element, kOneNumber)) ||
      failed(expectOperand(n, 6, "a zero point", n.element(0), kOneNumber, Presence::Optional)) ||
      failed(expectOfColumns(n, 1, 4, 7, columns, Presence::Optional)) ||
      failed(expectOperand(n, 2, "a bias", element, {SmallVector<int64_t>{columns}})))
    return {};
  Value product;
  auto project = [&](int64_t from, int64_t size) {
    if (!product)
      product =
          scaled(n, integerMatmul(n.b, {n[0], oneNumber(n, zeroPoint(n, 6))}, {n[1], oneNumber(n, zeroPoint(n, 7))}),
                 n[3], n[4]);
    return slice(n.b, product, 2, from, size);
  };
  return attendToProjections(n, project, 5, 8, Value(), element);
}

static Value importMultiHeadAttention(NodeImport &n) {
  int64_t heads = n.integer("num_heads", 0);
  double scale = n.number("scale", 0);
  if (n.rank(0) != 3 || !n.has(1) || !n.has(2) || n.has(8) || n.has(9))
    return n.fail("expected queries, keys and values of their own, and no buffers shared with the past");
  if (n.has(3) && n.rank(3) != 1)
    return n.fail("expected a bias [sizes of queries, keys and values]");
  // One vector of biases for the three.
  int64_t from = 0;
  auto projected = [&](size_t input) -> Value {
    Value x = n[input];
    if (n.rank(input) == 4) // heads apart already, as cross attention's past has them
      return x;
    if (n.rank(input) != 3)
      return n.fail("expected operands [batch, sequence, size]");
    if (n.has(3)) {
      Value bias = slice(n.b, n[3], 0, from, n.shape(input)[2]);
      x = add(n.b, x, broadcast(n.b, bias, n.shape(input)));
      from += n.shape(input)[2];
    }
    return splitHeads(n.b, x, heads);
  };
  Value q = projected(0), k = projected(1), v = projected(2);
  if (!q || !k || !v)
    return {};
  if (n.has(6) != n.has(7))
    return n.fail("expected past keys and past values, or none of them");
  if (n.has(6)) {
    Value keys[] = {n[6], k}, values[] = {n[7], v};
    k = concat(n.b, keys, 2);
    v = concat(n.b, values, 2);
  }
  if (!k || !v || shapeOf(k).size() != 4)
    return {};
  int64_t scores[] = {n.shape(0)[0], heads, n.shape(0)[1], shapeOf(k)[2]};
  ScoreOptions options;
  options.scale = scale != 0 ? scale : 1 / std::sqrt(static_cast<double>(shapeOf(q)[3]));
  options.bias = n[5];
  exclude(n, options, allowedByMask(n, 4, scores), scores, n.element(0));
  if (n.integer("unidirectional", 0))
    options.allowed = causal(n, scores);
  n.moreResults = {k, v};
  Value result = attention(n.b, q, k, v, options).result;
  return result ? joinHeads(n.b, result) : result;
}

// Rows of a cache of angles [positions, half] for positions [B, S].
static Value angles(NodeImport &n, Value cache, Value positions) {
  SmallVector<int64_t> shape(shapeOf(positions));
  if (!positions)
    return {};
  if (shapeOf(cache).size() != 2)
    return n.fail("expected a cache [positions, size]");
  shape.push_back(shapeOf(cache)[1]);
  Type element = tiny::elementType(cache.getType());
  return tiny::GatherOp::create(n.b, RankedTensorType::get(shape, element), cache, positions, 0,
                                cast<TypedAttr>(n.b.getZeroAttr(element)));
}

static Value importRotaryEmbedding(NodeImport &n) {
  bool joined = n.rank(0) == 3, interleaved = n.integer("interleaved", 0);
  int64_t heads = n.integer("num_heads", 0), rotated = n.integer("rotary_embedding_dim", 0);
  n.ignore({"is_packed_batching"});
  double scale = n.number("scale", 1);
  if (n.rank(2) != 2)
    return n.fail("expected caches [positions, size]");
  if (heads == 0 && joined)
    heads = n.shape(0)[2] / std::max<int64_t>(2 * n.shape(2)[1], 1);
  Value x = joined ? splitHeads(n.b, n[0], heads) : n[0];
  if (!x || shapeOf(x).size() != 4)
    return x ? n.fail("expected an operand of rank 3 or 4") : Value();
  int64_t shape[] = {shapeOf(x)[0], shapeOf(x)[2]};
  // One position is that of the first element.
  Value positions = cast(n.b, n[1], n.b.getI64Type());
  if (n.rank(1) == 1)
    positions =
        add(n.b, broadcast(n.b, reshape(n.b, positions, {}), shape), coordinate(n.b, shape, n.b.getI64Type(), 1));
  Value result = rotaryEmbedding(n.b, x, angles(n, n[2], positions), angles(n, n[3], positions),
                                 rotated ? rotated : 2 * n.shape(2)[1], interleaved);
  if (result && scale != 1)
    result = mul(n.b, result, splat(n.b, result, scale));
  return result && joined ? joinHeads(n.b, result) : result;
}

// Keys and values go behind those of the past: each batch has as many keys as its length says, and the rest of the
// cache is not read.
static Value importGroupQueryAttention(NodeImport &n) {
  int64_t heads = n.integer("num_heads", 0), groups = n.integer("kv_num_heads", 0),
          window = n.integer("local_window_size", -1);
  double scale = n.number("scale", 0), softcap = n.number("softcap", 0);
  bool rotary = n.integer("do_rotary", 0), interleaved = n.integer("rotary_interleaved", 0);
  n.ignore({"smooth_softmax", "qk_output", "k_quant_type", "v_quant_type", "kv_cache_bit_width"});
  if (n.has(9) || n.has(11) || n.integer("smooth_softmax", 0) || n.integer("qk_output", 0))
    return n.fail("positions, sinks, smooth softmax and scores as outputs are not supported");
  if (n.rank(0) != 3 || heads < 1 || groups < 1 || heads % groups != 0 || !n.has(5) || !n.has(6))
    return n.fail("expected queries [batch, sequence, size], heads in groups, and lengths");
  // Queries, keys and values may stand side by side in one operand.
  Value q = n[0], k = n[1], v = n[2];
  if (n.has(1) != n.has(2) || heads > n.shape(0)[2])
    return n.fail("expected keys and values, or none of them, and queries of at least an element a head");
  if (!n.has(1)) {
    int64_t size = n.shape(0)[2] / (heads + 2 * groups);
    q = slice(n.b, n[0], 2, 0, heads * size);
    k = slice(n.b, n[0], 2, heads * size, groups * size);
    v = slice(n.b, n[0], 2, (heads + groups) * size, groups * size);
  }
  q = splitHeads(n.b, q, heads);
  k = splitHeads(n.b, k, groups);
  v = splitHeads(n.b, v, groups);
  if (!q || !k || !v)
    return {};
  int64_t batch = shapeOf(q)[0], length = shapeOf(q)[2], size = shapeOf(q)[3];
  if (shapeOf(k).take_front(3) != ArrayRef<int64_t>{batch, groups, length} ||
      shapeOf(v).take_front(3) != ArrayRef<int64_t>{batch, groups, length})
    return n.fail("expected keys and values of as many batches and places as the queries");
  int64_t past = n.has(3) && n.rank(3) == 4 ? n.shape(3)[2] : 0;
  FailureOr<SmallVector<int64_t>> total = n.integers(6, "total sequence length");
  if (failed(total))
    return {};
  if (n.has(3) != n.has(4) || elementCount(n.shape(5)) != batch || total->size() != 1)
    return n.fail("expected past keys and values, the last key's number for each batch, and the largest length");
  auto isPast = [&](size_t old, Value x) {
    return !n.has(old) || n.shape(old) == ArrayRef<int64_t>{batch, groups, past, shapeOf(x)[3]};
  };
  if (!isPast(3, k) || !isPast(4, v))
    return n.fail("expected past keys and values [batch, heads, length, size]");
  int64_t rows = std::max(past, total->front());
  // Where the first of the new keys of each batch stands.
  Value last = reshape(n.b, cast(n.b, n[5], n.b.getI64Type()), {batch});
  Value first = shifted(n, last, 1 - length);
  if (rotary) {
    int64_t shape[] = {batch, length};
    Value positions = add(n.b, broadcastAlong(n.b, first, shape, 0), coordinate(n.b, shape, n.b.getI64Type(), 1));
    if (!n.has(7) || !n.has(8) || n.rank(7) != 2)
      return n.fail("expected caches of cosines and sines");
    Value c = angles(n, n[7], positions), s = angles(n, n[8], positions);
    q = rotaryEmbedding(n.b, q, c, s, 2 * n.shape(7)[1], interleaved);
    k = rotaryEmbedding(n.b, k, c, s, 2 * n.shape(7)[1], interleaved);
  }
  auto present = [&](Value x, size_t old) -> Value {
    if (!x)
      return {};
    int64_t width = shapeOf(x)[3];
    SmallVector<int64_t> shape{batch, groups, rows, width}, none(4, 0), after{0, 0, rows - past, 0};
    Value cache = n.has(old) ? pad(n.b, n[old], none, after, cast<TypedAttr>(n.b.getZeroAttr(n.element(0))))
                             : splat(n.b, RankedTensorType::get(shape, n.element(0)), 0);
    // Rows of all batches and heads are numbered through; out of the cache is nowhere.
    int64_t places[] = {batch, groups, length};
    Value at = add(n.b, broadcastAlong(n.b, first, places, 0), coordinate(n.b, places, n.b.getI64Type(), 2));
    AffineExpr row = (n.b.getAffineDimExpr(0) * groups + n.b.getAffineDimExpr(1)) * rows;
    Value base = tiny::IotaOp::create(n.b, at.getType(), AffineMap::get(3, 0, row));
    Value inside =
        bitAnd(n.b, less(n.b, at, splatInteger(n.b, at, rows)), lessEqual(n.b, splatInteger(n.b, at, 0), at));
    Value to = where(n.b, inside, add(n.b, base, at), splatInteger(n.b, at, -1));
    if (!cache)
      return {};
    Value flat = reshape(n.b, cache, {batch * groups * rows, width});
    Value written = tiny::ScatterOp::create(n.b, flat.getType(), tiny::ScatterKind::Set, flat,
                                            reshape(n.b, to, {batch * groups * length}),
                                            reshape(n.b, x, {batch * groups * length, width}), 0);
    // What lies behind a batch's last key is 0.
    Value used = lessEqual(n.b, index(n, shape, 2), broadcastAlong(n.b, last, shape, 0));
    Value result = reshape(n.b, written, shape);
    return where(n.b, used, result, splat(n.b, result, 0));
  };
  Value keys = present(k, 3), values = present(v, 4);
  if (!keys || !values)
    return {};
  int64_t scores[] = {batch, heads, length, rows};
  Value query = add(n.b, broadcastAlong(n.b, first, scores, 0), index(n, scores, 2));
  ScoreOptions options;
  options.scale = scale != 0 ? scale : 1 / std::sqrt(static_cast<double>(size));
  options.softcap = softcap;
  options.bias = n[10];
  options.allowed = lessEqual(n.b, index(n, scores, 3), query);
  if (window >= 0)
    options.allowed = both(n, options.allowed, less(n.b, shifted(n, query, -window), index(n, scores, 3)));
  n.moreResults = {keys, values};
  Value result = attention(n.b, q, keys, values, options).result;
  return result ? joinHeads(n.b, result) : result;
}

ArrayRef<Operator> onnx::microsoftAttentionOperators() {
  static constexpr StringLiteral domain = "com.microsoft";
  static const Operator rows[] = {
      {"Attention", 1, 2, 7, Narrow::Widen, importAttention, domain},
      {"GroupQueryAttention", 1, 1, 12, Narrow::Widen, importGroupQueryAttention, domain},
      {"MultiHeadAttention", 1, 1, 10, Narrow::Widen, importMultiHeadAttention, domain},
      {"QAttention", 1, 5, 9, Narrow::Keep, importQAttention, domain},
      {"RotaryEmbedding", 1, 4, 4, Narrow::Widen, importRotaryEmbedding, domain},
  };
  return rows;
}
