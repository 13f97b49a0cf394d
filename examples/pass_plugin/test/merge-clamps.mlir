// The pass by its flag, alone on text.
// RUN: tinyc-opt %s --load-pass-plugin=%merge-clamps --merge-clamps | FileCheck %s

// CHECK-LABEL: @floats
// CHECK: %[[C:.*]] = tiny.const dense<1.000000e+00>
// CHECK: %[[Y:.*]] = tiny.max %arg0, %[[C]]
// CHECK-NEXT: return %[[Y]]
func.func @floats(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = tiny.const dense<0.0> : tensor<4xf32>
  %one = tiny.const dense<1.0> : tensor<4xf32>
  %y = tiny.max %x, %one : tensor<4xf32>
  %z = tiny.max %zero, %y : tensor<4xf32>
  return %z : tensor<4xf32>
}

// Two inputs are no clamp.
// CHECK-LABEL: @inputs
// CHECK: tiny.max
// CHECK: tiny.max
func.func @inputs(%x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %zero = tiny.const dense<0.0> : tensor<4xf32>
  %y = tiny.max %x, %w : tensor<4xf32>
  %z = tiny.max %y, %zero : tensor<4xf32>
  return %z : tensor<4xf32>
}
