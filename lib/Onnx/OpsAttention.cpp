// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention and the operators of sequence models around it.

#include "lib/Builders/Attention.h"
#include "lib/Builders/Contraction.h"
#include "lib/Builders/Elementary.h"
#include "lib/Builders/Reduction.h"
#include "lib/Onnx/NodeImport.h"

using namespace mlir;
using namespace tinyc;
using namespace tinyc::onnx;
using namespace tinyc::compose;

// Coordinates and numbers of the scores [B, H, S, T].
static Value positions(NodeImport &n, ArrayRef<int64_t> scores, int64_t dim) {
  return coordinate(n.b, scores, n.b.getI64Type(), dim);
}

static Value both(NodeImport &n, Value x, Value y) { return x && y ? bitAnd(n.b, x, y) : x ? x : y; }

// Which keys a query may see: by the causal rule, windows to the left and right, and how many keys of a batch are no
// padding. A query's position counts from the first key: those of the past come before it.
static Value allowedKeys(NodeImport &n, ArrayRef<int64_t> scores, int64_t past, Value lengths) {
  bool causal = n.integer("is_causal", 0);
  int64_t left = n.integer("left_window_size", -1), right = n.integer("right_window_size", -1);
  Value key = positions(n, scores, 3), allowed;
  Value perBatch = lengths ? broadcastAlong(n.b, lengths, scores, 0) : Value();
  if (lengths)
    allowed = less(n.b, key, perBatch);
  if (!causal && left < 0 && right < 0)
    return allowed;
  Value query = positions(n, scores, 2);
  auto shift = [&](Value x, int64_t by) { return add(n.b, x, splatInteger(n.b, x, by)); };
  query = perBatch ? shift(add(n.b, query, perBatch), -scores[2]) : shift(query, past);
  if (causal)
    allowed = both(n, allowed, lessEqual(n.b, key, query));
  if (left >= 0)
    allowed = both(n, allowed, lessEqual(n.b, shift(query, -left), key));
  if (right >= 0)
    allowed = both(n, allowed, lessEqual(n.b, key, shift(query, right)));
  return allowed;
}

// A mask that covers fewer keys than there are excludes the others.
static Value wholeMask(NodeImport &n, Value mask, int64_t keys) {
  SmallVector<int64_t> before(shapeOf(mask).size(), 0), after(before);
  if (mask && !after.empty() && shapeOf(mask).back() < keys)
    after.back() = keys - shapeOf(mask).back();
  if (llvm::all_of(after, [](int64_t a) { return a == 0; }))
    return mask;
  Type element = tiny::elementType(mask.getType());
  TypedAttr excluded = isa<FloatType>(element)
                           ? TypedAttr(FloatAttr::get(element, -std::numeric_limits<double>::infinity()))
                           : TypedAttr(n.b.getIntegerAttr(element, 0));
  return pad(n.b, mask, before, after, excluded);
}

static Value importAttention(NodeImport &n) {
  Value q = n[0], k = n[1], v = n[2];
  bool joined = n.rank(0) == 3;
  int64_t heads = n.integer("q_num_heads", 0), groups = n.integer("kv_num_heads", 0);
  // Computed in f32 at least, whatever is asked for.
  n.ignore({"softmax_precision"});
  if (joined) {
    q = splitHeads(n.b, q, heads);
    k = splitHeads(n.b, k, groups);
    v = splitHeads(n.b, v, groups);
  }
  if (n.has(4) != n.has(5))
    return n.fail("expected past keys and past values, or none of them");
  if (!q || !k || !v || shapeOf(q).size() != 4 || shapeOf(k).size() != 4)
    return q && k && v ? n.fail("expected operands of rank 3 or 4") : Value();
  if (n.has(6) && (n.rank(6) != 1 || !n.element(6).isInteger(64))) {
    n.error() << "nonpad_kv_seqlen: expected a vector of i64, one number a batch, found " << n[6].getType();
    return {};
  }
  int64_t past = n.has(4) && n.rank(4) == 4 ? n.shape(4)[2] : 0;
  if (n.has(4)) {
    Value keys[] = {n[4], k}, values[] = {n[5], v};
    k = concat(n.b, keys, 2);
    v = concat(n.b, values, 2);
  }
  if (!k || !v)
    return {};
  int64_t scores[] = {shapeOf(q)[0], shapeOf(q)[1], shapeOf(q)[2], shapeOf(k)[2]};
  ScoreOptions options;
  options.scale = n.number("scale", 1 / std::sqrt(static_cast<double>(shapeOf(q)[3])));
  options.softcap = n.number("softcap", 0);
  options.allowed = allowedKeys(n, scores, past, n[6]);
  if (n.has(3)) {
    Value mask = wholeMask(n, n[3], scores[3]);
    if (n.element(3).isInteger(1))
      options.allowed = both(n, options.allowed, broadcast(n.b, mask, scores));
    else
      options.bias = mask;
  }
  Attention found = attention(n.b, q, k, v, options);
  if (!found.result)
    return {};
  int64_t mode = n.integer("qk_matmul_output_mode", 0);
  // From version 25 on in the order of computation; before, capping came after the mask's number.
  Value outputs[] = {found.products, found.capped, found.masked, found.probabilities};
  if (mode < 0 || mode > 3)
    return n.fail("attribute 'qk_matmul_output_mode': expected 0 to 3, found " + Twine(mode));
  n.moreResults = {k, v, outputs[mode]};
  return joined ? joinHeads(n.b, found.result) : found.result;
}

static Value importRotaryEmbedding(NodeImport &n) {
  bool joined = n.rank(0) == 3, interleaved = n.integer("interleaved", 0);
  int64_t heads = n.integer("num_heads", 0), rotated = n.integer("rotary_embedding_dim", 0);
  Value x = joined ? splitHeads(n.b, n[0], heads) : n[0];
  if (!x || shapeOf(x).size() != 4)
    return x ? n.fail("expected an operand of rank 3 or 4") : Value();
  SmallVector<int64_t> shape(shapeOf(x));
  if (rotated == 0)
    rotated = shape[3];
  // Without positions the caches hold each batch's rows in order.
  auto angles = [&](Value cache) -> Value {
    if (!n.has(3))
      return cache;
    int64_t rows[] = {shape[0], shape[2], rotated / 2};
    if (shapeOf(cache).size() != 2 || shapeOf(cache)[1] != rows[2] || n.shape(3) != ArrayRef(rows).take_front(2))
      return n.fail("expected caches [positions, " + Twine(rows[2]) + "] and positions [batch, sequence]");
    Type element = tiny::elementType(cache.getType());
    return tiny::GatherOp::create(n.b, RankedTensorType::get(rows, element), cache, cast(n.b, n[3], n.b.getI64Type()),
                                  0, cast<TypedAttr>(n.b.getZeroAttr(element)));
  };
  Value result = rotaryEmbedding(n.b, x, angles(n[1]), angles(n[2]), rotated, interleaved);
  return result && joined ? joinHeads(n.b, result) : result;
}

static Value silu(NodeImport &n, Value x) { return mul(n.b, x, sigmoid(n.b, x)); }

static Value importCausalConvWithState(NodeImport &n) {
  std::string activation = n.text("activation", "none");
  if (n.rank(0) != 3 || n.rank(1) != 3 || n.shape(1)[2] < 1)
    return n.fail("expected an operand [batch, channels, length] and weights [channels, 1, k]");
  if (activation != "none" && activation != "silu" && activation != "swish")
    return n.fail("attribute 'activation': expected none, silu or swish, found '" + activation + "'");
  int64_t before = n.shape(1)[2] - 1, length = n.shape(0)[2];
  int64_t state[] = {n.shape(0)[0], n.shape(0)[1], before};
  if (n.has(3) && n.shape(3) != ArrayRef(state))
    return n.fail("expected a past state [batch, channels, k - 1]");
  Value x = n[0];
  if (before > 0 && n.has(3)) {
    Value parts[] = {n[3], x};
    x = concat(n.b, parts, 2);
  } else if (before > 0) {
    x = pad(n.b, x, {0, 0, before}, {0, 0, 0}, cast<TypedAttr>(n.b.getZeroAttr(n.element(0))));
  }
  Value result = conv(n.b, x, n[1], Window{n.shape(1)[2]}, n.shape(0)[1]);
  if (result && n.has(2))
    result = add(n.b, result, broadcastAlong(n.b, n[2], shapeOf(result), 1));
  n.moreResults.push_back(before > 0 ? slice(n.b, x, 2, length, before) : slice(n.b, x, 2, 0, 0));
  return activation == "none" ? result : silu(n, result);
}

// The operands of a linear attention at one place of the sequence: [B, H, D] each, null where left out.
namespace {
struct LinearStep {
  Value q, k, v, decay, beta;
};
} // namespace

// Steps are unrolled: a longer sequence is better cut into calls that hand on the state.
constexpr int64_t kMaxLinearSteps = 256;

// [B, S, H * D] at place `at`, as [B, H, D].
static Value atPlace(NodeImport &n, size_t input, int64_t at, int64_t heads) {
  if (!n.has(input))
    return {};
  ArrayRef<int64_t> shape = n.shape(input);
  return reshape(n.b, slice(n.b, n[input], 1, at, 1), {shape[0], heads, shape[2] / heads});
}

// One step: what the state [B, G, K, V] forgets and learns. The delta rule learns the difference from what the state
// already gives for the key.
static Value learned(NodeImport &n, Value state, const LinearStep &step) {
  ArrayRef<int64_t> shape = shapeOf(state);
  auto along = [&](Value x, int64_t dropped) { return broadcastOver(n.b, x, shape, {dropped}); };
  if (step.decay) {
    Value factor = exp(n.b, step.decay);
    SmallVector<int64_t> keys(shape.drop_back());
    state = mul(n.b, state, along(broadcast(n.b, factor, keys), 3));
  }
  Value key = along(step.k, 3), value = step.v;
  if (step.beta) {
    Value given = reduce(n.b, tiny::ReduceKind::Sum, mul(n.b, state, key), {2});
    value = mul(n.b, sub(n.b, value, given), broadcast(n.b, step.beta, shapeOf(value)));
  }
  return add(n.b, state, mul(n.b, key, along(value, 2)));
}

static Value importLinearAttention(NodeImport &n) {
  std::string rule = n.text("update_rule", "gated_delta");
  int64_t heads = n.integer("q_num_heads", 0), groups = n.integer("kv_num_heads", 0);
  double scale = n.number("scale", 0);
  n.ignore({"chunk_size"});
  if (rule != "linear" && rule != "gated" && rule != "delta" && rule != "gated_delta")
    return n.fail("attribute 'update_rule': expected linear, gated, delta or gated_delta, found '" + rule + "'");
  bool gated = StringRef(rule).starts_with("gated"), delta = StringRef(rule).ends_with("delta");
  if (gated != n.has(4) || delta != n.has(5))
    return n.fail("rule '" + rule + "': expected " + (gated ? "a" : "no") + " decay and " + (delta ? "a" : "no") +
                  " beta");
  auto fits = [&](size_t input, int64_t parts) {
    return !n.has(input) || (n.rank(input) == 3 && n.shape(input).take_front(2) == n.shape(0).take_front(2) &&
                             parts > 0 && n.shape(input)[2] >= parts && n.shape(input)[2] % parts == 0);
  };
  if (n.rank(0) != 3 || !fits(0, heads) || !fits(1, groups) || !fits(2, groups) || !fits(4, groups) || !fits(5, 1) ||
      heads % groups != 0 || n.shape(0)[2] / heads != n.shape(1)[2] / groups)
    return n.fail("expected operands [batch, sequence, heads * size] with queries and keys of one size, and heads of "
                  "queries in groups");
  int64_t batch = n.shape(0)[0], steps = n.shape(0)[1], keys = n.shape(1)[2] / groups, values = n.shape(2)[2] / groups;
  if (steps < 1 || steps > kMaxLinearSteps)
    return n.fail("sequences of 1 to " + Twine(kMaxLinearSteps) + " places are supported, found " + Twine(steps));
  int64_t shape[] = {batch, groups, keys, values};
  if (n.has(3) && n.shape(3) != ArrayRef(shape))
    return n.fail("expected a past state [batch, heads, size of keys, size of values]");
  Value state = n.has(3) ? n[3] : splat(n.b, RankedTensorType::get(shape, n.element(0)), 0);
  if (!state)
    return {};
  double factor = scale != 0 ? scale : 1 / std::sqrt(static_cast<double>(keys));
  SmallVector<Value> outputs;
  for (int64_t at = 0; at < steps; ++at) {
    LinearStep step{atPlace(n, 0, at, heads), atPlace(n, 1, at, groups), atPlace(n, 2, at, groups),
                    atPlace(n, 4, at, groups), Value()};
    if (delta) // one for each head, or one for all
      step.beta = atPlace(n, 5, at, n.shape(5)[2]);
    if (!(state = learned(n, state, step)))
      return {};
    // Queries [B, G, heads of a group, K] times the state of their group.
    Value q = reshape(n.b, step.q, {batch, groups, heads / groups, keys});
    Value read = matmul(n.b, q, state);
    if (!read)
      return {};
    outputs.push_back(reshape(n.b, read, {batch, 1, heads * values}));
  }
  n.moreResults.push_back(state);
  Value result = concat(n.b, outputs, 1);
  return result ? mul(n.b, result, splat(n.b, result, factor)) : result;
}

// Writes `update` into a cache, from a place of each batch on; past the end it begins again if circular.
static Value importTensorScatter(NodeImport &n) {
  std::string mode = n.text("mode", "linear");
  FailureOr<int64_t> axis = n.axis(n.integer("axis", -2), n.rank(0));
  if (failed(axis))
    return {};
  if (mode != "linear" && mode != "circular")
    return n.fail("attribute 'mode': expected linear or circular, found '" + mode + "'");
  SmallVector<int64_t> cache(n.shape(0)), update(n.shape(1)), same(cache);
  if (*axis < 1 || update.size() != cache.size() || update[*axis] > cache[*axis])
    return n.fail("expected an update of the cache's rank, no longer than it, along an axis that is not the batch");
  same[*axis] = update[*axis];
  if (same != update || n.element(0) != n.element(1) || (n.has(2) && n.shape(2) != ArrayRef(cache).take_front(1)))
    return n.fail("expected an update that differs from the cache along the axis only, and an index for each batch");
  // Rows of what follows the axis: the number of each update's row in the cache.
  SmallVector<int64_t> leading(update.begin(), update.begin() + *axis + 1);
  AffineExpr row = n.b.getAffineConstantExpr(0);
  for (int64_t d = 0; d < *axis; ++d)
    row = (row + n.b.getAffineDimExpr(d)) * cache[d + 1];
  auto type = RankedTensorType::get(leading, n.b.getI64Type());
  Value base = tiny::IotaOp::create(n.b, type, AffineMap::get(leading.size(), 0, row));
  Value at = coordinate(n.b, leading, n.b.getI64Type(), *axis), size = splatInteger(n.b, type, cache[*axis]);
  if (n.has(2))
    at = add(n.b, at, broadcastAlong(n.b, cast(n.b, n[2], n.b.getI64Type()), leading, 0));
  if (mode == "circular")
    at = floorMod(n.b, at, size);
  // Out of the cache is nowhere.
  Value inside = bitAnd(n.b, lessEqual(n.b, splatInteger(n.b, type, 0), at), less(n.b, at, size));
  Value number = where(n.b, inside, add(n.b, base, at), splatInteger(n.b, type, -1));
  auto rows = [&](Value x) {
    SmallVector<int64_t> shape{1};
    for (auto [d, s] : llvm::enumerate(shapeOf(x)))
      static_cast<int64_t>(d) <= *axis ? void(shape[0] *= s) : shape.push_back(s);
    return reshape(n.b, x, shape);
  };
  Value written = tiny::ScatterOp::create(n.b, rows(n[0]).getType(), tiny::ScatterKind::Set, rows(n[0]),
                                          reshape(n.b, number, {*elementCount(leading)}), rows(n[1]), 0);
  return reshape(n.b, written, cache);
}

ArrayRef<Operator> onnx::attentionOperators() {
  static const Operator rows[] = {
      {"Attention", 23, 3, 7, Narrow::Widen, importAttention},
      {"CausalConvWithState", 27, 2, 4, Narrow::Widen, importCausalConvWithState},
      {"LinearAttention", 27, 3, 6, Narrow::Widen, importLinearAttention},
      {"RotaryEmbedding", 23, 3, 4, Narrow::Widen, importRotaryEmbedding},
      {"TensorScatter", 24, 2, 3, Narrow::Keep, importTensorScatter},
  };
  return rows;
}
