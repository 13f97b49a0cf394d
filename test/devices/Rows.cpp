// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What normalises or searches rows: softmax, layernorm, rmsnorm, argmax, as the importers compose them, over rows of
// one element up to more than fit on a GPU's chip. Each is one kernel: one launch, at most 1.05 times the bytes of
// inputs and outputs, at most 1.1 times the flops op by op.
//
// Softmax divides by a sum of n exponentials, each within 2 ulp, all positive: the sum's relative error is at most
// that of an exponential and of its order of summation, 4 sqrt(n) 2^-24 as in Reduction.cpp; the bound adds 6 ulp for
// the exponentials, the difference before them and the quotient. The norms subtract a mean whose error is relative to
// the mean of the magnitudes, so their bound is absolute, for rows of deviation near 1.

#include "dialects/Target/Chip.h"
#include "dialects/Tiny/Elementwise.h"
#include "lib/Builders/Movement.h"
#include "lib/Builders/Reduction.h"
#include "lib/Compiler/Compile.h"
#include "passes/2-fuse/KernelCost.h"
#include "test/devices/Device.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace tinyc::test {
namespace {

// How often a loop runs; its bounds are constants, or the end is so much after the start, limited by the last unit's.
int64_t tripCount(scf::ForOp loop) {
  std::optional<int64_t> step = getConstantIntValue(loop.getStep());
  std::optional<int64_t> from = getConstantIntValue(loop.getLowerBound()),
                         to = getConstantIntValue(loop.getUpperBound());
  if (step && from && to)
    return llvm::divideCeil(*to - *from, *step);
  auto limited = loop.getUpperBound().getDefiningOp<affine::AffineMinOp>();
  if (step && limited)
    for (AffineExpr end : limited.getMap().getResults())
      if (auto sum = dyn_cast<AffineBinaryOpExpr>(end); sum && sum.getKind() == AffineExprKind::Add)
        if (auto length = dyn_cast<AffineConstantExpr>(sum.getRHS()))
          return llvm::divideCeil(length.getValue(), *step);
  ADD_FAILURE() << "a loop without a known number of trips";
  return 1;
}

// Bytes of global memory that the tiles of all units load and store, masked or not.
int64_t tileTraffic(ModuleOp tiled) {
  int64_t bytes = 0;
  tiled.walk([&](tiny::LaunchOp launch) {
    auto kernel = tiled.lookupSymbol<func::FuncOp>(launch.getKernel());
    kernel.walk([&](Operation *access) {
      Value buffer;
      VectorType tile;
      if (auto load = dyn_cast<tiny::LoadOp>(access))
        buffer = load.getBuffer(), tile = cast<VectorType>(load.getType());
      else if (auto store = dyn_cast<tiny::StoreOp>(access))
        buffer = store.getBuffer(), tile = cast<VectorType>(store.getValue().getType());
      if (!isa_and_nonnull<BlockArgument>(buffer))
        return;
      int64_t times = launch.getUnits();
      for (auto loop = access->getParentOfType<scf::ForOp>(); loop; loop = loop->getParentOfType<scf::ForOp>())
        times *= tripCount(loop);
      bytes += times * tile.getNumElements() * tiny::byteWidth(*tiny::elementOf(tile));
    });
  });
  return bytes;
}

using Compose = std::function<Value(compose::Builder &, Value)>;

class Rows : public OnDevice {
protected:
  static constexpr int64_t lengths[] = {1, 1000, 4096, 50000};

  // Distinct values spread over [-4, 4).
  static TensorRef rows(Element e, int64_t count, int64_t length) {
    return tensor(e, {count, length}, [](size_t i) {
      uint64_t bits = (i + 1) * 0x9E3779B97F4A7C15u;
      return Lane{.f = static_cast<double>((bits ^ bits >> 32) & 0xFFFFF) / 0x20000 - 4};
    });
  }

  // One kernel of `compose` on each length of row, and its cost.
  void checkRows(const std::string &label, Element e, const Compose &compose,
                 const std::function<Tolerance(int64_t)> &tolerance) {
    for (int64_t length : lengths)
      checkRow(label, rows(e, length < 10000 ? 8 : 4, length), compose, tolerance(length));
  }

  void checkRow(const std::string &label, const TensorRef &input, const Compose &compose, Tolerance tolerance,
                bool ofOneUnit = false) {
    auto module = build({input}, [&](compose::Builder &b, ValueRange x) { return std::vector{compose(b, x[0])}; });
    if (!module)
      return;
    std::string name = label + " of " + tensorType(input->element, input->shape);
    SCOPED_TRACE(name);
    int64_t flops = 0, bytes = input->bytes.size();
    module->walk([&](Operation *op) { flops += tensorFlops(op); });
    auto result = cast<RankedTensorType>(module->lookupSymbol<func::FuncOp>("main").getResultTypes()[0]);
    bytes += result.getNumElements() * tiny::byteWidth(*tiny::elementOf(result));
    std::vector<Launch> launches = check(*module, {input}, {{name, tolerance, {}}});
    ASSERT_EQ(launches.size(), 1u);
    EXPECT_LE(launches[0].bytes, 1.05 * static_cast<double>(bytes));
    EXPECT_LE(launches[0].flops, 1.1 * static_cast<double>(flops));
    EXPECT_GT(launches[0].bytes, 0u);
    if (!ofOneUnit)
      checkTraffic(*module, input, bytes);
  }

  // What a GPU's tiles move: rows that fit on the chip are read once, others once more. (A CPU's come from its caches.)
  void checkTraffic(ModuleOp fused, const TensorRef &input, int64_t bytes) {
    int64_t length = input->shape[1];
    if (!isGpu() || length < 1000 || input->shape.size() != 2)
      return;
    auto tiled = lowerForChip(fused, *chip, findStage("tile"), {});
    ASSERT_TRUE(succeeded(tiled)) << diagnostics;
    int64_t rowBytes = length * tiny::byteWidth(input->element);
    int64_t onceMore = rowBytes > chip->sharedBytes ? int64_t(input->bytes.size()) : 0;
    EXPECT_LE(tileTraffic(**tiled), 1.05 * double(bytes + onceMore));
  }
};
INSTANTIATE_TEST_SUITE_P(Devices, Rows, testing::ValuesIn(allDevices), deviceName);

Tolerance ofSum(int64_t length) { return {6, 4 * std::sqrt(double(length)) * 0x1p-24, 0}; }
// The deviations are at most 2 of the rows' own; magnitudes at most 4.
Tolerance ofNorm(int64_t length) { return {6, 0, (16 + 8 * std::sqrt(double(length))) * 0x1p-24}; }

TEST_P(Rows, Softmax) {
  checkRows("softmax", Element::F32, [](compose::Builder &b, Value x) { return compose::softmax(b, x, {1}); }, ofSum);
}

TEST_P(Rows, LogSoftmax) {
  checkRows(
      "log softmax", Element::F32, [](compose::Builder &b, Value x) { return compose::logSoftmax(b, x, {1}); },
      [](int64_t length) { return Tolerance{6, 0, (32 + 4 * std::sqrt(double(length))) * 0x1p-24}; });
}

// Of a row of one element the deviation is 0, and the result (x - mean) is.
TEST_P(Rows, LayerNorm) {
  checkRows(
      "layernorm", Element::F32,
      [](compose::Builder &b, Value x) { return compose::normalize(b, x, {1}, 1e-5).result; }, ofNorm);
}

TEST_P(Rows, RmsNorm) {
  checkRows(
      "rmsnorm", Element::F32, [](compose::Builder &b, Value x) { return compose::rmsNormalize(b, x, {1}, 1e-5); },
      ofSum);
}

TEST_P(Rows, ArgMax) {
  for (bool last : {false, true})
    checkRows(
        last ? "last argmax" : "argmax", Element::F32,
        [last](compose::Builder &b, Value x) { return compose::argMax(b, x, 1, last); }, [](int64_t) { return exact; });
}

// f16 rows, computed in f32: one number off where the f32 result lies next to a tie.
TEST_P(Rows, SoftmaxOfHalves) {
  checkRows(
      "softmax", Element::F16,
      [](compose::Builder &b, Value x) {
        return compose::cast(b, compose::softmax(b, compose::cast(b, x, b.getF32Type()), {1}), b.getF16Type());
      },
      [](int64_t) { return Tolerance{1}; });
}

// The largest element several times, NaN, and rows of one value.
TEST_P(Rows, ArgMaxOfTiesAndNaN) {
  for (int64_t length : {1, 17, 1000})
    for (bool last : {false, true}) {
      TensorRef input = tensor(Element::F32, {4, length}, [&](size_t i) {
        size_t row = i / length, column = i % length;
        double tie = column % 7 == 3 ? 9 : double(column % 5);
        double nan = std::numeric_limits<double>::quiet_NaN();
        return Lane{.f = row == 0 ? tie : row == 1 ? -1.5 : row == 2 && column % 11 == 5 ? nan : -double(column)};
      });
      checkRow("argmax", input, [&](compose::Builder &b, Value x) { return compose::argMax(b, x, 1, last); }, exact);
    }
}

// Rows across memory, rows of several dimensions, groups of channels: as importers compose them.
TEST_P(Rows, SoftmaxOfColumns) {
  checkRow(
      "softmax of columns", rows(Element::F32, 100, 37),
      [](compose::Builder &b, Value x) { return compose::softmax(b, x, {0}); }, ofSum(100));
}

TEST_P(Rows, SoftmaxAlongTheMiddle) {
  for (Shape shape : {Shape{3, 50, 20}, Shape{2, 21, 300}, Shape{2, 300, 3}}) {
    TensorRef input = rows(Element::F32, shape[0], shape[1] * shape[2]);
    auto middle = tensor(Element::F32, shape, [&](size_t i) { return Lane{.f = double(input->as<float>()[i])}; });
    checkRow(
        "softmax along the middle", middle, [](compose::Builder &b, Value x) { return compose::softmax(b, x, {1}); },
        ofSum(shape[1]));
  }
}

TEST_P(Rows, SoftmaxOverTwoDimensions) {
  auto input = tensor(Element::F32, {3, 20, 30}, [](size_t i) { return Lane{.f = double(i * 37 % 101) / 25 - 2}; });
  checkRow(
      "softmax over two dimensions", input, [](compose::Builder &b, Value x) { return compose::softmax(b, x, {1, 2}); },
      ofSum(600));
}

TEST_P(Rows, InstanceAndGroupNorm) {
  auto input = tensor(Element::F32, {2, 6, 5, 9}, [](size_t i) { return Lane{.f = double(i * 37 % 101) / 25 - 2}; });
  checkRow(
      "instance norm", input,
      [](compose::Builder &b, Value x) { return compose::normalize(b, x, {2, 3}, 1e-5).result; }, ofNorm(45));
  checkRow("group norm", input,
           [](compose::Builder &b, Value x) {
             Value groups = compose::reshape(b, x, {2, 3, 90});
             Value normal = compose::reshape(b, compose::normalize(b, groups, {2}, 1e-5).result, {2, 6, 5, 9});
             Value scale = compose::cast(b, compose::coordinate(b, {6}, b.getI32Type(), 0), b.getF32Type());
             return compose::mul(b, normal, compose::broadcastAlong(b, scale, {2, 6, 5, 9}, 1));
           },
           {6, 0, 5 * ofNorm(90).absolute});
}

// -mean over rows of log softmax at the row's label, here the row's number modulo 5. All rows are one unit's, which
// walks them stage by stage: they come from a cache after the first stage, so tiles read more than the launch moves.
TEST_P(Rows, CrossEntropy) {
  for (int64_t length : {10, 1000})
    checkRow(
        "cross entropy", rows(Element::F32, 16, length),
        [&](compose::Builder &b, Value x) {
          Shape shape = {16, length};
          Value row = compose::coordinate(b, shape, b.getI32Type(), 0);
          Value label = compose::floorMod(b, row, compose::splatInteger(b, row.getType(), 5));
          Value hit = compose::equal(b, compose::coordinate(b, shape, b.getI32Type(), 1), label);
          Value logits = compose::logSoftmax(b, x, {1});
          Value picked = compose::where(b, hit, logits, compose::splat(b, logits.getType(), 0));
          Value losses = compose::neg(b, compose::reduce(b, tiny::ReduceKind::Sum, picked, {1}));
          return compose::reduceMean(b, losses, {0});
        },
        {6, ofSum(length).relative, 0x1p-20}, /*ofOneUnit=*/true);
}

TEST_P(Rows, SoftmaxOfInfinities) {
  TensorRef input = tensor(Element::F32, {5, 33}, [](size_t i) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    size_t row = i / 33, column = i % 33;
    if (row == 0)
      return Lane{.f = column < 20 ? -infinity : 1.0}; // masked
    if (row == 1)
      return Lane{.f = column == 4 ? infinity : 1.0}; // inf - inf: NaN
    if (row == 2)
      return Lane{.f = -infinity};
    return Lane{.f = row == 3 ? (column == 9 ? std::numeric_limits<double>::quiet_NaN() : 0) : 1e30 * double(column)};
  });
  checkRow("softmax", input, [](compose::Builder &b, Value x) { return compose::softmax(b, x, {1}); }, ofSum(33));
}

} // namespace
} // namespace tinyc::test
