// RUN: tinyc-opt %s --fuse --split-input-file --verify-diagnostics

func.func @gather(%x: tensor<100x8xf32>, %i: tensor<7xi64>) -> tensor<7x8xf32> {
  // expected-error @+2 {{fuse: no kernel can be made of 'tiny.gather' yet}}
  // expected-note @+1 {{the reference interpreter runs it (--device reference)}}
  %r = tiny.gather %x[%i] dim 0 otherwise 0.0 : f32 : tensor<100x8xf32>, tensor<7xi64> -> tensor<7x8xf32>
  return %r : tensor<7x8xf32>
}

// -----

func.func @all_are_named(%x: tensor<100x8xf32>, %i: tensor<7xi64>, %u: tensor<7x8xf32>) -> (tensor<100x8xf32>, tensor<100x8xf32>) {
  // expected-error @+2 {{fuse: no kernel can be made of 'tiny.scatter' yet}}
  // expected-note @+1 {{the reference interpreter runs it (--device reference)}}
  %r = tiny.scatter sum %x[%i], %u dim 0 : tensor<100x8xf32>, tensor<7xi64>, tensor<7x8xf32>
  // expected-error @+2 {{fuse: no kernel can be made of 'tiny.loop' yet}}
  // expected-note @+1 {{the reference interpreter runs it (--device reference)}}
  %l = tiny.loop 10 carry(%x) use() : (tensor<100x8xf32>) -> tensor<100x8xf32> {
  ^bb0(%t: tensor<i64>, %c: tensor<100x8xf32>):
    %on = tiny.const dense<true> : tensor<i1>
    tiny.yield %on, %c : tensor<i1>, tensor<100x8xf32>
  }
  return %r, %l : tensor<100x8xf32>, tensor<100x8xf32>
}

// -----

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
