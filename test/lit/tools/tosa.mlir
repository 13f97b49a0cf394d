// A model in TOSA, as torch-mlir writes them: channels last, the entry function by any name. Compiled and by the reference.
// RUN: tinyc run %s --device reference --input random:1 --hash > %t-reference
// RUN: tinyc run %s --device cpu --input random:1 --hash > %t-cpu
// RUN: cmp %t-reference %t-cpu
// RUN: tinyc compile %s --stop-after import | FileCheck %s

// CHECK: func.func @main(%{{.*}}: tensor<1x8x8x2xi8>
// CHECK-NOT: = tosa.
func.func @forward(%x: tensor<1x8x8x2xi8>) -> tensor<1x8x8x4xi8> {
  %w = "tosa.const"() {values = dense<[[[[1, -2]]], [[[3, 4]]], [[[-5, 6]]], [[[7, 8]]]]> : tensor<4x1x1x2xi8>} : () -> tensor<4x1x1x2xi8>
  %b = "tosa.const"() {values = dense<[100, -200, 300, -400]> : tensor<4xi32>} : () -> tensor<4xi32>
  %zx = "tosa.const"() {values = dense<-7> : tensor<1xi8>} : () -> tensor<1xi8>
  %zw = "tosa.const"() {values = dense<0> : tensor<1xi8>} : () -> tensor<1xi8>
  %c = tosa.conv2d %x, %w, %b, %zx, %zw {acc_type = i32, dilation = array<i64: 1, 1>, pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 1, 1>} : (tensor<1x8x8x2xi8>, tensor<4x1x1x2xi8>, tensor<4xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x8x8x4xi32>
  %m = "tosa.const"() {values = dense<1073741824> : tensor<1xi32>} : () -> tensor<1xi32>
  %s = "tosa.const"() {values = dense<36> : tensor<1xi8>} : () -> tensor<1xi8>
  %zi = "tosa.const"() {values = dense<0> : tensor<1xi32>} : () -> tensor<1xi32>
  %zo = "tosa.const"() {values = dense<5> : tensor<1xi8>} : () -> tensor<1xi8>
  %q = tosa.rescale %c, %m, %s, %zi, %zo {input_unsigned = false, output_unsigned = false, per_channel = false, rounding_mode = SINGLE_ROUND, scale32 = true} : (tensor<1x8x8x4xi32>, tensor<1xi32>, tensor<1xi8>, tensor<1xi32>, tensor<1xi8>) -> tensor<1x8x8x4xi8>
  %r = tosa.clamp %q {max_val = 127 : i8, min_val = 5 : i8} : (tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8>
  return %r : tensor<1x8x8x4xi8>
}
