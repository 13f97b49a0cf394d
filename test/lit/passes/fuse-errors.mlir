// RUN: tinyc-opt %s --fuse --split-input-file --verify-diagnostics

func.func @twice(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{fuse: expected ops on tensors, found a kernel: the function is fused already}}
  %r = tiny.kernel "sqrt_0" shared 1 (%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    %0 = tiny.stage parallel [4] (%a by affine_map<(d0) -> (d0)> : tensor<4xf32>) -> (none tensor<4xf32>) {
    ^bb0(%v: f32):
      %s = tiny.sqrt %v : f32
      tiny.yield %s : f32
    }
    tiny.yield %0 : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
