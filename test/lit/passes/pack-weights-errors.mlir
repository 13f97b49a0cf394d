// RUN: tinyc-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(pack-weights)'

module attributes {tiny.target = "cpu:x86-64-v3"} {
  func.func @main(%x: tensor<64x64xf32>) -> tensor<64x2xf32> {
    %w = tiny.const dense<1.0> : tensor<64x2xf32>
    // expected-error @below {{schedule: expected 2 numbers in 'unit' (one a shared dimension), found 1}}
    %r = tiny.kernel "matmul_0" shared 2 schedule <unit = [1]> (%x, %w) : (tensor<64x64xf32>, tensor<64x2xf32>) -> tensor<64x2xf32> {
    ^bb0(%a: tensor<64x64xf32>, %b: tensor<64x2xf32>):
      %s = tiny.stage parallel [64, 2] reduce [64] (%a by affine_map<(d0, d1, d2) -> (d0, d2)> : tensor<64x64xf32>, %b by affine_map<(d0, d1, d2) -> (d2, d1)> : tensor<64x2xf32>) -> (sum tensor<64x2xf32>) {
      ^bb0(%u: f32, %v: f32):
        %p = tiny.mul %u, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %s : tensor<64x2xf32>
    }
    return %r : tensor<64x2xf32>
  }
}
