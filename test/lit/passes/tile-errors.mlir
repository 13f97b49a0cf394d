// RUN: tinyc-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(tile)'

module attributes {tiny.target = "cpu:x86-64-v4"} {
  func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
    // expected-error @below {{expected a schedule, found none: run the schedule pass before tile}}
    %r = tiny.kernel "relu_0" shared 1 (%x) : (tensor<100xf32>) -> tensor<100xf32> {
    ^bb0(%in: tensor<100xf32>):
      %o = tiny.stage parallel [100] (%in by affine_map<(d0) -> (d0)> : tensor<100xf32>) -> (none tensor<100xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %o : tensor<100xf32>
    }
    return %r : tensor<100xf32>
  }
}
