// RUN: tinyc-opt %s -split-input-file -pass-pipeline='builtin.module(schedule,mark-init)' | FileCheck %s

// What depends on weights and constants only runs once, and so does what depends on that.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK: tiny.kernel "scale_0" {{.*}} attributes {tiny.init = "[[KEY:[0-9a-f]+]]"}
  // CHECK: tiny.kernel "scale_1" {{.*}} attributes {tiny.init =
  // CHECK-NOT: [[KEY]]
  // CHECK: tiny.kernel "scale_2"
  // CHECK-NOT: tiny.init
  func.func @main(%x: tensor<64xf32>) -> tensor<64xf32> {
    %w = tiny.param "w" "2222222222222222222222222222222222222222222222222222222222222222" : tensor<64xf32>
    %0 = tiny.kernel "scale_0" shared 1 (%w) : (tensor<64xf32>) -> tensor<64xf32> {
    ^bb0(%in: tensor<64xf32>):
      %o = tiny.stage parallel [64] (%in by affine_map<(d0) -> (d0)> : tensor<64xf32>) -> (none tensor<64xf32>) {
      ^bb0(%v: f32):
        %p = tiny.exp e %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<64xf32>
    }
    %1 = tiny.kernel "scale_1" shared 1 (%0) : (tensor<64xf32>) -> tensor<64xf32> {
    ^bb0(%in: tensor<64xf32>):
      %o = tiny.stage parallel [64] (%in by affine_map<(d0) -> (d0)> : tensor<64xf32>) -> (none tensor<64xf32>) {
      ^bb0(%v: f32):
        %p = tiny.exp e %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<64xf32>
    }
    %2 = tiny.kernel "scale_2" shared 1 (%x, %1) : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32> {
    ^bb0(%in: tensor<64xf32>, %s: tensor<64xf32>):
      %o = tiny.stage parallel [64] (%in by affine_map<(d0) -> (d0)> : tensor<64xf32>,
                                     %s by affine_map<(d0) -> (d0)> : tensor<64xf32>) -> (none tensor<64xf32>) {
      ^bb0(%v: f32, %u: f32):
        %p = tiny.mul %v, %u : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<64xf32>
    }
    return %2 : tensor<64xf32>
  }
}

// -----

// A key follows from source and transform: names do not count, values and bodies do. A constant is a source too.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK: tiny.kernel "a" {{.*}} attributes {tiny.init = "[[A:[0-9a-f]+]]"}
  // CHECK: tiny.kernel "b" {{.*}} attributes {tiny.init = "[[A]]"}
  // CHECK: tiny.kernel "c" {{.*}} attributes {tiny.init =
  // CHECK-NOT: "[[A]]"
  // CHECK: return
  func.func @main() -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
    %w = tiny.const dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
    %0 = tiny.kernel "a" shared 1 (%w) : (tensor<4xf32>) -> tensor<4xf32> {
    ^bb0(%in: tensor<4xf32>):
      %o = tiny.stage parallel [4] (%in by affine_map<(d0) -> (d0)> : tensor<4xf32>) -> (none tensor<4xf32>) {
      ^bb0(%v: f32):
        %p = tiny.sqrt %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<4xf32>
    }
    %1 = tiny.kernel "b" shared 1 (%w) : (tensor<4xf32>) -> tensor<4xf32> {
    ^bb0(%in: tensor<4xf32>):
      %o = tiny.stage parallel [4] (%in by affine_map<(d0) -> (d0)> : tensor<4xf32>) -> (none tensor<4xf32>) {
      ^bb0(%v: f32):
        %p = tiny.sqrt %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<4xf32>
    }
    %2 = tiny.kernel "c" shared 1 (%w) : (tensor<4xf32>) -> tensor<4xf32> {
    ^bb0(%in: tensor<4xf32>):
      %o = tiny.stage parallel [4] (%in by affine_map<(d0) -> (-d0 + 3)> : tensor<4xf32>) -> (none tensor<4xf32>) {
      ^bb0(%v: f32):
        %p = tiny.sqrt %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<4xf32>
    }
    return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  }
}

// -----

// A weight that is repeated a thousand times stays as it is: memory that is kept costs more than repeating it.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK: tiny.kernel "repeat"
  // CHECK-NOT: tiny.init
  // CHECK: return
  func.func @main() -> tensor<1024x64xf32> {
    %w = tiny.param "w" "2222222222222222222222222222222222222222222222222222222222222222" : tensor<64xf32>
    %0 = tiny.kernel "repeat" shared 2 (%w) : (tensor<64xf32>) -> tensor<1024x64xf32> {
    ^bb0(%in: tensor<64xf32>):
      %o = tiny.stage parallel [1024, 64] (%in by affine_map<(d0, d1) -> (d1)> : tensor<64xf32>)
           -> (none tensor<1024x64xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %o : tensor<1024x64xf32>
    }
    return %0 : tensor<1024x64xf32>
  }
}
