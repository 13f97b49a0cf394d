// RUN: tinyc-opt %s -split-input-file -pass-pipeline='builtin.module(in-place)' | FileCheck %s
// RUN: tinyc-opt %s -split-input-file -pass-pipeline='builtin.module(in-place,schedule,tile)' \
// RUN:   | FileCheck %s --check-prefix=TILE

// What ends with a kernel that reads it where it writes gives its memory to the result. The caller's tensors do not, on
// either side.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK-LABEL: func.func @main
  // CHECK: tiny.kernel "twice_0"
  // CHECK-NOT: in_place
  // CHECK: tiny.kernel "twice_1" {{.*}} attributes {in_place = array<i64: 0>}
  // CHECK: tiny.kernel "twice_2"
  // CHECK-NOT: in_place
  // CHECK: return

  // A tiled kernel has one memref for both; equal kernels but for that are two.
  // TILE: tiny.launch @twice_0 "twice_0" units 1(%{{.*}}) {bytes = 512 : i64, flops = 64 : i64}
  // TILE: tiny.launch @twice_1 "twice_1" units 1(%{{.*}}) {bytes = 512 : i64, flops = 64 : i64, in_place = array<i64: 0>}
  // TILE: tiny.launch @twice_0 "twice_2"
  // TILE: func.func @twice_0(%[[IN:.*]]: memref<64xf32>, %[[OUT:.*]]: memref<64xf32>, %{{.*}}: index)
  // TILE: tiny.load %[[IN]]
  // TILE: tiny.store %{{.*}}, %[[OUT]]
  // TILE: func.func @twice_1(%[[BOTH:.*]]: memref<64xf32> {tiny.in_place}, %{{.*}}: index)
  // TILE: tiny.load %[[BOTH]]
  // TILE: tiny.store %{{.*}}, %[[BOTH]]
  func.func @main(%x: tensor<64xf32>) -> tensor<64xf32> {
    %0 = tiny.kernel "twice_0" shared 1 (%x) : (tensor<64xf32>) -> tensor<64xf32> {
    ^bb0(%in: tensor<64xf32>):
      %o = tiny.stage parallel [64] (%in by affine_map<(d0) -> (d0)> : tensor<64xf32>) -> (none tensor<64xf32>) {
      ^bb0(%v: f32):
        %p = tiny.add %v, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<64xf32>
    }
    %1 = tiny.kernel "twice_1" shared 1 (%0) : (tensor<64xf32>) -> tensor<64xf32> {
    ^bb0(%in: tensor<64xf32>):
      %o = tiny.stage parallel [64] (%in by affine_map<(d0) -> (d0)> : tensor<64xf32>) -> (none tensor<64xf32>) {
      ^bb0(%v: f32):
        %p = tiny.add %v, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<64xf32>
    }
    %2 = tiny.kernel "twice_2" shared 1 (%1) : (tensor<64xf32>) -> tensor<64xf32> {
    ^bb0(%in: tensor<64xf32>):
      %o = tiny.stage parallel [64] (%in by affine_map<(d0) -> (d0)> : tensor<64xf32>) -> (none tensor<64xf32>) {
      ^bb0(%v: f32):
        %p = tiny.add %v, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<64xf32>
    }
    return %2 : tensor<64xf32>
  }
}

// -----

// Read from the other end, by another stage, of another type, or needed again: it stays.
module attributes {tiny.target = "cpu:x86-64-v4"} {
  // CHECK-LABEL: func.func @main
  // CHECK-NOT: in_place
  func.func @main(%x: tensor<64xf32>) -> (tensor<64xf32>, tensor<64xf32>) {
    %0 = tiny.kernel "twice_0" shared 1 (%x) : (tensor<64xf32>) -> tensor<64xf32> {
    ^bb0(%in: tensor<64xf32>):
      %o = tiny.stage parallel [64] (%in by affine_map<(d0) -> (d0)> : tensor<64xf32>) -> (none tensor<64xf32>) {
      ^bb0(%v: f32):
        %p = tiny.add %v, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<64xf32>
    }
    %1 = tiny.kernel "reverse_1" shared 1 (%0) : (tensor<64xf32>) -> tensor<64xf32> {
    ^bb0(%in: tensor<64xf32>):
      %o = tiny.stage parallel [64] (%in by affine_map<(d0) -> (-d0 + 63)> : tensor<64xf32>) -> (none tensor<64xf32>) {
      ^bb0(%v: f32):
        %p = tiny.add %v, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<64xf32>
    }
    %2 = tiny.kernel "sum_2" shared 0 (%1) : (tensor<64xf32>) -> tensor<64xf32> {
    ^bb0(%in: tensor<64xf32>):
      %s = tiny.stage parallel [] reduce [64] (%in by affine_map<(d0) -> (d0)> : tensor<64xf32>) -> (sum tensor<f32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      %o = tiny.stage parallel [64] (%in by affine_map<(d0) -> (d0)> : tensor<64xf32>,
                                     %s by affine_map<(d0) -> ()> : tensor<f32>) -> (none tensor<64xf32>) {
      ^bb0(%v: f32, %sum: f32):
        %p = tiny.add %v, %sum : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<64xf32>
    }
    %3 = tiny.kernel "round_3" shared 1 (%2) : (tensor<64xf32>) -> tensor<64xi32> {
    ^bb0(%in: tensor<64xf32>):
      %o = tiny.stage parallel [64] (%in by affine_map<(d0) -> (d0)> : tensor<64xf32>) -> (none tensor<64xi32>) {
      ^bb0(%v: f32):
        %p = tiny.cast %v : f32 to i32
        tiny.yield %p : i32
      }
      tiny.yield %o : tensor<64xi32>
    }
    %4 = tiny.kernel "pair_4" shared 1 (%2, %3) : (tensor<64xf32>, tensor<64xi32>) -> tensor<64xf32> {
    ^bb0(%in: tensor<64xf32>, %whole: tensor<64xi32>):
      %o = tiny.stage parallel [64] (%in by affine_map<(d0) -> (d0)> : tensor<64xf32>,
                                     %whole by affine_map<(d0) -> (d0)> : tensor<64xi32>) -> (none tensor<64xf32>) {
      ^bb0(%v: f32, %n: i32):
        %c = tiny.cast %n : i32 to f32
        %p = tiny.add %v, %c : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<64xf32>
    }
    return %2, %4 : tensor<64xf32>, tensor<64xf32>
  }
}

// -----

// The stage that computes the result has another one, which a later stage reads: where that is computed again, as on a
// GPU whose shared memory does not hold it, the input would be overwritten by then.
module attributes {tiny.target = "nvidia:sm_80"} {
  // CHECK-LABEL: func.func @read_again
  // CHECK: tiny.kernel "pair_1"
  // CHECK-NOT: in_place
  // CHECK: tiny.kernel "scale_2"
  func.func @read_again(%x: tensor<2x100000xf32>) -> tensor<2x100000xf32> {
    %0 = tiny.kernel "twice_0" shared 2 (%x) : (tensor<2x100000xf32>) -> tensor<2x100000xf32> {
    ^bb0(%in: tensor<2x100000xf32>):
      %o = tiny.stage parallel [2, 100000] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<2x100000xf32>) -> (none tensor<2x100000xf32>) {
      ^bb0(%v: f32):
        %p = tiny.add %v, %v : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<2x100000xf32>
    }
    %1:2 = tiny.kernel "pair_1" shared 1 (%0) : (tensor<2x100000xf32>) -> (tensor<2x100000xf32>, tensor<2xf32>) {
    ^bb0(%in: tensor<2x100000xf32>):
      %o:2 = tiny.stage parallel [2, 100000] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<2x100000xf32>) -> (none tensor<2x100000xf32>, none tensor<2x100000xf32>) {
      ^bb0(%v: f32):
        %p = tiny.add %v, %v : f32
        %q = tiny.mul %v, %v : f32
        tiny.yield %p, %q : f32, f32
      }
      %s = tiny.stage parallel [2] reduce [100000] (%o#1 by affine_map<(d0, d1) -> (d0, d1)> : tensor<2x100000xf32>) -> (sum tensor<2xf32>) {
      ^bb0(%v: f32):
        tiny.yield %v : f32
      }
      tiny.yield %o#0, %s : tensor<2x100000xf32>, tensor<2xf32>
    }
    %2 = tiny.kernel "scale_2" shared 2 (%1#0, %1#1) : (tensor<2x100000xf32>, tensor<2xf32>) -> tensor<2x100000xf32> {
    ^bb0(%in: tensor<2x100000xf32>, %sum: tensor<2xf32>):
      %o = tiny.stage parallel [2, 100000] (%in by affine_map<(d0, d1) -> (d0, d1)> : tensor<2x100000xf32>,
                                            %sum by affine_map<(d0, d1) -> (d0)> : tensor<2xf32>) -> (none tensor<2x100000xf32>) {
      ^bb0(%v: f32, %t: f32):
        %p = tiny.mul %v, %t : f32
        tiny.yield %p : f32
      }
      tiny.yield %o : tensor<2x100000xf32>
    }
    return %2 : tensor<2x100000xf32>
  }
}
