// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention, softmax(q k' / sqrt(d) + mask) v, as the importers compose it: one launch that moves queries, keys,
// values, mask and outputs once, and counts the flops of its ops one by one. Sizes that are no multiples of any tile,
// masks that leave whole tiles of keys out, heads that share keys.
//
// Scores are of size 1, values at most 8. In f32 the online softmax adds one rounding for each tile of keys to the
// reference's; the bounds allow 64 of them, relative to 8. With f16 operands on tensor cores the shares are rounded to
// 2^-11 before they meet the values.

#include "lib/Builders/Contraction.h"
#include "lib/Builders/Reduction.h"
#include "passes/2-fuse/KernelCost.h"
#include "test/devices/Device.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace tinyc::test {
namespace {

using Score = std::function<Value(compose::Builder &, Value scores, ValueRange inputs)>;

class Attention : public OnDevice {
protected:
  struct Sizes {
    int64_t batch, heads, queries, keys, depth, width;
    int64_t keyHeads = 0; // 0: as many as heads
  };

  static TensorRef numbers(Element e, Shape shape, unsigned seed, double scale) {
    return tensor(e, std::move(shape), [&](size_t i) {
      uint64_t bits = (i + 1) * 0x9E3779B97F4A7C15u * (2 * seed + 1);
      return Lane{.f = (static_cast<double>((bits ^ bits >> 31) >> 9 & 1023) / 512 - 1) * scale};
    });
  }

  // Compiles attention of these sizes; `shape` makes scores of products, `more` are its inputs beside q, k and v.
  void checkAttention(const std::string &label, const Sizes &s, Element e, const Score &shape,
                      std::vector<TensorRef> more = {}) {
    SCOPED_TRACE(label);
    int64_t keyHeads = s.keyHeads ? s.keyHeads : s.heads;
    std::vector<TensorRef> inputs = {
        numbers(e, {s.batch, s.heads, s.queries, s.depth}, 1, 2),
        numbers(e, {s.batch, keyHeads, s.keys, s.depth}, 2, 2),
        numbers(e, {s.batch, keyHeads, s.keys, s.width}, 3, 8),
    };
    inputs.insert(inputs.end(), more.begin(), more.end());
    auto module = build(inputs, [&](compose::Builder &b, ValueRange x) {
      Type f32 = b.getF32Type();
      auto shared = [&](Value value, int64_t width) -> Value { // one head of keys for several of queries
        if (keyHeads == s.heads)
          return value;
        AffineMap map = AffineMap::get(4, 0,
                                       {b.getAffineDimExpr(0), b.getAffineDimExpr(1).floorDiv(s.heads / keyHeads),
                                        b.getAffineDimExpr(2), b.getAffineDimExpr(3)},
                                       b.getContext());
        return compose::view(b, value, {s.batch, s.heads, s.keys, width}, map);
      };
      Value q = compose::cast(b, x[0], f32), k = compose::cast(b, shared(x[1], s.depth), f32),
            v = compose::cast(b, shared(x[2], s.width), f32);
      Value scores = compose::matmul(b, q, compose::permute(b, k, {0, 1, 3, 2}));
      scores = compose::mul(b, scores, compose::splat(b, scores.getType(), 1 / std::sqrt(double(s.depth))));
      if (shape)
        scores = shape(b, scores, x.drop_front(3));
      Value shares = compose::softmax(b, scores, {3});
      return std::vector{compose::matmul(b, shares, v)};
    });
    if (!module)
      return;
    int64_t flops = 0, bytes = 4 * s.batch * s.heads * s.queries * s.width;
    module->walk([&](Operation *op) { flops += tensorFlops(op); });
    for (const TensorRef &input : inputs)
      bytes += input->bytes.size();
    Tolerance tolerance{4, 0x1p-18, 8 * 0x1p-18};
    if (e != Element::F32 && isGpu())
      tolerance = {4, 0x1p-9, 8 * 0x1p-9};
    std::vector<Launch> launches = check(*module, inputs, {{label, tolerance, {}}});
    ASSERT_EQ(launches.size(), 1u);
    EXPECT_EQ(launches[0].kernel, "attention_2");
    EXPECT_LE(launches[0].bytes, 1.05 * double(bytes));
    EXPECT_LE(launches[0].flops, 1.1 * double(flops));
    EXPECT_GE(launches[0].flops, 0.9 * double(flops));
  }

  // Keys up to the query's own position.
  static Value causal(compose::Builder &b, Value scores, ValueRange) {
    ArrayRef<int64_t> shape = compose::shapeOf(scores);
    Value query = compose::coordinate(b, shape, b.getI32Type(), 2),
          key = compose::coordinate(b, shape, b.getI32Type(), 3);
    return compose::where(b, compose::lessEqual(b, key, query), scores,
                          compose::splat(b, scores.getType(), -std::numeric_limits<double>::infinity()));
  }
  static Value addMask(compose::Builder &b, Value scores, ValueRange inputs) {
    return compose::add(b, scores, compose::broadcast(b, inputs[0], compose::shapeOf(scores)));
  }
};
INSTANTIATE_TEST_SUITE_P(Devices, Attention, testing::ValuesIn(allDevices), deviceName);

TEST_P(Attention, IsOneKernel) {
  checkAttention("whole tiles", {1, 2, 64, 128, 32, 32}, Element::F32, {});
  checkAttention("ragged", {2, 1, 37, 75, 20, 24}, Element::F32, {});
}

TEST_P(Attention, OfOneQuery) { checkAttention("one query", {1, 3, 1, 70, 16, 16}, Element::F32, {}); }

TEST_P(Attention, UnderACausalMask) { checkAttention("causal", {1, 2, 70, 70, 16, 16}, Element::F32, causal); }

// Rows whose first tiles of keys are all masked out, and one row without any key: no number, as op by op.
TEST_P(Attention, UnderAnAddedMask) {
  TensorRef mask = tensor(Element::F32, {1, 1, 20, 150}, [](size_t i) {
    size_t query = i / 150, key = i % 150;
    bool masked = query == 7 || (query % 2 ? key < 130 : key > 10 * query);
    return Lane{.f = masked ? -std::numeric_limits<double>::infinity() : double(key % 3) - 1};
  });
  checkAttention("added mask", {1, 2, 20, 150, 16, 16}, Element::F32, addMask, {mask});
}

TEST_P(Attention, OfHeadsThatShareKeys) {
  checkAttention("grouped heads", {1, 6, 17, 40, 16, 16, 2}, Element::F32, {});
}

TEST_P(Attention, OfHalves) {
  for (Element e : {Element::F16, Element::BF16})
    checkAttention(std::string(tiny::name(e)), {1, 2, 50, 90, 32, 64}, e, e == Element::F16 ? Score(causal) : Score());
}

} // namespace
} // namespace tinyc::test
