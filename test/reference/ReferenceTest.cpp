// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The reference interpreter on whole functions: views followed lazily, reductions, movement, control, weights, kernels.

#include "test/reference/Run.h"

#include <cmath>

using namespace tinyc;
using namespace tinyc::tiny;

using Floats = std::vector<float>;

TEST(Reference, MatmulIsViewMulReduce) {
  const int64_t m = 37, k = 65, n = 29;
  Text text(R"(func.func @main(%a: tensor<37x65xf32>, %b: tensor<65x29xf32>) -> tensor<37x29xf32> {
    %x = tiny.view %a by affine_map<(i, j, k) -> (i, k)> : tensor<37x65xf32> -> tensor<37x29x65xf32>
    %y = tiny.view %b by affine_map<(i, j, k) -> (k, j)> : tensor<65x29xf32> -> tensor<37x29x65xf32>
    %p = tiny.mul %x, %y : tensor<37x29x65xf32>
    %s = tiny.reduce sum %p [2] : tensor<37x29x65xf32> -> tensor<37x29xf32>
    return %s : tensor<37x29xf32>
  })");
  Floats a(m * k), b(k * n), expected;
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = std::sin(i * 0.7);
  for (size_t i = 0; i < b.size(); ++i)
    b[i] = std::cos(i * 1.3);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l)
        sum += a[i * k + l] * b[l * n + j]; // a product is rounded to f32
      expected.push_back(sum);
    }
  auto results = text.run({makeFloats({m, k}, a), makeFloats({k, n}, b)});
  ASSERT_EQ(results.size(), 1u) << text.errors;
  EXPECT_EQ(valuesOf<float>(results[0]), expected);
}

TEST(Reference, MaskedViewsOfViews) {
  // Pads by one on the left and two on the right, then flips, then takes every other element.
  Text text(R"(func.func @main(%x: tensor<4xf32>) -> (tensor<7xf32>, tensor<4xf32>) {
    %p = tiny.view %x by affine_map<(d0) -> (d0 - 1)> mask affine_set<(d0) : (d0 - 1 >= 0, 4 - d0 >= 0)>
         fill 9.0 : f32 : tensor<4xf32> -> tensor<7xf32>
    %f = tiny.view %p by affine_map<(d0) -> (6 - d0)> : tensor<7xf32> -> tensor<7xf32>
    %s = tiny.view %f by affine_map<(d0) -> (d0 * 2)> : tensor<7xf32> -> tensor<4xf32>
    %d = tiny.add %s, %s : tensor<4xf32>
    return %f, %d : tensor<7xf32>, tensor<4xf32>
  })");
  auto results = text.run({makeFloats({4}, {1, 2, 3, 4})});
  ASSERT_EQ(results.size(), 2u) << text.errors;
  EXPECT_EQ(valuesOf<float>(results[0]), (Floats{9, 9, 4, 3, 2, 1, 9}));
  EXPECT_EQ(valuesOf<float>(results[1]), (Floats{18, 8, 4, 18}));
}

TEST(Reference, MaskThatReadsAnEmptyTensorNowhere) {
  Text text(R"(func.func @main(%x: tensor<0xf32>) -> tensor<3xf32> {
    %p = tiny.view %x by affine_map<(d0) -> (d0)> mask affine_set<(d0) : (-d0 - 1 >= 0)>
         fill 2.0 : f32 : tensor<0xf32> -> tensor<3xf32>
    return %p : tensor<3xf32>
  })");
  auto results = text.run({makeFloats({0}, {})});
  ASSERT_EQ(results.size(), 1u) << text.errors;
  EXPECT_EQ(valuesOf<float>(results[0]), (Floats{2, 2, 2}));
}

TEST(Reference, ReadOutsideIsAnErrorAtTheOp) {
  Text text(R"(func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    %p = tiny.kernel "k" shared 1 (%x) : (tensor<4xf32>) -> tensor<4xf32> {
    ^bb0(%in: tensor<4xf32>):
      %s = tiny.stage parallel [4] (%in by affine_map<(d0) -> (d0 + 1)> : tensor<4xf32>) -> (none tensor<4xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %s : tensor<4xf32>
    }
    return %p : tensor<4xf32>
  })");
  EXPECT_TRUE(text.run({makeFloats({4}, {1, 2, 3, 4})}).empty());
  EXPECT_EQ(text.errors, "reads outside a tensor: expected a coordinate from 0 to 3 in dimension 0, found 4\n");
}

TEST(Reference, ReductionsOverNothingGiveTheIdentity) {
  Text text(R"(func.func @main(%x: tensor<2x0xf32>, %y: tensor<2x0xi8>, %z: tensor<0x2xf32>)
      -> (tensor<2xf32>, tensor<2xf32>, tensor<2xi8>, tensor<0xf32>) {
    %s = tiny.reduce sum %x [1] : tensor<2x0xf32> -> tensor<2xf32>
    %m = tiny.reduce max %x [1] : tensor<2x0xf32> -> tensor<2xf32>
    %i = tiny.reduce max %y [1] : tensor<2x0xi8> -> tensor<2xi8>
    %e = tiny.reduce sum %z [1] : tensor<0x2xf32> -> tensor<0xf32>
    return %s, %m, %i, %e : tensor<2xf32>, tensor<2xf32>, tensor<2xi8>, tensor<0xf32>
  })");
  auto results =
      text.run({makeFloats({2, 0}, {}), makeTensor<int8_t>(Element::I8, {2, 0}, {}), makeFloats({0, 2}, {})});
  ASSERT_EQ(results.size(), 4u) << text.errors;
  EXPECT_EQ(valuesOf<float>(results[0]), (Floats{0, 0}));
  EXPECT_EQ(valuesOf<float>(results[1]), (Floats{-INFINITY, -INFINITY}));
  EXPECT_EQ(valuesOf<int8_t>(results[2]), (std::vector<int8_t>{-128, -128}));
  EXPECT_EQ(results[3]->count(), 0);
}

TEST(Reference, ReductionsAcrossChunksAndInnerDimensions) {
  // 3 x 700 x 5, reduced over the outer and the inner dimension: runs cross the chunks of 512 points.
  Text text(R"(func.func @main(%x: tensor<3x700x5xf32>) -> (tensor<700xf32>, tensor<700xf32>) {
    %s = tiny.reduce sum %x [0, 2] : tensor<3x700x5xf32> -> tensor<700xf32>
    %m = tiny.reduce max %x [0, 2] : tensor<3x700x5xf32> -> tensor<700xf32>
    return %s, %m : tensor<700xf32>, tensor<700xf32>
  })");
  Floats x(3 * 700 * 5), sums(700), largest(700, -INFINITY);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<float>(static_cast<int>(i * 7919 % 1001) - 500);
    size_t j = i / 5 % 700;
    sums[j] += x[i];
    largest[j] = std::max(largest[j], x[i]);
  }
  x[5 * 699] = largest[699] = sums[699] = NAN;
  auto results = text.run({makeFloats({3, 700, 5}, x)});
  ASSERT_EQ(results.size(), 2u) << text.errors;
  Floats foundSums = valuesOf<float>(results[0]), foundLargest = valuesOf<float>(results[1]);
  EXPECT_TRUE(std::isnan(foundSums.back()) && std::isnan(foundLargest.back()));
  for (size_t j = 0; j < 699; ++j) {
    EXPECT_EQ(foundSums[j], sums[j]) << j;
    EXPECT_EQ(foundLargest[j], largest[j]) << j;
  }
}

TEST(Reference, GatherScatterConcat) {
  Text text(R"(func.func @main(%x: tensor<3x2xf32>, %i: tensor<4xi64>)
      -> (tensor<4x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x4xf32>) {
    %g = tiny.gather %x[%i] dim 0 otherwise -1.0 : f32 : tensor<3x2xf32>, tensor<4xi64> -> tensor<4x2xf32>
    %u = tiny.const dense<[[10.0, 20.0], [30.0, 40.0], [50.0, 60.0], [70.0, 80.0]]> : tensor<4x2xf32>
    %s = tiny.scatter set %x[%i], %u dim 0 : tensor<3x2xf32>, tensor<4xi64>, tensor<4x2xf32>
    %a = tiny.scatter sum %x[%i], %u dim 0 : tensor<3x2xf32>, tensor<4xi64>, tensor<4x2xf32>
    %m = tiny.scatter max %x[%i], %u dim 0 : tensor<3x2xf32>, tensor<4xi64>, tensor<4x2xf32>
    %c = tiny.concat %x, %s dim 1 : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x4xf32>
    return %g, %s, %a, %m, %c : tensor<4x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<3x4xf32>
  })");
  // One index twice, one past the end, one negative.
  auto results =
      text.run({makeFloats({3, 2}, {1, 2, 3, 4, 5, 6}), makeTensor<int64_t>(Element::I64, {4}, {1, 3, 1, -1})});
  ASSERT_EQ(results.size(), 5u) << text.errors;
  EXPECT_EQ(valuesOf<float>(results[0]), (Floats{3, 4, -1, -1, 3, 4, -1, -1}));
  EXPECT_EQ(valuesOf<float>(results[1]), (Floats{1, 2, 50, 60, 5, 6}));
  EXPECT_EQ(valuesOf<float>(results[2]), (Floats{1, 2, 63, 84, 5, 6}));
  EXPECT_EQ(valuesOf<float>(results[3]), (Floats{1, 2, 50, 60, 5, 6}));
  EXPECT_EQ(valuesOf<float>(results[4]), (Floats{1, 2, 1, 2, 3, 4, 50, 60, 5, 6, 5, 6}));
}

TEST(Reference, LoopEndsEarlyAndCondChooses) {
  Text text(R"(func.func @main(%x: tensor<f32>, %limit: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %r = tiny.loop 10 carry(%x) use(%limit) : (tensor<f32>, tensor<f32>) -> tensor<f32> {
    ^bb0(%t: tensor<i64>, %c: tensor<f32>, %l: tensor<f32>):
      %n = tiny.add %c, %c : tensor<f32>
      %on = tiny.cmplt %n, %l : tensor<f32>
      tiny.yield %on, %n : tensor<i1>, tensor<f32>
    }
    %less = tiny.cmplt %r, %limit : tensor<f32>
    %s = tiny.cond %less (%r) : (tensor<f32>) -> tensor<f32> {
    ^bb0(%a: tensor<f32>):
      tiny.yield %a : tensor<f32>
    } else {
    ^bb0(%a: tensor<f32>):
      %minus = tiny.const dense<-1.0> : tensor<f32>
      %n = tiny.mul %a, %minus : tensor<f32>
      tiny.yield %n : tensor<f32>
    }
    return %r, %s : tensor<f32>, tensor<f32>
  })");
  auto early = text.run({makeFloats({}, {1}), makeFloats({}, {30})});
  ASSERT_EQ(early.size(), 2u) << text.errors;
  EXPECT_EQ(valuesOf<float>(early[0]), (Floats{32}));
  EXPECT_EQ(valuesOf<float>(early[1]), (Floats{-32}));
  auto whole = text.run({makeFloats({}, {1}), makeFloats({}, {1e9})});
  EXPECT_EQ(valuesOf<float>(whole[0]), (Floats{1024}));
  EXPECT_EQ(valuesOf<float>(whole[1]), (Floats{1024}));
}

TEST(Reference, KernelEqualsItsDefinition) {
  // softmax as a kernel of three stages, and as tensor ops: the same bits.
  Text text(R"(func.func @main(%x: tensor<8x100xf32>) -> (tensor<8x100xf32>, tensor<8x100xf32>) {
    %r = tiny.kernel "softmax_0" shared 1 (%x) : (tensor<8x100xf32>) -> tensor<8x100xf32> {
    ^bb0(%in: tensor<8x100xf32>):
      %m = tiny.stage parallel [8] reduce [100] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x100xf32>)
           -> (max tensor<8xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      %e, %s = tiny.stage parallel [8] reduce [100] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x100xf32>,
                                                     %m by affine_map<(d0, d1) -> (d0)> : tensor<8xf32>)
               -> (none tensor<8x100xf32>, sum tensor<8xf32>) {
      ^bb0(%v: f32, %max: f32):
        %minus = tiny.const -1.0 : f32
        %n = tiny.mul %max, %minus : f32
        %d = tiny.add %v, %n : f32
        %x1 = tiny.exp e %d : f32
        tiny.yield %x1, %x1 : f32, f32
      }
      %o = tiny.stage parallel [8, 100] (%e by affine_map<(d0, d1) -> (d0, d1)> : tensor<8x100xf32>,
                                         %s by affine_map<(d0, d1) -> (d0)> : tensor<8xf32>) -> (none tensor<8x100xf32>) {
      ^bb0(%v: f32, %sum: f32):
        %q = tiny.div %v, %sum : f32
        tiny.yield %q : f32
      }
      tiny.yield %o : tensor<8x100xf32>
    }
    %m = tiny.reduce max %x [1] : tensor<8x100xf32> -> tensor<8xf32>
    %mb = tiny.view %m by affine_map<(d0, d1) -> (d0)> : tensor<8xf32> -> tensor<8x100xf32>
    %minus = tiny.const dense<-1.0> : tensor<8x100xf32>
    %n = tiny.mul %mb, %minus : tensor<8x100xf32>
    %d = tiny.add %x, %n : tensor<8x100xf32>
    %e = tiny.exp e %d : tensor<8x100xf32>
    %s = tiny.reduce sum %e [1] : tensor<8x100xf32> -> tensor<8xf32>
    %sb = tiny.view %s by affine_map<(d0, d1) -> (d0)> : tensor<8xf32> -> tensor<8x100xf32>
    %q = tiny.div %e, %sb : tensor<8x100xf32>
    return %r, %q : tensor<8x100xf32>, tensor<8x100xf32>
  })");
  Floats x(800);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = std::sin(i * 0.37) * 10;
  auto results = text.run({makeFloats({8, 100}, x)});
  ASSERT_EQ(results.size(), 2u) << text.errors;
  Floats fused = valuesOf<float>(results[0]);
  EXPECT_EQ(fused, valuesOf<float>(results[1]));
  for (size_t row = 0; row < 8; ++row) {
    double sum = 0;
    for (size_t j = 0; j < 100; ++j)
      sum += fused[row * 100 + j];
    EXPECT_NEAR(sum, 1.0, 1e-5);
  }
}

TEST(Reference, StageMasksAndCoordinates) {
  Text text(R"(func.func @main(%x: tensor<3xf32>) -> (tensor<5xf32>, tensor<5xi32>) {
    %r, %c = tiny.kernel "pad" shared 1 (%x) : (tensor<3xf32>) -> (tensor<5xf32>, tensor<5xi32>) {
    ^bb0(%in: tensor<3xf32>):
      %p, %q = tiny.stage parallel [5] (%in by affine_map<(d0) -> (d0 - 1)>
                 mask affine_set<(d0) : (d0 - 1 >= 0, 3 - d0 >= 0)> fill -2.0 : f32 : tensor<3xf32>)
               -> (none tensor<5xf32>, none tensor<5xi32>) {
      ^bb0(%v: f32):
        %i = tiny.iota affine_map<(d0) -> (d0 * 10)> : i32
        tiny.yield %v, %i : f32, i32
      }
      tiny.yield %p, %q : tensor<5xf32>, tensor<5xi32>
    }
    return %r, %c : tensor<5xf32>, tensor<5xi32>
  })");
  auto results = text.run({makeFloats({3}, {1, 2, 3})});
  ASSERT_EQ(results.size(), 2u) << text.errors;
  EXPECT_EQ(valuesOf<float>(results[0]), (Floats{-2, 1, 2, 3, -2}));
  EXPECT_EQ(valuesOf<int32_t>(results[1]), (std::vector<int32_t>{0, 10, 20, 30, 40}));
}

static const char kWeight[] = R"(func.func @main() -> tensor<2xf32> {
  %w = tiny.param "w" "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" : tensor<2xf32>
  return %w : tensor<2xf32>
})";

TEST(Reference, WeightsComeFromTheCallback) {
  Floats values{3, 4};
  llvm::ArrayRef<char> bytes(reinterpret_cast<const char *>(values.data()), 8);
  Text text(kWeight);
  auto results = text.run({}, Reference([&](llvm::StringRef hash) { return std::optional(bytes); }));
  ASSERT_EQ(results.size(), 1u) << text.errors;
  EXPECT_EQ(valuesOf<float>(results[0]), values);

  Text missing(kWeight);
  EXPECT_TRUE(missing.run({}).empty());
  EXPECT_NE(missing.errors.find("no weight with the hash 0123"), std::string::npos) << missing.errors;

  Text wrongSize(kWeight);
  EXPECT_TRUE(
      wrongSize.run({}, Reference([&](llvm::StringRef) { return std::optional(bytes.take_front(4)); })).empty());
  EXPECT_EQ(wrongSize.errors, "expected 8 bytes for 'tensor<2xf32>', found 4\n");
}

TEST(Reference, InputsAreChecked) {
  Text text("func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }");
  EXPECT_TRUE(text.run({}).empty());
  EXPECT_TRUE(text.run({makeFloats({3}, {1, 2, 3})}).empty());
  EXPECT_EQ(text.errors, "expected 1 inputs, found 0\nexpected input 0 of type 'tensor<2xf32>', found 3xf32\n");
}

TEST(Reference, HugeTensorIsAnError) {
  Text text(R"(func.func @main(%x: tensor<f32>) -> tensor<4611686018427387904xf32> {
    %v = tiny.view %x by affine_map<(d0) -> ()> : tensor<f32> -> tensor<4611686018427387904xf32>
    return %v : tensor<4611686018427387904xf32>
  })");
  EXPECT_TRUE(text.run({makeFloats({}, {1})}).empty());
  EXPECT_NE(text.errors.find("holds tensors of at most"), std::string::npos) << text.errors;
}

TEST(Reference, EvaluatesWhatDependsOnConstantsOnly) {
  Text text(R"(func.func @main(%x: tensor<2xi64>) -> (tensor<i64>, tensor<2xi64>) {
    %c = tiny.const dense<[3, 5]> : tensor<2xi64>
    %d = tiny.mul %c, %c : tensor<2xi64>
    %s = tiny.reduce prod %d [0] : tensor<2xi64> -> tensor<i64>
    %m = tiny.add %d, %x : tensor<2xi64>
    return %s, %m : tensor<i64>, tensor<2xi64>
  })");
  mlir::Operation *end = text.main().getBody().front().getTerminator();
  Reference reference;
  TensorRef known = reference.evaluate(end->getOperand(0));
  ASSERT_TRUE(known);
  EXPECT_EQ(valuesOf<int64_t>(known), (std::vector<int64_t>{225}));
  EXPECT_FALSE(reference.evaluate(end->getOperand(1)));
  auto type = llvm::cast<mlir::ShapedType>(end->getOperand(0).getType());
  EXPECT_EQ(llvm::cast<mlir::DenseElementsAttr>(constantOf(*known, type)).getSplatValue<int64_t>(), 225);
}

// 1e8 + 1 is 1e8 in f32, and 2049 is 2048 in f16; the bits that a bitcast gives stay those of the type.
TEST(Reference, WideComputesInDouble) {
  Text text(R"(func.func @main(%x: tensor<2xf32>, %h: tensor<1xf16>) -> (tensor<2xf32>, tensor<1xf16>, tensor<2xi32>) {
    %big = tiny.param "big" "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" : tensor<f32>
    %b = tiny.view %big by affine_map<(d0) -> ()> : tensor<f32> -> tensor<2xf32>
    %minus = tiny.const dense<-1.0e8> : tensor<2xf32>
    %s = tiny.add %x, %b : tensor<2xf32>
    %d = tiny.add %s, %minus : tensor<2xf32>
    %half = tiny.const dense<2048.0> : tensor<1xf16>
    %less = tiny.const dense<-2048.0> : tensor<1xf16>
    %hs = tiny.add %h, %half : tensor<1xf16>
    %hd = tiny.add %hs, %less : tensor<1xf16>
    %bits = tiny.bitcast %x : tensor<2xf32> to tensor<2xi32>
    return %d, %hd, %bits : tensor<2xf32>, tensor<1xf16>, tensor<2xi32>
  })");
  float big = 1e8f;
  std::vector<TensorRef> inputs = {makeFloats({2}, {1, 0.1f}), makeTensor<uint16_t>(Element::F16, {1}, {0x3c00})};
  for (bool wide : {false, true}) {
    Reference reference([&](llvm::StringRef) { return llvm::ArrayRef(reinterpret_cast<const char *>(&big), 4); });
    reference.setWide(wide);
    auto results = text.run(inputs, reference);
    ASSERT_EQ(results.size(), 3u) << text.errors;
    EXPECT_EQ(valuesOf<float>(results[0])[0], wide ? 1.0f : 0.0f);
    EXPECT_NEAR(valuesOf<float>(results[0])[1], wide ? 0.1f : 0.0f, 1e-7);
    EXPECT_EQ(valuesOf<uint16_t>(results[1])[0], wide ? 0x3c00 : 0);
    EXPECT_EQ(valuesOf<int32_t>(results[2]), (std::vector<int32_t>{0x3f800000, 0x3dcccccd}));
  }
}
