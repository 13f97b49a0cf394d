// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernels that common compositions become: how many, what they move and what they compute. A change of fusion shows
// here as a changed number. One kernel means that its inputs are read once and its results written once (5 % more at
// most) and that its arithmetic is that of the ops one by one (10 % more at most).

#include "lib/Builders/Attention.h"
#include "lib/Builders/Contraction.h"
#include "lib/Builders/Elementwise.h"
#include "lib/Builders/Pooling.h"
#include "lib/Builders/Reduction.h"
#include "passes/2-fuse/CostModel.h"
#include "passes/2-fuse/KernelCost.h"
#include "passes/Passes.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace tinyc;
using namespace tinyc::tiny;
using namespace tinyc::compose;

namespace {

using Shape = SmallVector<int64_t>;
using Values = SmallVector<Value>;

struct Row {
  const char *name;
  std::vector<Shape> inputs; ///< f32
  Values (*build)(compose::Builder &b, ValueRange in);
  unsigned kernels;     ///< on a CPU
  unsigned onGpu;       ///< the same, but for what only a CPU's units can keep
  int64_t bytes, flops; ///< on a CPU, in all
};

compose::Window window(int64_t size, int64_t stride, int64_t pad) { return {size, stride, 1, pad, pad}; }

Value relu(compose::Builder &b, Value x) { return compose::max(b, x, splat(b, x.getType(), 0)); }

/// A vector along dimension 1 of [N, C, H, W].
Value channels(compose::Builder &b, Value x, ArrayRef<int64_t> shape) { return broadcastAlong(b, x, shape, 1); }

ArrayRef<int64_t> shapeOf(Value v) { return cast<RankedTensorType>(v.getType()).getShape(); }

Values gemmBiasRelu(compose::Builder &b, ValueRange in) {
  return {relu(b, add(b, matmul(b, in[0], in[1]), broadcast(b, in[2], {64, 32})))};
}

/// Batch norm as importers leave it: a factor and a summand for each channel, computed from weights at import.
Values convNormRelu(compose::Builder &b, ValueRange in) {
  Value y = conv(b, in[0], in[1], {window(3, 1, 1), window(3, 1, 1)}, 1);
  return {relu(b, add(b, mul(b, y, channels(b, in[2], shapeOf(y))), channels(b, in[3], shapeOf(y))))};
}

Values twoResults(compose::Builder &b, ValueRange in) { return {compose::exp(b, in[0]), compose::sqrt(b, in[0])}; }

Values softmaxOfRows(compose::Builder &b, ValueRange in) { return {softmax(b, in[0], {1})}; }

Values layerNorm(compose::Builder &b, ValueRange in) {
  Value y = normalize(b, in[0], {1}, 1e-5).result;
  return {add(b, mul(b, y, broadcast(b, in[1], shapeOf(y))), broadcast(b, in[2], shapeOf(y)))};
}

Values rmsNorm(compose::Builder &b, ValueRange in) {
  Value y = rmsNormalize(b, in[0], {1}, 1e-5);
  return {mul(b, y, broadcast(b, in[1], shapeOf(y)))};
}

/// The mean over rows of -log(softmax) at each row's target.
Values crossEntropy(compose::Builder &b, ValueRange in) {
  Value logs = logSoftmax(b, in[0], {1});
  Value target = broadcastAlong(b, cast(b, in[1], b.getI32Type()), {32, 1000}, 0);
  Value hit = compose::equal(b, coordinate(b, {32, 1000}, b.getI32Type(), 1), target);
  Value picked = where(b, hit, neg(b, logs), splat(b, logs.getType(), 0));
  return {reduceMean(b, reduce(b, ReduceKind::Sum, picked, {1}), {0})};
}

Values attentionOfHeads(compose::Builder &b, ValueRange in) {
  ScoreOptions options;
  options.scale = 0.125;
  return {compose::attention(b, in[0], in[1], in[2], options).result};
}

Values convReluMaxPool(compose::Builder &b, ValueRange in) {
  Value y = conv(b, in[0], in[1], {window(3, 2, 0), window(3, 2, 0)}, 1);
  y = relu(b, add(b, y, channels(b, in[2], shapeOf(y))));
  return {maxPool(b, y, {window(3, 2, 0), window(3, 2, 0)}, /*ceil=*/false)};
}

Values argMaxOfRows(compose::Builder &b, ValueRange in) { return {argMax(b, in[0], 1, /*last=*/false)}; }

Values threeFactors(compose::Builder &b, ValueRange in) { return {matmul(b, matmul(b, in[0], in[1]), in[2])}; }

Values gemmResidualLayerNorm(compose::Builder &b, ValueRange in) {
  return {normalize(b, add(b, matmul(b, in[0], in[1]), in[2]), {1}, 1e-5).result};
}

Values sixFactors(compose::Builder &b, ValueRange in) {
  Value y = in[0];
  for (Value x : in.drop_front())
    y = mul(b, y, x);
  return {y};
}

const Row kRows[] = {
    {"GEMM, bias, relu", {{64, 48}, {48, 32}, {32}}, gemmBiasRelu, 1, 1, 26752, 200704},
    {"convolution, batch norm, relu", {{1, 8, 16, 16}, {16, 8, 3, 3}, {16}, {16}}, convNormRelu, 1, 1, 29312, 602112},
    {"two results of one input", {{64, 100}}, twoResults, 1, 1, 76800, 12800},
    {"softmax", {{64, 1000}}, softmaxOfRows, 1, 1, 512000, 384000},
    {"layer norm", {{64, 768}, {768}, {768}}, layerNorm, 1, 1, 399360, 393536},
    {"RMS norm", {{64, 768}, {768}}, rmsNorm, 1, 1, 396288, 196864},
    {"cross-entropy", {{32, 1000}, {32}}, crossEntropy, 1, 1, 128132, 288033},
    {"attention", {{1, 4, 128, 64}, {1, 4, 128, 64}, {1, 4, 128, 64}}, attentionOfHeads, 1, 1, 524288, 17235968},
    {"convolution, relu, max pool", {{1, 3, 63, 63}, {16, 3, 3, 3}, {16}}, convReluMaxPool, 1, 2, 63820, 893456},
    {"argmax", {{64, 1000}}, argMaxOfRows, 1, 1, 256512, 128128},
    {"A @ B @ C", {{64, 48}, {48, 32}, {32, 64}}, threeFactors, 2, 2, 59392, 458752},
    {"GEMM, residual, layer norm", {{64, 48}, {48, 32}, {64, 32}}, gemmResidualLayerNorm, 2, 2, 51200, 211264},
    {"product of six tensors", {{1000}, {1000}, {1000}, {1000}, {1000}, {1000}}, sixFactors, 1, 1, 28000, 5000},
};

class KernelTable : public testing::TestWithParam<Row> {
protected:
  KernelTable() : context(MLIRContext::Threading::DISABLED) { context.loadDialect<TinyDialect, func::FuncDialect>(); }

  OwningOpRef<ModuleOp> build(const Row &row) {
    Location loc = UnknownLoc::get(&context);
    OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
    compose::Builder b(loc, &context);
    b.setInsertionPointToEnd(module->getBody());
    SmallVector<Type> types;
    for (const Shape &shape : row.inputs)
      types.push_back(RankedTensorType::get(shape, b.getF32Type()));
    auto function = func::FuncOp::create(b, "main", b.getFunctionType(types, {}));
    b.setInsertionPointToStart(function.addEntryBlock());
    Values results = row.build(b, function.getArguments());
    func::ReturnOp::create(b, results);
    function.setType(b.getFunctionType(types, TypeRange(ValueRange(results))));
    return module;
  }

  /// The kernels as `target` runs them.
  void fuse(ModuleOp module, StringRef target) {
    module->setAttr(kTargetAttr, StringAttr::get(&context, target));
    PassManager pm(&context);
    pm.addNestedPass<func::FuncOp>(createSimplify());
    pm.addNestedPass<func::FuncOp>(createFuse());
    pm.addNestedPass<func::FuncOp>(createFuseAttention());
    pm.addPass(createFuseWindows());
    pm.addPass(createSchedule());
    ASSERT_TRUE(succeeded(pm.run(module)));
  }

  MLIRContext context;
};

TEST_P(KernelTable, CountBytesAndFlops) {
  const Row &row = GetParam();
  OwningOpRef<ModuleOp> module = build(row), onGpu = module->clone();
  ASSERT_TRUE(succeeded(verify(*module)));
  int64_t outside = 0, alone = 0;
  auto main = module->lookupSymbol<func::FuncOp>("main");
  for (Type type : llvm::concat<const Type>(main.getArgumentTypes(), main.getResultTypes()))
    outside += fusion::byteCount(type);
  module->walk([&](Operation *op) { alone += isa<TinyDialect>(op->getDialect()) ? tensorFlops(op) : 0; });

  fuse(*module, "cpu:x86-64-v4");
  fuse(*onGpu, "nvidia:sm_80");
  unsigned kernels = 0, kernelsOnGpu = 0;
  int64_t bytes = 0, flops = 0;
  module->walk([&](KernelOp kernel) {
    ++kernels;
    bytes += kernelBytes(kernel);
    flops += kernelFlops(kernel);
  });
  onGpu->walk([&](KernelOp) { ++kernelsOnGpu; });
  EXPECT_EQ(kernels, row.kernels);
  EXPECT_EQ(kernelsOnGpu, row.onGpu);
  EXPECT_EQ(bytes, row.bytes);
  EXPECT_EQ(flops, row.flops);
  EXPECT_LE(flops, alone + alone / 10) << "of the ops one by one: " << alone;
  if (row.kernels == 1)
    EXPECT_LE(bytes, outside + outside / 20) << "of inputs and outputs: " << outside;
}

INSTANTIATE_TEST_SUITE_P(Compositions, KernelTable, testing::ValuesIn(kRows), [](const auto &info) {
  std::string name;
  for (char c : std::string(info.param.name))
    if (std::isalnum(c))
      name += c;
  return name;
});

} // namespace
