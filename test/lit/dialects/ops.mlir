// Every op parses, verifies and prints as it was read.
// RUN: tinyc-opt %s | tinyc-opt | FileCheck %s

// CHECK-LABEL: func @softmax
func.func @softmax(%x: tensor<8x100xf32>) -> tensor<8x100xf32> {
  // CHECK: tiny.kernel "softmax_0" shared 1
  // CHECK-SAME: schedule <unit = [1], strip = [128], warps = [4], vector = 4>
  %r = tiny.kernel "softmax_0" shared 1 schedule <unit = [1], strip = [128], warps = [4], vector = 4> (%x) : (tensor<8x100xf32>) -> tensor<8x100xf32> {
  ^bb0(%in: tensor<8x100xf32>):
    // CHECK: tiny.stage parallel [8] reduce [100] (%{{.*}} by #map : tensor<8x100xf32>) -> (max tensor<8xf32>)
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
  return %r : tensor<8x100xf32>
}

// CHECK-LABEL: func @views
func.func @views(%x: tensor<4x5xf32>, %i: tensor<7xi64>) -> (tensor<4x7xf32>, tensor<4x7xf32>, tensor<4x5xf32>) {
  // CHECK: tiny.view %{{.*}} by #{{.*}} mask #set{{.*}} fill 0.000000e+00 : f32 : tensor<4x5xf32> -> tensor<4x7xf32>
  %p = tiny.view %x by affine_map<(d0, d1) -> (d0, d1 - 1)> mask affine_set<(d0, d1) : (d1 - 1 >= 0, 5 - d1 >= 0)>
       fill 0.0 : f32 : tensor<4x5xf32> -> tensor<4x7xf32>
  // CHECK: tiny.gather
  %g = tiny.gather %x[%i] dim 1 otherwise 0.0 : f32 : tensor<4x5xf32>, tensor<7xi64> -> tensor<4x7xf32>
  // CHECK: tiny.loop 10 carry(%{{.*}}) use(%{{.*}})
  %r = tiny.loop 10 carry(%x) use(%x) : (tensor<4x5xf32>, tensor<4x5xf32>) -> tensor<4x5xf32> {
  ^bb0(%t: tensor<i64>, %c: tensor<4x5xf32>, %u: tensor<4x5xf32>):
    %n = tiny.add %c, %u : tensor<4x5xf32>
    %on = tiny.const dense<true> : tensor<i1>
    tiny.yield %on, %n : tensor<i1>, tensor<4x5xf32>
  }
  return %p, %g, %r : tensor<4x7xf32>, tensor<4x7xf32>, tensor<4x5xf32>
}

// CHECK-LABEL: func @tile
func.func @tile(%a: memref<17x64xf16>, %c: memref<17x64xf16>, %i: index, %k: index) {
  // CHECK: tiny.load
  %t = tiny.load %a[%i, %k] by affine_map<(d0, d1) -> (d0, d1)> mask affine_set<(d0, d1) : (16 - d0 >= 0)>
       : memref<17x64xf16> -> vector<16x32xf16>
  %u = tiny.add %t, %t : vector<16x32xf16>
  tiny.store %u, %c[%i, %k] by affine_map<(d0, d1) -> (d0, d1)> mask affine_set<(d0, d1) : (16 - d0 >= 0)>
      : vector<16x32xf16>, memref<17x64xf16>
  return
}
